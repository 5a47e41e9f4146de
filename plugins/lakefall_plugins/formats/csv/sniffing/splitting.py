"""Text to rows, for every way of reading that the sniffer weighs.

The csv module does not say which cells were quoted nor which quotes were out of place, and both
are evidence; so the sniffer splits by regular expression. Line ends have been turned into
``\\n`` before.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from lakefall_plugins.formats.csv.dialect import NEVER

BLANK = " \t\x1a"
"""What an empty line may hold: blanks, and the mark that ended files in DOS."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to read a file."""

    delimiter: str
    quotechar: str = ""
    escapechar: str = ""
    runs: bool = False
    """Several delimiters in a row count as one, and those at the beginning of a line as none: so
    are columns aligned with blanks."""


class Row(NamedTuple):
    """One record of the sample."""

    line: int
    """Physical line on which it begins, from 0."""
    cells: tuple[str, ...]

    @property
    def blank(self) -> bool:
        """Whether the record is an empty line, or the mark that ended files in DOS."""
        return len(self.cells) == 1 and not self.cells[0].strip(BLANK)

    @property
    def filled(self) -> int:
        """Cells that hold something."""
        return sum(map(bool, map(str.strip, self.cells)))


def filled_rows(rows: Iterable[Row]) -> list[Row]:
    """The rows that are not ``blank``, which is asked of many at once without a call each."""
    return [row for row in rows if len(row.cells) > 1 or row.cells[0].strip(BLANK)]


@dataclass(frozen=True)
class Split:
    """The sample's rows under one way of reading."""

    rows: tuple[Row, ...]
    """Blank lines included."""
    quoted: int
    """Cells that stand in quotes."""
    protected: int
    """Quoted cells that hold a delimiter or a line end."""
    misplaced: int
    """Cells that begin with a quote, but do not end with one where the cell ends."""
    loose: int = 0
    """Other cells without quotes around them that hold one."""
    inner_breaks: int = 0
    """Line ends inside quoted cells."""
    open_end: bool = False
    """The last quoted cell is not closed before the sample ends."""
    cut: bool = False
    """The same of a sample that stops before the file does, which may close it."""

    @cached_property
    def filled(self) -> tuple[Row, ...]:
        """The rows that are not blank; each way's rows are gone through many times."""
        return tuple(filled_rows(self.rows))

    @cached_property
    def widths(self) -> Counter[int]:
        """How many rows, blank ones left out, have so many cells."""
        return Counter([len(row.cells) for row in self.filled])

    @property
    def whole_until_cut(self) -> bool:
        """A cell is longer than the sample, and the rows before it are all of one width."""
        return self.cut and len(self.rows) > 1 and len(self.widths) <= 1


def split(text: str, way: Way, truncated: bool = False) -> Split:
    """Split a sample into rows.

    Args:
        text: the sample, line ends normalised to ``\\n``.
        way: delimiter, quote and escape.
        truncated: the sample stops before the file does; a cell whose quote is still open at
            its end is then dropped with its row, as it proves nothing.
    """
    if len(way.delimiter) > 1:
        text, way = text.replace(way.delimiter, NEVER), replace(way, delimiter=NEVER)
    if not way.quotechar or way.quotechar not in text:
        return _split_escaped(text, way) if way.escapechar else _split_plain(text, way)
    return _split_quoted(text, way, truncated)


def _split_plain(text: str, way: Way) -> Split:
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    if not way.delimiter:
        return Split(tuple(Row(i, (line,)) for i, line in enumerate(lines)), 0, 0, 0)
    d = way.delimiter
    if way.runs:
        split_run = re.compile(f"{re.escape(d)}+").split
        cells = (tuple(split_run(line.lstrip(d))) for line in lines)
        return Split(tuple(Row(i, row) for i, row in enumerate(cells)), 0, 0, 0)
    return Split(tuple(Row(i, tuple(line.split(d))) for i, line in enumerate(lines)), 0, 0, 0)


def _split_escaped(text: str, way: Way) -> Split:
    """Cells without quotes, in which the escape takes the meaning of what follows it."""
    d, e = re.escape(way.delimiter), re.escape(way.escapechar)
    pattern = re.compile(rf"((?:[^{d}\n{e}]|{e}.)*+)([{d}\n]|\Z)", re.DOTALL)
    escape = re.compile(rf"{e}(.)", re.DOTALL)
    rows: list[Row] = []
    cells: list[str] = []
    protected = inner_breaks = line = start = 0
    for written, end in pattern.findall(text):
        breaks = written.count("\n")
        inner_breaks += breaks
        line += breaks
        protected += breaks > 0 or way.delimiter in written
        cells.append(escape.sub(r"\1", written) if way.escapechar in written else written)
        if end == way.delimiter:
            continue
        if end or len(cells) > 1 or cells[0]:
            rows.append(Row(start, tuple(cells)))
        cells, line = [], line + 1
        start = line
        if not end:
            break
    return Split(tuple(rows), 0, protected, 0, inner_breaks=inner_breaks)


def cell_pattern(way: Way) -> re.Pattern[str]:
    """A pattern that matches one cell and its end.

    Groups: quoted content, unclosed quoted content, plain content, end (delimiter, line end or
    nothing).
    """
    q, d = re.escape(way.quotechar), re.escape(way.delimiter)
    inner = rf"[^{q}]*+(?:{q}{q}[^{q}]*+)*+"
    if way.escapechar:
        e = re.escape(way.escapechar)
        inner = rf"[^{q}{e}]*+(?:(?:{e}.|{q}{q})[^{q}{e}]*+)*+"
    end = f"[{d}\n]" if d else "\n"
    stop = f"[^{d}\n]" if d else "[^\n]"
    blank = "" if way.delimiter == " " and not way.runs else " *"
    run = " *" if way.runs else ""
    tail = "" if way.delimiter in (" ", "\t") else "[ \t]*"
    return re.compile(
        rf"(?:{blank}{q}({inner}){q}{tail}(?={end}|\Z)|{blank}{q}({inner})\Z|{run}({stop}*))"
        rf"({end}|\Z)",
        re.DOTALL,
    )


def _split_quoted(text: str, way: Way, truncated: bool) -> Split:
    rows: list[Row] = []
    cells: list[str] = []
    quoted = protected = misplaced = loose = inner_breaks = line = 0
    open_end = False
    quote, doubled, space = way.quotechar, way.quotechar * 2, way.delimiter != " "
    start = 0
    for inside, unclosed, plain, end in cell_pattern(way).findall(text):
        cell = plain
        if plain:
            if quote in plain:
                begins = (plain.lstrip(" ") if space else plain).startswith(quote)
                misplaced += begins
                loose += not begins
        elif inside:
            quoted += 1
            cell = inside.replace(doubled, quote)
            breaks = inside.count("\n")
            inner_breaks += breaks
            line += breaks
            protected += breaks > 0 or (bool(way.delimiter) and way.delimiter in inside)
        elif unclosed:
            open_end = True
            inner_breaks += unclosed.count("\n") if truncated else 0
            cell = unclosed
        cells.append(cell)
        if end == "\n" or not end:
            if open_end and truncated:
                break
            if end or len(cells) > 1 or cells[0] or open_end:
                rows.append(Row(start, tuple(cells)))
            cells = []
            line += 1
            start = line
            if not end:
                break
    cut = open_end and truncated
    return Split(tuple(rows), quoted, protected, misplaced, loose, inner_breaks, open_end, cut)
