"""The columns of the table of rejects: name, Iceberg type, NOT NULL."""

from __future__ import annotations

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
