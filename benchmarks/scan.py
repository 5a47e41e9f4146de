"""Listing a bucket and deciding what has to be loaded: 1,000 and 20,000 objects.

    eval "$(make stack-env)"; python benchmarks/scan.py [--objects 1000 20000] [--runs 3]

Needs the object store that ``S3_ENDPOINT_URL`` names, and makes a bucket of its own there. The
registry holds every object as loaded into one of 50 tables, so that each has to be compared, in the
embedded catalog or, with ``--rest``, in the catalog that ``ICEBERG_REST_URI`` names. Each run is a
fresh pipeline; time counts from the end of the imports. ``cpu`` is this process's own part of it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from measuring import peak_mib

NEEDED = ("S3_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
TABLES = 50
TARGET = {1_000: 2.0}
"""Objects -> seconds that listing and deciding may take."""
PIPELINE = """
source: {{use: s3, bucket: {bucket}, endpoint_url: "{endpoint}", max_files_per_run: 0}}
sink: {{use: iceberg, namespace: {namespace}, catalog: {catalog}}}
cache: {{dir: {folder}/cache}}
"""


@contextmanager
def bucket_of(objects: int) -> Iterator[str]:
    """A bucket with so many small objects; removed in the end."""
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "s3",
        endpoint_url=os.environ["S3_ENDPOINT_URL"],
        region_name=os.environ.get("AWS_REGION", "us-east-1"),
        config=Config(s3={"addressing_style": "path"}, max_pool_connections=16),
    )
    name = f"scan-{uuid.uuid4().hex[:12]}"
    keys = [f"t{n % TABLES:02d}/2024/{n:06d}.csv" for n in range(objects)]
    client.create_bucket(Bucket=name)
    try:
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda k: client.put_object(Bucket=name, Key=k, Body=b"a\n1\n"), keys))
        yield name
    finally:
        for start in range(0, objects, 1000):
            some = [{"Key": key} for key in keys[start : start + 1000]]
            client.delete_objects(Bucket=name, Delete={"Objects": some, "Quiet": True})
        client.delete_bucket(Bucket=name)


def pipeline_file(bucket: str, folder: Path, *, rest: bool) -> Path:
    """A pipeline over the bucket with a registry of its own."""
    catalog = f"{{type: sqlite, warehouse: {folder}/lake}}"
    if rest:
        s3 = f'{{endpoint_url: "{os.environ["S3_ENDPOINT_URL"]}"}}'
        catalog = f'{{type: rest, uri: "{os.environ["ICEBERG_REST_URI"]}", s3: {s3}}}'
    path = folder / "pipeline.yaml"
    path.write_text(
        PIPELINE.format(
            bucket=bucket,
            endpoint=os.environ["S3_ENDPOINT_URL"],
            namespace=bucket.replace("-", "_"),
            catalog=catalog,
            folder=folder,
        )
    )
    return path


def register(path: Path, known: int | None = None) -> None:
    """Make the tables and record objects as loaded, in four runs, as a lake that grew.

    ``known`` of them, or every one.
    """
    import pyarrow as pa

    from lakefall.config.loader import open_pipeline
    from lakefall.contract.values import Outcome, Status
    from lakefall.run.runner import Runner

    runner = Runner(open_pipeline(path))
    with runner.start() as run:
        files = runner.list_files(run)
        done = [Outcome(f, Status.SUCCESS, rows_loaded=1) for f in files[:known]]
        for part in range(4):
            run.pipeline.record(run, done[part::4])
    lake = lake_of(path)
    schema = pa.schema([("a", pa.int32()), ("_source_file", pa.string())])
    for table in sorted({f.table for f in files}):
        lake.catalog.create_table((lake.namespace, table), schema)


def scan(path: Path, *, every: bool = True) -> dict[str, float]:
    """Seconds of listing and of deciding, in a fresh pipeline; ``every`` object is known."""
    from lakefall.config.loader import open_pipeline
    from lakefall.run.runner import Runner

    runner = Runner(open_pipeline(path))
    with runner.start() as run:
        began, cpu = perf_counter(), process_time()
        files = runner.list_files(run)
        listed = perf_counter()
        decisions = run.pipeline.pending(run, files)
        decided = perf_counter()
        cpu = process_time() - cpu
    if every and any(d.pending for d in decisions):
        raise SystemExit("scan: not every file is known")
    return {
        "list": listed - began,
        "decide": decided - listed,
        "all": decided - began,
        "cpu": cpu,
    }


def lake_of(path: Path) -> Any:
    """The sink's tables, beside the pipeline."""
    from lakefall.config.loader import open_pipeline
    from lakefall.contract.plugin import Stage

    (use,) = open_pipeline(path).config.uses[Stage.SINK]
    sink: Any = use.plugin(use.options)
    return sink.lake


def clean(path: Path) -> None:
    """Drop what a REST catalog keeps."""
    lake = lake_of(path)
    for table in lake.catalog.list_tables((lake.namespace,)):
        lake.catalog.drop_table(table)
    lake.catalog.drop_namespace((lake.namespace,))


def measure(objects: int, runs: int, *, rest: bool) -> None:
    with tempfile.TemporaryDirectory() as name, bucket_of(objects) as bucket:
        path = pipeline_file(bucket, Path(name), rest=rest)
        register(path)
        taken = [scan(path) for _ in range(runs)]
        if rest:
            clean(path)
    m = {k: statistics.median(t[k] for t in taken) for k in taken[0]}
    target = TARGET.get(objects)
    word = "met" if target and m["all"] < target else "MISSED"
    said = f"   target {target:g} s: {word}" if target else ""
    peak = peak_mib()
    print(
        f"{objects:>10,}{m['list']:>9.2f}{m['decide']:>9.2f}{m['all']:>9.2f}{m['cpu']:>9.2f}{peak:>10.0f}{said}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--objects", type=int, nargs="+", default=[1_000, 20_000])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rest", action="store_true", help="the registry in a REST catalog")
    given = parser.parse_args()
    needed = (*NEEDED, "ICEBERG_REST_URI") if given.rest else NEEDED
    if missing := [name for name in needed if not os.environ.get(name)]:
        print(
            f"SKIPPED: {', '.join(missing)} not set; `make stack-up`, then "
            '`eval "$(make stack-env)"`',
            file=sys.stderr,
        )
        return
    import boto3  # noqa: F401
    import pyiceberg.catalog.rest
    import pyiceberg.catalog.sql
    import pyiceberg.io.pyarrow  # noqa: F401

    where = "REST catalog" if given.rest else "embedded catalog"
    print(f"\nseconds, median of {given.runs}; registry of all objects in the {where}")
    print(f"{'objects':>10}{'list':>9}{'decide':>9}{'all':>9}{'cpu':>9}{'peak MiB':>10}")
    for objects in given.objects:
        measure(objects, given.runs, rest=given.rest)


if __name__ == "__main__":
    main()
