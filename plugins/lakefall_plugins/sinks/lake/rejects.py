"""The table of rejects: its columns, its rows out of a file's rejects, and which of them count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lakefall.common import sql
from lakefall.contract.values import StoredReject

if TYPE_CHECKING:
    from lakefall_plugins.sinks.lake.versions import Version

COLUMNS = (
    ("file_key", "string", False),
    ("table_name", "string", False),
    ("etag", "string", False),
    ("line", "long", False),
    ("column_name", "string", False),
    ("reason", "string", False),
    ("text", "string", False),
    ("dag_run_id", "string", False),
    ("rejected_at", "timestamp", False),
    ("modified", "timestamp", False),
)
"""Name, Iceberg type, NOT NULL."""
SHOWN = tuple(name for name, _, _ in COLUMNS[:7])
"""Columns of what ``current`` takes."""


def utc_text(moment: datetime) -> str:
    """A moment in UTC as ISO text without a zone."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat()


def values(run_id: str, key: str, table: str, etag: str, modified: str) -> dict[str, str]:
    """DuckDB's expression of each column over a Parquet file of rejects.

    All but ``run_id`` are expressions themselves; ``modified`` gives ISO text in UTC.
    """
    return {
        "file_key": key,
        "table_name": table,
        "etag": etag,
        "line": "line::BIGINT",
        "column_name": "coalesce(\"column\", '')::VARCHAR",
        "reason": "coalesce(reason, '')::VARCHAR",
        "text": "coalesce(\"text\", '')::VARCHAR",
        "dag_run_id": sql.literal(run_id),
        "rejected_at": f"{sql.literal(utc_text(datetime.now(UTC)))}::TIMESTAMP",
        "modified": f"{modified}::TIMESTAMP",
    }


def current(
    rows: Iterable[Sequence[Any]], versions: Mapping[str, Version]
) -> Iterator[StoredReject]:
    """Rejects of the versions that are in the tables, out of rows of the columns ``SHOWN``."""
    for row in rows:
        reject = StoredReject(*row)
        version = versions.get(reject.key)
        if version is not None and version.etag == reject.etag:
            yield reject
