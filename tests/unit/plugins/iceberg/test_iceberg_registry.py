from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from iceberg_support import Lakehouse, source
from pydantic import ValidationError

from lakefall.contract.errors import CatalogLostError
from lakefall.contract.values import Outcome, Status
from lakefall_plugins.sinks.lake.registry import Row

ID = [("id", "INTEGER")]
FILE = source("orders/a.csv")
CHANGED = source("orders/a.csv", "e2", minute=1)


def test_the_specifications_columns_come_first(lakehouse: Lakehouse) -> None:
    lakehouse.load(FILE, ID, "SELECT 1 FROM range(3)")
    found = lakehouse.sink.registry.table.find()
    assert found is not None
    assert [(f.name, str(f.field_type), f.required) for f in found.schema().fields[:8]] == [
        ("file_key", "string", True),
        ("etag", "string", True),
        ("table_name", "string", True),
        ("row_count", "int", False),
        ("status", "string", True),
        ("error_message", "string", False),
        ("ingested_at", "timestamp", True),
        ("dag_run_id", "string", True),
    ]
    assert lakehouse.ask(
        "SELECT file_key, etag, table_name, row_count, status, error_message, dag_run_id "
        "FROM lakehouse._ingest_registry"
    ) == [("orders/a.csv", "e1", "orders", 3, "success", None, "run")]


def test_what_was_loaded_is_skipped_until_it_changes(lakehouse: Lakehouse) -> None:
    assert lakehouse.reasons(FILE) == ["load: new"]
    lakehouse.load(FILE, ID, "SELECT 1")
    assert lakehouse.reasons(FILE, CHANGED) == ["skip: unchanged", "load: changed"]


def test_only_rows_of_the_files_in_question_are_looked_at(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are: a registry grows for ever."""
    for name in "abc":
        lakehouse.load(source(f"orders/{name}.csv"), ID, "SELECT 1")
    lakehouse.load(CHANGED, ID, "SELECT 2")
    made: list[str] = []
    made_of = Row.__init__

    def counted(row: Row, *values: Any) -> None:
        made_of(row, *values)
        made.append(row.file_key)

    monkeypatch.setattr(Row, "__init__", counted)
    assert lakehouse.reasons(CHANGED) == ["skip: unchanged"]
    assert made == ["orders/a.csv"] * 2


def test_content_that_returns_is_loaded_again(lakehouse: Lakehouse) -> None:
    back = source("orders/a.csv", "e1", minute=2)
    lakehouse.load(FILE, ID, "SELECT 1")
    lakehouse.load(CHANGED, ID, "SELECT 2")
    assert lakehouse.reasons(back) == ["load: changed"]
    lakehouse.load(back, ID, "SELECT 1")
    assert lakehouse.reasons(back) == ["skip: unchanged"]


def test_content_that_returns_after_a_crash_is_loaded_again(lakehouse: Lakehouse) -> None:
    """The process that loaded the version between died before it wrote the registry."""
    other = source("orders/b.csv", "e1")
    back = source("orders/a.csv", "e1", minute=2)
    lakehouse.load(other, ID, "SELECT 3")
    lakehouse.load(FILE, ID, "SELECT 1")
    lakehouse.load(CHANGED, ID, "SELECT 2", record=False)
    assert lakehouse.reasons(back, other) == [
        "load: another version was loaded, not recorded",
        "skip: unchanged",
    ]
    lakehouse.load(back, ID, "SELECT 1")
    assert lakehouse.reasons(back, other) == ["skip: unchanged", "skip: unchanged"]
    assert lakehouse.ask("SELECT id FROM orders ORDER BY id") == [(1,), (3,)]


def test_a_file_whose_table_is_gone(lakehouse: Lakehouse) -> None:
    lakehouse.load(FILE, ID, "SELECT 1")
    lakehouse.sink.lake.catalog.drop_table("lakehouse.orders")
    assert lakehouse.reasons(FILE) == ["load: table is gone"]


def test_permanent_failures_wait_for_another_file_or_other_options(lakehouse: Lakehouse) -> None:
    lakehouse.fail(FILE, "no header")
    assert lakehouse.reasons(FILE, CHANGED) == [
        "skip: failed before: no header",
        "load: changed",
    ]
    lakehouse.pipeline.digest = "options-2"
    assert lakehouse.reasons(FILE) == ["load: failed before under other options: no header"]


def test_transient_failures_are_tried_again(lakehouse: Lakehouse) -> None:
    lakehouse.fail(FILE, "no room", retryable=True)
    assert lakehouse.reasons(FILE) == ["load: failed before, may succeed now: no room"]


def test_a_failed_version_hides_neither_itself_nor_what_is_loaded(lakehouse: Lakehouse) -> None:
    lakehouse.load(FILE, ID, "SELECT 1")
    lakehouse.fail(CHANGED, "no header")
    assert lakehouse.reasons(FILE, CHANGED) == [
        "skip: unchanged",
        "skip: failed before: no header",
    ]


def test_a_file_that_no_table_can_take_fails_once(lakehouse: Lakehouse) -> None:
    refused = source("!!!/a.csv", problem="gives no table name")
    assert lakehouse.reasons(refused) == ["load: new"]
    lakehouse.fail(refused, refused.problem)
    assert lakehouse.reasons(refused) == ["skip: failed before: gives no table name"]


def test_release_makes_a_file_pending_until_the_next_outcome(lakehouse: Lakehouse) -> None:
    failed = source("orders/b.csv")
    lakehouse.load(FILE, ID, "SELECT 1")
    lakehouse.fail(failed, "no header")
    assert (
        lakehouse.sink.release(lakehouse.run(), [FILE.key, failed.key, "orders/unknown.csv"]) == 2
    )
    reason = "load: released: to be tried again"
    assert lakehouse.reasons(FILE, failed) == [reason, reason]
    assert lakehouse.ask("SELECT status FROM _ingest_registry ORDER BY file_key") == [
        ("success",),
        ("failed",),
    ]
    lakehouse.load(FILE, ID, "SELECT 1")
    assert lakehouse.reasons(FILE) == ["skip: unchanged"]


def test_one_commit_for_all_outcomes_of_a_run(lakehouse: Lakehouse) -> None:
    files = [source(f"orders/{i}.csv") for i in range(5)]
    outcomes = [Outcome(f, Status.SUCCESS, rows_loaded=1) for f in files]
    outcomes += [Outcome(source("x/1.csv"), Status.SUPERSEDED)]
    lakehouse.sink.record(lakehouse.run(), outcomes)
    found = lakehouse.sink.registry.table.find()
    assert found is not None
    assert len(found.metadata.snapshots) == 1
    assert [e.key for e in lakehouse.sink.history()] == [f.key for f in files]


def test_history_is_the_latest_row_of_every_key(lakehouse: Lakehouse) -> None:
    lakehouse.load(FILE, ID, "SELECT 1", rejects=[(3, "", "short", "x")])
    lakehouse.fail(CHANGED, "no header")
    (entry,) = lakehouse.sink.history()
    assert (entry.key, entry.etag, entry.status, entry.error) == (
        "orders/a.csv",
        "e2",
        "failed",
        "no header",
    )


def test_history_tells_what_is_loaded_and_from_where(lakehouse: Lakehouse) -> None:
    lakehouse.load(replace(FILE, origin="s3://a"), ID, "SELECT 1 FROM range(3)")
    lakehouse.fail(replace(CHANGED, origin="s3://b"), "no header")
    lakehouse.fail(source("orders/b.csv"), "no header")
    assert [
        (e.key, e.row_count, e.origin, e.loaded_table, e.loaded_rows)
        for e in lakehouse.sink.history()
    ] == [("orders/a.csv", 0, "s3://a", "orders", 3), ("orders/b.csv", 0, "", "", 0)]


def test_a_registry_of_an_earlier_version_gains_the_columns_it_lacks(lakehouse: Lakehouse) -> None:
    lakehouse.load(replace(FILE, origin="s3://a"), ID, "SELECT 1")
    found = lakehouse.sink.registry.table.find()
    assert found is not None
    with found.update_schema() as update:
        update.delete_column(("origin",))
    assert [e.origin for e in lakehouse.sink.history()] == [""]
    assert lakehouse.sink.release(lakehouse.run(), [FILE.key]) == 1
    lakehouse.load(source("orders/b.csv"), ID, "SELECT 1")
    lakehouse.load(replace(CHANGED, origin="s3://a"), ID, "SELECT 1")
    assert [(e.key, e.origin) for e in lakehouse.sink.history()] == [
        ("orders/a.csv", "s3://a"),
        ("orders/b.csv", ""),
    ]


def test_the_registry_keeps_few_data_files(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakefall_plugins.sinks.iceberg.registry._FULL_TIER", 3)
    for number in range(5):
        lakehouse.fail(source(f"orders/{number}.csv"), "no header")
    found = lakehouse.sink.registry.table.find()
    assert found is not None
    assert len(found.inspect.data_files()) <= 3
    assert len(lakehouse.sink.history()) == 5


def test_rebuild_from_the_tables(lakehouse: Lakehouse) -> None:
    empty = source("orders/empty.csv")
    lakehouse.load(FILE, ID, "SELECT 1 FROM range(3)")
    lakehouse.load(CHANGED, ID, "SELECT 1 FROM range(4)")
    lakehouse.load(empty, ID, "SELECT 1 WHERE false")
    before = {(e.key, e.etag, e.row_count) for e in lakehouse.sink.history()}
    lakehouse.sink.lake.catalog.drop_table("lakehouse._ingest_registry")
    assert lakehouse.sink.rebuild_registry(lakehouse.run()) == 2
    assert {(e.key, e.etag, e.row_count) for e in lakehouse.sink.history()} == before
    assert lakehouse.reasons(CHANGED, empty) == ["skip: unchanged", "skip: unchanged"]


def test_rebuild_after_snapshots_were_expired(lakehouse: Lakehouse) -> None:
    lakehouse.load(FILE, ID, "SELECT 1 FROM range(3)")
    lakehouse.load(source("orders/b.csv"), ID, "SELECT 1")
    found = lakehouse.sink.lake.find("orders")
    assert found is not None
    past = datetime.now() + timedelta(days=1)
    found.maintenance.expire_snapshots().older_than(past).commit()
    assert lakehouse.sink.rebuild_registry(lakehouse.run()) == 2
    assert lakehouse.reasons(FILE, source("orders/b.csv")) == ["load: changed", "skip: unchanged"]
    assert lakehouse.load(FILE, ID, "SELECT 1").rows_deleted == 3


def test_rebuild_of_a_damaged_registry(lakehouse: Lakehouse) -> None:
    lakehouse.load(FILE, ID, "SELECT 1")
    for path in (lakehouse.folder / "wh" / "lakehouse" / "_ingest_registry").rglob("*.json"):
        path.unlink()
    assert lakehouse.sink.rebuild_registry(lakehouse.run()) == 1
    assert lakehouse.reasons(FILE) == ["skip: unchanged"]


def test_rows_that_somebody_else_changed_are_loaded_again(lakehouse: Lakehouse) -> None:
    lakehouse.load(FILE, ID, "SELECT i FROM range(3) r(i)")
    found = lakehouse.sink.lake.find("orders")
    assert found is not None
    found.delete("id = 1")
    lakehouse.sink.rebuild_registry(lakehouse.run())
    assert lakehouse.reasons(FILE) == ["load: changed"]


def test_forget(lakehouse: Lakehouse) -> None:
    other = source("orders/b.csv")
    lakehouse.load(FILE, ID, "SELECT 1 FROM range(3)", rejects=[(3, "", "short", "x")])
    lakehouse.load(other, ID, "SELECT 1", rejects=[(3, "", "short", "x")])
    assert lakehouse.sink.forget(lakehouse.run(), [FILE.key, "orders/unknown.csv"]) == 3
    assert lakehouse.ask("SELECT _source_file FROM orders") == [("orders/b.csv",)]
    assert lakehouse.ask("SELECT file_key FROM _ingest_rejects") == [("orders/b.csv",)]
    assert lakehouse.reasons(FILE, other) == ["load: new", "skip: unchanged"]
    assert lakehouse.sink.forget(lakehouse.run(), [FILE.key]) == 0


def test_a_file_that_was_half_forgotten_is_loaded_when_it_comes_back(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(_keys: object) -> None:
        raise KeyboardInterrupt

    lakehouse.load(FILE, ID, "SELECT 1")
    monkeypatch.setattr(lakehouse.sink.rejects, "remove", die)
    with pytest.raises(KeyboardInterrupt):
        lakehouse.sink.forget(lakehouse.run(), [FILE.key])
    assert lakehouse.ask("SELECT * FROM orders") == []
    assert lakehouse.reasons(FILE) == ["load: released: to be tried again"]


def test_an_empty_lake_answers_and_stays_empty(lakehouse: Lakehouse) -> None:
    sink = lakehouse.sink
    assert list(sink.history()) == []
    assert list(sink.stored_rejects("", "")) == []
    assert sink.release(lakehouse.run(), ["orders/a.csv"]) == 0
    assert sink.forget(lakehouse.run(), ["orders/a.csv"]) == 0
    assert [(c.ok, c.message) for c in sink.check()] == [
        (True, "no catalog yet; the first load makes it")
    ]
    assert not (lakehouse.folder / "wh").exists()


@pytest.mark.parametrize("how", ["missing", "empty"])
def test_a_catalog_that_is_gone_is_not_begun_anew(lakehouse: Lakehouse, how: str) -> None:
    """Its tables are still there: a new one would hide them, and load every file again."""
    file = source("orders/a.csv")
    lakehouse.load(file, [("id", "INTEGER")], "SELECT 1")
    catalog = lakehouse.folder / "wh" / "catalog.db"
    kept = catalog.read_bytes()
    catalog.unlink()
    if how == "empty":
        catalog.touch()
    again = lakehouse.with_options()
    for attempt in (
        lambda: again.reasons(file),
        lambda: again.load(file, [("id", "INTEGER")], "SELECT 1"),
    ):
        with pytest.raises(CatalogLostError, match=rf"catalog.db is {how}.*wh/lakehouse.*orders"):
            attempt()
    catalog.write_bytes(kept)
    assert lakehouse.with_options().sink.describe("orders") is not None


@pytest.mark.parametrize("name", ["../x", "a/b", "", "a b", "x" * 200])
def test_names_of_our_own_tables_are_no_paths(lakehouse: Lakehouse, name: str) -> None:
    with pytest.raises(ValidationError, match="registry_table"):
        lakehouse.with_options(registry_table=name)
