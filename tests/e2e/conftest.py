"""What end-to-end tests keep to themselves on the servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .servers import Servers


@pytest.fixture
def bucket(servers: Servers) -> Iterator[str]:
    """An empty bucket of its own."""
    with servers.bucket() as name:
        yield name


@pytest.fixture
def namespace(servers: Servers) -> Iterator[str]:
    """A namespace of its own that does not exist yet."""
    with servers.namespace() as name:
        yield name
