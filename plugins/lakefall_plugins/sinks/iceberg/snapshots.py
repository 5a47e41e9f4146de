"""What a table's snapshots say: whose commits they are, which versions of files they know."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from lakefall_plugins.sinks.lake import names
from lakefall_plugins.sinks.lake.versions import Version, from_micros, parse

if TYPE_CHECKING:
    from pyiceberg.io import FileIO
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot


def find_commit(table: Table, commit_id: str) -> Snapshot | None:
    """The snapshot that a load committed."""
    for snapshot in reversed(table.metadata.snapshots):
        if property_of(snapshot, names.COMMIT_ID) == commit_id:
            return snapshot
    return None


def versions(table: Table) -> Iterator[Version]:
    """Every version that the table's snapshots know, newest first."""
    for snapshot in reversed(table.metadata.snapshots):
        yield from versions_of(snapshot, table.io)


def latest(table: Table, keys: Collection[str], since: datetime) -> dict[str, Version]:
    """The newest version of these keys that was committed since then."""
    wanted = set(keys)
    found: dict[str, Version] = {}
    for snapshot in reversed(table.metadata.snapshots):
        if _committed(snapshot) < since:
            break
        for version in versions_of(snapshot, table.io):
            if version.key in wanted and version.committed >= since:
                found.setdefault(version.key, version)
    return found


def reach_back(table: Table, since: datetime) -> bool:
    """Whether every snapshot that was committed since then is still there."""
    snapshot = table.current_snapshot()
    while snapshot is not None:
        if _committed(snapshot) < since:
            return True
        if snapshot.parent_snapshot_id is None:
            # Expiry may take the parent's id away, too: only the first one has no number.
            return (snapshot.sequence_number or 0) <= 1
        snapshot = table.metadata.snapshot_by_id(snapshot.parent_snapshot_id)
    return table.current_snapshot() is None


def _committed(snapshot: Snapshot) -> datetime:
    """Rounded up: a commit was not before what happened earlier in the same millisecond."""
    return from_micros((snapshot.timestamp_ms + 1) * 1000)


def versions_of(snapshot: Snapshot, io: FileIO) -> Iterator[Version]:
    """Every version that one snapshot knows."""
    for name, location in (
        (names.FILES, names.FILES_LOCATION),
        (names.KEPT, names.KEPT_LOCATION),
    ):
        text = property_of(snapshot, name)
        if path := property_of(snapshot, location):
            try:
                with io.new_input(path).open() as stream:
                    text = stream.read().decode()
            except FileNotFoundError:
                text = ""
        yield from parse(text, _committed(snapshot), property_of(snapshot, names.RUN_ID))


def property_of(snapshot: Snapshot, name: str) -> str:
    """A property of a snapshot's summary; ``''`` where it has none."""
    return str(snapshot.summary[name] or "") if snapshot.summary is not None else ""
