"""The data files of a table: which there are, their rows, and what is left when some go.

Rows are read a batch at a time: PyIceberg's own reading holds a whole data file in memory, and
reads rows that nobody asked for. A data file whose bounds say that all of it goes is removed
without being read. Of one that may hold other rows the deciding columns are read first; only if
rows do go, the others are written into a data file of their own.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from lakefall.contract.errors import TableError
from lakefall_plugins.sinks.iceberg.damage import entries_of, manifests_of, reading
from lakefall_plugins.sinks.iceberg.writing import Writer
from lakefall_plugins.sinks.lake.versions import to_micros

if TYPE_CHECKING:
    from datetime import datetime

    import numpy as np
    import pyarrow as pa
    from pyarrow import parquet
    from pyiceberg.io import FileIO
    from pyiceberg.manifest import DataFile, ManifestFile
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table
    from pyiceberg.table.metadata import TableMetadata

    from lakefall_plugins.sinks.iceberg.catalog import Lake
    from lakefall_plugins.sinks.iceberg.writing import NewFiles

_KEPT = 20_000
"""Data files of which a process remembers what their manifests say."""
_AT_ONCE = 8
_BATCH_BYTES = 8 << 20
_PROBE_ROWS, _MOST_ROWS = 1_024, 65_536
T = TypeVar("T")
U = TypeVar("U")


class Manifests:
    """The data files of tables' current snapshots."""

    def __init__(self) -> None:
        self._known: dict[str, Sequence[DataFile]] = {}

    def files(self, table: Table) -> Sequence[tuple[DataFile, frozenset[DataFile]]]:
        """Every data file, with the delete files that may take rows from it.

        Raises:
            TableError: the table has equality deletes, which PyIceberg cannot apply.
        """
        from pyiceberg.manifest import ManifestContent

        from lakefall_plugins.sinks.iceberg.pyiceberg_internals import is_live

        snapshot = table.current_snapshot()
        if snapshot is None:
            return []
        manifests = manifests_of(table, snapshot)
        if any(m.content == ManifestContent.DELETES and is_live(m) for m in manifests):
            try:
                tasks = table.scan().plan_files()
            except ValueError as error:
                if "equality deletes" not in str(error):
                    raise
                raise TableError(
                    f"table {table.name()[-1]!r} has equality deletes, which cannot be read here; "
                    "let the engine that wrote them rewrite its data files"
                ) from error
            return [(task.file, frozenset(task.delete_files)) for task in tasks]
        self._learn(manifests, table)
        return [(file, frozenset()) for m in manifests for file in self._known[m.manifest_path]]

    def _learn(self, manifests: Sequence[ManifestFile], table: Table) -> None:
        unknown = [m for m in manifests if m.manifest_path not in self._known]
        if not unknown:
            return
        if sum(map(len, self._known.values())) > _KEPT:
            wanted = {m.manifest_path for m in manifests}
            self._known = {path: f for path, f in self._known.items() if path in wanted}
        name = table.name()[-1]
        read = at_once(
            lambda m: [e.data_file for e in entries_of(m, table.io, name)],
            unknown,
        )
        self._known.update(zip((m.manifest_path for m in unknown), read, strict=True))


@dataclass(frozen=True, slots=True)
class Part:
    """One data file of the current snapshot."""

    file: DataFile
    deletes: frozenset[DataFile]
    """Delete files that may take rows from it."""
    bounds: Mapping[str, tuple[str, str] | None]
    """Least and greatest text of the columns asked for; None where it is not known."""

    @property
    def identity(self) -> tuple[str, frozenset[str]]:
        """Identifies its rows: neither a data file nor a delete file ever changes."""
        return self.file.file_path, frozenset(d.file_path for d in self.deletes)

    def constant(self, column: str) -> str | None:
        """The column's one value in this data file; None where it is not known to have one."""
        bounds = self.bounds[column]
        if bounds is None or bounds[0] != bounds[1]:
            return None
        return bounds[0]

    def may_hold(self, column: str, value: str) -> bool:
        """Whether rows with that value may be in this data file."""
        bounds = self.bounds[column]
        return bounds is None or bounds[0] <= value <= bounds[1]

    def may_hold_any(self, column: str, values: Iterable[str]) -> bool:
        return any(self.may_hold(column, value) for value in values)


def list_parts(lake: Lake, table: Table, columns: Sequence[str]) -> list[Part]:
    """The data files of a table with the bounds of some text columns. Reads manifests only.

    Raises:
        TableError: the table has equality deletes.
    """
    found = lake.manifests.files(table)
    parts = parts_of(table, [file for file, _ in found], columns)
    return [replace(p, deletes=some) for p, (_, some) in zip(parts, found, strict=True)]


def parts_of(table: Table, files: Iterable[DataFile], columns: Sequence[str]) -> list[Part]:
    """Some data files of a table, as if it had no delete files."""
    schema = table.schema()
    ids = {c: schema.find_field(c).field_id for c in columns if c in schema.column_names}
    return [Part(f, frozenset(), {c: _bounds(f, ids.get(c)) for c in columns}) for f in files]


def _bounds(file: DataFile, field_id: int | None) -> tuple[str, str] | None:
    if field_id is None or (file.null_value_counts or {}).get(field_id) != 0:
        return None
    low, high = (file.lower_bounds or {}).get(field_id), (file.upper_bounds or {}).get(field_id)
    if low is None or high is None:
        return None
    return low.decode("utf-8", "replace"), high.decode("utf-8", "replace")


def may_be_after(file: DataFile, schema: Schema, column: str, moment: datetime) -> bool:
    """Whether a data file may hold rows with this moment or a later one in a timestamp column."""
    from pyiceberg.conversions import from_bytes
    from pyiceberg.types import TimestampType

    field = schema.find_field(column)
    bound = (file.upper_bounds or {}).get(field.field_id)
    if bound is None or not isinstance(field.field_type, TimestampType):
        return True
    return int(from_bytes(field.field_type, bound)) >= to_micros(moment)


def rows_by(table: Table, parts: Iterable[Part], column: str) -> Counter[str]:
    """How many rows each value of the column has; data are read only where bounds do not tell."""
    counts: Counter[str] = Counter()
    unknown: list[Part] = []
    for part in parts:
        value = part.constant(column)
        if value is None or part.deletes:
            unknown.append(part)
        else:
            counts[value] += part.file.record_count
    reader = Reader.of(table)
    for found in at_once(lambda part: _counted(reader, part, column), unknown):
        counts.update(found)
    return counts


def _counted(reader: Reader, part: Part, column: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for batch in reader.batches(part, (column,)):
        for pair in batch.column(0).value_counts().to_pylist():
            if pair["values"] is not None:
                counts[pair["values"]] += pair["counts"]
    return counts


def at_once(work: Callable[[T], U], items: Iterable[T], number: int = _AT_ONCE) -> list[U]:
    """What ``work`` answers for each of them; the storage is asked for ``number`` together."""
    listed = list(items)
    if len(listed) < 2:
        return [work(item) for item in listed]
    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(work, listed))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Row groups that cannot hold any of these values of a text column are left out."""

    column: str
    values: Collection[str]


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads data files of one table."""

    name: str
    metadata: TableMetadata
    io: FileIO
    _deleted: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Delete file -> data file -> positions."""

    @classmethod
    def of(cls, table: Table) -> Reader:
        return cls(table.name()[-1], table.metadata, table.io)

    def batches(
        self, part: Part, columns: Sequence[str] = (), wanted: Wanted | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The rows that are left of a data file, in its order: these columns, or all.

        Columns are found by field id: one that came later is NULL, one that was widened or renamed
        is as the table has it now. Memory: one row group as it is stored, and one batch.
        """
        from pyarrow import parquet
        from pyiceberg.io.pyarrow import pyarrow_to_schema
        from pyiceberg.schema import prune_columns

        from lakefall_plugins.sinks.iceberg.pyiceberg_internals import to_schema

        schema = self.metadata.schema()
        asked = schema.select(*columns) if columns else schema
        deleted = self.deleted(part)
        path = part.file.file_path
        with reading(path, self.name), self.io.new_input(path).open() as stream:
            # What is asked for is found in the footer and fetched in few requests.
            file = parquet.ParquetFile(stream, pre_buffer=True)
            stored = pyarrow_to_schema(
                file.schema_arrow,
                self.metadata.name_mapping(),
                downcast_ns_timestamp_to_us=True,
                format_version=self.metadata.format_version,
            )
            wanted_ids = {f.field_id for f in asked.fields}
            chosen = prune_columns(stored, wanted_ids, select_full_types=True)
            # A file may have none of the columns; its number of rows is wanted all the same.
            listed = [f.name for f in chosen.fields] or file.schema_arrow.names[:1]
            ranges = None
            if wanted is not None:
                name = stored.find_column_name(schema.find_field(wanted.column).field_id)
                ranges = _Ranges(file, name, wanted)
            for first, batch in _stored(file, listed, ranges):
                left = _without(batch, first, deleted)
                if left.num_rows:
                    yield to_schema(asked, chosen, left)

    def deleted(self, part: Part) -> np.ndarray[Any, Any]:
        """Positions of rows, from 0, that delete files take from a data file."""
        import numpy as np

        path = part.file.file_path
        found = [
            positions[path].to_numpy()
            for positions in map(self._positions, part.deletes)
            if path in positions
        ]
        return np.unique(np.concatenate(found)) if found else np.empty(0, "int64")

    def _positions(self, delete: DataFile) -> dict[str, Any]:
        from lakefall_plugins.sinks.iceberg.pyiceberg_internals import positions_of

        if delete.file_path not in self._deleted:
            with reading(delete.file_path, self.name):
                self._deleted[delete.file_path] = positions_of(self.io, delete)
        return self._deleted[delete.file_path]


def _stored(
    file: parquet.ParquetFile, columns: list[str], ranges: _Ranges | None
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Batches as they are stored, each with the position of its first row."""
    position = 0
    rows = 0
    for group in range(file.num_row_groups):
        begin = position
        position += file.metadata.row_group(group).num_rows
        if ranges is not None and not ranges.may_hold(group):
            continue
        rows = rows or _batch_rows(file, group, columns)
        for batch in file.iter_batches(rows, row_groups=[group], columns=columns):
            yield begin, batch
            begin += batch.num_rows


def _batch_rows(file: parquet.ParquetFile, group: int, columns: list[str]) -> int:
    """Rows of a batch that takes about ``_BATCH_BYTES`` in memory."""
    probe = next(file.iter_batches(_PROBE_ROWS, row_groups=[group], columns=columns), None)
    if probe is None or not probe.num_rows:
        return _MOST_ROWS
    width = max(1, probe.nbytes // probe.num_rows)
    return int(min(_MOST_ROWS, max(_PROBE_ROWS, _BATCH_BYTES // width)))


def _without(batch: Any, first: int, deleted: np.ndarray[Any, Any]) -> Any:
    import numpy as np

    begin, end = np.searchsorted(deleted, (first, first + batch.num_rows))
    if begin == end:
        return batch
    kept = np.ones(batch.num_rows, "bool")
    kept[deleted[begin:end] - first] = False
    return batch.filter(kept)


class _Ranges:
    """What a footer says about the values of one text column in each row group."""

    def __init__(self, file: parquet.ParquetFile, name: str | None, wanted: Wanted) -> None:
        self._metadata = file.metadata
        self._values = sorted(wanted.values)
        schema = file.metadata.schema
        paths = {schema.column(i).path: i for i in range(file.metadata.num_columns)}
        self._position = paths.get(name or "")

    def may_hold(self, group: int) -> bool:
        """Whether a row group may hold one of the values."""
        if self._position is None:
            return True
        found = self._metadata.row_group(group).column(self._position).statistics
        if found is None or not found.has_min_max:
            return True
        try:
            least, greatest = found.min, found.max
        except UnicodeDecodeError:
            # Cut off within a character.
            return True
        at = bisect_left(self._values, least)
        return at < len(self._values) and self._values[at] <= greatest


class RowsToRemove(Protocol):
    """Which rows go. Equal ones mean the same rows."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Text and other columns that decide; the first one is the key."""

    @property
    def keys(self) -> frozenset[str]:
        """Keys of rows that may go."""

    def takes_all(self, part: Part) -> bool:
        """Whether every row of a data file goes, as far as its bounds tell."""

    def mask(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        """True for each row that goes; False, never NULL, for the others."""


@dataclass(frozen=True, slots=True)
class OfKeys:
    """Every row whose ``column`` is one of ``keys``."""

    column: str
    keys: frozenset[str]

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def takes_all(self, part: Part) -> bool:
        return part.constant(self.column) in self.keys

    def mask(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        import pyarrow as pa
        import pyarrow.compute as pc

        keys = batch.column(self.column)
        return pc.is_in(keys, pa.array(sorted(self.keys), keys.type))


@dataclass(frozen=True, slots=True)
class Removal:
    """Rows that go: the data files that hold them, and what stays of those."""

    files: Sequence[DataFile] = ()
    rest: Sequence[DataFile] = ()
    """New data files with the rows of ``files`` that stay."""
    gone: Counter[str] = field(default_factory=Counter)
    """Rows that go, by key."""

    def __bool__(self) -> bool:
        return bool(self.files)


def removal_of(
    new_files: NewFiles, table: Table, parts: Iterable[Part], chosen: RowsToRemove
) -> Removal:
    """Remove the chosen rows of a table.

    What an earlier attempt of the same load wrote is used again.
    """
    reader = Reader.of(table)
    files: list[DataFile] = []
    rest: list[DataFile] = []
    gone: Counter[str] = Counter()
    key = chosen.columns[0]
    touched: list[Part] = []
    for part in parts:
        value = part.constant(key)
        if chosen.takes_all(part) and value is not None and not part.deletes:
            files.append(part.file)
            gone[value] += part.file.record_count
        elif part.may_hold_any(key, chosen.keys):
            touched.append(part)
    counts = at_once(lambda part: _count(reader, part, chosen), touched)
    for part, found in zip(touched, counts, strict=True):
        if not found and not chosen.takes_all(part):
            continue
        files.append(part.file)
        gone.update(found)
        if not chosen.takes_all(part):
            rest += _write_rest(new_files, table, reader, part, chosen)
    return Removal(files, rest, gone)


def _count(reader: Reader, part: Part, chosen: RowsToRemove) -> Counter[str]:
    """Rows of a data file that go, by key."""
    counts: Counter[str] = Counter()
    key = chosen.columns[0]
    for batch in reader.batches(part, chosen.columns, Wanted(key, chosen.keys)):
        going = batch.column(key).filter(chosen.mask(batch))
        for pair in going.value_counts().to_pylist():
            counts[pair["values"]] += pair["counts"]
    return counts


def _write_rest(
    new_files: NewFiles, table: Table, reader: Reader, part: Part, chosen: RowsToRemove
) -> Sequence[DataFile]:
    """The rows of a data file that stay, in a new one."""
    import pyarrow.compute as pc

    name = (part.identity, chosen)
    if name not in new_files.rests:
        writer = Writer(new_files, table.metadata, table.io, chosen.columns[0])
        try:
            for batch in reader.batches(part):
                writer.write(batch.filter(pc.invert(chosen.mask(batch))))
            new_files.rests[name] = writer.close()
        except BaseException:
            writer.abandon()
            raise
    return new_files.rests[name]
