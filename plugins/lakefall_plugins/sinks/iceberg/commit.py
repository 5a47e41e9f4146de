"""Committing to a table: its files in a journal before, attempts until it is done, no debris.

While a load runs it holds a lock on ``<load>.json``, whose first line names its table and whose
other lines are the paths of its files, and the ids of the tables whose snapshots may name them: an
id stays when a table is renamed, and another table gets the name. The kernel releases the lock when
the process dies, so a later load finds such leftovers, and removes those files of them that no
snapshot names.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from lakefall.common import locks
from lakefall.common.waiting import Backoff
from lakefall.contract.errors import CatalogUnreachableError, LakefallError, StorageDamagedError
from lakefall_plugins.sinks.iceberg.damage import (
    confirm,
    entries_of,
    manifests_of,
    metadata_at,
    remove,
)
from lakefall_plugins.sinks.iceberg.errors import (
    is_answer,
    is_certain,
    is_conflict,
    is_refused,
    is_unknown_commit,
    is_unreachable,
    leaves_doubt,
    translated,
)
from lakefall_plugins.sinks.iceberg.metadata import (
    find_commit,
    objects_of,
    property_of,
    schema_of,
)
from lakefall_plugins.sinks.iceberg.writing import NewFiles, data_folder
from lakefall_plugins.sinks.lake import commits, names

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table, Transaction
    from pyiceberg.table.snapshots import Snapshot

    from lakefall_plugins.sinks.iceberg.catalog import Lake
    from lakefall_plugins.sinks.iceberg.reading import Removal

T = TypeVar("T")

_FIRST_WAIT = 0.05
_LONGEST_WAIT = 1.0
_AT_ONCE = 100
"""Journals of dead loads that are held open."""
_ASK_SECONDS = 20.0
"""How long a catalog that broke off a commit is asked whether it was done."""


def until_committed(attempt: Callable[[], T], timeout: float, subject: str) -> T:
    """What ``attempt`` returns, which loads, stages and commits anew each time it is called.

    ``attempt`` has to look for its own earlier commit first: one that raised may have been done.

    Raises:
        CommitConflictError: other writers kept winning for ``timeout`` seconds.
        CatalogUnreachableError: whether a commit was done could not be found out; what it wrote
            must stay.
    """
    backoff = Backoff(_FIRST_WAIT, _LONGEST_WAIT, timeout)
    attempts = _Attempts(subject, backoff, min(timeout, _ASK_SECONDS))
    return commits.until_committed(attempt, attempts.again, backoff, subject)


@dataclass(slots=True)
class _Attempts:
    """What the attempts so far have come to."""

    subject: str
    backoff: Backoff
    ask_seconds: float
    unknown: Exception | None = None
    """Of an attempt that may have been committed all the same."""
    asked_until: float = 0.0

    def again(self, error: Exception) -> bool:
        """Whether to make another attempt after this error."""
        now = time.monotonic()
        if is_unknown_commit(error) and self.unknown is None:
            self.unknown, self.asked_until = error, now + self.ask_seconds
        elif not is_conflict(error) and (self.unknown is None or not is_unreachable(error)):
            if self.unknown is None:
                return False
            # Certain of this attempt; the earlier one may still be on its way.
            raise self._not_known(error) from self.unknown
        late = now >= self.asked_until and not is_conflict(error)
        if self.unknown is not None and (late or self.backoff.over):
            raise self._not_known(error) from self.unknown
        return True

    def _not_known(self, error: Exception) -> LakefallError:
        why = translated(error, self.subject) or self.unknown
        return CatalogUnreachableError(
            f"{self.subject}: the catalog broke off a commit, and whether it was done cannot be "
            f"found out ({why}); the next run finds out and brings it right"
        )


@contextmanager
def bring_files(lake: Lake, table: str, used: Callable[[], Collection[str]]) -> Iterator[NewFiles]:
    """The files of one load, in a journal until it has ended well.

    In the end those stay that are ``used``: that a snapshot names. Where it is not known whether
    the load's commit was done, all stay.
    """
    with journal(lake.local) as entries:
        new_files = NewFiles(lake.identifier(table), entries)
        try:
            yield new_files
        except BaseException as error:
            if has_failed(error, lake, table, new_files.load_id):
                new_files.discard()
            raise
        new_files.discard(keep=used())


def stage_rows(
    transaction: Transaction,
    removal: Removal,
    added: Sequence[DataFile],
    properties: dict[str, str],
) -> None:
    """Stage a removal and an addition as one snapshot, which carries the properties."""
    from pyiceberg.table.snapshots import Operation

    from lakefall_plugins.sinks.iceberg.pyiceberg_internals import Append, Overwrite, storage

    make: Any = Append if not removal else Overwrite
    operation = Operation.OVERWRITE if removal else Operation.APPEND
    producer = make(operation, transaction, storage(transaction), snapshot_properties=properties)
    _stage(producer, removal.files, (*added, *removal.rest))


def stage_replacement(
    transaction: Transaction,
    inputs: Sequence[DataFile],
    outputs: Sequence[DataFile],
    dropped: frozenset[DataFile],
    properties: dict[str, str],
) -> frozenset[str]:
    """Stage a snapshot with the same rows in other data files, without some delete files.

    Returns the manifests that it names.
    """
    from pyiceberg.table.snapshots import Operation

    from lakefall_plugins.sinks.iceberg.pyiceberg_internals import Replacement, storage

    producer = Replacement(
        Operation.OVERWRITE, transaction, storage(transaction), snapshot_properties=properties
    )
    producer.dropped = dropped
    _stage(producer, inputs, outputs)
    return producer.named


def _stage(producer: Any, gone: Sequence[DataFile], new: Sequence[DataFile]) -> None:
    from pyiceberg.expressions import AlwaysTrue

    if gone:
        # Look for the files in every manifest: none has statistics to tell them apart.
        producer.delete_by_predicate(AlwaysTrue())
    for file in gone:
        producer.delete_data_file(file)
    for file in new:
        producer.append_data_file(file)
    producer.commit()


def commit(transaction: Transaction) -> Table:
    """Commit; manifests that no snapshot names are removed, where that is certain.

    Any answer that it was not done may be that to a second delivery of a request whose first one
    was: the table is looked at before anything is believed.

    Raises:
        StorageDamagedError: a file that it would name was not stored; nothing was committed.
        CommitStateUnknownException: it may have been done, or may yet be; what it names must stay.
    """
    from pyiceberg.exceptions import CommitStateUnknownException

    from lakefall_plugins.sinks.iceberg.pyiceberg_internals import (
        newly_named,
        producers,
        storage,
        table_of,
    )

    written = producers(transaction)
    try:
        for producer in written:
            confirm(storage(transaction), newly_named(producer), table_of(transaction).name()[-1])
    except BaseException:
        abandon(transaction)
        raise
    try:
        done = transaction.commit_transaction()
    except Exception as error:
        if leaves_doubt(error):
            raise CommitStateUnknownException(str(error)) from error
        answered = is_answer(error) or is_refused(error)
        found = _done_all_the_same(transaction, error) if answered else None
        if found is None:
            if is_certain(error):
                abandon(transaction)
            raise
        done = found
    for path in (path for producer in written for path in producer.unused):
        with suppress(OSError):
            done.io.delete(path)
    return done


def _done_all_the_same(transaction: Transaction, error: Exception) -> Table | None:
    """The table, where it has the transaction's snapshot in spite of the catalog's answer; None
    where it has not, and never will: what the commit rests on is gone.

    Raises:
        CommitStateUnknownException: it cannot be looked at, or is what it was before.
    """
    from pyiceberg.catalog.rest import RestCatalog
    from pyiceberg.exceptions import CommitStateUnknownException

    from lakefall_plugins.sinks.iceberg.pyiceberg_internals import table_of

    base = table_of(transaction)
    before = {snapshot.snapshot_id for snapshot in base.metadata.snapshots}
    mine = {s.snapshot_id for s in transaction.table_metadata.snapshots} - before
    if not mine:
        return None
    try:
        there: Table = base.catalog.load_table(base.name())
    except Exception as unknown:
        raise CommitStateUnknownException(str(error)) from unknown
    if mine & {snapshot.snapshot_id for snapshot in there.metadata.snapshots}:
        return there
    same = there.metadata_location == base.metadata_location
    if same and is_answer(error) and isinstance(base.catalog, RestCatalog):
        # Nothing of what the commit rests on has changed: the request may still be on its way.
        # (A database answers at once: what it does not know now does not land later.)
        raise CommitStateUnknownException(str(error)) from error
    return None


def abandon(transaction: Transaction) -> None:
    """Remove the manifests that a transaction wrote and that nothing will name."""
    from lakefall_plugins.sinks.iceberg.pyiceberg_internals import producers, remove_manifests

    for producer in producers(transaction):
        with suppress(OSError):
            remove_manifests(producer)


def has_failed(error: BaseException, lake: Lake, table: str, load_id: str) -> bool:
    """Whether a load that raised this is in no snapshot, and never will be."""
    from sqlalchemy.exc import SQLAlchemyError

    if not isinstance(error, SQLAlchemyError):
        return is_certain(error)
    try:
        # A database answers at once: what it does not know now does not land later.
        found = lake.find(table)
    except SQLAlchemyError:
        return False
    return found is None or find_commit(found, load_id) is None


class Journal:
    """The lock and the list of one load's files."""

    def __init__(self, load_id: str, stream: TextIO) -> None:
        self.load_id = load_id
        self.empty = True
        """The load has no file."""
        self.unfinished = False
        """A file may be left that a sweep has to look for, however the load ends."""
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
            ended = sys.exc_info()[0] is None or made.empty
            if ended and not made.unfinished:
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
    from pyiceberg.exceptions import RESTError

    # What ails a table is for its own loads to say.
    errors = (OSError, ValueError, TypeError, LookupError, RESTError, LakefallError)
    locks.remove_drafts(lake.local)
    removed = 0
    left = sorted(lake.local.glob("*.json"))
    for at in range(0, len(left), _AT_ONCE):
        with ExitStack() as held:
            # Their tables are looked at once for all of them, after the last of them is dead.
            journals = {path: _of_dead(lake, path, held) for path in left[at : at + _AT_ONCE]}
            there = _Namespace(lake)
            for path, stream in journals.items():
                if stream is None:
                    continue
                with suppress(*errors):
                    entry, *lines = list(_lines(stream)) or [{}]
                    if entry and entry["namespace"] != lake.namespace:
                        continue
                    if entry:
                        removed += _remove_unused(there, path.stem, entry["table"], lines)
                    path.unlink(missing_ok=True)
    return removed


def _of_dead(lake: Lake, path: Path, held: ExitStack) -> TextIO | None:
    """A journal whose load is dead, locked as long as it is held, so that no other sweep looks at
    it; None where the load, or a server that is busy with it, may be alive."""
    with suppress(OSError):
        stream = held.enter_context(locks.left_behind(path))
        if time.time() - path.stat().st_mtime >= lake.home.settles:
            return stream
    return None


def others_at_work(lake: Lake) -> bool:
    """Whether a load or a maintenance of this host is under way."""
    for path in lake.local.glob("*.json"):
        with suppress(OSError), locks.left_behind(path) as stream:
            if stream is None:
                return True
    return False


def _lines(stream: TextIO) -> Iterator[Any]:
    for line in stream:
        try:
            yield json.loads(line)
        except ValueError:
            # The process died while it wrote: the file of this line was not begun.
            return


class _Namespace:
    """The tables of a namespace as they are now, each read once."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self.find = cache(lake.find)
        self.names = cache(lake.tables)
        self.folder = cache(self._folder)
        self._by_others: dict[str, set[str]] = {}

    def named(self, table: Table, load_id: str) -> set[str]:
        """Every file of a dead load that a snapshot of the table names, and many others.

        What a snapshot names was named by its parent, or came with it. So a file of the load is
        named by the load's own snapshot, by one that does not say whose it is, or by one whose
        parent has been expired, or by none.
        """
        snapshots = table.metadata.snapshots
        if _id(table) not in self._by_others:
            ids = {snapshot.snapshot_id for snapshot in snapshots}
            some = [
                snapshot
                for snapshot in snapshots
                if snapshot.parent_snapshot_id not in ids
                or not property_of(snapshot, names.COMMIT_ID)
            ]
            notes = objects_of(table.metadata, snapshots)
            self._by_others[_id(table)] = notes | _named_by(some, table)
        own = [s for s in snapshots if property_of(s, names.COMMIT_ID) == load_id]
        return self._by_others[_id(table)] | _named_by(own, table)

    def of_load(self, name: str, ids: set[str]) -> list[Table]:
        """Those that may name the files of a load."""
        there = self.find(name)
        if there is not None and ids <= {_id(there)}:
            return [there]
        found = [table for table in map(self.find, sorted(self.names())) if table is not None]
        return [table for table in found if not ids or _id(table) in ids]

    def _folder(self, name: str) -> str:
        """Where the data of a table are, or the catalog would put them; nothing is made."""
        from lakefall_plugins.sinks.iceberg.pyiceberg_internals import table_of

        there = self.find(name)
        if there is None:
            lake, schema = self.lake, schema_of((("x", "string", False),))
            there = table_of(lake.catalog.create_table_transaction(lake.identifier(name), schema))
        return data_folder(there.metadata)


def _remove_unused(
    there: _Namespace, load_id: str, name: str, lines: Sequence[str | dict[str, str]]
) -> int:
    """Remove files of a load that no snapshot names.

    A journal is a file that anybody may have written: only what has the name of such a file, in
    the folder where it has to be, is removed.
    """
    paths = [line for line in lines if isinstance(line, str)]
    ids = {line["id"] for line in lines if not isinstance(line, str)}
    found = there.of_load(name, ids)
    if _was_made(there.lake, name, paths, ids.difference(map(_id, found))):
        return 0
    used = {path for table in found for path in there.named(table, load_id)}
    folders = {there.folder(name), *(data_folder(table.metadata) for table in found)}
    named = re.compile(rf"lakefall-{re.escape(load_id)}-\d+\.(parquet|json)")
    removed = 0
    for path in paths:
        folder, _, file = path.rpartition("/")
        if path not in used and folder in folders and named.fullmatch(file):
            io = found[0].io if found else there.lake.storage(path)
            with suppress(FileNotFoundError):
                remove(io, path)
                removed += 1
    return removed


def _was_made(lake: Lake, name: str, paths: Sequence[str], ids: set[str]) -> bool:
    """Whether one of these tables, which the namespace has not, may be elsewhere by now.

    It may have been moved to another namespace, or dropped and be registered again: then its files
    are not ours to judge. A table that a load was to make, and did not, has no metadata file.
    """
    from lakefall_plugins.sinks.iceberg.pyiceberg_internals import listed

    for location, _, folder in {path.rpartition("/")[0].rpartition("/") for path in paths if ids}:
        io = lake.storage(location)
        there = listed(io, f"{location}/metadata") if folder == "data" else None
        if there is None:
            return True
        for path in (path for path in there if path.endswith(".metadata.json")):
            try:
                if str(metadata_at(io, path, name).table_uuid) in ids:
                    return True
            except StorageDamagedError:
                return True
    return False


def _id(table: Table) -> str:
    return str(table.metadata.table_uuid)


def _named_by(snapshots: Sequence[Snapshot], table: Table) -> set[str]:
    """Every file that these snapshots of the table name, also as gone."""
    manifests = {m.manifest_path: m for s in snapshots for m in manifests_of(table, s)}
    entries = (
        entry
        for manifest in manifests.values()
        for entry in entries_of(manifest, table.io, table.name()[-1], deleted=True)
    )
    return {entry.data_file.file_path for entry in entries}
