"""The sink's own tables: made on first use, small changes committed with retries, rows as Arrow."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakefall_plugins.sinks.iceberg.commit import (
    abandon,
    bring_files,
    commit,
    stage_rows,
    turn,
    until_committed,
)
from lakefall_plugins.sinks.iceberg.damage import damaged, read
from lakefall_plugins.sinks.iceberg.metadata import find_commit, parse_type, schema_of
from lakefall_plugins.sinks.iceberg.reading import (
    Part,
    Removal,
    RowsToRemove,
    at_once,
    list_parts,
    removal_of,
)
from lakefall_plugins.sinks.iceberg.writing import NewFiles, constant, data_file_of
from lakefall_plugins.sinks.lake import names, types

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table, Transaction

    from lakefall_plugins.sinks.iceberg.catalog import Lake
    from lakefall_plugins.sinks.iceberg.parquet_footers import Footer

_KEPT = 200_000
"""Rows of a table that a process remembers."""


@dataclass(frozen=True, slots=True)
class Staging:
    """One attempt to change a table."""

    table: Table
    """As it was when the attempt began."""
    transaction: Transaction
    new_files: NewFiles
    used: set[str]
    """Paths that the attempt's snapshot names."""

    def copy(self, local: Path, constants: dict[str, str]) -> DataFile:
        """A Parquet file of this machine as a data file of the table."""
        metadata = self.transaction.table_metadata
        path, footer = self.new_files.copy(local, metadata, self.table.io, {})
        return self._describe(path, footer, constant(constants))

    def write(self, rows: pa.Table) -> DataFile:
        """Rows as a data file of the table."""
        metadata = self.transaction.table_metadata
        return self._describe(*self.new_files.write(rows, metadata, self.table.io), {})

    def _describe(self, path: str, footer: Footer, bounds: dict[str, tuple[str, str]]) -> DataFile:
        self.used.add(path)
        return data_file_of(self.transaction.table_metadata, path, footer, bounds)

    def remove(self, parts: Iterable[Part], chosen: RowsToRemove) -> Removal:
        """The removal of some rows, to be staged."""
        return removal_of(self.new_files, self.table, parts, chosen)

    def stage(self, removal: Removal, added: Sequence[DataFile] = ()) -> None:
        """Stage a removal and an addition under the load's id."""
        self.used.update(f.file_path for f in removal.rest)
        properties = {names.COMMIT_ID: self.new_files.load_id}
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

    def find(self) -> Table | None:
        """As it is now.

        Raises:
            StorageDamagedError: it is not readable, or its columns are not ours any more.
        """
        return self._ours(self.lake.find(self.name))

    def seen(self) -> Table | None:
        """As it was moments ago."""
        return self._ours(self.lake.seen(self.name))

    def _ours(self, table: Table | None) -> Table | None:
        if table is None or not self.columns:
            return table
        there = {f.name: f for f in table.schema().fields}
        for name, kind, required in self.columns:
            found = there.pop(name, None)
            if found is None and required:
                raise damaged(table.metadata_location, self.name, f"has no column {name!r}")
            if found is not None and not _holds(str(found.field_type), kind):
                why = f"has the column {name!r} as {found.field_type}, not as {kind}"
                raise damaged(table.metadata_location, self.name, why)
        if foreign := next((f.name for f in there.values() if f.required), ""):
            why = f"has a column {foreign!r} that is not ours, and must have a value"
            raise damaged(table.metadata_location, self.name, why)
        return table

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
            self.lake.identifier(self.name), schema_of(self.columns), properties=properties
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
        with bring_files(self.lake, self.name, lambda: used) as new_files:
            return until_committed(
                lambda: self._attempt(stage, new_files, used, make=make),
                self.lake.options.commit_timeout,
                f"table {self.name!r}",
            )

    def _attempt(self, stage: Stage, new_files: NewFiles, used: set[str], *, make: bool) -> bool:
        with turn(self.lake, self.name) as changed:
            return self._alone(stage, new_files, used, changed, make=make)

    def _alone(
        self, stage: Stage, new_files: NewFiles, used: set[str], changed: float, *, make: bool
    ) -> bool:
        from lakefall_plugins.sinks.iceberg.pyiceberg_internals import StagedChange

        table = self._ours(self.lake.since(self.name, changed))
        if table is None and make:
            table = self.find_or_make()
        if table is None:
            return False
        if find_commit(table, new_files.load_id) is not None:
            new_files.found_again = True
            return True
        used.clear()
        transaction = StagedChange(table)
        try:
            self._add_columns(transaction)
            if not stage(Staging(table, transaction, new_files, used)):
                return False
        except BaseException:
            abandon(transaction)
            raise
        new_files.aim(transaction.table_metadata)
        self.lake.remember(self.name, commit(transaction))
        return True

    def _add_columns(self, transaction: Transaction) -> None:
        """Stage the columns that a table made by an earlier version lacks; all are nullable."""
        there = set(transaction.table_metadata.schema().column_names)
        missing = [(n, t) for n, t, _ in self.columns if n not in there]
        if missing:
            with transaction.update_schema() as update:
                for name, kind in missing:
                    update.add_column((name,), parse_type(kind))


def _holds(there: str, kind: str) -> bool:
    return there == kind or types.promotes(kind, there)


class OwnRows:
    """Rows of one table, in the columns that are asked for."""

    def __init__(self, lake: Lake, schema: Mapping[str, str], key: str) -> None:
        self._lake = lake
        self._schema = schema
        """Column -> Arrow's name of its type."""
        self._key = key
        """Column by which rows are looked for."""
        self._known: dict[str, pa.Table] = {}

    def read(self, table: Table, keys: Collection[str] = ()) -> pa.Table:
        """Every row (of these keys). Columns that the table lacks are NULL."""
        import pyarrow as pa
        import pyarrow.compute as pc

        parts = list_parts(self._lake, table, (self._key,))
        if any(p.deletes for p in parts) or not _as_written(table, parts):
            found = self._shaped(table.scan().to_arrow())
        else:
            if keys:
                parts = [p for p in parts if p.may_hold_any(self._key, keys)]
            found = self._joined(table, parts)
        if not keys:
            return found
        return found.filter(pc.is_in(found[self._key], pa.array(sorted(keys), pa.string())))

    def read_parts(self, table: Table, parts: Sequence[Part]) -> pa.Table | None:
        """Every row of these data files, none of which has delete files; None where others
        have changed the table so that files cannot be read alone."""
        return self._joined(table, parts) if _as_written(table, parts) else None

    def _joined(self, table: Table, parts: Sequence[Part]) -> pa.Table:
        import pyarrow as pa

        paths = [p.file.file_path for p in parts]
        unknown = [p for p in paths if p not in self._known]
        if unknown:
            read = at_once(lambda path: self._of_file(table, path), unknown)
            self._known.update(zip(unknown, read, strict=True))
        if sum(t.num_rows for t in self._known.values()) > _KEPT:
            self._known = {p: self._known[p] for p in paths}
        return pa.concat_tables([self._arrow_schema().empty_table(), *map(self._known.get, paths)])

    def _of_file(self, table: Table, path: str) -> pa.Table:
        from pyarrow import parquet

        def work() -> pa.Table:
            with table.io.new_input(path).open() as stream:
                return self._shaped(parquet.ParquetFile(stream).read())

        return read(work, path, table.name()[-1])

    def _shaped(self, found: pa.Table) -> pa.Table:
        import pyarrow as pa

        schema = self._arrow_schema()
        columns = [
            found[f.name].cast(f.type)
            if f.name in found.column_names
            else pa.nulls(found.num_rows, f.type)
            for f in schema
        ]
        return pa.table(columns, schema=schema)

    def _arrow_schema(self) -> pa.Schema:
        import pyarrow as pa

        made = {"timestamp": pa.timestamp("us")}
        return pa.schema(
            [(n, made.get(t) or pa.type_for_alias(t)) for n, t in self._schema.items()]
        )


def _as_written(table: Table, parts: Sequence[Part]) -> bool:
    """Whether data files may be read by name: nobody has renamed or dropped a column."""
    ids = [{f.name: f.field_id for f in schema.fields} for schema in table.schemas().values()]
    now = {f.name: f.field_id for f in table.schema().fields}
    same = all(now.get(name) == i for one in ids for name, i in one.items())
    return same and all(p.file.file_format.name == "PARQUET" for p in parts)
