"""From a file's arrival to its rows, with ``lakefall watch`` over a folder and an embedded lake.

    python benchmarks/freshness.py [--files 100] [--pause 0.6] [--burst 1000] [--bursts 2]

The watcher is a process of its own with the notifier ``folder`` and default settings. Files of
10 KB are written under a hidden name and renamed, into 10 tables, after random pauses. A latency
runs from the rename to the file's line of ``--json``, which comes after the commit and the
registry. Then bursts: so many files at once into 50 tables, until the last one's line. At the end
the rows of all tables are counted. Memory and CPU are the watcher's own.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROWS = 200
PIPELINE = """
source: {{use: folder, path: {0}/inbox}}
sink: {{use: iceberg, catalog: {{type: sqlite, warehouse: {0}/lake}}}}
cache: {{dir: {0}/cache}}
notifier: folder
"""


def content(number: int) -> str:
    """10 KB."""
    lines = [
        f"{n},{number},some text of a row {n % 7},{n}.25,2024-01-{n % 28 + 1:02}"
        for n in range(ROWS)
    ]
    return "id,file,text,amount,day\n" + "\n".join(lines) + "\n"


class Watch:
    """A watcher, and when it told of each key."""

    def __init__(self, folder: Path) -> None:
        (folder / "inbox").mkdir()
        self.folder, self.told = folder, dict[str, float]()
        (folder / "p.yaml").write_text(PIPELINE.format(folder))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lakefall", "watch", folder / "p.yaml", "--json"],
            stdout=subprocess.PIPE,
            text=True,
        )
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            outcome = json.loads(line)
            if outcome["status"] != "success":
                raise SystemExit(line)
            self.told[outcome["key"]] = time.monotonic()

    def put(self, key: str, text: str) -> float:
        path = self.folder / "inbox" / key
        path.parent.mkdir(exist_ok=True)
        path.with_name(f".{path.name}").write_text(text)
        path.with_name(f".{path.name}").rename(path)
        return time.monotonic()

    def wait(self, keys: list[str], timeout: float = 600.0) -> None:
        end = time.monotonic() + timeout
        while not all(key in self.told for key in keys):
            if time.monotonic() > end:
                raise SystemExit(f"not all of {len(keys)} files were loaded in {timeout:g} s")
            if self.process.poll() is not None:
                raise SystemExit("the watcher ended")
            time.sleep(0.02)

    @property
    def memory(self) -> float:
        """MiB."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    @property
    def cpu(self) -> float:
        """Seconds."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rows(self) -> int:
        from pyiceberg.catalog.sql import SqlCatalog

        lake = self.folder / "lake"
        catalog = SqlCatalog("lakefall", uri=f"sqlite:///{lake}/catalog.db", warehouse=str(lake))
        names = [n for n in catalog.list_tables("lakehouse") if not n[1].startswith("_")]
        return sum(catalog.load_table(name).scan().count() for name in names)


def baseline(folder: Path, burst: int) -> None:
    """The same files, all there before one `lakefall run`."""
    place = folder / "run"
    for number in range(burst):
        path = place / "inbox" / f"b{number % 50}" / f"{number}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content(100_000 + number))
    (place / "p.yaml").write_text(PIPELINE.format(place))
    began = time.monotonic()
    command = [sys.executable, "-m", "lakefall", "run", place / "p.yaml", "--json"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    print(f"the same by one `lakefall run`: {time.monotonic() - began:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--pause", type=float, default=0.6, help="seconds between two, on average")
    parser.add_argument("--burst", type=int, default=1000)
    parser.add_argument("--bursts", type=int, default=2)
    args = parser.parse_args()
    random.seed(1)
    with tempfile.TemporaryDirectory() as folder:
        watch = Watch(Path(folder))
        time.sleep(5)
        idle = watch.cpu
        time.sleep(10)
        print(f"idle: {(watch.cpu - idle) * 10:.1f} % of a core, {watch.memory:.0f} MiB")
        began, cpu = time.monotonic(), watch.cpu
        put: dict[str, float] = {}
        for number in range(args.files):
            key = f"t{number % 10}/{number}.csv"
            put[key] = watch.put(key, content(number))
            time.sleep(random.uniform(0, 2 * args.pause))
        watch.wait(list(put))
        taken = sorted(watch.told[key] - at for key, at in put.items())
        p95 = statistics.quantiles(taken, n=20)[-1]
        print(
            f"{args.files} files in {time.monotonic() - began:.0f} s: p50 "
            f"{statistics.median(taken):.2f} s, p95 {p95:.2f} s, longest {taken[-1]:.2f} s; "
            f"{(watch.cpu - cpu) / args.files:.2f} s of CPU a file; {watch.memory:.0f} MiB"
        )
        for burst in range(args.bursts):
            keys = [f"b{n % 50}/{burst}_{n}.csv" for n in range(args.burst)]
            began = time.monotonic()
            for number, key in enumerate(keys):
                watch.put(key, content(100_000 * (burst + 1) + number))
            written = time.monotonic() - began
            watch.wait(keys)
            last = max(watch.told[key] for key in keys) - began
            print(
                f"burst {burst + 1}: {args.burst} files into 50 tables, written in {written:.1f} s,"
                f" the last one after {last:.1f} s; {watch.memory:.0f} MiB"
            )
        if args.bursts:
            baseline(Path(folder), args.burst)
        watch.process.terminate()
        began = time.monotonic()
        code = watch.process.wait(20)
        print(f"SIGTERM: exit code {code} after {time.monotonic() - began:.1f} s")
        expected = (args.files + args.burst * args.bursts) * ROWS
        print(f"rows: {watch.rows():,} of {expected:,}")


if __name__ == "__main__":
    main()
