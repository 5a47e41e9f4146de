"""The sink keeps its laws on a REST catalog with the tables on S3."""

from __future__ import annotations

import pytest

from lakefall.testing import SinkContract
from lakefall_plugins.sinks.iceberg.sink import IcebergSink

from .servers import Servers


class TestIcebergOnRest(SinkContract):
    plugin = IcebergSink

    @pytest.fixture(autouse=True)
    def _served(self, servers: Servers, namespace: str) -> None:
        self._servers, self._namespace = servers, namespace

    def configured(self) -> dict[str, object]:
        env = self._servers.env
        return {
            "catalog": {
                "type": "rest",
                "uri": env["ICEBERG_REST_URI"],
                "s3": {"endpoint_url": env["S3_ENDPOINT_URL"]},
            },
            "namespace": self._namespace,
        }
