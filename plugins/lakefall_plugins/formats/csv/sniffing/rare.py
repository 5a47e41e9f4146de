"""Delimiters that nobody prefers: which of them a sample speaks for.

Any ASCII punctuation mark may delimit, and most of them also stand inside values: in dates,
names, paths, versions, telephone numbers. One is taken where rows without exception agree, or
where the first line is a row of names between it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from lakefall_plugins.formats.csv.sniffing.cells import TYPED, Cells, Kind
from lakefall_plugins.formats.csv.sniffing.scoring import INNER, Scored
from lakefall_plugins.formats.csv.sniffing.splitting import Split, Way

_OTHER = " :^~#&*!+=%$@/\\_-.<>?`()[]{}\x01\x02\x03\x1c\x1d\x1e\x1f"
"""ASCII punctuation and the separators of the C0 set."""
_LINES = 200
_BETWEEN_QUOTES = re.compile(r"\"([^\w\s\"',;|]| )\"|'([^\w\s\"',;|]| )'")
_QUOTED = {'"': re.compile(r'"[^"\n]*"'), "'": re.compile(r"\B'[^'\n]*'\B")}
_NAME = re.compile(r"(?:[^\W\d]|_)\w*(?:[ ._-]\w+){0,5}|\w+(?: \([^()]{1,12}\))")
_JOINING = frozenset("-_.")
"""Characters that join the words of one name: two columns are not told from one by them."""
_NATURAL = frozenset("-_. /:")
"""Characters that texts are full of."""
_ODD_SHARE = 0.02
_TYPED_SHARE = 0.8
_SAMPLE_ROWS = 100

Cellses = Sequence[Sequence[str]]


def others_in(text: str, preferred: Sequence[str]) -> list[str]:
    """Other delimiters that half of the lines or more have equally often, or that stand between
    quoted cells."""
    lines = [line for line in text.split("\n")[:_LINES] if line.strip()]
    quoted = Counter(a or b for a, b in _BETWEEN_QUOTES.findall("\n".join(lines)))
    bare = [lines, *([pattern.sub("", line) for line in lines] for pattern in _quoted_in(text))]
    found: list[str] = []
    for d in _OTHER:
        if d in preferred or d not in text:
            continue
        counts = [[line.count(d) for line in kind] for kind in bare]
        if d == " ":
            counts += [[len(line.split()) - 1 for line in kind] for kind in bare]
        if 2 * quoted[d] >= len(lines) or any(map(_agree, counts)):
            found.append(d)
    return found


def _quoted_in(text: str) -> list[re.Pattern[str]]:
    """Patterns of quoted cells, for the quotes that the text holds."""
    return [pattern for quote, pattern in _QUOTED.items() if quote in text]


def _agree(counts: Sequence[int]) -> bool:
    """Whether half of the lines or more have the same number of delimiters."""
    times = max((n for count, n in Counter(counts).items() if count), default=0)
    return times >= 2 and len(counts) <= 2 * times


def is_evident(scored: Scored, cells: Cells) -> bool:
    """Whether rows agree on the delimiter: next to no odd ones, and more than two words or parts
    of one value in each."""
    rows = [row for row in scored.split.rows if not row.blank]
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
    """Whether the first line is a row of distinct names between the delimiter, and the rows below
    have as many cells. A column of ``a/b`` is called ``path``, and not ``id/name``."""
    rows = [row.cells for row in split.rows if not row.blank]
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
    return not _are_values(lines, cells) and _is_enough(way.delimiter, rows, body, cells)


def _is_enough(delimiter: str, rows: Cellses, body: Cellses, cells: Cells) -> bool:
    """Whether the columns below the names are more than words that the delimiter joins."""
    width = len(rows[0])
    typed, natural = _typed_columns(body, cells), delimiter in _NATURAL
    if width > 2:
        return 2 * typed >= width if delimiter in _JOINING | {"/"} else typed > 0 or not natural
    if natural:
        return typed > 0 and delimiter not in _JOINING
    return typed > 0 or len(rows) > 3


def is_set_apart(split: Split) -> bool:
    """Whether the delimiter stands between quoted cells, in rows of one width."""
    widths = Counter(len(row.cells) for row in split.rows if not row.blank)
    if not widths or split.misplaced or split.open_end:
        return False
    width, rows = widths.most_common(1)[0]
    if width < 2 or widths.total() - rows > max(0.1 * widths.total(), widths.total() > 2):
        return False
    return 2 * split.quoted >= sum(width * count for width, count in widths.items())


def _is_name(cell: str) -> bool:
    return _NAME.fullmatch(cell.strip()) is not None


def _typed_columns(body: Cellses, cells: Cells) -> int:
    """Columns of numbers, dates and the like."""
    count = 0
    for column in zip(*body, strict=True):
        filled = [cell for cell in column if cell.strip()]
        typed = sum(cells[cell].kind in TYPED for cell in filled)
        count += typed > 0 and typed >= _TYPED_SHARE * len(filled)
    return count


def _are_values(lines: Sequence[str], cells: Cells) -> bool:
    """Whether whole lines are numbers, dates or times."""
    kinds = {Kind.NUMBER, Kind.DATE, Kind.TIME, Kind.TIMESTAMP}
    return sum(cells.line(line).kind in kinds for line in lines) >= _TYPED_SHARE * len(lines)
