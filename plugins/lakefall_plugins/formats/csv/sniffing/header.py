"""Whether the first row of a table names its columns.

Evidence is added up in bits of log-odds: a name above numbers speaks for a header, a number
above numbers against one. ``csv.Sniffer.has_header`` lets columns of text vote against; here
text proves nothing, and a row of distinct names is a header until something speaks against it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from lakefall_plugins.formats.csv.sniffing.cells import TYPED, Cells, Kind

_NUMERIC = {Kind.INTEGER, Kind.NUMBER}
_BODY_ROWS = 100
_COLUMNS = 200
"""Columns that are looked at."""
_DIGITS, _LETTERS = re.compile(r"\d+"), re.compile(r"[^\W\d_]+")
_IDENTIFIER = re.compile(r"[a-zA-Z]+(?:[_.]\w+)+|[a-z]+(?:[A-Z][a-z0-9]*)+")
_COMMON_NAMES = """
    id name date time year month day type code value key index title description status state
    city country address email phone price amount total count number quantity category url
    latitude longitude lat lon lng x y z label class group age sex gender comment comments text
    user uuid timestamp created updated region department unit score rank weight height
"""
_VALUES = frozenset({"true", "false", "null", "none", "nan"})
_NAMES = frozenset(_COMMON_NAMES.split())


@dataclass(frozen=True, slots=True)
class HeaderVerdict:
    """Whether there is a header, how sure, and why."""

    present: bool
    confidence: float
    evidence: tuple[str, ...]


def judge(
    first: Sequence[str],
    body: Sequence[Sequence[str]],
    known_columns: Sequence[str] = (),
    cells: Cells | None = None,
) -> HeaderVerdict:
    """Decide whether ``first`` is a header.

    Args:
        first: the cells of the table's first row.
        body: the rows after it, of the table's width.
        known_columns: column names of the live table, if there is one.
        cells: kinds of cells that are known already.
    """
    cells = cells or Cells()
    names = [cell.strip() for cell in first]
    bits, reasons = _names_alone(names[:_COLUMNS], cells)
    above, reason = _against_columns(names[:_COLUMNS], body[:_BODY_ROWS], cells)
    bits += above
    reasons += reason
    shared, reason = _known(names, known_columns)
    bits += shared
    reasons += reason
    present = bits > 0
    confidence = 1 - 0.5 * 2.0 ** -abs(bits)
    return HeaderVerdict(present, round(confidence, 3), tuple(reasons))


def _names_alone(names: Sequence[str], cells: Cells) -> tuple[float, list[str]]:
    """What the row itself says: names are distinct, not empty, and no numbers."""
    kinds = [cells[name].kind for name in names]
    filled = [name for name in names if name]
    if not filled:
        return -2.0, ["the first row is empty"]
    years = _years(names)
    numbers = sum(
        (kind in TYPED and name not in years) or name.lower() in _VALUES
        for kind, name in zip(kinds, names, strict=True)
    )
    bits, reasons = 1.5, []
    if numbers:
        bits -= 1.0 + 4.0 * numbers / len(filled)
        reasons.append(f"{numbers} of the first row's cells are numbers, dates or addresses")
    if len(set(filled)) < len(filled):
        bits -= 0.5
    empty = len(names) - len(filled)
    if empty:
        bits -= min(1.5, 2.0 * empty / len(names))
    typical = sum(
        name.lower() in _NAMES or _IDENTIFIER.fullmatch(name) is not None for name in filled
    )
    if typical:
        bits += min(3.0, 0.5 + 2.5 * typical / len(filled))
        reasons.append(f"{typical} of the first row's cells read like column names")
    if any(len(name) > 80 for name in filled):
        bits -= 1.0
    return bits, reasons


def _against_columns(
    names: Sequence[str], body: Sequence[Sequence[str]], cells: Cells
) -> tuple[float, list[str]]:
    """What the columns say: does each first cell fit the cells below it?"""
    bits = 0.0
    unlike = alike = repeated = 0
    years = _years(names)
    for position, name in enumerate(names):
        column = [row[position].strip() for row in body if position < len(row)]
        filled = [cell for cell in column if cell]
        if not filled or not name:
            continue
        verdict = 1.0 if name in years else _against_column(name, filled, cells)
        bits += max(-4.0, min(4.0, verdict))
        unlike += verdict > 1
        alike += verdict < -1
        repeated += name in filled
    reasons = []
    if unlike:
        reasons.append(f"{unlike} columns hold other kinds of values than their first cell")
    if alike:
        reasons.append(f"{alike} columns begin with a value like those below it")
    if repeated:
        reasons.append(f"{repeated} of the first row's cells appear again below")
    limit = 12.0
    return max(-limit, min(limit, bits)), reasons


def _years(names: Sequence[str]) -> frozenset[str]:
    """Numbers that name columns: years in order, after a name (``country,2000,2001``)."""
    found = [name for name in names if re.fullmatch(r"(?:19|20)\d\d", name)]
    steps = {int(b) - int(a) for a, b in pairwise(found)}
    if len(found) < 2 or len(steps) != 1 or steps == {0} or names[0] in found:
        return frozenset()
    return frozenset(found)


def _against_column(name: str, column: Sequence[str], cells: Cells) -> float:
    """Bits for (positive) or against a header from one column; ``column`` has no empty cell."""
    kinds = Counter(cells[cell].kind for cell in column)
    main, times = kinds.most_common(1)[0]
    purity = times / len(column)
    kind = cells[name].kind
    if main in _NUMERIC:
        purity = sum(kinds[k] for k in _NUMERIC) / len(column)
        if kind in _NUMERIC:
            return -3.0 * purity
        return 4.0 * (purity - 0.3) if kind is not Kind.TOKEN else 0.0
    if main in TYPED:
        if kind is main:
            return -4.0 * purity
        return 4.0 * (purity - 0.3)
    bits = 0.0
    if name in column:
        bits -= 3.0 * min(1.0, 2.0 * column.count(name) / len(column) + 0.4)
    lengths = {len(cell) for cell in column}
    if len(column) >= 4 and len(lengths) == 1:
        bits += 1.0 if len(name) not in lengths else -1.0
    if len(column) >= 3 and any(character.isdigit() for character in column[0]):
        shape, common = Counter(_shape(cell) for cell in column).most_common(1)[0]
        if common >= 0.8 * len(column):
            bits += 2.0 if _shape(name) != shape else -2.5
    return bits


def _shape(text: str) -> str:
    """Letters become ``a``, digits ``9``, runs collapse: ``C01`` -> ``a9``."""
    return _DIGITS.sub("9", _LETTERS.sub("a", text))


def _known(names: Sequence[str], known_columns: Sequence[str]) -> tuple[float, list[str]]:
    """What the live table says."""
    if not known_columns:
        return 0.0, []
    columns = {plain(column) for column in known_columns}
    shared = sum(plain(name) in columns for name in names if name)
    if shared:
        return 2.0 + 6.0 * shared / len(names), [
            f"the table has {shared} of {len(names)} names in the first row as columns"
        ]
    if len(names) == len(known_columns):
        return -4.0, ["as many cells as the table has columns, but none of their names"]
    return 0.0, []


def plain(name: str) -> str:
    """A name for comparison: lower case, runs of anything but letters and digits as ``_``."""
    return re.sub(r"\W+", "_", name.strip().lower()).strip("_")
