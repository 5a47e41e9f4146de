"""Imports the libraries that built-in plugins import when they are first used, where they are
installed.

For a process from which others are forked (``lakefall.airflow.preload``): nothing is connected to,
nothing is started.
"""

from __future__ import annotations

import importlib
from contextlib import suppress

from lakefall_plugins.sources.s3.client import models

LIBRARIES = (
    "duckdb",
    "pyarrow.compute",
    "pyarrow.csv",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "boto3.s3.transfer",
    "pyiceberg.avro.decoder_fast",
    "pyiceberg.catalog.rest",
    "pyiceberg.catalog.sql",
    "pyiceberg.io.pyarrow",
    "requests",
    "trino.dbapi",
)


def preload() -> None:
    for name in LIBRARIES:
        with suppress(ImportError):
            importlib.import_module(name)
    with suppress(ImportError):
        _describe_s3()


def _describe_s3() -> None:
    """Read what botocore reads for a client of S3."""
    from botocore.exceptions import DataNotFoundError

    with suppress(DataNotFoundError):
        for kind in ("service-2", "endpoint-rule-set-1"):
            models(None).load_service_model("s3", kind, api_version=None)
        for name in ("endpoints", "partitions", "sdk-default-configuration"):
            models(None).load_data(name)


preload()
