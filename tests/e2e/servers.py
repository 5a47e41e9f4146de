"""The real servers that end-to-end tests talk to, as their environment variables name them."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

VARIABLES = (
    "S3_ENDPOINT_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_REGION",
    "S3_INGEST_BUCKET",
    "ICEBERG_REST_URI",
    "TRINO_URL",
    "SUPERSET_URL",
    "SUPERSET_USERNAME",
    "SUPERSET_PASSWORD",
)


@dataclass(frozen=True, slots=True)
class Servers:
    """A running stack. Tests keep apart by buckets and namespaces of their own."""

    env: Mapping[str, str]

    def s3(self) -> Any:
        """A boto3 client of the object store; threads may share it."""
        return _client(
            self.env["S3_ENDPOINT_URL"],
            self.env["AWS_ACCESS_KEY_ID"],
            self.env["AWS_SECRET_ACCESS_KEY"],
            self.env["AWS_REGION"],
        )

    def catalog(self) -> Any:
        """A PyIceberg client of the REST catalog."""
        from pyiceberg.catalog.rest import RestCatalog

        return RestCatalog(
            "servers",
            **{
                "uri": self.env["ICEBERG_REST_URI"],
                "s3.endpoint": self.env["S3_ENDPOINT_URL"],
                "s3.access-key-id": self.env["AWS_ACCESS_KEY_ID"],
                "s3.secret-access-key": self.env["AWS_SECRET_ACCESS_KEY"],
                "s3.region": self.env["AWS_REGION"],
            },
        )

    def trino(self, sql: str) -> list[list[Any]]:
        """The rows that Trino answers; names are relative to the catalog ``iceberg``."""
        import trino

        url = urlsplit(self.env["TRINO_URL"])
        with trino.dbapi.connect(
            host=url.hostname, port=url.port, user="tests", catalog="iceberg", schema="lakehouse"
        ) as connection:
            cursor = connection.cursor()
            cursor.execute(sql)
            return [list(row) for row in cursor.fetchall()]

    @contextmanager
    def bucket(self) -> Iterator[str]:
        """An empty bucket of its own, removed with everything in it."""
        name = f"test-{uuid.uuid4().hex[:12]}"
        client = self.s3()
        client.create_bucket(Bucket=name)
        try:
            yield name
        finally:
            for page in client.get_paginator("list_objects_v2").paginate(Bucket=name):
                for found in page.get("Contents", ()):
                    client.delete_object(Bucket=name, Key=found["Key"])
            client.delete_bucket(Bucket=name)

    @contextmanager
    def namespace(self) -> Iterator[str]:
        """A namespace of its own that does not exist yet, removed with its tables."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        try:
            yield name
        finally:
            catalog = self.catalog()
            if catalog.namespace_exists((name,)):
                for table in catalog.list_tables((name,)):
                    catalog.drop_table(table)
                catalog.drop_namespace((name,))


@cache
def _client(endpoint: str, key: str, secret: str, region: str) -> Any:
    """Made once a process: it reads the description of the whole service."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        region_name=region,
        config=Config(s3={"addressing_style": "path"}),
    )


def running() -> Servers | None:
    """The stack that the environment names; None where it names none."""
    if any(not os.environ.get(name) for name in VARIABLES):
        return None
    return Servers({name: os.environ[name] for name in VARIABLES})
