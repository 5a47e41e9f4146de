"""The header: whether the first row is one, and which rows and columns belong to it.

Evidence is added up in bits of log-odds: a name above numbers counts for a header, a number
above numbers against one. To ``csv.Sniffer.has_header`` columns of text count against one; here
text proves nothing, and a row of distinct names is a header unless the evidence is against it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from lakefall_plugins.formats.csv.reading.head import joined
from lakefall_plugins.formats.csv.sniffing.cells import TYPED, Cells, Kind
from lakefall_plugins.formats.csv.sniffing.layout import is_of_values

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
    """Evidence of the row itself: names are distinct, not empty, and no numbers."""
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
    """Evidence of the columns: does each first cell fit the cells below it?"""
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
    """Evidence of the live table."""
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


# --- several rows, units, a column without a name ---

MOST_HEADER_ROWS = 3
_ROW_SHARE = 0.9
_ROWS_BELOW = 200

Cellses = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Structure:
    """What stands between the first name and the first record."""

    header_rows: int = 1
    units_rows: int = 0
    unnamed_column: str = ""
    """``first`` or ``last`` where every record has one field more than the header."""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Given:
    """What the options give; None for what has to be detected."""

    header_rows: int | None = None
    units_row: bool | None = None


def examine(
    header: Sequence[str], below: Cellses, cells: Cells, given: Given = Given()
) -> Structure:
    """What belongs to a header.

    Args:
        header: the cells of its first row.
        below: the rows after it, of any width.
        cells: kinds of cells.
        given: what need not be found out.
    """
    below = below[:_ROWS_BELOW]
    rows, names = 1, list(header)
    while below and _goes_on(rows, names, below, cells, given.header_rows):
        names = joined([names, below[0]])
        rows, below = rows + 1, below[1:]
    units = bool(below) and (
        _are_units(below[0], below[1:], cells) if given.units_row is None else given.units_row
    )
    body = below[1:] if units else below
    unnamed = _unnamed_column(names, body)
    evidence = [
        *([f"the header stands on {rows} rows, which are joined"] if rows > 1 else []),
        *([f"a row of units below the names is skipped: {_list(below[0])}"] if units else []),
        *([_UNNAMED[unnamed]] if unnamed else []),
    ]
    return Structure(rows, int(units), unnamed, tuple(evidence))


_UNNAMED = {
    "first": "records have one field more than the header: the first column, of row names, has "
    "no name",
    "last": "records have one field more than the header, and it is blank: the last column has "
    "no name",
}


def _goes_on(
    rows: int, names: Sequence[str], below: Cellses, cells: Cells, given: int | None
) -> bool:
    if given is not None:
        return rows < given
    return rows < MOST_HEADER_ROWS and _continues(names, below[0], below[1:], cells)


def _continues(upper: Sequence[str], row: Sequence[str], body: Cellses, cells: Cells) -> bool:
    """Whether a row below names goes on with them: it names columns that the names above it leave
    out, and is text where the records hold values."""
    if len(row) != len(upper) or len(row) < 2 or not body:
        return False
    named = [at for at, cell in enumerate(row) if cell.strip()]
    gaps = [at for at in named if not upper[at].strip() and any(c.strip() for c in upper[:at])]
    if len(named) < 2 or not gaps or any(cells[row[at]].kind in TYPED for at in named):
        return False
    if any(cells[cell].kind in TYPED for cell in upper if cell.strip()):
        return False
    if _comes_again(row, named, body):
        return False
    values = [at for at in named if is_of_values(at, body, cells)]
    return 2 * len(values) >= len(named)


def _comes_again(row: Sequence[str], places: Sequence[int], body: Cellses) -> bool:
    """Whether a cell stands again in its column below, so that it is a value."""
    return any(at < len(below) and below[at] == row[at] for below in body for at in places)


def _are_units(row: Sequence[str], body: Cellses, cells: Cells) -> bool:
    """Whether a row holds units: each cell reads like one and stands nowhere below, and half of
    the columns of values have theirs. A missing value may be written like no unit."""
    filled = [at for at, cell in enumerate(row) if cell.strip()]
    if len(row) < 2 or not body or not all(is_unit(row[at]) for at in filled):
        return False
    if _comes_again(row, filled, body):
        return False
    values = [at for at in range(len(row)) if is_of_values(at, body, cells)]
    over = [at for at in filled if at in values and row[at].strip() not in PLACEHOLDERS]
    return len(over) > 0 and 2 * len(over) >= len(values)


def _unnamed_column(header: Sequence[str], body: Cellses) -> str:
    """Which column has no name where nearly all records have one field more than the header.

    R writes row names so, and reads the file the same way: "if there is a header and the first
    row contains one fewer field than the number of columns" (``read.table``). A last field that
    is empty everywhere is a delimiter at the end of the line, and no column.
    """
    longer = [row for row in body if len(row) == len(header) + 1]
    if not longer or len(longer) < _ROW_SHARE * len(body) or not all(c.strip() for c in header):
        return ""
    if len(header) < 2 or not any(row[-1] for row in longer):
        return ""
    return "first" if any(row[-1].strip() for row in longer) else "last"


def _list(row: Sequence[str]) -> str:
    return ", ".join([cell.strip() for cell in row if cell.strip()][:6])


# --- units of measurement ---

_BASE = """
    m cm mm km nm um µm μm g kg mg µg μg ug ng t s sec secs ms us µs ns min mins h hr hrs d day days
    wk week weeks month months y yr yrs year years Hz kHz MHz GHz rpm V mV kV A mA uA µA W mW kW MW
    GW kWh MWh GWh TWh J kJ MJ GJ cal kcal K C F °C °F ºC degC degF deg ° degrees rad mrad sr Pa hPa
    kPa MPa GPa bar mbar psi atm mmHg N kN Nm L l dL dl mL ml µL ul hl gal mol mmol µmol umol nmol M
    mM µM ppm ppb ppt pH % percent pct ‰ USD EUR GBP CHF JPY $ € £ ¥ ha ac ft in inch yd mi nmi mph
    kph knots kt kts lb lbs oz cd lx lm dB dBm dBA Ohm ohm Ω kΩ F pF nF µF uF H mH T mT B kB KB MB
    GB TB bytes bits bps Mbps count counts cts px pixels au a.u. arb arb.u. Da kDa bp kb Mb NTU PSU
    FTU mS µS uS S cfs cms mgd UTC GMT local hh:mm hh:mm:ss yyyy-mm-dd dd/mm/yyyy mm/dd/yyyy
    unitless dimensionless No. no.
"""
PLACEHOLDERS = frozenset({"-", "--", "#", "none", "\u2013", "\u2014"})
"""What stands for no unit; a missing value may be written so, too."""
_KNOWN = frozenset(_BASE.split()) | PLACEHOLDERS
_BRACKETED = re.compile(r"\([^()]{0,24}\)|\[[^\[\]]{0,24}\]|\{[^{}]{0,24}\}")
_POWER = re.compile(r"(?:\^|\*\*)?[-\u207b]?[\d\u00b2\u00b3\u00b9]$")
_PARTS = re.compile(r"[/*·.⋅ ]+|per ")


def is_unit(cell: str) -> bool:
    """Whether a cell reads like a unit: ``m/s``, ``[kg]``, ``mg L-1``, ``%``; not one that is
    empty."""
    text = cell.strip()
    if text in _KNOWN or _BRACKETED.fullmatch(text):
        return True
    parts = [part for part in _PARTS.split(text) if part]
    return 0 < len(parts) <= 4 and parts != ["1"] and all(map(_is_part, parts))


def _is_part(part: str) -> bool:
    bare = part
    while bare not in _KNOWN and (shorter := _POWER.sub("", bare)) != bare:
        bare = shorter
    return bare in _KNOWN or part == "1"
