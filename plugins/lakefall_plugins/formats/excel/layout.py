"""Where the table lies among a sheet's rows: titles above it, its header, totals and notes below.

The rules are those for CSV, made for cells whose kinds are known: a number or a date is no name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from lakefall.common import naming
from lakefall_plugins.formats.excel.workbook import Area

Row = tuple[int, list[Any]]
"""A row's number, from 0, and its cells; ``''`` is an empty one."""

HEAD_ROWS = 200
"""Rows that hold something in which the header is looked for."""
TAIL_ROWS = 64
"""The same of the footer."""
_MOST_NOTES = 20
_BELOW = 10
_NUMBER = re.compile(r"[-+]?[\d.,'\s]*\d[%€$£]?")
_YEAR = re.compile(r"(?:19|20)\d\d")
_TOTALS = re.compile(
    r"(?:grand |sub)?(?:totals?|sums?)|gesamt(?:summe)?|summe|insgesamt|total g[eé]n[eé]ral|somme"
    r"|totaal|totale|suma|razem|итого|всего|合计|总计|小计|合計",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Head:
    """Where the table begins."""

    at: int
    """Index among the rows of the header, or of the first record."""
    header_rows: int
    width: int
    """Cells that a full row of the table holds."""
    evidence: tuple[str, ...]
    confidence: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is known before a sheet is looked at."""

    header: str = "detect"
    header_row: int | None = None
    header_rows: int | None = None
    columns: frozenset[str] = frozenset()
    """Names of the live table's columns."""


def shown(value: Any) -> str:
    """A value as a person sees it: whole numbers without a point, ISO dates."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    return str(value)


def find(rows: Sequence[Row], merged: Sequence[Area], wanted: Wanted) -> Head:
    """The table among a sheet's first rows, at least one."""
    width = _width(rows)
    at, reason, sure = _first(rows, merged, wanted, width)
    if wanted.header == "absent" or (not reason and wanted.header == "detect"):
        return Head(at, 0, width, ("the first row reads like a record, not like names",), 0.8)
    count = wanted.header_rows or _header_rows(rows, at, merged)
    several = (f"the header is merged cells on {count} rows",) if count > 1 else ()
    above = (f"{at} rows above the header hold fewer cells",) if at else ()
    return Head(at, min(count, len(rows) - at), width, (reason, *several, *above), sure)


def names(rows: Sequence[Row], merged: Sequence[Area]) -> list[str]:
    """The header's names: the cells of each column, joined by a blank; merged cells hold the value
    of their first one."""
    joined: list[list[str]] = [[] for _ in rows[0][1]]
    for row in rows:
        for texts, value in zip(joined, _spread(row, rows, merged), strict=True):
            text = " ".join(shown(value).split())
            if text and texts[-1:] != [text]:
                texts.append(text)
    return [" ".join(texts) for texts in joined]


def footer(rows: Sequence[Row], width: int) -> tuple[int, str]:
    """Index of the first of a table's last rows that is no record, and what a person should know.

    Totals and notes are no records where a blank row sets them off; a total right below the
    records may be one.
    """
    last = len(rows)
    while last and (_is_total(rows[last - 1][1]) or _is_note(rows[last - 1][1], width)):
        last -= 1
    if not last or len(rows) - last > _MOST_NOTES:
        return len(rows), ""
    end = next(
        (at for at in range(last, len(rows)) if rows[at][0] > rows[at - 1][0] + 1), len(rows)
    )
    doubtful = next((row for row in rows[last:end] if _is_total(row[1])), None)
    if doubtful is None:
        return end, ""
    return end, (
        f"row {doubtful[0] + 1} reads like a total ({text(doubtful[1])}) and is loaded as a "
        "record; a blank row above it would set it off"
    )


def text(cells: Sequence[Any]) -> str:
    """A row in one line for people."""
    return " | ".join(shown(cell) for cell in cells if cell != "")[:200]


def filled(cells: Sequence[Any]) -> int:
    """Cells that hold a value."""
    return len(cells) - cells.count("")


def _width(rows: Sequence[Row]) -> int:
    """Cells of a full row; one row alone proves no width."""
    counts = sorted(filled(cells) for _, cells in rows)
    return counts[-2] if len(counts) > 1 else counts[-1]


def _first(
    rows: Sequence[Row], merged: Sequence[Area], wanted: Wanted, width: int
) -> tuple[int, str, float]:
    """Index of the header, why it is one, and how sure that is; of the first record, without a
    reason, where there is none."""
    if wanted.header_row is not None:
        at = next((i for i, row in enumerate(rows) if row[0] + 1 >= wanted.header_row), 0)
        return at, "the options say where the header is", 1.0
    for at, row in enumerate(rows[:_BELOW]):
        texts = naming.column_names([shown(c) for c in row[1] if c != ""])
        shared = len(wanted.columns & set(texts))
        if shared > 1 and 2 * shared >= len(texts):
            return at, f"the table has {shared} of {len(texts)} names in the header as columns", 1.0
    full = [2 * filled(_spread(row, rows[i : i + 1], merged)) > width for i, row in enumerate(rows)]
    wide = [i for i, row in enumerate(rows) if full[i] and (filled(row[1]) > 1 or width < 2)]
    first = wide[0] if wide else 0
    for at in wide[:_BELOW]:
        if at != first and filled(rows[at][1]) <= max(filled(row[1]) for row in rows[first:at]):
            continue
        if _are_names(rows, at, merged):
            below = [row for row in rows[at + 1 : at + 1 + _BELOW] if 2 * filled(row[1]) > width]
            kinds = sum(
                any(not isinstance(row[1][column], str) for row in below)
                for column, cell in enumerate(rows[at][1])
                if isinstance(cell, str) and cell
            )
            if kinds:
                return at, f"{kinds} columns hold other kinds of values than their first cell", 1.0
            return at, "the first row of the table holds distinct texts", 0.9
    if wanted.header == "present":
        return first, "the options say that there is a header", 1.0
    return first, "", 0.8


def _are_names(rows: Sequence[Row], at: int, merged: Sequence[Area]) -> bool:
    """Whether a row may name columns: distinct texts; numbers and dates only in a run, such as
    years; no values of the columns below."""
    cells = rows[at][1]
    values = [cell for cell in cells if cell != ""]
    texts = [cell.strip().casefold() for cell in values if isinstance(cell, str)]
    if _wide_merges(rows[at][0], len(cells), merged):
        return len(texts) == len(values)
    years = [int(each) for each in texts if _YEAR.fullmatch(each)]
    run = [*(cell for cell in values if not isinstance(cell, str)), *years]
    names = [each for each in texts if not _YEAR.fullmatch(each)]
    if not names or any(map(_NUMBER.fullmatch, names)) or len(set(names)) * 2 <= len(names):
        return False
    if run and (values[0] in run or not _is_run(run)):
        return False
    below = [row[1] for row in rows[at + 1 :] if row[1] != cells]
    again = sum(
        any(row[column] == cell for row in below) for column, cell in enumerate(cells) if cell != ""
    )
    return 4 * again <= len(values)


def _is_run(values: Sequence[Any]) -> bool:
    """Whether values may be names in order: two or more years, or dates, that rise or fall."""
    years = all(
        isinstance(v, int | float) and not isinstance(v, bool) and v in range(1900, 2101)
        for v in values
    )
    if len(values) < 2 or not (years or all(isinstance(v, date) for v in values)):
        return False
    keys = [v.isoformat() if isinstance(v, date) else v for v in values]
    return keys in (sorted(set(keys)), sorted(set(keys), reverse=True))


def _header_rows(rows: Sequence[Row], at: int, merged: Sequence[Area]) -> int:
    """Rows of a header: as far down as its merged cells reach, and one below such as span
    columns."""
    number, last = rows[at][0], at
    for index in range(at, min(at + _BELOW, len(rows) - 1)):
        if index > last:
            break
        row, cells = rows[index]
        bottoms = [b for (top, _), (b, _) in merged if top <= row <= b and top >= number]
        last = max([last, *(at + b - number for b in bottoms)])
        below = rows[index + 1]
        if (
            _wide_merges(row, len(cells), merged)
            and below[0] == row + 1
            and all(isinstance(cell, str) for cell in below[1])
        ):
            last = max(last, index + 1)
    return last - at + 1


def _wide_merges(row: int, width: int, merged: Sequence[Area]) -> bool:
    """Whether cells of the row are merged over columns, but not over all."""
    return any(top == row and 0 < right - left < width - 1 for (top, left), (_, right) in merged)


def _spread(row: Row, header: Sequence[Row], merged: Sequence[Area]) -> list[Any]:
    """The row with the value of merged cells in each of them."""
    number, cells = row[0], list(row[1])
    rows = dict(header)
    for (top, left), (bottom, right) in merged:
        if top <= number <= bottom and top in rows and left >= 0:
            for column in range(left, min(right + 1, len(cells))):
                cells[column] = rows[top][left]
    return cells


def _is_total(cells: Sequence[Any]) -> bool:
    """Whether a row's first text is a word for a total, before numbers."""
    values = [cell for cell in cells if cell != ""]
    label = values[0] if values and isinstance(values[0], str) else ""
    numbers = any(isinstance(value, int | float) for value in values[1:])
    return numbers and _TOTALS.fullmatch(label.strip(" :").casefold()) is not None


def _is_note(cells: Sequence[Any], width: int) -> bool:
    """Whether a row holds one text, below three or more columns."""
    values = [cell for cell in cells if cell != ""]
    return width > 2 and len(values) == 1 and isinstance(values[0], str)
