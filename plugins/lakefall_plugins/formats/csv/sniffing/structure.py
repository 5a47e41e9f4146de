"""Rows and columns at the edges of a table: headers of several rows, units, names left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lakefall_plugins.formats.csv.reading.head import joined
from lakefall_plugins.formats.csv.sniffing.cells import TYPED, Cells
from lakefall_plugins.formats.csv.sniffing.stacked import is_of_values
from lakefall_plugins.formats.csv.sniffing.units import PLACEHOLDERS, is_unit

MOST_HEADER_ROWS = 3
_ROW_SHARE = 0.9
_BODY_ROWS = 200

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
class Known:
    """What a person said; None for what nobody did."""

    header_rows: int | None = None
    units_row: bool | None = None


def examine(
    header: Sequence[str], below: Cellses, cells: Cells, known: Known = Known()
) -> Structure:
    """What belongs to a header.

    Args:
        header: the cells of its first row.
        below: the rows after it, of any width.
        cells: kinds of cells.
        known: what need not be found out.
    """
    below = below[:_BODY_ROWS]
    rows, names = 1, list(header)
    while below and _goes_on(rows, names, below, cells, known.header_rows):
        names = joined([names, below[0]])
        rows, below = rows + 1, below[1:]
    units = bool(below) and (
        _are_units(below[0], below[1:], cells) if known.units_row is None else known.units_row
    )
    body = below[1:] if units else below
    unnamed = _unnamed_column(names, body)
    said = [
        *([f"the header stands on {rows} rows, which are joined"] if rows > 1 else []),
        *([f"a row of units below the names is skipped: {_list(below[0])}"] if units else []),
        *([_UNNAMED[unnamed]] if unnamed else []),
    ]
    return Structure(rows, int(units), unnamed, tuple(said))


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
    told = [cell.strip() for cell in row if cell.strip()][:6]
    return ", ".join(told)
