"""What others do with one CSV in a bucket: zstd Parquet in a bucket. In an environment of its own.

Usage: load.py polars|httpfs SOURCE-URI TARGET-URI THREADS. The addresses come from the stack's
variables. Types are inferred from the first rows; nothing is proved and nothing committed. Prints
seconds and seconds of CPU, from the end of the imports, as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from time import perf_counter, process_time


def by_polars(source: str, target: str) -> None:
    import polars

    options = {
        "aws_endpoint_url": os.environ["S3_ENDPOINT_URL"],
        "aws_allow_http": "true",
        "aws_region": os.environ.get("AWS_REGION", "us-east-1"),
        "aws_access_key_id": os.environ["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": os.environ["AWS_SECRET_ACCESS_KEY"],
    }
    rows = polars.scan_csv(source, storage_options=options, try_parse_dates=True)
    rows.sink_parquet(target, compression="zstd", storage_options=options)


def by_httpfs(source: str, target: str, threads: int) -> None:
    import duckdb
    import duckdb_extension_httpfs

    [extension] = Path(duckdb_extension_httpfs.__path__[0]).rglob("httpfs.duckdb_extension")
    scheme, _, host = os.environ["S3_ENDPOINT_URL"].partition("://")
    with duckdb.connect(config={"threads": threads}) as connection:
        connection.execute(f"LOAD '{extension}'")
        connection.execute(
            f"CREATE SECRET (TYPE s3, KEY_ID '{os.environ['AWS_ACCESS_KEY_ID']}', "
            f"SECRET '{os.environ['AWS_SECRET_ACCESS_KEY']}', ENDPOINT '{host}', URL_STYLE 'path', "
            f"USE_SSL {'true' if scheme == 'https' else 'false'})"
        )
        connection.execute(
            f"COPY (SELECT * FROM read_csv('{source}')) TO '{target}' "
            "(FORMAT parquet, COMPRESSION zstd)"
        )


def main(side: str, source: str, target: str, threads: str) -> None:
    os.environ["POLARS_MAX_THREADS"] = threads
    if side == "polars":
        import polars  # noqa: F401
    else:
        import duckdb  # noqa: F401
    began, cpu = perf_counter(), process_time()
    if side == "polars":
        by_polars(source, target)
    else:
        by_httpfs(source, target, int(threads))
    print(json.dumps({"seconds": perf_counter() - began, "cpu": process_time() - cpu}))


if __name__ == "__main__":
    main(*sys.argv[1:])
