"""Commits that break off: found again where they were done, done again where they were not."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakefall.contract.values import Status
from lakefall.run.maintenance import maintain
from lakefall.run.runner import Runner

from .iceberg_support import (
    DONE_THEN,
    HANG,
    LOSE_ANSWER,
    LOSE_REQUEST,
    PASS,
    TWICE,
    Catalog,
    Lakehouse,
    catalog_proxy,
)
from .servers import Servers

ROWS = "id,name\n1,ann\n2,bob\n"
MORE = "id,name\n3,eve\n4,joe\n5,kim\n"


@pytest.fixture
def proxy(servers: Servers) -> Iterator[Catalog]:
    with catalog_proxy(servers.env["ICEBERG_REST_URI"]) as made:
        yield made


@pytest.fixture
def lakehouse(servers: Servers, namespace: str, tmp_path: Path, proxy: Catalog) -> Lakehouse:
    return Lakehouse(servers, tmp_path, namespace, proxy.url)


def names(lakehouse: Lakehouse) -> list[str]:
    return [name for (name,) in lakehouse.ask("SELECT name FROM orders ORDER BY id")]


@pytest.mark.parametrize("fault", [LOSE_ANSWER, LOSE_REQUEST, 500, 503])
def test_a_commit_that_breaks_off_is_done_once(
    lakehouse: Lakehouse, proxy: Catalog, fault: str | int
) -> None:
    lakehouse.put("orders/a.csv", ROWS)
    proxy.disturb(fault, "orders")
    created = lakehouse.run()
    assert [o.status for o in created.outcomes] == [Status.SUCCESS]
    lakehouse.put("orders/a.csv", MORE)
    proxy.seen.clear()
    proxy.disturb(fault, "orders")
    (outcome,) = lakehouse.run().outcomes
    assert (outcome.status, outcome.rows_loaded, outcome.rows_deleted) == (Status.SUCCESS, 3, 2)
    assert proxy.commits("orders") == (1 if fault == LOSE_ANSWER else 2)
    assert len(lakehouse.table("orders").metadata.snapshots) == 2
    assert names(lakehouse) == ["eve", "joe", "kim"]
    assert len(lakehouse.data_files("orders")) == 2


TABLES = ("orders", "_ingest_registry", "_ingest_rejects")
REFUSALS = (409, 404, 500, 503)


@pytest.mark.parametrize("name", TABLES)
def test_a_commit_that_was_done_and_then_refused_destroys_nothing(
    lakehouse: Lakehouse, proxy: Catalog, name: str
) -> None:
    """A request that is delivered twice: the first does it, the answer is the second one's."""
    lakehouse.put("orders/a.csv", ROWS + "9\n")
    assert [o.status for o in lakehouse.run().outcomes] == [Status.SUCCESS]
    refusals = (*REFUSALS, *((400, 401, 403, 429) if name == "orders" else ()))
    faults = (TWICE, *(f"{DONE_THEN}{status}" for status in refusals))
    for number, fault in enumerate(faults, start=2):
        content, there = ((MORE, ["eve", "joe", "kim"]), (ROWS, ["ann", "bob"]))[number % 2]
        # Two versions of the same bytes would have the same ETag: blank lines are no records.
        lakehouse.put("orders/a.csv", content + "9\n" + "\n" * number)
        proxy.disturb(fault, name)
        assert [o.status for o in lakehouse.run().outcomes] == [Status.SUCCESS], fault
        assert names(lakehouse) == there, fault
        assert lakehouse.ask("SELECT count(*) FROM _ingest_registry") == [(number,)], fault
        assert lakehouse.ask("SELECT count(*) >= 1 FROM _ingest_rejects") == [(True,)], fault
        assert [o.status for o in lakehouse.run().outcomes] == [Status.UNCHANGED], fault


@pytest.mark.parametrize("name", ["orders", "_ingest_registry"])
def test_a_refusal_of_a_table_that_did_not_change_is_not_believed(
    lakehouse: Lakehouse, proxy: Catalog, name: str
) -> None:
    """The request may be on its way: the load is tried again, or fails and keeps its files."""
    lakehouse.put("orders/a.csv", ROWS)
    lakehouse.run()
    lakehouse.put("orders/a.csv", MORE)
    proxy.disturb(409, name)
    lakehouse.run()
    assert [o.status for o in lakehouse.run().outcomes] in ([Status.SUCCESS], [Status.UNCHANGED])
    assert names(lakehouse) == ["eve", "joe", "kim"]


@pytest.mark.parametrize("name", ["orders", "_ingest_registry"])
def test_a_lost_answer_is_found_though_another_host_lets_all_snapshots_expire(
    lakehouse: Lakehouse, proxy: Catalog, servers: Servers, tmp_path: Path, name: str
) -> None:
    eager = {"keep_snapshots_for": 0, "keep_snapshots": 1, "grace": 0}
    other = Lakehouse(
        servers, tmp_path / "other", lakehouse.namespace, options={"maintenance": eager}
    )
    lakehouse.put("orders/a.csv", ROWS)
    lakehouse.put("orders/b.csv", ROWS)
    lakehouse.run()
    lost: list[str] = []

    def judge(method: str, path: str) -> str:
        if method == "POST" and path.endswith(f"/tables/{name}") and not lost:
            lost.append(path)
            return LOSE_ANSWER
        if len(lost) == 1:
            lost.append("and looked for")
            other.put("orders/c.csv", ROWS)
            other.run("orders/c.csv")
            assert not [done.error for done in maintain(Runner(other.pipeline())) if done.error]
        return PASS

    proxy.judge = judge
    lakehouse.put("orders/a.csv", MORE)
    assert [o.status for o in lakehouse.run("orders/a.csv").outcomes] == [Status.SUCCESS]
    assert len(lost) == 2
    assert names(lakehouse) == ["ann", "ann", "bob", "bob", "eve", "joe", "kim"]
    versions = lakehouse.ask(
        "SELECT file_key, count(*) FROM _ingest_registry GROUP BY 1 ORDER BY 1"
    )
    assert versions == [("orders/a.csv", 2), ("orders/b.csv", 1), ("orders/c.csv", 1)]


def test_a_lost_answer_to_the_registry_is_found_too(lakehouse: Lakehouse, proxy: Catalog) -> None:
    lakehouse.put("orders/a.csv", ROWS)
    proxy.disturb(LOSE_ANSWER, "_ingest_registry")
    assert [o.status for o in lakehouse.run().outcomes] == [Status.SUCCESS]
    assert lakehouse.ask("SELECT count(*) FROM _ingest_registry") == [(1,)]


def test_a_catalog_that_hangs_does_not_hang_the_run(lakehouse: Lakehouse, proxy: Catalog) -> None:
    lakehouse.put("orders/a.csv", ROWS)
    lakehouse.catalog = {"timeout": "1s"}
    lakehouse.options = {"commit_timeout": "2s"}
    proxy.disturb(HANG, "orders", number=100)
    began = time.monotonic()
    (outcome,) = lakehouse.run().outcomes
    assert time.monotonic() - began < 30
    assert (outcome.status, outcome.retryable) == (Status.FAILED, True)
    assert "cannot be found out" in outcome.error


def test_a_catalog_that_dies_during_the_commit_leaves_nothing_half_done(
    lakehouse: Lakehouse, proxy: Catalog
) -> None:
    lakehouse.put("orders/a.csv", ROWS)
    lakehouse.run()
    lakehouse.put("orders/a.csv", MORE)
    lakehouse.options = {"commit_timeout": "1s"}
    dead: list[str] = []

    def judge(method: str, path: str) -> str | int:
        if method == "POST" and path.endswith("/tables/orders"):
            dead.append(path)
        return LOSE_REQUEST if dead else "pass"

    proxy.judge = judge
    report = None
    try:
        report = lakehouse.run()
    except Exception as error:  # noqa: BLE001 -- the registry cannot be written either
        assert "cannot be reached" in str(error)
    assert report is None or report.outcomes[0].status != Status.SUCCESS
    proxy.judge = lambda method, path: "pass"
    assert names(lakehouse) == ["ann", "bob"]
    left = lakehouse.data_files("orders")
    assert len(left) == 2, "what the broken commit may still name has to stay"
    journals = list((lakehouse.folder / "cache").rglob("iceberg/*/*.json"))
    assert len(journals) >= 1  # of the load, and of the registry's row that could not be written
    long_ago = time.time() - 3600
    for journal in journals:
        os.utime(journal, (long_ago, long_ago))
    (outcome,) = lakehouse.run().outcomes
    assert (outcome.status, outcome.rows_deleted) == (Status.SUCCESS, 2)
    assert names(lakehouse) == ["eve", "joe", "kim"]
    assert len(lakehouse.data_files("orders")) == 2
    assert not list((lakehouse.folder / "cache").rglob("iceberg/*/*.json"))
