"""dlt's fastest way from a bucket to Iceberg, in its own environment.

Usage: load.py SOURCE-BUCKET TARGET-BUCKET. The addresses come from the stack's variables. Prints
seconds, from the end of the imports, and rows as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from time import perf_counter
from typing import Any


def main(source: str, target: str) -> None:
    keys = {
        "AWS_ACCESS_KEY_ID": os.environ["AWS_ACCESS_KEY_ID"],
        "AWS_SECRET_ACCESS_KEY": os.environ["AWS_SECRET_ACCESS_KEY"],
        "ENDPOINT_URL": os.environ["S3_ENDPOINT_URL"],
        "REGION_NAME": os.environ.get("AWS_REGION", "us-east-1"),
    }
    for side in ("SOURCES", "DESTINATION"):
        for name, value in keys.items():
            os.environ[f"{side}__FILESYSTEM__CREDENTIALS__{name}"] = value
    os.environ["DESTINATION__FILESYSTEM__BUCKET_URL"] = f"s3://{target}"
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"

    import dlt
    import duckdb  # noqa: F401
    import pyiceberg.io.pyarrow  # noqa: F401
    from dlt.sources.filesystem import filesystem, read_csv_duckdb

    with tempfile.TemporaryDirectory() as folder:
        began = perf_counter()
        pipeline = dlt.pipeline(
            pipeline_name="limits",
            destination="filesystem",
            dataset_name="limits",
            pipelines_dir=folder,
        )
        files: Any = filesystem(bucket_url=f"s3://{source}", file_glob="*/*.csv")
        rows = (files | read_csv_duckdb(use_pyarrow=True)).with_name("rows")
        pipeline.run(rows, table_format="iceberg", write_disposition="replace")
        seconds = perf_counter() - began
    counts = pipeline.last_trace.last_normalize_info.row_counts
    print(json.dumps({"seconds": seconds, "rows": counts["rows"]}))


if __name__ == "__main__":
    main(*sys.argv[1:])
