"""Both sinks on one namespace, one after the other: same tables, same registry."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakefall_plugins.sinks.iceberg.sink import IcebergSink

from .servers import Servers
from .trino_support import House, source

DAY = [("d", "DATE", "%d/%m/%Y"), ("id", "INTEGER")]


@pytest.fixture
def trino(servers: Servers, namespace: str, tmp_path: Path) -> House:
    return House(tmp_path, {"url": servers.env["TRINO_URL"], "namespace": namespace})


@pytest.fixture
def iceberg(servers: Servers, namespace: str, tmp_path: Path) -> House:
    env = servers.env
    options = {
        "catalog": {
            "type": "rest",
            "uri": env["ICEBERG_REST_URI"],
            "s3": {"endpoint_url": env["S3_ENDPOINT_URL"]},
        },
        "namespace": namespace,
    }
    return House(tmp_path, options, IcebergSink)


def test_the_sinks_take_turns(trino: House, iceberg: House) -> None:
    reject = [(2, "", "too few fields", "x")]
    trino.load(source("orders/a.csv"), DAY, "SELECT DATE '2024-02-01', 1", rejects=reject)
    state = iceberg.sink.describe("orders")
    assert [(c.name, c.type, c.format) for c in state.columns] == [
        ("d", "DATE", "%d/%m/%Y"),
        ("id", "INTEGER", ""),
    ]
    iceberg.load(
        source("orders/a.csv", "e2", minute=1),
        [*DAY, ("new", "DATE", "%m/%d/%Y")],
        "SELECT DATE '2024-02-02', 2, DATE '2024-02-03'",
        rejects=reject,
    )
    iceberg.load(source("orders/b.csv"), DAY, "SELECT DATE '2024-02-02', 3")
    state = trino.sink.describe("orders")
    assert [(c.name, c.format) for c in state.columns][-1] == ("new", "%m/%d/%Y")
    outcome = trino.load(
        source("orders/a.csv", "e3", minute=2), DAY, "SELECT DATE '2024-02-02', 4", rejects=reject
    )
    assert outcome.rows_deleted == 1
    assert trino.ask("SELECT id, _source_file FROM orders ORDER BY id") == [
        (3, "orders/b.csv"),
        (4, "orders/a.csv"),
    ]
    assert trino.ask("SELECT etag FROM _ingest_rejects") == [("e3",)]
    for house in (trino, iceberg):
        entries = [(e.key, e.etag, e.row_count) for e in house.sink.history()]
        assert entries == [("orders/a.csv", "e3", 1), ("orders/b.csv", "e1", 1)]
        files = [source("orders/a.csv", "e3", minute=2), source("orders/b.csv")]
        assert [d.pending for d in house.sink.pending(house.run(), files)] == [False, False]
    assert trino.sink.rebuild_registry(trino.run()) == 2
    entries = [(e.key, e.etag, e.row_count) for e in trino.sink.history()]
    assert entries == [("orders/a.csv", "e3", 1), ("orders/b.csv", "e1", 1)]
