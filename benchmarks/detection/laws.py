"""What must hold of any file that is sniffed, opened and converted, however damaged it is."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

from lakefall.contract.values import Records, Reject
from lakefall.tabular.places import LineMap
from lakefall.tabular.rejects import MAX_TEXT
from lakefall_plugins.formats.csv.dialect import Dialect
from lakefall_plugins.formats.csv.encoding.decoding import Codec, codec_of, text_blocks
from lakefall_plugins.formats.csv.reading.head import read_head
from lakefall_plugins.formats.csv.reading.syntax import large_fields, read

_BREAK = re.compile(r"\r\n|\r|\n")


class BrokenLawError(AssertionError):
    """A promise was broken."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An opened file with all its rows in memory."""

    path: Path
    records: Records
    rows: list[tuple[str | None, ...]]
    rejects: list[Reject]

    @property
    def dialect(self) -> Dialect:
        found = self.records.format
        assert isinstance(found, Dialect)
        return found

    @property
    def codec(self) -> Codec:
        return codec_of(self.path, self.dialect.encoding)

    def physical(self) -> list[str]:
        """The file's lines, with their ends."""
        text = "".join(text for text, _ in text_blocks(self.path, self.codec))
        return io.StringIO(text, newline="").readlines()

    def lines(self) -> list[int]:
        """On which line each good row begins."""
        found = LineMap.load(self.records.places)
        return [found.line(number) for number in range(len(self.rows))]


def check(opened: Opened) -> None:
    """All laws.

    Raises:
        BrokenLawError: one does not hold; the message says which.
    """
    physical, lines = opened.physical(), opened.lines()
    counts_add_up(opened)
    every_line_is_somewhere(opened, physical, lines)
    cells_are_those_of_the_csv_module(opened, physical, lines)
    nothing_is_replaced(opened, physical)


def counts_add_up(opened: Opened) -> None:
    """Records read are good or rejected, and each of them is at hand."""
    records = opened.records
    _must(records.rows_good == len(opened.rows), "good rows are not those that can be read")
    _must(records.rows_rejected == len(opened.rejects), "rejects are not those that were counted")
    total = records.rows_good + records.rows_rejected
    _must(records.rows_read == total, "records read are not good plus rejected")
    widths = Counter(map(len, opened.rows))
    _must(set(widths) <= {len(records.header)}, f"rows of widths {dict(widths)}")


def every_line_is_somewhere(opened: Opened, physical: Sequence[str], lines: Sequence[int]) -> None:
    """Each physical line is the header's, skipped, a good record's or a reject's, and only one."""
    with large_fields():
        head = read_head(opened.path, opened.codec, opened.dialect)
    starts = Counter([*lines, *(reject.line for reject in opened.rejects)])
    _must(all(n == 1 for n in starts.values()), "two records begin on one line")
    _must(all(1 <= line <= len(physical) for line in starts), "a record begins outside the file")
    if any(len(reject.text) > MAX_TEXT for reject in opened.rejects):
        return
    held = head.lines - sum(s.lines for s in head.skipped) + opened.records.lines_skipped
    held += sum(map(_lines_of, opened.rows, lines, repeat(physical)))
    held += sum(1 + _breaks([reject.text]) for reject in opened.rejects)
    _must(held == len(physical), f"{len(physical)} lines, but {held} are accounted for")


def _lines_of(row: Sequence[str | None], start: int, physical: Sequence[str]) -> int:
    """Lines that a good record takes.

    An escape before a line end of two characters takes the first one into the cell, and the other
    ends the record: that line end is one break, not two.
    """
    cells = [cell for cell in row if cell]
    count = 1 + _breaks(cells)
    split = count > 1 and cells[-1].endswith("\r") and physical[start + count - 3].endswith("\r\n")
    return count - split


def _breaks(texts: Any) -> int:
    return sum(len(_BREAK.findall(text)) for text in texts)


def cells_are_those_of_the_csv_module(
    opened: Opened, physical: Sequence[str], lines: Sequence[int]
) -> None:
    """The csv module, started on a good record's line under the same dialect, reads its cells."""
    dialect, columns = opened.dialect, len(opened.records.header)
    with large_fields():
        for row, line in zip(opened.rows, lines, strict=True):
            theirs = next(iter(read(_from(physical, line), dialect, strict=True)))
            shown = "" if any(theirs[columns:]) else theirs[:columns]
            shown = [*shown, *[""] * (columns - len(shown))]
            same = all(_same(ours, cell) for ours, cell in zip(row, shown, strict=True))
            _must(same, f"line {line}: {row} is {theirs} to the csv module")


def _from(physical: Sequence[str], line: int) -> Iterator[str]:
    for at in range(line - 1, len(physical)):
        yield physical[at]


def _same(ours: str | None, theirs: str) -> bool:
    """NULL stands for nothing, or for ``\\N``, of which an escape leaves ``N``."""
    return ours == theirs if ours is not None else theirs in ("", "\\N", "N")


def nothing_is_replaced(opened: Opened, physical: Sequence[str]) -> None:
    """No replacement character that is not the file's own."""
    if any("\ufffd" in line for line in physical):
        return
    for row in opened.rows:
        _must(not any(cell and "\ufffd" in cell for cell in row), "a character was replaced")


def _must(holds: bool, law: str) -> None:
    if not holds:
        raise BrokenLawError(law)
