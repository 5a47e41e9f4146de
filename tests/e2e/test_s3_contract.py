"""The source s3 keeps the laws of sources, on the real object store."""

from __future__ import annotations

from typing import Any

import pytest

from lakefall.testing import SourceContract
from lakefall_plugins.sources.s3.source import S3Source

from .servers import Servers


class TestS3(SourceContract):
    plugin = S3Source
    options = {"bucket": "csv-uploads"}

    @pytest.fixture(autouse=True)
    def _bucket(self, servers: Servers, bucket: str) -> None:
        self.servers, self.name = servers, bucket

    def configured(self) -> dict[str, Any]:
        return {"bucket": self.name, "endpoint_url": self.servers.env["S3_ENDPOINT_URL"]}

    def put(self, key: str, content: bytes) -> None:
        self.servers.s3().put_object(Bucket=self.name, Key=key, Body=content)

    def remove(self, key: str) -> None:
        self.servers.s3().delete_object(Bucket=self.name, Key=key)
