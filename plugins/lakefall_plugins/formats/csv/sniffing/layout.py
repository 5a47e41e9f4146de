"""Where tables lie in a sample: lines above and below them, comments, several of them.

A table further down begins with a row of names of its own width, right above values. The first
table is the file's, unless it is a short one above a much longer one: then it is a preamble. The
last table of a sample goes on as far as the file does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import median_low

from lakefall_plugins.formats.csv.reading.parsing import is_remark
from lakefall_plugins.formats.csv.sniffing.cells import TYPED, Cells, Kind, kind_of
from lakefall_plugins.formats.csv.sniffing.splitting import Row, filled_rows

_ROWS_BELOW = 10
MOST_COLUMNS, MOST_CELLS = 150, 500
"""Columns of a table, and about how many of its cells, that are looked at, evenly spread."""
COMMENT_MARKS = ("#", "//", "%", ";", "!")


@dataclass(frozen=True, slots=True)
class Layout:
    """The table's place in the sample."""

    first: int
    """Index among the rows of the header, or of the first record where there is none."""
    preamble_lines: int
    """Physical lines before that row."""
    comment: str
    """The mark of comment lines inside the table; ``''`` where there are none."""
    marked: bool = False
    """The first row begins with that mark, and is the header all the same."""
    label: str = ""
    """What stands in its first cell and is no name (``Dialect.header_label``)."""


def locate(rows: Sequence[Row], width: int, comment: str | None, delimiter: str) -> Layout:
    """Find the table among the sample's rows.

    Args:
        rows: under the chosen way of reading, blank lines included.
        width: the table's number of columns.
        comment: the mark of comment lines, if it is known.
        delimiter: what the rows were split by.
    """
    if comment:
        rows = [Row(r.line, ("",)) if r.cells[0].startswith(comment) else r for r in rows]
    first = _labelled_header(rows, width)
    label = ""
    if first is None:
        first = _after_block(rows, width, _first_row(rows, width, delimiter))
    else:
        label = rows[first].cells[0]
    if first >= len(rows):
        return Layout(first, 0, comment or "")
    mark = comment
    if mark is None:
        mark = mark_of(label) or _comment(rows[first + 1 :], width, delimiter)
    marked = bool(mark) and rows[first].cells[0].startswith(mark)
    return Layout(first, rows[first].line, mark, marked, label)


def mark_of(cell: str) -> str:
    """The comment mark that a cell begins with; ``''`` for none."""
    if not cell.startswith(COMMENT_MARKS):
        return ""
    return next(mark for mark in COMMENT_MARKS if cell.startswith(mark))


_LABEL = re.compile(r"(?:#|//|%|;|!)(?:fields|columns|header|names):?", re.IGNORECASE)


def _labelled_header(rows: Sequence[Row], width: int) -> int | None:
    """Index of a header in the comments above the records that has a label before the names, and
    so one cell more than the records: ``#Fields: date time`` (W3C's extended log format),
    ``#fields<tab>ts<tab>uid`` (Zeek)."""
    for index, row in enumerate(rows):
        if not row.blank and not mark_of(row.cells[0]):
            break
        if len(row.cells) == width + 1 > 2 and is_label(row.cells[0]):
            return index
    return None


def is_label(cell: str) -> bool:
    """Whether a cell says that the names follow it."""
    return _LABEL.fullmatch(cell.strip()) is not None


def _first_row(rows: Sequence[Row], width: int, delimiter: str) -> int:
    """The first row that is wide and full enough to be the header or a record."""
    used = _used_columns(rows, width)
    for index, row in enumerate(rows):
        if row.blank or _is_title(rows, index, width, used):
            continue
        if _is_pair(row, width) and _names_below(rows, index, width, used):
            continue
        if _is_comment(row, rows, index, width, delimiter):
            continue
        fits = len(row.cells) >= width and not any(row.cells[width:])
        if fits or _is_other_header(rows, index, width):
            return index
    return next((i for i, row in enumerate(rows) if not row.blank), 0)


def _is_title(rows: Sequence[Row], index: int, width: int, used: int) -> bool:
    """Whether a row holds a title, padded to the table's width: text in front, then nothing.

    The first row below it with more cells must read like names, or most rows must be filled:
    a header with a single name is none, and a record like that stands out.
    """
    row = rows[index]
    if width < 2 or not row.filled:
        return True
    if row.filled > 1 or len(row.cells) == 1:
        return False
    if not row.cells[0].strip() and rows[index + 1 : index + 2] and rows[index + 1].filled:
        return False  # a name that spans columns stands right above theirs
    below = next((r for r in rows[index + 1 :] if r.filled > 1), None)
    if below is None or len(below.cells) != width:
        return False
    dense = median_low([r.filled for r in rows[index + 1 :] if len(r.cells) == width]) > 2
    return below.filled >= min(3, used) and (dense or _typed(below) * 4 <= below.filled)


_MOST_PAIRS = 30
"""Lines of keys and values above a table, at most."""


def _is_pair(row: Row, width: int) -> bool:
    """Whether a row may hold a key and its value above a wider table, padded or not."""
    if width < 3 or len(row.cells) < 2 or len(row.cells) > width:
        return False
    return row.filled == sum(1 for cell in row.cells[:2] if cell.strip()) and bool(
        row.cells[0].strip()
    )


def _names_below(rows: Sequence[Row], index: int, width: int, used: int) -> bool:
    """Whether the first row below an index that is no title and no pair names all columns, right
    above values."""
    below = list(islice((row for row in rows[index + 1 :] if row.filled), _MOST_PAIRS + 2))
    wide = next((n for n, row in enumerate(below) if row.filled > 2), None)
    if wide is None or wide > _MOST_PAIRS or wide + 1 == len(below):
        return False
    names, record = below[wide], below[wide + 1]
    cells = [cell.strip() for cell in names.cells if cell.strip()]
    whole = len(names.cells) == width and len(cells) >= min(used, width - 1)
    return (
        whole
        and len(set(cells)) == len(cells)
        and not _typed(names)
        and len(record.cells) == width
        and _typed(record) > 0
    )


def _after_block(rows: Sequence[Row], width: int, first: int) -> int:
    """Index of a table's names where other lines of its width stand above them, and are no such
    table: an empty row sets them off, or they are keys and their values above two columns, of
    which the first holds texts above the names and values below."""
    end = next((i for i, row in enumerate(rows) if i > first and not row.filled), len(rows))
    names = next((i for i, row in enumerate(rows) if i > end and row.filled), len(rows))
    if _heads(rows, names, width, end - first):
        kinds = Cells()
        block = [row.cells for row in rows[first:end] if len(row.cells) == width]
        body = [row.cells for row in rows[names + 1 :] if len(row.cells) == width]
        values = [at for at in range(width) if is_of_values(at, body, kinds)]
        if not all(is_of_values(at, block[1:], kinds) for at in values):
            return names
    if width == 2:
        return _below_pairs(rows, first)
    return first


def _heads(rows: Sequence[Row], at: int, width: int, above: int) -> bool:
    """Whether a row may name the columns of records below it, of which there are more than lines
    above it."""
    if at >= len(rows) or above > min(_MOST_PAIRS, len(rows) - at - 1):
        return False
    cells = [cell.strip() for cell in rows[at].cells]
    distinct = len(cells) == width and all(cells) and len(set(cells)) == width
    below = [row for row in rows[at + 1 :] if len(row.cells) == width]
    return distinct and not _typed(rows[at]) and any(map(_typed, below))


def _below_pairs(rows: Sequence[Row], first: int) -> int:
    """Index of the names below keys and values, right above records that begin with values."""
    kinds = [
        (at, kind_of(row.cells[0]) in TYPED)
        for at, row in enumerate(rows)
        if at >= first and len(row.cells) == 2 and row.filled
    ]
    texts = next((n for n, (_, typed) in enumerate(kinds) if typed), 0)
    if texts < 2 or texts > _MOST_PAIRS or not all(typed for _, typed in kinds[texts:]):
        return first
    names = kinds[texts - 1][0]
    top = rows[first]
    column = {row.cells[0] for row in rows[names + 1 :]}
    if rows[names].cells[0] in column or kind_of(rows[names].cells[0]) is Kind.TOKEN:
        return first
    pairs = texts > 2 or _typed(top) > 0 or top.cells[0].rstrip().endswith(":")
    return names if pairs and _heads(rows, names, 2, texts - 1) else first


def _used_columns(rows: Sequence[Row], width: int) -> int:
    """Columns of the table that hold anything at all."""
    used: set[int] = set()
    for row in rows:
        if len(row.cells) == width:
            used.update(i for i, cell in enumerate(row.cells) if i not in used and cell.strip())
            if len(used) == width:
                break
    return len(used)


def _typed(row: Row) -> int:
    """Cells of a row that hold a number, a date or the like."""
    return sum(kind_of(cell) in TYPED for cell in row.cells)


def _is_other_header(rows: Sequence[Row], index: int, width: int) -> bool:
    """Whether a row of another width than the table stands right before it and names its columns.

    Rows may end with a delimiter that the header lacks, or the other way round; the header may
    miss a name; or texts hold delimiters, and every record is longer than it should be.
    """
    cells = [cell.strip() for cell in rows[index].cells]
    if len(cells) < 2 or index + 1 == len(rows) or not all(cells[:-1]):
        return False
    below = [row for row in rows[index + 1 :] if not row.blank][:_ROWS_BELOW]
    texts = cells[-1] and not any(map(_typed, (rows[index], *below)))
    if texts and len(cells) == width - 1 and all(len(row.cells) == width for row in below):
        # The column of row names has no name, and values there are none to tell it by.
        return len({row.cells[0] for row in below}) == len(below)
    after = rows[index + 1]
    above_values = _typed(after) > 0 and _typed(rows[index]) == 0
    if abs(len(cells) - width) <= max(1, width // 10) and len(after.cells) == width:
        ends_open = not cells[-1] if len(cells) > width else not after.cells[-1].strip()
        return ends_open or above_values
    longer = all(len(row.cells) >= len(cells) for row in below)
    return above_values and longer and len(cells) > 2 and _are_names(rows[index])


def _are_names(row: Row) -> bool:
    """Whether a row may be one of names; prose has blanks after its commas."""
    distinct = len(set(row.cells)) == len(row.cells)
    return distinct and all(cell and cell[0] != " " for cell in row.cells)


def _is_comment(row: Row, rows: Sequence[Row], index: int, width: int, delimiter: str) -> bool:
    """Whether a row is a comment above the table although its width would fit: prose with blanks
    behind mark and delimiters, above another comment or above names."""
    first, mark = row.cells[0], mark_of(row.cells[0])
    after = next((r for r in rows[index + 1 :] if not r.blank), None)
    if width < 2:
        return first.startswith("#") and after is not None
    if not mark or not is_remark(row.cells, mark, delimiter):
        return False
    above_more = after is not None and (mark_of(after.cells[0]) == mark or not _typed(after))
    return delimiter == " " or above_more


def first_record(rows: Sequence[Row], first: int) -> int:
    """Index of the first record of a table without header: records of another width right above
    the first one that fits are records, too, and no preamble."""
    while first > 0 and _is_record(rows[first - 1]):
        first -= 1
    return first


def _is_record(row: Row) -> bool:
    return len(row.cells) > 1 and 2 * _typed(row) >= len(row.cells)


def _comment(rows: Sequence[Row], width: int, delimiter: str) -> str:
    """The mark of rows that are no records: all that begin with it have fewer cells than the
    table, or are prose."""
    comments = [row.cells for row in rows if row.cells[0].startswith(COMMENT_MARKS)]
    for mark in COMMENT_MARKS if width > 1 else ():
        marked = [cells for cells in comments if cells[0].startswith(mark)]
        if marked and all(len(c) < width or is_remark(c, mark, delimiter) for c in marked):
            return mark
    return ""


# --- columns of a fixed width ---

_ALIGNED_LINES, _LEAST_ALIGNED = 100, 4
_BLANKS = re.compile(r" {2,}")


def are_aligned(lines: Sequence[str]) -> bool:
    """Whether two blanks or more stand at the same place of all lines, and text right behind them
    in most."""
    lines = [line.rstrip() for line in lines if line.strip()][:_ALIGNED_LINES]
    if len(lines) < _LEAST_ALIGNED:
        return False
    longest = max(map(len, lines))
    padded = [line.ljust(longest) for line in lines]
    common = "".join(" " if set(column) == {" "} else "x" for column in zip(*padded, strict=True))
    ends = [match.end() for match in _BLANKS.finditer(common) if match.start()]
    return any(
        5 * sum(line[end] != " " for line in padded) >= 4 * len(padded)
        for end in ends
        if end < longest
    )


# --- lines below the table ---

_MOST_NOTES = 20


def footer_lines(
    rows: Sequence[Row], width: int, physical_lines: int, *, ended: bool = True
) -> int | None:
    """Lines after the table: rows of empty cells, and text in the first cell alone, below three or
    more columns.

    Args:
        rows: the table's rows, or the last ones of a longer file, up to its end.
        width: the table's number of columns.
        physical_lines: lines of the text that the rows come from.
        ended: the last line has a line end.

    Returns:
        How many; None where all of these rows are such, so that more have to be looked at.

    The mark that ended text files in CP/M and DOS (0x1A) is a footer, too.
    """
    if len(rows) > 1 and rows[-1].cells[0].strip() == "\x1a":
        return 1
    if width < 2 or not rows or rows[-1].filled > 1:
        return 0
    phrases = _has_phrases(rows, width)
    last = len(rows)
    while last > 1 and _may_follow(rows[last - 1], width, phrases):
        last -= 1
    if last <= 1:
        return None if len(rows) > 1 and not any(row.filled for row in rows[1:]) else 0
    body = [row for row in rows[1:last] if len(row.cells) == width]
    while last < len(rows) and not _begins_footer(rows, last, body, ended):
        last += 1
    end = next((row for row in rows[last:] if not row.blank), None)
    return physical_lines - end.line if end else 0


def _may_follow(row: Row, width: int, phrases: bool) -> bool:
    """Whether a row holds nothing, or a note: text in its first cell alone."""
    if not row.filled:
        return True
    if width < 3 or row.filled > 1 or not row.cells[0].strip():
        return False
    return len(row.cells) == 1 or (not phrases and _is_phrase(row))


_NOTE = re.compile(
    r"\W*(?:sources?|notes?|totals?|end of|generated|exported|created|copyright|\d+ (?:rows?|"
    r"records?|lines?))\b.*|[*\u00a9(\u2020].*",
    re.IGNORECASE | re.DOTALL,
)


def _begins_footer(rows: Sequence[Row], at: int, body: Sequence[Row], ended: bool) -> bool:
    """Whether the footer begins with this row: it is empty, or an empty row sets it off, or it is
    a note that cannot be a record which was cut short. Such a record is the last line, has no line
    end, and reads like the first cells of the others."""
    row = rows[at]
    if sum(1 for row in rows[at:] if row.filled) > _MOST_NOTES:
        return False
    if not row.filled or not rows[at - 1].filled:
        return True
    if len(row.cells) > 1 or not _is_phrase(row):
        return False
    values = sum(kind_of(other.cells[0]) in TYPED for other in body)
    unlike = values > 0 and values >= _COLUMN_SHARE * len(body)
    return unlike or ended or at < len(rows) - 1 or _NOTE.fullmatch(row.cells[0]) is not None


def _is_phrase(row: Row) -> bool:
    return len(row.cells[0].split()) > 1


def _has_phrases(rows: Sequence[Row], width: int) -> bool:
    """Whether the first column holds phrases, so that a row with nothing else may be a record."""
    full = [row for row in rows if len(row.cells) == width and row.filled > 1]
    return 5 * sum(map(_is_phrase, full)) >= max(1, len(full))


_TOTAL = re.compile(
    r"\W*(?:(?:grand|sub|overall)?[ -]?totals?|totale?s? (?:g[ée]n[ée]ral|geral|generale)|totale|"
    r"sum|summe|gesamt(?:summe)?|insgesamt|somme|suma|totaal|summa|итого|всего|合計|合计|总计|總計)\W*",
    re.IGNORECASE,
)


def total_lines(rows: Sequence[Row], width: int, footer: int, physical_lines: int) -> int:
    """Physical lines from the last record on to the footer where it looks like a total: its first
    text says so, no other record's does, and a number follows. 0 where it does not.

    Args:
        rows: the table's rows, or the last ones of a longer file, up to its end.
        width: the table's number of columns.
        footer: lines below the table.
        physical_lines: lines of the text that the rows come from.
    """
    end = physical_lines - footer
    records = (r for r in reversed(rows[1:]) if r.line < end and len(r.cells) == width > 1)
    last = next(records, None)
    if last is None or not _says_total(last):
        return 0
    others = list(records)
    if len(others) + 1 < _LEAST_RECORDS or any(map(_says_total, others)):
        return 0
    return end - last.line


_LEAST_RECORDS = 3


def _says_total(row: Row) -> bool:
    at = next((at for at, cell in enumerate(row.cells) if cell.strip()), 0)
    if _TOTAL.fullmatch(row.cells[at]) is None:
        return False
    return any(kind_of(cell) in TYPED for cell in row.cells[at + 1 :])


# --- several tables one below the other ---

_SHARE = 4
"""A table with fewer rows than a quarter of the longest one's is a preamble to it."""
_LEAST_WHOLE, _WHOLE_SHARE = 3, 0.2
"""How many records have to be whole below names."""
_COLUMN_SHARE = 0.8
"""Share of a column's cells that are values where the column is one of values."""


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one table."""

    start: int
    end: int
    """Indices among the rows of the sample; the end is not part of it."""


def parts(rows: Sequence[Row], cells: Cells) -> list[Part]:
    """The tables of a sample; one where nothing parts it."""
    starts = [0]
    filled = [(at, row) for at, row in enumerate(rows) if not row.blank]
    for (_, before), (at, row), (_, after) in zip(filled, filled[1:], filled[2:], strict=False):
        if _begins_table(before, row, after, cells) and _is_table(rows[starts[-1] : at], cells):
            starts.append(at)
    return [Part(a, b) for a, b in zip(starts, [*starts[1:], len(rows)], strict=True)]


def main_part(found: Sequence[Part], rows: Sequence[Row], rest: float) -> int:
    """Which of the tables is the file's.

    Args:
        rest: how many times as long as the sample the rest of the file is.
    """
    if len(found) == 1:
        return 0
    sizes: list[float] = [
        sum(not row.blank for row in rows[part.start : part.end]) for part in found
    ]
    sizes[-1] += rest * len(rows)
    return next(n for n, size in enumerate(sizes) if _SHARE * size >= max(sizes))


def _begins_table(before: Row, row: Row, after: Row, cells: Cells) -> bool:
    """Whether a row names the columns of a table of another width than the rows before it."""
    width = len(row.cells)
    if width < 2 or len(before.cells) == width or len(after.cells) != width:
        return False
    if len(before.cells) < 2 or not any(cells[cell].kind in TYPED for cell in after.cells):
        return False
    return _are_distinct_names(row.cells, cells)


def _is_table(rows: Sequence[Row], cells: Cells) -> bool:
    """Whether rows are names above values, and no preamble of keys and their values."""
    wide = [row.cells for row in rows if len(row.cells) > 1]
    if not wide or not all(_is_name(cell, cells) for cell in wide[0]):
        return False
    names = wide[0]
    body = [row for row in wide[1:] if abs(len(row) - len(names)) <= 1]
    values = [at for at in range(len(names)) if is_of_values(at, body, cells)]
    if len(names) > 2 or 0 in values:
        return bool(values)
    # Names above two columns, or keys and values, which are of several kinds.
    kinds = {cells[row[1]].kind for row in body if len(row) > 1}
    return bool(values) and len(kinds) == 1 and not any(row[0].endswith(":") for row in wide)


def named_width(rows: Sequence[Row], cells: Cells) -> int | None:
    """Columns of a table whose first row names them, and many of whose records are whole.

    However many records lack fields: names, and values below them, do not come about by chance.
    None where that is not so, or where a record has more fields than there are names.
    """
    filled = [row.cells for row in filled_rows(rows)]
    if not filled:
        return None
    names, body = filled[0], filled[1:]
    width = len(names)
    if width < 2 or any(len(row) > width for row in body):
        return None
    whole = [row for row in body if len(row) == width]
    if len(whole) < max(_LEAST_WHOLE, _WHOLE_SHARE * len(body)):
        return None
    if not _are_distinct_names(names, cells):
        return None
    step = every(len(filled), width)
    looked_at = [row for row in filled[step::step] if len(row) == width]
    return width if any(is_of_values(at, looked_at, cells) for at in range(width)) else None


def every(rows: int, width: int) -> int:
    """Of how many rows of a table one is looked at where its cells are judged."""
    return 1 + rows * min(width, MOST_COLUMNS) // MOST_CELLS


def is_of_values(at: int, body: Sequence[Sequence[str]], cells: Cells) -> bool:
    """Whether a column holds numbers, dates and the like."""
    filled = [row[at] for row in body if at < len(row) and row[at].strip()]
    typed = sum(cells[cell].kind in TYPED for cell in filled)
    return typed > 0 and typed >= _COLUMN_SHARE * len(filled)


def _are_distinct_names(row: Sequence[str], cells: Cells) -> bool:
    looked_at = row[:: max(1, len(row) // MOST_COLUMNS)]
    return len(set(row)) == len(row) and all(_is_name(cell, cells) for cell in looked_at)


def _is_name(cell: str, cells: Cells) -> bool:
    """Whether a cell may name a column; prose has a blank after its commas."""
    return bool(cell.strip()) and cell[0] != " " and cells[cell.strip()].kind not in TYPED


# --- records that leave out their last fields where these are empty ---

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
    body = [row.cells for row in filled_rows(rows[first + 1 :])]
    shorter = sum(1 < len(row) < len(names) for row in body)
    longer = sum(len(row) > len(names) for row in body)
    if shorter < _LEAST_SHORT or 2 * shorter <= len(body) or longer > _LONGER_SHARE * len(body):
        return None
    if not _are_distinct_names(names, cells):
        return None
    # A title with commas is followed by the names, and those by values.
    values = [at for at in range(len(names)) if is_of_values(at, body[1:], cells)]
    fits = [at for at in values if at < len(body[0]) and cells[body[0][at]].kind in TYPED]
    return first if 2 * len(fits) >= len(values) else None
