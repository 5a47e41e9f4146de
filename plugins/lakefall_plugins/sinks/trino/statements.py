"""The SQL that the sink sends, and rows of Parquet files as the text of VALUES; nothing is sent.

DuckDB makes that text. Every value is a literal of its type, so that a batch of rows says by itself
what its columns are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lakefall.common import sql
from lakefall.contract.errors import ConservationError
from lakefall_plugins.sinks.lake.types import to_trino
from lakefall_plugins.trino_client.sql import identifier, literal

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
        value_literal(sql.identifier(c.name), c.iceberg) if c.name in there else "'NULL'"
        for c in columns
    ]
    return f"SELECT {row_text(texts)} FROM {source}"


def row_text(literals: Sequence[str]) -> str:
    """DuckDB's expression of a row's text, given those of its values."""
    return f"'(' || concat_ws(', ', {', '.join(literals)}) || ')'"


def value_literal(value: str, iceberg: str) -> str:
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


DROP = "lakefall drop"
"""Column of a MERGE's source: not NULL in rows that say what to remove. No file's column has a
blank in its name."""
OVERTAKEN = "lakefall: rows were replaced meanwhile"
"""What a MERGE fails with that finds other rows than those seen before."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A column of a new table."""

    name: str
    iceberg: str
    required: bool = False
    comment: str = ""

    def sql(self) -> str:
        text = f"{identifier(self.name)} {to_trino(self.iceberg).upper()}"
        if self.required:
            text += " NOT NULL"
        return f"{text} COMMENT {literal(self.comment)}" if self.comment else text


def create_table(
    table: str, columns: Iterable[Definition], comment: str = "", *, strict: bool = False
) -> str:
    """``strict``: an error where there is one already."""
    listed = ",\n    ".join(c.sql() for c in columns)
    verb = "CREATE TABLE" if strict else "CREATE TABLE IF NOT EXISTS"
    return (
        f"{verb} {table} (\n    {listed}\n)\n{_comment(comment)}WITH (\n    format = 'PARQUET'\n)"
    )


def create_table_as(
    table: str,
    columns: Sequence[TargetColumn],
    source: str,
    comment: str = "",
    *,
    replace: bool = False,
) -> str:
    """A new table with the rows of ``source``; with ``replace`` in place of what is there."""
    verb = "CREATE OR REPLACE TABLE" if replace else "CREATE TABLE"
    return (
        f"{verb} {table} ({names(columns)})\n{_comment(comment)}WITH (format = 'PARQUET')\n"
        f"AS SELECT {_cast(columns)} FROM {source}"
    )


def _comment(text: str) -> str:
    return f"COMMENT {literal(text)}\n" if text else ""


def insert(table: str, columns: Sequence[TargetColumn], rows: str) -> str:
    return f"INSERT INTO {table} ({names(columns)}) VALUES {rows}"


def values(columns: Sequence[TargetColumn], rows: str) -> str:
    """Rows as a table expression with the columns' names."""
    return f"(VALUES {rows}) AS v ({names(columns)})"


@dataclass(frozen=True, slots=True)
class Removal:
    """Rows that a MERGE removes: those of one key, if they are the ones seen before."""

    key: tuple[str, ...]
    since: str
    until: str
    """Literals of TIMESTAMP(6): least and greatest of what the rows say they were loaded at."""


def merge(
    table: str,
    columns: Sequence[TargetColumn],
    source: str,
    match: Sequence[str],
    removals: Sequence[Removal],
    *,
    stamp: str = "",
    prune: bool = True,
) -> str:
    """Put the rows of ``source`` in place of those that ``removals`` name, in one commit.

    ``source`` is ``''`` for no rows. ``match`` are the text columns that a removal's key gives.
    With ``stamp`` (a TIMESTAMP(6) column) the statement fails when it finds other rows than those
    seen before. ``prune`` repeats the keys where Trino can use them to leave out data files, and
    to tell which other writers are in conflict with this one.
    """
    parts = []
    if source:
        none = f"CAST(NULL AS timestamp(6)) AS {identifier(DROP)}"
        parts.append(f"SELECT {_cast(columns, named=True)}, {none} FROM {source}")
    if removals:
        parts.append(_removed(columns, match, removals, stamp))
    on = [f"t.{identifier(c)} = s.{identifier(c)}" for c in match]
    on.append(f"s.{identifier(DROP)} IS NOT NULL")
    if prune:
        keys = dict.fromkeys(r.key[0] for r in removals)
        on.append(f"t.{identifier(match[0])} IN ({', '.join(map(literal, keys))})")
    matched = "WHEN MATCHED"
    if stamp:
        at = f"t.{identifier(stamp)}"
        seen = f"{at} BETWEEN s.{identifier(DROP)} AND s.{identifier(stamp)}"
        refusal = f"CAST(fail({literal(OVERTAKEN)}) AS boolean)"
        matched += f" AND CASE WHEN {at} IS NULL OR {seen} THEN true ELSE {refusal} END"
    into = ", ".join(f"s.{identifier(c.name)}" for c in columns)
    return (
        f"MERGE INTO {table} AS t USING (\n{' UNION ALL '.join(parts)}\n) AS s\n"
        f"ON {' AND '.join(on)}\n{matched} THEN DELETE\n"
        f"WHEN NOT MATCHED AND s.{identifier(DROP)} IS NULL "
        f"THEN INSERT ({names(columns)}) VALUES ({into})"
    )


def _removed(
    columns: Sequence[TargetColumn],
    match: Sequence[str],
    removals: Sequence[Removal],
    stamp: str,
) -> str:
    rows = ", ".join(f"({', '.join([*map(literal, r.key), r.since, r.until])})" for r in removals)
    given = [f"k{i}" for i in range(len(match))]
    source = {**dict(zip(match, given, strict=True)), **({stamp: "until"} if stamp else {})}
    picked = [
        f"CAST({source.get(c.name, 'NULL')} AS {to_trino(c.iceberg)}) AS {identifier(c.name)}"
        for c in columns
    ]
    return (
        f"SELECT {', '.join(picked)}, CAST(since AS timestamp(6)) AS {identifier(DROP)} "
        f"FROM (VALUES {rows}) AS k ({', '.join([*given, 'since', 'until'])})"
    )


def names(columns: Iterable[TargetColumn]) -> str:
    return ", ".join(identifier(c.name) for c in columns)


def _cast(columns: Iterable[TargetColumn], *, named: bool = False) -> str:
    """Every column in its table's type: a batch may hold nothing but NULL, or shorter decimals."""
    return ", ".join(
        f"CAST({identifier(c.name)} AS {to_trino(c.iceberg)})"
        + (f" AS {identifier(c.name)}" if named else "")
        for c in columns
    )
