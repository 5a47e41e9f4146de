"""Run by Airflow's own Python: asks it what it makes of the DAG files, and lets it run them.

Usage: inside.py COMMAND ANSWER-FILE OPTIONS-AS-JSON. Knows nothing of the tests.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any


def parse(folder: str = "", without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Both DAG files, or those of another folder, through Airflow's own parser; as if some modules
    were not installed."""
    find = importlib.util.find_spec
    importlib.util.find_spec = lambda name, *more: None if name in without else find(name, *more)
    bag = _bag(folder)
    return {
        "dags": {dag_id: _dag(dag) for dag_id, dag in bag.dags.items()},
        "errors": {Path(path).name: text for path, text in bag.import_errors.items()},
        "files": {dag_id: Path(dag.fileloc).name for dag_id, dag in bag.dags.items()},
    }


def imports() -> dict[str, Any]:
    """What building the DAGs imports after ``airflow.sdk``, while nothing may connect."""
    import socket

    # What any DAG file imports, with a task in it.
    from airflow.sdk import (  # noqa: F401  # noqa: F401
        DAG,
        Asset,
        AssetAlias,
        Param,
        TriggerRule,
        conf,
        get_parsing_context,
        task,
        task_group,
    )
    from airflow.sdk.exceptions import AirflowFailException  # noqa: F401

    with DAG("empty", schedule=None):
        task(imports, task_id="any")()

    def refuse(*_: Any) -> None:
        raise AssertionError("a connection was opened while a DAG file was read")

    socket.socket.connect = refuse  # type: ignore[method-assign,assignment]
    socket.getaddrinfo = refuse  # type: ignore[assignment]
    before = set(sys.modules)
    from lakefall.airflow import build

    folder = Path(os.environ["LAKEFALL_PIPELINES"])
    dags = build(folder)
    first = set(sys.modules) - before
    build(folder)
    return {
        "dags": sorted(dags),
        "first": sorted(first),
        "again": sorted(set(sys.modules) - before - first),
    }


def one(dag_id: str) -> dict[str, Any]:
    """What a worker parses that runs a task of one DAG."""
    os.environ["_AIRFLOW_PARSING_CONTEXT_DAG_ID"] = dag_id
    from lakefall.airflow import build

    return {"dags": sorted(build(os.environ["LAKEFALL_PIPELINES"]))}


def forked(dag_id: str, celery: str) -> dict[str, Any]:
    """A Celery worker that imports what it is told to, and what a task in a fork of it imports on
    top, from parsing its DAG to the last step of a file."""
    import socket
    import threading

    os.environ["AIRFLOW__CELERY__EXTRA_CELERY_CONFIG"] = celery
    from airflow.providers.celery.executors.celery_executor_utils import app

    def refuse(*_: Any) -> None:
        raise AssertionError("a connection was opened while a worker started")

    connect = socket.socket.connect
    socket.socket.connect = refuse  # type: ignore[method-assign,assignment]
    app.loader.import_default_modules()
    socket.socket.connect = connect  # type: ignore[method-assign]
    threads = threading.active_count()
    before = set(sys.modules)
    out, into = os.pipe()
    if not os.fork():
        loaded = _load_by_steps(dag_id)
        new = sorted(set(sys.modules) - before)
        os.write(into, json.dumps({"threads": threads, "new": new, **loaded}).encode())
        os._exit(0)
    os.close(into)
    with os.fdopen(out) as told:
        answer: dict[str, Any] = json.loads(told.read())
    os.wait()
    return answer


def _load_by_steps(dag_id: str) -> dict[str, Any]:
    os.environ["_AIRFLOW_PARSING_CONTEXT_DAG_ID"] = dag_id
    from lakefall.airflow import build, tasks
    from lakefall.airflow.steps import Steps

    folder = Path(os.environ["LAKEFALL_PIPELINES"])
    dags = build(folder)
    steps = Steps.open(folder / f"{dag_id}.yaml", "run", listeners=[tasks.Told(tasks.log)])
    (work,) = steps.filter(steps.scan())
    for step in (steps.download, steps.detect, steps.infer, steps.ensure, steps.evolve):
        step(work)
    ingested = steps.ingest(work)
    outcome = steps.record(work, steps.register(work, ingested).result).outcome
    page = dags[dag_id].doc_md
    return {"status": outcome.status.value, "rows": outcome.rows_loaded, "page": page}


def run(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each of these, one after the other, in this process, as `airflow dags test` does.

    That parses the folder twice before each run, and writes all of its DAGs to the database in
    case that one starts another. None does here, and no file changes between two runs: once.
    """
    from airflow.dag_processing import dagbag
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    manager = DagBundlesManager()
    manager.sync_bundles_to_db()
    (bundle,) = manager.get_all_dag_bundles()
    bundle.initialize()
    bag = dagbag.BundleDagBag(bundle.path, bundle_path=bundle.path, bundle_name=bundle.name)
    dagbag.sync_bag_to_db(bag, bundle.name, bundle.version)
    dagbag.BundleDagBag = lambda *_, **__: bag  # type: ignore[assignment,misc]
    dagbag.sync_bag_to_db = lambda *_: None  # type: ignore[assignment]
    answers = []
    for each in runs:
        dag = bag.dags[each["dag_id"]]
        if "beside" in each:
            _another_run(each["dag_id"], **each["beside"])
        made = dag.test(run_conf=each.get("conf"))
        answers.append(_ran(made.dag_id, made.run_id))
    return answers


def _another_run(dag_id: str, state: str, keys: list[str]) -> None:
    """A run of the DAG in a state, which has noted that it loads some of its files."""
    from airflow.models.dagrun import DagRun
    from airflow.models.variable import Variable
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState
    from airflow.utils.types import DagRunType
    from sqlalchemy import delete

    from lakefall.airflow import under_way
    from lakefall.airflow.steps import Steps

    path = Path(os.environ["LAKEFALL_PIPELINES"]) / f"{dag_id}.yaml"
    found = Steps.open(path, "another").scan(keys=keys).found
    notes = {"another": [under_way.digest(file) for file in found or ()]}
    with create_session() as session:
        session.execute(delete(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == "another"))
        session.add(
            DagRun(
                dag_id=dag_id,
                run_id="another",
                run_type=DagRunType.MANUAL,
                state=DagRunState(state),
            )
        )
    Variable.set(under_way.name_of(dag_id), json.dumps(notes))


def _bag(folder: str) -> Any:
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(folder or None)


def _dag(dag: Any) -> dict[str, Any]:
    return {
        "schedule": dag.schedule if isinstance(dag.schedule, str) else str(dag.schedule),
        "cron": getattr(getattr(dag.timetable, "timetable", None), "expression", ""),
        "watchers": _watchers(dag),
        "start_date": dag.start_date.isoformat() if dag.start_date else "",
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "tags": sorted(dag.tags),
        "doc": dag.doc_md,
        "params": {k: dag.params.get_param(k).schema for k in dag.params},
        "tasks": {task.task_id: _task(task) for task in dag.tasks},
    }


def _watchers(dag: Any) -> list[Any]:
    """Name and trigger of each, of every asset that starts runs, as Airflow keeps them."""
    from airflow.serialization.serialized_objects import DagSerialization

    assets = getattr(dag.timetable, "asset_condition", None)
    if assets is None or not hasattr(dag.timetable, "timetable"):
        return []
    DagSerialization.to_dict(dag)
    return [
        [watcher.name, *watcher.trigger.serialize()]
        for asset in assets.objects
        for watcher in asset.watchers
    ]


def _task(task: Any) -> dict[str, Any]:
    return {
        "downstream": sorted(task.downstream_task_ids),
        "rule": str(getattr(task.trigger_rule, "value", task.trigger_rule)),
        "retries": task.retries,
        "delay": task.retry_delay.total_seconds(),
        "owner": task.owner,
        "timeout": task.execution_timeout and task.execution_timeout.total_seconds(),
        "where": [task.pool, task.queue, task.priority_weight],
        "mapped": task.is_mapped or task.get_closest_mapped_task_group() is not None,
        "outlets": [o.name for o in task.outlets],
    }


def _ran(dag_id: str, run_id: str) -> dict[str, Any]:
    from airflow.models.asset import AssetEvent
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        made = session.scalar(
            select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
        )
        instances = session.scalars(
            select(TaskInstance).where(TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id)
        ).all()
        xcoms = session.scalars(
            select(XComModel).where(XComModel.dag_id == dag_id, XComModel.run_id == run_id)
        ).all()
        events = session.scalars(select(AssetEvent).where(AssetEvent.source_run_id == run_id)).all()
        states: dict[str, list[str]] = {}
        labels: dict[str, list[str]] = {}
        tries: dict[str, int] = {}
        for ti in sorted(instances, key=lambda ti: ti.map_index):
            states.setdefault(ti.task_id, []).append(str(ti.state))
            labels.setdefault(ti.task_id, []).append(str(ti.rendered_map_index))
            tries[ti.task_id] = max(tries.get(ti.task_id, 0), ti.try_number)
        return {
            "run_id": run_id,
            "state": str(made.state),
            "states": states,
            "labels": labels,
            "tries": tries,
            "xcoms": [[x.task_id, x.key, x.map_index, json.dumps(x.value)] for x in xcoms],
            "summary": next(
                (x.value for x in xcoms if (x.task_id, x.key) == ("summary", "return_value")), None
            ),
            "events": [[e.name, e.extra] for e in events if e.source_dag_id == dag_id],
        }


if __name__ == "__main__":
    command, answer, options = sys.argv[1:]
    # Python puts the folder of this file first, where a folder called airflow may lie one up.
    sys.path.pop(0)
    found = {"parse": parse, "imports": imports, "one": one, "forked": forked, "run": run}[command](
        **json.loads(options)
    )
    Path(answer).write_text(json.dumps(found))
