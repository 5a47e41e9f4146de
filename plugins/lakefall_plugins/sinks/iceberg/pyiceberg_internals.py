"""Everything of PyIceberg that its documentation does not promise; nothing of it stands elsewhere.

Written for PyIceberg 0.12; ``test_pyiceberg_internals.py`` has a test for each private name. To be
imported on first use, except by ``rest_client``: it needs PyIceberg, though not its REST client,
which would cost a start half as much again.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, TypeVar

from pyiceberg.io import FileIO, InputFile, OutputFile, OutputStream
from pyiceberg.io.pyarrow import (
    ArrowAccessor,
    ArrowProjectionVisitor,
    PyArrowFileIO,
    _read_deletes,
    parquet_file_to_data_file,
)
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    ManifestContent,
    ManifestFile,
    ManifestWriterV2,
)
from pyiceberg.table import CreateTableTransaction, Table, TableProperties, Transaction
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Operation, Summary
from pyiceberg.table.update import (
    AddSnapshotUpdate,
    AssertTableUUID,
    RemoveSnapshotsUpdate,
    TableUpdate,
    UpdatesAndRequirements,
)
from pyiceberg.table.update.snapshot import (
    _FastAppendFiles,
    _ManifestMergeManager,
    _MergeAppendFiles,
    _OverwriteFiles,
    _SnapshotProducer,
)
from pyiceberg.typedef import EMPTY_DICT
from pyiceberg.utils.properties import property_as_bool, property_as_int

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from pyiceberg.catalog import Catalog
    from pyiceberg.catalog.rest import RestCatalog, TableResponse
    from pyiceberg.catalog.rest.auth import AuthManager
    from pyiceberg.manifest import ManifestEntry
    from pyiceberg.partitioning import PartitionSpec
    from pyiceberg.schema import Schema
    from pyiceberg.table import StagedTable
    from pyiceberg.typedef import Properties
    from requests import Session
    from requests.adapters import HTTPAdapter
else:
    RestCatalog = object

U = TypeVar("U")
_S3 = ("s3://", "s3a://", "s3n://")
_IO_PROPERTIES = ("s3.", "client.")


# --- catalogs and tables ---


def storage_at(catalog: Catalog, location: str) -> FileIO:
    """Files at a location of which no table is known any more."""
    return catalog._load_file_io(location=location)


def metadata_location(catalog: Any, identifier: tuple[str, str]) -> str:
    """The metadata file that an SQL catalog has for a table, whether it can be read or not."""
    from pyiceberg.catalog.sql import IcebergTables
    from sqlalchemy import select

    namespace, table = identifier
    asked = select(IcebergTables.metadata_location).where(
        IcebergTables.catalog_name == catalog.name,
        IcebergTables.table_namespace == namespace,
        IcebergTables.table_name == table,
    )
    with catalog.engine.connect() as connection:
        return str(connection.execute(asked).scalar() or "")


def listed(io: FileIO, folder: str) -> dict[str, pa.fs.FileInfo] | None:
    """Files in a folder with bytes and age; None where the storage cannot be asked so."""
    from pyarrow.fs import FileSelector

    if not isinstance(io, PyArrowFileIO):
        return None
    scheme, netloc, path = io.parse_location(folder, io.properties)
    found = io.fs_by_scheme(scheme, netloc).get_file_info(FileSelector(path, allow_not_found=True))
    return {f"{folder}/{info.base_name}": info for info in found if info.is_file}


def count_endpoints(catalog: Any) -> int:
    """How many operations a REST catalog offers."""
    return len(catalog._supported_endpoints)


def as_loaded(found: Table) -> Table:
    """The table as if it was loaded: PyIceberg's commits leave staged ones."""
    table = Table(
        found._identifier,
        found.metadata,
        found.metadata_location,
        found.io,
        found.catalog,
        found.config,
    )
    # Our own loop retries: it also checks again what PyIceberg's would not.
    table.metadata.properties["commit.retry.num-retries"] = "0"
    return table


class RestHooks(RestCatalog):
    """What PyIceberg's REST client lacks: requests through our transport, connections kept."""

    def __init__(
        self, properties: dict[str, str], transport: HTTPAdapter, verify: bool | str
    ) -> None:
        self._transport = transport
        self._verify = verify
        self._ios: dict[tuple[tuple[str, str], ...], FileIO] = {}
        super().__init__("lakefall", **properties)

    def prepare_signing(self, adapter: Any) -> None:
        """Give the adapter that signs requests the transport's bounds."""
        raise NotImplementedError

    def _create_legacy_oauth2_auth_manager(self, session: Session) -> AuthManager:
        from pyiceberg.catalog.rest.auth import NoopAuthManager

        # Called before the session is used first: already the token needs a timeout.
        session.mount("http://", self._transport)
        session.mount("https://", self._transport)
        if not (self.properties.get("credential") or self.properties.get("token")):
            return NoopAuthManager()
        return super()._create_legacy_oauth2_auth_manager(session)

    def _init_sigv4(self, session: Session) -> None:
        super()._init_sigv4(session)
        self.prepare_signing(session.get_adapter(self.uri))

    def _load_file_io(
        self, properties: Properties = EMPTY_DICT, location: str | None = None
    ) -> FileIO:
        """One for all tables that are reached alike, so that connections are used again."""
        merged = {**self.properties, **properties}
        if "py-io-impl" in merged or not (location or "").startswith(_S3):
            return super()._load_file_io(properties, location)
        chosen = {k: str(v) for k, v in merged.items() if k.startswith(_IO_PROPERTIES)}
        key = tuple(sorted(chosen.items()))
        if key not in self._ios:
            self._ios[key] = S3FileIO(chosen, self._verify)
        return self._ios[key]

    def _response_to_staged_table(
        self, identifier_tuple: tuple[str, ...], table_response: TableResponse
    ) -> StagedTable:
        """A new table's files are reached as they will be: PyIceberg goes by the metadata file,
        which is not written yet."""
        staged = super()._response_to_staged_table(identifier_tuple, table_response)
        place, given = table_response.metadata.location, table_response
        vended = self._resolve_storage_credentials(given.storage_credentials, place)
        staged.io = self._load_file_io(
            {**given.metadata.properties, **given.config, **vended}, place
        )
        return staged


class S3FileIO(PyArrowFileIO):
    """S3 where a small object is one request, and a large one a multipart upload."""

    def __init__(self, properties: dict[str, str], verify: bool | str) -> None:
        self._authorities = verify if isinstance(verify, str) else ""
        super().__init__(properties)

    def _initialize_s3_fs(self, netloc: str | None) -> Any:
        from pyarrow.fs import S3FileSystem

        made = super()._initialize_s3_fs(netloc)
        # PyIceberg has no property for these.
        _, (arguments,) = made.__reduce__()
        return S3FileSystem._reconstruct(
            {
                **arguments,
                "allow_delayed_open": True,
                # In the background Arrow queues a whole file in memory, whatever is flushed.
                "background_writes": False,
                "tls_ca_file_path": self._authorities or arguments["tls_ca_file_path"],
            }
        )


# --- transactions ---


class StagedChange(Transaction):
    """Changes to a table that exists.

    PyIceberg copies the table's whole metadata each time that a transaction is asked for them, some
    forty times a load, and they grow with every snapshot; here they are made anew after a change.
    """

    _made: tuple[Any, Any, TableMetadata] | None = None

    @property
    def table_metadata(self) -> TableMetadata:
        base, updates = self._table.metadata, self._updates
        if self._made is None or self._made[0] is not base or self._made[1] is not updates:
            # Updates are a tuple: each change makes another one.
            self._made = base, updates, super().table_metadata
        return self._made[2]

    def commit_transaction(self) -> Table:
        """One try, after which everything that was written stays where it is.

        PyIceberg deletes the manifests when a catalog answers with a conflict, before anybody
        has looked whether the commit was done all the same.
        """
        if not self._updates:
            return super().commit_transaction()
        self._requirements += (AssertTableUUID(uuid=self.table_metadata.table_uuid),)
        self._table._do_commit(updates=self._updates, requirements=self._requirements)
        self._cleanup_uncommitted_manifests()
        self._snapshot_producers, self._updates, self._requirements = [], (), ()
        return self._table


class StagedCreation(StagedChange, CreateTableTransaction):
    """A table that is being made."""

    commit_transaction = CreateTableTransaction.commit_transaction


def table_of(transaction: Transaction) -> Any:
    """The table that a transaction changes, or will have made."""
    return transaction._table


def storage(transaction: Transaction) -> FileIO:
    """Where a transaction writes; for a table that is being made, its catalog decides."""
    return transaction._table.io


def stage_expiry(transaction: Transaction, snapshot_ids: list[int]) -> None:
    """Stage the end of snapshots; the files stay."""
    make: Any = RemoveSnapshotsUpdate
    transaction._stage((make(snapshot_ids=snapshot_ids),))


def producers(transaction: Transaction) -> list[Any]:
    """What made the snapshots that a transaction stages."""
    return list(transaction._snapshot_producers)


def remove_manifests(producer: Any) -> None:
    """Remove the manifests that a snapshot's producer wrote and that nothing will name."""
    producer._clean_all_uncommitted()


def newly_named(producer: Any) -> dict[str, int]:
    """Data files, manifests and manifest list that a snapshot brings, with their bytes."""
    named = producer.named.union(producer._written_manifest_lists)
    written = {path: size for path, size in producer._io.sizes.items() if path in named}
    return {f.file_path: f.file_size_in_bytes for f in producer._added_data_files} | written


# --- snapshots ---


class Measured(FileIO):
    """Knows how many bytes were written to each file, whatever the storage says of it."""

    def __init__(self, io: FileIO) -> None:
        super().__init__(io.properties)
        self._io = io
        self.sizes: dict[str, int] = {}

    def new_input(self, location: str) -> InputFile:
        return self._io.new_input(location)

    def new_output(self, location: str) -> OutputFile:
        return _MeasuredOutput(self._io.new_output(location), self.sizes)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        self._io.delete(location)


class _MeasuredOutput(OutputFile):
    def __init__(self, file: OutputFile, sizes: dict[str, int]) -> None:
        super().__init__(file.location)
        self._file, self._sizes = file, sizes

    def __len__(self) -> int:
        # PyIceberg asks for it to say how long a manifest is.
        return self._sizes[self.location]

    def exists(self) -> bool:
        return self._file.exists()

    def to_input_file(self) -> InputFile:
        return self._file.to_input_file()

    def create(self, overwrite: bool = False) -> OutputStream:
        self._sizes[self.location] = 0
        return _MeasuredStream(self._file.create(overwrite), self.location, self._sizes)


class _MeasuredStream(OutputStream):
    def __init__(self, stream: OutputStream, location: str, sizes: dict[str, int]) -> None:
        self._stream, self._location, self._sizes = stream, location, sizes

    def write(self, b: bytes) -> int:
        self._sizes[self._location] += len(b)
        return self._stream.write(b)

    def tell(self) -> int:
        return self._sizes[self._location]

    def close(self) -> None:
        self._stream.close()

    def __enter__(self) -> OutputStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Tidy(_SnapshotProducer[U]):
    """Knows which of the manifests that it wrote were merged into others before the commit."""

    named: frozenset[str] = frozenset()
    """Manifests of the snapshot, once it is staged."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._io = Measured(self._io)

    def _process_manifests(self, manifests: list[ManifestFile]) -> list[ManifestFile]:
        found = self._packed(super()._process_manifests(manifests))
        self.named = frozenset(m.manifest_path for m in found)
        return found

    def _packed(self, manifests: list[ManifestFile]) -> list[ManifestFile]:
        return manifests

    def _commit(self) -> UpdatesAndRequirements:
        """No snapshot is older than the one before it, whatever this host's clock says: a catalog
        refuses a log that goes back by more than a minute, and the order is read from it."""
        updates, requirements = super()._commit()
        base = self._transaction._table.metadata
        known = (base.last_updated_ms, *(s.timestamp_ms for s in base.snapshots[-1:]))
        return tuple(_not_before(update, max(known) + 1) for update in updates), requirements

    @property
    def unused(self) -> set[str]:
        """Manifests that the snapshot does not name, once it is committed."""
        return set(self._written_manifests) - self.named


def _not_before(update: TableUpdate, least: int) -> TableUpdate:
    if not isinstance(update, AddSnapshotUpdate) or update.snapshot.timestamp_ms >= least:
        return update
    snapshot = update.snapshot.model_copy(update={"timestamp_ms": least})
    return update.model_copy(update={"snapshot": snapshot})


class Append(_Tidy[_FastAppendFiles], _MergeAppendFiles):
    """Data files added."""


class Overwrite(_Tidy[_OverwriteFiles], _OverwriteFiles):
    """Data files removed and added, with manifests that stay few.

    PyIceberg adds two manifests to the list with every replacement, one of which names nothing but
    what is gone, and never takes one off it.
    """

    def _existing_manifests(self) -> list[ManifestFile]:
        found = super()._existing_manifests()
        return [m for m in found if is_live(m)]

    def _packed(self, manifests: list[ManifestFile]) -> list[ManifestFile]:
        """Merge data manifests under the same table properties as an append does."""
        names, properties = TableProperties, self._transaction.table_metadata.properties
        merges = property_as_bool(
            properties, names.MANIFEST_MERGE_ENABLED, names.MANIFEST_MERGE_ENABLED_DEFAULT
        )
        if not merges:
            return manifests
        count = property_as_int(
            properties, names.MANIFEST_MIN_MERGE_COUNT, names.MANIFEST_MIN_MERGE_COUNT_DEFAULT
        )
        data, deletes = _by_content(manifests)
        return self._merged(data, count or 0) + deletes

    def _merged(self, manifests: list[ManifestFile], count: int) -> list[ManifestFile]:
        """Manifests packed together, the newest ones where there are at least ``count``."""
        names, properties = TableProperties, self._transaction.table_metadata.properties
        size = property_as_int(
            properties,
            names.MANIFEST_TARGET_SIZE_BYTES,
            names.MANIFEST_TARGET_SIZE_BYTES_DEFAULT,
        )
        manager: _ManifestMergeManager[_OverwriteFiles] = _ManifestMergeManager(
            size or 0, count, merge_enabled=True, snapshot_producer=self
        )
        return manager.merge_manifests(manifests)


class Replacement(Overwrite):
    """The same rows in other data files, with manifests as few as their size allows."""

    dropped: frozenset[DataFile] = frozenset()
    """Delete files that take rows from no data file any more."""

    def _packed(self, manifests: list[ManifestFile]) -> list[ManifestFile]:
        data, deletes = _by_content(manifests)
        return self._merged(data, 2) + [left for m in deletes for left in self._without_dropped(m)]

    def _without_dropped(self, manifest: ManifestFile) -> list[ManifestFile]:
        entries = manifest.fetch_manifest_entry(self._io)
        if not any(entry.data_file in self.dropped for entry in entries):
            return [manifest] if entries else []
        with self.new_deletes_writer(self.spec(manifest.partition_spec_id)) as writer:
            for entry in entries:
                if entry.data_file in self.dropped:
                    writer.delete(entry)
                else:
                    writer.existing(entry)
        return [writer.to_manifest_file()]

    def new_deletes_writer(self, spec: PartitionSpec) -> DeletesWriter:
        return DeletesWriter(
            spec, self.schema(), self.new_manifest_output(), self._snapshot_id, self._compression
        )

    def _summary(self, snapshot_properties: dict[str, str] = EMPTY_DICT) -> Summary:
        rows = self._deleted_data_files
        self._deleted_data_files = rows | self.dropped
        try:
            # PyIceberg knows no totals of a replacement, though they are those of an overwrite.
            made = super()._summary(snapshot_properties)
        finally:
            self._deleted_data_files = rows
        return Summary(Operation.REPLACE, **made.additional_properties)


class Rescue(Replacement):
    """What is left of a snapshot of which files were lost."""

    left: Sequence[Any] = ()
    """Each with ``manifest``, its ``entries``, and those that are ``kept``."""

    def _deleted_entries(self) -> list[ManifestEntry]:
        return []

    def _existing_manifests(self) -> list[ManifestFile]:
        return [made for one in self.left if one.kept for made in self._kept(one)]

    def _kept(self, one: Any) -> list[ManifestFile]:
        if len(one.kept) == len(one.entries):
            return [one.manifest]
        spec = self.spec(one.manifest.partition_spec_id)
        deletes = one.manifest.content == ManifestContent.DELETES
        make = self.new_deletes_writer if deletes else self.new_manifest_writer
        with make(spec) as writer:
            for entry in one.kept:
                writer.existing(entry)
        return [writer.to_manifest_file()]

    def _packed(self, manifests: list[ManifestFile]) -> list[ManifestFile]:
        return manifests

    def _summary(self, snapshot_properties: dict[str, str] = EMPTY_DICT) -> Summary:
        files = [entry.data_file for one in self.left for entry in one.kept]
        rows = [f for f in files if f.content == DataFileContent.DATA]
        at = [f for f in files if f.content == DataFileContent.POSITION_DELETES]
        of = [f for f in files if f.content == DataFileContent.EQUALITY_DELETES]
        totals = {
            "total-data-files": len(rows),
            "total-delete-files": len(files) - len(rows),
            "total-records": sum(f.record_count for f in rows),
            "total-files-size": sum(f.file_size_in_bytes for f in files),
            "total-position-deletes": sum(f.record_count for f in at),
            "total-equality-deletes": sum(f.record_count for f in of),
        }
        told = {name: str(value) for name, value in totals.items()}
        return Summary(Operation.OVERWRITE, **told, **snapshot_properties)


def stage_rescue(transaction: Transaction, left: Sequence[Any], properties: dict[str, str]) -> None:
    """Stage a snapshot of what is left (``Rescue.left``), whatever the current one names."""
    producer = Rescue(
        Operation.OVERWRITE, transaction, storage(transaction), snapshot_properties=properties
    )
    producer.left = left
    producer.commit()


class DeletesWriter(ManifestWriterV2):
    """A manifest of delete files, which PyIceberg cannot write."""

    def content(self) -> ManifestContent:
        return ManifestContent.DELETES

    @property
    def _meta(self) -> dict[str, str]:
        return {**super()._meta, "content": "deletes"}


def _by_content(manifests: list[ManifestFile]) -> tuple[list[ManifestFile], list[ManifestFile]]:
    """Manifests of data files, and of delete files."""
    data = [m for m in manifests if m.content == ManifestContent.DATA]
    return data, [m for m in manifests if m.content == ManifestContent.DELETES]


def is_live(manifest: ManifestFile) -> bool:
    """Whether a manifest names files that are there, not only such as were removed."""
    return manifest.has_added_files() or manifest.has_existing_files()


# --- data files ---


def to_schema(asked: Schema, stored: Schema, batch: pa.RecordBatch) -> pa.RecordBatch:
    """A batch of ``stored`` columns as the columns of a table: found by id, widened, or NULL."""
    import pyarrow as pa
    from pyiceberg.schema import visit_with_partner

    made = visit_with_partner(
        asked,
        batch,
        _Projection(stored, downcast_ns_timestamp_to_us=True, allow_timestamp_tz_mismatch=True),
        ArrowAccessor(stored),
    )
    return pa.RecordBatch.from_struct_array(made)


class _Projection(ArrowProjectionVisitor):
    """Keeps the NULLs among lists and maps of structs, of which PyIceberg makes empty ones."""

    def list(self, list_type: Any, list_array: Any, value_array: Any) -> Any:
        return _nulls_of(list_array, super().list(list_type, list_array, value_array))

    def map(self, map_type: Any, map_array: Any, key_result: Any, value_result: Any) -> Any:
        return _nulls_of(map_array, super().map(map_type, map_array, key_result, value_result))


def _nulls_of(array: Any, made: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    if made is None or array.null_count == made.null_count:
        return made
    return pc.if_else(array.is_valid(), made, pa.scalar(None, made.type))


def positions_of(io: FileIO, delete: DataFile) -> dict[str, Any]:
    """Data file -> positions of the rows that a delete file takes from it."""
    return _read_deletes(io, delete)


def data_file(metadata: TableMetadata, path: str, tail: bytes, size: int) -> DataFile:
    """A Parquet file of ``size`` bytes as Iceberg wants it, with statistics from its last bytes."""
    end: Any = _Tail(tail, size)
    try:
        return parquet_file_to_data_file(end, metadata, path)
    except UnicodeEncodeError:
        # An upper bound was rounded up to a surrogate: then do without bounds.
        counts = {**metadata.properties, "write.metadata.metrics.default": "counts"}
        bare = metadata.model_copy(update={"properties": counts})
        return parquet_file_to_data_file(end, bare, path)


class _Tail:
    """Storage with one file, of which only the end is at hand: all that its statistics need."""

    def __init__(self, tail: bytes, size: int) -> None:
        self._tail, self._size = tail, size

    def new_input(self, _: str) -> _Tail:
        return self

    def open(self) -> BytesIO:
        return BytesIO(self._tail)

    def __len__(self) -> int:
        return self._size
