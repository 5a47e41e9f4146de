"""Several processes on one lake: writers at once, writers that die, a disk that is full."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from iceberg_support import Lakehouse, StubPipeline, convert, schema, source

from lakefall.contract.errors import LakefallError, PlanOutdatedError, StorageFullError
from lakefall.contract.run import Run
from lakefall.contract.values import Event, Status
from lakefall_plugins.sinks.iceberg import commit, load

ID = [("id", "INTEGER")]
FILE = source("orders/a.csv")
CHANGED = source("orders/a.csv", "e2", minute=1)


@pytest.fixture(scope="module")
def processes() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["iceberg_support", "pyiceberg.catalog.sql", "pyiceberg.io.pyarrow", "duckdb"]
    )
    return context


def in_process(processes: Any, work: Callable[..., None], *arguments: Any) -> int:
    """Run to its end in another process; its exit code."""
    child = processes.Process(target=work, args=arguments)
    child.start()
    child.join(120)
    assert child.exitcode is not None
    return int(child.exitcode)


# --- writers at once ---


def write_three(folder: Path, number: int) -> None:
    lakehouse = Lakehouse(folder)
    for turn in range(3):
        columns = [("id", "INTEGER"), *([(f"extra_{number}", "DATE")] if turn == 1 else [])]
        file = source(f"orders/{number}-{turn}.csv")
        run = lakehouse.run(f"run-{number}")
        row = f"SELECT {number * 10 + turn}" + (", DATE '2024-01-01'" if turn == 1 else "")
        while True:
            plan = lakehouse.sink.prepare(run, "orders", schema(*columns), rebuild=False)
            converted = convert(run, plan, file, row, rejects=[(number, "", "short", "x")])
            try:
                loaded = lakehouse.sink.load(run, plan, [converted])
            except PlanOutdatedError:
                continue
            lakehouse.sink.record(run, loaded.outcomes)
            break


@pytest.mark.slow
def test_writers_at_once_lose_nothing_and_double_nothing(tmp_path: Path, processes: Any) -> None:
    children = [processes.Process(target=write_three, args=(tmp_path, n)) for n in range(4)]
    for child in children:
        child.start()
    for child in children:
        child.join(180)
    assert [child.exitcode for child in children] == [0, 0, 0, 0]
    lakehouse = Lakehouse(tmp_path)
    expected = sorted(n * 10 + t for n in range(4) for t in range(3))
    assert lakehouse.ask("SELECT id FROM orders ORDER BY id") == [(i,) for i in expected]
    state = lakehouse.sink.describe("orders")
    assert state is not None
    assert {c.name for c in state.columns} == {"id", *(f"extra_{n}" for n in range(4))}
    filled = ", ".join(f"count(extra_{n})" for n in range(4))
    assert lakehouse.ask(f"SELECT {filled} FROM orders") == [(1, 1, 1, 1)]
    assert len(lakehouse.sink.history()) == 12
    assert len(list(lakehouse.sink.stored_rejects("", ""))) == 12
    assert len(lakehouse.data_files("orders")) == 12
    assert not list((tmp_path / "wh" / ".lakefall").iterdir())


# --- writers that die ---


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Killer(StubPipeline):
    def event(self, run: Run, event: Event) -> None:
        if event.name == self.digest:
            die()


def die_at(folder: Path, point: str) -> None:
    lakehouse = Lakehouse(folder, Killer(point))
    if point == "before the commit":
        load.commit = die  # type: ignore[assignment,attr-defined]
    if point == "after the commit":
        real = commit.commit

        def commit_and_die(staged: Any) -> None:
            real(staged)
            die()

        load.commit = commit_and_die  # type: ignore[assignment,attr-defined]
    lakehouse.load(CHANGED, ID, "SELECT 2 FROM range(4)", rejects=[(4, "", "short", "y")])


@pytest.mark.slow
@pytest.mark.parametrize(
    "point",
    [
        "load.rejects_written",
        "before the commit",
        "after the commit",
        "load.data_committed",
        "record.registry_written",
    ],
)
def test_a_writer_that_dies_is_repeated(tmp_path: Path, processes: Any, point: str) -> None:
    lakehouse = Lakehouse(tmp_path)
    lakehouse.load(FILE, ID, "SELECT 1 FROM range(3)", rejects=[(3, "", "short", "x")])
    assert in_process(processes, die_at, tmp_path, point) == -signal.SIGKILL
    rows = lakehouse.ask("SELECT id, count(*) FROM orders GROUP BY id")
    assert rows in ([(1, 3)], [(2, 4)])
    if lakehouse.reasons(CHANGED) != ["skip: unchanged"]:
        lakehouse.load(CHANGED, ID, "SELECT 2 FROM range(4)", rejects=[(4, "", "short", "y")])
    assert lakehouse.reasons(CHANGED) == ["skip: unchanged"]
    assert lakehouse.ask("SELECT id, count(*) FROM orders GROUP BY id") == [(2, 4)]
    assert [(r.etag, r.line) for r in lakehouse.sink.stored_rejects("", "")] == [("e2", 4)]
    lakehouse.load(source("orders/z.csv"), ID, "SELECT 9")
    found = lakehouse.sink.lake.find("orders")
    assert found is not None
    used = {Path(p).name for p in found.inspect.all_data_files()["file_path"].to_pylist()}
    assert lakehouse.data_files("orders") == used


# --- a disk that is full ---


def load_with_little_room(folder: Path, room: int) -> None:
    lakehouse = Lakehouse(folder)
    run = lakehouse.run()
    plan = lakehouse.sink.prepare(run, "orders", schema(*ID), rebuild=False)
    rows = "SELECT (random() * 1000000)::INTEGER FROM range(20000)"
    converted = convert(run, plan, CHANGED, rows, rejects=[(3, "", "short", "x")])
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    try:
        lakehouse.sink.load(run, plan, [converted])
    except StorageFullError:
        os._exit(7)
    except LakefallError as error:
        print(repr(error))
        os._exit(8)


@pytest.mark.slow
@pytest.mark.parametrize("room", [100, 1000, 4000])
def test_a_full_disk_leaves_the_old_rows_and_no_debris(
    tmp_path: Path, processes: Any, room: int
) -> None:
    lakehouse = Lakehouse(tmp_path)
    lakehouse.load(FILE, ID, "SELECT 1 FROM range(3)")
    before = lakehouse.data_files("orders")
    assert in_process(processes, load_with_little_room, tmp_path, room) == 7
    assert lakehouse.ask("SELECT id, count(*) FROM orders GROUP BY id") == [(1, 3)]
    assert lakehouse.data_files("orders") == before
    outcome = lakehouse.load(CHANGED, ID, "SELECT 2")
    assert (outcome.status, outcome.rows_deleted) == (Status.SUCCESS, 3)


def record_with_little_room(folder: Path) -> None:
    lakehouse = Lakehouse(folder)
    lakehouse.sink.history()
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
    try:
        lakehouse.fail(CHANGED, "no header")
    except StorageFullError:
        os._exit(7)


def test_a_full_disk_leaves_the_registry_as_it_was(tmp_path: Path, processes: Any) -> None:
    lakehouse = Lakehouse(tmp_path)
    lakehouse.load(FILE, ID, "SELECT 1 FROM range(3)")
    before = lakehouse.data_files("_ingest_registry")
    assert in_process(processes, record_with_little_room, tmp_path) == 7
    assert lakehouse.data_files("_ingest_registry") == before
    assert [e.status for e in lakehouse.sink.history()] == ["success"]
