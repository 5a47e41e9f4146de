"""Data files: brought into the table's location, described to Iceberg, removed when unused."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakefall.contract.errors import PlanOutdatedError
from lakefall_plugins.sinks.iceberg import footers
from lakefall_plugins.sinks.iceberg.footers import Footer
from lakefall_plugins.sinks.iceberg.journals import Journal

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.io import FileIO
    from pyiceberg.manifest import DataFile
    from pyiceberg.table.metadata import TableMetadata

_AT_ONCE = 8
"""Files that are brought at one time."""
_CHUNK = 1 << 20


class Publication:
    """The files that one load brings into one table.

    A file is named ``lakefall-<load>-<number>.parquet``.
    """

    def __init__(self, identifier: tuple[str, str], entries: Journal) -> None:
        self.identifier = identifier
        self.load_id = entries.load_id
        self.paths: list[str] = []
        """Every file of this load in the table's location, complete or not."""
        self.found_again = False
        """Whether the commit was one of which the catalog had not said that it was done: which
        of the attempts it was, and which of the files are its, is the sweep's to find out."""
        self.carved: dict[object, Sequence[DataFile]] = {}
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
            footer = footers.of_file(local)
            if ids:
                footer = footers.renumbered(footer, ids)
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
        from pyarrow import BufferOutputStream, parquet
        from pyiceberg.io.pyarrow import schema_to_pyarrow

        schema = schema_to_pyarrow(metadata.schema())
        path = self.begin("parquet", metadata, io)
        buffer = BufferOutputStream()
        parquet.write_table(rows.select(schema.names).cast(schema), buffer, compression="zstd")
        content: bytes = buffer.getvalue().to_pybytes()
        with io.new_output(path).create(overwrite=True) as stream:
            stream.write(content)
        return path, footers.of_bytes(content)

    def note(self, text: str, metadata: TableMetadata, io: FileIO) -> str:
        """The path of a new file with this text."""
        path = self.begin("json", metadata, io)
        put(text, path, io)
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
        folder = self._folder or _data_folder(metadata)
        if folder != _data_folder(metadata):
            raise PlanOutdatedError(f"table {self.identifier[1]!r} is at another place now")
        self._folder = folder
        return folder

    def discard(self, keep: Collection[str] = ()) -> None:
        """Remove what this load brought, but for these paths."""
        if self.found_again:
            return
        for path in self.paths:
            if path not in keep and self._io is not None:
                with suppress(OSError):
                    self._io.delete(path)
        self.paths = [path for path in self.paths if path in keep]
        self._journal.empty = not self.paths
        self._copies = {k: found for k, found in self._copies.items() if found[0] in keep}


def put(text: str, path: str, io: FileIO) -> None:
    """Write a text to a file that was begun."""
    with io.new_output(path).create(overwrite=True) as stream:
        stream.write(text.encode())


def _data_folder(metadata: TableMetadata) -> str:
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


class _Tail:
    """A Parquet file of which only the end is at hand; all that its statistics need."""

    def __init__(self, footer: Footer) -> None:
        self._footer = footer

    def new_input(self, _: str) -> _Tail:
        return self

    def open(self) -> BytesIO:
        return BytesIO(self._footer.tail)

    def __len__(self) -> int:
        return self._footer.size


def describe(
    metadata: TableMetadata, path: str, footer: Footer, bounds: Mapping[str, tuple[str, str]]
) -> DataFile:
    """The data file as Iceberg wants it, with statistics from its footer.

    ``bounds`` are those of text columns without NULL: they are kept exact, so that removing the
    rows of a value needs as little reading as possible, whatever the table's metrics settings.
    """
    from pyiceberg.io.pyarrow import parquet_file_to_data_file

    tail: Any = _Tail(footer)
    try:
        file = parquet_file_to_data_file(tail, metadata, path)
    except UnicodeEncodeError:
        # PyIceberg 0.12 rounds an upper bound up to a surrogate: then do without bounds.
        counts = {**metadata.properties, "write.metadata.metrics.default": "counts"}
        bare = metadata.model_copy(update={"properties": counts})
        file = parquet_file_to_data_file(tail, bare, path)
    for column, (least, greatest) in bounds.items():
        field_id = metadata.schema().find_field(column).field_id
        file.lower_bounds[field_id] = least.encode()
        file.upper_bounds[field_id] = greatest.encode()
        file.null_value_counts[field_id] = 0
    return file


def constant(values: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Bounds of columns with one value each."""
    return {column: (value, value) for column, value in values.items()}
