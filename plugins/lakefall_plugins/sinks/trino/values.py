"""Rows of Parquet files as the text of VALUES, made by DuckDB.

Every value is a literal of its type, so that a batch of rows says by itself what its columns are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lakefall.common import sql
from lakefall.contract.errors import ConservationError

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_QUOTE = "chr(39)"
_WORDS = {
    "long": "BIGINT",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMP",
    "uuid": "UUID",
}


@dataclass(frozen=True, slots=True)
class TargetColumn:
    """A column that is written."""

    name: str
    iceberg: str
    """Iceberg's name of its type."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one statement: ``(1, 'a'), (2, 'b')``."""

    text: str
    rows: int


class RowTooLongError(Exception):
    """One row alone is longer than a statement may be."""

    def __init__(self, row: int, length: int) -> None:
        super().__init__(f"row {row} takes {length} characters")
        self.row = row
        """From 0, over all files."""
        self.length = length


def batches(
    connection: duckdb.DuckDBPyConnection, query: str, rows: int, length: int
) -> Iterator[Batch]:
    """The one text column of ``query`` in batches of at most ``rows`` rows.

    ``length`` bounds a batch's text. It is compared with bytes of UTF-8: never less than what
    Trino counts (UTF-16).

    Raises:
        RowTooLongError: a row alone is longer.
    """
    import pyarrow as pa

    done = 0
    rest: pa.Array = pa.array([], pa.string())
    for batch in sql.batches(connection, query):
        rest = pa.concat_arrays([rest, batch.column(0).cast(pa.string())])
        while len(rest) >= rows:
            for found in _split(rest[:rows], length, done):
                yield found
                done += found.rows
            rest = rest[rows:]
    if len(rest):
        yield from _split(rest, length, done)


def _split(texts: pa.Array, length: int, done: int) -> Iterator[Batch]:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    # Two more characters a row for what joins them.
    ends = np.cumsum(pc.binary_length(texts).to_numpy(zero_copy_only=False).astype("int64") + 2)
    begin, before = 0, 0
    while begin < len(texts):
        end = int(np.searchsorted(ends, before + length, side="right"))
        if end == begin:
            raise RowTooLongError(done + begin, int(ends[begin]) - before)
        part = texts[begin:end]
        joined = pc.binary_join(pa.ListArray.from_arrays(pa.array([0, len(part)]), part), ", ")
        yield Batch(joined[0].as_py(), end - begin)
        begin, before = end, int(ends[end - 1])


def of_parquet(
    connection: duckdb.DuckDBPyConnection, paths: Sequence[Path], columns: Sequence[TargetColumn]
) -> str:
    """The query that yields each row of these files as ``(value, value, ...)``, in file order."""
    source = sql.parquet(paths, "union_by_name = true")
    there = {row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}
    if strange := there - {c.name for c in columns}:
        raise ConservationError(f"columns {sorted(strange)} were converted, but are not planned")
    # A file of a batch may lack columns that others have.
    texts = [
        literal(sql.identifier(c.name), c.iceberg) if c.name in there else "'NULL'" for c in columns
    ]
    return f"SELECT {row_text(texts)} FROM {source}"


def row_text(literals: Sequence[str]) -> str:
    """DuckDB's expression of a row's text, given those of its values."""
    return f"'(' || concat_ws(', ', {', '.join(literals)}) || ')'"


def literal(value: str, iceberg: str) -> str:
    """DuckDB's expression of the Trino literal for a DuckDB value of that Iceberg type."""
    return f"coalesce({_literal(value, iceberg)}, 'NULL')"


def _literal(value: str, iceberg: str) -> str:
    text = f"CAST({value} AS VARCHAR)"
    if iceberg in ("float", "double"):
        return _floating(value, "REAL" if iceberg == "float" else "DOUBLE")
    if iceberg == "timestamptz":
        text = f"CAST(timezone('UTC', {value}) AS VARCHAR) || ' UTC'"
    plain = {
        "string": _quoted(f"replace({value}, {_QUOTE}, {_QUOTE} || {_QUOTE})"),
        "boolean": f"CASE WHEN {value} THEN 'true' WHEN NOT {value} THEN 'false' END",
        "int": text,
        "binary": f"'X' || {_quoted(f'hex({value})')}",
    }
    return plain.get(iceberg) or f"'{_WORDS.get(iceberg, 'DECIMAL')} ' || {_quoted(text)}"


def _floating(value: str, word: str) -> str:
    text = (
        f"CASE WHEN isnan({value}) THEN 'NaN' WHEN isinf({value}) "
        f"THEN if({value} < 0, '-Infinity', 'Infinity') ELSE CAST({value} AS VARCHAR) END"
    )
    return f"'{word} ' || {_quoted(text)}"


def _quoted(text: str) -> str:
    return f"{_QUOTE} || {text} || {_QUOTE}"
