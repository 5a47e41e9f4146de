"""The lines before the first record: preamble, comments, header."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

from lakefall.contract.errors import NoHeaderError
from lakefall.contract.values import Skipped
from lakefall.tabular.rejects import visible
from lakefall_plugins.formats.csv.dialect import Dialect
from lakefall_plugins.formats.csv.encoding.decoding import Codec, line_blocks
from lakefall_plugins.formats.csv.reading.padding import Padding
from lakefall_plugins.formats.csv.reading.skipped import (
    BLANK,
    COMMENT,
    PREAMBLE,
    UNITS,
    SkippedLines,
)
from lakefall_plugins.formats.csv.reading.syntax import is_blank, read

SAMPLE = 1_000
"""Records that decide the width of a file without header."""
MOST_KEPT = 1_000
"""Skipped lines of the head that are looked at, by rule."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where the records begin, and how many fields each must have."""

    header: tuple[str, ...]
    lines: int
    """Physical lines up to and with the header."""
    skipped: tuple[Skipped, ...]
    """Those of them that are no header: preamble, comments, blank lines, units."""
    rows: tuple[str, ...] = ()
    """The rows of the header and of units as they are written, without line ends."""


def read_head(path: Path, codec: Codec, dialect: Dialect) -> Head:
    """Read the header and the number of columns.

    Raises:
        NoHeaderError: the file ends before its header.
    """
    lines = _Lines(path, codec, dialect)
    reader = read(lines, dialect, strict=False)
    if not dialect.has_header:
        width = _usual_width(islice(reader, SAMPLE), dialect)
        names = tuple(f"col_{number}" for number in range(1, width + 1))
        above = SkippedLines(dialect, width)
        above.add(PREAMBLE, lines.skipped[PREAMBLE], dialect.preamble_lines)
        return Head(names, dialect.preamble_lines, above.found)
    rows, written = _rows(reader, lines, max(1, dialect.header_lines), dialect)
    if not rows:
        raise NoHeaderError(f"{codec.file}: the file ends before its header")
    _, units = _rows(reader, lines, dialect.units_lines, dialect)
    lines.skip(UNITS, [line for row in units for line in row])
    lines.in_head = False
    rows[0] = unlabelled(rows[0], dialect.header_label)
    header = _trimmed(joined(rows), islice(reader, SAMPLE), dialect)
    header = [visible(cell).replace("\0", "") for cell in header]
    if dialect.unnamed_column:
        header.insert(0 if dialect.unnamed_column == "first" else len(header), "")
    skipped = SkippedLines(dialect, len(header))
    for rule, count in lines.counts.items():
        skipped.add(rule, lines.skipped[rule], count)
    texts = tuple("".join(row).strip("\ufeff\r\n") for row in (*written, *units))
    return Head(tuple(header), lines.done, skipped.found, texts)


class Repetition:
    """Finds the rows of a header among the records: the first of them, and the others below it."""

    def __init__(self, rows: Sequence[str], columns: int) -> None:
        self._rows = rows
        self._one_column = columns < 2
        self._number, self._at = -1, 0

    def may_be_in(self, text: str) -> bool:
        """Whether a text may hold a row of the header; cheap, errs on one side."""
        return bool(self._rows) and self._rows[0] in text

    def may_be(self, raw: str) -> bool:
        """Whether a record's text is one of the rows."""
        return raw.strip("\ufeff\r\n") in self._rows

    def is_row(self, raw: str, number: int) -> bool:
        """Whether a record, known by its number, is the header again, or goes on with it."""
        text = raw.strip("\ufeff\r\n")
        first = text == self._rows[0] and not (self._one_column and raw[:1] != "\ufeff")
        at = 0 if first else self._at if number == self._number else len(self._rows)
        if at >= len(self._rows) or text != self._rows[at]:
            return False
        self._number, self._at = number + 1, at + 1
        return True


def _rows(
    reader: Iterator[list[str]], lines: _Lines, count: int, dialect: Dialect
) -> tuple[list[list[str]], list[list[str]]]:
    """The next rows that hold something, and the lines of each; blank lines are skipped."""
    rows: list[list[str]] = []
    texts: list[list[str]] = []
    lines.taken.clear()
    while len(rows) < count and (row := next(reader, None)) is not None:
        if is_blank(row) and (dialect.delimiter or not row):
            lines.skip(BLANK, lines.taken)
        else:
            rows.append(row)
            texts.append(list(lines.taken))
        lines.taken.clear()
    return rows, texts


def _trimmed(header: list[str], records: Iterator[list[str]], dialect: Dialect) -> list[str]:
    """The header without a delimiter at its end, where no or next to no record has anything behind
    it."""
    if len(header) < 2 or header[-1].strip():
        return header
    rows = _filled(records, dialect)
    widths = Counter(map(len, rows))
    last = len(header) - 1
    empty = widths[last] > 0 and all(not any(row[last:]) for row in rows)
    return header[:-1] if empty or widths[last] > widths[last + 1] else header


def unlabelled(row: list[str], label: str) -> list[str]:
    """A header without what stands before its first name."""
    if not label or not row[0].startswith(label):
        return row
    first = row[0].removeprefix(label).strip()
    return [first, *row[1:]] if first else row[1:]


def joined(rows: Sequence[Sequence[str]]) -> list[str]:
    """A header of several rows as one: the cells of each column, joined by a blank.

    A name above an empty cell to its right spans that column too, where the row below names it.
    """
    if len(rows) == 1:
        return list(rows[0])
    width = max(map(len, rows))
    padded = [[*row, *[""] * (width - len(row))] for row in rows]
    for upper, lower in pairwise(padded):
        for at in range(1, width):
            if lower[at - 1].strip() and lower[at].strip() and not upper[at].strip():
                upper[at] = upper[at - 1]
    return [" ".join(filter(None, map(str.strip, cells))) for cells in zip(*padded, strict=True)]


def _usual_width(rows: Iterator[list[str]], dialect: Dialect) -> int:
    widths = Counter(map(len, _filled(rows, dialect)))
    return widths.most_common(1)[0][0] if widths else 0


def _filled(rows: Iterator[list[str]], dialect: Dialect) -> list[list[str]]:
    return [row for row in rows if row and not (dialect.delimiter and is_blank(row))]


class _Lines:
    """Physical lines without preamble and comments; those of the head are counted and kept."""

    def __init__(self, path: Path, codec: Codec, dialect: Dialect) -> None:
        self.in_head = True
        self.done = 0
        """Lines of the head so far."""
        self.taken: list[str] = []
        """Lines that were handed out above the end of a header."""
        self.counts: Counter[str] = Counter()
        """Skipped lines by rule."""
        self.skipped: dict[str, list[str]] = defaultdict(list)
        """The first of them."""
        self._named = dialect.has_header
        self._preamble = dialect.preamble_lines
        self._comment = dialect.comment
        self._padding = Padding(dialect)
        self._marked = dialect.marked_header
        self._lines = (line for block, _ in line_blocks(path, codec) for line in block)

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.done += self.in_head
            if self.in_head and self.done <= self._preamble:
                self.skip(PREAMBLE, [line])
            elif self._comment and line.startswith(self._comment) and not self._at_header():
                self.skip(COMMENT, [line])
            else:
                if self.in_head and self._named:
                    self.taken.append(line)
                yield self._padding.without(line, begins=not self._padding.open)

    def _at_header(self) -> bool:
        """Whether a line that begins like a comment is the header all the same."""
        return self._marked and self.in_head and self.done == self._preamble + 1

    def skip(self, rule: str, lines: Sequence[str]) -> None:
        """Lines that a rule skips; below the head they are not counted here."""
        if self.in_head and lines:
            self.counts[rule] += len(lines)
            kept = self.skipped[rule]
            kept += lines[: MOST_KEPT - len(kept)]
