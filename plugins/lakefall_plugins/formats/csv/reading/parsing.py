"""Lines to records through the csv module, at its own speed, up to the first error."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from lakefall_plugins.formats.csv.dialect import Dialect
from lakefall_plugins.formats.csv.reading.padding import Padding
from lakefall_plugins.formats.csv.reading.syntax import read

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Int64s = npt.NDArray[np.int64]

CELLS = 500_000
"""Cells that are held at a time."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A record that the csv module refuses."""

    at: int
    """Index of the record's first line."""
    lines: int
    """Lines that were read for it."""
    message: str
    """What the csv module says."""

    @property
    def unclosed(self) -> bool:
        """The lines ended before the record did."""
        return "unexpected end" in self.message


@dataclass(frozen=True, slots=True)
class Parsed:
    """Some records in a row."""

    rows: list[list[str]]
    starts: Int64s
    """Index of the first line of each."""
    ends: Int64s
    """Index after its last line."""
    padded: dict[int, str]
    """Lines that had blanks around quoted fields, without these, by index."""
    comments: list[str]
    """Comment lines before, between and after them."""
    done: int
    """Index after the last line that belongs to a record or comment here."""
    failure: Failure | None

    def raws(self, lines: list[str]) -> list[str]:
        """The records' raw text."""
        count = len(self.rows)
        if self.padded:
            lines = [self.padded.get(at, line) for at, line in enumerate(lines)]
        if count and self.ends[-1] - self.starts[0] == count:
            return lines[self.starts[0] : self.ends[-1]]
        pairs = zip(self.starts.tolist(), self.ends.tolist(), strict=True)
        return ["".join(lines[start:end]) for start, end in pairs]


def is_remark(fields: Sequence[str], mark: str, delimiter: str) -> bool:
    """Whether the fields of a line are prose behind a comment mark: a blank follows the mark and
    each delimiter. Behind a mark and no blank stands a value."""
    if delimiter == " ":
        return fields[0] == mark
    return fields[0].startswith(f"{mark} ") and all(field.startswith(" ") for field in fields[1:])


def is_record(line: str, dialect: Dialect, columns: int) -> bool:
    """Whether a line that begins with a comment mark found in a sample is a record all the same:
    it has a field for every column, or more, and is no prose; or it begins one that goes on."""
    if dialect.comment_given or dialect.header_label:
        return False
    try:
        fields = next(read([line], dialect, strict=True))
    except csv.Error:
        return True
    return len(fields) >= columns and not is_remark(fields, dialect.comment, dialect.delimiter)


def parse(
    lines: list[str], at: int, dialect: Dialect, columns: int, padding: Padding | None = None
) -> Parsed:
    """Read records from ``lines[at:]``: at most some ``CELLS``, and none after an error.

    Args:
        padding: where there may be blanks around quoted fields.
    """
    import numpy as np

    rows: list[list[str]] = []
    numbers: list[int] = []
    skips: list[int] = []
    comments: list[str] = []
    padded: dict[int, str] = {}

    def records_alone() -> Iterator[str]:
        # The reader asks for a line, and no row has come since: the record goes on.
        asked = -1
        for number, line in enumerate(body, at):
            begins = len(rows) != asked
            if begins:
                if (
                    commented
                    and line.startswith(dialect.comment)
                    and not is_record(line, dialect, columns)
                ):
                    comments.append(line)
                    continue
                asked = len(rows)
            bare = padding.without(line, begins) if padding else line
            if bare != line:
                padded[number] = bare
            yield bare

    body = lines[at:] if at else lines
    commented = bool(dialect.comment) and any(x.startswith(dialect.comment) for x in body)
    reader = read(records_alone() if commented or padding else body, dialect, strict=True)
    failure = None
    try:
        for row in islice(reader, max(1, CELLS // columns)):
            rows.append(row)
            numbers.append(reader.line_num)
            if commented:
                skips.append(len(comments))
    except csv.Error as error:
        used = reader.line_num - (numbers[-1] if numbers else 0)
        failure = Failure(at + reader.line_num + len(comments) - used, used, str(error))
    read_lines = np.array(numbers, dtype=np.int64)
    ends = read_lines + at
    if commented:
        ends += np.array(skips, dtype=np.int64)
    starts = ends - np.diff(read_lines, prepend=0)
    done = failure.at if failure else at + reader.line_num + len(comments)
    return Parsed(rows, starts, ends, padded, comments, done, failure)
