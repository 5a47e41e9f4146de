"""Where the table begins in the file: the lines before it, and comments within it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median_low

from lakefall_plugins.formats.csv.sniffing.cells import TYPED, classify
from lakefall_plugins.formats.csv.sniffing.splitting import Row

_ROWS_BELOW = 10
COMMENT_MARKS = ("#", "//", "%", ";", "!")


@dataclass(frozen=True, slots=True)
class Layout:
    """The table's place in the sample."""

    first: int
    """Index among the rows of the header, or of the first record where there is none."""
    preamble_lines: int
    """Physical lines before that row."""
    comment: str
    """The mark of comment lines inside the table; ``''`` where there are none."""


def locate(rows: Sequence[Row], width: int, comment: str | None) -> Layout:
    """Find the table among the sample's rows.

    Args:
        rows: under the chosen way of reading, blank lines included.
        width: the table's number of columns.
        comment: the mark of comment lines, if it is known.
    """
    first = _first_row(rows, width)
    line = rows[first].line if first < len(rows) else 0
    mark = comment if comment is not None else _comment(rows[first + 1 :], width)
    return Layout(first, line, mark)


def _first_row(rows: Sequence[Row], width: int) -> int:
    """The first row that is wide and full enough to be the header or a record."""
    used = _used_columns(rows, width)
    for index, row in enumerate(rows):
        if row.blank or _is_title(rows, index, width, used) or _is_comment(row, rows, index, width):
            continue
        if len(row.cells) == width or _is_other_header(rows, index, width):
            return index
    return next((i for i, row in enumerate(rows) if not row.blank), 0)


def _is_title(rows: Sequence[Row], index: int, width: int, used: int) -> bool:
    """Whether a row holds a title, padded to the table's width: text in front, then nothing.

    The first row below it that says more must read like names, or most rows must be filled:
    a header with a single name is none, and a record like that stands out.
    """
    row = rows[index]
    if width < 2 or not row.filled:
        return True
    if row.filled > 1 or not row.cells[0].strip() or len(row.cells) == 1:
        return False
    below = next((r for r in rows[index + 1 :] if r.filled > 1), None)
    if below is None or len(below.cells) != width:
        return False
    dense = median_low([r.filled for r in rows[index + 1 :] if len(r.cells) == width]) > 2
    return below.filled >= min(3, used) and (dense or _typed(below) * 4 <= below.filled)


def _used_columns(rows: Sequence[Row], width: int) -> int:
    """Columns of the table that hold anything at all."""
    used: set[int] = set()
    for row in rows:
        if len(row.cells) == width:
            used.update(i for i, cell in enumerate(row.cells) if i not in used and cell.strip())
            if len(used) == width:
                break
    return len(used)


def _typed(row: Row) -> int:
    """Cells of a row that hold a number, a date or the like."""
    return sum(classify(cell).kind in TYPED for cell in row.cells)


def _is_other_header(rows: Sequence[Row], index: int, width: int) -> bool:
    """Whether a row of another width than the table stands right before it and names its columns.

    Rows may end with a delimiter that the header lacks, or the other way round; the header may
    miss a name; or texts hold delimiters, and every record is longer than it should be.
    """
    cells = [cell.strip() for cell in rows[index].cells]
    if len(cells) < 2 or index + 1 == len(rows) or not all(cells[:-1]):
        return False
    after = rows[index + 1]
    above_values = _typed(after) > 0 and _typed(rows[index]) == 0
    if abs(len(cells) - width) <= max(1, width // 10) and len(after.cells) == width:
        ends_open = not cells[-1] if len(cells) > width else not after.cells[-1].strip()
        return ends_open or above_values
    below = [row for row in rows[index + 1 :] if not row.blank][:_ROWS_BELOW]
    longer = all(len(row.cells) >= len(cells) for row in below)
    return above_values and longer and len(cells) > 2 and _are_names(rows[index])


def _are_names(row: Row) -> bool:
    """Whether a row may be one of names; prose has blanks after its commas."""
    distinct = len(set(row.cells)) == len(row.cells)
    return distinct and all(cell and cell[0] != " " for cell in row.cells)


def _is_comment(row: Row, rows: Sequence[Row], index: int, width: int) -> bool:
    """Whether a row is a comment above the table although its width would fit."""
    first = row.cells[0]
    if width > 1:
        return first in COMMENT_MARKS
    after = next((r for r in rows[index + 1 :] if not r.blank), None)
    return first.startswith("#") and after is not None


def first_record(rows: Sequence[Row], first: int) -> int:
    """Index of the first record of a table without header: records of another width right above
    the first one that fits are records, too, and no preamble."""
    while first > 0 and _is_record(rows[first - 1]):
        first -= 1
    return first


def _is_record(row: Row) -> bool:
    return len(row.cells) > 1 and 2 * _typed(row) >= len(row.cells)


def _comment(rows: Sequence[Row], width: int) -> str:
    """The mark that rows begin with which do not fit the table."""
    for mark in COMMENT_MARKS:
        marked = [row for row in rows if row.cells[0].startswith(mark)]
        if marked and all(len(row.cells) != width for row in marked):
            return mark
    return ""
