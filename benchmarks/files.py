"""Generates the CSV files that are measured, with DuckDB: fast, and the same every time."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

MIXED = """
    SELECT i AS id, 'user_' || (i * 7919 % 1000003) AS name,
           (hash(i) % 100000) / 100.0 AS amount,
           DATE '2020-01-01' + (i % 2000)::INT AS day,
           TIMESTAMP '2021-01-01' + (i % 10000000) * INTERVAL 1 SECOND AS seen_at,
           i % 3 = 0 AS active, hash(i) % 9999999999 AS big,
           CASE WHEN i % 10 > 0 THEN (hash(i + 1) % 1000000007) / 977.0 END AS score,
           ['red', 'green', 'blue, light', 'say "hi"'][1 + i % 4] AS colour,
           md5(i::VARCHAR) AS digest
    FROM range({rows}) t(i)
"""
"""Mixed types, about 131 bytes a row: quoted delimiters and quotes, empty cells."""


def mixed(path: Path, rows: int) -> None:
    _copy(MIXED.format(rows=rows), path)


def wide(path: Path, rows: int) -> None:
    """1,000 columns."""
    kinds = ("i + {c}", "((i * 31 + {c}) % 1000) / 8.0", "'v' || (i % 97)", "i % 2 = 0")
    columns = ", ".join(f"{kinds[c % 4].format(c=c)} AS column_{c}" for c in range(1000))
    _copy(f"SELECT {columns} FROM range({rows}) t(i)", path)


def long_strings(path: Path, rows: int) -> None:
    """Texts of about 2,000 characters, with delimiters and line breaks in them."""
    line = (
        "repeat('some words, ', (hash(i * 70 + j) % 4)::INTEGER) || 'and then '"
        " || (hash(i + j) % 977)"
    )
    text = f"array_to_string(list_transform(range(70), lambda j: {line}), chr(10))"
    _copy(f"SELECT i AS id, {text} AS story FROM range({rows}) t(i)", path)


def mostly_empty(path: Path, rows: int) -> None:
    """50 columns, of which 9 cells in 10 are empty."""
    columns = ", ".join(
        f"CASE WHEN (i + {c}) % 10 = 0 THEN i * {c + 1} END AS c{c}" for c in range(50)
    )
    _copy(f"SELECT {columns} FROM range({rows}) t(i)", path)


def all_quoted(path: Path, rows: int) -> None:
    _copy(MIXED.format(rows=rows), path, "FORCE_QUOTE *")


def legacy(path: Path, rows: int) -> None:
    """The mixed file in Windows-1252, with letters beyond ASCII."""
    plain = path.with_suffix(".utf8")
    _copy(MIXED.format(rows=rows).replace("'green'", "'grün'"), plain)
    with (
        plain.open(encoding="utf-8", newline="") as source,
        path.open("w", encoding="cp1252", newline="") as out,
    ):
        shutil.copyfileobj(source, out, 1 << 20)
    plain.unlink()


def gzipped(path: Path, rows: int) -> None:
    plain = path.with_suffix("")
    mixed(plain, rows)
    with plain.open("rb") as source, gzip.open(path, "wb", compresslevel=6) as out:
        shutil.copyfileobj(source, out, 1 << 20)
    plain.unlink()


def zstandard(path: Path, rows: int) -> None:
    _copy(MIXED.format(rows=rows), path, "COMPRESSION zstd")


SHAPES: dict[str, tuple[str, Callable[[Path, int], None], int]] = {
    "plain": ("rows.csv", mixed, 1_000_000),
    "1,000 columns by 20,000 rows": ("wide.csv", wide, 20_000),
    "long strings": ("long.csv", long_strings, 60_000),
    "90 % empty cells": ("empty.csv", mostly_empty, 1_000_000),
    "all quoted": ("quoted.csv", all_quoted, 800_000),
    "gzip": ("rows.csv.gz", gzipped, 1_000_000),
    "zstd": ("rows.csv.zst", zstandard, 1_000_000),
    "cp1252": ("legacy.csv", legacy, 1_000_000),
}
"""Name -> file name, generator, rows."""


def small(number: int, rows: int = 120) -> bytes:
    """One of many files of 10 KB."""
    line = "{n},name {n},{n}.25,2024-01-{d:02d},some words that fill a line to eighty characters\n"
    body = (line.format(n=number * 1000 + i, d=1 + i % 28) for i in range(rows))
    return ("id,name,amount,day,note\n" + "".join(body)).encode()


def _copy(query: str, path: Path, *options: str) -> None:
    import duckdb

    with duckdb.connect() as connection:
        connection.execute(f"COPY ({query}) TO '{path}' ({', '.join(('HEADER', *options))})")
