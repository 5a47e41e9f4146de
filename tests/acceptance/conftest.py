"""The lakes that acceptance tests run on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from e2e.servers import Servers

from .cells import ICEBERG, ON_SERVERS, TRINO
from .lakes import EmbeddedLake, Lake
from .server_lakes import IcebergLake, ServerLake, TrinoLake

SERVER_LAKES = {ICEBERG: IcebergLake, TRINO: TrinoLake}
"""The production pipelines: the object store as the source, each sink."""


LAKES = ("lake", "columns")
"""Fixtures of which there is one for each kind of lake; ``columns`` is in ``test_values``."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test on the embedded pipeline, and on the servers where ``cells`` says why."""
    for name in LAKES:
        if name in metafunc.fixturenames:
            cells = ON_SERVERS.get(metafunc.function.__name__)
            kinds = ("embedded", *(cells.lakes if cells else ()))
            scope = "module" if name == "columns" else "function"
            metafunc.parametrize(name, kinds, indirect=True, scope=scope)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    limited = [(item, cell) for item in items if (cell := limited_cell(item))]
    chosen = {item for item, (name, _, rest) in limited if rest in ON_SERVERS[name].only}
    left_out = [item for item, _ in limited if item not in chosen]
    missing = {cell[:2] for _, cell in limited} - {c[:2] for item, c in limited if item in chosen}
    if missing:
        raise pytest.UsageError(f"`cells` names no parameters of these that exist: {missing}")
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


def limited_cell(item: pytest.Item) -> tuple[str, str, str] | None:
    """Test, server lake and other parameters, where ``cells`` limits which of them run there."""
    name, callspec = getattr(item, "originalname", ""), getattr(item, "callspec", None)
    cells = ON_SERVERS.get(name)
    if cells is None or callspec is None or not cells.only:
        return None
    kind, _, rest = callspec.id.partition("-")
    if kind == "s3":
        kind, _, rest = callspec.id.removeprefix("s3-").partition("-")
        return name, f"s3-{kind}", rest
    return None


@contextmanager
def empty_lake(request: pytest.FixtureRequest, folder: Path) -> Iterator[Lake]:
    """An empty lake of the kind that a fixture is asked for."""
    if request.param == "embedded":
        yield EmbeddedLake(folder)
        return
    servers: Servers = request.getfixturevalue("servers")
    with SERVER_LAKES[request.param].on(servers, folder) as lake:
        yield lake


@pytest.fixture
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lake]:
    """An empty lake of a kind of pipeline."""
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
