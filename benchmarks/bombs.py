"""Small or endless inputs that ask for much, each beside a healthy file, on the embedded lakehouse.

    python benchmarks/bombs.py [--only NAME ...]

Each is one `lakefall run` in a process of its own that is watched from outside: memory is the most
that the process and its children held, disk what the cache folder and the lakehouse held at most.
A run that takes more than the limits below is killed and told.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep

SECONDS, MEMORY, DISK = 60.0, 700e6, 1.5
"""What a bomb may cost: seconds, bytes of memory, times the input on disk."""
KILLED_AT = 100.0, 3e9
"""Seconds and bytes of memory at which a run is killed."""
GB = 10**9


@dataclass(frozen=True, slots=True)
class Taken:
    seconds: float
    memory: float
    disk: float
    input: float
    code: int
    bomb: str
    """What became of it, in its own words."""
    healthy: str
    """What became of the file beside it."""


# --- the inputs ---


def gzip_zeros(folder: Path) -> None:
    """One block of 1 GB, ten times: gzip members that stand in a row are one file."""
    block = gzip.compress(bytes(100_000_000), 9)
    (folder / "zeros.csv.gz").write_bytes(b"a,b\n" and block * 100)


def gzip_text(folder: Path) -> None:
    """47 MB that expand to 10.7 GB: below the limit of the ratio."""
    row = b"12345,some text,2024-01-01,more of the same\n" * 2_300_000
    block = gzip.compress(row, 1)
    (folder / "text.csv.gz").write_bytes(
        gzip.compress(b"a,b,c,d\n") + block * (10 * GB // len(row))
    )


def zstd_zeros(folder: Path) -> None:
    from backports import zstd

    block = zstd.compress(bytes(100_000_000), 3)
    (folder / "zeros.csv.zst").write_bytes(block * 100)


def field(folder: Path) -> None:
    with (folder / "field.csv").open("wb") as out:
        out.write(b'a,b\n1,"')
        for _ in range(1000):
            out.write(b"x" * 1_000_000)
        out.write(b'"\n2,y\n')


def columns(folder: Path, count: int) -> None:
    header = ",".join(f"c{n}" for n in range(count))
    row = ",".join(["1"] * count)
    (folder / "columns.csv").write_text(f"{header}\n{row}\n{row}\n")


def equal_names(folder: Path) -> None:
    line = ",".join(["name"] * 20_000)
    row = ",".join(["1"] * 20_000)
    (folder / "equal.csv").write_text(f"{line}\n{row}\n")


def long_header(folder: Path) -> None:
    (folder / "header.csv").write_text("a" * 1_000_000 + ",b\n1,2\n3,4\n")


def line_feeds(folder: Path) -> None:
    (folder / "feeds.csv").write_bytes(b"\n" * 36_000_000)


def rows_of_feeds(folder: Path) -> None:
    (folder / "feeds.csv").write_bytes(b"a,b\n1,2\n" + b"\n" * 36_000_000 + b"3,4\n")


def folders(folder: Path) -> None:
    root = folder.parent
    for number in range(50_000):
        (root / f"t/{number:05d}").mkdir(parents=True)


def tables(folder: Path) -> None:
    for number in range(50_000):
        (folder.parent / f"u{number:05d}").mkdir(parents=True)


def keys(folder: Path) -> None:
    record = json.dumps({f"k{n}": n for n in range(1_000_000)})
    (folder / "keys.jsonl").write_text(record + "\n" + '{"a": 1}\n')


def keys_apart(folder: Path) -> None:
    with (folder / "apart.jsonl").open("w") as out:
        for number in range(1_000_000):
            out.write(f'{{"k{number}": 1}}\n')


def json_value(folder: Path) -> None:
    with (folder / "value.jsonl").open("wb") as out:
        out.write(b'{"a": "')
        for _ in range(1000):
            out.write(b"x" * 1_000_000)
        out.write(b'"}\n')


def nested(folder: Path) -> None:
    (folder / "nested.jsonl").write_text('{"a": ' + "[" * 1_000_000 + "]" * 1_000_000 + "}\n")


def sparse(folder: Path) -> None:
    with (folder / "sparse.csv").open("wb") as out:
        out.write(b"a,b\n1,2\n")
        out.truncate(10**12)


def parquet_columns(folder: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({f"c{n}": [1] for n in range(20_000)}), folder / "wide.parquet")


def grows(folder: Path) -> Callable[[], None]:
    """A file that a writer appends to as long as the run takes."""
    path, over = folder / "grows.csv", threading.Event()
    path.write_text("a,b\n" + "1,2\n" * 100_000)

    def write() -> None:
        with path.open("ab") as out:
            while not over.is_set():
                out.write(b"1,2\n" * 100_000)
                out.flush()
                sleep(0.01)

    threading.Thread(target=write, daemon=True).start()
    return over.set


BOMBS: dict[str, Callable[[Path], Callable[[], None] | None]] = {
    "20,000 columns": lambda f: columns(f, 20_000),
    "100,000 columns": lambda f: columns(f, 100_000),
    "20,000 equal names": equal_names,
    "a header of 1 M characters": long_header,
    "36 MB of line feeds": line_feeds,
    "36 MB of line feeds in a table": rows_of_feeds,
    "a field of 1 GB": field,
    "gzip of 10 GB zeros": gzip_zeros,
    "zstd of 10 GB zeros": zstd_zeros,
    "gzip of 10.7 GB text": gzip_text,
    "50,000 folders": folders,
    "50,000 tables' folders": tables,
    "1 M keys in a record": keys,
    "1 M keys, each in its record": keys_apart,
    "JSON, a value of 1 GB": json_value,
    "JSON, 1 M brackets": nested,
    "Parquet, 20,000 columns": parquet_columns,
    "a file that grows": grows,
    "a sparse file of 1 TB": sparse,
}


# --- one run, watched ---


def watched(name: str, folder: Path) -> Taken:
    inbox = folder / "inbox"
    (inbox / "bomb").mkdir(parents=True)
    (inbox / "zz_good").mkdir()
    (inbox / "zz_good" / "good.csv").write_text("a,b\n1,2\n3,4\n")
    stop = BOMBS[name](inbox / "bomb")
    pipeline = folder / "pipeline.yaml"
    pipeline.write_text(PIPELINE)
    size = sum(p.lstat().st_size for p in (inbox / "bomb").iterdir())
    command = [sys.executable, "-m", "lakefall", "run", str(pipeline), "--json"]
    began = perf_counter()
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        process = subprocess.Popen(
            command, cwd=folder, stdout=out, stderr=err, start_new_session=True
        )
        memory, disk = _watch(process, folder)
    seconds = perf_counter() - began
    if stop:
        stop()
    outcomes = _outcomes((folder / "out").read_text("utf-8", "replace"))
    words = (folder / "err").read_text("utf-8", "replace").strip().splitlines()
    bomb = next((w for k, w in outcomes.items() if k.startswith("bomb/")), " / ".join(words[-1:]))
    healthy = outcomes.get("zz_good/good.csv", "nothing")
    return Taken(seconds, memory, disk, size, process.returncode, bomb, healthy)


PIPELINE = """\
version: 1
source: {use: folder, path: inbox}
sniffer: [csv, jsonl, parquet]
sink: {use: iceberg, catalog: {type: sqlite, warehouse: lakehouse}, namespace: lakehouse}
cache: {dir: cache}
"""


def _watch(process: subprocess.Popen[bytes], folder: Path) -> tuple[float, float]:
    memory = disk = 0.0
    began, looks = perf_counter(), 0
    while process.poll() is None:
        memory = max(memory, sum(map(_resident, _family(process.pid))))
        if looks % 10 == 0:
            disk = max(disk, sum(map(_size, (folder / "cache", folder / "lakehouse"))))
        looks += 1
        if perf_counter() - began > KILLED_AT[0] or memory > KILLED_AT[1]:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        sleep(0.03)
    return memory, disk


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _family(int(child))
    except OSError:
        return


def _resident(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0.0


def _size(folder: Path) -> float:
    total = 0
    for base, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(Path(base) / name).st_blocks * 512
            except OSError:
                continue
    return total


def _outcomes(text: str) -> dict[str, str]:
    """What became of each file, by key."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        with suppress(ValueError):
            one = json.loads(line)
            words = one["error"] or f"{one['rows_loaded']:,} rows"
            found[one["key"]] = f"{one['status']}: {words}"
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="*", choices=list(BOMBS), default=list(BOMBS))
    given = parser.parse_args()
    kept = True
    print("| input | seconds | memory, MB | disk, MB | what it says | beside it |")
    print("|---|---|---|---|---|---|", flush=True)
    for name in given.only:
        with tempfile.TemporaryDirectory() as folder:
            taken = watched(name, Path(folder))
        share = taken.disk / max(taken.input, 20e6)
        kept &= taken.seconds <= SECONDS and taken.memory <= MEMORY and share <= DISK
        figures = f"{taken.seconds:.1f} | {taken.memory / 1e6:.0f} | {taken.disk / 1e6:.0f}"
        words = f"[{taken.code}] {taken.bomb}"
        print(f"| {name} | {figures} | {words} | {taken.healthy} |", flush=True)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
