"""The lakes that acceptance tests run on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from e2e.servers import Servers

from .lakes import EmbeddedLake, Lake
from .server_lakes import IcebergLake, ServerLake, TrinoLake

SERVER_LAKES = {"s3-iceberg": IcebergLake, "s3-trino": TrinoLake}
"""The production pipelines: the object store as the source, each sink."""


KINDS = ("embedded", *SERVER_LAKES)


@contextmanager
def empty_lake(request: pytest.FixtureRequest, folder: Path) -> Iterator[Lake]:
    """An empty lake of the kind that a fixture is asked for."""
    if request.param == "embedded":
        yield EmbeddedLake(folder)
        return
    servers: Servers = request.getfixturevalue("servers")
    with SERVER_LAKES[request.param].on(servers, folder) as lake:
        yield lake


@pytest.fixture(params=KINDS)
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lake]:
    """An empty lake of each kind of pipeline."""
    with empty_lake(request, tmp_path) as lake:
        yield lake


@pytest.fixture(params=list(SERVER_LAKES))
def server_lake(
    request: pytest.FixtureRequest, servers: Servers, tmp_path: Path
) -> Iterator[ServerLake]:
    """An empty lake of each production pipeline."""
    with SERVER_LAKES[request.param].on(servers, tmp_path) as lake:
        yield lake


@pytest.fixture
def embedded(tmp_path: Path) -> EmbeddedLake:
    """An empty embedded lake, for what only a folder can do (links, limits, listeners)."""
    return EmbeddedLake(tmp_path)
