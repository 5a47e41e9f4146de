"""What a host keeps about loads that run on it: a lock each, and where their files go.

While a load runs it holds a lock on ``<load>.json``, whose first line names its table and whose
other lines are the paths of its files, and the ids of the tables whose snapshots may name them: an
id stays when a table is renamed, and another table gets the name. The kernel releases the lock when
the process dies, so a later load finds such leftovers, and removes those files of them that no
snapshot names.
"""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from lakefall.common import locks

if TYPE_CHECKING:
    from pyiceberg.table import Table

    from lakefall_plugins.sinks.iceberg.catalog import Lake


class Journal:
    """The lock and the list of one load's files."""

    def __init__(self, load_id: str, stream: TextIO) -> None:
        self.load_id = load_id
        self.empty = True
        """Nothing is left that a sweep would have to look for."""
        self._stream = stream
        self._begun = False
        self._aims: set[str] = set()

    def add(self, identifier: tuple[str, str], path: str) -> None:
        """Note a file before its first byte is written."""
        if not self._begun:
            namespace, table = identifier
            self._write({"namespace": namespace, "table": table})
            self._begun = True
        self.empty = False
        self._write(path)

    def aim(self, table_id: str) -> None:
        """Note a table before the first commit to it that names these files, if there are any."""
        if self._begun and table_id not in self._aims:
            self._aims.add(table_id)
            self._write({"id": table_id})

    def _write(self, line: object) -> None:
        self._stream.write(json.dumps(line) + "\n")
        self._stream.flush()


@contextmanager
def journal(folder: Path) -> Iterator[Journal]:
    """Hold a load's lock; leave it to a later ``sweep`` when this load ends badly."""
    load_id = uuid.uuid4().hex
    path = folder / f"{load_id}.json"
    with locks.new(path) as stream:
        made = Journal(load_id, stream)
        try:
            yield made
        finally:
            if sys.exc_info()[0] is None or made.empty:
                path.unlink(missing_ok=True)


@contextmanager
def turn(lake: Lake, table: str) -> Iterator[float]:
    """Wait until no other process of this host commits to the table.

    Yields when one last did, in seconds since 1970; infinity where nobody knows.

    Only saves work: writers on other hosts are not kept out, and a commit that loses against one
    is tried again. So nobody waits for ever.
    """
    if not lake.home.takes_turns:
        yield float("inf")
        return
    lake.local.mkdir(parents=True, exist_ok=True)
    path = lake.local / f"{lake.namespace}.{table}.lock"
    new = not path.exists()
    with path.open("a") as handle:
        locks.take(handle, lake.options.commit_timeout)
        try:
            yield 0.0 if new else os.fstat(handle.fileno()).st_mtime
        finally:
            os.utime(handle.fileno())


def sweep(lake: Lake) -> int:
    """Remove files of loads that died before their commit; the number of files removed.

    A server may still be busy with the commit of a load that is dead, so its files are left alone
    for some time.
    """
    removed = 0
    for path in lake.local.glob("*.json"):
        with suppress(OSError, ValueError), locks.left_behind(path) as stream:
            if stream is None or time.time() - path.stat().st_mtime < lake.home.settles:
                continue
            entry, *lines = [json.loads(line) for line in stream] or [{}]
            if entry and entry["namespace"] != lake.namespace:
                continue
            removed += _remove_unused(lake, entry["table"], lines) if entry else 0
            path.unlink(missing_ok=True)
    return removed


def _remove_unused(lake: Lake, name: str, lines: list[str | dict[str, str]]) -> int:
    paths = [line for line in lines if isinstance(line, str)]
    found = _tables(lake, name, {line["id"] for line in lines if not isinstance(line, str)})
    if found is None:
        return 0
    used = {path for table in found for path in _referenced(table)}
    removed = 0
    for path in paths:
        if path not in used:
            io = found[0].io if found else lake.storage(path)
            with suppress(FileNotFoundError):
                io.delete(path)
                removed += 1
    return removed


def _tables(lake: Lake, name: str, ids: set[str]) -> list[Table] | None:
    """The tables that may name the files of a load; None where one of them is not to be found.

    It may have got another name, or be in another namespace by now: then its files are not ours
    to judge.
    """
    there = lake.find(name)
    if there is not None and ids <= {_id(there)}:
        return [there]
    found = [table for table in map(lake.find, sorted(lake.tables())) if table is not None]
    if not ids:
        return found
    found = [table for table in found if _id(table) in ids]
    return found if len(found) == len(ids) else None


def _id(table: Table) -> str:
    return str(table.metadata.table_uuid)


def _referenced(table: Table) -> set[str]:
    """Every file that any snapshot of the table names."""
    from lakefall_plugins.sinks.iceberg.expiry import ours

    used = ours(table.metadata, table.metadata.snapshots)
    manifests = {}
    for snapshot in table.metadata.snapshots:
        manifests.update({m.manifest_path: m for m in snapshot.manifests(table.io)})
    for manifest in manifests.values():
        entries = manifest.fetch_manifest_entry(table.io, discard_deleted=False)
        used.update(entry.data_file.file_path for entry in entries)
    return used
