"""The registry: one row for every file processed, the specification's columns first.

Rows are appended; the latest row of a key says how the file stands. ``release`` marks the latest
row (column ``released``) and leaves the rest of it alone, so that readers that know only the
specification's columns see nothing new.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lakefall.contract.errors import StorageDamagedError
from lakefall.contract.values import Decision, RegistryEntry, SourceFile
from lakefall_plugins.sinks.iceberg.metadata import latest, versions
from lakefall_plugins.sinks.iceberg.own_tables import OwnRows, OwnTable, Staging
from lakefall_plugins.sinks.iceberg.reading import (
    OfKeys,
    Part,
    Removal,
    at_once,
    list_parts,
    may_be_after,
    rows_by,
)
from lakefall_plugins.sinks.lake import names
from lakefall_plugins.sinks.lake.registry import (
    COLUMNS,
    Row,
    after,
    believed,
    decide,
    doubted,
    history,
    latest_successes,
    row_of_version,
)
from lakefall_plugins.sinks.lake.versions import Version, from_micros

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.table import Table

    from lakefall.contract.run import Run
    from lakefall_plugins.sinks.iceberg.catalog import Lake

_FULL_TIER = 10
"""Data files of about the same size that a commit writes into one."""
_ARROW = {
    "string": "string",
    "int": "int32",
    "long": "int64",
    "double": "float64",
    "boolean": "bool",
    "timestamp": "timestamp",
}


class Registry:
    """Reads and writes ``_ingest_registry``."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self.table = OwnTable(
            lake, lake.options.registry_table, COLUMNS, full_metrics=("file_key",)
        )
        self._rows = OwnRows(lake, {n: _ARROW[t] for n, t, _ in COLUMNS}, "file_key")

    def rows(self, keys: Collection[str] = ()) -> list[Row]:
        """Every row (of these keys), oldest first."""
        table = self.table.find()
        return [] if table is None else self._read(table, keys)

    def _read(self, table: Table, keys: Collection[str] = ()) -> list[Row]:
        """Rows oldest first. Columns that an older registry lacks are None."""
        return _oldest_first(self._rows.read(table, keys))

    def of_table(self, name: str) -> list[Row]:
        """Every row about one table, oldest first."""
        import pyarrow.compute as pc

        table = self.table.seen()
        if table is None:
            return []
        rows = self._rows.read(table)
        found = rows.filter(pc.equal(rows["table_name"], name))
        return _oldest_first(found)

    def history(self) -> list[RegistryEntry]:
        """The latest row of every key, by key, with what its latest success loaded."""
        return history(self.rows())

    def latest_successes(self, keys: Collection[str] = (), table: str = "") -> dict[str, Version]:
        """The version of every key that is in its table, as far as the registry knows."""
        return latest_successes(self.rows(keys), table)

    def decide(
        self,
        files: Sequence[SourceFile],
        tables: Collection[str],
        digest: Callable[[str], str],
    ) -> list[Decision]:
        """Which files have to be loaded; ``tables`` exist, ``digest`` is of a table's options."""
        # Without keys every row would be read.
        rows = self.rows({f.key for f in files}) if files else []
        return self._distrust(*decide(files, rows, tables, digest))

    def _distrust(self, decisions: list[Decision], loaded: Mapping[str, Row]) -> list[Decision]:
        """Load what a table has in another version than the registry says."""
        by_table = believed(decisions, loaded)
        doubtful: dict[str, str] = {}
        unreadable: set[str] = set()

        def overtaken(name: str) -> dict[str, str]:
            try:
                table = self.lake.find(name)
                return {} if table is None else _overtaken(table, by_table[name])
            except StorageDamagedError:
                # A load of it says what ails it; the others go on.
                unreadable.update(r.file_key for r in by_table[name])
                return {}

        for found in at_once(overtaken, by_table):
            doubtful |= found
        return [
            dataclasses.replace(d, pending=True, reason="its table is not readable")
            if d.file.key in unreadable and not d.pending
            else d
            for d in doubted(decisions, doubtful)
        ]

    def append(self, rows: Sequence[Row]) -> None:
        """Add rows in one commit."""

        def stage(staging: Staging) -> bool:
            import pyarrow as pa

            parts = list_parts(self.lake, staging.table, ())
            new = to_arrow(after(rows, self._recorded_later(staging.table, parts, rows)))
            # Values in columns that somebody else added are kept.
            ours = set(staging.table.schema().column_names) <= set(new.column_names)
            crowded = _crowded(parts) if ours else []
            old = self._rows.read_parts(staging.table, crowded) if crowded else None
            if old is None:
                crowded = []
            else:
                new = pa.concat_tables([old.cast(new.schema), new])
            staging.stage(Removal([p.file for p in crowded]), [staging.write(new)])
            return True

        self.table.change(stage, make=True)

    def _recorded_later(
        self, table: Table, parts: Sequence[Part], rows: Sequence[Row]
    ) -> dict[str, datetime]:
        """When their keys were recorded last, where that is after the time of ``rows``.

        Data files are read only where another clock was ahead of this one.
        """
        least = min(r.ingested_at for r in rows)
        late = [p for p in parts if may_be_after(p.file, table.schema(), "ingested_at", least)]
        if not late:
            return {}
        found = self._rows.read_parts(table, late)
        known = _oldest_first(self._rows.read(table) if found is None else found)
        keys = {r.file_key for r in rows}
        return {r.file_key: r.ingested_at for r in known if r.file_key in keys}

    def rewrite(self, change: Callable[[list[Row]], list[Row]], *, make: bool = False) -> None:
        """Replace all rows by what ``change`` makes of them, in one commit."""

        def stage(staging: Staging) -> bool:
            before = self._read(staging.table)
            after = change(before)
            if after == before:
                return False
            parts = list_parts(self.lake, staging.table, ())
            added = [staging.write(to_arrow(after))] if after else []
            staging.stage(Removal([p.file for p in parts]), added)
            return True

        self.table.change(stage, make=make)

    def release(self, keys: Collection[str]) -> int:
        """Make these keys pending; the number of them that the registry knows."""
        found: set[str] = set()

        def change(rows: list[Row]) -> list[Row]:
            last = {r.file_key: i for i, r in enumerate(rows) if r.file_key in keys}
            found.update(last)
            chosen = set(last.values())
            return [
                dataclasses.replace(r, released=True) if i in chosen else r
                for i, r in enumerate(rows)
            ]

        self.rewrite(change)
        return len(found)

    def remove(self, keys: Collection[str]) -> None:
        """Delete all rows of these keys."""
        self.rewrite(lambda rows: [r for r in rows if r.file_key not in keys])

    def remove_others(self, table: str, keys: Collection[str]) -> None:
        """Delete the rows of a table's files that are not among these."""
        self.rewrite(lambda rows: [r for r in rows if r.table_name != table or r.file_key in keys])


def _oldest_first(found: pa.Table) -> list[Row]:
    columns = [_values(found[name], kind) for name, kind, _ in COLUMNS]
    return sorted(map(Row, *columns), key=lambda r: r.ingested_at)


def _values(column: pa.ChunkedArray, kind: str) -> list[Any]:
    """Python values; rows that say the same share one."""
    encoded = column.combine_chunks().dictionary_encode()
    if kind == "timestamp":
        known = [from_micros(each) for each in encoded.dictionary.cast("int64").to_pylist()]
    else:
        known = encoded.dictionary.to_pylist()
    return [None if at is None else known[at] for at in encoded.indices.to_pylist()]


def _crowded(parts: Sequence[Part]) -> list[Part]:
    """Data files to be written into one: those of one order of magnitude, where they are many.

    So a row is written anew once for each order of magnitude, and the files stay few.
    """
    tiers: dict[int, list[Part]] = {}
    for part in parts:
        if not part.deletes:
            tiers.setdefault(len(str(part.file.record_count)), []).append(part)
    found: list[Part] = []
    for tier in sorted(tiers):
        if len(tiers[tier]) + bool(found) >= _FULL_TIER:
            found += tiers[tier]
        elif found:
            break
    return found


def _overtaken(table: Table, rows: Sequence[Row]) -> dict[str, str]:
    """Keys of which the table got another version after their rows were written; its ETag."""
    keys = {r.file_key: r for r in rows}
    found = latest(table, keys, min(r.ingested_at for r in rows))
    return {
        key: version.etag
        for key, version in found.items()
        if version.etag != keys[key].etag and version.committed > keys[key].ingested_at
    }


def to_arrow(rows: Iterable[Row]) -> pa.Table:
    """Rows as Arrow, in the table's types."""
    import pyarrow as pa

    arrow = {
        "string": pa.string(),
        "int": pa.int32(),
        "long": pa.int64(),
        "double": pa.float64(),
        "boolean": pa.bool_(),
        "timestamp": pa.timestamp("us"),
    }
    schema = pa.schema([pa.field(n, arrow[t], nullable=not r) for n, t, r in COLUMNS])
    return pa.Table.from_pylist([_naive(dataclasses.asdict(r)) for r in rows], schema)


def _naive(row: dict[str, Any]) -> dict[str, Any]:
    return {
        k: v.astimezone(UTC).replace(tzinfo=None) if isinstance(v, datetime) else v
        for k, v in row.items()
    }


_TABLES_AT_ONCE = 4


def delete_rows(lake: Lake, name: str, keys: Collection[str]) -> int:
    """Delete the rows of these keys from a table; their number."""
    deleted = 0

    def stage(staging: Staging) -> bool:
        nonlocal deleted
        table = staging.table
        if names.SOURCE_FILE not in table.schema().column_names:
            return False
        parts = list_parts(lake, table, (names.SOURCE_FILE,))
        removal = staging.remove(parts, OfKeys(names.SOURCE_FILE, frozenset(keys)))
        deleted = removal.gone.total()
        if deleted:
            staging.stage(removal)
        return bool(deleted)

    OwnTable(lake, name, ()).change(stage, make=False)
    return deleted


def rebuild_registry(lake: Lake, registry: Registry, run: Run) -> int:
    """Write the registry anew from the tables; the number of keys found.

    A key whose version no snapshot knows any more gets an empty ETag, which equals no file's: it
    is loaded again.
    """
    found = at_once(lambda name: _rows_of(lake, name, run), lake.data_tables(), _TABLES_AT_ONCE)
    rows = [row for some in found for row in some]
    _drop_unreadable(registry.table)
    registry.rewrite(lambda _: rows, make=True)
    return len(rows)


def _rows_of(lake: Lake, name: str, run: Run) -> list[Row]:
    table = lake.find(name)
    if table is None or names.SOURCE_FILE not in table.schema().column_names:
        return []
    counts = rows_by(table, list_parts(lake, table, (names.SOURCE_FILE,)), names.SOURCE_FILE)
    known: dict[str, Version] = {}
    for version in versions(table):
        known.setdefault(version.key, version)
    empty = {key for key, version in known.items() if version.rows == 0 and key not in counts}
    return [_row(name, key, counts[key], known.get(key), run) for key in sorted({*counts} | empty)]


def _row(table: str, key: str, rows: int, known: Version | None, run: Run) -> Row:
    if known is None:
        known = Version(key, "", run.started_at, run.started_at, run_id=run.run_id)
    modified = known.modified if known.etag else None
    return row_of_version(known, table, rows, known.run_id, modified, same=known.rows == rows)


def _drop_unreadable(table: OwnTable) -> None:
    """Let go of a registry that cannot be read, or is none any more; its files stay."""
    try:
        found = table.find()
        if found is not None:
            for _ in found.scan(selected_fields=(COLUMNS[0][0],)).to_arrow_batch_reader():
                pass
    except Exception as error:
        if not table.lake.is_lost(table.name, error):
            # The table may well be sound: it is the way to it that is not.
            raise
        table.lake.drop(table.name)
