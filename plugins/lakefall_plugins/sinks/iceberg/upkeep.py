"""What is done now and then: forget files, rebuild the registry."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from lakefall.contract.errors import (
    CatalogDeniedError,
    CatalogUnreachableError,
    StorageDeniedError,
    StorageFullError,
    StorageUnreachableError,
)
from lakefall.contract.values import Status
from lakefall_plugins.sinks.iceberg import snapshots
from lakefall_plugins.sinks.iceberg.failures import translated
from lakefall_plugins.sinks.iceberg.own_tables import OwnTable, Staging
from lakefall_plugins.sinks.iceberg.registry import Registry
from lakefall_plugins.sinks.iceberg.removal import OfKeys
from lakefall_plugins.sinks.iceberg.survey import rows_by, survey
from lakefall_plugins.sinks.lake import names
from lakefall_plugins.sinks.lake.registry import COLUMNS, Row
from lakefall_plugins.sinks.lake.staging import is_staging
from lakefall_plugins.sinks.lake.versions import Version

if TYPE_CHECKING:
    from lakefall.contract.run import Run
    from lakefall_plugins.sinks.iceberg.catalog import Lake
    from lakefall_plugins.sinks.iceberg.rejects import Rejects


_AT_ONCE = 4
_ELSEWHERE = (
    CatalogDeniedError,
    CatalogUnreachableError,
    StorageDeniedError,
    StorageFullError,
    StorageUnreachableError,
)


def data_tables(lake: Lake) -> list[str]:
    """Tables that files may feed."""
    options = lake.options
    own = {options.registry_table, options.rejects_table, *options.protected_tables}
    return sorted(name for name in lake.tables() - own if not is_staging(name))


def forget(lake: Lake, registry: Registry, rejects: Rejects, keys: Collection[str]) -> int:
    """Delete rows, then rejects, then registry rows; the number of rows deleted.

    In this order a crash leaves the registry rows, and the same command finishes the work. The keys
    are released first: a version that comes back after a crash is loaded, whatever its row says.
    """
    registry.release(keys)
    tables: dict[str, set[str]] = {}
    for row in registry.rows(keys):
        tables.setdefault(row.table_name, set()).add(row.file_key)
    unknown = set(keys).difference(*tables.values())
    if unknown:
        for name in data_tables(lake):
            tables.setdefault(name, set()).update(unknown)
    deleted = sum(_delete_rows(lake, name, known) for name, known in tables.items() if name)
    rejects.remove(keys)
    registry.remove(lambda row: row.file_key in keys)
    return deleted


def _delete_rows(lake: Lake, name: str, keys: Collection[str]) -> int:
    deleted = 0

    def stage(staging: Staging) -> bool:
        nonlocal deleted
        table = staging.table
        if names.SOURCE_FILE not in table.schema().column_names:
            return False
        parts = survey(lake, table, (names.SOURCE_FILE,))
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
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = pool.map(lambda name: _rows_of(lake, name, run), data_tables(lake))
        rows = [row for some in found for row in some]
    _drop_unreadable(registry.table)
    registry.rewrite(lambda _: rows, make=True)
    return len(rows)


def _rows_of(lake: Lake, name: str, run: Run) -> list[Row]:
    table = lake.find(name)
    if table is None or names.SOURCE_FILE not in table.schema().column_names:
        return []
    counts = rows_by(table, survey(lake, table, (names.SOURCE_FILE,)), names.SOURCE_FILE)
    known: dict[str, Version] = {}
    for version in snapshots.versions(table):
        known.setdefault(version.key, version)
    empty = {key for key, version in known.items() if version.rows == 0 and key not in counts}
    return [_row(name, key, counts[key], known.get(key), run) for key in sorted({*counts} | empty)]


def _row(table: str, key: str, rows: int, known: Version | None, run: Run) -> Row:
    if known is None:
        known = Version(key, "", run.started_at, run.started_at, run_id=run.run_id)
    return Row(
        file_key=key,
        # Where somebody else changed the rows they are not that version's any more.
        etag=known.etag if known.rows == rows else "",
        table_name=table,
        row_count=rows,
        status=Status.SUCCESS.value,
        error_message=None,
        ingested_at=known.committed,
        dag_run_id=known.run_id,
        rows_loaded=rows,
        rejected=known.rejected,
        size=known.size,
        modified=known.modified if known.etag else None,
        released=False,
        origin=known.origin or None,
    )


def _drop_unreadable(table: OwnTable) -> None:
    """Let go of a registry whose metadata or rows are gone or damaged."""
    from pyiceberg.exceptions import RESTError

    try:
        found = table.find()
        if found is not None:
            for _ in found.scan(selected_fields=(COLUMNS[0][0],)).to_arrow_batch_reader():
                pass
    except (OSError, ValueError, RESTError) as error:
        if isinstance(translated(error, ""), _ELSEWHERE):
            # The table may well be sound: it is the way to it that is not.
            raise
        table.lake.catalog.drop_table(table.lake.identifier(table.name))
        table.lake.remember(table.name, None)
