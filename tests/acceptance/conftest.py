"""The lakes that acceptance tests run on."""

from __future__ import annotations

from pathlib import Path

import pytest

from .lakes import EmbeddedLake, Lake

LAKES = {"embedded": EmbeddedLake}


@pytest.fixture(params=list(LAKES))
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    """An empty lake of each kind of pipeline."""
    return LAKES[request.param](tmp_path)


@pytest.fixture
def embedded(tmp_path: Path) -> EmbeddedLake:
    """An empty embedded lake, for what only a folder can do (links, limits, listeners)."""
    return EmbeddedLake(tmp_path)
