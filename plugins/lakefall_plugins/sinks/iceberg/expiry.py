"""Which snapshots of a table expire, and which files nobody but they name.

A snapshot's age counts from when another took its place: a reader that began on it a moment ago
needs it, however long ago it was committed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING, TypeVar

from lakefall_plugins.sinks.iceberg import snapshots
from lakefall_plugins.sinks.lake import names

if TYPE_CHECKING:
    from pyiceberg.io import FileIO
    from pyiceberg.manifest import ManifestEntry, ManifestFile
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.snapshots import Snapshot

T = TypeVar("T")
U = TypeVar("U")
_AT_ONCE = 8
_MAIN = "main"
_DELETED = 2
"""Status of a manifest's entry for a file that is gone (Iceberg specification, "Manifests")."""
SIDECARS = (names.FILES_LOCATION, names.KEPT_LOCATION, names.EXPIRED_LOCATION)
"""Snapshot properties that name an object of ours."""


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


def files_of(
    metadata: TableMetadata, io: FileIO, gone: Collection[Snapshot], replaced: Collection[str] = ()
) -> set[str]:
    """Files that these snapshots name and no other: data, deletes, manifests, objects of ours.

    ``replaced`` are data and delete files that the snapshot which comes with the expiry has no
    more. A file that a snapshot of the main branch had and the next one has not is named there as
    removed, so that not every manifest of the table's history has to be read.
    """
    ids = {s.snapshot_id for s in gone}
    left = [s for s in metadata.snapshots if s.snapshot_id not in ids]
    chain = list(ancestors(metadata, metadata.current_snapshot_id))
    manifests = _Manifests(metadata, io, ids)
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
        | ours(metadata, gone) - ours(metadata, left)
    )


def still_named(metadata: TableMetadata, io: FileIO) -> set[str]:
    """Files that any of a table's snapshots names."""
    manifests = _Manifests(metadata, io, set())
    everything = {s.snapshot_id for s in metadata.snapshots}
    return (
        manifests.live(everything)
        | manifests.paths(everything)
        | {s.manifest_list for s in metadata.snapshots}
        | ours(metadata, metadata.snapshots)
    )


def ours(metadata: TableMetadata, of: Iterable[Snapshot]) -> set[str]:
    """Objects beside the data that belong to snapshots: our notes, and statistics."""
    some = list(of)
    ids = {s.snapshot_id for s in some}
    notes = (snapshots.property_of(s, name) for s in some for name in SIDECARS)
    statistics = (*metadata.statistics, *metadata.partition_statistics)
    return {path for path in notes if path} | {
        s.statistics_path for s in statistics if s.snapshot_id in ids
    }


class _Manifests:
    """The manifests of a table's snapshots."""

    def __init__(self, metadata: TableMetadata, io: FileIO, gone: Collection[int]) -> None:
        self._io = io
        self._gone = gone
        """Of these some may have been deleted already, by an expiry that died."""
        found = _at_once(self._listed, metadata.snapshots)
        self._of = {s.snapshot_id: m for s, m in zip(metadata.snapshots, found, strict=True)}

    def _listed(self, snapshot: Snapshot) -> list[ManifestFile]:
        try:
            return snapshot.manifests(self._io)
        except FileNotFoundError:
            if snapshot.snapshot_id not in self._gone:
                raise
            return []

    def paths(self, ids: Iterable[int]) -> set[str]:
        return {m.manifest_path for i in ids for m in self._of[i]}

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
                entries = manifest.fetch_manifest_entry(self._io, discard_deleted=False)
            except FileNotFoundError:
                if not missing:
                    raise
                return []
            return [entry.data_file.file_path for entry in entries if wanted(entry)]

        return {path for some in _at_once(paths, list(manifests)) for path in some}


def _at_once(work: Callable[[T], U], items: Sequence[T]) -> list[U]:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(work, items))
