"""The registry: one row for every file processed, the specification's columns first.

Rows are appended; the latest row of a key says how the file stands. ``release`` marks the latest
row (column ``released``) and leaves the rest of it alone, so that readers that know only the
specification's columns see nothing new.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lakefall.model import Decision, Outcome, RegistryEntry, SourceFile, Status
from lakefall_plugins.iceberg import snapshots
from lakefall_plugins.iceberg.own_tables import OwnTable, Staging
from lakefall_plugins.iceberg.snapshots import Version
from lakefall_plugins.iceberg.survey import Part, survey
from lakefall_plugins.iceberg.transaction import Removal

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.table import Table

    from lakefall_plugins.iceberg.catalog import Lake

COLUMNS = (
    ("file_key", "string", True),
    ("etag", "string", True),
    ("table_name", "string", True),
    ("row_count", "int", False),
    ("status", "string", True),
    ("error_message", "string", False),
    ("ingested_at", "timestamp", True),
    ("dag_run_id", "string", True),
    ("rows_loaded", "long", False),
    ("rejected", "long", False),
    ("size", "long", False),
    ("modified", "timestamp", False),
    ("seconds", "double", False),
    ("digest", "string", False),
    ("retryable", "boolean", False),
    ("released", "boolean", False),
)
_INT_MAX = 2**31 - 1
_MAX_FILES = 100
"""Data files of the registry beyond which a commit writes all rows into one."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the registry."""

    file_key: str
    etag: str
    table_name: str
    row_count: int | None
    status: str
    error_message: str | None
    ingested_at: datetime
    dag_run_id: str
    rows_loaded: int | None = None
    rejected: int | None = None
    size: int | None = None
    modified: datetime | None = None
    seconds: float | None = None
    digest: str | None = None
    retryable: bool | None = None
    released: bool | None = None

    def version(self) -> Version:
        return Version(
            self.file_key,
            self.etag,
            self.modified or _EPOCH,
            self.ingested_at,
            self.rows_loaded or 0,
            self.rejected or 0,
            self.size or 0,
            self.dag_run_id,
        )


class Registry:
    """Reads and writes ``_ingest_registry``."""

    def __init__(self, lake: Lake) -> None:
        self.table = OwnTable(lake, lake.options.registry_table, COLUMNS)

    def rows(self, keys: Collection[str] = ()) -> list[Row]:
        """Every row (of these keys), oldest first."""
        table = self.table.find()
        return [] if table is None else _read(table, keys)

    def latest(self) -> dict[str, Row]:
        """The latest row of every key."""
        return {r.file_key: r for r in self.rows()}

    def latest_successes(self, keys: Collection[str] = (), table: str = "") -> dict[str, Version]:
        """The version of every key that is in its table, as far as the registry knows."""
        return {
            r.file_key: r.version()
            for r in self.rows(keys)
            if r.status == Status.SUCCESS and table in ("", r.table_name)
        }

    def decide(
        self,
        files: Sequence[SourceFile],
        tables: Collection[str],
        digest: Callable[[str], str],
    ) -> list[Decision]:
        """Which files have to be loaded; ``tables`` exist, ``digest`` is of a table's options."""
        latest: dict[str, Row] = {}
        loaded: dict[str, Row] = {}
        for row in self.rows():
            latest[row.file_key] = row
            if row.status == Status.SUCCESS:
                loaded[row.file_key] = row
        decisions = [
            Decision(f, *_judge(f, latest.get(f.key), loaded.get(f.key), tables, digest))
            for f in files
        ]
        return self._distrust(decisions, loaded)

    def _distrust(self, decisions: list[Decision], loaded: Mapping[str, Row]) -> list[Decision]:
        """Load what a table has in another version than the registry says.

        That is so where a process died after its commit and before its row, and the source then
        went back to the version before.
        """
        by_table: dict[str, list[Row]] = {}
        for decision in decisions:
            row = loaded.get(decision.file.key)
            if not decision.pending and row is not None and row.etag == decision.file.etag:
                by_table.setdefault(row.table_name, []).append(row)
        doubtful: set[str] = set()
        for name, rows in by_table.items():
            table = self.table.lake.find(name)
            if table is not None:
                doubtful |= _overtaken(table, rows)
        return [
            dataclasses.replace(d, pending=True, reason="another version was loaded, not recorded")
            if d.file.key in doubtful and not d.pending
            else d
            for d in decisions
        ]

    def append(self, rows: Sequence[Row]) -> None:
        """Add rows in one commit."""

        def stage(staging: Staging) -> bool:
            parts = survey(staging.table, ())
            if len(parts) < _MAX_FILES:
                staging.stage(Removal(), [staging.write(to_arrow(rows))])
            else:
                _swap(staging, parts, [*_read(staging.table), *rows])
            return True

        self.table.change(stage, make=True)

    def rewrite(self, change: Callable[[list[Row]], list[Row]], *, make: bool = False) -> None:
        """Replace all rows by what ``change`` makes of them, in one commit."""

        def stage(staging: Staging) -> bool:
            before = _read(staging.table)
            after = change(before)
            if after == before:
                return False
            _swap(staging, survey(staging.table, ()), after)
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

    def remove(self, gone: Callable[[Row], bool]) -> None:
        """Delete the rows that ``gone`` names."""
        self.rewrite(lambda rows: [r for r in rows if not gone(r)])


def _swap(staging: Staging, parts: Sequence[Part], rows: Sequence[Row]) -> None:
    added = [staging.write(to_arrow(rows))] if rows else []
    staging.stage(Removal([p.file for p in parts]), added)


def _overtaken(table: Table, rows: Sequence[Row]) -> set[str]:
    """Keys of which the table got another version after their rows were written."""
    keys = {r.file_key: r for r in rows}
    found = snapshots.latest(table, keys, min(r.ingested_at for r in rows))
    return {
        key
        for key, version in found.items()
        if version.etag != keys[key].etag and version.committed > keys[key].ingested_at
    }


def _judge(
    file: SourceFile,
    last: Row | None,
    loaded: Row | None,
    tables: Collection[str],
    digest: Callable[[str], str],
) -> tuple[bool, str]:
    if last is None:
        return True, "new"
    if last.released:
        return True, "released: to be tried again"
    if last.status == Status.FAILED and last.etag == file.etag:
        return _judge_failed(last, digest(file.table))
    if loaded is None or loaded.etag != file.etag:
        return True, "changed"
    return _judge_loaded(file, loaded, tables)


def _judge_failed(last: Row, digest: str) -> tuple[bool, str]:
    why = last.error_message or ""
    if last.retryable:
        return True, f"failed before, may succeed now: {why}"
    if last.digest != digest:
        return True, f"failed before under other options: {why}"
    return False, f"failed before: {why}"


def _judge_loaded(file: SourceFile, loaded: Row, tables: Collection[str]) -> tuple[bool, str]:
    if file.problem:
        return True, "its folder gives no table any more"
    if file.table not in tables:
        return True, "table is gone"
    if loaded.table_name != file.table:
        return True, f"fed table {loaded.table_name!r} before"
    return False, "unchanged"


def row_of(outcome: Outcome, run_id: str, at: datetime) -> Row:
    """The registry's row for an outcome."""
    file, succeeded = outcome.file, outcome.status is Status.SUCCESS
    return Row(
        file_key=file.key,
        etag=file.etag,
        table_name=file.table,
        # The specification's column is an INTEGER; rows_loaded holds more.
        row_count=outcome.rows_loaded if outcome.rows_loaded <= _INT_MAX else None,
        status=outcome.status.value,
        error_message=outcome.error or None,
        ingested_at=at,
        dag_run_id=run_id,
        rows_loaded=outcome.rows_loaded,
        rejected=outcome.rows_rejected + (outcome.cells_nulled if succeeded else 0),
        size=file.size,
        modified=file.modified,
        seconds=outcome.seconds,
        digest=outcome.digest,
        retryable=outcome.retryable,
        released=False,
    )


def entry_of(row: Row) -> RegistryEntry:
    """The row as the core knows it."""
    return RegistryEntry(
        key=row.file_key,
        etag=row.etag,
        table=row.table_name,
        status=row.status,
        row_count=row.row_count if row.row_count is not None else row.rows_loaded or 0,
        rejected=row.rejected or 0,
        error=row.error_message or "",
        ingested_at=row.ingested_at,
        run_id=row.dag_run_id,
        size=row.size or 0,
        seconds=row.seconds or 0.0,
    )


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


def _read(table: Table, keys: Collection[str] = ()) -> list[Row]:
    """Rows oldest first. Columns that an older registry lacks are None."""
    import pyarrow.compute as pc

    there = set(table.schema().column_names)
    fields = [n for n, _, _ in COLUMNS if n in there]
    found = table.scan(selected_fields=tuple(fields)).to_arrow().select(fields)
    if keys:
        import pyarrow as pa

        found = found.filter(pc.is_in(found["file_key"], pa.array(sorted(keys), pa.string())))
    rows = [Row(**_aware(r)) for r in found.to_pylist()]
    return sorted(rows, key=lambda r: r.ingested_at)


def _aware(row: dict[str, Any]) -> dict[str, Any]:
    return {
        k: v.replace(tzinfo=UTC) if isinstance(v, datetime) and v.tzinfo is None else v
        for k, v in row.items()
    }
