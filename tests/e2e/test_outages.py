"""Servers that stop, on a stack of these tests' own: the specification's rows "unreachable"."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from acceptance.lakes import wait_for
from acceptance.server_lakes import IcebergLake, TrinoLake
from acceptance.watchers import ended, free_port, post, watching

from stack import Stack

from .queues import s3_event, until
from .servers import Servers
from .superset_api import superset

ROWS = "id,name\n11,x\n12,y\n"
WAITING = """
here = FOLDER / "reached"
if event.name == {event!r} and {table!r} in ("", event.table) and not here.exists():
    here.touch()
    while not (FOLDER / "go").exists():
        time.sleep(0.05)
"""


@pytest.fixture
def own(stack: Stack) -> Servers:
    """All servers run, also those that a test before this one stopped."""
    return started(stack)


@pytest.fixture
def without_trino(stack: Stack) -> Servers:
    """All but Trino run. Tests of it follow each other: each start of Trino takes half a minute."""
    stack.stop("trino")
    return started(stack, but="trino")


def started(stack: Stack, but: str = "") -> Servers:
    for status in stack.status():
        if not status.ready and status.name != but:
            stack.start(status.name)
    return Servers(stack.env())


@pytest.fixture
def iceberg(own: Servers, tmp_path: Path) -> Iterator[IcebergLake]:
    with IcebergLake.on(own, tmp_path) as lake:
        yield lake


@pytest.fixture
def trino(own: Servers, tmp_path: Path) -> Iterator[TrinoLake]:
    with TrinoLake.on(own, tmp_path) as lake:
        yield lake


@pytest.fixture
def told(own: Servers, tmp_path: Path) -> Iterator[IcebergLake]:
    """The flagship with its registrars."""
    with IcebergLake.on(own, tmp_path, registrars=True) as lake:
        yield lake


def test_row_trino_unreachable_is_a_warning_with_the_iceberg_sink(
    without_trino: Servers, tmp_path: Path
) -> None:
    with IcebergLake.on(without_trino, tmp_path, registrars=True) as told:
        told.put("t/a.csv", ROWS)
        run = told.run()
        assert run.of("t/a.csv")["status"] == "success"
        assert "trino" in run.stderr.lower()
        assert told.column("t", "name") == ["x", "y"]


def test_row_trino_unreachable_before_the_run_with_the_trino_sink(
    stack: Stack, without_trino: Servers, tmp_path: Path
) -> None:
    with TrinoLake.on(without_trino, tmp_path) as trino:
        trino.put("t/a.csv", ROWS)
        run = trino.cli("run", trino.pipeline, "--json")
        assert run.code == 1
        assert "Trino" in run.stderr and trino.servers.env["TRINO_URL"] in run.stderr
        stack.start("trino")
        assert trino.run().statuses() == {"t/a.csv": "success"}
        assert trino.column("t", "name") == ["x", "y"]


def test_row_trino_unreachable_during_the_run_fails_that_file_only(
    stack: Stack, trino: TrinoLake
) -> None:
    trino.put("first/a.csv", ROWS)
    trino.put("second/a.csv", ROWS)
    trino.listen(WAITING.format(event="load.started", table="second"))
    running = trino.start_run()
    wait_for(trino.folder / "reached", 60)
    stack.stop("trino", kill=True)
    (trino.folder / "go").touch()
    result = running.wait()
    assert result.code == 1
    stack.start("trino")
    assert trino.row_counts("first") == {"first/a.csv": 2}
    assert trino.row_counts("second") == {}
    again = {o["key"]: o["status"] for o in trino.start_run().wait().objects}
    assert again["second/a.csv"] == "success"
    assert trino.row_counts("first") == {"first/a.csv": 2}
    assert trino.row_counts("second") == {"second/a.csv": 2}
    assert set(trino.run().statuses().values()) == {"unchanged"}


def test_row_superset_unreachable_is_a_warning_and_a_later_run_registers(
    stack: Stack, told: IcebergLake
) -> None:
    """Down on the run that creates the table, back on a run that finds no new file."""
    table = f"orders_{uuid.uuid4().hex[:8]}"
    told.put(f"{table}/a.csv", ROWS)
    stack.stop("superset")
    run = told.run()
    assert run.of(f"{table}/a.csv")["status"] == "success"
    assert "superset" in run.stderr.lower()
    assert told.column(table, "name") == ["x", "y"]
    stack.start("superset")
    again = told.run()
    assert again.statuses() == {f"{table}/a.csv": "unchanged"}
    with superset(told.servers) as api:
        dataset = api.dataset(table, told.namespace)
        rows = api.rows(dataset["id"], ["id", "name"])
        assert [row["id"] for row in rows] == [11, 12]


def test_row_catalog_unreachable_fails_and_the_next_run_recovers(
    stack: Stack, iceberg: IcebergLake
) -> None:
    iceberg.put("t/a.csv", ROWS)
    stack.stop("rest")
    run = iceberg.cli("run", iceberg.pipeline, "--json")
    assert run.code == 1
    assert iceberg.servers.env["ICEBERG_REST_URI"] in run.output
    stack.start("rest")
    assert iceberg.run().statuses() == {"t/a.csv": "success"}


def test_row_catalog_stopped_before_the_commit_leaves_the_old_rows(
    stack: Stack, iceberg: IcebergLake
) -> None:
    iceberg.put("t/a.csv", ROWS)
    iceberg.run()
    iceberg.put("t/a.csv", "id,name\n21,z\n")
    iceberg.listen(WAITING.format(event="load.started", table="t"))
    running = iceberg.start_run()
    wait_for(iceberg.folder / "reached", 60)
    stack.stop("rest", kill=True)
    (iceberg.folder / "go").touch()
    result = running.wait()
    assert result.code == 1
    stack.start("rest")
    assert iceberg.column("t", "name") == ["x", "y"]
    iceberg.unlisten()
    assert iceberg.start_run().wait().code == 0
    assert iceberg.column("t", "name") == ["z"]
    assert set(iceberg.run().statuses().values()) == {"unchanged"}


def test_row_object_store_unreachable_is_a_clear_error(stack: Stack, iceberg: IcebergLake) -> None:
    iceberg.put("t/a.csv", ROWS)
    stack.stop("seaweedfs")
    run = iceberg.cli("run", iceberg.pipeline, "--json")
    assert (run.code, run.stdout) == (1, "")
    assert iceberg.servers.env["S3_ENDPOINT_URL"] in run.stderr
    stack.start("seaweedfs")
    assert iceberg.run().statuses() == {"t/a.csv": "success"}


def test_a_watcher_outlives_a_restart_of_the_store(stack: Stack, iceberg: IcebergLake) -> None:
    """What arrived before, and what is told while the store is down."""
    port, token = free_port(), "a-token-of-this-test"
    watcher = watching(iceberg, use="webhook", port=port, token=token)
    iceberg.put("t/a.csv", ROWS)
    stack.stop("seaweedfs", kill=True)
    post(port, token, s3_event("t/a.csv", iceberg.bucket))
    until(lambda: "tried again" in watcher.err.read_text())
    stack.start("seaweedfs")
    until(lambda: iceberg.exists("t") and iceberg.row_counts("t") == {"t/a.csv": 2})
    ended(watcher)
