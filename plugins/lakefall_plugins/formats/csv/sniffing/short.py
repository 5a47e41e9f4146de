"""Files whose records leave out their last fields where these are empty."""

from __future__ import annotations

from collections.abc import Sequence

from lakefall_plugins.formats.csv.sniffing.cells import TYPED, Cells
from lakefall_plugins.formats.csv.sniffing.splitting import Row
from lakefall_plugins.formats.csv.sniffing.stacked import is_name, is_of_values

_LONGER_SHARE = 0.02
_LEAST_COLUMNS, _LEAST_SHORT = 3, 3


def header_above_short(rows: Sequence[Row], cells: Cells) -> int | None:
    """Index of a header below which most records are shorter; None where there is none.

    The first row of several cells has to name every column, more than half of the rows below have
    to be shorter, and next to none longer.
    """
    first = next((i for i, row in enumerate(rows) if len(row.cells) > 1), None)
    if first is None or len(rows[first].cells) < _LEAST_COLUMNS:
        return None
    names = rows[first].cells
    body = [row.cells for row in rows[first + 1 :] if not row.blank]
    shorter = sum(1 < len(row) < len(names) for row in body)
    longer = sum(len(row) > len(names) for row in body)
    if shorter < _LEAST_SHORT or 2 * shorter <= len(body) or longer > _LONGER_SHARE * len(body):
        return None
    if len(set(names)) < len(names) or not all(is_name(name, cells) for name in names):
        return None
    # A title with commas is followed by the names, and those by values.
    values = [at for at in range(len(names)) if is_of_values(at, body[1:], cells)]
    fits = [at for at in values if at < len(body[0]) and cells[body[0][at]].kind in TYPED]
    return first if 2 * len(fits) >= len(values) else None
