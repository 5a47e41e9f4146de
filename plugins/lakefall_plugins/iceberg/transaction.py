"""Staging a replacement of rows, and committing it without leaving debris."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from lakefall_plugins.iceberg.retries import is_certain, leaves_doubt
from lakefall_plugins.iceberg.snapshots import find_commit

if TYPE_CHECKING:
    from pyiceberg.io import FileIO
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table, Transaction

    from lakefall_plugins.iceberg.catalog import Lake
    from lakefall_plugins.iceberg.producers import Overwrite
    from lakefall_plugins.iceberg.removal import Removal


def stage_rows(
    transaction: Transaction,
    removal: Removal,
    added: Sequence[DataFile],
    properties: dict[str, str],
) -> None:
    """Stage a removal and an addition as one snapshot, which carries the properties."""
    from pyiceberg.expressions import AlwaysTrue

    if removal.files:
        with overwriting(transaction, properties) as overwrite:
            # Look for the files in every manifest: none has statistics to tell them apart.
            overwrite.delete_by_predicate(AlwaysTrue())
            for file in removal.files:
                overwrite.delete_data_file(file)
            for file in (*added, *removal.rest):
                overwrite.append_data_file(file)
        return
    with transaction.update_snapshot(snapshot_properties=properties).merge_append() as append:
        for file in added:
            append.append_data_file(file)


def overwriting(transaction: Transaction, properties: dict[str, str]) -> Overwrite:
    """A snapshot that replaces data files; to be used in ``with``."""
    from pyiceberg.table.snapshots import Operation

    from lakefall_plugins.iceberg.producers import Overwrite

    return Overwrite(
        Operation.OVERWRITE, transaction, storage(transaction), snapshot_properties=properties
    )


def commit(transaction: Transaction) -> Table:
    """Commit; what was staged for a commit that certainly failed is removed.

    Raises:
        CommitStateUnknownException: it may have been done; what it names must stay.
    """
    from pyiceberg.exceptions import CommitStateUnknownException

    try:
        return transaction.commit_transaction()
    except Exception as error:
        if leaves_doubt(error):
            raise CommitStateUnknownException(str(error)) from error
        if is_certain(error):
            abandon(transaction)
        raise


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
