"""Servers that stop while Airflow runs, and workers that are killed: real ones, really stopped."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from celery_support import Celery
from e2e.superset_api import superset

OLD, NEW = "id,name\n1,x\n2,y\n", "id,name\n3,z\n"


@pytest.fixture(autouse=True)
def mended(celery: Celery) -> Iterator[None]:
    """What a test stopped runs again after it."""
    yield
    celery.recover()


@pytest.fixture
def table() -> str:
    return f"t_{uuid.uuid4().hex[:8]}"


def test_row_trino_unreachable_with_the_trino_sink(celery: Celery, table: str) -> None:
    """2 retries, the file recorded as failed, files of before unaffected, the next run loads it."""
    dag, api, key = "by_trino", celery.api, f"{table}/a.csv"
    celery.put("by-trino", "other/a.csv", OLD)
    assert api.run(dag).state == "success"
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


@pytest.mark.parametrize(
    ("event", "meanwhile"),
    [("load.started", {1, 2}), ("load.data_committed", {3})],
    ids=["before-the-commit", "after-the-commit"],
)
def test_a_worker_killed_in_the_middle_of_ingest_data(
    celery: Celery, table: str, event: str, meanwhile: set[int]
) -> None:
    """The old rows or the new ones, never neither; another try brings it right."""
    dag, api, key = "fragile", celery.api, f"{table}/a.csv"
    celery.put(dag, key, OLD)
    assert api.run(dag).state == "success"
    celery.put(dag, key, NEW)
    with celery.holding(event) as reached:
        run_id = api.trigger(dag)
        reached()
        host = api.until_task(dag, run_id, "files.ingest_data", "running")["hostname"]
        celery.stack.stop(host, kill=True)
        found = celery.servers.trino(f"SELECT id FROM {dag}.{table}")
        assert {number for [number] in found} == meanwhile
    celery.stack.start(host)
    ran = api.finished(dag, run_id)
    assert (ran.state, ran.states("update_registry")) == ("success", {key: "success"})
    (task,) = ran.of("ingest_data")
    assert task["try_number"] == 2
    assert celery.servers.trino(f"SELECT id FROM {dag}.{table}") == [[3]]
    assert celery.registry(dag)[key]["dag_run_id"] == run_id
    assert api.run(dag).summary["counts"] == {}
