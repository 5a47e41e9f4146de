"""Data files: brought into the table's location, described to Iceberg, removed when unused.

A file is named ``lakefall-<load>-<number>.parquet``. While a load runs it holds a lock on
``.lakefall/<load>.json`` in the warehouse, which says where its files go. The kernel releases the
lock when the process dies, so the next load finds such leftovers, and removes those files of them
that no snapshot names.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sys
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from lakefall.errors import PlanOutdatedError

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.io import FileIO
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table
    from pyiceberg.table.metadata import TableMetadata

    from lakefall_plugins.iceberg.catalog import Lake

_FOLDER = ".lakefall"
_CHUNK = 1 << 20


class Publication:
    """The files that one load brings into one table."""

    def __init__(self, identifier: tuple[str, str], load_id: str, journal: TextIO) -> None:
        self.identifier = identifier
        self.load_id = load_id
        self.paths: list[str] = []
        """Every file of this load in the table's location, complete or not."""
        self._copies: dict[Path, str] = {}
        self._journal = journal
        self._folder = ""
        self._io: FileIO | None = None

    def copy(self, local: Path, metadata: TableMetadata, io: FileIO) -> str:
        """The path of a file's copy in the table's location, made once.

        Raises:
            PlanOutdatedError: the table was made anew elsewhere since the first file came.
        """
        if local not in self._copies:
            path = self._begin("parquet", metadata, io)
            _copy(local, path, io)
            self._copies[local] = path
        self._settle(metadata)
        return self._copies[local]

    def write(self, rows: pa.Table, metadata: TableMetadata, io: FileIO) -> str:
        """The path of a new data file with these rows."""
        from pyarrow import parquet
        from pyiceberg.io.pyarrow import schema_to_pyarrow

        schema = schema_to_pyarrow(metadata.schema())
        path = self._begin("parquet", metadata, io)
        with io.new_output(path).create(overwrite=True) as stream:
            parquet.write_table(rows.select(schema.names).cast(schema), stream, compression="zstd")
        return path

    def note(self, text: str, metadata: TableMetadata, io: FileIO) -> str:
        """The path of a new file with this text."""
        path = self._begin("json", metadata, io)
        with io.new_output(path).create(overwrite=True) as stream:
            stream.write(text.encode())
        return path

    def _begin(self, suffix: str, metadata: TableMetadata, io: FileIO) -> str:
        folder = self._settle(metadata)
        path = f"{folder}/lakefall-{self.load_id}-{len(self.paths):05d}.{suffix}"
        self._io = io
        self.paths.append(path)
        return path

    def _settle(self, metadata: TableMetadata) -> str:
        """The folder of all files of this load, noted for the sweep before the first of them."""
        folder = _data_folder(metadata)
        if not self._folder:
            namespace, table = self.identifier
            entry = {"namespace": namespace, "table": table, "folder": folder}
            json.dump(entry, self._journal)
            self._journal.flush()
            self._folder = folder
        if self._folder != folder:
            raise PlanOutdatedError(f"table {self.identifier[1]!r} is at another place now")
        return folder

    def discard(self, keep: Collection[str] = ()) -> None:
        """Remove what this load brought, but for these paths."""
        for path in self.paths:
            if path not in keep and self._io is not None:
                with suppress(OSError):
                    self._io.delete(path)
        self.paths = [path for path in self.paths if path in keep]
        self._copies = {k: path for k, path in self._copies.items() if path in keep}


def _data_folder(metadata: TableMetadata) -> str:
    location = metadata.location.rstrip("/")
    return metadata.properties.get("write.data.path", f"{location}/data").rstrip("/")


def _copy(local: Path, path: str, io: FileIO) -> None:
    if path.startswith("/"):
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):
            os.link(local, target)
            return
    with local.open("rb") as source, io.new_output(path).create(overwrite=True) as stream:
        shutil.copyfileobj(source, stream, _CHUNK)


def describe(io: FileIO, metadata: TableMetadata, path: str, constants: dict[str, str]) -> DataFile:
    """The data file as Iceberg wants it, with statistics from its footer.

    ``constants`` are text columns with one value: their bounds are always exact, so that
    replacing them needs no reading, whatever the table's metrics settings.
    """
    from pyiceberg.io.pyarrow import parquet_file_to_data_file

    try:
        file = parquet_file_to_data_file(io, metadata, path)
    except UnicodeEncodeError:
        # PyIceberg 0.12 rounds an upper bound up to a surrogate: then do without bounds.
        counts = {**metadata.properties, "write.metadata.metrics.default": "counts"}
        bare = metadata.model_copy(update={"properties": counts})
        file = parquet_file_to_data_file(io, bare, path)
    for column, value in constants.items():
        field_id = metadata.schema().find_field(column).field_id
        file.lower_bounds[field_id] = file.upper_bounds[field_id] = value.encode()
        file.null_value_counts[field_id] = 0
    return file


@contextmanager
def publishing(lake: Lake, table: str) -> Iterator[Publication]:
    """Hold this load's lock; leave it to the next load's ``sweep`` when this one ends badly."""
    folder = lake.folder / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    load_id = uuid.uuid4().hex
    path, unlocked = folder / f"{load_id}.json", folder / f"{load_id}.new"
    with unlocked.open("w") as journal:
        fcntl.flock(journal, fcntl.LOCK_EX)
        # Under its name only now: a sweep must not find it before it is locked.
        unlocked.rename(path)
        publication = Publication(lake.identifier(table), load_id, journal)
        try:
            yield publication
        finally:
            if sys.exc_info()[0] is None or not publication.paths:
                path.unlink(missing_ok=True)


def sweep(lake: Lake) -> int:
    """Remove files of loads that died before their commit; the number of files removed."""
    removed = 0
    for journal in (lake.folder / _FOLDER).glob("*.json"):
        with suppress(OSError, ValueError), journal.open("r+") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            entry: dict[str, str] = json.loads(handle.read() or "{}")
            if entry and entry["namespace"] != lake.namespace:
                continue
            removed += _remove_unused(lake, entry, journal.stem) if entry else 0
            journal.unlink(missing_ok=True)
    return removed


def _remove_unused(lake: Lake, entry: dict[str, str], load_id: str) -> int:
    left = list(Path(entry["folder"]).glob(f"lakefall-{load_id}*"))
    if not left:
        return 0
    # A table that is gone may have been renamed: then another one names its files.
    tables = {entry["table"]} & lake.tables() or lake.tables()
    found = filter(None, map(lake.find, sorted(tables)))
    used = {path for table in found for path in _referenced(table)}
    unused = [path for path in left if str(path) not in used]
    for path in unused:
        path.unlink(missing_ok=True)
    return len(unused)


def _referenced(table: Table) -> set[str]:
    """Every file that any snapshot of the table names."""
    from lakefall_plugins.iceberg import names

    used: set[str] = set()
    manifests = {}
    for snapshot in table.metadata.snapshots:
        if snapshot.summary is not None and (path := snapshot.summary[names.FILES_LOCATION]):
            used.add(str(path))
        manifests.update({m.manifest_path: m for m in snapshot.manifests(table.io)})
    for manifest in manifests.values():
        entries = manifest.fetch_manifest_entry(table.io, discard_deleted=False)
        used.update(entry.data_file.file_path for entry in entries)
    return used
