"""The sink `trino` keeps the laws of a sink, on a real Trino."""

from __future__ import annotations

import pytest

from lakefall.testing import SinkContract
from lakefall_plugins.sinks.trino.sink import TrinoSink

from .servers import Servers


class TestTrino(SinkContract):
    plugin = TrinoSink

    @pytest.fixture(autouse=True)
    def _servers(self, servers: Servers, namespace: str) -> None:
        self.place = {"url": servers.env["TRINO_URL"], "namespace": namespace}

    def configured(self) -> dict[str, object]:
        return dict(self.place)
