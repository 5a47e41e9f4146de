"""Rows into new data files of a table: constant memory, exact bounds of the key column."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from lakefall_plugins.sinks.iceberg import footers
from lakefall_plugins.sinks.iceberg.footers import Footer
from lakefall_plugins.sinks.iceberg.publish import describe

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.io import FileIO
    from pyiceberg.manifest import DataFile
    from pyiceberg.table.metadata import TableMetadata

    from lakefall_plugins.sinks.iceberg.publish import Publication

_GROUP_ROWS = 122_880
_GROUP_BYTES = 32 << 20
"""Of a row group in memory: it is held until it is written."""
_OWN_BYTES, _OWN_COLUMN_BYTES = 1 << 20, 64 << 10
"""Size in memory from which on a key gets row groups of its own: the footer has a word on each
column of each row group, and readers open each."""


class Writer:
    """Writes batches, one after another, into data files of the table's columns.

    A data file ends where ``target`` bytes are reached; 0: never.
    """

    def __init__(
        self,
        publication: Publication,
        metadata: TableMetadata,
        io: FileIO,
        key: str,
        target: int = 0,
    ) -> None:
        from pyiceberg.io.pyarrow import schema_to_pyarrow

        self.files: list[DataFile] = []
        """Those that are complete."""
        self._publication = publication
        self._metadata = metadata
        self._io = io
        self._key = key
        self._target = target
        self._schema: pa.Schema = schema_to_pyarrow(metadata.schema())
        self._own_bytes = max(_OWN_BYTES, len(self._schema) * _OWN_COLUMN_BYTES)
        self._waiting: list[pa.Table] = []
        self._rows = self._bytes = 0
        self._path = ""
        self._stream: Any = None
        self._parquet: Any = None
        self._least: str | None = None
        self._greatest: str | None = None
        self._strange = False
        """Rows without a key are among them."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows; a row group is written as soon as it is full."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if not batch.num_rows:
            return
        keys = batch.column(self._key)
        found = pc.min_max(keys).as_py()
        self._strange = self._strange or bool(keys.null_count)
        if found["min"] is not None:
            self._least = min(self._least or found["min"], found["min"])
            self._greatest = max(self._greatest or "", found["max"])
        rows = pa.Table.from_batches([batch]).select(self._schema.names).cast(self._schema)
        self._waiting.append(rows)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        if self._rows >= _GROUP_ROWS or self._bytes >= _GROUP_BYTES:
            self._flush()

    def cut(self) -> None:
        """Say that a key's rows end here: the row group ends too where it is worth one."""
        if self._bytes >= self._own_bytes:
            self._flush()

    def close(self) -> list[DataFile]:
        """Complete the last data file; all of them."""
        self._flush()
        self._end()
        return self.files

    def abandon(self) -> None:
        """Let go of what is open; whoever has the publication removes the file."""
        for opened in filter(None, (self._parquet, self._stream)):
            with suppress(Exception):
                opened.close()

    def _flush(self) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        if not self._waiting:
            return
        rows = pa.concat_tables(self._waiting)
        self._waiting.clear()
        self._rows = self._bytes = 0
        if self._parquet is None:
            self._path = self._publication.begin("parquet", self._metadata, self._io)
            self._stream = self._io.new_output(self._path).create(overwrite=True)
            self._parquet = parquet.ParquetWriter(
                self._stream, self._schema, compression="zstd", store_schema=False
            )
        self._parquet.write_table(rows, row_group_size=rows.num_rows)
        if self._target and self._stream.tell() >= self._target:
            self._end()

    def _end(self) -> None:
        if self._parquet is None:
            return
        self._parquet.close()
        size = self._stream.tell()
        self._stream.close()
        footer = _footer(self._parquet.writer.metadata, size)
        bounds = {}
        if not self._strange and self._least is not None and self._greatest is not None:
            bounds[self._key] = self._least, self._greatest
        self.files.append(describe(self._metadata, self._path, footer, bounds))
        self._parquet = self._stream = self._least = self._greatest = None
        self._strange = False


def _footer(metadata: Any, size: int) -> Footer:
    """The end of a file of ``size`` bytes whose metadata are these."""
    import pyarrow as pa

    alone = pa.BufferOutputStream()
    metadata.write_metadata_file(alone)
    tail = footers.of_bytes(alone.getvalue().to_pybytes()).tail
    return Footer(tail, size - len(tail))
