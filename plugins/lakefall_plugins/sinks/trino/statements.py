"""The SQL that the sink sends. Everything here is text; nothing is sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lakefall_plugins.sinks.lake.types import to_trino
from lakefall_plugins.sinks.trino.values import TargetColumn
from lakefall_plugins.trino_client.sql import identifier, literal

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


def pieces(texts: Iterable[str], length: int) -> Iterator[list[str]]:
    """Texts in groups whose literals fit into ``length`` characters; at least one in each."""
    group: list[str] = []
    size = 0
    for text in texts:
        need = 2 * len(text) + 4
        if group and size + need > length:
            yield group
            group, size = [], 0
        group.append(text)
        size += need
    if group:
        yield group
