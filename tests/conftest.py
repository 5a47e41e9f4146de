"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import pytest
from e2e.servers import Servers, running
from xdist.scheduler import LoadScopeScheduling

from stack import Stack

# A project of its own: its tests run where it is installed (contracts/test_plugin_project.py).
collect_ignore = ["plugin_project"]

MISSING = (
    "no servers: `stack/bootstrap` installs what they need, `make test` starts them, and "
    '`eval "$(make stack-env)"` after `make stack-up` names those that run'
)


class Grouped(LoadScopeScheduling):
    """Tests one by one to whoever is idle, but those that share the second stack to one process."""

    def _split_scope(self, nodeid: str) -> str:
        return "outages" if stops_servers(nodeid) else nodeid


def stops_servers(nodeid: str) -> bool:
    """Whether a test uses the fixture ``stack``.

    xdist 3.8 would ask for the mark ``xdist_group``, but with pytest 9.2 it does not see any.
    """
    file = PurePosixPath(nodeid.partition("::")[0]).stem
    return file == "test_outages" or file.startswith("test_celery")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Grouped:
    return Grouped(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What the scheduler takes from names has to be so."""
    for item in items:
        if "stack" in getattr(item, "fixturenames", ()) and not stops_servers(item.nodeid):
            raise pytest.UsageError(
                f"{item.nodeid} uses the fixture `stack`: it belongs into a file test_celery_*.py "
                "or test_outages.py, so that it runs in the same process as the others"
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

    Tests that use it share a process: one stack.
    """
    stack = Stack(tmp_path_factory.mktemp("stack"))
    try:
        stack.up()
        yield stack
    finally:
        stack.remove()
