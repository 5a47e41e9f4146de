"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from e2e.servers import Servers, running

from stack import Stack

# A project of its own: its tests run where it is installed (contracts/test_plugin_project.py).
collect_ignore = ["plugin_project"]

MISSING = (
    "no servers: `stack/bootstrap` installs what they need, `make test` starts them, and "
    '`eval "$(make stack-env)"` after `make stack-up` names those that run'
)


@pytest.fixture(scope="session")
def servers() -> Servers:
    found = running()
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    return found


@pytest.fixture(scope="session")
def stack(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A second set of servers, which may be stopped without hurting other tests.

    Tests that use it are in the group ``outages``: one process, one stack.
    """
    stack = Stack(tmp_path_factory.mktemp("stack"))
    try:
        stack.up()
        yield stack
    finally:
        stack.remove()
