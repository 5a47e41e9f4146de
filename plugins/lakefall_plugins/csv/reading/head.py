"""The lines before the first record: preamble, comments, header."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from lakefall.errors import NoHeaderError
from lakefall.model import Dialect
from lakefall_plugins.csv.encoding.decoding import Codec, line_blocks, visible
from lakefall_plugins.csv.reading.syntax import is_blank, read

SAMPLE = 1_000
"""Records that decide the width of a file without header."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where the records begin, and how many fields each must have."""

    header: tuple[str, ...]
    lines: int
    """Physical lines up to and with the header."""
    skipped: int
    """Those of them that are no header: preamble, comments, blank lines."""


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
        return Head(names, dialect.preamble_lines, dialect.preamble_lines)
    rows: list[list[str]] = []
    blank = 0
    for row in reader:
        if is_blank(row) and (dialect.delimiter or not row):
            blank += 1
            continue
        rows.append(row)
        if len(rows) >= max(1, dialect.header_lines):
            break
    if not rows:
        raise NoHeaderError(f"{path.name}: the file ends before its header")
    done, skipped = lines.done, lines.skipped + blank
    header = _joined(rows)
    if len(header) > 1 and not header[-1].strip():
        width = _usual_width(islice(reader, SAMPLE), dialect)
        if width == len(header) - 1:
            header = header[:-1]  # a trailing delimiter that the records do not have
    return Head(tuple(visible(cell).replace("\0", "") for cell in header), done, skipped)


def _joined(rows: list[list[str]]) -> list[str]:
    """A header of several rows as one: its cells, joined by a blank."""
    if len(rows) == 1:
        return rows[0]
    width = max(map(len, rows))
    padded = [row + [""] * (width - len(row)) for row in rows]
    return [" ".join(filter(None, map(str.strip, cells))) for cells in zip(*padded, strict=True)]


def _usual_width(rows: Iterator[list[str]], dialect: Dialect) -> int:
    widths = Counter(len(row) for row in rows if row and not (dialect.delimiter and is_blank(row)))
    return widths.most_common(1)[0][0] if widths else 0


class _Lines:
    """Physical lines without preamble and comments, counted as they are taken."""

    def __init__(self, path: Path, codec: Codec, dialect: Dialect) -> None:
        self.done = 0
        self.skipped = 0
        self._preamble = dialect.preamble_lines
        self._comment = dialect.comment
        self._lines = (line for block, _ in line_blocks(path, codec) for line in block)

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.done += 1
            if self.done <= self._preamble or (self._comment and line.startswith(self._comment)):
                self.skipped += 1
            else:
                yield line
