"""Rows of data files in a table's present columns, a batch at a time.

PyIceberg's own reading holds a whole data file in memory, and reads rows that nobody asked for.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from pyarrow import parquet
    from pyiceberg.io import FileIO
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table
    from pyiceberg.table.metadata import TableMetadata

    from lakefall_plugins.sinks.iceberg.survey import Part

_BATCH_BYTES = 8 << 20
_PROBE_ROWS, _MOST_ROWS = 1_024, 65_536


@dataclass(frozen=True, slots=True)
class Wanted:
    """Row groups that cannot hold any of these values of a text column are left out."""

    column: str
    values: Collection[str]


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads data files of one table."""

    metadata: TableMetadata
    io: FileIO
    _deleted: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Delete file -> data file -> positions."""

    @classmethod
    def of(cls, table: Table) -> Reader:
        return cls(table.metadata, table.io)

    def batches(
        self, part: Part, columns: Sequence[str] = (), wanted: Wanted | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The rows that are left of a data file, in its order: these columns, or all.

        Columns are found by field id: one that came later is NULL, one that was widened or renamed
        is as the table has it now. Memory: one row group as it is stored, and one batch.
        """
        from pyarrow import parquet
        from pyiceberg.io.pyarrow import _to_requested_schema, pyarrow_to_schema
        from pyiceberg.schema import prune_columns

        schema = self.metadata.schema()
        asked = schema.select(*columns) if columns else schema
        deleted = self.deleted(part)
        with self.io.new_input(part.file.file_path).open() as stream:
            # What is asked for is found in the footer and fetched in few requests.
            file = parquet.ParquetFile(stream, pre_buffer=True)
            stored = pyarrow_to_schema(
                file.schema_arrow,
                self.metadata.name_mapping(),
                downcast_ns_timestamp_to_us=True,
                format_version=self.metadata.format_version,
            )
            chosen = prune_columns(stored, asked.field_ids, select_full_types=False)
            # A file may have none of the columns; its number of rows is wanted all the same.
            listed = [f.name for f in chosen.fields] or file.schema_arrow.names[:1]
            ranges = None
            if wanted is not None:
                name = stored.find_column_name(schema.find_field(wanted.column).field_id)
                ranges = _Ranges(file, name, wanted)
            for first, batch in _stored(file, listed, ranges):
                left = _without(batch, first, deleted)
                if left.num_rows:
                    yield _to_requested_schema(
                        asked,
                        chosen,
                        left,
                        downcast_ns_timestamp_to_us=True,
                        allow_timestamp_tz_mismatch=True,
                    )

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
        from pyiceberg.io.pyarrow import _read_deletes

        if delete.file_path not in self._deleted:
            self._deleted[delete.file_path] = _read_deletes(self.io, delete)
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
