"""Repairing a table of which files are missing or unreadable.

What is left stays: missing data files leave the snapshot, an unreadable metadata file gives way to
the newest one that can be read, and the files of the source whose rows are lost are loaded again.
Nothing is deleted, so that a file which comes back from a backup finds its table.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakefall.contract.errors import StorageDamagedError, UsageError
from lakefall.contract.values import Repaired
from lakefall_plugins.sinks.iceberg.damage import (
    damaged,
    entries_of,
    manifests_of,
    metadata_at,
    size_of,
)
from lakefall_plugins.sinks.iceberg.maintenance.expiry import ancestors
from lakefall_plugins.sinks.iceberg.metadata import versions_of
from lakefall_plugins.sinks.iceberg.own_tables import OwnTable, Staging
from lakefall_plugins.sinks.iceberg.reading import Part, Reader, at_once, parts_of, rows_by
from lakefall_plugins.sinks.lake import names
from lakefall_plugins.sinks.lake.registry import standing

if TYPE_CHECKING:
    from pyiceberg.io import FileIO
    from pyiceberg.manifest import DataFile, ManifestEntry, ManifestFile
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot

    from lakefall.contract.run import Run
    from lakefall_plugins.sinks.iceberg.catalog import Lake
    from lakefall_plugins.sinks.iceberg.registry import Registry
    from lakefall_plugins.sinks.lake.registry import Row

_LISTED = 8
"""Files of a folder from which on it is listed, a thousand at a time, and not each asked for."""


@dataclass(frozen=True, slots=True)
class Left:
    """A manifest, and what it names that is there."""

    manifest: ManifestFile
    entries: Sequence[ManifestEntry]
    kept: Sequence[ManifestEntry]


@dataclass(frozen=True, slots=True)
class Damage:
    """What of a table is not there, or not readable."""

    snapshot: Snapshot | None = None
    """The newest one whose manifest list can be read."""
    left: tuple[Left, ...] = ()
    files: tuple[DataFile, ...] = ()
    metadata: tuple[str, ...] = ()
    """Manifest lists, manifests and delete files: which rows they stand for nobody knows."""

    @property
    def paths(self) -> tuple[str, ...]:
        return (*self.metadata, *sorted(f.file_path for f in self.files))


def find_damage(table: Table, key: str = "") -> Damage:
    """Look for every file that the current snapshot names, and at its size.

    With ``key``, a column, each data file is also opened, and that column read.
    """
    lost: list[str] = []
    name, io = table.name()[-1], table.io
    manifests: list[ManifestFile] = []
    chosen = None
    for snapshot in ancestors(table.metadata, table.metadata.current_snapshot_id):
        try:
            manifests, chosen = manifests_of(table, snapshot), snapshot
            break
        except StorageDamagedError:
            lost.append(snapshot.manifest_list)

    def entries(manifest: ManifestFile) -> list[ManifestEntry] | None:
        try:
            return entries_of(manifest, io, name)
        except StorageDamagedError:
            lost.append(manifest.manifest_path)
            return None

    named = dict(zip(manifests, at_once(entries, manifests), strict=True))
    files = {e.data_file.file_path: e.data_file for some in named.values() for e in some or ()}
    sizes = _sizes(io, files)
    gone = {path for path, file in files.items() if sizes[path] != file.file_size_in_bytes}
    if key:
        gone |= _unreadable(table, [f for p, f in files.items() if p not in gone], key)
    rows = [files[path] for path in gone if not files[path].content]
    return Damage(
        chosen,
        tuple(
            Left(m, some, [e for e in some if e.data_file.file_path not in gone])
            for m, some in named.items()
            if some is not None
        ),
        tuple(rows),
        (*lost, *sorted(gone - {f.file_path for f in rows})),
    )


def _sizes(io: FileIO, paths: Collection[str]) -> dict[str, int | None]:
    from lakefall_plugins.sinks.iceberg.pyiceberg_internals import listed

    folders: dict[str, list[str]] = {}
    for path in paths:
        folders.setdefault(path.rpartition("/")[0], []).append(path)
    found: dict[str, int | None] = {}
    for folder, some in folders.items():
        there = listed(io, folder) if len(some) >= _LISTED else None
        if there is None:
            found.update(zip(some, at_once(lambda p: size_of(io, p), some), strict=True))
        else:
            found.update((path, there[path].size if path in there else None) for path in some)
    return found


def _unreadable(table: Table, files: Sequence[DataFile], key: str) -> set[str]:
    reader = Reader.of(table)
    columns = (key,) if key in table.schema().column_names else ()

    def look(file: DataFile) -> str:
        try:
            for _ in reader.batches(Part(file, frozenset(), {}), columns):
                pass
        except StorageDamagedError:
            return file.file_path
        return ""

    chosen = [f for f in files if not f.content and f.file_format.name == "PARQUET"]
    return {path for path in at_once(look, chosen) if path}


def refuse_damaged(lake: Lake, table: Table) -> None:
    """Look whether the files of the current snapshot are there.

    Raises:
        StorageDamagedError: some are not, and the table is what it was.
    """
    name = table.name()[-1]
    found = find_damage(table).paths
    now = lake.find(name) if found else None
    if now is not None and now.metadata_location == table.metadata_location:
        more = f" (and {len(found) - 1:,} other files)" if len(found) > 1 else ""
        raise damaged(found[0], name, f"is not there, or not whole{more}")


def repair(lake: Lake, registry: Registry, run: Run, name: str, *, drop: bool) -> Repaired:
    """Repair a table that files feed, or that of the rejects; a dry run only looks.

    Raises:
        StorageDamagedError: no metadata of the table can be read; with ``drop`` it leaves the
            catalog then.
        UsageError: there is no such table, or ``drop`` and it can be read.
    """
    is_rejects = name == lake.options.rejects_table
    rows = registry.rows() if is_rejects else registry.of_table(name)
    loaded = standing(rows)[1]
    ails: Exception | None = None
    table, back = None, ""
    try:
        table = lake.find(name)
    except Exception as error:
        if not lake.is_lost(name, error):
            raise
        ails = error
    if ails is not None and drop:
        keys = sorted(k for k, row in loaded.items() if row.rejected or not is_rejects)
        if not run.dry_run:
            registry.release(keys)
            lake.drop(name)
        return Repaired(name, keys=tuple(keys), dropped=True)
    if ails is not None:
        table = _older(lake, run, name, ails)
        back = table.metadata_location
    if table is None or drop:
        why = "its metadata can be read" if drop else "there is no such table"
        raise UsageError(f"table {name!r} cannot be repaired so: {why}")
    key = "file_key" if is_rejects else names.SOURCE_FILE
    found = find_damage(table, key)
    keys = []
    if found.paths or back:
        again = _lost_rejects if is_rejects else _lost_rows
        keys = again(table, found, key, loaded)
    if not (found.metadata or back):
        # Rows that somebody deleted from other files stay deleted.
        lost = parts_of(table, found.files, (key,))
        keys = [k for k in keys if any(part.may_hold(key, k) for part in lost)]
    if not run.dry_run and (found.paths or back):
        # First of all: a repair that dies is begun again, and nothing is forgotten.
        registry.release(keys)
        _take_out(lake, run, name, key)
    gone = sum(f.record_count for f in found.files)
    return Repaired(name, back, found.paths, gone, tuple(sorted(keys)))


def _lost_rejects(table: Table, found: Damage, key: str, loaded: Mapping[str, Row]) -> list[str]:
    """Files that had rejects, of which none is left."""
    counts = rows_by(table, _left(table, found, key), key)
    return [k for k, row in loaded.items() if row.rejected and not counts[k]]


def _lost_rows(table: Table, found: Damage, key: str, loaded: Mapping[str, Row]) -> list[str]:
    """Files of which the table has not as many rows as were loaded, or those of another version."""
    counts = rows_by(table, _left(table, found, key), key)
    known: dict[str, str] = {}
    newest = found.snapshot.snapshot_id if found.snapshot else None
    for one in ancestors(table.metadata, newest):
        for version in versions_of(one, table):
            known.setdefault(version.key, version.etag)
    return [
        k
        for k, row in loaded.items()
        if counts[k] != (row.rows_loaded or 0) or known.get(k, row.etag) != row.etag
    ]


def _left(table: Table, found: Damage, key: str) -> list[Part]:
    files = [e.data_file for one in found.left for e in one.kept if not e.data_file.content]
    return parts_of(table, files, (key,))


def _take_out(lake: Lake, run: Run, name: str, key: str) -> None:
    def stage(staging: Staging) -> bool:
        from lakefall_plugins.sinks.iceberg.pyiceberg_internals import stage_rescue

        found = find_damage(staging.table, key)
        if not found.paths:
            return False
        properties = {names.COMMIT_ID: staging.new_files.load_id, names.RUN_ID: run.run_id}
        stage_rescue(staging.transaction, found.left, properties)
        return True

    OwnTable(lake, name, ()).change(stage, make=False)


def _older(lake: Lake, run: Run, name: str, error: Exception) -> Table:
    """The table by its newest metadata file that can be read, which the catalog is told."""
    from pyiceberg.table import Table

    from lakefall_plugins.sinks.iceberg.pyiceberg_internals import listed

    cause = error.__cause__ if isinstance(error, StorageDamagedError) else error
    path = lake.unreadable(name, cause) if isinstance(cause, Exception) else ""
    io = lake.storage(path) if path else None
    there: Collection[str] = (listed(io, path.rpartition("/")[0]) or {}) if io else {}
    older = [p for p in there if p.endswith(".metadata.json") and _number(p) < _number(path)]
    for one in sorted(older, key=_number, reverse=True):
        try:
            assert io is not None  # noqa: S101 -- it was listed
            metadata = metadata_at(io, one, name)
        except StorageDamagedError:
            continue
        if run.dry_run:
            return Table(lake.identifier(name), metadata, one, io, lake.catalog)
        lake.drop(name)
        try:
            found = lake.catalog.register_table(lake.identifier(name), one)
        except Exception as failed:
            raise StorageDamagedError(
                f"table {name!r} left the catalog, and could not be registered again with {one} "
                f"({failed}); register it by hand, or the next run makes it anew"
            ) from failed
        return lake.remember(name, found) or found
    raise StorageDamagedError(
        f"table {name!r}: its metadata ({path or error}) cannot be read, and no older one is "
        f"there; bring the file back from a backup, or `lakefall repair PIPELINE {name} --drop`: "
        "its files stay, and the next run makes it anew out of the source"
    ) from error


def _number(path: str) -> int:
    """Metadata files are numbered as they come: ``00012-<uuid>.metadata.json``."""
    found = re.match(r"v?(\d+)", path.rpartition("/")[2])
    return int(found.group(1)) if found else -1
