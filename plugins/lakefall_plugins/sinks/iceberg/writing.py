"""Data files that a load brings into a table: copied or written, and removed where unused."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakefall.contract.errors import PlanOutdatedError
from lakefall_plugins.sinks.iceberg import parquet_footers
from lakefall_plugins.sinks.iceberg.damage import confirm, remove
from lakefall_plugins.sinks.iceberg.parquet_footers import Footer

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.io import FileIO
    from pyiceberg.manifest import DataFile
    from pyiceberg.table.metadata import TableMetadata

    from lakefall_plugins.sinks.iceberg.commit import Journal

_AT_ONCE = 8
"""Files that are brought at one time."""
_CHUNK = 1 << 20


class NewFiles:
    """The files that one load brings into one table.

    A file is named ``lakefall-<load>-<number>.parquet``.
    """

    def __init__(self, identifier: tuple[str, str], entries: Journal) -> None:
        self.identifier = identifier
        self.load_id = entries.load_id
        self.paths: list[str] = []
        """Every file of this load in the table's location, complete or not."""
        self.found_again = False
        """Whether the catalog gave no answer to the commit, which was found in the table later: the
        sweep finds out which attempt it was, and which files are its."""
        self.rests: dict[object, Sequence[DataFile]] = {}
        """Data files with what is left of others, by what was taken from which."""
        self._copies: dict[tuple[Path, tuple[tuple[int, int], ...]], tuple[str, Footer]] = {}
        self._journal = entries
        self._folder = ""
        self._io: FileIO | None = None

    def copy(
        self, local: Path, metadata: TableMetadata, io: FileIO, ids: Mapping[int, int]
    ) -> tuple[str, Footer]:
        """Path and footer of a file's copy in the table's location, made once.

        ``ids`` exchanges field ids: old -> new.

        Raises:
            PlanOutdatedError: the table was made anew elsewhere since the first file came.
        """
        return self.copies([local], metadata, io, ids)[0]

    def copies(
        self, files: Sequence[Path], metadata: TableMetadata, io: FileIO, ids: Mapping[int, int]
    ) -> list[tuple[str, Footer]]:
        """The same of several files, some at a time: each waits for the storage.

        Raises:
            PlanOutdatedError: as above.
        """
        order = tuple(sorted(ids.items()))
        # Named one by one: the journal knows each before its first byte is written.
        missing = [
            (local, self.begin("parquet", metadata, io))
            for local in dict.fromkeys(files)
            if (local, order) not in self._copies
        ]

        def bring(local: Path, path: str) -> Footer:
            footer = parquet_footers.of_file(local)
            if ids:
                footer = parquet_footers.renumbered(footer, ids)
            _copy(local, path, io, footer if ids else None)
            return footer

        if missing:
            pool = ThreadPoolExecutor(min(_AT_ONCE, len(missing)))
            try:
                for (local, path), footer in zip(
                    missing, pool.map(lambda pair: bring(*pair), missing), strict=True
                ):
                    self._copies[local, order] = path, footer
            finally:
                pool.shutdown(cancel_futures=True)
        self._settle(metadata)
        return [self._copies[local, order] for local in files]

    def write(self, rows: pa.Table, metadata: TableMetadata, io: FileIO) -> tuple[str, Footer]:
        """Path and footer of a new data file with these rows."""
        from pyarrow import BufferOutputStream, nulls, parquet
        from pyiceberg.io.pyarrow import schema_to_pyarrow

        schema = schema_to_pyarrow(metadata.schema())
        for name in schema.names:
            if name not in rows.column_names:
                # Somebody else added it.
                rows = rows.append_column(name, nulls(len(rows), schema.field(name).type))
        path = self.begin("parquet", metadata, io)
        buffer = BufferOutputStream()
        parquet.write_table(rows.select(schema.names).cast(schema), buffer, compression="zstd")
        content: bytes = buffer.getvalue().to_pybytes()
        with io.new_output(path).create(overwrite=True) as stream:
            stream.write(content)
        return path, parquet_footers.of_bytes(content)

    def note(self, text: str, metadata: TableMetadata, io: FileIO) -> str:
        """The path of a new file with this text."""
        path = self.begin("json", metadata, io)
        put(text, path, io, self.identifier[1])
        return path

    def begin(self, suffix: str, metadata: TableMetadata, io: FileIO) -> str:
        """The path of a new file, noted before its first byte is written."""
        folder = self._settle(metadata)
        path = f"{folder}/lakefall-{self.load_id}-{len(self.paths):05d}.{suffix}"
        self._journal.add(self.identifier, path)
        self._io = io
        self.paths.append(path)
        return path

    def aim(self, metadata: TableMetadata) -> None:
        """Note the table whose next snapshot may name these files."""
        self._journal.aim(str(metadata.table_uuid))

    def _settle(self, metadata: TableMetadata) -> str:
        """The folder of all files of this load."""
        folder = self._folder or data_folder(metadata)
        if folder != data_folder(metadata):
            raise PlanOutdatedError(f"table {self.identifier[1]!r} is at another place now")
        self._folder = folder
        return folder

    def discard(self, keep: Collection[str] = ()) -> None:
        """Remove what this load brought, but for these paths."""
        if self.found_again:
            self._journal.unfinished = True
            return
        for path in self.paths:
            if path not in keep and self._io is not None:
                try:
                    remove(self._io, path)
                except FileNotFoundError:
                    pass
                except OSError:
                    # A sweep tries again.
                    self._journal.unfinished = True
        self.paths = [path for path in self.paths if path in keep]
        self._journal.empty = not self.paths
        self._copies = {k: found for k, found in self._copies.items() if found[0] in keep}


def put(text: str, path: str, io: FileIO, table: str) -> None:
    """Write a text to a file that was begun, for a snapshot of the table to name.

    Raises:
        StorageDamagedError: it was not stored.
    """
    content = text.encode()
    with io.new_output(path).create(overwrite=True) as stream:
        stream.write(content)
    confirm(io, {path: len(content)}, table)


def data_folder(metadata: TableMetadata) -> str:
    """Where the files of loads are."""
    location = metadata.location.rstrip("/")
    return metadata.properties.get("write.data.path", f"{location}/data").rstrip("/")


def _copy(local: Path, path: str, io: FileIO, footer: Footer | None) -> None:
    """The file as it is, or with another footer."""
    if path.startswith("/") and footer is None:
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):
            os.link(local, target)
            return
    left = footer.data_size if footer is not None else local.stat().st_size
    with local.open("rb") as source, io.new_output(path).create(overwrite=True) as stream:
        while left and (chunk := source.read(min(_CHUNK, left))):
            stream.write(chunk)
            left -= len(chunk)
        if footer is not None:
            stream.write(footer.tail)


def data_file_of(
    metadata: TableMetadata, path: str, footer: Footer, bounds: Mapping[str, tuple[str, str]]
) -> DataFile:
    """The data file as Iceberg wants it, with statistics from its footer.

    ``bounds`` are those of text columns without NULL: they are kept exact, so that removing the
    rows of a value needs as little reading as possible, whatever the table's metrics settings.
    """
    from lakefall_plugins.sinks.iceberg.pyiceberg_internals import data_file

    file = data_file(metadata, path, footer.tail, footer.size)
    for column, (least, greatest) in bounds.items():
        field_id = metadata.schema().find_field(column).field_id
        file.lower_bounds[field_id] = least.encode()
        file.upper_bounds[field_id] = greatest.encode()
        file.null_value_counts[field_id] = 0
    return file


def constant(values: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Bounds of columns with one value each."""
    return {column: (value, value) for column, value in values.items()}


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
        new_files: NewFiles,
        metadata: TableMetadata,
        io: FileIO,
        key: str,
        target: int = 0,
    ) -> None:
        from pyiceberg.io.pyarrow import schema_to_pyarrow

        self.files: list[DataFile] = []
        """Those that are complete."""
        self._new_files = new_files
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
        """Close what is open; the file is removed with the others of its load."""
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
            self._path = self._new_files.begin("parquet", self._metadata, self._io)
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
        self.files.append(data_file_of(self._metadata, self._path, footer, bounds))
        self._parquet = self._stream = self._least = self._greatest = None
        self._strange = False


def _footer(metadata: Any, size: int) -> Footer:
    """The end of a file of ``size`` bytes whose metadata are these."""
    import pyarrow as pa

    alone = pa.BufferOutputStream()
    metadata.write_metadata_file(alone)
    tail = parquet_footers.of_bytes(alone.getvalue().to_pybytes()).tail
    return Footer(tail, size - len(tail))
