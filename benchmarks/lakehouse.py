"""The production pipelines on real servers, side by side.

    eval "$(make stack-env)"; python benchmarks/lakehouse.py [--rows 1000000] [--runs 3]

Three ways for the same rows: from S3 into Iceberg through the REST catalog
(``pipelines/csv_auto_ingest.yaml``), from S3 through Trino's SQL
(``pipelines/csv_auto_ingest_trino.yaml``, 500 rows a statement, on the first 20,000 rows), and
DuckDB's bare ``COPY`` of the local file to zstd Parquet, which promises nothing about the rest of
the file. Then 1,000 files of 10 KB into 50 tables. Each run is a process of its own, in a bucket
and a namespace of its own, without registrars; time counts from the end of the imports.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "benchmarks")]

from e2e.servers import Servers, running  # noqa: E402
from measuring import child  # noqa: E402
from throughput import generate  # noqa: E402

PIPELINES = {"iceberg": "csv_auto_ingest.yaml", "trino": "csv_auto_ingest_trino.yaml"}
SMALL_FILES, SMALL_TABLES, SMALL_ROWS = 1000, 50, 120
Figures = dict[str, float]


def load(sink: str, bucket: str, namespace: str, threads: int) -> None:
    """Child process: one run of a pipeline, tables and registry in a namespace of its own."""
    import boto3  # noqa: F401
    import duckdb  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import pyiceberg.catalog.rest
    import pyiceberg.io.pyarrow  # noqa: F401
    import trino  # noqa: F401

    from lakefall.config.loader import open_pipeline
    from lakefall.plugin_loading.catalogue import Catalogue
    from lakefall.run.runner import Runner

    Catalogue.default().entries()  # imports every plugin
    os.environ["S3_INGEST_BUCKET"] = bucket
    with tempfile.TemporaryDirectory() as cache:
        pipeline = open_pipeline(
            ROOT / "pipelines" / PIPELINES[sink],
            sets=[
                f"engine.threads={threads}",
                f"sink.namespace={namespace}",
                f"cache.dir={cache}",
                "catalog_registrar=[]",
            ],
        )
        began = perf_counter()
        report = Runner(pipeline).run()
        seconds = perf_counter() - began
    failed = [o for o in report.outcomes if o.status != "success"]
    if failed:
        raise SystemExit(f"{failed[0].file.key}: {failed[0].error}")
    tell(seconds, sum(o.rows_loaded for o in report.outcomes))


def copy(source: str, threads: int) -> None:
    """Child process: DuckDB's own way from CSV to Parquet."""
    import duckdb

    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        connection.execute(f"SET threads = {threads}")
        began = perf_counter()
        answer = connection.execute(
            f"COPY (SELECT * FROM '{source}') TO '{folder}/out.parquet' "
            "(FORMAT parquet, COMPRESSION zstd)"
        ).fetchall()
        tell(perf_counter() - began, answer[0][0])


def tell(seconds: float, rows: int) -> None:
    print(json.dumps({"seconds": seconds, "rows": rows}))


def loaded(servers: Servers, sink: str, source: Path, threads: int) -> Figures:
    """One file from a bucket of its own."""
    with servers.bucket() as bucket, servers.namespace() as namespace:
        servers.s3().upload_file(str(source), bucket, "events/rows.csv")
        return child(__file__, "load", sink, bucket, namespace, threads)


def small(servers: Servers, threads: int) -> tuple[Figures, int]:
    """Many small files; also the most data commits that any table got."""
    header = "id,name,amount,day,note\n"
    line = "{n},name {n},{n}.25,2024-01-{d:02d},some words that fill a line to eighty characters\n"
    with servers.bucket() as bucket, servers.namespace() as namespace:

        def put(number: int) -> None:
            rows = (line.format(n=number * 1000 + i, d=1 + i % 28) for i in range(SMALL_ROWS))
            key = f"table_{number % SMALL_TABLES:02d}/file_{number:04d}.csv"
            client.put_object(Bucket=bucket, Key=key, Body=(header + "".join(rows)).encode())

        client = servers.s3()
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(put, range(SMALL_FILES)))
        figures = child(__file__, "load", "iceberg", bucket, namespace, threads)
        catalog = servers.catalog()
        tables = [t for t in catalog.list_tables((namespace,)) if not t[-1].startswith("_")]
        if len(tables) != SMALL_TABLES:
            raise SystemExit(f"{len(tables)} tables, not {SMALL_TABLES}")
        return figures, max(len(catalog.load_table(t).snapshots()) for t in tables)


def table(lines: list[tuple[str, float, float]], reference: float) -> None:
    """Seconds, rows a second, and how many times the reference that is."""
    print(f"{'':42}{'seconds':>9}{'rows/s':>11}{'times COPY':>12}")
    for name, rows, seconds in lines:
        speed = rows / seconds
        print(f"{name:42}{seconds:9.2f}{speed:11,.0f}{reference / speed:12.2f}")


def compare(servers: Servers, given: argparse.Namespace, folder: Path) -> None:
    source, head = folder / "rows.csv", folder / "head.csv"
    generate(source, given.rows)
    with source.open("rb") as whole, head.open("wb") as part:
        part.writelines(line for line, _ in zip(whole, range(given.head + 1), strict=False))
    taken: dict[str, list[Figures]] = {"iceberg": [], "copy": [], "trino": []}
    for _ in range(given.runs):
        taken["iceberg"].append(loaded(servers, "iceberg", source, given.threads))
        taken["copy"].append(child(__file__, "copy", source, given.threads))
    taken["trino"].append(loaded(servers, "trino", head, given.threads))
    middle = {k: statistics.median(f["seconds"] for f in v) for k, v in taken.items()}
    print(
        f"\n{source.stat().st_size / 1e6:.0f} MB, {given.threads} threads, median of {given.runs}"
    )
    rows = {k: v[0]["rows"] for k, v in taken.items()}
    table(
        [
            ("DuckDB COPY, local file to Parquet", rows["copy"], middle["copy"]),
            ("S3 -> Iceberg through REST", rows["iceberg"], middle["iceberg"]),
            (f"S3 -> Trino SQL, {rows['trino']:,} rows", rows["trino"], middle["trino"]),
        ],
        rows["copy"] / middle["copy"],
    )
    speeds = {k: rows[k] / middle[k] for k in rows}
    print(f"\nIceberg over Trino SQL, rows a second: {speeds['iceberg'] / speeds['trino']:,.0f}")
    print(f"Trino SQL for the whole file, extrapolated: {given.rows / speeds['trino']:,.0f} s")


def report_small(servers: Servers, threads: int) -> None:
    figures, commits = small(servers, threads)
    print(
        f"{SMALL_FILES:,} files of 10 KB into {SMALL_TABLES} tables: {figures['seconds']:.1f} s, "
        f"{figures['rows']:,.0f} rows, at most {commits} data commits a table"
    )


def main() -> None:
    if sys.argv[1:3] == ["--child", "load"]:
        sink, bucket, namespace, threads = sys.argv[3:]
        load(sink, bucket, namespace, int(threads))
        return
    if sys.argv[1:3] == ["--child", "copy"]:
        copy(sys.argv[3], int(sys.argv[4]))
        return
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--head", type=int, default=20_000, help="rows for Trino's SQL")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", choices=("large", "small"), help="half of it")
    given = parser.parse_args()
    servers = running()
    if servers is None:
        raise SystemExit('no servers in the environment: make stack-up; eval "$(make stack-env)"')
    if given.only != "small":
        with tempfile.TemporaryDirectory() as name:
            compare(servers, given, Path(name))
    if given.only != "large":
        report_small(servers, given.threads)


if __name__ == "__main__":
    main()
