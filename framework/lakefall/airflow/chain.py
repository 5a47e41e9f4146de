"""The tasks of a run: the chain that a file goes through with ``granularity: step``, and those that
do all steps."""

from __future__ import annotations

FILES_APART = 50
"""Up to so many files ``granularity: auto`` makes a task a file, beyond it a task a table."""
TOGETHER = "load_files"
"""The task of ``granularity: auto`` that does all steps, for a file or a table."""
RECORDS = "files.update_registry"

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


def granularity_of(granularity: str, files: int, auto_step_files: int) -> str:
    """``step``, ``file`` or ``table``: what ``auto`` means for a run of so many files."""
    if granularity != "auto":
        return granularity
    if files <= auto_step_files:
        return "step"
    return "file" if files <= FILES_APART else "table"
