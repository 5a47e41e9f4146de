from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from iceberg_support import Lakehouse, convert, schema, source

from lakefall.contract.errors import PlanOutdatedError
from lakefall.contract.run import Run
from lakefall.contract.values import Converted, Status, TablePlan
from lakefall_plugins.sinks.iceberg import metadata
from lakefall_plugins.sinks.lake import names, versions

ID = [("id", "INTEGER")]
FILE = source("orders/a.csv")


def table(lakehouse: Lakehouse, name: str = "orders"):  # type: ignore[no-untyped-def]
    found = lakehouse.sink.lake.find(name)
    assert found is not None
    return found


def test_a_new_table(lakehouse: Lakehouse) -> None:
    outcome = lakehouse.load(
        FILE,
        [("id", "INTEGER"), ("d", "DATE"), ("x", "DECIMAL(10,2)"), ("u", "UUID"), ("n", "VARCHAR")],
        "SELECT i, DATE '2024-01-02', 1.5, uuid(), 'é' FROM range(3) r(i)",
    )
    assert (outcome.status, outcome.rows_loaded, outcome.rows_deleted) == (Status.SUCCESS, 3, 0)
    assert outcome.columns_added == (), "a new table is new as a whole"
    found = table(lakehouse)
    assert [f.field_id for f in found.schema().fields] == [1, 2, 3, 4, 5, 6, 7]
    assert [f.name for f in found.schema().fields[-2:]] == ["_source_file", "_ingested_at"]
    assert str(found.schema().find_type("_ingested_at")) == "timestamp"
    assert found.properties["write.metadata.metrics.column._source_file"] == "full"
    assert lakehouse.ask("SELECT id, n, _source_file FROM orders ORDER BY id LIMIT 1") == [
        (0, "é", "orders/a.csv")
    ]


def test_a_file_replaces_its_own_rows_without_reading_any(lakehouse: Lakehouse) -> None:
    long = "orders/" + "x" * 200
    lakehouse.load(source(f"{long}1.csv"), ID, "SELECT 1 FROM range(4)")
    lakehouse.load(source(f"{long}2.csv"), ID, "SELECT 2 FROM range(5)")
    before = lakehouse.data_files("orders")
    outcome = lakehouse.load(source(f"{long}1.csv", "e2", minute=1), ID, "SELECT 3 FROM range(2)")
    assert (outcome.rows_loaded, outcome.rows_deleted) == (2, 4)
    assert lakehouse.ask("SELECT id, count(*) FROM orders GROUP BY id ORDER BY id") == [
        (2, 5),
        (3, 2),
    ]
    assert len(lakehouse.data_files("orders") - before) == 1
    assert len(table(lakehouse).metadata.snapshots) == 3


def test_schema_evolution_and_rows_are_one_commit(lakehouse: Lakehouse) -> None:
    lakehouse.load(FILE, ID, "SELECT 1")
    before = table(lakehouse).metadata_location
    outcome = lakehouse.load(
        source("orders/b.csv"), [("id", "BIGINT"), ("new", "DATE")], "SELECT 99999999999, NULL"
    )
    after = table(lakehouse)
    assert after.metadata.metadata_log[-1].metadata_file == before
    assert outcome.columns_added == ("new",)
    assert lakehouse.ask("SELECT id, new FROM lakehouse.orders ORDER BY id") == [
        (1, None),
        (99999999999, None),
    ]


@pytest.mark.slow
def test_files_are_committed_together(lakehouse: Lakehouse) -> None:
    run = lakehouse.run()
    files = [source(f"orders/{'k' * 800}{i}.csv") for i in range(20)]
    plan = lakehouse.sink.prepare(run, "orders", schema(*ID), rebuild=False)
    loaded = lakehouse.sink.load(run, plan, [convert(run, plan, f, "SELECT 1") for f in files])
    assert loaded.created
    assert {o.status for o in loaded.outcomes} == {Status.SUCCESS}
    found = table(lakehouse)
    assert len(found.metadata.snapshots) == 1
    summary = found.metadata.snapshots[0].summary
    assert summary is not None
    assert summary[names.FILES] is None, "too long for a property"
    assert len(list(metadata.versions(found))) == 20
    again = lakehouse.sink.prepare(run, "orders", schema(*ID), rebuild=False)
    loaded = lakehouse.sink.load(run, again, [convert(run, again, f, "SELECT 2") for f in files])
    assert {o.rows_deleted for o in loaded.outcomes} == {1}
    assert lakehouse.ask("SELECT count(*), min(id) FROM orders") == [(20, 2)]


def test_snapshots_know_their_files(lakehouse: Lakehouse) -> None:
    lakehouse.load(FILE, ID, "SELECT 1", run=lakehouse.run("run-7"))
    summary = table(lakehouse).current_snapshot().summary
    assert summary[names.RUN_ID] == "run-7"
    assert json.loads(summary[names.FILES]) == [
        ["orders/a.csv", "e1", versions.to_micros(FILE.modified), 1, 0, 100, ""]
    ]


def test_a_file_without_rows(lakehouse: Lakehouse) -> None:
    lakehouse.load(FILE, ID, "SELECT 1")
    outcome = lakehouse.load(source("orders/a.csv", "e2", minute=1), ID, "SELECT 1 WHERE false")
    assert (outcome.rows_loaded, outcome.rows_deleted) == (0, 1)
    assert lakehouse.ask("SELECT count(*) FROM orders") == [(0,)]
    assert len(lakehouse.data_files("orders")) == 1, "a data file without rows is not kept"
    empty = source("empty/a.csv")
    lakehouse.load(empty, ID, "SELECT 1 WHERE false")
    assert lakehouse.ask("SELECT * FROM empty") == []
    assert lakehouse.reasons(empty) == ["skip: unchanged"]


def test_data_files_of_others_that_mix_keys_are_rewritten(lakehouse: Lakehouse) -> None:
    for key in "abc":
        lakehouse.load(source(f"orders/{key}.csv"), ID, "SELECT 1 FROM range(2)")
    found = table(lakehouse)
    found.overwrite(found.scan().to_arrow())
    outcome = lakehouse.load(source("orders/b.csv", "e2", minute=1), ID, "SELECT 9")
    assert outcome.rows_deleted == 2
    rows = lakehouse.ask("SELECT _source_file, count(*) FROM orders GROUP BY 1 ORDER BY 1")
    assert rows == [("orders/a.csv", 2), ("orders/b.csv", 1), ("orders/c.csv", 2)]


def both(lakehouse: Lakehouse) -> tuple[Run, TablePlan, Sequence[Converted]]:
    """An old version, planned and converted, while another run commits a newer one."""
    run = lakehouse.run("slow")
    lakehouse.load(source("orders/z.csv"), ID, "SELECT 0")
    plan = lakehouse.sink.prepare(run, "orders", schema(*ID), rebuild=False)
    files = [
        convert(run, plan, FILE, "SELECT 1", rejects=[(3, "", "short", "x")]),
        convert(run, plan, source("orders/b.csv"), "SELECT 5"),
    ]
    lakehouse.load(source("orders/a.csv", "e2", minute=1), ID, "SELECT 2", record=False)
    return run, plan, files


def test_the_carrier_of_an_older_version_gives_up(lakehouse: Lakehouse) -> None:
    run, plan, files = both(lakehouse)
    loaded = lakehouse.sink.load(run, plan, files)
    assert [o.status for o in loaded.outcomes] == [Status.SUPERSEDED, Status.SUCCESS]
    assert lakehouse.ask("SELECT id FROM orders ORDER BY id") == [(0,), (2,), (5,)]
    assert lakehouse.ask("SELECT count(*) FROM _ingest_rejects") == [(0,)]
    assert len(lakehouse.data_files("orders")) == 3


def test_the_registry_tells_of_newer_versions_too(lakehouse: Lakehouse) -> None:
    run, plan, files = both(lakehouse)
    lakehouse.load(source("orders/a.csv", "e2", minute=1), ID, "SELECT 2")
    expire(lakehouse)
    loaded = lakehouse.sink.load(run, plan, files)
    assert loaded.outcomes[0].status is Status.SUPERSEDED


def expire(lakehouse: Lakehouse) -> None:
    """Only the current snapshot stays, and it says nothing of files."""
    found = table(lakehouse)
    found.append(found.scan().to_arrow().slice(0, 0))
    found = table(lakehouse)
    past = datetime.now() + timedelta(days=1)
    found.maintenance.expire_snapshots().older_than(past).commit()
    assert len(table(lakehouse).metadata.snapshots) == 1


def test_a_source_that_went_back_to_an_older_file_is_followed(lakehouse: Lakehouse) -> None:
    lakehouse.load(FILE, ID, "SELECT 1")
    lakehouse.load(source("orders/a.csv", "e2", minute=1), ID, "SELECT 2")
    assert lakehouse.reasons(FILE) == ["load: changed"]
    assert lakehouse.load(FILE, ID, "SELECT 1").status is Status.SUCCESS
    assert lakehouse.ask("SELECT id FROM orders") == [(1,)]
    assert lakehouse.reasons(FILE) == ["skip: unchanged"]


def test_a_plan_for_another_schema_is_refused(lakehouse: Lakehouse) -> None:
    run = lakehouse.run()
    plan = lakehouse.sink.prepare(run, "orders", schema(("a", "INTEGER")), rebuild=False)
    lakehouse.load(source("orders/b.csv"), [("a", "DATE")], "SELECT DATE '2024-01-01'")
    with pytest.raises(PlanOutdatedError, match=r"'a'.*is date"):
        lakehouse.sink.load(run, plan, [convert(run, plan, FILE, "SELECT 1")])
    assert len(lakehouse.data_files("orders")) == 1
    same = lakehouse.sink.prepare(run, "orders", schema(("a", "DATE")), rebuild=False)
    lakehouse.sink.lake.catalog.drop_table("lakehouse.orders")
    with pytest.raises(PlanOutdatedError, match="dropped"):
        lakehouse.sink.load(run, same, [convert(run, same, FILE, "SELECT NULL")])


def test_a_table_made_meanwhile_with_the_same_columns_is_taken(lakehouse: Lakehouse) -> None:
    run = lakehouse.run()
    plan = lakehouse.sink.prepare(run, "orders", schema(*ID), rebuild=False)
    lakehouse.load(source("orders/b.csv"), ID, "SELECT 1")
    loaded = lakehouse.sink.load(run, plan, [convert(run, plan, FILE, "SELECT 2")])
    assert (loaded.created, loaded.columns_added) == (False, ())
    assert lakehouse.ask("SELECT id FROM orders ORDER BY id") == [(1,), (2,)]


def test_two_formats_for_one_column_are_refused(lakehouse: Lakehouse) -> None:
    run = lakehouse.run()
    plan = lakehouse.sink.prepare(run, "orders", schema(("d", "DATE", "%m/%d/%Y")), rebuild=False)
    lakehouse.load(source("orders/b.csv"), [("d", "DATE", "%d/%m/%Y")], "SELECT NULL")
    with pytest.raises(PlanOutdatedError, match="format"):
        lakehouse.sink.load(run, plan, [convert(run, plan, FILE, "SELECT NULL")])


def test_a_rebuild_swaps_schema_and_rows_in_one_commit(lakehouse: Lakehouse) -> None:
    lakehouse.load(
        FILE,
        [("id", "VARCHAR"), ("d", "DATE", "%d/%m/%Y"), ("gone", "DATE")],
        "SELECT 'x', NULL, NULL",
    )
    other = source("orders/b.csv")
    lakehouse.load(other, [("id", "VARCHAR")], "SELECT 'y' FROM range(2)")
    commits = len(table(lakehouse).metadata.metadata_log)
    outcome = lakehouse.load(
        FILE, [("id", "INTEGER"), ("d", "DATE", "%m/%d/%Y")], "SELECT 7, NULL", rebuild=True
    )
    assert (outcome.rows_loaded, outcome.rows_deleted) == (1, 1)
    found = table(lakehouse)
    assert len(found.metadata.metadata_log) == commits + 1
    assert {f.name: f.field_id for f in found.schema().fields} == {
        "id": 6,
        "d": 2,
        "_source_file": 4,
        "_ingested_at": 5,
    }
    state = lakehouse.sink.describe("orders")
    assert state is not None
    assert {c.name: (c.type, c.format) for c in state.columns} == {
        "id": ("INTEGER", ""),
        "d": ("DATE", "%m/%d/%Y"),
    }
    assert lakehouse.ask("SELECT id FROM orders") == [(7,)]
    assert lakehouse.reasons(FILE, other) == ["skip: unchanged", "load: new"]


def test_a_rebuild_loses_nothing_that_came_meanwhile(lakehouse: Lakehouse) -> None:
    lakehouse.load(FILE, ID, "SELECT 1")
    run = lakehouse.run()
    plan = lakehouse.sink.prepare(run, "orders", schema(("id", "VARCHAR")), rebuild=True)
    lakehouse.load(source("orders/b.csv"), ID, "SELECT 2")
    with pytest.raises(PlanOutdatedError, match="meanwhile"):
        lakehouse.sink.load(run, plan, [convert(run, plan, FILE, "SELECT 'x'")])


def test_a_load_tells_where_it_is(lakehouse: Lakehouse) -> None:
    lakehouse.load(FILE, ID, "SELECT 1")
    places = ("load.", "record.")
    assert [e.name for e in lakehouse.pipeline.events if e.name.startswith(places)] == [
        "load.rejects_written",
        "load.data_committed",
        "record.registry_written",
    ]


def test_nothing_of_pyicebergs_reaches_stderr(
    lakehouse: Lakehouse, capfd: pytest.CaptureFixture[str]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lakehouse.load(FILE, ID, "SELECT 1", rejects=[(3, "", "short", "x")])
        lakehouse.load(source("orders/a.csv", "e2", minute=1), ID, "SELECT 1 WHERE false")
        lakehouse.sink.forget(lakehouse.run(), ["orders/nothing.csv"])
        lakehouse.sink.rebuild_registry(lakehouse.run())
    assert capfd.readouterr().err == ""


def test_ingestion_times_are_utc_without_a_zone(lakehouse: Lakehouse) -> None:
    before = datetime.now(UTC).replace(tzinfo=None)
    lakehouse.load(FILE, ID, "SELECT 1")
    ((at,),) = lakehouse.ask("SELECT _ingested_at FROM orders")
    assert before <= at <= datetime.now(UTC).replace(tzinfo=None)


def test_namespaces_share_a_warehouse(lakehouse: Lakehouse) -> None:
    lakehouse.load(FILE, ID, "SELECT 1")
    other = lakehouse.with_options(namespace="other")
    assert other.reasons(FILE) == ["load: new"]
    assert list(other.sink.history()) == []
    other.load(FILE, ID, "SELECT 2")
    assert other.ask("SELECT id FROM other.orders") == [(2,)]
    assert lakehouse.ask("SELECT id FROM orders") == [(1,)]


def test_a_folder_with_an_unusual_name(tmp_path: Path) -> None:
    name = "a b#c?d%20é'[1]*"
    lakehouse = Lakehouse(tmp_path / name)
    lakehouse.load(FILE, ID, "SELECT 1", rejects=[(3, "", "short", "x")])
    again = Lakehouse(tmp_path / name)
    again.load(source("orders/a.csv", "e2", minute=1), ID, "SELECT 2")
    assert again.ask("SELECT id FROM orders") == [(2,)]
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert [p.name for p in (tmp_path / name).iterdir() if p.name != "scratch"] == ["wh"]
