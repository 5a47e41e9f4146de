"""The sink needs Trino's client and nothing of PyIceberg."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lakefall.contract.errors import MissingExtraError
from lakefall_plugins.trino_client.client import Client
from lakefall_plugins.trino_client.connection import TrinoConnection


def test_pyiceberg_is_not_needed() -> None:
    code = (
        "import sys; sys.modules['pyiceberg'] = None\n"
        "import lakefall_plugins.sinks.trino.sink, lakefall_plugins.sinks.trino.registry\n"
        "print(*[m for m in ('trino', 'requests', 'duckdb', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_missing_client_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trino", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'lakefall\[trino\]'"):
        Client(TrinoConnection(url="http://127.0.0.1:1")).execute("SELECT 1")
