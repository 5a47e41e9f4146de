"""The sink's own tables: made on first use, small changes committed with retries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakefall_plugins.sinks.iceberg.journals import turn
from lakefall_plugins.sinks.iceberg.publish import Publication, constant, describe
from lakefall_plugins.sinks.iceberg.removal import Doomed, Removal, removal_of
from lakefall_plugins.sinks.iceberg.retries import until_committed
from lakefall_plugins.sinks.iceberg.schema import parse
from lakefall_plugins.sinks.iceberg.snapshots import find_commit
from lakefall_plugins.sinks.iceberg.transaction import abandon, commit, publishing, stage_rows
from lakefall_plugins.sinks.lake import names

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa
    from pyiceberg.manifest import DataFile
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table, Transaction

    from lakefall_plugins.sinks.iceberg.catalog import Lake
    from lakefall_plugins.sinks.iceberg.footers import Footer
    from lakefall_plugins.sinks.iceberg.survey import Part


@dataclass(frozen=True, slots=True)
class Staging:
    """One attempt to change a table."""

    table: Table
    """As it was when the attempt began."""
    transaction: Transaction
    publication: Publication
    used: set[str]
    """Paths that the attempt's snapshot names."""

    def copy(self, local: Path, constants: dict[str, str]) -> DataFile:
        """A Parquet file of this machine as a data file of the table."""
        metadata = self.transaction.table_metadata
        path, footer = self.publication.copy(local, metadata, self.table.io, {})
        return self._describe(path, footer, constant(constants))

    def write(self, rows: pa.Table) -> DataFile:
        """Rows as a data file of the table."""
        metadata = self.transaction.table_metadata
        return self._describe(*self.publication.write(rows, metadata, self.table.io), {})

    def _describe(self, path: str, footer: Footer, bounds: dict[str, tuple[str, str]]) -> DataFile:
        self.used.add(path)
        return describe(self.transaction.table_metadata, path, footer, bounds)

    def remove(self, parts: Iterable[Part], doomed: Doomed) -> Removal:
        """The removal of some rows, to be staged."""
        return removal_of(self.publication, self.table, parts, doomed)

    def stage(self, removal: Removal, added: Sequence[DataFile] = ()) -> None:
        """Stage a removal and an addition under the load's id."""
        self.used.update(f.file_path for f in removal.rest)
        properties = {names.COMMIT_ID: self.publication.load_id}
        stage_rows(self.transaction, removal, added, properties)


Stage = Callable[[Staging], bool]
"""Stage an attempt; False when there is nothing to do."""


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
                NestedField(field_id=i, name=n, field_type=parse(t), required=r)
                for i, (n, t, r) in enumerate(self.columns, start=1)
            )
        )

    def find(self) -> Table | None:
        return self.lake.find(self.name)

    def seen(self) -> Table | None:
        """As it was moments ago."""
        return self.lake.seen(self.name)

    def find_or_make(self) -> Table:
        found = self.find()
        if found is not None:
            return found
        self.lake.make_namespace()
        properties = {
            **names.OWN_TABLE_PROPERTIES,
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
        if not make and self.seen() is None:
            return False
        used: set[str] = set()
        with publishing(self.lake, self.name, lambda: used) as publication:
            return until_committed(
                lambda: self._attempt(stage, publication, used, make=make),
                self.lake.options.commit_timeout,
                f"table {self.name!r}",
            )

    def _attempt(
        self, stage: Stage, publication: Publication, used: set[str], *, make: bool
    ) -> bool:
        with turn(self.lake, self.name) as changed:
            return self._alone(stage, publication, used, changed, make=make)

    def _alone(
        self, stage: Stage, publication: Publication, used: set[str], changed: float, *, make: bool
    ) -> bool:
        from lakefall_plugins.sinks.iceberg.staged import StagedChange

        table = self.lake.since(self.name, changed)
        if table is None and make:
            table = self.find_or_make()
        if table is None:
            return False
        if find_commit(table, publication.load_id) is not None:
            publication.found_again = True
            return True
        used.clear()
        transaction = StagedChange(table)
        try:
            self._add_columns(transaction)
            if not stage(Staging(table, transaction, publication, used)):
                return False
        except BaseException:
            abandon(transaction)
            raise
        publication.aim(transaction.table_metadata)
        self.lake.remember(self.name, commit(transaction))
        return True

    def _add_columns(self, transaction: Transaction) -> None:
        """Stage the columns that a table made by an earlier version lacks; all are nullable."""
        there = set(transaction.table_metadata.schema().column_names)
        missing = [(n, t) for n, t, _ in self.columns if n not in there]
        if missing:
            with transaction.update_schema() as update:
                for name, kind in missing:
                    update.add_column((name,), parse(kind))
