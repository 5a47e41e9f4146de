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
from lakefall_plugins.formats.csv.sniffing.units import comes_again, descriptions

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
_GAPS = frozenset({"-", "--", "---", "?", ".", "*", "NA", "N/A", "n/a", "#N/A", "\\N"})
"""What stands for a missing value, and names no column."""
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
    body, again = _without_copies(first, body[: 2 * _BODY_ROWS])
    numbers = _named_by_numbers(names, body)
    bits, reasons = _names_alone(names[:_COLUMNS], cells, numbers)
    reasons += again
    above, reason = _against_columns(names[:_COLUMNS], body[:_BODY_ROWS], cells, numbers)
    bits += above
    reasons += reason
    shared, reason = _known(names, known_columns)
    bits += shared
    reasons += reason
    present = bits > 0
    confidence = 1 - 0.5 * 2.0 ** -abs(bits)
    return HeaderVerdict(present, round(confidence, 3), tuple(reasons))


def _without_copies(
    first: Sequence[str], body: Sequence[Sequence[str]]
) -> tuple[Sequence[Sequence[str]], list[str]]:
    """The body without the first row's copies, where no other row comes again: files with a header
    were joined."""
    if len(first) < 2 or all(tuple(row[1:]) != tuple(first[1:]) for row in body):
        return body, []
    # Behind a byte order mark where the files had one each.
    rows = [(row[0].removeprefix("\ufeff"), *row[1:]) for row in body]
    copies = rows.count(tuple(first))
    others = len(rows) - copies
    if not copies or others < _MANY or len(set(rows)) < others + 1:
        return body, []
    kept = [row for row in rows if row != tuple(first)]
    return kept, [f"the first row comes again {copies} times, and no other does"]


def _names_alone(
    names: Sequence[str], cells: Cells, numbered: frozenset[str]
) -> tuple[float, list[str]]:
    """Evidence of the row itself: names are distinct, not empty, and no numbers."""
    kinds = [cells[name].kind for name in names]
    filled = [name for name in names if name]
    if not filled:
        return -2.0, ["the first row is empty"]
    numbers = sum(
        (kind in TYPED and name not in numbered) or name.lower() in _VALUES or name in _GAPS
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
    names: Sequence[str],
    body: Sequence[Sequence[str]],
    cells: Cells,
    numbered: frozenset[str],
) -> tuple[float, list[str]]:
    """Evidence of the columns: does each first cell fit the cells below it?"""
    bits = 0.0
    unlike = alike = repeated = 0
    styles: set[str] = set()
    styled = gaps = 0
    for position, name in enumerate(names):
        column = [row[position].strip() for row in body if position < len(row)]
        filled = [cell for cell in column if cell]
        if filled and not name and (position or not _in_steps(filled)):
            gaps += is_of_values(position, body, cells)
        if not filled or not name:
            continue
        verdict = 1.0 if name in numbered else _against_column(name, filled, cells)
        bits += max(-4.0, min(4.0, verdict))
        unlike += verdict > 1
        alike += verdict < -1
        repeated += name in filled
        if (style := _style(name)) and len(filled) >= _LEAST_STYLED:
            same = sum(_style(cell) == style for cell in filled)
            styled += same >= _STYLE_SHARE * len(filled)
            styles.add(style)
    reasons = []
    bits -= _GAP_BITS * (gaps == 1)
    if len(styles) > 1 and styled == len(names):
        bits -= _STYLE_BITS
        reasons.append("the first row is written like the rows below it, in capitals or not")
    if unlike:
        reasons.append(f"{unlike} columns hold other kinds of values than their first cell")
    if alike:
        reasons.append(f"{alike} columns begin with a value like those below it")
    if repeated:
        reasons.append(f"{repeated} of the first row's cells appear again below")
    limit = 12.0
    return max(-limit, min(limit, bits)), reasons


_GAP_BITS = 1.5
"""Lost for one empty cell above values that are no index: a value is missing."""
_STYLE_BITS, _STYLE_SHARE, _LEAST_STYLED = 3.0, 0.9, 3


def _style(text: str) -> str:
    """How a word is capitalised; ``''`` for what is no word."""
    if not text.isalpha():
        return ""
    if text.islower():
        return "lower"
    return "title" if text.istitle() else "upper" if text.isupper() else "mixed"


_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_YEAR = re.compile(r"(?:19|20)\d\d")
_MANY = 3
"""Numbers in even steps that name columns whatever the first name is."""


def _named_by_numbers(names: Sequence[str], body: Sequence[Sequence[str]]) -> frozenset[str]:
    """Numbers that name columns: in steps behind a name (``country,2000,2001``,
    ``turbine,0.0,0.5,1.0``), or one year. Records below hold no such numbers."""
    places = [at for at, name in enumerate(names) if _NUMBER.fullmatch(name)]
    if not places or not places[0] or places[-1] - places[0] >= len(places):
        return frozenset()
    found = [names[at] for at in places]
    years = all(map(_YEAR.fullmatch, found))
    many, body = len(found) >= _MANY, body[:_BODY_ROWS]
    if not _in_steps(found) and not (len(found) >= _ASCENDING and _ascend(found)):
        return frozenset()
    as_above = _are_years if years else _in_steps if _in_steps(found) else _ascend
    rows = [[row[at].strip() for at in places if at < len(row)] for row in body]
    if (years or many) and 5 * sum(map(as_above, rows)) > len(body):
        return frozenset()
    if many or (years and len(found) > 1):
        return frozenset(found)
    if any(name in _GAPS or not name for name in names) or max(map(len, found)) > _SHORT:
        return frozenset()
    column = [row[0].strip() for row in body if row]
    shape = _shape(names[0])
    alike = sum(_shape(cell) == shape for cell in column)
    typical = names[0].lower() in _NAMES or 5 * alike < len(column)
    return frozenset(found if typical and names[0] not in column else ())


_SHORT = 4
"""Characters at most of one or two numbers that name columns."""
_ASCENDING = 5
"""Numbers that name columns where they rise in uneven steps."""


def _ascend(numbers: Sequence[str]) -> bool:
    if not all(map(_NUMBER.fullmatch, numbers)):
        return False
    return all(float(a) < float(b) for a, b in pairwise(numbers))


def _are_years(cells: Sequence[str]) -> bool:
    return all(_YEAR.fullmatch(cell.strip()) for cell in cells)


def _in_steps(numbers: Sequence[str]) -> bool:
    """Whether numbers stand in even steps; one has to be a year."""
    if not numbers or not all(map(_NUMBER.fullmatch, numbers)):
        return False
    if len(numbers) == 1:
        return _YEAR.fullmatch(numbers[0]) is not None
    steps = [float(b) - float(a) for a, b in pairwise(numbers)]
    return steps[0] != 0 and all(
        abs(step - steps[0]) < 1e-9 * abs(steps[0]) + 1e-9 for step in steps
    )


def _against_column(name: str, column: Sequence[str], cells: Cells) -> float:
    """Bits for (positive) or against a header from one column; ``column`` has no empty cell."""
    kinds = [cells[cell].kind for cell in column]
    main = max(dict.fromkeys(kinds), key=kinds.count)
    purity = kinds.count(main) / len(column)
    kind = cells[name].kind
    if main in _NUMERIC:
        purity = sum(map(kinds.count, _NUMERIC)) / len(column)
        if kind in _NUMERIC:
            return -3.0 * purity
        return 4.0 * (purity - 0.3) if kind is not Kind.TOKEN and name not in _GAPS else 0.0
    if main in TYPED:
        if kind is main:
            return -4.0 * purity
        return 4.0 * (purity - 0.3) if name not in _GAPS and kind is not Kind.TOKEN else 0.0
    bits = 0.0
    if name in column:
        bits -= 3.0 * min(1.0, 2.0 * column.count(name) / len(column) + 0.4)
    elif len(column) >= _LEAST_SORTED and _FEW * len(set(column)) <= len(column):
        bits += 1.5  # each other cell comes again
    lengths = {len(cell) for cell in column}
    if len(column) >= 4 and len(lengths) == 1:
        bits += 1.0 if len(name) not in lengths else -1.0
    # A shape with digits is only looked for where most cells hold some.
    if len(column) >= 3 and sum(map(bool, map(_DIGITS.search, column))) >= 0.8 * len(column):
        shape, common = Counter(_shape(cell) for cell in column).most_common(1)[0]
        if "9" in shape and common >= 0.8 * len(column):
            bits += 2.0 if _shape(name) != shape else -2.5
    return bits


_LEAST_SORTED, _FEW = 6, 3
"""Cells of a column that holds few different texts, and how often each stands in it."""


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
    header: Sequence[str],
    below: Cellses,
    cells: Cells,
    given: Given = Given(),
    *,
    quoted_first: bool = False,
) -> Structure:
    """What belongs to a header.

    Args:
        header: the cells of its first row.
        below: the rows after it, of any width.
        cells: kinds of cells.
        given: what need not be found out.
        quoted_first: the records' first cells stand in quotes.
    """
    below = below[:_ROWS_BELOW]
    rows, names = 1, list(header)
    while below and _goes_on(rows, names, below, cells, given.header_rows):
        names = joined([names, below[0]])
        rows, below = rows + 1, below[1:]
    units = descriptions(names, below, cells, given.units_row)
    body = below[units:]
    unnamed = _unnamed_column(names, body, cells, quoted_first)
    evidence = [
        *([f"the header stands on {rows} rows, which are joined"] if rows > 1 else []),
        *(
            f"a row of units or the like below the names is skipped: {_list(r)}"
            for r in below[:units]
        ),
        *([_UNNAMED[unnamed]] if unnamed else []),
    ]
    return Structure(rows, units, unnamed, tuple(evidence))


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
    typed = [row[at].strip() for at in named if cells[row[at]].kind in TYPED]
    spans = gaps or (typed and len({upper[at] for at in named}) < len(named))
    if len(named) < 2 or not spans or not all(map(_YEAR.fullmatch, typed)):
        return False
    if any(cells[cell].kind in TYPED for cell in upper if cell.strip()):
        return False
    if comes_again(row, named, body):
        return False
    values = [at for at in named if is_of_values(at, body, cells)]
    return 2 * len(values) >= len(named)


_KEY = re.compile(
    r"(?:.*[_ ])?(?:id|key|no|nr|num|number|index|idx|row|uuid|code)\W*|#|name", re.IGNORECASE
)
_WHEN = re.compile(r".*(?:date|day|time|timestamp|datetime|year|month)\W*", re.IGNORECASE)


_AMOUNT_NAMES = """
    price amount total count quantity qty volume score rank weight height width length size age rate
    level depth speed lat lon latitude longitude value temp temperature balance cost revenue
    population area distance duration
"""
_AMOUNTS = frozenset(_AMOUNT_NAMES.split())
_MOMENTS = frozenset({"date", "day", "time", "timestamp", "datetime", "created", "updated"})


def _fit(header: Sequence[str], rows: Cellses, shift: int, cells: Cells) -> int:
    """How many names fit the kind of their column, fewer those that do not, where the first name
    is that of the column ``shift``."""
    fit = 0
    for at, name in enumerate(header, shift):
        words = set(plain(name).split("_"))
        if not words & (_MOMENTS | _AMOUNTS):
            continue
        kinds = [cells[row[at]].kind for row in rows[:_BODY_ROWS] if row[at].strip()]
        number = 2 * sum(kind in _NUMERIC for kind in kinds) > len(kinds)
        moment = 2 * sum(kind in (Kind.DATE, Kind.TIME, Kind.TIMESTAMP) for kind in kinds) > len(
            kinds
        )
        if words & _MOMENTS:
            fit += 1 if moment or number else -1
        else:
            fit += 1 if number else -1
    return fit


def _unnamed_column(header: Sequence[str], body: Cellses, cells: Cells, quoted_first: bool) -> str:
    """Which column has no name where nearly all records have one field more than the header.

    R writes row names so, and reads the file the same way: "if there is a header and the first
    row contains one fewer field than the number of columns" (``read.table``). Row names are
    distinct. Where amounts and days fit their names in one of the two places only, that is it; and
    where the header's first name is that of a key, and the first column may be the key, the name is
    its own, and the last column was added. A last field that is empty everywhere
    is a delimiter at the end of the line, and no column.
    """
    longer = [row for row in body if len(row) == len(header) + 1]
    if not longer or len(longer) < _ROW_SHARE * len(body) or not all(c.strip() for c in header):
        return ""
    if len(header) < 2 or not any(row[-1] for row in longer):
        return ""
    if not any(row[-1].strip() for row in longer):
        return "last"
    names = [row[0].strip() for row in longer]
    if len(set(names)) < len(names) or "" in names:
        return "last"
    kinds = {cells[name].kind for name in names}
    if quoted_first and kinds == {Kind.INTEGER}:
        return "first"  # R quotes row names, were they numbers
    shifted, placed = _fit(header, longer, 1, cells), _fit(header, longer, 0, cells)
    moments = kinds <= {Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.INTEGER}
    name = header[0].strip()
    is_key = _KEY.fullmatch(name) or (moments and _WHEN.fullmatch(name))
    return "last" if shifted < placed or (shifted == placed and is_key) else "first"


def _list(row: Sequence[str]) -> str:
    return ", ".join([cell.strip() for cell in row if cell.strip()][:6])
