"""A store that keeps not what it was given, and answers not with what it keeps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lakefall.contract.errors import SinkError
from lakefall.contract.values import Status

from .faults import NOT_STORED, Fault, Faulty, faulty, times
from .iceberg_support import Lakehouse
from .servers import Servers

ROWS = "id,name\n1,ann\n2,bob\n9\n"
MORE = "id,name\n3,eve\n4,joe\n5,kim\n9\n"


@pytest.fixture
def store(servers: Servers) -> Iterator[Faulty]:
    with faulty(servers.env["S3_ENDPOINT_URL"]) as made:
        yield made


@pytest.fixture
def lakehouse(servers: Servers, namespace: str, tmp_path: Path, store: Faulty) -> Lakehouse:
    return Lakehouse(servers, tmp_path, namespace, catalog={"s3": {"endpoint_url": store.url}})


def names(lakehouse: Lakehouse) -> list[str]:
    return [name for (name,) in lakehouse.ask("SELECT name FROM orders ORDER BY id")]


@pytest.mark.parametrize("table", ["orders", "_ingest_registry", "_ingest_rejects"])
def test_no_commit_names_what_the_store_did_not_keep(
    lakehouse: Lakehouse, store: Faulty, table: str
) -> None:
    """Data file, manifest and manifest list: each PUT is answered with 200."""
    lakehouse.put("orders/a.csv", ROWS)
    assert [o.status for o in lakehouse.run().outcomes] == [Status.SUCCESS]
    lakehouse.put("orders/a.csv", MORE)
    before = lakehouse.table(table).metadata_location
    for what in ("/data/lakefall-", "-m0.avro", "/snap-"):
        once = times(1, NOT_STORED, method="PUT", path=what)
        lost: list[str] = []

        def judge(method: str, path: str, once: Any = once, lost: list[str] = lost) -> Fault | None:
            fault: Fault | None = once(method, path) if f"/{table}/" in path else None
            lost.extend([path.partition("?")[0]] if fault else [])
            return fault

        store.fault = judge
        try:
            error = next(o.error for o in lakehouse.run().outcomes)
        except SinkError as raised:  # of the registry: the run cannot be recorded
            error = str(raised)
        (path,) = lost
        assert f"table '{table}': " in error
        assert f"{path}, the storage said that they are stored, and it is not there" in error
        assert lakehouse.table(table).metadata_location == before, "nothing was committed"
    store.fault = lambda method, path: None
    assert [o.status for o in lakehouse.run().outcomes] == [Status.SUCCESS]
    assert names(lakehouse) == ["eve", "joe", "kim"]
    assert lakehouse.ask("SELECT count(*) FROM _ingest_rejects") == [(1,)]
    assert [o.status for o in lakehouse.run().outcomes] == [Status.UNCHANGED]
