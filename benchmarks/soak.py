"""``make soak``: 20,000 files through one watcher, and 200 uploads until Trino counts their rows.

``files`` puts small files into 50 tables of an embedded lake, in waves, and prints the watcher's
memory and pace as it goes. ``uploads`` needs the stack: objects of 10 KB at random moments, told by
a webhook right after each PUT as a store does it, the flagship's registrars on; a latency ends when
a query of Trino has counted the object's rows. A wave or an upload that takes too long ends it.
"""

from __future__ import annotations

import argparse
import random
import signal
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from acceptance.server_lakes import IcebergLake
from acceptance.watchers import free_port, health, post
from e2e.queues import s3_event
from e2e.servers import running
from freshness import ROWS, Watch, content

TABLES = 50
WAVE = 250
"""Files that are put together."""
PATIENCE = 300.0
"""Seconds for a wave, or for one upload."""
TOKEN = "a-token-of-this-benchmark"
TELL_EVERY = 2_000


def files(number: int) -> bool:
    """Whether every row is there at the end."""
    with tempfile.TemporaryDirectory() as folder:
        watch = Watch(Path(folder))
        began = time.monotonic()
        for wave in _waves(number):
            keys = [f"s{n % TABLES}/{n}.csv" for n in wave]
            for n, key in zip(wave, keys, strict=True):
                watch.put(key, f"id,name,amount\n{n},n{n},1.5\n{n},m{n},2.25\n")
            watch.wait(keys, PATIENCE)
            done = wave[-1] + 1
            if done % TELL_EVERY == 0 or done == number:
                pace = done / (time.monotonic() - began)
                print(
                    f"{done:,} files: {pace:.0f} a second, {watch.memory:.0f} MiB, "
                    f"{watch.cpu / done * 1000:.0f} ms of CPU each",
                    flush=True,
                )
        memory = watch.memory
        watch.process.terminate()
        code, rows = watch.process.wait(20), watch.rows()
        print(f"exit code {code}; rows: {rows:,} of {2 * number:,}; {memory:.0f} MiB")
        return code == 0 and rows == 2 * number


def _waves(number: int) -> list[range]:
    return [range(at, min(at + WAVE, number)) for at in range(0, number, WAVE)]


class Counting(threading.Thread):
    """Asks Trino for the rows of what is not there yet."""

    def __init__(self, lake: IcebergLake) -> None:
        super().__init__(daemon=True)
        self.lake = lake
        self.put: dict[str, float] = {}
        self.took: dict[str, float] = {}

    def run(self) -> None:
        while True:
            waiting = [key for key in tuple(self.put) if key not in self.took]
            for table in {key.partition("/")[0] for key in waiting}:
                for key, rows in self._counts(table):
                    if rows == ROWS and key in self.put:
                        self.took.setdefault(key, time.monotonic() - self.put[key])
            time.sleep(0.05)

    def _counts(self, table: str) -> list[list[Any]]:
        from trino.exceptions import TrinoUserError

        counts = f"SELECT _source_file, count(*) FROM {self.lake.namespace}.{table} GROUP BY 1"
        try:
            return self.lake.servers.trino(counts)
        except TrinoUserError:
            return []  # no such table yet


def uploads(number: int, minutes: float) -> bool:
    """Whether every upload arrived."""
    servers = running()
    if servers is None:
        print("uploads: no servers are running; left out")
        return True
    with (
        tempfile.TemporaryDirectory() as folder,
        IcebergLake.on(servers, Path(folder), registrars=True) as lake,
    ):
        port, asked = free_port(), free_port()
        lake.configure(notifier=[{"use": "webhook", "port": port, "token": TOKEN}])
        watcher = lake.start("watch", lake.pipeline, "--json", "--health-port", str(asked))
        while health(asked)[0] != 200:
            time.sleep(0.1)
        counting = Counting(lake)
        counting.start()
        began = time.monotonic()
        for n, moment in enumerate(sorted(random.uniform(0, 60 * minutes) for _ in range(number))):
            time.sleep(max(0.0, began + moment - time.monotonic()))
            key = f"u{n % 10}/{n}.csv"
            lake.put(key, content(n))
            counting.put[key] = time.monotonic()
            post(port, TOKEN, s3_event(key, lake.bucket))
        end = time.monotonic() + PATIENCE
        while len(counting.took) < number and watcher.alive and time.monotonic() < end:
            time.sleep(0.1)
        took = sorted(counting.took.values())
        print(
            f"{len(took)} of {number} uploads in {minutes:g} min, PUT done to counted in Trino: "
            f"p50 {statistics.median(took):.2f} s, "
            f"p95 {statistics.quantiles(took, n=20)[-1]:.2f} s, longest {took[-1]:.2f} s"
        )
        watcher.send(signal.SIGTERM)
        return watcher.wait(20).code == 0 and len(took) == number


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--uploads", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=20.0, help="of the uploads")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    random.seed(args.seed)
    kept = uploads(args.uploads, args.minutes) if args.uploads else True
    return 0 if (files(args.files) if args.files else True) and kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
