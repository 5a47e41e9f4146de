"""The README's section on the whole system is run, on the buckets and tables that it names."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from docs.test_readme import BLOCKS, ON_SERVERS, README, place, run

from .servers import Servers
from .superset_api import SupersetApi, superset

__all__ = ["place"]
LINES = [line for b in BLOCKS if b.section == ON_SERVERS for line in b.text.splitlines()]


@pytest.fixture
def api(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Iterator[SupersetApi]:
    """What `make stack-env` exports; what the commands made is removed."""
    for name, value in servers.env.items():
        monkeypatch.setenv(name, value)
    # `aws` is installed beside the Python that runs the tests.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    with superset(servers) as api:
        yield api
        for dataset in api.datasets("airports", "lakehouse"):
            api.drop_dataset(dataset["id"])
    servers.s3().delete_object(Bucket="csv-uploads", Key="airports/airports.csv")
    for name in ("airports", "_ingest_registry", "_ingest_rejects"):
        servers.trino(f"DROP TABLE IF EXISTS lakehouse.{name}")


def test_the_section_is_there() -> None:
    assert f"\n## {ON_SERVERS}\n" in README
    assert any(line.startswith("aws ") for line in LINES)
    assert LINES[0] == "make stack-up" and LINES[-1] == "make stack-down"


def test_every_command_works_in_the_order_of_the_page(
    servers: Servers, api: SupersetApi, place: Path
) -> None:
    sales = servers.trino('SELECT snapshot_id FROM lakehouse."sales$snapshots" ORDER BY 1')
    printed: dict[str, str] = {}
    for line in LINES:
        if line.startswith(("make ", "eval ")):
            continue
        code, printed[line] = run(line)
        assert code == 0, f"{line}\n{printed[line]}"
    (top,) = [text for line, text in printed.items() if "LIMIT 3" in line]
    assert "AK" in top
    (added,) = [text for line, text in printed.items() if "elevations" in line]
    assert [json.loads(row) for row in added.splitlines()] == [
        {"_source_file": "airports/airports.csv", "n": 100, "elevations": 0},
        {"_source_file": "airports/new_field.csv", "n": 1, "elevations": 1},
    ]
    assert servers.trino("SELECT count(*) FROM lakehouse.airports") == [[100]]
    assert "elevation" in api.columns("airports", "lakehouse")
    assert sales == servers.trino('SELECT snapshot_id FROM lakehouse."sales$snapshots" ORDER BY 1')
