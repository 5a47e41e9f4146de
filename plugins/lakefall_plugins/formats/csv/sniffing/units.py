"""Rows right below the names that describe the columns: units, types, widths, dashes.

Such a row is no record where its cells cannot be values of their columns: a unit above numbers, the
name of a type, a width, a run of dashes. Single letters stand for grades, gaps and traces, too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lakefall_plugins.formats.csv.sniffing.cells import Cells, Kind
from lakefall_plugins.formats.csv.sniffing.layout import is_of_values

Cellses = Sequence[Sequence[str]]
_MOST = 3
"""Rows at most."""


def descriptions(
    names: Sequence[str], below: Cellses, cells: Cells, given: bool | None = None
) -> int:
    """How many rows right below the names describe the columns.

    Args:
        names: of the columns.
        below: the rows after the names, of any width.
        cells: kinds of cells.
        given: whether there is one, where that is known.
    """
    if given is not None:
        return int(given and bool(below))
    count = 0
    while count < min(_MOST, len(below) - 1):
        row, body = below[count], below[count + 1 :]
        if not (
            _are_dashes(row, names, body)
            or _are_types(row, names, body, cells)
            or _are_units(row, body, cells)
            or (count and _go_on(row, body, cells))
        ):
            break
        count += 1
    return count


def comes_again(row: Sequence[str], places: Sequence[int], body: Cellses) -> bool:
    """Whether a cell stands again in its column below, so that it is a value."""
    return any(at < len(below) and below[at] == row[at] for below in body for at in places)


_DASHES = re.compile(r":?[-=_]+:?")
_RULE = re.compile(r"[-=+|:]{3,}")
"""A line of them, as psql draws it below the names."""
_LEAST_DASHES = 3


def _are_dashes(row: Sequence[str], names: Sequence[str], body: Cellses) -> bool:
    """Whether each name is underlined; a dash or two alone stand for a missing value."""
    if len(row) == 1 and _RULE.fullmatch(row[0].strip()):
        return True
    pairs = [(cell.strip(), name.strip()) for cell, name in zip(row, names, strict=False)]
    filled = [(cell, name) for cell, name in pairs if cell or name]
    if len(row) != len(names) or not all(_DASHES.fullmatch(cell) for cell, _ in filled):
        return False
    long = all(len(cell) >= _LEAST_DASHES for cell, _ in filled)
    fit = all(len(cell) >= len(name) for cell, name in filled)
    return (long or (fit and any(len(cell) > 2 for cell, _ in filled))) and list(row) not in [
        list(other) for other in body
    ]


_TYPE = re.compile(
    r"(?:string|str|text|char|n?varchar2?|character|int|integer|bigint|smallint|tinyint|long|short|"
    r"number|numeric|decimal|float|real|double|double precision|bool|boolean|date|time|datetime|"
    r"timestamp|uuid|binary|blob|json|factor|int(?:8|16|32|64)|float(?:32|64))"
    r"(?:\(\d+(?:[,.] ?\d+)?\))?",
    re.IGNORECASE,
)
_WIDTH = re.compile(r"\d{1,5}[a-z]")
_LEAST_WIDTHS = 3


def _are_types(row: Sequence[str], names: Sequence[str], body: Cellses, cells: Cells) -> bool:
    """Whether each column has a type, or a width as in the US Geological Survey's RDB (``5s``,
    ``20d``), that stands nowhere below."""
    if len(row) != len(names) or len(row) < 2 or not body:
        return False
    words = [cell.strip() for cell in row]
    widths = all(map(_WIDTH.fullmatch, words))
    if not widths and not all(map(_TYPE.fullmatch, words)):
        return False
    if comes_again(row, range(len(row)), body):
        return False
    valued = any(is_of_values(at, body, cells) for at in range(len(row)))
    return valued or (widths and len(row) >= _LEAST_WIDTHS)


_CODES = frozenset("ABCDEFHLMNSTX")
"""Units that stand for grades, kinds, missing values and traces just as often."""


def _are_units(row: Sequence[str], body: Cellses, cells: Cells) -> bool:
    """Whether a row holds units: each cell reads like one and stands nowhere below, and half of
    the columns of numbers have theirs. A missing value may be written like no unit."""
    filled = [at for at, cell in enumerate(row) if cell.strip()]
    if len(row) < 2 or not body or not all(is_unit(row[at]) for at in filled):
        return False
    if comes_again(row, filled, body):
        return False
    named = [at for at in filled if row[at].strip() not in PLACEHOLDERS]
    # The next row may describe the columns, too.
    body = body[1:] if len(body) > 1 else body
    values = [at for at in range(len(row)) if is_of_values(at, body, cells)]
    numbers = [at for at in values if _is_of_numbers(at, body, cells)]
    over = [at for at in named if at in values]
    if any(len(row[at].strip()) == 1 for at in named if at not in values):
        return False
    enough = 2 * sum(at in numbers for at in over) >= len(numbers)
    return enough and any(row[at].strip() not in _CODES for at in over)


def _is_of_numbers(at: int, body: Cellses, cells: Cells) -> bool:
    """Whether a column of values holds numbers: days and addresses have no unit."""
    kinds = [cells[row[at]].kind for row in body if at < len(row) and row[at].strip()]
    return 2 * sum(kind in (Kind.INTEGER, Kind.NUMBER) for kind in kinds) > len(kinds)


_MOST_LETTERS = 12


def _go_on(row: Sequence[str], body: Cellses, cells: Cells) -> bool:
    """Whether a row below one of units says more about the columns of values: how they were
    computed (``Avg``, ``Smp`` in Campbell's TOA5)."""
    filled = [at for at, cell in enumerate(row) if cell.strip()]
    if not filled or comes_again(row, filled, body):
        return False
    return all(
        cells[row[at].strip()].kind in (Kind.WORD, Kind.TEXT)
        and len(row[at]) <= _MOST_LETTERS
        and is_of_values(at, body, cells)
        for at in filled
    )


# --- units of measurement ---

_BASE = """
    m cm mm km nm um µm μm g kg mg µg μg ug ng t s sec secs ms us µs ns min mins h hr hrs d day
    days wk week weeks month months y yr yrs year years Hz kHz MHz GHz rpm V mV kV A mA uA µA W
    mW kW MW GW kWh MWh GWh TWh J kJ MJ GJ cal kcal K C F °C °F ºC degC degF deg ° degrees rad
    mrad sr Pa hPa kPa MPa GPa bar mbar psi atm mmHg N kN Nm L l dL dl mL ml µL ul hl gal mol
    mmol µmol umol nmol M mM µM ppm ppb ppt pH % percent pct ‰ USD EUR GBP CHF JPY $ € £ ¥ ha ac
    ft in inch yd mi nmi mph kph knots kt kts lb lbs oz cd lx lm dB dBm dBA Ohm ohm Ω kΩ F pF nF
    µF uF H mH T mT B kB KB MB GB TB bytes bits bps Mbps count counts cts px pixels au a.u. arb
    arb.u. Da kDa bp kb Mb NTU PSU FTU Volts volts Amps amps Watts watts meters metres seconds
    minutes hours Deg Degrees TS RN mS µS uS S cfs cms mgd UTC GMT local hh:mm hh:mm:ss
    yyyy-mm-dd dd/mm/yyyy mm/dd/yyyy unitless dimensionless No. no.
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
