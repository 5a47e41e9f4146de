"""PyIceberg's transactions, which make their metadata anew only after a change.

PyIceberg 0.12 copies the table's whole metadata each time that a transaction is asked for them,
some forty times a load, and they grow with every snapshot. Imported on first use.
"""

from __future__ import annotations

from typing import Any

from pyiceberg.table import CreateTableTransaction, Transaction  # noqa: TID253 -- see above
from pyiceberg.table.metadata import TableMetadata  # noqa: TID253


class StagedChange(Transaction):
    """Changes to a table that exists."""

    _made: tuple[Any, Any, TableMetadata] | None = None

    @property
    def table_metadata(self) -> TableMetadata:
        base, updates = self._table.metadata, self._updates
        if self._made is None or self._made[0] is not base or self._made[1] is not updates:
            # Updates are a tuple: each change makes another one.
            self._made = base, updates, super().table_metadata
        return self._made[2]


class StagedTable(StagedChange, CreateTableTransaction):
    """A table that is being made."""
