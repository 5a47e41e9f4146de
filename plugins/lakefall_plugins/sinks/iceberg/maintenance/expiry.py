"""Which snapshots of a table expire, which files nobody but they name, and when those are deleted.

A snapshot's age counts from when another took its place: a reader that began on it a moment ago
needs it, however long ago it was committed. Whoever loaded a table's metadata before the expiry may
still read by them. So the snapshot that comes with an expiry names an object that lists the files,
and a later maintenance deletes them when they have waited for the grace period, and the object
last: where that is gone, all is done.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING

from lakefall.contract.errors import StorageDamagedError
from lakefall_plugins.sinks.iceberg.damage import entries_of, is_missing, manifests_of, reading
from lakefall_plugins.sinks.iceberg.metadata import objects_of, property_of
from lakefall_plugins.sinks.iceberg.reading import at_once
from lakefall_plugins.sinks.lake import names
from lakefall_plugins.sinks.lake.versions import from_micros

if TYPE_CHECKING:
    from pyiceberg.io import FileIO
    from pyiceberg.manifest import ManifestEntry, ManifestFile
    from pyiceberg.table import Table
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.snapshots import Snapshot

_MAIN = "main"
_DELETED = 2
"""Status of a manifest's entry for a file that is gone (Iceberg specification, "Manifests")."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What stays."""

    seconds: float
    """Since another snapshot took its place."""
    number: int
    """The latest ones of each branch."""


def expired(metadata: TableMetadata, rule: Rule, now: int) -> list[Snapshot]:
    """Snapshots that expire with a commit that adds one to the main branch at ``now`` (ms).

    Never one with a tag, or the head of a branch; the refs' own settings are kept where they keep
    more.
    """
    age = int(rule.seconds * 1000)
    kept: set[int] = set()
    chained: set[int] = set()
    for name, ref in metadata.refs.items():
        if ref.snapshot_ref_type == "tag":
            kept.add(ref.snapshot_id)
            continue
        chain = list(ancestors(metadata, ref.snapshot_id))
        chained.update(s.snapshot_id for s in chain)
        number = max(rule.number, ref.min_snapshots_to_keep or 1) - (name == _MAIN)
        longest = max(age, ref.max_snapshot_age_ms or 0)
        replaced = now
        for position, snapshot in enumerate(chain):
            if position >= number and replaced <= now - longest:
                break
            kept.add(snapshot.snapshot_id)
            replaced = snapshot.timestamp_ms
    return [
        s
        for s in metadata.snapshots
        if s.snapshot_id not in kept and (s.snapshot_id in chained or s.timestamp_ms <= now - age)
    ]


def ancestors(metadata: TableMetadata, snapshot_id: int | None) -> Iterator[Snapshot]:
    """A snapshot and those before it, as far back as they are there."""
    by_id = {s.snapshot_id: s for s in metadata.snapshots}
    while snapshot_id is not None and (found := by_id.get(snapshot_id)) is not None:
        yield found
        snapshot_id = found.parent_snapshot_id


def files_of(table: Table, gone: Collection[Snapshot], replaced: Collection[str] = ()) -> set[str]:
    """Files that these snapshots name and no other: data, deletes, manifests, objects of ours.

    ``replaced`` are data and delete files that the snapshot which comes with the expiry has no
    more. A file that a snapshot of the main branch had and the next one has not is named there as
    removed, so that not every manifest of the table's history has to be read.
    """
    metadata = table.metadata
    ids = {s.snapshot_id for s in gone}
    left = [s for s in metadata.snapshots if s.snapshot_id not in ids]
    chain = list(ancestors(metadata, metadata.current_snapshot_id))
    manifests = _Manifests(table, ids)
    stray = ids.difference(s.snapshot_id for s in chain)
    data = manifests.live(stray)
    for child, snapshot in pairwise(chain):
        if snapshot.snapshot_id in ids:
            data |= manifests.removed(child.snapshot_id)
    if chain and chain[0].snapshot_id in ids:
        data |= set(replaced)
        data -= manifests.live({chain[0].snapshot_id}) - set(replaced)
    newer = list(takewhile(lambda s: s.snapshot_id not in ids, chain))
    # The main branch is a line: what is newer has nothing again that was removed before.
    beside = [s for s in left if s not in newer] + newer[:1] + newer[-1:]
    data -= manifests.live({s.snapshot_id for s in (left if stray else beside)}) if data else set()
    return (
        data
        | manifests.paths(ids) - manifests.paths({s.snapshot_id for s in left})
        | {s.manifest_list for s in gone} - {s.manifest_list for s in left}
        | objects_of(metadata, gone) - objects_of(metadata, left)
    )


def still_named(table: Table) -> set[str]:
    """Files that any of a table's snapshots names."""
    metadata = table.metadata
    manifests = _Manifests(table, set())
    everything = {s.snapshot_id for s in metadata.snapshots}
    return manifests.live(everything) | manifests.named() | objects_of(metadata, metadata.snapshots)


def manifests_named(table: Table) -> set[str]:
    """Manifests and their lists that any of a table's snapshots names."""
    return _Manifests(table, set()).named()


class _Manifests:
    """The manifests of a table's snapshots."""

    def __init__(self, table: Table, gone: Collection[int]) -> None:
        self._table = table
        self._gone = gone
        """Of these some may have been deleted already, by an expiry that died."""
        found = at_once(self._listed, table.metadata.snapshots)
        self._of = {s.snapshot_id: m for s, m in zip(table.metadata.snapshots, found, strict=True)}

    def _listed(self, snapshot: Snapshot) -> list[ManifestFile]:
        try:
            return manifests_of(self._table, snapshot)
        except StorageDamagedError as error:
            if snapshot.snapshot_id not in self._gone or not is_missing(error):
                raise
            return []

    def paths(self, ids: Iterable[int]) -> set[str]:
        return {m.manifest_path for i in ids for m in self._of[i]}

    def named(self) -> set[str]:
        """Manifests and their lists, of all snapshots."""
        return self.paths(self._of) | {s.manifest_list for s in self._table.metadata.snapshots}

    def live(self, ids: Collection[int]) -> set[str]:
        """Data and delete files of these snapshots."""
        missing = all(i in self._gone for i in ids)
        chosen = {m.manifest_path: m for i in ids for m in self._of[i]}.values()
        return self._read(chosen, lambda entry: entry.status != _DELETED, missing=missing)

    def removed(self, snapshot_id: int) -> set[str]:
        """Data and delete files that a snapshot has no more."""
        chosen = [
            m
            for m in self._of[snapshot_id]
            if m.added_snapshot_id == snapshot_id and m.deleted_files_count != 0
        ]
        return self._read(
            chosen,
            lambda entry: entry.status == _DELETED and entry.snapshot_id == snapshot_id,
            missing=snapshot_id in self._gone,
        )

    def _read(
        self,
        manifests: Iterable[ManifestFile],
        wanted: Callable[[ManifestEntry], bool],
        *,
        missing: bool,
    ) -> set[str]:
        def paths(manifest: ManifestFile) -> list[str]:
            try:
                entries = entries_of(manifest, self._table.io, self._table.name()[-1], deleted=True)
            except StorageDamagedError as error:
                if not missing or not is_missing(error):
                    raise
                return []
            return [entry.data_file.file_path for entry in entries if wanted(entry)]

        return {path for some in at_once(paths, list(manifests)) for path in some}


@dataclass(frozen=True, slots=True)
class ExpiredFiles:
    """Files that only expired snapshots named, to be deleted."""

    location: str
    """Of the object that lists them."""
    since: datetime
    """When they were named last, UTC."""
    files: tuple[str, ...]


def listing(files: Collection[str]) -> str:
    """The object's text."""
    return json.dumps({"files": sorted(files)}, indent=0)


def waiting(table: Table, snapshots: Iterable[Snapshot]) -> list[ExpiredFiles]:
    """Files that these snapshots list for deletion and that nobody has deleted yet."""
    found: list[ExpiredFiles] = []
    for snapshot in snapshots:
        location = property_of(snapshot, names.EXPIRED_LOCATION)
        if not location:
            continue
        try:
            with reading(location, table.name()[-1]), table.io.new_input(location).open() as stream:
                files = tuple(json.loads(stream.read())["files"])
        except StorageDamagedError as error:
            if not is_missing(error):
                raise
        else:
            found.append(ExpiredFiles(location, from_micros(snapshot.timestamp_ms * 1000), files))
    return found


def due(waiting_files: Iterable[ExpiredFiles], grace: float, now: datetime) -> list[ExpiredFiles]:
    """Those whose files have waited for ``grace`` seconds."""
    return [s for s in waiting_files if s.since + timedelta(seconds=grace) <= now]


def delete(table: Table, expired: Collection[ExpiredFiles]) -> int:
    """Delete their files; the number of files that were still there."""
    if not expired:
        return 0
    named = still_named(table) - {e.location for e in expired}
    removed = 0
    for each in expired:
        files = [path for path in each.files if path not in named]
        removed += sum(at_once(lambda path: delete_file(table.io, path), files))
        removed += delete_file(table.io, each.location)
    return removed


def delete_file(io: FileIO, path: str) -> bool:
    """Whether the file was still there."""
    try:
        io.delete(path)
    except FileNotFoundError:
        return False
    return True
