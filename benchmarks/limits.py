"""What lakefall costs beside what its parts allow: every promised figure, measured in one run.

    python -m stack run -- python benchmarks/limits.py [--only WORD ...] [--runs 5]

Needs the servers that the stack's variables name. Each side is a process of its own, the sides
taken in turn, with the same number of threads and the same compression; a figure is the median of
its runs. Every row prints what was promised and whether it was kept.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "benchmarks")]

import files  # noqa: E402
from e2e.servers import Servers, running  # noqa: E402
from measuring import Figures, command, copy_job, measure, run_job  # noqa: E402

PIPELINE = ROOT / "pipelines" / "csv_auto_ingest.yaml"
BY_TRINO = ROOT / "pipelines" / "csv_auto_ingest_trino.yaml"
DLT = ROOT / "benchmarks" / "dlt_side"
PEERS = ROOT / "benchmarks" / "peers_side"
ROWS = 1_000_000
INSERTED = 20_000
"""Rows that the specification's INSERTs are measured on; the rest is extrapolated."""


@dataclass(frozen=True, slots=True)
class Line:
    """One promise."""

    work: str
    figure: str
    promised: str
    kept: bool | None
    """None where nothing was promised."""


@dataclass
class Bench:
    """What the rows share."""

    servers: Servers
    folder: Path
    runs: int
    threads: int
    lines: list[Line] = field(default_factory=list)

    def tell(self, work: str, figure: str, promised: str = "", *, kept: bool | None = None) -> None:
        line = Line(work, figure, promised, kept)
        self.lines.append(line)
        mark = "" if kept is None else "kept" if kept else "MISSED"
        print(f"{line.work:62} {line.figure:44} {line.promised:26} {mark}", flush=True)

    @contextmanager
    def lake(self, objects: Mapping[str, Path | bytes]) -> Iterator[tuple[str, Mapping[str, str]]]:
        """A bucket with these objects and an empty namespace: settings and variables."""
        with self.servers.bucket() as bucket, self.servers.namespace() as namespace:
            client = self.servers.s3()

            def put(item: tuple[str, Path | bytes]) -> None:
                key, content = item
                if isinstance(content, Path):
                    client.upload_file(str(content), bucket, key)
                else:
                    client.put_object(Bucket=bucket, Key=key, Body=content)

            with ThreadPoolExecutor(8) as pool:
                list(pool.map(put, objects.items()))
            yield f"sink.namespace={namespace}", {"S3_INGEST_BUCKET": bucket}

    def load(
        self, objects: Mapping[str, Path | bytes], *sets: str, pipeline: Path = PIPELINE
    ) -> Figures:
        """One cold run over these objects."""
        with self.lake(objects) as (setting, env):
            return measure(run_job(pipeline, self.threads, env, setting, *sets))

    def turns(self, *sides: Callable[[], Figures]) -> list[list[Figures]]:
        """Every side as often as there are runs, in turn."""
        rounds = [[side() for side in sides] for _ in range(self.runs)]
        return [list(each) for each in zip(*rounds, strict=True)]


def middle(taken: Sequence[Figures], what: str = "seconds") -> float:
    return statistics.median(getattr(f, what) for f in taken)


def ratio(one: Sequence[Figures], other: Sequence[Figures]) -> tuple[float, str]:
    """Median of the pairs' ratios of seconds, and the same with its range in words."""
    pairs = [a.seconds / b.seconds for a, b in zip(one, other, strict=True)]
    found = statistics.median(pairs)
    return found, f"{found:.2f} ({min(pairs):.2f} to {max(pairs):.2f})"


# --- the rows ---


def large(bench: Bench) -> None:
    """The file of 131 MB beside COPY, dlt and 500-row INSERTs."""
    source = bench.folder / "rows.csv"
    files.mixed(source, ROWS)
    size = source.stat().st_size / 1e6
    objects = {"events/rows.csv": source}
    ours, copy = bench.turns(
        lambda: bench.load(objects), lambda: measure(copy_job(source, bench.threads))
    )
    found, words = ratio(ours, copy)
    bench.tell(
        f"{size:.0f} MB, S3 to Iceberg / DuckDB COPY of the local file",
        f"{words}; {middle(ours):.2f} s / {middle(copy):.2f} s",
        "at most 2.0",
        kept=found <= 2.0,
    )
    steps = {name: statistics.median(f.profile[name] for f in ours) for name in ours[0].profile}
    told = ", ".join(f"{n} {s:.2f}" for n, s in steps.items() if s >= 0.01)
    bench.tell("  its steps, seconds", told)
    own, all_of_it = middle(ours, "cpu"), middle(ours, "machine")
    bench.tell(
        "  its CPU, and that of the servers meanwhile",
        f"{own:.2f} s and {all_of_it - own:.2f} s: {all_of_it / middle(ours):.1f} cores",
    )
    others = dlt(bench, objects)
    if others:
        found = statistics.median(others) / middle(ours)
        bench.tell(
            "  dlt (filesystem to Iceberg, DuckDB's reader) / lakefall",
            f"{found:.1f}; {statistics.median(others):.1f} s",
            "at least 5",
            kept=found >= 5,
        )
    head = bench.folder / "head.csv"
    with source.open("rb") as whole, head.open("wb") as part:
        part.writelines(line for line, _ in zip(whole, range(INSERTED + 1), strict=False))
    slow = bench.load({"events/rows.csv": head}, "sink.replace=delete_insert", pipeline=BY_TRINO)
    speed = slow.rows / slow.seconds
    found = (ROWS / middle(ours)) / speed
    bench.tell(
        "  lakefall / 500-row INSERTs through Trino, rows a second",
        f"{found:,.0f}; {speed:,.0f} rows/s",
        "at least 1,000",
        kept=found >= 1000,
    )


def environment(bench: Bench, name: str, folder: Path) -> Path | None:
    """The interpreter of another side, with what its lock file names; None where none is made."""
    from stack.errors import StackError
    from stack.home import Home, install
    from stack.versions import digest

    lock = folder / "requirements.lock"
    try:
        made = Home.default(print).once(
            f"{name}-{digest(lock)}", name, lambda made: install(sys.executable, lock, made)
        )
    except StackError as error:
        bench.tell(f"  {name}", f"left out: {error}")
        return None
    return made / "bin" / "python"


def other_side(bench: Bench, python: Path, *words: str) -> dict[str, float]:
    """What a program in another environment says of its work, in its last line."""
    done = subprocess.run(
        [python, *words],
        env={**os.environ, **bench.servers.env},
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


def dlt(bench: Bench, objects: Mapping[str, Path | bytes]) -> list[float]:
    """Seconds of dlt's runs; none where its environment cannot be made."""
    python = environment(bench, "dlt", DLT)
    taken: list[float] = []
    for _ in range(bench.runs if python else 0):
        with bench.lake(objects) as (_, env), bench.servers.bucket() as target:
            assert python is not None
            words = (str(DLT / "load.py"), env["S3_INGEST_BUCKET"], target)
            taken.append(other_side(bench, python, *words)["seconds"])
    return taken


def peers(bench: Bench) -> None:
    """One file of 131 MB in S3 beside Polars and DuckDB with httpfs, which write Parquet to S3."""
    python = environment(bench, "peers", PEERS)
    if python is None:
        return
    source = bench.folder / "peers.csv"
    files.mixed(source, ROWS)
    objects = {"events/rows.csv": source}

    def other(name: str) -> Figures:
        with bench.lake(objects) as (_, env), bench.servers.bucket() as target:
            uris = (f"s3://{env['S3_INGEST_BUCKET']}/events/rows.csv", f"s3://{target}/out.parquet")
            words = (str(PEERS / "load.py"), name, *uris, str(bench.threads))
            told = other_side(bench, python, *words)
            return Figures(told["seconds"], told["cpu"], 0.0, ROWS)

    ours, polars, httpfs = bench.turns(
        lambda: bench.load(objects), lambda: other("polars"), lambda: other("httpfs")
    )
    for what, name, most in (("seconds", "wall", 1.35), ("cpu", "own CPU", 1.4)):
        taken = [middle(side, what) for side in (ours, polars, httpfs)]
        found = taken[0] / min(taken[1:])
        bench.tell(
            f"the same file, S3 to S3: {name} of lakefall / the faster peer",
            f"{found:.2f}; {taken[0]:.2f} s, Polars {taken[1]:.2f} s, httpfs {taken[2]:.2f} s",
            f"at most {most}",
            kept=found <= most,
        )


def growing(bench: Bench) -> None:
    """1 GB and 4 GB: the same speed, flat memory, little disk."""
    speeds: list[float] = []
    for gigabytes in (1, 4):
        source = bench.folder / "large.csv"
        files.mixed(source, 7_500_000 * gigabytes)
        size = source.stat().st_size
        taken = [bench.load({"events/rows.csv": source}) for _ in range(bench.runs)]
        source.unlink()
        speeds.append(middle(taken) / (size / 1e9))
        peak, disk = (middle(taken, what) for what in ("peak_mib", "disk"))
        bench.tell(
            f"{size / 1e9:.1f} GB: peak memory, temporary disk",
            f"{peak:.0f} MiB, {disk / size:.2f} times the file",
            "at most 700 MB, 1.5 times",
            kept=peak * 1.048576 <= 700 and disk <= 1.5 * size,
        )
    apart = max(speeds) / min(speeds) - 1
    bench.tell(
        "seconds per GB, 1 GB and 4 GB",
        f"{speeds[0]:.1f} and {speeds[1]:.1f}: {apart:.0%} apart",
        "within 20 %",
        kept=apart <= 0.2,
    )


def shapes(bench: Bench) -> None:
    """Wide, long, empty, quoted, compressed, legacy: beside the plain file's seconds per MB."""
    plain = 0.0
    for name, (file, make, rows) in files.SHAPES.items():
        source = bench.folder / file
        make(source, rows)
        size = source.stat().st_size / 1e6
        taken = [bench.load({f"events/{file}": source}) for _ in range(bench.runs)]
        source.unlink()
        speed = middle(taken) / size
        plain = plain or speed
        bench.tell(
            f"{name}: {size:.0f} MB, seconds per MB / the plain file's",
            f"{speed / plain:.2f}; {middle(taken):.2f} s, {middle(taken, 'peak_mib'):.0f} MiB",
            "at most 3" if name != "plain" else "",
            kept=speed / plain <= 3 if name != "plain" else None,
        )


def many(bench: Bench) -> None:
    """1,000 files of 10 KB into 50 tables."""
    objects: dict[str, Path | bytes] = {
        f"table_{n % 50:02d}/file_{n:04d}.csv": files.small(n) for n in range(1000)
    }
    taken: list[Figures] = []
    commits: dict[str, int] = {}
    for _ in range(bench.runs):
        with bench.lake(objects) as (setting, env):
            taken.append(measure(run_job(PIPELINE, bench.threads, env, setting)))
            catalog, namespace = bench.servers.catalog(), setting.partition("=")[2]
            for space, name in catalog.list_tables((namespace,)):
                made = len(catalog.load_table((space, name)).snapshots())
                commits[name] = max(made, commits.get(name, 0))
    seconds, slowest = middle(taken), max(f.seconds for f in taken)
    data = max(n for name, n in commits.items() if not name.startswith("_"))
    bench.tell(
        "1,000 files of 10 KB into 50 tables, cold",
        f"{seconds:.1f} s (at most {slowest:.1f}), {data} commit a table, "
        f"{commits['_ingest_registry']} of registry",
        "at most 20 s, 1, 1",
        kept=seconds <= 20 and data == 1 and commits["_ingest_registry"] == 1,
    )


def nothing(bench: Bench) -> None:
    """An empty bucket in a cold process."""
    with bench.lake({}) as (setting, env):
        job = run_job(PIPELINE, bench.threads, env, setting)
        words = ["run", str(PIPELINE)]
        words += [w for s in job.sets for w in ("--set", s)]
        taken = [command(words, env) for _ in range(bench.runs)]
    seconds = statistics.median(s for s, _ in taken)
    bench.tell(
        "`lakefall run` on an empty bucket, the whole process",
        f"{seconds:.2f} s, {max(m for _, m in taken):.0f} MiB",
        "at most 1.5 s",
        kept=seconds <= 1.5,
    )


def unchanged(bench: Bench) -> None:
    """10,000 files that are all loaded."""
    from scan import bucket_of, clean, pipeline_file, register

    with bucket_of(10_000) as bucket:
        path = pipeline_file(bucket, bench.folder, rest=True)
        register(path)
        taken = [command(["run", str(path)], {}) for _ in range(bench.runs)]
        clean(path)
    seconds, peak = statistics.median(s for s, _ in taken), max(m for _, m in taken)
    bench.tell(
        "10,000 unchanged files, the whole process",
        f"{seconds:.1f} s, {peak:.0f} MiB",
        "at most 5 s, 300 MB",
        kept=seconds <= 5 and peak * 1.048576 <= 300,
    )


def crowd(bench: Bench) -> None:
    """200,000 objects, of which the registry knows 100,000."""
    from scan import bucket_of, clean, pipeline_file, register

    with bucket_of(200_000) as bucket:
        path = pipeline_file(bucket, bench.folder, rest=True)
        register(path, known=100_000)
        taken = measure_scan(path)
        clean(path)
    bench.tell(
        "200,000 objects, 100,000 in the registry: scan and compare",
        f"{taken['all']:.1f} s, {taken['peak']:.0f} MiB",
        "at most 60 s",
        kept=taken["all"] <= 60,
    )


def measure_scan(path: Path) -> dict[str, Any]:
    """A scan in a process of its own."""
    code = (
        "import json, sys\n"
        f"sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'benchmarks')!r}]\n"
        "from pathlib import Path\n"
        "from measuring import peak_mib\n"
        "from scan import scan\n"
        "found = scan(Path(sys.argv[1]), every=False)\n"
        "print(json.dumps({**found, 'peak': peak_mib()}))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, str(path)], check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return found


def several(bench: Bench) -> None:
    """8 files of 130 MB into 4 tables, beside one of them."""
    source = bench.folder / "rows.csv"
    files.mixed(source, ROWS)
    one, all_of_them = bench.turns(
        lambda: bench.load({"t0/f0.csv": source}),
        lambda: bench.load({f"t{n % 4}/f{n}.csv": source for n in range(8)}),
    )
    found = statistics.median(
        many.seconds / (8 * single.seconds) for single, many in zip(one, all_of_them, strict=True)
    )
    cores, peak = middle(all_of_them, "cores"), middle(all_of_them, "peak_mib")
    busy = middle(all_of_them, "machine") / middle(all_of_them)
    bench.tell(
        "8 files of 130 MB into 4 tables / 8 times one file",
        f"{found:.2f}; {busy:.2f} cores, {cores:.2f} of them its own, {peak:.0f} MiB",
        "at most 0.9, 1.6 cores, 1 GB",
        kept=found <= 0.9 and busy >= 1.6 and peak * 1.048576 <= 1000,
    )


EVERY = (large, peers, growing, shapes, many, unchanged, crowd, nothing, several)


def markdown(lines: Sequence[Line]) -> str:
    marks = {True: "yes", False: "**no**", None: ""}
    rows = [f"| {x.work} | {x.figure} | {x.promised} | {marks[x.kept]} |" for x in lines]
    return "\n".join(["| work | measured | promised | kept |", "|---|---|---|---|", *rows]) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    names = [each.__name__ for each in EVERY]
    parser.add_argument("--only", nargs="*", choices=names, default=names)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--markdown", type=Path, help="also write the table there")
    given = parser.parse_args()
    servers = running()
    if servers is None:
        print("no servers: python -m stack run -- python benchmarks/limits.py", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(servers, Path(name), given.runs, given.threads)
        for each in EVERY:
            if each.__name__ in given.only:
                each(bench)
    if given.markdown:
        given.markdown.write_text(markdown(bench.lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
