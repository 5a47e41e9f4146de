"""``Records.sql``: a DuckDB ``read_csv`` that detects nothing and drops nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from lakefall.common.sql import literal
from lakefall.contract.errors import ConservationError, UnprovedError
from lakefall.contract.values import Records, text_column

_PARTS = re.compile(r"read_csv\(('(?:[^']|'')*'), (.*)\)", re.DOTALL)
SMALL = 1 << 20
"""Bytes of a file up to which reading it costs less than planning how to."""
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
) -> str:
    """The table expression: ``c0`` .. ``cN``, VARCHAR; unquoted empty fields and ``\\N`` are NULL.

    Args:
        path: no character of it may be one of a glob.
        longest: upper bound of the bytes of a record.
        parallel: False where threads that begin inside a quoted text take its lines for records.
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
    return f"read_csv({literal(str(path))}, {settings})"


def likeness(records: Records) -> tuple[str, str] | None:
    """What small files share that one query can read; None for others."""
    found = _PARTS.fullmatch(records.sql)
    if found is None or records.local.size > SMALL:
        return None
    return found[2], records.dialect.line_terminator


def together(records: Sequence[Records], number: str) -> str:
    """The rows of files of one likeness, each file's in their order, one file after the other.

    Args:
        number: name of a column that says which file it is, from 0; quoted.
    """
    parts = [_PARTS.fullmatch(each.sql) for each in records]
    paths = ", ".join(part[1] for part in parts if part)
    settings = next(part[2] for part in parts if part)
    return (
        f"(SELECT * EXCLUDE (filename), list_position([{paths}], filename) - 1 AS {number}"
        f" FROM read_csv([{paths}], {settings}, filename=true))"
    )


@contextmanager
def proving(records: Records) -> Iterator[None]:
    """Around queries over all rows: they are the proof of a file that was opened quick.

    Raises:
        UnprovedError: DuckDB refuses a record, or the rows do not add up.
    """
    import duckdb

    try:
        yield
    except (duckdb.InvalidInputException, ConservationError) as error:
        if records.proved:
            raise
        raise UnprovedError(records.local.file.key) from error


def note_nulls(lines: Path, nulls: Mapping[int, int]) -> None:
    """Keep the number of NULLs of columns, by position, beside the relation's line map.

    Whoever has read all rows knows it; ``convert`` then need not look for misfits in columns that
    came out with no more NULLs than that.
    """
    _nulls_beside(lines).write_text(json.dumps(nulls))


def noted_nulls(lines: Path) -> dict[int, int]:
    """What was kept; columns that nobody counted are missing."""
    path = _nulls_beside(lines)
    noted: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
    return {int(position): count for position, count in noted.items()}


def _nulls_beside(lines: Path) -> Path:
    return lines.with_suffix(".nulls")
