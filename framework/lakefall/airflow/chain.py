"""The chain of tasks that a file goes through with ``granularity: step``."""

from __future__ import annotations

FILE_STEPS = {
    "download_csv": ("download", "Fetch the file, in the version that was listed."),
    "detect_format": ("detect", "Delimiter, quote, encoding, header."),
    "infer_schema": ("infer", "Names and types of the columns, from all rows."),
    "ensure_table": (
        "ensure",
        "Plan the table. A sink that works in SQL creates it here, `iceberg` in `ingest_data`.",
    ),
    "evolve_schema": (
        "evolve",
        "Plan new and wider columns. A sink that works in SQL makes them here, `iceberg` in "
        "`ingest_data`.",
    ),
    "ingest_data": ("ingest", "Replace the file's rows, in one commit."),
    "register_superset_dataset": (
        "register",
        "Ask the catalog registrars (Trino, Superset). What they cannot do now is a warning.",
    ),
}
"""Task id -> step and what it does, in order; ``update_registry`` follows."""
COMMITS = "ingest_data"
REGISTERS = "register_superset_dataset"
