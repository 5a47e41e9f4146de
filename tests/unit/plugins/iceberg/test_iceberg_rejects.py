from __future__ import annotations

import pytest
from iceberg_support import Lakehouse, convert, schema, source

ID = [("id", "INTEGER")]
SHORT = (3, "", "too few fields", "12")
CELL = (5, "id", "no INTEGER", "x1")


def kept(lakehouse: Lakehouse, table: str = "", key: str = "") -> list[tuple[str, str, int]]:
    return [(r.key, r.etag, r.line) for r in lakehouse.sink.stored_rejects(table, key)]


def test_rejects_are_kept_by_key_and_etag(lakehouse: Lakehouse) -> None:
    lakehouse.load(source("orders/a.csv"), ID, "SELECT 1", rejects=[CELL, SHORT])
    lakehouse.load(source("people/b.csv"), ID, "SELECT 1", rejects=[SHORT])
    assert kept(lakehouse) == [
        ("orders/a.csv", "e1", 3),
        ("orders/a.csv", "e1", 5),
        ("people/b.csv", "e1", 3),
    ]
    assert kept(lakehouse, table="people") == [("people/b.csv", "e1", 3)]
    first = next(iter(lakehouse.sink.stored_rejects("", "orders/a.csv")))
    assert (first.table, first.column, first.reason, first.text) == (
        "orders",
        "",
        "too few fields",
        "12",
    )


def test_rejects_of_replaced_versions_are_dropped(lakehouse: Lakehouse) -> None:
    lakehouse.load(source("orders/a.csv"), ID, "SELECT 1", rejects=[SHORT, CELL])
    lakehouse.load(source("orders/b.csv"), ID, "SELECT 1", rejects=[SHORT])
    lakehouse.load(
        source("orders/a.csv", "e2", minute=1), ID, "SELECT 1", rejects=[(9, "", "", "")]
    )
    assert kept(lakehouse) == [("orders/a.csv", "e2", 9), ("orders/b.csv", "e1", 3)]
    assert lakehouse.ask("SELECT count(*) FROM _ingest_rejects") == [(2,)]
    lakehouse.load(source("orders/a.csv", "e3", minute=2), ID, "SELECT 1")
    assert lakehouse.ask("SELECT file_key FROM _ingest_rejects") == [("orders/b.csv",)]


def test_a_repeated_load_has_its_rejects_once(lakehouse: Lakehouse) -> None:
    file = source("orders/a.csv")
    lakehouse.load(file, ID, "SELECT 1", rejects=[SHORT, CELL], record=False)
    assert kept(lakehouse) == [], "not in the registry yet"
    lakehouse.load(file, ID, "SELECT 1", rejects=[SHORT])
    assert kept(lakehouse) == [("orders/a.csv", "e1", 3)]
    lakehouse.load(file, ID, "SELECT 1")
    assert lakehouse.ask("SELECT count(*) FROM _ingest_rejects") == [(0,)]


def test_a_failed_version_leaves_the_rejects_of_the_one_that_is_loaded(
    lakehouse: Lakehouse,
) -> None:
    lakehouse.load(source("orders/a.csv"), ID, "SELECT 1", rejects=[SHORT])
    lakehouse.fail(source("orders/a.csv", "e2", minute=1), "no header")
    assert kept(lakehouse) == [("orders/a.csv", "e1", 3)]


def test_rejects_of_a_version_on_its_way_stay(lakehouse: Lakehouse) -> None:
    run = lakehouse.run()
    newer = source("orders/a.csv", "e2", minute=1)
    lakehouse.load(source("orders/b.csv"), ID, "SELECT 1")
    plan = lakehouse.sink.prepare(run, "orders", schema(*ID), rebuild=False)
    lakehouse.sink.rejects.replace(run, [convert(run, plan, newer, "SELECT 1", rejects=[CELL])])
    lakehouse.load(source("orders/a.csv"), ID, "SELECT 1", rejects=[SHORT])
    assert lakehouse.ask("SELECT etag, line FROM _ingest_rejects ORDER BY etag") == [
        ("e1", 3),
        ("e2", 5),
    ]
    assert kept(lakehouse) == [("orders/a.csv", "e1", 3)]


@pytest.mark.slow
def test_rejects_that_somebody_compacted_are_still_replaced(lakehouse: Lakehouse) -> None:
    lakehouse.load(source("orders/a.csv"), ID, "SELECT 1", rejects=[SHORT, CELL])
    lakehouse.load(source("orders/b.csv"), ID, "SELECT 1", rejects=[SHORT])
    compact(lakehouse)
    lakehouse.load(source("orders/a.csv"), ID, "SELECT 1", rejects=[SHORT])
    assert kept(lakehouse) == [("orders/a.csv", "e1", 3), ("orders/b.csv", "e1", 3)]
    compact(lakehouse)
    lakehouse.load(source("orders/b.csv", "e2", minute=1), ID, "SELECT 1")
    assert lakehouse.ask("SELECT file_key FROM _ingest_rejects") == [("orders/a.csv",)]
    lakehouse.load(source("orders/b.csv", "e3", minute=2), ID, "SELECT 1", rejects=[SHORT])
    compact(lakehouse)
    lakehouse.sink.forget(lakehouse.run(), ["orders/a.csv"])
    assert lakehouse.ask("SELECT file_key FROM _ingest_rejects") == [("orders/b.csv",)]


def compact(lakehouse: Lakehouse) -> None:
    """One data file for all rejects, as a maintenance job makes it."""
    found = lakehouse.sink.rejects.table.find()
    assert found is not None
    found.overwrite(found.scan().to_arrow())
