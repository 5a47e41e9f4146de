"""What maintenance would change in a table as it is now. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from lakefall_plugins.sinks.iceberg import expiry, tombstones
from lakefall_plugins.sinks.lake.versions import to_micros

if TYPE_CHECKING:
    from pyiceberg.io import FileIO
    from pyiceberg.manifest import DataFile, ManifestFile
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot

    from lakefall_plugins.sinks.iceberg.compaction import Group
    from lakefall_plugins.sinks.iceberg.options import IcebergMaintenance
    from lakefall_plugins.sinks.iceberg.survey import Part

_FEW_MANIFESTS = 10
"""As many as loads leave behind until they merge them."""
_MANIFEST_BYTES = 8 << 20
"""Size up to which manifests are merged (Iceberg's ``commit.manifest.target-size-bytes``)."""


@dataclass(frozen=True, slots=True)
class Merged:
    """A group, and the data files that its rows were written to."""

    group: Group
    files: Sequence[DataFile] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """What one attempt does."""

    merged: tuple[Merged, ...]
    """Groups of which every data file is still as it was."""
    lost: int
    """Data files of the others."""
    dropped: frozenset[DataFile]
    """Delete files that take rows from no data file any more."""
    gone: tuple[Snapshot, ...]
    """Snapshots that expire."""
    unnamed: frozenset[str]
    """Files that only those name."""
    carried: frozenset[str]
    """Manifests that the commit will keep, as far as that can be foreseen."""
    crowded: bool
    """The snapshot has more manifests than it needs."""
    before: int
    """Data files."""

    def __bool__(self) -> bool:
        return bool(self.merged or self.dropped or self.gone or self.crowded)

    @property
    def inputs(self) -> list[DataFile]:
        return [p.file for m in self.merged for p in m.group.parts]

    @property
    def outputs(self) -> list[DataFile]:
        return [f for m in self.merged for f in m.files]


def find(
    table: Table,
    parts: Sequence[Part],
    groups: Sequence[Merged],
    options: IcebergMaintenance,
    now: datetime,
) -> Change:
    """The change of these groups, whose data files may be gone, and of what has expired."""
    from pyiceberg.manifest import ManifestContent

    there = {p.identity for p in parts}
    merged = tuple(m for m in groups if all(p.identity in there for p in m.group.parts))
    lost = sum(len(m.group.parts) for m in groups if m not in merged)
    replaced = {p.identity for m in merged for p in m.group.parts}
    needed = {d for p in parts if p.identity not in replaced for d in p.deletes}
    snapshot = table.current_snapshot()
    manifests = snapshot.manifests(table.io) if snapshot is not None else []
    data = [m for m in manifests if m.content == ManifestContent.DATA]
    dropped = frozenset(_deletes(manifests, table.io) - needed)
    packed = 1 + sum(m.manifest_length for m in data) // _MANIFEST_BYTES
    crowded = len(data) > _FEW_MANIFESTS + packed
    # A single manifest of which nothing changes is not written anew.
    carried = {m.manifest_path for m in data if not merged and len(data) == 1}
    gone = _expired(table, options, now)
    if len(gone) == 1 and not (merged or dropped or crowded):
        # The commit adds a snapshot: nothing would be won.
        gone = ()
    unnamed: set[str] = set()
    if gone:
        inputs = {p.file.file_path for m in merged for p in m.group.parts}
        inputs |= {d.file_path for d in dropped}
        unnamed = expiry.files_of(table.metadata, table.io, gone, inputs)
        for stone in tombstones.standing(table.io, gone):
            unnamed.update(stone.files)
    return Change(
        merged,
        lost,
        dropped,
        gone,
        frozenset(unnamed),
        frozenset(carried),
        crowded,
        len(parts),
    )


def expires(table: Table) -> bool:
    """Whether the table's owner lets its snapshots expire (Iceberg's ``gc.enabled``)."""
    return table.properties.get("gc.enabled", "true").lower() != "false"


def _expired(table: Table, options: IcebergMaintenance, now: datetime) -> tuple[Snapshot, ...]:
    if not expires(table):
        return ()
    rule = expiry.Rule(options.keep_snapshots_for, options.keep_snapshots)
    return tuple(expiry.expired(table.metadata, rule, to_micros(now) // 1000))


def _deletes(manifests: Iterable[ManifestFile], io: FileIO) -> set[DataFile]:
    from pyiceberg.manifest import ManifestContent

    return {
        entry.data_file
        for m in manifests
        if m.content == ManifestContent.DELETES
        for entry in m.fetch_manifest_entry(io)
    }
