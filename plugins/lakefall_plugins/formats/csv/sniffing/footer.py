"""Lines after the table: notes, and the empty rows that spreadsheets pad with."""

from __future__ import annotations

from collections.abc import Sequence

from lakefall_plugins.formats.csv.sniffing.splitting import Row

_MOST_NOTES = 20


def footer_lines(rows: Sequence[Row], width: int, physical_lines: int) -> int | None:
    """Lines after the table: rows of empty cells, and text in the first cell alone, below three or
    more columns.

    Args:
        rows: the table's rows, or the last ones of a longer file, up to its end.
        width: the table's number of columns.
        physical_lines: lines of the text that the rows come from.

    Returns:
        How many; None where all of these rows are such, so that more have to be looked at.

    The mark that ended text files in CP/M and DOS (0x1A) is a footer, too.
    """
    if len(rows) > 1 and rows[-1].cells[0].strip() == "\x1a":
        return 1
    if width < 2:
        return 0
    phrases = _has_phrases(rows, width)
    last = len(rows)
    while last > 1 and _may_follow(rows[last - 1], width, phrases):
        last -= 1
    if last <= 1:
        return None if len(rows) > 1 and not any(row.filled for row in rows[1:]) else 0
    while last < len(rows) and not _begins(rows, last):
        last += 1
    end = next((row for row in rows[last:] if not row.blank), None)
    return physical_lines - end.line if end else 0


def _may_follow(row: Row, width: int, phrases: bool) -> bool:
    """Whether a row holds nothing, or a note: text in its first cell alone."""
    if not row.filled:
        return True
    if width < 3 or row.filled > 1 or not row.cells[0].strip():
        return False
    return len(row.cells) == 1 or (not phrases and _is_phrase(row))


def _begins(rows: Sequence[Row], at: int) -> bool:
    """Whether the footer begins with this row.

    A record that was cut short is also one cell: a note is set off by an empty row, or is a
    phrase on its own.
    """
    row = rows[at]
    if sum(1 for row in rows[at:] if row.filled) > _MOST_NOTES:
        return False
    return not row.filled or not rows[at - 1].filled or (len(row.cells) == 1 and _is_phrase(row))


def _is_phrase(row: Row) -> bool:
    return len(row.cells[0].split()) > 1


def _has_phrases(rows: Sequence[Row], width: int) -> bool:
    """Whether the first column holds phrases, so that a row with nothing else may be a record."""
    full = [row for row in rows if len(row.cells) == width and row.filled > 1]
    return 5 * sum(map(_is_phrase, full)) >= max(1, len(full))
