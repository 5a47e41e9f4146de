"""Many processes on one table of the real catalog: nothing lost, nothing doubled."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lakefall.contract.values import Status

from .iceberg_support import Lakehouse
from .servers import Servers

PROCESSES, FILES = 8, 80
LIMIT = 90.0
"""Seconds of CPU of all processes; how long they take together is for a quiet machine to tell."""
HANGS = 360.0
"""Seconds after which a process is killed."""


@pytest.fixture(scope="module")
def processes() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [
            "pytest",  # a child imports the parent's main module anew
            "tests.e2e.iceberg_support",
            "lakefall_plugins.sinks.iceberg.sink",
            "lakefall_plugins.formats.csv.reader",
            "pyiceberg.catalog.rest",
            "pyiceberg.io.pyarrow",
            "duckdb",
        ]
    )
    return context


def at_once(context: Any, work: Callable[..., None], *arguments: Any) -> float:
    """Seconds of CPU that the processes took; all of them have ended well."""
    barrier = context.Barrier(PROCESSES + 1)
    used = context.Array("d", PROCESSES)
    children = [
        context.Process(target=measured, args=(used, work, barrier, number, *arguments))
        for number in range(PROCESSES)
    ]
    for child in children:
        child.start()
    barrier.wait(300)
    for child in children:
        child.join(HANGS)
    for child in children:
        if child.is_alive():
            child.kill()
    assert [child.exitcode for child in children] == [0] * PROCESSES
    return sum(used)


def measured(used: Any, work: Callable[..., None], barrier: Any, number: int, *more: Any) -> None:
    began = time.process_time()
    work(barrier, number, *more)
    used[number] = time.process_time() - began


def content(number: int) -> str:
    """Three rows; every third file brings a column of its own, and one that others bring, too."""
    more = number % 3 == 0
    header = f"id,name,extra_{number},shared_{number % 2}" if more else "id,name"
    tail = ",7,x" if more else ""
    return header + "\n" + "".join(f"{number * 10 + i},n{number}{tail}\n" for i in range(3))


def load_one_by_one(barrier: Any, number: int, lakehouse: Lakehouse) -> None:
    pipeline = lakehouse.pipeline()
    barrier.wait(300)
    from lakefall.run.runner import Runner

    for turn in range(number, FILES, PROCESSES):
        report = Runner(pipeline).run(keys=[f"orders/{turn:03d}.csv"])
        wrong = [o for o in report.outcomes if o.status is not Status.SUCCESS]
        assert not wrong, wrong


def test_eight_processes_load_eighty_files(
    servers: Servers, namespace: str, tmp_path: Path, processes: Any
) -> None:
    lakehouse = Lakehouse(servers, tmp_path, namespace)
    for number in range(FILES):
        lakehouse.put(f"orders/{number:03d}.csv", content(number))
    _ = lakehouse.file
    seconds = at_once(processes, load_one_by_one, lakehouse)
    print(f"{FILES} loads by {PROCESSES} processes in {seconds:.1f} s of CPU")
    expected = sorted(n * 10 + i for n in range(FILES) for i in range(3))
    assert lakehouse.ask("SELECT id FROM orders ORDER BY id") == [(i,) for i in expected]
    columns = set(lakehouse.table("orders").schema().column_names)
    new = {f"extra_{n}" for n in range(0, FILES, 3)} | {"shared_0", "shared_1"}
    assert columns == {"id", "name", "_source_file", "_ingested_at"} | new
    counts = ", ".join(f"count({name})" for name in sorted(new) if name.startswith("extra"))
    assert set(lakehouse.ask(f"SELECT {counts} FROM orders")[0]) == {3}
    assert lakehouse.ask("SELECT count(shared_0), count(shared_1) FROM orders") == [(42, 39)]
    registered = "SELECT count(*), count(DISTINCT file_key) FROM _ingest_registry"
    assert lakehouse.ask(registered) == [(FILES, FILES)]
    assert len(lakehouse.data_files("orders")) == FILES
    assert seconds < LIMIT


def fail_often(barrier: Any, number: int, lakehouse: Lakehouse) -> None:
    from lakefall.contract.values import Outcome, SourceFile
    from lakefall.run.runner import Runner

    pipeline = lakehouse.pipeline()
    barrier.wait(300)
    with Runner(pipeline).start() as run:
        for turn in range(5):
            key = f"orders/{number}-{turn}.csv"
            file = SourceFile(key, "v1", 1, run.started_at, "orders", "orders")
            run.pipeline.record(run, [Outcome(file, Status.FAILED, error="no header")])


def test_eight_processes_write_to_the_registry(
    servers: Servers, namespace: str, tmp_path: Path, processes: Any
) -> None:
    lakehouse = Lakehouse(servers, tmp_path, namespace)
    _ = lakehouse.file
    seconds = at_once(processes, fail_often, lakehouse)
    print(f"{PROCESSES * 5} entries by {PROCESSES} processes in {seconds:.1f} s of CPU")
    counted = "SELECT count(*), count(DISTINCT file_key) FROM _ingest_registry"
    assert lakehouse.ask(counted) == [(PROCESSES * 5, PROCESSES * 5)]
