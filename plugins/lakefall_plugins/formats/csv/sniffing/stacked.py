"""Several tables one below the other: where each begins, and which of them is the file's.

A table further down begins with a row of names of its own width, right above values. The first
table is the file's, unless it is a short one above a much longer one: then it is a preamble. The
last table of a sample goes on as far as the file does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lakefall_plugins.formats.csv.sniffing.cells import TYPED, Cells
from lakefall_plugins.formats.csv.sniffing.splitting import Row

_SHARE = 4
"""A table with fewer rows than a quarter of the longest one's is a preamble to it."""
_LEAST_WHOLE, _WHOLE_SHARE = 3, 0.2
"""How many records have to be whole below names."""
_COLUMN_SHARE = 0.8
"""Share of a column's cells that are values where the column is one of values."""


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one table."""

    start: int
    end: int
    """Indices among the rows of the sample; the end is not part of it."""


def parts(rows: Sequence[Row], cells: Cells) -> list[Part]:
    """The tables of a sample; one where nothing parts it."""
    starts = [0]
    filled = [(at, row) for at, row in enumerate(rows) if not row.blank]
    for (_, before), (at, row), (_, after) in zip(filled, filled[1:], filled[2:], strict=False):
        if _begins(before, row, after, cells) and _is_table(rows[starts[-1] : at], cells):
            starts.append(at)
    return [Part(a, b) for a, b in zip(starts, [*starts[1:], len(rows)], strict=True)]


def main_part(found: Sequence[Part], rows: Sequence[Row], beyond: float) -> int:
    """Which of the tables is the file's.

    Args:
        beyond: how many times as long as the sample the rest of the file is.
    """
    sizes: list[float] = [
        sum(not row.blank for row in rows[part.start : part.end]) for part in found
    ]
    sizes[-1] += beyond * len(rows)
    return next(n for n, size in enumerate(sizes) if _SHARE * size >= max(sizes))


def _begins(before: Row, row: Row, after: Row, cells: Cells) -> bool:
    """Whether a row names the columns of a table of another width than the rows before it."""
    width = len(row.cells)
    if width < 2 or len(before.cells) == width or len(after.cells) != width:
        return False
    if len(before.cells) < 2 or not any(cells[cell].kind in TYPED for cell in after.cells):
        return False
    return len(set(row.cells)) == width and all(is_name(cell, cells) for cell in row.cells)


def _is_table(rows: Sequence[Row], cells: Cells) -> bool:
    """Whether rows are names above values, and no preamble of keys and their values."""
    wide = [row.cells for row in rows if len(row.cells) > 1]
    if not wide or not all(is_name(cell, cells) for cell in wide[0]):
        return False
    body = [row for row in wide[1:] if abs(len(row) - len(wide[0])) <= 1]
    return any(is_of_values(at, body, cells) for at in range(len(wide[0])))


def named_width(rows: Sequence[Row], cells: Cells) -> int | None:
    """Columns of a table whose first row names them, and many of whose records are whole.

    However many records lack fields: names, and values below them, do not come about by chance.
    None where that is not so, or where a record has more fields than there are names.
    """
    filled = [row.cells for row in rows if not row.blank]
    if not filled:
        return None
    names, body = filled[0], filled[1:]
    width = len(names)
    if width < 2 or len(set(names)) < width or any(len(row) > width for row in body):
        return None
    whole = [row for row in body if len(row) == width]
    if len(whole) < max(_LEAST_WHOLE, _WHOLE_SHARE * len(body)):
        return None
    if not all(is_name(name, cells) for name in names):
        return None
    return width if any(is_of_values(at, whole, cells) for at in range(width)) else None


def is_of_values(at: int, body: Sequence[Sequence[str]], cells: Cells) -> bool:
    """Whether a column holds numbers, dates and the like."""
    filled = [row[at] for row in body if at < len(row) and row[at].strip()]
    typed = sum(cells[cell].kind in TYPED for cell in filled)
    return typed > 0 and typed >= _COLUMN_SHARE * len(filled)


def is_name(cell: str, cells: Cells) -> bool:
    """Whether a cell may name a column; prose has a blank after its commas."""
    return bool(cell.strip()) and cell[0] != " " and cells[cell.strip()].kind not in TYPED
