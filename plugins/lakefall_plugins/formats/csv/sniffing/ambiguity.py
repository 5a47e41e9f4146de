"""Characters that may be delimiters or part of the values: what the header says about them.

``1,5`` is one decimal number, or two integers; ``Rome, Italy`` one place, or two cells. Both
readings describe the same characters, so description lengths grow with the rows and say nothing.
The lines that are unlike the others do: a header ``id,v`` or a cell ``3,n/a`` shows that the
character delimits, a header ``amount`` that it does not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from lakefall_plugins.formats.csv.sniffing.cells import Cells, Kind
from lakefall_plugins.formats.csv.sniffing.scoring import INNER, Scored
from lakefall_plugins.formats.csv.sniffing.stacked import named_width

DECIDED_BITS = 80.0
"""Lead of two columns where a line that is no number shows the delimiter."""
NAMED_BITS = 60.0
"""Lead of a single column with a name; less, as the name may be a title."""
ASSUMED_BITS = 24.0
"""Lead of two columns where nothing decides: that is what commas in CSV files mostly are."""
HEADED_BITS = 24.0
"""Cost of taking a first line of bare names between delimiters, ``id,name``, for one cell."""
TABBED_ROWS = 4
"""Rows that are enough for tabs to decide against all else."""
_NUMBERS, _HEAD = 0.9, 2
"""How many of the lines must be numbers, but for a title and a header."""
_PLAIN = re.compile(r"[+-]?\d+(?:[.,]\d+)*")
_PADDED = re.compile(r"[+-]?0\d")
_NAME = re.compile(r"[^\W\d]\w*")


def settle(scored: Sequence[Scored], text: str, cells: Cells) -> list[Scored]:
    """The scores, those of a column of numbers and of its parts set apart by what decides.

    Args:
        scored: every way of reading with its cost.
        text: the sample.
        cells: kinds of cells that are known already.
    """
    single = min((s.bits for s in scored if not s.way.delimiter), default=None)
    if single is None:
        return list(scored)
    lines = [line for line in text.split("\n") if line.strip()]
    settled = list(scored)
    for delimiter in {s.way.delimiter for s in scored} - {""}:
        lead = _lead(lines, delimiter, cells)
        if lead is None:
            continue
        shift = single + lead - min(s.bits for s in scored if s.way.delimiter == delimiter)
        settled = [
            replace(s, bits=s.bits + shift) if s.way.delimiter == delimiter else s for s in settled
        ]
    return settled


def _lead(lines: Sequence[str], delimiter: str, cells: Cells) -> float | None:
    """Bits by which the single column is ahead; negative for the delimiter, None if there is
    nothing to settle: the lines are not all numbers that hold the delimiter equally often."""
    numbers = [line for line in lines if cells.line(line).kind is Kind.NUMBER and delimiter in line]
    if len(numbers) < max(1.0, _NUMBERS * (len(lines) - _HEAD)):
        return None
    counts = Counter(line.count(delimiter) for line in numbers)
    count, times = counts.most_common(1)[0]
    if times < len(numbers):
        return None
    others = [line for line in lines if cells.line(line).kind is not Kind.NUMBER]
    if any(_has_parts(line, delimiter, count) for line in others):
        return -DECIDED_BITS
    if others and not any(delimiter in line for line in others):
        return NAMED_BITS
    if not all(_PLAIN.fullmatch(line.strip()) for line in numbers):
        return ASSUMED_BITS
    return -(DECIDED_BITS if any(map(_PADDED.match, numbers)) else ASSUMED_BITS)


def _has_parts(line: str, delimiter: str, count: int) -> bool:
    """Whether a line that is no number has as many parts as the numbers, written like theirs."""
    parts = line.split(delimiter)
    return len(parts) == count + 1 and all(part == part.strip() for part in parts)


def without_misfits(scored: Sequence[Scored], preferred: Sequence[str]) -> list[Scored]:
    """The scores without those of characters that stand in the values and not in the header.

    ``id;place`` over ``1;Rome, Italy``: every record has a comma, but the first line has none,
    while the semicolon divides all lines alike. More records of that kind prove nothing more.
    """
    rows = max((_rows(s) for s in scored), default=0)
    whole = [s for s in scored if is_whole(s) and 2 * _rows(s) > rows > 2]
    if not whole:
        return list(scored)
    if any(s.way.delimiter for s in whole):
        return [s for s in scored if not _heads_off(s)]
    column = min(s.bits for s in whole)
    kept = [s for s in scored if not _is_phrase(s, preferred)]
    titled = [s.bits for s in kept if s.width == 2 and _heads_off(s)]
    # A title above two columns, or a name above values of two parts: nothing tells.
    if not titled or column - min(titled) < ASSUMED_BITS:
        return kept
    shift = min(titled) + ASSUMED_BITS - column
    return [s if s.way.delimiter else replace(s, bits=s.bits + shift) for s in kept]


def by_tabs(scored: Sequence[Scored]) -> list[Scored]:
    """The scores without all others where tabs divide every row alike: texts hold commas and
    blanks, but nobody types a tab into a cell."""
    tabbed = [s for s in scored if s.way.delimiter == "\t" and is_whole(s) and s.width > 1]
    if not tabbed or _rows(tabbed[0]) < TABBED_ROWS or not all(map(_is_filled, tabbed)):
        return list(scored)
    return [s for s in scored if s.way.delimiter == "\t"]


def _is_filled(scored: Scored) -> bool:
    """Whether every column holds something: a tab may also end the lines."""
    rows = [row.cells for row in scored.split.rows if not row.blank]
    return all(any(cell.strip() for cell in column) for column in zip(*rows, strict=True))


def under_names(scored: Sequence[Scored], preferred: Sequence[str], cells: Cells) -> list[Scored]:
    """The scores, a single column's raised where the first line is a header of several names:
    short files with ragged rows have little else that speaks for the delimiter. Where records
    stand below the names, the single column is no better than their table."""
    named = [s for s in scored if s.way.delimiter in preferred and _names_columns(s)]
    if not named:
        return list(scored)
    tables = [s.bits for s in named if named_width(s.split.rows, cells)]
    least = min(tables, default=float("-inf"))
    return [
        s if s.way.delimiter else replace(s, bits=max(s.bits, least) + HEADED_BITS) for s in scored
    ]


def _names_columns(scored: Scored) -> bool:
    first = next((row for row in scored.split.rows if not row.blank), None)
    if first is None or not 1 < len(first.cells) == scored.width:
        return False
    distinct = len(set(first.cells)) == len(first.cells)
    return distinct and all(map(_NAME.fullmatch, first.cells))


def _is_phrase(scored: Scored, preferred: Sequence[str]) -> bool:
    """Whether records read like ``Smith, John`` or ``John Smith`` below a name of one word; the
    table might also have a title, so that two columns of another look are none."""
    if not _heads_off(scored) or (scored.width > 2 and scored.way.delimiter not in INNER):
        return False
    return scored.way.delimiter not in preferred or _pauses(scored)


def _rows(scored: Scored) -> int:
    return sum(not row.blank for row in scored.split.rows)


def is_whole(scored: Scored) -> bool:
    """Whether every row, the first one too, has the table's width and no quote is misplaced."""
    found = scored.split
    fits = all(len(row.cells) == scored.width for row in found.rows if not row.blank)
    return fits and not found.open_end and not found.misplaced


def _heads_off(scored: Scored) -> bool:
    """Whether the first row is one cell above wider ones."""
    first = next((row for row in scored.split.rows if not row.blank), None)
    return first is not None and len(first.cells) == 1 < scored.width


def _pauses(scored: Scored) -> bool:
    """Whether a blank follows the delimiter wherever it stands, as it does in prose."""
    later = [cell for row in scored.split.rows for cell in row.cells[1:]]
    return all(cell.startswith(" ") for cell in later)
