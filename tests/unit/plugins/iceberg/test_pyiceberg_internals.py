"""What lakefall relies on in PyIceberg beyond its documentation: one test for each private name.

A new version of PyIceberg that breaks one of these breaks ``pyiceberg_internals.py``.
"""

# ruff: noqa: TID253 -- these tests are about PyIceberg itself

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from iceberg_support import Lakehouse, source
from maintenance_support import data_files, delete_positions, table

pytest.importorskip("pyiceberg")

from pyiceberg.catalog import Catalog
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.manifest import ManifestContent
from pyiceberg.table import CreateTableTransaction, Transaction
from pyiceberg.table.snapshots import Operation
from pyiceberg.table.update import snapshot as producing
from pyiceberg.table.update.snapshot import _SnapshotProducer

from lakefall_plugins.sinks.iceberg import pyiceberg_internals as internals

ID = [("id", "INTEGER")]
PLUGIN = Path(inspect.getfile(internals)).parent


@pytest.fixture
def filled(lakehouse: Lakehouse) -> Lakehouse:
    for key in "ab":
        lakehouse.load(source(f"orders/{key}.csv"), ID, "SELECT 1 FROM range(3)")
    return lakehouse


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def staged(lakehouse: Lakehouse, kind: type[Any] = internals.Append) -> tuple[Any, Any]:
    """A transaction with one snapshot of the same rows again, and its producer."""
    found = table(lakehouse)
    transaction = internals.StagedChange(found)
    producer = kind(Operation.OVERWRITE, transaction, found.io)
    producer.append_data_file(data_files(lakehouse)[0])
    producer.commit()
    return transaction, producer


def test_private_names_stand_in_one_file() -> None:
    """``x._name`` where x is not ``self`` and not one of our own modules; imports of ``_name``."""
    strange = re.compile(
        r"(?<![\w.])(?!self\b|cls\b|super\(\))[\w)\]]+\._[a-z]\w*|import _[A-Za-z]"
    )
    for path in PLUGIN.rglob("*.py"):
        if path.name != "pyiceberg_internals.py":
            code = [line.partition("#")[0] for line in path.read_text().splitlines()]
            assert not [line for line in code if strange.search(line)], path


# --- catalogs and tables ---


def test_a_catalog_makes_storage_for_a_location(filled: Lakehouse) -> None:
    assert {"properties", "location"} <= set(parameters(Catalog._load_file_io))
    path = data_files(filled)[0].file_path
    io = internals.storage_at(filled.sink.lake.catalog, path)
    assert len(io.new_input(path)) == data_files(filled)[0].file_size_in_bytes


def test_a_rest_catalog_knows_what_it_offers() -> None:
    assert "self._supported_endpoints" in inspect.getsource(RestCatalog)


def test_a_table_has_the_identifier_that_another_can_be_made_of(filled: Lakehouse) -> None:
    found = table(filled)
    other = internals.as_loaded(found)
    assert found._identifier == ("lakehouse", "orders")
    assert (other.name(), other.metadata, other.io) == (found.name(), found.metadata, found.io)
    assert other.properties["commit.retry.num-retries"] == "0"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("_create_legacy_oauth2_auth_manager", ["self", "session"]),
        ("_init_sigv4", ["self", "session"]),
        ("_load_file_io", ["self", "properties", "location"]),
        ("_response_to_staged_table", ["self", "identifier_tuple", "table_response"]),
        ("_resolve_storage_credentials", ["storage_credentials", "location"]),
    ],
)
def test_a_rest_catalog_calls_what_is_overridden(name: str, expected: list[str]) -> None:
    assert parameters(getattr(RestCatalog, name)) == expected
    assert f"self.{name}(" in inspect.getsource(RestCatalog)


def test_a_session_gets_its_adapters_before_it_is_used() -> None:
    text = inspect.getsource(RestCatalog._create_session)
    made, signed = text.index("_create_legacy_oauth2_auth_manager"), text.index("_init_sigv4")
    assert made < signed
    assert "session.get(" not in text[:made]


def test_s3_is_made_by_a_method_and_again_of_its_own_arguments() -> None:
    """An upload does not queue its file in memory."""
    assert parameters(PyArrowFileIO._initialize_s3_fs) == ["self", "netloc"]
    options = {"s3.endpoint": "http://127.0.0.1:1", "s3.region": "us-east-1"}
    _, (arguments,) = internals.S3FileIO(options, True)._initialize_s3_fs(None).__reduce__()
    assert arguments["background_writes"] is False
    assert arguments["allow_delayed_open"] is True


# --- transactions ---


def test_a_transaction_has_its_table_and_its_updates_as_a_tuple(filled: Lakehouse) -> None:
    transaction = internals.StagedChange(table(filled))
    assert internals.table_of(transaction) is transaction._table
    assert internals.storage(transaction) is transaction._table.io
    before, same = transaction._updates, transaction.table_metadata
    assert before == ()
    assert transaction.table_metadata is same
    transaction.set_properties({"a": "b"})
    assert transaction._updates is not before
    assert transaction.table_metadata.properties["a"] == "b"


def test_a_table_that_is_being_made_is_staged(filled: Lakehouse) -> None:
    lake = filled.sink.lake
    schema = table(filled).schema()
    made = lake.catalog.create_table_transaction(lake.identifier("new"), schema)
    creation = internals.StagedCreation(internals.table_of(made))
    assert isinstance(creation, CreateTableTransaction)
    creation.commit_transaction()
    assert table(filled, "new").schema().column_names == schema.column_names


def test_an_expiry_is_staged_like_another_update(filled: Lakehouse) -> None:
    assert parameters(Transaction._stage)[:2] == ["self", "updates"]
    first, last = table(filled).metadata.snapshots
    transaction = internals.StagedChange(table(filled))
    internals.stage_expiry(transaction, [first.snapshot_id])
    transaction.commit_transaction()
    assert [s.snapshot_id for s in table(filled).metadata.snapshots] == [last.snapshot_id]


def test_a_transaction_knows_its_producers_and_they_clean_up(filled: Lakehouse) -> None:
    transaction, producer = staged(filled)
    assert internals.producers(transaction) == [producer]
    assert producer._written_manifests
    assert all(Path(path).exists() for path in producer._written_manifests)
    internals.remove_manifests(producer)
    assert not any(Path(path).exists() for path in producer._written_manifests)


# --- snapshots ---


def test_the_classes_of_producers_are_there() -> None:
    for name in ("_FastAppendFiles", "_MergeAppendFiles", "_OverwriteFiles"):
        assert issubclass(getattr(producing, name), _SnapshotProducer)
    assert parameters(producing._ManifestMergeManager)[:2] == [
        "target_size_bytes",
        "min_count_to_merge",
    ]


def test_a_producer_processes_its_manifests_last(filled: Lakehouse) -> None:
    assert parameters(_SnapshotProducer._process_manifests) == ["self", "manifests"]
    transaction, producer = staged(filled)
    done = transaction.commit_transaction()
    snapshot = done.current_snapshot()
    assert {m.manifest_path for m in snapshot.manifests(done.io)} == set(producer.named)


def test_a_producer_finds_existing_manifests(filled: Lakehouse) -> None:
    _, producer = staged(filled, internals.Overwrite)
    existing = producer._existing_manifests()
    assert existing
    assert all(internals.is_live(m) for m in existing)


def test_a_replacement_has_the_totals_of_an_overwrite(filled: Lakehouse) -> None:
    found = table(filled)
    first, second = data_files(filled)
    transaction = internals.StagedChange(found)
    producer = internals.Replacement(Operation.OVERWRITE, transaction, found.io)
    producer.delete_by_predicate(AlwaysTrue())
    producer.delete_data_file(first)
    producer.append_data_file(first)
    assert producer._deleted_data_files == {first}
    assert producer._transaction is transaction
    assert producer._io._io is found.io
    assert isinstance(producer._snapshot_id, int)
    producer.commit()
    summary = transaction.commit_transaction().current_snapshot().summary
    assert summary.operation is Operation.REPLACE
    assert summary["total-records"] == str(first.record_count + second.record_count)


def test_what_a_snapshot_names_anew_is_known_with_its_bytes(filled: Lakehouse) -> None:
    found = table(filled)
    first, _ = data_files(filled)
    transaction = internals.StagedChange(found)
    producer = internals.Overwrite(Operation.OVERWRITE, transaction, found.io)
    producer.append_data_file(first)
    assert producer._added_data_files == [first]
    producer.commit()
    (listing,) = producer._written_manifest_lists
    named = internals.newly_named(producer)
    assert named[first.file_path] == first.file_size_in_bytes
    assert listing in named and len(named) == 3
    assert named == {path: len(found.io.new_input(path)) for path in named}
    folder = listing.rpartition("/")[0]
    assert internals.listed(found.io, folder)[listing].size == named[listing]


def test_an_sql_catalog_knows_a_metadata_file_that_cannot_be_read(filled: Lakehouse) -> None:
    found = table(filled)
    known = internals.metadata_location(found.catalog, found.name())
    assert known == found.metadata_location
    assert internals.metadata_location(found.catalog, ("lakehouse", "nope")) == ""


def test_a_writer_of_manifests_says_what_it_writes(filled: Lakehouse) -> None:
    _, producer = staged(filled, internals.Replacement)
    writer = producer.new_deletes_writer(table(filled).spec())
    assert writer.content() is ManifestContent.DELETES
    assert writer._meta["content"] == "deletes"
    assert producer._compression


# --- data files ---


def test_batches_are_brought_to_the_tables_columns(filled: Lakehouse) -> None:
    import pyarrow as pa
    from pyiceberg.schema import Schema
    from pyiceberg.types import IntegerType, LongType, NestedField, StringType

    stored = Schema(NestedField(1, "old", IntegerType(), required=False))
    asked = Schema(
        NestedField(1, "new", LongType(), required=False),
        NestedField(2, "later", StringType(), required=False),
    )
    batch = internals.to_schema(asked, stored, pa.record_batch({"old": pa.array([1], pa.int32())}))
    assert batch.to_pydict() == {"new": [1], "later": [None]}
    assert batch.schema.field("new").type == pa.int64()


def test_a_delete_file_is_read_by_data_file(filled: Lakehouse) -> None:
    path = data_files(filled)[0].file_path
    delete_positions(filled, {path: [0, 2]})
    found = table(filled)
    (delete,) = {d for _, some in filled.sink.lake.manifests.files(found) for d in some}
    assert internals.positions_of(found.io, delete)[path].to_pylist() == [0, 2]


def test_a_data_file_is_described_by_its_last_bytes(filled: Lakehouse) -> None:
    known = next(f for f in data_files(filled))
    content = Path(known.file_path).read_bytes()
    length = int.from_bytes(content[-8:-4], "little") + 8
    metadata = table(filled).metadata
    file = internals.data_file(metadata, known.file_path, content[-length:], len(content))
    assert (file.record_count, file.file_size_in_bytes) == (3, len(content))
    assert file.value_counts == known.value_counts
