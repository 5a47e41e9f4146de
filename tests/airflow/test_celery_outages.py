"""Servers that stop while Airflow runs, and workers that are killed: real ones, really stopped."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from celery_support import Celery, Ran
from e2e.superset_api import superset

OLD, NEW = "id,name\n1,x\n2,y\n", "id,name\n3,z\n"


@pytest.fixture(autouse=True)
def mended(celery: Celery) -> Iterator[None]:
    """What a test stopped runs again after it."""
    yield
    celery.recover()


@pytest.fixture
def table() -> str:
    return new_table()


def new_table() -> str:
    return f"t_{uuid.uuid4().hex[:8]}"


def loaded_before(celery: Celery, dag: str) -> None:
    """What is in the bucket is loaded on the command line: what a DAG makes of it, sooner."""
    told = celery.command("run", str(celery.pipelines / f"{dag}.yaml"))
    assert told.returncode == 0, told.stderr


def test_row_trino_unreachable_with_the_trino_sink(celery: Celery, table: str) -> None:
    """2 retries, the file recorded as failed, files of before unaffected, the next run loads it."""
    dag, api, key = "by_trino", celery.api, f"{table}/a.csv"
    celery.put("by-trino", "other/a.csv", OLD)
    loaded_before(celery, dag)
    celery.put("by-trino", key, OLD)
    run_id = api.trigger(dag)
    api.until_task(dag, run_id, "files.infer_schema", "success")
    celery.stack.stop("trino", kill=True)
    # How long Trino takes to start does not count as tries of the registry.
    with celery.holding("record.started"):
        failed = api.until_task(dag, run_id, "files.ensure_table", "failed")
        assert failed["try_number"] == 3
        celery.stack.start("trino")
    ran = api.finished(dag, run_id)
    assert ran.state == "failed"
    assert ran.states("ingest_data") == {"0": "upstream_failed"}
    assert ran.states("update_registry") == {key: "success"}
    row = celery.registry("by_trino")[key]
    assert (row["status"], row["dag_run_id"]) == ("failed", run_id)
    assert "Trino at http://127.0.0.1" in row["error_message"]
    assert celery.counts("by_trino", "other") == {"other/a.csv": 2}
    again = api.run(dag)
    assert (again.state, again.states("ingest_data")) == ("success", {key: "success"})
    assert celery.counts("by_trino", table) == {key: 2}


def test_row_catalog_stopped_and_back_with_the_iceberg_sink(celery: Celery, table: str) -> None:
    dag, api, key = "fragile", celery.api, f"{table}/a.csv"
    celery.put(dag, key, OLD)
    with celery.holding("load.started") as reached:
        run_id = api.trigger(dag)
        reached()
        celery.stack.stop("rest", kill=True)
    failed = api.until_task(dag, run_id, "files.ingest_data", "up_for_retry", "failed")
    assert failed["try_number"] == 1
    celery.stack.start("rest")
    ran = api.finished(dag, run_id)
    # Back before the tries were used up: the run brought it right by itself.
    assert (ran.state, ran.states("ingest_data")) == ("success", {key: "success"})
    assert celery.counts(dag, table) == {key: 2}
    assert celery.registry(dag)[key]["status"] == "success"


def test_row_superset_unreachable_is_a_warning_and_a_run_without_files_registers(
    celery: Celery, table: str
) -> None:
    dag, api, key = "fragile", celery.api, f"{table}/a.csv"
    celery.put(dag, key, OLD)
    celery.stack.stop("superset")
    ran = api.run(dag)
    assert (ran.state, ran.states("register_superset_dataset")) == ("success", {key: "success"})
    assert any("superset" in warning for warning in ran.summary["warnings"])
    assert celery.counts(dag, table) == {key: 2}
    celery.stack.start("superset")
    again = api.run(dag)
    assert (again.state, again.summary["counts"]) == ("success", {})
    with superset(celery.servers) as page:
        dataset = page.dataset(table, dag)["id"]
        assert [row["id"] for row in page.rows(dataset, ["id", "name"])] == [1, 2]


BEFORE, AFTER = "load.started", "load.data_committed"


@dataclass(frozen=True, slots=True)
class Killed:
    """A run whose workers were killed while one table's task was before its commit, and another
    one's after it."""

    tables: dict[str, str]
    """By the event at which its task was killed."""
    meanwhile: dict[str, set[int]]
    """What Trino found in each, with no worker alive."""
    ran: Ran
    """The run at its end."""
    again: Ran
    """One more."""


@pytest.fixture(scope="module")
def killed(celery: Celery) -> Killed:
    dag, api = "fragile", celery.api
    tables = {event: new_table() for event in (BEFORE, AFTER)}
    for table in tables.values():
        celery.put(dag, f"{table}/a.csv", OLD)
    loaded_before(celery, dag)
    for table in tables.values():
        celery.put(dag, f"{table}/a.csv", NEW)
    with ExitStack() as held:
        reached = [held.enter_context(celery.holding(*each)) for each in tables.items()]
        run_id = api.trigger(dag)
        for there in reached:
            there()
        tasks = [t for t in api.tasks(dag, run_id) if t["task_id"] == "files.ingest_data"]
        assert [t["state"] for t in tasks] == ["running"] * 2
        hosts = {t["hostname"] for t in tasks}
        for host in hosts:
            celery.stack.stop(host, kill=True)
        meanwhile = {
            event: {number for [number] in celery.servers.trino(f"SELECT id FROM {dag}.{table}")}
            for event, table in tables.items()
        }
    for host in hosts:
        celery.stack.start(host)
    ran = api.finished(dag, run_id)
    return Killed(tables, meanwhile, ran, api.run(dag))


@pytest.mark.parametrize(
    ("event", "meanwhile"),
    [(BEFORE, {1, 2}), (AFTER, {3})],
    ids=["before-the-commit", "after-the-commit"],
)
def test_a_worker_killed_in_the_middle_of_ingest_data(
    celery: Celery, killed: Killed, event: str, meanwhile: set[int]
) -> None:
    """The old rows or the new ones, never neither; another try brings it right."""
    dag, ran, table = "fragile", killed.ran, killed.tables[event]
    key = f"{table}/a.csv"
    assert killed.meanwhile[event] == meanwhile
    keys = {f"{each}/a.csv" for each in killed.tables.values()}
    assert (ran.state, ran.states("update_registry")) == (
        "success",
        dict.fromkeys(keys, "success"),
    )
    (task,) = [t for t in ran.of("ingest_data") if t["rendered_map_index"] == key]
    assert task["try_number"] == 2
    assert celery.servers.trino(f"SELECT id FROM {dag}.{table}") == [[3]]
    assert celery.registry(dag)[key]["dag_run_id"] == ran.run_id
    assert killed.again.summary["counts"] == {}
