"""Files that nobody names any more: written down when their snapshots expire, deleted later.

Whoever loaded a table's metadata before the expiry may still read by them. So the snapshot that
comes with an expiry names an object that lists the files, and a later maintenance deletes them
when they have lain there for the grace period, and the object last: where that is gone, all is
done.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from lakefall_plugins.sinks.iceberg.expiry import still_named
from lakefall_plugins.sinks.iceberg.snapshots import property_of
from lakefall_plugins.sinks.lake import names
from lakefall_plugins.sinks.lake.versions import from_micros

if TYPE_CHECKING:
    from pyiceberg.io import FileIO
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot

_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Tombstone:
    """Files to be deleted."""

    location: str
    """Of the object that lists them."""
    since: datetime
    """When they were named last, UTC."""
    files: tuple[str, ...]


def text(files: Collection[str]) -> str:
    """The object's text."""
    return json.dumps({"files": sorted(files)}, indent=0)


def standing(io: FileIO, snapshots: Iterable[Snapshot]) -> list[Tombstone]:
    """What these snapshots have put down and nobody has deleted yet."""
    found: list[Tombstone] = []
    for snapshot in snapshots:
        location = property_of(snapshot, names.EXPIRED_LOCATION)
        if not location:
            continue
        with suppress(FileNotFoundError), io.new_input(location).open() as stream:
            files = tuple(json.loads(stream.read())["files"])
            found.append(Tombstone(location, from_micros(snapshot.timestamp_ms * 1000), files))
    return found


def due(stones: Iterable[Tombstone], grace: float, now: datetime) -> list[Tombstone]:
    """Those whose files have waited for ``grace`` seconds."""
    return [s for s in stones if s.since + timedelta(seconds=grace) <= now]


def bury(table: Table, stones: Collection[Tombstone]) -> int:
    """Delete their files; the number of files that were still there."""
    if not stones:
        return 0
    named = still_named(table.metadata, table.io) - {s.location for s in stones}
    removed = 0
    for stone in stones:
        files = [path for path in stone.files if path not in named]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            removed += sum(pool.map(lambda path: _delete(table.io, path), files))
        removed += _delete(table.io, stone.location)
    return removed


def _delete(io: FileIO, path: str) -> bool:
    try:
        io.delete(path)
    except FileNotFoundError:
        return False
    return True
