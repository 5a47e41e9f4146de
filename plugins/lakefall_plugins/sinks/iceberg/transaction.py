"""Staging a replacement of rows, and committing it without leaving debris."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from lakefall_plugins.sinks.iceberg.journals import journal
from lakefall_plugins.sinks.iceberg.publish import Publication
from lakefall_plugins.sinks.iceberg.retries import is_certain, leaves_doubt
from lakefall_plugins.sinks.iceberg.snapshots import find_commit

if TYPE_CHECKING:
    from pyiceberg.io import FileIO
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table, Transaction

    from lakefall_plugins.sinks.iceberg.catalog import Lake
    from lakefall_plugins.sinks.iceberg.removal import Removal


@contextmanager
def publishing(
    lake: Lake, table: str, used: Callable[[], Collection[str]]
) -> Iterator[Publication]:
    """The files of one load, in a journal until it has ended well.

    In the end those stay that are ``used``: that a snapshot names. Where it is not known whether
    the load's commit was done, all stay.
    """
    with journal(lake.local) as entries:
        publication = Publication(lake.identifier(table), entries)
        try:
            yield publication
        except BaseException as error:
            if has_failed(error, lake, table, publication.load_id):
                publication.discard()
            raise
        publication.discard(keep=used())


def stage_rows(
    transaction: Transaction,
    removal: Removal,
    added: Sequence[DataFile],
    properties: dict[str, str],
) -> None:
    """Stage a removal and an addition as one snapshot, which carries the properties."""
    from pyiceberg.table.snapshots import Operation

    from lakefall_plugins.sinks.iceberg.producers import Append, Overwrite

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

    from lakefall_plugins.sinks.iceberg.producers import Replacement

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


def stage_expiry(transaction: Transaction, snapshot_ids: list[int]) -> None:
    """Stage the end of snapshots; the files stay."""
    from pyiceberg.table.update import RemoveSnapshotsUpdate

    make: Any = RemoveSnapshotsUpdate
    transaction._stage((make(snapshot_ids=snapshot_ids),))


def commit(transaction: Transaction) -> Table:
    """Commit; manifests that no snapshot names are removed, where that is certain.

    Raises:
        CommitStateUnknownException: it may have been done; what it names must stay.
    """
    from pyiceberg.exceptions import CommitStateUnknownException

    producers: list[Any] = list(transaction._snapshot_producers)
    try:
        done = transaction.commit_transaction()
    except Exception as error:
        if leaves_doubt(error):
            raise CommitStateUnknownException(str(error)) from error
        if is_certain(error):
            abandon(transaction)
        raise
    for path in (path for producer in producers for path in producer.unused):
        with suppress(OSError):
            done.io.delete(path)
    return done


def abandon(transaction: Transaction) -> None:
    """Remove the manifests that a transaction wrote and that nothing will name."""
    for producer in transaction._snapshot_producers:
        with suppress(OSError):
            producer._clean_all_uncommitted()


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


def storage(transaction: Transaction) -> FileIO:
    """Where a transaction writes; for a table that is being made, its catalog decides."""
    return transaction._table.io
