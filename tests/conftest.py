"""What all tests share."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import pytest
from e2e.servers import Servers, running
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from stack import Stack

# A project of its own: its tests run where it is installed (contracts/test_plugin_project.py).
collect_ignore = ["plugin_project"]

MISSING = (
    "no servers: `stack/bootstrap` installs what they need, `make test` starts them, and "
    '`eval "$(make stack-env)"` after `make stack-up` names those that run'
)


SHARING = (
    "acceptance/test_values.py::test_value_law",
    "airflow/test_airflow_runs.py",
    "airflow/test_airflow_structure.py",
    "e2e/test_acceptance_criteria.py",
    "e2e/test_superset.py",
    "e2e/test_trino_registrar.py",
    "e2e/test_types.py",
)
"""Tests that look at what a fixture of their module made with much work: one process makes it."""
WITH_SERVERS = re.compile(r"\b(acceptance|airflow|e2e)/")
SINK = re.compile(r"\[(embedded|s3-iceberg|s3-trino|iceberg|trino)[-\]]")


EXAMPLES = int(os.environ.get("LAKEFALL_TEST_EXAMPLES", "25")) / 25
"""Share of its usual examples that each property is tried with; 2000 looks harder."""


class Grouped(LoadScopeScheduling):
    """Tests one by one to whoever is idle, but to one process those that share something.

    Groups come first, large ones before small ones, so that no process works alone at the end.
    """

    def _split_scope(self, nodeid: str) -> str:
        return "outages" if stops_servers(nodeid) else shared(nodeid) or nodeid


def shared(nodeid: str) -> str:
    """The tests of ``SHARING`` that it is one of, for each sink; empty for a test of its own."""
    part = next((each for each in SHARING if each in f"/{nodeid}"), "")
    sink = SINK.search(nodeid)
    return f"{part} {sink.group(1)}" if part and sink else part


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
        if EXAMPLES != 1:
            scale(item)
        if "stack" in getattr(item, "fixturenames", ()) and not stops_servers(item.nodeid):
            raise pytest.UsageError(
                f"{item.nodeid} uses the fixture `stack`: it belongs into a file test_celery_*.py "
                "or test_outages.py, so that it runs in the same process as the others"
            )
        if WITH_SERVERS.search(item.nodeid) and not stops_servers(item.nodeid):
            made = module_fixtures(item)
            if made and not shared(item.nodeid):
                raise pytest.UsageError(
                    f"{item.nodeid} shares {', '.join(made)} with its module: name it in SHARING "
                    f"of {__file__}, so that one process makes it and not each"
                )


def scale(item: pytest.Item) -> None:
    """Try a property with more or fewer examples than its settings say."""
    test = getattr(item, "obj", None)
    usual = getattr(test, "_hypothesis_internal_use_settings", None)
    if usual is not None and not hasattr(test, "scaled"):
        number = max(3, round(usual.max_examples * EXAMPLES))
        test._hypothesis_internal_use_settings = settings(usual, max_examples=number)
        test.scaled = True


def module_fixtures(item: pytest.Item) -> list[str]:
    """The fixtures of the scope `module` that a test uses and that are made of other fixtures."""
    info = getattr(item, "_fixtureinfo", None)
    found = {n: defs[-1] for n, defs in info.name2fixturedefs.items()} if info else {}
    return sorted(n for n, made in found.items() if made.scope == "module" and made.argnames)


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
