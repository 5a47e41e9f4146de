"""What is done now and then: forget files, rebuild the registry."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lakefall.contract.values import Status
from lakefall_plugins.sinks.lake import comments, names
from lakefall_plugins.sinks.lake.registry import Row
from lakefall_plugins.sinks.lake.versions import Version, from_micros, parse
from lakefall_plugins.sinks.trino.lakehouse import MISSING
from lakefall_plugins.sinks.trino.retries import until_committed
from lakefall_plugins.sinks.trino.statements import pieces
from lakefall_plugins.trino_client.errors import TrinoQueryError
from lakefall_plugins.trino_client.sql import identifier, literal, literals

if TYPE_CHECKING:
    from lakefall.contract.run import Run
    from lakefall_plugins.sinks.trino.lakehouse import Lakehouse
    from lakefall_plugins.sinks.trino.registry import Registry
    from lakefall_plugins.sinks.trino.rejects import Rejects

_NOT_OURS = (*MISSING, "COLUMN_NOT_FOUND")


def forget(lake: Lakehouse, registry: Registry, rejects: Rejects, keys: Collection[str]) -> int:
    """Delete rows, then rejects, then registry rows; the number of rows deleted.

    In this order a crash leaves the registry rows, and the same command finishes the work. The keys
    are released first: a version that comes back after a crash is loaded, whatever its row says.
    """
    registry.release(keys)
    tables: dict[str, set[str]] = {}
    for row in registry.rows(keys):
        tables.setdefault(row.table_name, set()).add(row.file_key)
    if unknown := set(keys).difference(*tables.values()):
        for name in lake.data_tables():
            tables.setdefault(name, set()).update(unknown)
    deleted = sum(_delete_rows(lake, name, known) for name, known in tables.items() if name)
    rejects.remove(keys)
    registry.remove(keys)
    return deleted


def _delete_rows(lake: Lakehouse, table: str, keys: Collection[str]) -> int:
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
    told = _told(lake, table)
    empty = {k for k, known in told.items() if k not in counts and known[0].rows == 0}
    for key in sorted({*counts} | empty):
        number, loaded_at = counts.get(key, (0, None))
        known = told.get(key)
        version, stamp = known or (
            Version(key, "", run.started_at, run.started_at, run_id=run.run_id),
            None,
        )
        # Where somebody else changed the rows they are not that version's any more.
        same = version.rows == number and _same_load(number, loaded_at, stamp, version.committed)
        yield Row(
            file_key=key,
            etag=version.etag if same else "",
            table_name=table,
            row_count=number,
            status=Status.SUCCESS.value,
            error_message=None,
            ingested_at=version.committed,
            dag_run_id=version.run_id or run.run_id,
            rows_loaded=number,
            rejected=version.rejected,
            size=version.size,
            modified=version.modified if version.etag and same else None,
            released=False,
            origin=version.origin or None,
        )


def _same_load(
    rows: int, loaded_at: datetime | None, stamp: datetime | None, committed: datetime
) -> bool:
    """Whether the rows that are there are those that the version told of."""
    if rows == 0 or loaded_at is None:
        return rows == 0
    return loaded_at == stamp if stamp is not None else loaded_at <= committed


def told_by_snapshots(lake: Lakehouse, table: str) -> list[str]:
    """Files that are loaded, and of whose version nothing tells but the table's snapshots."""
    told = {k: v for k, (v, stamp) in _told(lake, table).items() if stamp is None}
    if not told:
        return []
    column = identifier(names.SOURCE_FILE)
    rows = lake.client.rows(f"SELECT DISTINCT {column} FROM {lake.name(table)}")
    live = {row[0] for row in rows}
    return sorted(key for key, version in told.items() if key in live or version.rows == 0)


def _told(lake: Lakehouse, table: str) -> dict[str, tuple[Version, datetime | None]]:
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
            found.update(_of_comment(row[0]))
    return found


def _of_comment(comment: str) -> dict[str, tuple[Version, datetime | None]]:
    said: dict[str, Any] = comments.read(comment).get(comments.VERSIONS, {})
    found: dict[str, tuple[Version, datetime | None]] = {}
    for key, (etag, modified, number, rejected, size, loaded, run_id, origin) in said.items():
        at = from_micros(loaded)
        when = from_micros(modified)
        version = Version(key, etag, when, at, number, rejected, size, run_id, origin)
        found[key] = (version, at)
    return found


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)
