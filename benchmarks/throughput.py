"""One large CSV: ``lakefall run`` into the embedded catalog beside DuckDB's bare ``COPY``.

    python benchmarks/throughput.py [--rows 1000000] [--runs 5] [--threads 2] [--times-four]

Both sides read the same file with the same number of threads and write zstd Parquet. DuckDB
detects the dialect and the types from a sample and keeps no promise about the rest; lakefall
proves structure and types on every row, writes audit columns, and commits an Iceberg table with
its registry. Each run is a process of its own, the two sides in turn. Time counts from the end of
the imports; the whole process is shown beside it. Memory is the process's peak resident set.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

from measuring import peak_mib

ROOT = Path(__file__).resolve().parent.parent
TABLE = """
    SELECT i AS id, 'user_' || (i * 7919 % 1000003) AS name,
           (hash(i) % 100000) / 100.0 AS amount,
           DATE '2020-01-01' + (i % 2000)::INT AS day,
           TIMESTAMP '2021-01-01' + (i % 10000000) * INTERVAL 1 SECOND AS seen_at,
           i % 3 = 0 AS active, hash(i) % 9999999999 AS big,
           CASE WHEN i % 10 > 0 THEN (hash(i + 1) % 1000000007) / 977.0 END AS score,
           ['red', 'green', 'blue, light', 'say "hi"'][1 + i % 4] AS colour,
           md5(i::VARCHAR) AS digest
    FROM range({rows}) t(i)
"""


def generate(path: Path, rows: int) -> None:
    """A mixed-type CSV, about 131 bytes a row: quoted delimiters and quotes, empty cells."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute(f"COPY ({TABLE.format(rows=rows)}) TO '{path}' (HEADER)")


def lakefall(source: Path, folder: Path, threads: int) -> None:
    """Child process: one run of ``pipelines/local.yaml``."""
    import duckdb  # noqa: F401
    import numpy  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import pyiceberg.catalog.sql
    import pyiceberg.io.pyarrow  # noqa: F401

    from lakefall.config.loader import open_pipeline
    from lakefall.plugin_loading.catalogue import Catalogue
    from lakefall.run.runner import Runner

    Catalogue.default().entries()  # imports every plugin
    inbox = folder / "inbox"
    (inbox / "events").mkdir(parents=True)
    os.link(source, inbox / "events" / source.name)
    os.environ["LAKEFALL_INBOX"] = str(inbox)
    os.environ["LAKEFALL_LAKEHOUSE"] = str(folder / "lakehouse")
    began = perf_counter()
    pipeline = open_pipeline(ROOT / "pipelines/local.yaml", sets=[f"engine.threads={threads}"])
    report = Runner(pipeline).run()
    seconds = perf_counter() - began
    outcome = report.outcomes[0]
    if outcome.status != "success":
        raise SystemExit(f"lakefall: {outcome.error}")
    _tell(seconds, outcome.rows_loaded)


def copy(source: Path, folder: Path, threads: int) -> None:
    """Child process: DuckDB's own way from CSV to Parquet."""
    import duckdb

    folder.mkdir()
    began = perf_counter()
    with duckdb.connect(config={"threads": threads}) as connection:
        answer = connection.execute(
            f"COPY (SELECT * FROM '{source}') TO '{folder / 'out.parquet'}' "
            "(FORMAT parquet, COMPRESSION zstd)"
        ).fetchall()
    _tell(perf_counter() - began, answer[0][0])


def _tell(seconds: float, rows: int) -> None:
    print(json.dumps({"seconds": seconds, "rows": rows, "peak_mib": peak_mib()}))


SIDES = {"lakefall": lakefall, "copy": copy}


def measure(side: str, source: Path, threads: int) -> dict[str, Any]:
    """One run of one side in a process of its own."""
    folder = Path(tempfile.mkdtemp(dir=source.parent)) / "work"
    began = perf_counter()
    try:
        done = subprocess.run(
            [sys.executable, __file__, "--child", side, str(source), str(folder), str(threads)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    finally:
        shutil.rmtree(folder.parent, ignore_errors=True)
    return {**json.loads(done.stdout.splitlines()[-1]), "process": perf_counter() - began}


def compare(rows: int, runs: int, threads: int, folder: Path) -> dict[str, dict[str, float]]:
    """Median of each side's figures, the sides taken in turn."""
    source = folder / f"rows_{rows}.csv"
    generate(source, rows)
    taken: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    for _ in range(runs):
        for side in SIDES:
            taken[side].append(measure(side, source, threads))
    megabytes = source.stat().st_size / 1e6
    source.unlink()
    print(f"\n{rows:,} rows, {megabytes:.0f} MB, {threads} threads, median of {runs}")
    print(f"{'':10}{'seconds':>9}{'process':>9}{'MB/s':>7}{'peak MiB':>10}")
    medians: dict[str, dict[str, float]] = {}
    for side, measured in taken.items():
        medians[side] = m = {
            k: statistics.median(x[k] for x in measured) for k in ("seconds", "process", "peak_mib")
        }
        print(
            f"{side:10}{m['seconds']:9.2f}{m['process']:9.2f}"
            f"{megabytes / m['seconds']:7.0f}{m['peak_mib']:10.0f}"
        )
    ratios = [a["seconds"] / b["seconds"] for a, b in zip(*taken.values(), strict=True)]
    print(f"ratio     {statistics.median(ratios):9.2f}   ({min(ratios):.2f} to {max(ratios):.2f})")
    return medians


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        side, source, folder, threads = sys.argv[2:]
        SIDES[side](Path(source), Path(folder), int(threads))
        return
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--times-four", action="store_true", help="also a file four times as large")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        first = compare(given.rows, given.runs, given.threads, Path(name))
        if given.times_four:
            large = compare(given.rows * 4, max(1, given.runs // 2), given.threads, Path(name))
            grown = large["lakefall"]["peak_mib"] / first["lakefall"]["peak_mib"]
            print(f"\nlakefall's peak memory, four times the rows: {grown:.2f} times")


if __name__ == "__main__":
    main()
