"""Processes that load files into one table of the real catalog at the same time.

    eval "$(make stack-env)"; python benchmarks/concurrency.py

Each load is a run of its own with a commit to the table and one to the registry; a third of the
files bring new columns. Prints a table; each case ends after ``LIMIT`` seconds.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.e2e.iceberg_support import Lakehouse
from tests.e2e.servers import running

CASES = ((8, 80), (16, 160))
LIMIT = 600.0


def content(number: int) -> str:
    more = number % 3 == 0
    header = f"id,name,extra_{number}" if more else "id,name"
    tail = ",7" if more else ""
    return header + "\n" + "".join(f"{number * 10 + i},n{number}{tail}\n" for i in range(3))


def work(barrier: Any, number: int, processes: int, files: int, lakehouse: Lakehouse) -> None:
    from lakefall.run.runner import Runner

    pipeline = lakehouse.pipeline()
    barrier.wait(LIMIT)
    for turn in range(number, files, processes):
        report = Runner(pipeline).run(keys=[f"orders/{turn:03d}.csv"])
        assert not report.failed, report.outcomes


def measure(processes: int, files: int) -> tuple[float, bool]:
    """Seconds, and whether nothing was lost or doubled."""
    servers = running()
    if servers is None:
        raise SystemExit('no servers: make stack-up, then eval "$(make stack-env)"')
    with servers.namespace() as namespace, tempfile.TemporaryDirectory() as folder:
        lakehouse = Lakehouse(servers, Path(folder), namespace)
        for number in range(files):
            lakehouse.put(f"orders/{number:03d}.csv", content(number))
        _ = lakehouse.file
        context = multiprocessing.get_context("spawn")
        barrier = context.Barrier(processes + 1)
        children = [
            context.Process(target=work, args=(barrier, n, processes, files, lakehouse))
            for n in range(processes)
        ]
        for child in children:
            child.start()
        barrier.wait(LIMIT)
        began = time.monotonic()
        for child in children:
            child.join(max(0.0, LIMIT - (time.monotonic() - began)))
        seconds = time.monotonic() - began
        for child in children:
            if child.is_alive():
                child.kill()
        asked = "SELECT count(*), count(DISTINCT id), count(DISTINCT _source_file) FROM orders"
        whole = lakehouse.ask(asked) == [(files * 3, files * 3, files)]
        columns = len(lakehouse.table("orders").schema().fields) - 4
        done = whole and columns == len(range(0, files, 3))
        return seconds, done and all(child.exitcode == 0 for child in children)


if __name__ == "__main__":
    print(f"{'processes':>9} {'files':>6} {'seconds':>8} {'loads/s':>8}  whole")
    for processes, files in CASES:
        seconds, whole = measure(processes, files)
        print(f"{processes:9} {files:6} {seconds:8.1f} {files / seconds:8.2f}  {whole}")
