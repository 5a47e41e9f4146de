"""What a way of reading costs: the description length of the sample's rows under it.

Rows of one width and columns of one kind are cheap; rows that break the pattern, cells that are
neither this nor that, and quotes out of place are dear. The uniformity of the table is García's
first criterion ("Detecting CSV file dialects by table uniformity measurement and data type
inference", 2023), the kind of the cells his second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from math import log2

from lakefall_plugins.formats.csv.sniffing.cells import Cells, Kind, text_bits
from lakefall_plugins.formats.csv.sniffing.layout import (
    MOST_CELLS,
    MOST_COLUMNS,
    Part,
    every,
    header_above_short,
    main_part,
    named_width,
    parts,
)
from lakefall_plugins.formats.csv.sniffing.splitting import Row, Split, Way, filled_rows

COLUMN_BITS = 3.0
"""To say what kind a column is of."""
MISFIT_BITS = 4.0
"""To say that a cell is not of its column's kind."""
ODD_ROW_BITS = 13.0
"""To say that a row has another width than the table."""
REPEATED_ODD_BITS = 8.0
"""To say that an odd row comes again."""
ODD_CELL_BITS = 2.0
"""For each cell that an odd row has too many or too few."""
STACKED_BITS = 10.0
"""To say that another table begins."""
SHORT_BITS = 3.0
"""To say that a row leaves out its last fields, where most do, or ends with a delimiter."""
TITLE_BITS = 4.0
"""A row of one cell above the table and a blank line."""
COMMENT_BITS = 3.0
"""An odd row that begins like a comment."""
UNIFORM_BITS = 2.0
"""Gained for each of the first ten rows of one width, repeated ones too, as far as few are odd."""
PERFECT_BITS = 3.0
"""Gained besides where no row at all is odd, not even the first one."""
QUOTED_BITS = 1.0
PROTECTED_BITS = 10.0
"""Gained for a quoted cell that holds a delimiter or a line end: that is what quotes are for, and
they seldom stand so by chance."""
MISPLACED_BITS = 14.0
OPEN_END_BITS = 40.0
INNER_BREAK_BITS = 1.0
"""A line end inside a quoted cell: allowed, but rarer than one between rows."""

LEAST_CELLS = 20
"""Of more cells than ``MOST_CELLS`` only those in evenly spread rows are looked at, where a column
holds more different ones than this: the others cost as much as they do."""

_PRIOR_BITS = {"": 0.0, ",": 0.0, "\t": 1.0, ";": 1.0, "|": 2.0}
_USE_BITS = {"": 0.0, ",": 0.2, "\t": 0.1, ";": 0.2, "|": 0.2}
_RARE_PRIOR_BITS = {" ": 10.0, ":": 12.0, "^": 8.0, "~": 8.0, "\x01": 2.0, "\x1f": 2.0, "\x1e": 4.0}
_RARE_USE_BITS = {" ": 2.5, ":": 3.0, "^": 1.0, "~": 1.0, "\x01": 0.5, "\x1f": 0.5, "\x1e": 0.5}
_STRANGE_PRIOR_BITS, _STRANGE_USE_BITS = 12.0, 3.0
_INNER_PRIOR_BITS, _INNER_USE_BITS = 30.0, 6.0
INNER = frozenset("._-/\\@%()[]{}<>+=?")
"""Characters that stand inside values: dates, names, paths, versions, telephone numbers."""
_ODD_ROW_USE_BITS = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """A way of reading with its cost."""

    way: Way
    split: Split
    width: int
    """Columns of the table."""
    bits: float
    odd_rows: int
    """Rows of another width; blank lines and comments are none."""
    short_below: int | None = None
    """Index of the header where most rows below it leave out their last fields."""
    part: Part | None = None
    """The rows of the table, where others stand above or below it."""


def score(
    way: Way, split: Split, cells: Cells, preferred: Sequence[str], rest: float = 0.0
) -> Scored:
    """The cost of a way of reading, in bits; the cheapest is the best.

    Args:
        way: delimiter, quote and escape.
        split: the sample's rows under that way.
        cells: shared between the ways that are compared.
        preferred: delimiters that need no strong evidence.
        rest: how many times as long as the sample the rest of the file is.
    """
    mark = _Mark(way.delimiter, use_bits(way.delimiter, preferred))
    found = parts(split.rows, cells) if way.delimiter else [Part(0, len(split.rows))]
    tables = [_table(split.rows[part.start : part.end], cells, mark) for part in found]
    main = main_part(found, split.rows, rest)
    part, table = found[main], tables[main]
    rows = split.filled
    bits = sum(t.bits for t in tables) + STACKED_BITS * (len(tables) - 1)
    bits += prior_bits(way, preferred)
    distinct = len({row.cells for row in rows}) / len(rows) if rows else 1.0
    bits += (QUOTED_BITS * split.quoted + INNER_BREAK_BITS * split.inner_breaks) * distinct
    bits += MISPLACED_BITS * split.misplaced + OPEN_END_BITS * split.open_end
    bits -= PROTECTED_BITS * split.protected * distinct
    short_below = None if table.short_below is None else part.start + table.short_below
    return Scored(
        way, split, table.width, bits, table.odd_rows, short_below, part if len(found) > 1 else None
    )


@dataclass(frozen=True, slots=True)
class _Mark:
    """What stands between the cells of a row."""

    delimiter: str
    use: float
    """Bits that each costs."""


@dataclass(frozen=True, slots=True)
class _Table:
    """One table's cost."""

    bits: float
    width: int = 1
    odd_rows: int = 0
    short_below: int | None = None


def _table(rows: Sequence[Row], cells: Cells, mark: _Mark) -> _Table:
    """The cheapest reading of some rows as one table."""
    filled = filled_rows(rows)
    named = named_width(filled, cells) if mark.delimiter else None
    ways = [
        _table_bits(filled, width, _titles(rows, width), cells, mark)
        for width in ([named] if named else _widths(filled))
    ]
    if mark.delimiter and (width := _width_without_ends(filled)):
        ways.append(_ends_bits(filled, width, _titles(rows, width), cells, mark))
    header = header_above_short(rows, cells) if mark.delimiter else None
    if header is not None:
        ways.append(replace(_short_bits(rows, header, cells, mark), short_below=header))
    return min(ways, key=lambda table: table.bits, default=_Table(0.0))


def _short_bits(rows: Sequence[Row], header: int, cells: Cells, mark: _Mark) -> _Table:
    """The cost of a table whose records are taken as if they held their last fields, empty."""
    width = len(rows[header].cells)
    full, short = [], 0
    for row in rows:
        missing = width - len(row.cells) if row.line > rows[header].line else 0
        if row.blank:
            continue
        short += missing > 0
        full.append(Row(row.line, row.cells + ("",) * max(missing, 0)))
    table = _table_bits(full, width, 0, cells, mark)
    return replace(table, bits=table.bits + SHORT_BITS * short)


def _width_without_ends(rows: Sequence[Row]) -> int:
    """The table's width where the rows of the next larger one just end with a delimiter; 0 where
    that is not so."""
    widths = _widths(rows)
    if len(widths) < 2 or abs(widths[0] - widths[1]) != 1 or min(widths) < 2:
        return 0
    longer = max(widths)
    return 0 if any(r.cells[-1] for r in rows if len(r.cells) == longer) else min(widths)


def _ends_bits(rows: Sequence[Row], width: int, titles: int, cells: Cells, mark: _Mark) -> _Table:
    """The cost of a table some of whose lines end with a delimiter, which divides nothing."""
    bare = [Row(r.line, r.cells[:width]) if len(r.cells) == width + 1 else r for r in rows]
    table = _table_bits(bare, width, titles, cells, mark)
    ends = sum(len(row.cells) == width + 1 for row in rows)
    return replace(table, bits=table.bits + SHORT_BITS * ends)


def as_preferred(scored: Scored, preferred: Sequence[str]) -> Scored:
    """The way's cost as if its delimiter were a preferred one: there is other evidence for it."""
    way, regular = scored.way, sum(len(r.cells) == scored.width for r in scored.split.rows)
    usual = (*preferred, way.delimiter)
    saved = prior_bits(way, preferred) - prior_bits(way, usual)
    each = use_bits(way.delimiter, preferred) - use_bits(way.delimiter, usual)
    return replace(scored, bits=scored.bits - saved - each * regular * (scored.width - 1))


def prior_bits(way: Way, preferred: Sequence[str]) -> float:
    """How unlikely the way is before the text is seen."""
    bits = {"": 0.0, '"': 1.0, "'": 4.0}.get(way.quotechar, 6.0) + 6.0 * bool(way.escapechar)
    if way.delimiter in preferred or not way.delimiter:
        return bits + _PRIOR_BITS.get(way.delimiter, 2.0)
    strange = _INNER_PRIOR_BITS if way.delimiter in INNER else _STRANGE_PRIOR_BITS
    return bits + _RARE_PRIOR_BITS.get(way.delimiter, strange)


def use_bits(delimiter: str, preferred: Sequence[str]) -> float:
    """What each delimiter between two cells of a regular row costs."""
    if delimiter in preferred or not delimiter:
        return _USE_BITS.get(delimiter, 0.5)
    strange = _INNER_USE_BITS if delimiter in INNER else _STRANGE_USE_BITS
    return _RARE_USE_BITS.get(delimiter, strange)


def _widths(rows: Sequence[Row]) -> list[int]:
    """The widths that may be the table's: the two that the most rows have."""
    counts = Counter(len(row.cells) for row in rows)
    return [width for width, _ in counts.most_common(2)]


def _titles(rows: Sequence[Row], width: int) -> int:
    """Rows of one cell that a blank line sets off from the table below them."""
    lone = blank = 0
    for row in rows:
        if row.blank:
            blank = lone
        elif width > 1 and len(row.cells) == 1:
            lone += 1
        else:
            break
    return blank


def _table_bits(rows: Sequence[Row], width: int, titles: int, cells: Cells, mark: _Mark) -> _Table:
    regular = [row.cells for row in rows if len(row.cells) == width]
    # Rows that repeat a whole row prove nothing new, however they are read.
    regular = list(dict.fromkeys(regular))
    bits = len(regular) * (width - 1) * mark.use
    step = every(len(regular), width)
    for column, times in _columns(regular, width):
        bits += times * _column_bits(column, cells, mark.delimiter, step, single=width == 1)
    bits += sum(TITLE_BITS + cells.line(row.cells[0]).text_bits for row in rows[:titles])
    others = [row.cells for row in rows[titles:] if len(row.cells) != width]
    counted = Counter(others)
    looked_at = list(counted)[:: 1 + sum(map(len, counted)) // MOST_CELLS]
    odd_bits = sum(_odd_row_bits(row, width, cells, mark.use) for row in looked_at)
    bits += odd_bits * len(counted) / max(1, len(looked_at))
    bits += sum(
        REPEATED_ODD_BITS * (n - 1) for row, n in counted.items() if not row[0].startswith("#")
    )
    odd = sum(not row[0].startswith("#") for row in others)
    if width > 1:
        alike = len(rows) - titles - len(others)
        bits -= UNIFORM_BITS * min(alike, 10) * max(0.0, 1 - 5 * odd / (alike + odd))
        bits -= PERFECT_BITS * min(alike, 10) * (alike > 1 and alike == len(rows))
    return _Table(bits, width, odd)


def _columns(
    rows: Sequence[tuple[str, ...]], width: int
) -> Iterator[tuple[tuple[str, ...], float]]:
    """The columns, and how many each stands for: of thousands only some are looked at."""
    places = range(0, width, max(1, width // MOST_COLUMNS))
    for column in islice(zip(*rows, strict=True), 0, width, places.step):
        yield column, width / len(places)


def _odd_row_bits(row: tuple[str, ...], width: int, cells: Cells, use: float) -> float:
    off = abs(len(row) - width)
    if row[0].startswith("#"):
        return COMMENT_BITS + sum(cells.line(text).text_bits for text in row)
    if len(row) == 1:
        return ODD_ROW_BITS + ODD_CELL_BITS * min(off, 8) + cells.line(row[0]).text_bits
    bits = ODD_ROW_BITS + ODD_CELL_BITS * min(off, 8) + (len(row) - 1) * max(use, _ODD_ROW_USE_BITS)
    known = [cells[text] for text in row[:: max(1, len(row) // MOST_COLUMNS)]]
    each = sum(min(typed + MISFIT_BITS, free) for _, typed, free in known)
    return bits + each * len(row) / len(known)


def _column_bits(
    column: Sequence[str], cells: Cells, delimiter: str, step: int, *, single: bool
) -> float:
    """A column's cost: each distinct cell once, its repetitions by reference."""
    # The innermost loop of detection: plain dicts, and only what a cell has is looked at.
    counts: dict[str, int] = {}
    for text in column:
        counts[text] = counts.get(text, 0) + 1
    total, distinct = sum(counts.values()), len(counts)
    if step > 1 and distinct > LEAST_CELLS:
        first = dict(zip(column[::-1], range(len(column))[::-1], strict=True))
        counts = {text: counts[text] for text, at in first.items() if at % step == 0}
    known = list(map(cells.line if single else cells.__getitem__, counts))
    masses: dict[Kind, int] = {}
    for (kind, _, _), count in zip(known, counts.values(), strict=True):
        masses[kind] = masses.get(kind, 0) + count
    usual, passage = (main_kind(masses), Kind.EMPTY), Kind.TEXT
    passages = [
        text
        for text, (kind, _, _) in zip(counts, known, strict=True)
        if "\n" in text and kind is passage
    ]
    share = _passage_share(passages, delimiter) if passages else 1.0
    bits = 0.0
    for (text, count), (kind, typed, free) in zip(counts.items(), known, strict=True):
        once = typed * share if passages and kind is passage and "\n" in text else typed
        if kind not in usual:
            once = min(once + MISFIT_BITS, free + 1.0)
        bits += once
        if count > 1:
            bits += (count - 1) * min(once, log2(total / count))
    return COLUMN_BITS + bits * distinct / max(1, len(counts))


def _passage_share(passages: Sequence[str], delimiter: str) -> float:
    """Which part of their cost texts of several lines have left where what comes again in them is
    said as in rows and cells (``_table_bits``): else the reading that takes their lines for rows
    were the cheaper."""
    lines = dict.fromkeys(line for text in passages for line in text.split("\n"))
    pieces = Counter(
        piece for line in lines for piece in (line.split(delimiter) if delimiter else (line,))
    )
    total = pieces.total()
    bits = 0.0
    for piece, count in pieces.items():
        once = text_bits(piece)
        bits += once + (count - 1) * min(once, log2(total / count))
    return min(1.0, bits / sum(map(text_bits, passages)))


def main_kind(masses: Mapping[Kind, int]) -> Kind:
    """The kind that most cells of a column are of, empty ones left out."""
    held = {kind: mass for kind, mass in masses.items() if kind is not Kind.EMPTY}
    return max(held, key=lambda kind: held[kind]) if held else Kind.EMPTY
