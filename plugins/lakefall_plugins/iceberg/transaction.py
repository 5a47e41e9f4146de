"""Staging a replacement of rows, and committing it without leaving debris."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakefall_plugins.iceberg.filters import IN_LIMIT, one_of
from lakefall_plugins.iceberg.retries import is_certain, leaves_doubt
from lakefall_plugins.iceberg.snapshots import find_commit

if TYPE_CHECKING:
    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.io import FileIO
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table, Transaction

    from lakefall_plugins.iceberg.catalog import Lake
    from lakefall_plugins.iceberg.survey import Part


@dataclass(frozen=True, slots=True)
class Removal:
    """Rows to remove: whole data files, and predicates for those that hold other rows too."""

    files: Sequence[DataFile] = ()
    predicates: Sequence[BooleanExpression] = ()

    def __bool__(self) -> bool:
        return bool(self.files or self.predicates)


def removal_of(parts: Sequence[Part], column: str, values: Collection[str]) -> Removal:
    """Remove every row whose ``column`` is one of ``values``."""
    wanted = set(values)
    whole = [p for p in parts if p.constant(column) in wanted]
    mixed = [p for p in parts if p.constant(column) is None]
    touched = {v for v in wanted for p in mixed if p.may_hold(column, v)}
    if not touched:
        return Removal([p.file for p in whole])
    # A predicate removes whole data files too: leave it nothing but its own.
    keys = sorted(touched)
    return Removal(
        [p.file for p in whole if p.constant(column) not in touched],
        [one_of(column, keys[i : i + IN_LIMIT]) for i in range(0, len(keys), IN_LIMIT)],
    )


def stage_rows(
    transaction: Transaction,
    removal: Removal,
    added: Sequence[DataFile],
    properties: dict[str, str],
) -> None:
    """Stage a removal and an addition; the last snapshot carries the properties."""
    from pyiceberg.expressions import AlwaysTrue

    for predicate in removal.predicates:
        transaction.delete(predicate)
    update = transaction.update_snapshot(snapshot_properties=properties)
    if removal.files:
        with update.overwrite() as overwrite:
            # Look for the files in every manifest: none has statistics to tell them apart.
            overwrite.delete_by_predicate(AlwaysTrue())
            for file in removal.files:
                overwrite.delete_data_file(file)
            for file in added:
                overwrite.append_data_file(file)
        return
    with update.merge_append() as append:
        for file in added:
            append.append_data_file(file)


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
