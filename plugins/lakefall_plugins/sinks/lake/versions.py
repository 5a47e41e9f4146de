"""Versions of source files, and how a load writes into its table which of them it brought.

The sink ``iceberg`` writes them into its snapshots. Property ``lakefall.files`` is JSON: one list a
file of key, ETag, modified time (microseconds since 1970), rows loaded, records and cells rejected,
size, origin. Snapshot properties live in the table's metadata file, which every commit rewrites:
beyond ``MAX_PROPERTY`` the JSON goes into an object of its own.

Maintenance lets snapshots expire, and keeps what they knew in its own one: property
``lakefall.kept``, whose lists go on with the time of the commit (microseconds) and the run's id.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from lakefall_plugins.sinks.lake import names

if TYPE_CHECKING:
    from lakefall.contract.values import Converted, SourceFile

MAX_PROPERTY = 16_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a source file that a load or the registry knows."""

    key: str
    etag: str
    modified: datetime
    """The source's, UTC."""
    committed: datetime
    """UTC."""
    rows: int = 0
    rejected: int = 0
    size: int = 0
    run_id: str = ""
    origin: str = ""
    """Which bucket or folder it came from; ``''`` where that is not known."""

    @classmethod
    def of(cls, converted: Converted, run_id: str = "") -> Version:
        """The version that a load brings."""
        file = converted.file
        return cls(
            file.key,
            file.etag,
            file.modified,
            converted.ingested_at,
            converted.rows_loaded,
            converted.rows_rejected + converted.cells_nulled,
            file.size,
            run_id,
            file.origin,
        )

    def supersedes(self, file: SourceFile, listed: datetime) -> bool:
        """Whether this is a newer version that was committed after ``file`` was listed.

        What was committed before the listing cannot be newer than it: then the source went back
        to an older file (``cp -p``, a restored backup). The version that the decision to load
        ``file`` knew of was, although the clock of the host that committed it may say otherwise.
        """
        other = self.etag not in (file.etag, file.replaces)
        return other and self.modified > file.modified and self.committed >= listed


def to_micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def from_micros(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)


def properties(
    commit_id: str,
    run_id: str,
    versions: Collection[Version],
    write: Callable[[str], str],
) -> dict[str, str]:
    """Snapshot properties of a load; ``write`` puts what is too long for them elsewhere."""
    found = {names.COMMIT_ID: commit_id, names.RUN_ID: run_id}
    return {**found, **_told(map(_row, versions), names.FILES, names.FILES_LOCATION, write)}


def kept_properties(versions: Collection[Version], write: Callable[[str], str]) -> dict[str, str]:
    """Snapshot properties of maintenance: what is known of files, with their own commits."""
    if not versions:
        return {}
    rows = ([*_row(v), to_micros(v.committed), v.run_id] for v in versions)
    return _told(rows, names.KEPT, names.KEPT_LOCATION, write)


def _row(v: Version) -> list[Any]:
    return [v.key, v.etag, to_micros(v.modified), v.rows, v.rejected, v.size, v.origin]


def _told(
    rows: Iterable[list[Any]], name: str, location: str, write: Callable[[str], str]
) -> dict[str, str]:
    text = json.dumps(list(rows), separators=(",", ":"))
    return {name: text} if len(text) <= MAX_PROPERTY else {location: write(text)}


def parse(text: str, committed: datetime, run_id: str) -> Iterator[Version]:
    """The versions that a snapshot's property tells of; none of an empty text.

    ``committed`` and ``run_id`` are the snapshot's, and count where the property has none.
    """
    rows: list[list[Any]] = json.loads(text) if text else []
    # Snapshots of earlier versions have no origin, those of loads nothing after it.
    missing = ["", None, run_id]
    for given in rows:
        row = [*given, *missing[len(given) - 6 :]]
        key, etag, modified, loaded, rejected, size, origin, at, run = row
        when = committed if at is None else from_micros(at)
        yield Version(key, etag, from_micros(modified), when, loaded, rejected, size, run, origin)
