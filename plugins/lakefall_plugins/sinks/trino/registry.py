"""The registry through Trino: the same table that the sink `iceberg` keeps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from lakefall.contract.errors import SinkError
from lakefall.contract.values import Decision, RegistryEntry, SourceFile
from lakefall_plugins.sinks.lake import comments, names
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
    standing,
)
from lakefall_plugins.sinks.lake.types import to_trino
from lakefall_plugins.sinks.lake.versions import EPOCH, Version, parse
from lakefall_plugins.sinks.trino.commits import commit, until_committed
from lakefall_plugins.sinks.trino.lakehouse import MISSING
from lakefall_plugins.sinks.trino.statements import Definition
from lakefall_plugins.trino_client.errors import TrinoQueryError
from lakefall_plugins.trino_client.sql import identifier, literal, literals, pieces, timestamp

if TYPE_CHECKING:
    from lakefall.contract.run import Run
    from lakefall_plugins.sinks.trino.lakehouse import Lakehouse

_MAX_FILES = 100
"""Data files of the registry beyond which they are made one."""
_TABLES_AT_ONCE = 40
_NAMES = tuple(n for n, _, _ in COLUMNS)


class Registry:
    """Reads and writes ``_ingest_registry``."""

    def __init__(self, lake: Lakehouse) -> None:
        self.lake = lake
        self.name = lake.options.registry_table
        self._columns: frozenset[str] | None = None
        """Columns that the table has; None before it was read."""
        self._files = 0
        self._recorded: dict[str, datetime] = {}
        """When a key was recorded last, as far as this process has read or written."""
        self._whole = False
        """Every row was read."""

    def rows(self, keys: Collection[str] = ()) -> list[Row]:
        """Every row (of these keys), oldest first."""
        if not keys:
            return self._read("")
        room = self.lake.options.max_statement_chars // 2
        found = [
            row
            for group in pieces(sorted(keys), room)
            for row in self._read(f"WHERE file_key IN ({literals(group)})")
        ]
        return sorted(found, key=lambda r: r.ingested_at)

    def _read(self, where: str) -> list[Row]:
        table = self.lake.name(self.name)
        files = self.lake.name(f"{self.name}$files")
        try:
            answer = self.lake.execute(
                f"SELECT *, (SELECT count(*) FROM {files}) FROM {table} {where}"
            )
        except TrinoQueryError as error:
            if error.name not in MISSING:
                raise
            self.lake.note(self.name, there=False)
            self._columns = None
            return []
        self.lake.note(self.name)
        header = [name for name, _ in answer.columns[:-1]]
        self._columns = frozenset(header)
        self._files = int(answer.rows[0][-1]) if answer.rows else 0
        rows = [
            Row(**{n: _aware(v) for n, v in zip(header, r, strict=False) if n in _NAMES})
            for r in answer.rows
        ]
        rows.sort(key=lambda r: r.ingested_at)
        for row in rows:
            self.saw(row.file_key, row.ingested_at)
        self._whole = self._whole or not where
        return rows

    def of_table(self, name: str) -> list[Row]:
        """Every row about one table, oldest first."""
        return self._read(f"WHERE table_name = {literal(name)}") if self.lake.has(self.name) else []

    def history(self) -> list[RegistryEntry]:
        return history(self.rows())

    def latest_successes(self, keys: Collection[str] = (), table: str = "") -> dict[str, Version]:
        """The version of every key that is in its table, as far as the registry knows."""
        return latest_successes(self.rows(keys), table)

    def decide(
        self, files: Sequence[SourceFile], digest: Callable[[str], str]
    ) -> Sequence[Decision]:
        """Which files have to be loaded."""
        rows = self.rows()
        decisions, loaded = decide(files, rows, self.lake.tables(fresh=True), digest)
        return self._distrust(decisions, rows, loaded)

    def _distrust(
        self, decisions: list[Decision], rows: Sequence[Row], loaded: dict[str, Row]
    ) -> list[Decision]:
        """Load what a table has in another version than the registry says.

        Only tables with a commit that is younger than the registry's last word on them are looked
        into.
        """
        by_table = believed(decisions, loaded)
        last = {row.table_name: row.ingested_at for row in rows}
        doubtful: set[str] = set()
        for table in self._written_since(sorted(by_table), last):
            doubtful |= self._overtaken(table, by_table[table])
        # The version is not told: the registry alone says here which is newer.
        return doubted(decisions, dict.fromkeys(doubtful, ""))

    def _written_since(self, tables: Sequence[str], last: dict[str, datetime]) -> list[str]:
        """Tables that gained rows after these moments."""
        found: list[str] = []
        for begin in range(0, len(tables), _TABLES_AT_ONCE):
            group = tables[begin : begin + _TABLES_AT_ONCE]
            selects = [
                f"SELECT {literal(t)} FROM {self.lake.name(f'{t}$snapshots')} "
                "WHERE operation <> 'replace' "
                "AND element_at(summary, 'added-records') IS NOT NULL "
                # Snapshots carry milliseconds, cut off.
                f"AND committed_at > {_instant(last[t] - timedelta(milliseconds=1))}"
                for t in group
            ]
            found += [str(r[0]) for r in self.lake.client.rows(" UNION ".join(selects))]
        return found

    def _overtaken(self, table: str, rows: Sequence[Row]) -> set[str]:
        """Keys whose rows were loaded after their last success was recorded."""
        recorded = {r.file_key: r.ingested_at for r in rows}
        found: set[str] = set()
        for group in pieces(sorted(recorded), self.lake.options.max_statement_chars // 2):
            column, at = identifier(names.SOURCE_FILE), identifier(names.INGESTED_AT)
            answer = self.lake.client.rows(
                f"SELECT {column}, max({at}) FROM {self.lake.name(table)} "
                f"WHERE {column} IN ({literals(group)}) GROUP BY 1"
            )
            found |= {str(k) for k, when in answer if when and _aware(when) > recorded[str(k)]}
        return found

    def append(self, rows: Sequence[Row]) -> None:
        """Add rows."""
        self._make()
        options = self.lake.options
        self._learn_later(rows)
        rows = after(rows, self._recorded)
        self._recorded |= {r.file_key: r.ingested_at for r in rows}
        lines = [f"({', '.join(_literal(getattr(r, n), t) for n, t, _ in COLUMNS)})" for r in rows]
        head = f"INSERT INTO {self.lake.name(self.name)} ({', '.join(map(identifier, _NAMES))})"
        for group in pieces(lines, options.max_statement_chars - 2_000):
            statement = f"{head} VALUES {', '.join(group)}"
            until_committed(
                lambda text=statement: commit(self.lake, self.name, text),  # type: ignore[misc]
                options.commit_timeout,
                f"table {self.name!r}",
            )
        if self._files > _MAX_FILES:
            self._files = 0
            # Only tidiness: another writer's commit in between is no reason to fail.
            with suppress(SinkError):
                self.lake.execute(f"ALTER TABLE {self.lake.name(self.name)} EXECUTE optimize")

    def saw(self, key: str, recorded: datetime) -> None:
        """A row of the key, read by somebody else."""
        self._recorded[key] = max(recorded, self._recorded.get(key, recorded))

    def _learn_later(self, rows: Sequence[Row]) -> None:
        """Ask when the keys were recorded last that this process has not read, where that is after
        the time of ``rows``."""
        least = min((r.ingested_at for r in rows), default=EPOCH)
        unknown = set() if self._whole else {r.file_key for r in rows} - self._recorded.keys()
        room = self.lake.options.max_statement_chars // 2
        for group in pieces(sorted(unknown), room):
            answer = self.lake.client.rows(
                f"SELECT file_key, max(ingested_at) FROM {self.lake.name(self.name)} "
                f"WHERE ingested_at >= {timestamp(least)} AND file_key IN ({literals(group)}) "
                "GROUP BY 1"
            )
            self._recorded |= {str(key): _aware(when) for key, when in answer}

    def _make(self) -> None:
        if not self.lake.has(self.name):
            self.lake.create(self.name, [Definition(n, t, r) for n, t, r in COLUMNS])
            self._columns = frozenset(_NAMES)
        self.upgrade()

    def upgrade(self) -> None:
        """Add the columns that a table of an earlier version lacks; all are nullable."""
        if self._columns is None:
            self._read("WHERE false")
        for name, kind, _ in COLUMNS:
            if name not in (self._columns or ()):
                self.lake.execute(
                    f"ALTER TABLE {self.lake.name(self.name)} "
                    f"ADD COLUMN IF NOT EXISTS {identifier(name)} {to_trino(kind).upper()}"
                )
        self._columns = frozenset(_NAMES)

    def rewrite(self, rows: Sequence[Row]) -> None:
        """Have these rows and no others."""
        if self.lake.has(self.name):
            try:
                self._change(f"DELETE FROM {self.lake.name(self.name)}")
            except SinkError:
                # Its files are gone or damaged: let go of it.
                self.lake.drop(self.name)
        self._recorded, self._whole = {}, True
        if rows:
            self.append(rows)
        else:
            self._make()

    def release(self, keys: Collection[str]) -> int:
        """Make these keys pending; the number of them that the registry knows."""
        latest, _ = standing(self.rows(keys))
        if latest:
            self._make()
        for group in pieces(sorted(latest), self.lake.options.max_statement_chars // 4):
            wanted = " OR ".join(
                f"(file_key = {literal(k)} AND ingested_at = {timestamp(latest[k].ingested_at)})"
                for k in group
            )
            self._change(f"UPDATE {self.lake.name(self.name)} SET released = true WHERE {wanted}")
        return len(latest)

    def remove(self, keys: Collection[str]) -> None:
        """Delete all rows of these keys."""
        if not keys or not self.lake.has(self.name):
            return
        for group in pieces(sorted(keys), self.lake.options.max_statement_chars // 2):
            self._change(
                f"DELETE FROM {self.lake.name(self.name)} WHERE file_key IN ({literals(group)})"
            )

    def remove_others(self, table: str, keys: Collection[str]) -> None:
        """Delete the rows of a table's files that are not among these."""
        gone = {r.file_key for r in self.rows() if r.table_name == table} - set(keys)
        if gone:
            room = self.lake.options.max_statement_chars // 2
            for group in pieces(sorted(gone), room):
                self._change(
                    f"DELETE FROM {self.lake.name(self.name)} "
                    f"WHERE table_name = {literal(table)} AND file_key IN ({literals(group)})"
                )

    def _change(self, statement: str) -> None:
        until_committed(
            lambda: commit(self.lake, self.name, statement),
            self.lake.options.commit_timeout,
            f"table {self.name!r}",
        )


def _aware(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and not value.tzinfo else value


def _instant(moment: datetime) -> str:
    return f"{timestamp(moment)[:-1]} UTC'"


def _literal(value: Any, iceberg: str) -> str:
    if value is None:
        return "NULL"
    if iceberg == "string":
        return literal(value)
    if iceberg == "timestamp":
        return timestamp(value)
    if iceberg == "boolean":
        return "true" if value else "false"
    return f"DOUBLE '{value!r}'" if iceberg == "double" else str(int(value))


_NOT_OURS = (*MISSING, "COLUMN_NOT_FOUND")


def delete_rows(lake: Lakehouse, table: str, keys: Collection[str]) -> int:
    """Delete the rows of these keys from a table; their number."""
    deleted = 0
    column = identifier(names.SOURCE_FILE)
    for group in pieces(sorted(keys), lake.options.max_statement_chars // 2):
        text = f"DELETE FROM {lake.name(table)} WHERE {column} IN ({literals(group)})"
        try:
            deleted += until_committed(
                lambda sql=text: lake.execute(sql).count,  # type: ignore[misc]
                lake.options.commit_timeout,
                f"table {table!r}",
            )
        except TrinoQueryError as error:
            if error.name not in _NOT_OURS:
                raise
    return deleted


def rebuild_registry(lake: Lakehouse, registry: Registry, run: Run) -> int:
    """Write the registry anew from the tables; the number of keys found.

    A key whose version no table tells any more gets an empty ETag, which equals no file's: it is
    loaded again.
    """
    lake.tables(fresh=True)
    rows = [row for table in lake.data_tables() for row in _rows_of(lake, table, run)]
    registry.rewrite(rows)
    return len(rows)


def _rows_of(lake: Lakehouse, table: str, run: Run) -> Iterator[Row]:
    column, at = identifier(names.SOURCE_FILE), identifier(names.INGESTED_AT)
    try:
        found = lake.client.rows(
            f"SELECT {column}, count(*), max({at}) FROM {lake.name(table)} "
            f"WHERE {column} IS NOT NULL GROUP BY 1"
        )
    except TrinoQueryError as error:
        if error.name not in _NOT_OURS:
            raise
        return
    counts = {str(key): (int(number), _utc(when)) for key, number, when in found}
    known_versions = _known_versions(lake, table)
    empty = {k for k, known in known_versions.items() if k not in counts and known[0].rows == 0}
    for key in sorted({*counts} | empty):
        number, loaded_at = counts.get(key, (0, None))
        known = known_versions.get(key)
        version, stamp = known or (
            Version(key, "", run.started_at, run.started_at, run_id=run.run_id),
            None,
        )
        same = version.rows == number and _same_load(number, loaded_at, stamp, version.committed)
        run_id = version.run_id or run.run_id
        modified = version.modified if version.etag and same else None
        yield row_of_version(version, table, number, run_id, modified, same=same)


def _same_load(
    rows: int, loaded_at: datetime | None, stamp: datetime | None, committed: datetime
) -> bool:
    """Whether the rows that are there are those that the version told of."""
    if rows == 0 or loaded_at is None:
        return rows == 0
    return loaded_at == stamp if stamp is not None else loaded_at <= committed


def known_by_snapshots(lake: Lakehouse, table: str) -> list[str]:
    """Files that are loaded, and of whose version nothing tells but the table's snapshots."""
    known_versions = {
        k: v for k, (v, stamp) in _known_versions(lake, table).items() if stamp is None
    }
    if not known_versions:
        return []
    column = identifier(names.SOURCE_FILE)
    rows = lake.client.rows(f"SELECT DISTINCT {column} FROM {lake.name(table)}")
    live = {row[0] for row in rows}
    return sorted(
        key for key, version in known_versions.items() if key in live or version.rows == 0
    )


def _known_versions(lake: Lakehouse, table: str) -> dict[str, tuple[Version, datetime | None]]:
    """What the table tells of each key: its version, and when its rows were loaded.

    This sink writes into the table's comment, the sink `iceberg` into its snapshots.
    """
    properties, snapshots = lake.name(f"{table}$properties"), lake.name(f"{table}$snapshots")
    found: dict[str, tuple[Version, datetime | None]] = {}
    selects = [
        f"SELECT element_at(summary, {literal(name)}), "
        f"element_at(summary, {literal(names.RUN_ID)}), committed_at FROM {snapshots} "
        f"WHERE element_at(summary, {literal(name)}) IS NOT NULL"
        for name in (names.KEPT, names.FILES)
    ]
    selects.append(f"SELECT \"value\", NULL, NULL FROM {properties} WHERE key = 'comment'")
    rows = lake.client.rows(" UNION ALL ".join(selects))
    versions = [
        version
        for text, run_id, committed in rows
        if committed is not None
        for version in parse(text, committed.astimezone(UTC), run_id or "")
    ]
    # What maintenance kept has its own time.
    for version in sorted(versions, key=lambda v: v.committed):
        found[version.key] = (version, None)
    for row in rows:
        if row[2] is None:
            found.update((k, (v, v.committed)) for k, v in comments.versions(row[0]).items())
    return found


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)
