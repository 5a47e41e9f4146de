"""``Records.sql``: a DuckDB ``read_csv`` that detects nothing and drops nothing."""

from __future__ import annotations

from pathlib import Path

from lakefall.common.sql import literal
from lakefall.contract.values import FileScan, text_column

DEFAULT_LINE = 2 << 20
"""What DuckDB reserves for the longest record by default."""


def relation(
    path: Path,
    columns: int,
    *,
    delimiter: str = ",",
    quotechar: str = '"',
    header: bool = False,
    longest: int = 0,
    parallel: bool = True,
    line_terminator: str = "",
) -> FileScan:
    """The table expression: ``c0`` .. ``cN``, VARCHAR; unquoted empty fields and ``\\N`` are NULL.

    Args:
        path: no character of it may be one of a glob.
        longest: upper bound of the bytes of a record.
        parallel: False where threads that begin inside a quoted text take its lines for records.
        line_terminator: as the dialect has it.
    """
    names = ", ".join(f"{text_column(i)}: 'VARCHAR'" for i in range(columns))
    options = {
        "columns": f"{{{names}}}",
        "auto_detect": "false",
        "strict_mode": "true",
        "null_padding": "false",
        "ignore_errors": "false",
        "header": str(header).lower(),
        "delim": literal(delimiter),
        "quote": literal(quotechar),
        "escape": literal(quotechar),
        "nullstr": r"['', '\N']",
        "allow_quoted_nulls": "false",
        "compression": "'none'",
        "hive_partitioning": "false",
    }
    if not parallel:
        options["parallel"] = "false"
    if longest > DEFAULT_LINE:
        options["max_line_size"] = str(longest)
        options["buffer_size"] = str(2 * longest)
    settings = ", ".join(f"{name}={value}" for name, value in options.items())
    return FileScan("read_csv", path, settings, line_terminator)
