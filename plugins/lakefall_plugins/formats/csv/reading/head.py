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
    rows, _ = _rows(reader, lines, max(1, dialect.header_lines), dialect)
    if not rows:
        raise NoHeaderError(f"{path.name}: the file ends before its header")
    _, units = _rows(reader, lines, dialect.units_lines, dialect)
    lines.skip(UNITS, units)
    lines.in_head = False
    header = _trimmed(joined(rows), islice(reader, SAMPLE), dialect)
    header = [visible(cell).replace("\0", "") for cell in header]
    if dialect.unnamed_column:
        header.insert(0 if dialect.unnamed_column == "first" else len(header), "")
    skipped = SkippedLines(dialect, len(header))
    for rule, count in lines.counts.items():
        skipped.add(rule, lines.skipped[rule], count)
    return Head(tuple(header), lines.done, skipped.found)


def _rows(
    reader: Iterator[list[str]], lines: _Lines, count: int, dialect: Dialect
) -> tuple[list[list[str]], list[str]]:
    """The next rows that hold something, and their lines; blank lines between them are skipped."""
    rows: list[list[str]] = []
    texts: list[str] = []
    lines.taken.clear()
    while len(rows) < count and (row := next(reader, None)) is not None:
        if is_blank(row) and (dialect.delimiter or not row):
            lines.skip(BLANK, lines.taken)
        else:
            rows.append(row)
            texts += lines.taken
        lines.taken.clear()
    return rows, texts


def _trimmed(header: list[str], records: Iterator[list[str]], dialect: Dialect) -> list[str]:
    """The header without a delimiter at its end that the records do not have."""
    if len(header) < 2 or header[-1].strip():
        return header
    widths = _widths(records, dialect)
    return header[:-1] if widths[len(header) - 1] > widths[len(header)] else header


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
    widths = _widths(rows, dialect)
    return widths.most_common(1)[0][0] if widths else 0


def _widths(rows: Iterator[list[str]], dialect: Dialect) -> Counter[int]:
    return Counter(len(row) for row in rows if row and not (dialect.delimiter and is_blank(row)))


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
        self._lines = (line for block, _ in line_blocks(path, codec) for line in block)

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.done += self.in_head
            if self.in_head and self.done <= self._preamble:
                self.skip(PREAMBLE, [line])
            elif self._comment and line.startswith(self._comment):
                self.skip(COMMENT, [line])
            else:
                if self.in_head and self._named:
                    self.taken.append(line)
                yield self._padding.without(line, begins=not self._padding.open)

    def skip(self, rule: str, lines: Sequence[str]) -> None:
        """Lines that a rule skips; below the head they are not counted here."""
        if self.in_head and lines:
            self.counts[rule] += len(lines)
            kept = self.skipped[rule]
            kept += lines[: MOST_KEPT - len(kept)]
