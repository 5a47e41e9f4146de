"""From a folder of pipeline files to DAGs."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, AssetAlias, Param, TriggerRule, get_parsing_context, task, task_group

from lakefall.airflow import FOLDER
from lakefall.airflow.chain import COMMITS, FILE_STEPS, RECORDS, TOGETHER
from lakefall.airflow.describing import documentation
from lakefall.airflow.events import schedule_of
from lakefall.config.loader import PipelineFile, read
from lakefall.contract.configuration import PipelineConfig, Schedule
from lakefall.contract.errors import ConfigError, MissingExtraError
from lakefall.plugin_loading.catalogue import Catalogue

LABEL = "{{ task.op_kwargs['work']['files'][0]['key'] }}"
"""What Airflow shows instead of a map index: the file."""
TABLE_LABEL = "{{ task.op_kwargs['work']['table'] }}"
EITHER_LABEL = (
    "{% set work = task.op_kwargs['work'] %}"
    "{{ work['files'][0]['key'] if work['files'] | length == 1 else work['table'] }}"
)
LOADS = {
    "file": ("load_file", LABEL),
    "table": ("load_table", TABLE_LABEL),
    "auto": (TOGETHER, EITHER_LABEL),
}
"""Granularity -> the task that does all steps, and its label."""


def dags_of(folder: Path) -> tuple[dict[str, DAG], list[str]]:
    """The DAGs by id, and what keeps other files from becoming one."""
    files = sorted(p for p in folder.glob("[!.]*") if p.suffix in {".yaml", ".yml"})
    if not files:
        return {}, [f"{folder}: no pipeline files (.yaml) there; {FOLDER} names their folder"]
    wanted = get_parsing_context().dag_id
    if wanted is not None:
        # A worker needs one DAG: most often the one whose file is called like it.
        files.sort(key=lambda path: path.stem != wanted)
    catalogue = Catalogue.default()
    dags: dict[str, DAG] = {}
    origins: dict[str, Path] = {}
    problems: list[str] = []
    for path in files:
        try:
            file = read(path, catalogue=catalogue, outline=True)
            config = file.config()
            if config.name in origins:
                problems.append(
                    f"{path}: name: {origins[config.name]} is called {config.name!r} too; "
                    "rename one"
                )
                continue
            origins[config.name] = path
            if config.schedule is not None and wanted in (None, config.name):
                dags[config.name] = _dag(file, config, config.schedule, scheduled=wanted is None)
        except ConfigError as error:
            problems += error.problems
        if wanted in dags:
            break
    return dags, problems


def _dag(file: PipelineFile, config: PipelineConfig, schedule: Schedule, *, scheduled: bool) -> DAG:
    """One pipeline's DAG; where it is not ``scheduled``, as on a worker, without events, which cost
    seconds of imports, and without its page, which nobody reads there.

    Raises:
        ConfigError: Airflow refuses its name or its schedule.
    """
    mark = file.document.items["schedule"].start
    try:
        events = schedule.events if scheduled else None
        dag = DAG(
            dag_id=config.name,
            description=f"Loads new and changed files: {file.path.name}",
            schedule=(schedule_of(config.name, schedule.cron, events) if events else schedule.cron),
            start_date=datetime.combine(schedule.start_date, time(), UTC),
            catchup=schedule.catchup,
            max_active_runs=schedule.max_active_runs,
            tags=list(schedule.tags),
            default_args={
                "owner": schedule.owner,
                "retries": schedule.retries,
                "retry_delay": timedelta(seconds=schedule.retry_delay),
                "execution_timeout": timedelta(seconds=schedule.execution_timeout),
                "pool": schedule.pool,
                "priority_weight": schedule.priority,
                **({"queue": schedule.queue} if schedule.queue else {}),
            },
            params=_params(),
            doc_md=documentation(file, schedule) if scheduled else None,
            # The DAG file that asked for it shows it to Airflow, and no other that asks too.
            auto_register=False,
        )
        with dag:
            _fill(str(file.path.resolve()), config.name, schedule)
        dag.validate()
    except MissingExtraError as error:
        raise ConfigError(f"{mark}: schedule.events: {error}") from error
    except Exception as error:
        # Airflow has a dozen kinds of errors, and one of them would take every DAG along.
        raise ConfigError(f"{mark}: schedule: Airflow refuses it: {error}") from error
    return dag


def _params() -> dict[str, Param]:
    return {
        "table": Param(
            None, type=["null", "string"], title="Table", description="Only files of this table."
        ),
        "key": Param(
            None, type=["null", "string"], title="Key", description="Only the file with this key."
        ),
        "keys": Param(
            None,
            type=["null", "array"],
            items={"type": "string"},
            title="Keys",
            description="Only the files with these keys.",
        ),
        "force": Param(
            False, type="boolean", title="Force", description="Also load what has not changed."
        ),
        "retry_failed": Param(
            False,
            type="boolean",
            title="Retry failed files",
            description="Also load files that failed for good, as `lakefall retry` does.",
        ),
    }


def _fill(path: str, name: str, schedule: Schedule) -> None:
    """The tasks, in the DAG that is open.

    What they do is imported where one runs: a parse, which Airflow repeats for ever, needs none
    of it.
    """
    granularity = schedule.granularity

    @task(task_id="scan_bucket", multiple_outputs=False, doc_md="List the source.")
    def scan_bucket() -> Any:
        from lakefall.airflow import tasks

        return tasks.scan(path)

    @task(
        task_id="filter_new_files",
        multiple_outputs=False,
        doc_md="Compare the listing with the registry: what is new or has changed, oldest first.",
    )
    def filter_new_files(listing: Any) -> Any:
        from lakefall.airflow import tasks

        return tasks.filter_files(path, listing, granularity, schedule.auto_step_files)

    @task(
        task_id="group_files",
        multiple_outputs=False,
        doc_md="Where a run brings many files: the files or tables that a task each loads.",
    )
    def group_files() -> Any:
        from lakefall.airflow import tasks

        return tasks.group_files()

    @task(
        task_id="summary",
        multiple_outputs=False,
        trigger_rule=TriggerRule.ALL_DONE,
        doc_md="Let registrars make up for what earlier runs could not do; sum up. Fails when a "
        "file failed, except one that vanished or changed after it was listed.",
    )
    def summary(branches: Any) -> Any:
        from lakefall.airflow import tasks

        return tasks.summary(path, branches)

    works = filter_new_files(scan_bucket())
    branches, done = {}, []
    if granularity in ("step", "auto"):
        branches[RECORDS] = works
        done.append(_by_steps(path, name, works))
    if granularity != "step":
        worker, label = LOADS[granularity]
        if granularity == "auto":
            grouped = group_files()
            works >> grouped
            works = grouped
        branches[worker] = works
        done.append(_at_once(path, name, worker, label).expand(work=works))
    done >> summary(branches)


def _by_steps(path: str, name: str, works: Any) -> Any:
    @task_group(group_id="files")
    def files(work: Any) -> None:
        before: Any = None
        for task_id in FILE_STEPS:
            before = _step(path, name, task_id)(work=work, before=before)
        before >> update_registry(work=work)

    @task(
        task_id="update_registry",
        multiple_outputs=False,
        trigger_rule=TriggerRule.ALL_DONE,
        map_index_template=LABEL,
        doc_md="Write what became of the file to the registry, whichever step failed.",
    )
    def update_registry(work: Any) -> Any:
        from lakefall.airflow import tasks

        return tasks.record(path, work)

    return files.expand(work=works)


def _step(path: str, name: str, task_id: str) -> Any:

    @task(
        task_id=task_id,
        multiple_outputs=False,
        map_index_template=LABEL,
        outlets=[AssetAlias(name)] if task_id == COMMITS else [],
        doc_md=FILE_STEPS[task_id][1],
    )
    def run_step(work: Any, before: Any) -> Any:
        from lakefall.airflow import tasks

        return tasks.file_step(path, name, task_id, work, before)

    return run_step


def _at_once(path: str, name: str, task_id: str, label: str) -> Any:
    @task(
        task_id=task_id,
        multiple_outputs=False,
        map_index_template=label,
        outlets=[AssetAlias(name)],
        doc_md="Every step, from fetching to the registry. Fails where no file could be loaded.",
    )
    def load(work: Any) -> None:
        from lakefall.airflow import tasks

        tasks.load(path, name, work)

    return load
