"""Manifests and metadata files that processes wrote and did not live to commit.

No journal lists them: a library writes them in the moment before the commit. They are what lies in
a table's metadata folder under the names that Iceberg gives them, is older than the grace, and is
named by no snapshot and by no metadata file that the catalog knows. Data files are never removed
here: a load's own journal says which of them are its.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lakefall.contract.errors import StorageDamagedError
from lakefall_plugins.sinks.iceberg.commit import others_at_work
from lakefall_plugins.sinks.iceberg.damage import metadata_at
from lakefall_plugins.sinks.iceberg.maintenance import expiry
from lakefall_plugins.sinks.iceberg.reading import at_once
from lakefall_plugins.sinks.iceberg.writing import data_folder

if TYPE_CHECKING:
    from pyiceberg.table import Table

    from lakefall_plugins.sinks.iceberg.catalog import Lake

_UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_MANIFEST = re.compile(rf"{_UUID}-m\d+\.avro|snap-\d+-\d+-{_UUID}\.avro")
_METADATA = re.compile(rf"\d+-{_UUID}\.metadata\.json")
_DELETES_METADATA = "write.metadata.delete-after-commit.enabled"


@dataclass(frozen=True, slots=True)
class Orphans:
    """Files of a table's metadata folder that nothing names."""

    paths: tuple[str, ...] = ()
    left: str = ""
    """Why none of them is removed."""


def find(lake: Lake, name: str, grace: float) -> Orphans:
    """Those that are old enough.

    None while a process of this host may be about to name them. With a catalog that a server keeps,
    metadata files are the server's own, and processes of other hosts get as long as a load may look
    for its commit.
    """
    from lakefall_plugins.sinks.iceberg.pyiceberg_internals import listed

    table = lake.find(name)
    if table is None or "write.metadata.path" in table.properties:
        return Orphans()
    there = listed(table.io, f"{table.location().rstrip('/')}/metadata") or {}
    latest = datetime.now(UTC) - timedelta(seconds=max(grace, lake.doubt))
    old = {path for path, info in there.items() if info.mtime is not None and info.mtime <= latest}
    # Looked at after the listing: what is committed from now on is in no listing before.
    table = None if others_at_work(lake) else lake.find(name)
    if table is None:
        return Orphans()
    log = (table.metadata_location, *(e.metadata_file for e in table.metadata.metadata_log))
    unnamed = _without({path for path in old if _METADATA.fullmatch(_file(path))}, log)
    manifests = {path for path in old if _MANIFEST.fullmatch(_file(path))}
    if manifests:
        manifests = _without(manifests, expiry.manifests_named(table) | _waiting(table))
    if unnamed and any(_is_foreign(table, path) for path in unnamed):
        strange = _unnamed_data(table)
        if strange:
            return Orphans(
                left=f"{len(unnamed | manifests):,} metadata files that it does not name: "
                f"{strange:,} data files beside its own are of a table that was here before"
            )
    if lake.doubt or table.properties.get(_DELETES_METADATA, "false").lower() != "true":
        unnamed.clear()
    return Orphans(tuple(sorted(manifests | unnamed)))


def remove(table: Table, orphans: Orphans) -> int:
    """Delete them; the number of files that were still there."""
    return sum(at_once(lambda path: expiry.delete_file(table.io, path), orphans.paths))


def _file(path: str) -> str:
    return path.rpartition("/")[2]


def _without(paths: Collection[str], named: Iterable[str]) -> set[str]:
    """Paths whose file names nobody names: one place may have several addresses."""
    files = set(map(_file, named))
    return {path for path in paths if _file(path) not in files}


def _waiting(table: Table) -> set[str]:
    """Files that wait for their deletion, for readers that may still use them."""
    return {p for e in expiry.waiting(table, table.metadata.snapshots) for p in e.files}


def _is_foreign(table: Table, path: str) -> bool:
    """Whether a metadata file may be of another table that has rows; so it is if nobody can say."""
    try:
        found = metadata_at(table.io, path, table.name()[-1])
    except StorageDamagedError:
        return True
    return found.table_uuid != table.metadata.table_uuid and bool(found.snapshots)


def _unnamed_data(table: Table) -> int:
    """Data files in the table's folder that neither it names nor a maintenance will delete."""
    from lakefall_plugins.sinks.iceberg.pyiceberg_internals import listed

    there = set(listed(table.io, data_folder(table.metadata)) or ())
    return len(_without(there, expiry.still_named(table) | _waiting(table)))
