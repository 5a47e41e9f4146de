"""Which characters may delimit the fields of a sample, and what decides between them.

The candidates are the preferred delimiters that occur, and others on strong evidence.
Any ASCII punctuation mark may delimit, and most of them also stand inside values: in dates, names,
paths, versions, telephone numbers. One is taken where rows without exception agree, or where the
first line is a row of names between it. A delimiter of several characters is one where all lines
have it equally often, and what it is made of hardly stands elsewhere.

Of a character that may be a delimiter or part of the values, the header decides. ``1,5`` is one
decimal number, or two integers; ``Rome, Italy`` one place, or two cells. Both readings describe the
same characters, so description lengths grow with the rows and prove nothing. The lines that are
unlike the others do: a header ``id,v`` or a cell ``3,n/a`` shows that the character delimits, a
header ``amount`` that it does not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from lakefall_plugins.formats.csv.sniffing.cells import TYPED, Cells, Kind
from lakefall_plugins.formats.csv.sniffing.layout import is_of_values, mark_of, named_width
from lakefall_plugins.formats.csv.sniffing.scoring import INNER, Scored, use_bits
from lakefall_plugins.formats.csv.sniffing.splitting import BLANK, Row, Split, Way

# --- candidates ---


def preferred_in(text: str, preferred: Sequence[str]) -> list[str]:
    """No delimiter, and the preferred ones that occur."""
    return ["", *(d for d in preferred if d and d in text)]


# --- delimiters that are not among the preferred ones ---

_OTHER = " :^~#&*!+=%$@/\\_-.<>?`()[]{}\x01\x02\x03\x1c\x1d\x1e\x1f"
"""ASCII punctuation and the separators of the C0 set."""
_LINES, _MOST_OTHERS = 200, 6
_BETWEEN_QUOTES = re.compile(r"\"([^\w\s\"',;|]| )\"|'([^\w\s\"',;|]| )'")
_QUOTED = (
    ('"', re.compile(r'"[^"\n]*"')),
    ('"', re.compile(r'"[^"]*"')),
    ("'", re.compile(r"\B'[^'\n]*'\B")),
)
"""Quoted cells, of one line and of several."""
_NAME = re.compile(r"(?:[^\W\d]|_)\w*(?:[ ._-]\w+){0,5}|\w+(?: \([^()]{1,12}\))")
_JOINING = frozenset("-_.")
"""Characters that join the words of one name: they do not set two columns apart."""
_NATURAL = frozenset("-_. /:")
"""Characters that texts are full of."""
_MARKS = frozenset(_OTHER) - _NATURAL - INNER
"""Characters that texts have next to none of, wherever they do not touch a blank."""
_ODD_SHARE = 0.02
_VALUE_SHARE = 0.8
_SAMPLE_ROWS = 100
_MOST_TITLES, _TITLE_WORDS = 3, 3
"""Lines above a header, and words of one that is no name."""

Cellses = Sequence[Sequence[str]]


def others_in(text: str, preferred: Sequence[str]) -> list[str]:
    """Other delimiters that half of the lines or more have equally often, or that stand between
    quoted cells; the likeliest where they are many."""
    lines = [line for line in text.split("\n")[:_LINES] if line.strip()]
    joined = "\n".join(lines)
    bare = [joined, *(p.sub("", joined) for quote, p in _QUOTED if quote in joined)]
    quoted = Counter(a or b for a, b in _BETWEEN_QUOTES.findall(joined))
    found: list[str] = []
    for d in _OTHER:
        if d in preferred or d not in text:
            continue
        if 2 * quoted[d] >= len(lines) or any(_agree(d, kind) for kind in bare):
            found.append(d)
    return sorted(found, key=lambda d: use_bits(d, preferred))[:_MOST_OTHERS]


def _agree(delimiter: str, text: str) -> bool:
    """Whether half of the lines or more have the same number of delimiters, or of words."""
    lines = text.split("\n")
    few = 2 * text.count(delimiter) < len(lines)
    if not few and _are_alike([line.count(delimiter) for line in lines]):
        return True
    return delimiter == " " and _are_alike([len(line.split()) - 1 for line in lines])


def _are_alike(counts: Sequence[int]) -> bool:
    """Whether half of the numbers or more are the same, and not 0."""
    times = max((n for count, n in Counter(counts).items() if count), default=0)
    return times >= 2 and len(counts) <= 2 * times


def may_be_evident(way: Way, split: Split) -> bool:
    """Whether rows may agree on a delimiter, as far as their widths tell."""
    return way.delimiter not in INNER or max(split.widths, default=1) > 2


def is_evident(scored: Scored, cells: Cells) -> bool:
    """Whether rows agree on the delimiter: next to no odd ones, and more than two words or parts
    of one value in each."""
    rows = scored.split.filled
    inner = scored.way.delimiter in INNER
    odd = _ODD_SHARE * len(rows) if inner else max(0.3 * len(rows), len(rows) > 2)
    if scored.width < 2 or len(rows) < 2 or scored.odd_rows > odd:
        return False
    if scored.width > 2:
        return True
    if inner:
        return False
    return scored.way.delimiter != " " or any(cells[c].kind in TYPED for c in rows[-1].cells)


def is_headed(way: Way, split: Split, cells: Cells) -> bool:
    """Whether the first line, or the first one below a title, is a row of distinct names between
    the delimiter, and the rows below have as many cells. A column of ``a/b`` is called ``path``,
    and not ``id/name``."""
    filled = split.filled
    titles = _titles(filled)
    rows = [row.cells for row in filled[titles:]]
    if len(rows) < 2 or split.misplaced or split.open_end:
        return False
    names = rows[0]
    if len(names) < 2 or len(set(names)) < len(names) or not all(map(_is_name, names)):
        return False
    body = [row for row in rows[1:] if len(row) == len(names)]
    if len(body) < (1 - _ODD_SHARE) * (len(rows) - 1):
        return False
    body = body[:_SAMPLE_ROWS]
    lines = [way.delimiter.join(row) for row in body]
    if _are_values(lines, cells) or not _is_enough(way.delimiter, rows, body, cells):
        return False
    return not titles or _is_titled(way.delimiter, filled[: titles + 1], body, cells)


def may_show(delimiter: str, text: str) -> bool:
    """Whether a delimiter can be one by the names between it, or by quoted cells: it stands in one
    of the first lines, or there are quotes or escapes."""
    lines = (line for line in text.split("\n") if line.strip(BLANK))
    first = islice(lines, _MOST_TITLES + 1)
    return any(mark in text for mark in "\"'\\") or any(delimiter in line for line in first)


def _titles(rows: Sequence[Row]) -> int:
    """Lines without the delimiter above the first one that has it."""
    count = next((n for n, row in enumerate(rows) if len(row.cells) > 1), 0)
    return count if count <= _MOST_TITLES else 0


def _is_titled(delimiter: str, above: Sequence[Row], body: Cellses, cells: Cells) -> bool:
    """Whether a line above names is a title, and no name of a column whose values hold the
    delimiter: it is a phrase or set off by a blank line, or the names stand above values."""
    set_off = above[-1].line > above[-2].line + 1
    valued = any(is_of_values(at, body, cells) for at in range(len(above[-1].cells)))
    phrase = len(above[0].cells[0].split()) >= _TITLE_WORDS
    if delimiter in _NATURAL:
        return valued and (set_off or (phrase and delimiter == ":"))
    return set_off or valued or phrase


def _is_enough(delimiter: str, rows: Cellses, body: Cellses, cells: Cells) -> bool:
    """Whether the columns below the names are more than words that the delimiter joins."""
    width = len(rows[0])
    typed = sum(is_of_values(at, body, cells) for at in range(width))
    natural = delimiter in _NATURAL
    if width > 2:
        return 2 * typed >= width if delimiter in _JOINING | {"/"} else typed > 0 or not natural
    if natural:
        return typed > 0 and delimiter not in _JOINING
    return typed > 0 or len(rows) > 3


def is_set_apart(split: Split) -> bool:
    """Whether the delimiter stands between quoted cells, in rows of one width."""
    widths = split.widths
    if not widths or split.misplaced or split.open_end:
        return False
    width, rows = widths.most_common(1)[0]
    if width < 2 or widths.total() - rows > max(0.1 * widths.total(), widths.total() > 2):
        return False
    return 2 * split.quoted >= sum(width * count for width, count in widths.items())


def _is_name(cell: str) -> bool:
    return _NAME.fullmatch(cell.strip()) is not None


def _are_values(lines: Sequence[str], cells: Cells) -> bool:
    """Whether whole lines are numbers, dates or times."""
    kinds = {Kind.NUMBER, Kind.DATE, Kind.TIME, Kind.TIMESTAMP}
    return sum(cells.line(line).kind in kinds for line in lines) >= _VALUE_SHARE * len(lines)


# --- delimiters of several characters ---

_RUN = re.compile(r"[|~^#$&@*!:;%+=<>]{2,4}")
_ALONE = 0.05
"""Share of a character's places that may lie outside of the delimiter made of it."""
_USUAL = 0.8
"""Share of lines that have it as often as the first one, where the others are records cut short."""


def several_in(text: str, used: Way) -> str:
    """The delimiter of several characters that the lines have equally often; ``''`` for none.

    Args:
        text: the sample.
        used: the best reading; where its delimiter is no part of the longer one, it stays.
    """
    if used.quotechar and used.quotechar in text:
        q = re.escape(used.quotechar)
        text = re.sub(f"{q}[^{q}]*{q}", "", text)
    lines = [line for line in text.split("\n")[:_LINES] if line.strip()]
    mark = used.delimiter
    titles = next((n for n, line in enumerate(lines) if mark in line), 0)
    lines = lines[titles if titles <= _MOST_TITLES else 0 :]
    if len(lines) < 2:
        return ""
    runs: list[str] = sorted(dict.fromkeys(_RUN.findall(lines[0])), key=len, reverse=True)
    return next((r for r in runs if (not mark or mark in r) and _divides(r, mark, lines)), "")


def _divides(run: str, used: str, lines: Sequence[str]) -> bool:
    """Whether all lines hold the run equally often, and what it is made of hardly elsewhere, in the
    first line not at all; or most lines do, and it is made of what stands nowhere else."""
    counts = Counter(line.count(run) for line in lines)
    if set(run) == {";"} or any(line.startswith(run) and line.endswith(run) for line in lines):
        return False
    mark = used or run[0]
    everywhere = sum(line.count(mark) for line in lines)
    inside = run.count(mark) * sum(line.count(run) for line in lines)
    if len(counts) > 1:
        most = counts[lines[0].count(run)] >= _USUAL * len(lines)
        return bool(used) and most and everywhere == inside
    named = lines[0].count(mark) == run.count(mark) * lines[0].count(run)
    return everywhere - inside <= _ALONE * everywhere or (named and lines[0].count(run) > 1)


# --- a delimiter, or part of the values ---

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
_BARE_NAME = re.compile(r"[^\W\d]\w*")


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
    lines = [line for line in text.split("\n") if line.strip() and not mark_of(line)]
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


def without_misfits(
    scored: Sequence[Scored], preferred: Sequence[str], cells: Cells
) -> list[Scored]:
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
    kept = [
        s for s in scored if not _is_phrase(s, preferred, cells) or is_headed(s.way, s.split, cells)
    ]
    titled = [s.bits for s in kept if s.width == 2 and _heads_off(s)]
    # A title above two columns, or a name above values of two parts: nothing decides.
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
    rows = [row.cells for row in scored.split.filled]
    return all(any(cell.strip() for cell in column) for column in zip(*rows, strict=True))


def by_marks(scored: Sequence[Scored], cells: Cells) -> list[Scored]:
    """The scores without those of blanks where a mark that is no natural part of text divides all
    records alike: first and last names have a blank between them in every record, too, but between
    blanks stands ``Hopper#12#Grace``, and between marks a name or a value."""
    if all(s.way.delimiter != " " for s in scored):
        return list(scored)
    if not any(_is_marked(s, cells) for s in scored if s.way.delimiter in _MARKS):
        return list(scored)
    return [s for s in scored if s.way.delimiter != " "]


def _is_marked(scored: Scored, cells: Cells) -> bool:
    """Whether names, or nothing but names and values, stand between marks that touch no blank."""
    found, width = scored.split, scored.width
    rows = [row.cells for row in found.filled[_titles(found.filled) :]]
    if width < 2 or len(rows) < TABBED_ROWS or found.misplaced or found.open_end:
        return False
    held = [cell for row in rows[:_SAMPLE_ROWS] for cell in row]
    if any(cell != cell.strip(" ") for cell in held):
        return False
    if is_headed(scored.way, found, cells):
        return True
    whole = all(len(row) == width for row in rows)
    return whole and all(_is_name(cell) or cells[cell].kind in TYPED for cell in held)


def under_names(scored: Sequence[Scored], preferred: Sequence[str], cells: Cells) -> list[Scored]:
    """The scores, a single column's raised where the first line is a header of several names:
    short files with ragged rows have little other evidence of the delimiter. Where records
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
    first = _first_cells(scored)
    if not 1 < len(first) == scored.width:
        return False
    return len(set(first)) == len(first) and all(map(_BARE_NAME.fullmatch, first))


def _first_cells(scored: Scored) -> Sequence[str]:
    """The cells of the first row that is not blank."""
    return next((row.cells for row in scored.split.filled), ())


def _is_phrase(scored: Scored, preferred: Sequence[str], cells: Cells) -> bool:
    """Whether records read like ``Smith, John``, ``John Smith`` or sentences below a name of one
    word; the table might also have a title, so that columns of another look are none."""
    delimiter = scored.way.delimiter
    if not _heads_off(scored):
        return False
    if scored.width > 2 and delimiter not in INNER:
        body = [row.cells for row in scored.split.rows if len(row.cells) == scored.width]
        values = any(is_of_values(at, body[:_SAMPLE_ROWS], cells) for at in range(scored.width))
        if delimiter == " " and any(cell.endswith(",") for row in body for cell in row):
            values = False  # ``note 5, it seems``: a number in prose
        natural = delimiter in _NATURAL or _pauses(scored)
        if not natural or values or not _is_name(_first_cells(scored)[0]):
            return False
    return delimiter not in preferred or _pauses(scored)


def _rows(scored: Scored) -> int:
    return len(scored.split.filled)


def is_whole(scored: Scored) -> bool:
    """Whether every row, the first one too, has the table's width and no quote is misplaced."""
    found = scored.split
    return found.widths.keys() <= {scored.width} and not found.open_end and not found.misplaced


def _heads_off(scored: Scored) -> bool:
    """Whether the first row is one cell above wider ones."""
    return len(_first_cells(scored)) == 1 < scored.width


def _pauses(scored: Scored) -> bool:
    """Whether a blank follows the delimiter wherever it stands, as it does in prose."""
    later = [cell for row in scored.split.rows for cell in row.cells[1:]]
    return all(cell.startswith(" ") for cell in later)
