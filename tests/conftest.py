"""What all tests share."""

from __future__ import annotations

import os

import pytest
from e2e.servers import Servers, running

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
