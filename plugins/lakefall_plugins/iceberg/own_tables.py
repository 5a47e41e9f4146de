"""The sink's own tables: made on first use, small changes committed with retries."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakefall_plugins.iceberg import names, types
from lakefall_plugins.iceberg.retries import until_committed
from lakefall_plugins.iceberg.snapshots import find_commit
from lakefall_plugins.iceberg.transaction import abandon, commit

if TYPE_CHECKING:
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table, Transaction

    from lakefall_plugins.iceberg.catalog import Lake

Stage = Callable[["Table", "Transaction", dict[str, str]], bool]
"""Stage changes whose last snapshot carries the properties; False when there is nothing to do."""


@dataclass(frozen=True, slots=True)
class OwnTable:
    """A table that lakefall keeps for itself."""

    lake: Lake
    name: str
    columns: tuple[tuple[str, str, bool], ...]
    """Name, Iceberg type, NOT NULL."""
    full_metrics: tuple[str, ...] = ()
    """Text columns whose bounds are kept in full."""

    def schema(self) -> Schema:
        from pyiceberg.schema import Schema
        from pyiceberg.types import NestedField

        return Schema(
            *(
                NestedField(field_id=i, name=n, field_type=types.parse(t), required=r)
                for i, (n, t, r) in enumerate(self.columns, start=1)
            )
        )

    def find(self) -> Table | None:
        return self.lake.find(self.name)

    def find_or_make(self) -> Table:
        found = self.find()
        if found is not None:
            return found
        self.lake.make_namespace()
        properties = {
            **names.TABLE_PROPERTIES,
            **{f"write.metadata.metrics.column.{c}": "full" for c in self.full_metrics},
        }
        self.lake.catalog.create_table_if_not_exists(
            self.lake.identifier(self.name), self.schema(), properties=properties
        )
        found = self.find()
        assert found is not None  # noqa: S101 -- just made
        return found

    def change(self, stage: Stage, *, make: bool) -> bool:
        """Stage and commit until it is done; whether there was anything to do.

        Raises:
            CommitConflictError: other writers kept winning.
        """
        commit_id = uuid.uuid4().hex

        def attempt() -> bool:
            table = self.find_or_make() if make else self.find()
            if table is None:
                return False
            if find_commit(table, commit_id) is not None:
                return True
            transaction = table.transaction()
            try:
                if not stage(table, transaction, {names.COMMIT_ID: commit_id}):
                    return False
            except BaseException:
                abandon(transaction)
                raise
            commit(transaction)
            return True

        return until_committed(attempt, self.lake.options.commit_timeout, f"table {self.name!r}")
