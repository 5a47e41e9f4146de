"""Maintenance on the embedded catalog: rows stay, data files become few, nothing needed goes."""

from __future__ import annotations

import pytest
from iceberg_support import Lakehouse, source
from maintenance_support import (
    EAGER,
    add_deletes,
    data_files,
    delete_positions,
    empty,
    filled,
    keys_of,
    maintain,
    named,
    rows,
    stored,
    table,
    tree,
)

from lakefall.contract.values import Status
from lakefall_plugins.sinks.iceberg.pyiceberg_internals import is_live
from lakefall_plugins.sinks.lake import names

ID = [("id", "INTEGER")]
TABLES = ("orders", "_ingest_registry", "_ingest_rejects")


@pytest.fixture
def lakehouse(tmp_path_factory: pytest.TempPathFactory) -> Lakehouse:
    return empty(tmp_path_factory.getbasetemp())


def fill(lakehouse: Lakehouse, number: int = 6, *, times: int = 1) -> None:
    """Files with rows and rejects of their own, each loaded some times."""

    def load() -> None:
        for version in range(1, times + 1):
            for i in range(number):
                lakehouse.load(
                    source(f"orders/{i}.csv", f"e{version}", minute=version),
                    ID,
                    f"SELECT {100 * i} + j FROM range({i + 1}) r(j)",
                    rejects=[(i, "", "short", "x")],
                )

    filled(lakehouse, f"{number}-files-{times}", load)


@pytest.mark.slow
def test_small_data_files_become_one_and_every_row_stays(lakehouse: Lakehouse) -> None:
    fill(lakehouse)
    for name in TABLES:
        before, number = rows(lakehouse, name), len(data_files(lakehouse, name))
        done = maintain(lakehouse, name)
        assert rows(lakehouse, name) == before
        assert (done.files_before, done.files_after, done.files_merged) == (number, 1, number)
        assert (len(data_files(lakehouse, name)), done.left, done.error) == (1, (), "")
    (file,) = data_files(lakehouse)
    assert keys_of(file) == sorted(keys_of(file), key=str)
    summary = table(lakehouse).current_snapshot().summary
    assert summary.operation.value == "replace"
    assert summary["total-records"] == "21"
    assert summary["total-data-files"] == "1"


@pytest.mark.slow
def test_maintaining_again_does_nothing(lakehouse: Lakehouse) -> None:
    fill(lakehouse, times=2)
    for options in ({}, EAGER):
        for name in TABLES:
            maintain(lakehouse, name, **options)
            before = tree(lakehouse)
            done = maintain(lakehouse, name, **options)
            assert (done.files_merged, done.snapshots_expired, done.files_removed) == (0, 0, 0)
            assert tree(lakehouse) == before


@pytest.mark.slow
def test_a_dry_run_writes_nothing_and_tells_the_same(lakehouse: Lakehouse) -> None:
    fill(lakehouse, times=3)
    for name in TABLES:
        for options in ({}, EAGER, {"keep_snapshots_for": 0, "keep_snapshots": 4}):
            before = tree(lakehouse)
            would = maintain(lakehouse, name, dry_run=True, **options)
            assert tree(lakehouse) == before
            done = maintain(lakehouse, name, **options)
            assert would.left == done.left
            assert would == done


def test_the_bounds_of_merged_files_are_whole(lakehouse: Lakehouse) -> None:
    long = "orders/" + "é" * 100
    for i in range(4):
        lakehouse.load(source(f"{long}{i}.csv"), ID, "SELECT 1")
    other = lakehouse.with_options(
        table_properties={"write.metadata.metrics.column._source_file": "truncate(4)"}
    )
    other.load(source("plain/" + "x" * 50 + "1.csv"), ID, "SELECT 1")
    other.load(source("plain/" + "x" * 50 + "2.csv"), ID, "SELECT 1")
    for name, least in (("orders", f"{long}0.csv"), ("plain", "plain/" + "x" * 50 + "1.csv")):
        maintain(lakehouse, name)
        (file,) = data_files(lakehouse, name)
        field_id = table(lakehouse, name).schema().find_field("_source_file").field_id
        assert file.lower_bounds[field_id].decode() == least
        assert file.null_value_counts[field_id] == 0


def test_files_from_before_a_change_of_the_schema_get_the_present_one(
    lakehouse: Lakehouse,
) -> None:
    wide = [("id", "INTEGER"), ("r", "REAL"), ("d", "DECIMAL(5,2)"), ("old", "VARCHAR")]
    lakehouse.load(source("orders/a.csv"), wide, "SELECT 7, 1.5, 2.25, 'é'")
    wider = [("id", "BIGINT"), ("r", "DOUBLE"), ("d", "DECIMAL(9,2)"), ("new", "DATE")]
    lakehouse.load(
        source("orders/b.csv"), wider, "SELECT 99999999999, 2.5, 12345.67, DATE '2024-02-29'"
    )
    with table(lakehouse).update_schema() as update:
        update.rename_column("old", "renamed")
    lakehouse.load(source("orders/c.csv"), [*ID, ("renamed", "VARCHAR")], "SELECT 1, 'c'")
    before = rows(lakehouse)
    maintain(lakehouse)
    assert len(data_files(lakehouse)) == 1
    assert rows(lakehouse) == before
    assert lakehouse.ask("SELECT id, renamed, new FROM orders WHERE id = 7") == [(7, "é", None)]
    ids = {f.name: f.field_id for f in table(lakehouse).schema().fields}
    import pyarrow.parquet as pq

    stored_ids = {
        f.name: int(f.metadata[b"PARQUET:field_id"])
        for f in pq.read_schema(data_files(lakehouse)[0].file_path)
    }
    assert stored_ids == ids


def test_every_type_survives(lakehouse: Lakehouse) -> None:
    columns = [
        ("b", "BOOLEAN"), ("i", "INTEGER"), ("l", "BIGINT"), ("f", "REAL"), ("g", "DOUBLE"),
        ("d", "DATE"), ("t", "TIME"), ("ts", "TIMESTAMP"), ("tz", "TIMESTAMP WITH TIME ZONE"),
        ("u", "UUID"), ("c", "DECIMAL(38,10)"), ("v", "VARCHAR"),
    ]  # fmt: skip
    values = (
        "true, -1, 9223372036854775807, 'nan', 'inf', DATE '0001-01-01', TIME '23:59:59.999999', "
        "TIMESTAMP '2024-01-01 00:00:00.000001', TIMESTAMPTZ '2024-01-01 00:00:00+02', "
        "'00000000-0000-0000-0000-000000000001', 1.0000000001, 'a''b'"
    )
    nothing = ", ".join("NULL" for _ in columns)
    for i, row in enumerate((values, nothing, values)):
        lakehouse.load(source(f"orders/{i}.csv"), columns, f"SELECT {row}")
    before = rows(lakehouse)
    maintain(lakehouse)
    assert len(data_files(lakehouse)) == 1
    assert rows(lakehouse) == before
    again = lakehouse.load(source("orders/1.csv", "e2", minute=1), columns, f"SELECT {values}")
    assert again.rows_deleted == 1
    assert sum(rows(lakehouse).values()) == 3


# --- after it ---


@pytest.mark.slow
def test_a_merged_source_file_is_replaced_by_writing_one_data_file_anew(
    lakehouse: Lakehouse,
) -> None:
    fill(lakehouse)
    maintain(lakehouse)
    snapshots = len(table(lakehouse).metadata.snapshots)
    before = stored(lakehouse)
    outcome = lakehouse.load(source("orders/3.csv", "e2", minute=2), ID, "SELECT 9")
    assert (outcome.status, outcome.rows_deleted, outcome.rows_loaded) == (Status.SUCCESS, 4, 1)
    new = [p for p in stored(lakehouse) - before if p.endswith(".parquet")]
    assert len(new) == 2, "its own rows, and what is left of the merged one"
    assert len(table(lakehouse).metadata.snapshots) == snapshots + 1, "one commit"
    counts = lakehouse.ask("SELECT _source_file, count(*) FROM orders GROUP BY 1 ORDER BY 1")
    assert counts == [(f"orders/{i}.csv", 1 if i == 3 else i + 1) for i in range(6)]
    assert lakehouse.sink.forget(lakehouse.run(), ["orders/5.csv", "orders/3.csv"]) == 7
    assert lakehouse.ask("SELECT count(*) FROM orders") == [(11,)]
    assert named(lakehouse) == stored(lakehouse)


@pytest.mark.slow
def test_a_large_source_file_keeps_data_files_of_its_own(lakehouse: Lakehouse) -> None:
    fill(lakehouse)
    size = max(f.file_size_in_bytes for f in data_files(lakehouse))
    big = "SELECT (random() * 1e9)::INTEGER FROM range(5000)"
    lakehouse.load(source("orders/big.csv"), ID, big)
    small = {"small_file": 4 * size, "target_file": 100 * size}
    maintain(lakehouse, **small)
    assert sorted({*keys_of(f)} == {"orders/big.csv"} for f in data_files(lakehouse)) == [
        False,
        True,
    ]
    before = stored(lakehouse)
    lakehouse.load(source("orders/big.csv", "e2", minute=1), ID, big)
    assert len([p for p in stored(lakehouse) - before if p.endswith(".parquet")]) == 1


@pytest.mark.slow
def test_rejects_of_merged_data_files_are_replaced_and_dropped(lakehouse: Lakehouse) -> None:
    def kept() -> list[tuple[str, str]]:
        return lakehouse.ask("SELECT file_key, etag FROM _ingest_rejects ORDER BY 1, 2")

    fill(lakehouse, 4)
    maintain(lakehouse, "_ingest_rejects")
    lakehouse.load(source("orders/1.csv", "e2", minute=5), ID, "SELECT 1")
    assert kept() == [(f"orders/{i}.csv", "e1") for i in (0, 2, 3)]
    lakehouse.load(
        source("orders/2.csv", "e1", minute=1), ID, "SELECT 1", rejects=[(8, "", "", "")]
    )
    assert lakehouse.ask("SELECT line FROM _ingest_rejects WHERE file_key = 'orders/2.csv'") == [
        (8,)
    ]
    lakehouse.sink.forget(lakehouse.run(), ["orders/0.csv"])
    assert kept() == [("orders/2.csv", "e1"), ("orders/3.csv", "e1")]
    lakehouse.sink.rejects.remove_versions({("orders/3.csv", "e2"), ("orders/2.csv", "e1")})
    assert kept() == [("orders/3.csv", "e1")]
    assert [(r.key, r.line) for r in lakehouse.sink.stored_rejects("", "")] == [("orders/3.csv", 3)]


@pytest.mark.slow
def test_the_registry_says_the_same_afterwards(lakehouse: Lakehouse) -> None:
    fill(lakehouse, times=3)
    lakehouse.fail(source("orders/x.csv"), "no header")
    before = list(lakehouse.sink.history())
    maintain(lakehouse, "_ingest_registry", **EAGER)
    assert list(Lakehouse(lakehouse.folder).sink.history()) == before
    files = [source(f"orders/{i}.csv", "e3", minute=3) for i in range(6)]
    assert lakehouse.reasons(*files) == ["skip: unchanged"] * 6
    lakehouse.sink.release(lakehouse.run(), ["orders/2.csv"])
    assert lakehouse.reasons(files[2]) == ["load: released: to be tried again"]


# --- deleted rows ---


def test_deleted_rows_are_left_out_and_their_delete_files_go(lakehouse: Lakehouse) -> None:
    fill(lakehouse)
    paths = {keys_of(f)[0]: f.file_path for f in data_files(lakehouse)}
    delete_positions(lakehouse, {paths["orders/5.csv"]: [0, 5], paths["orders/2.csv"]: [1]})
    delete_positions(lakehouse, {paths["orders/5.csv"]: [3], paths["orders/0.csv"]: [0]})
    before = rows(lakehouse)
    assert sum(before.values()) == 16
    done = maintain(lakehouse, **EAGER)
    assert rows(lakehouse) == before
    assert (done.files_before, done.files_after) == (6, 1)
    snapshot = table(lakehouse).current_snapshot()
    live = [m for m in snapshot.manifests(table(lakehouse).io) if is_live(m)]
    assert [m.content.name for m in live] == ["DATA"]
    summary = snapshot.summary
    assert (summary["removed-delete-files"], summary["total-records"]) == ("2", "16")
    assert not any("deletes-" in path for path in stored(lakehouse))
    assert named(lakehouse) == stored(lakehouse)


def test_a_large_data_file_with_deleted_rows_is_written_anew(lakehouse: Lakehouse) -> None:
    lakehouse.load(source("orders/a.csv"), ID, "SELECT i FROM range(5000) r(i)")
    lakehouse.load(source("orders/b.csv"), ID, "SELECT i FROM range(10) r(i)")
    paths = {keys_of(f)[0]: f.file_path for f in data_files(lakehouse)}
    delete_positions(lakehouse, {paths["orders/a.csv"]: range(1000, 4000)})
    before = rows(lakehouse)
    done = maintain(lakehouse, small_file=1, target_file=1)
    assert (done.files_merged, len(data_files(lakehouse))) == (1, 2)
    assert rows(lakehouse) == before
    again = lakehouse.load(source("orders/a.csv", "e2", minute=1), ID, "SELECT 1")
    assert again.rows_deleted == 2000


def test_rows_deleted_by_others_are_not_counted_as_replaced(lakehouse: Lakehouse) -> None:
    fill(lakehouse)
    maintain(lakehouse)
    (file,) = data_files(lakehouse)
    at = [i for i, key in enumerate(keys_of(file)) if key == "orders/4.csv"]
    delete_positions(lakehouse, {file.file_path: [*at[:2], 0]})
    outcome = lakehouse.load(source("orders/4.csv", "e2", minute=2), ID, "SELECT 1")
    assert outcome.rows_deleted == 3
    assert lakehouse.ask("SELECT count(*) FROM orders") == [(21 - 5 - 1 + 1,)]
    assert lakehouse.ask("SELECT count(*) FROM orders WHERE _source_file = 'orders/0.csv'") == [
        (0,)
    ]


# --- left alone ---


def test_tables_that_are_left_alone_say_why(lakehouse: Lakehouse) -> None:
    fill(lakehouse, 2)
    lake = lakehouse.sink.lake
    from pyiceberg.partitioning import PartitionField, PartitionSpec
    from pyiceberg.transforms import IdentityTransform

    schema = table(lakehouse).schema()
    spec = PartitionSpec(
        PartitionField(schema.find_field("id").field_id, 1000, IdentityTransform(), "id")
    )
    lake.catalog.create_table("lakehouse.parted", schema, partition_spec=spec)
    lake.catalog.create_table("lakehouse.old", schema, properties={"format-version": "1"})
    lake.catalog.create_table("lakehouse.others", schema.select("id"))
    assert "parted" in lakehouse.sink.tables()
    before = tree(lakehouse)
    for name, words in (
        ("parted", "it is or was partitioned"),
        ("old", "format version 1"),
        ("others", "no column _source_file"),
        ("gone", "there is no such table any more"),
    ):
        (reason,) = maintain(lakehouse, name, **EAGER).left
        assert words in reason
    assert tree(lakehouse) == before


def test_equality_deletes_are_told_and_left(lakehouse: Lakehouse) -> None:
    fill(lakehouse, 2)
    found = table(lakehouse)
    path = f"{found.location()}/data/equal.parquet"
    add_deletes(
        found, "EQUALITY_DELETES", path, record_count=1, file_size_in_bytes=1, equality_ids=[1]
    )
    (reason,) = maintain(lakehouse).left
    assert "equality deletes" in reason


@pytest.mark.slow
def test_snapshots_of_a_table_that_shares_its_files_stay(lakehouse: Lakehouse) -> None:
    fill(lakehouse, 3, times=2)
    table(lakehouse).transaction().set_properties({"gc.enabled": "false"}).commit_transaction()
    done = maintain(lakehouse, **EAGER)
    assert (done.files_after, done.snapshots_expired, done.files_removed) == (1, 0, 0)
    assert done.left == ("its snapshots: the table's property gc.enabled is false",)


def test_protected_and_staging_tables_are_not_among_the_tables(lakehouse: Lakehouse) -> None:
    fill(lakehouse, 1)
    schema = table(lakehouse).schema()
    for name in ("sales", "_lakefall_staging_20240101000000_0123456789ab"):
        lakehouse.sink.lake.catalog.create_table(f"lakehouse.{name}", schema)
    assert lakehouse.sink.tables() == ["orders", "_ingest_registry", "_ingest_rejects"]
    assert Lakehouse(lakehouse.folder / "empty").sink.tables() == []


def test_the_snapshot_says_whose_it_is(lakehouse: Lakehouse) -> None:
    fill(lakehouse)
    maintain(lakehouse)
    summary = table(lakehouse).current_snapshot().summary
    assert summary[names.RUN_ID] == "tidy"
    assert len(summary[names.COMMIT_ID]) == 32


@pytest.mark.slow
@pytest.mark.parametrize("number", [25])
def test_many_manifests_become_few(lakehouse: Lakehouse, number: int) -> None:
    """Tables of others do not merge their manifests."""
    fill(lakehouse, 1)
    table(lakehouse).transaction().set_properties(
        {"commit.manifest-merge.enabled": "false"}
    ).commit_transaction()
    for i in range(number):
        lakehouse.load(source(f"orders/{i}.csv"), ID, "SELECT 1 FROM range(50)")
    options = {"small_file": 1, "target_file": 1}
    before = rows(lakehouse)
    assert len(table(lakehouse).current_snapshot().manifests(table(lakehouse).io)) == number
    done = maintain(lakehouse, **options)
    assert (done.files_merged, done.snapshots_expired) == (0, 0)
    assert len(table(lakehouse).current_snapshot().manifests(table(lakehouse).io)) == 1
    assert rows(lakehouse) == before
