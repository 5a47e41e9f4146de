"""Any file, through CPython's csv module: good records to a canonical copy, the rest set aside.

The csv module is strict here, so that a quote out of place is a finding and not a guess. After
an error only the first physical line of the record is rejected and reading resumes on the next:
one unclosed quote costs one line, not the rest of the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from pathlib import Path
from typing import IO

from lakefall.contract.values import Skipped, text_column
from lakefall.tabular.places import LineMapWriter
from lakefall.tabular.rejects import DAMAGED, RejectWriter
from lakefall_plugins.formats.csv.dialect import Dialect
from lakefall_plugins.formats.csv.encoding.decoding import MAX_RECORD, Codec, line_blocks
from lakefall_plugins.formats.csv.reading.head import MOST_KEPT, Head, Repetition
from lakefall_plugins.formats.csv.reading.others import OtherTable, OtherTables
from lakefall_plugins.formats.csv.reading.padding import Padding
from lakefall_plugins.formats.csv.reading.parsing import Failure, Parsed, parse
from lakefall_plugins.formats.csv.reading.skipped import (
    BLANK,
    COMMENT,
    FOOTER,
    REPEATED,
    SkippedLines,
)
from lakefall_plugins.formats.csv.reading.syntax import Copier, large_fields

_LINE_END = re.compile(r"(?:\r\n|\r|\n)\Z")
LONG = 200_000
"""Characters from which on a record's exact size in bytes is worth knowing."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """What went where."""

    good: int
    rejected: int
    skipped: tuple[Skipped, ...]
    """By rule, those of the head included."""
    longest: int
    """Upper bound of the bytes of a record in the copy."""
    last_line: int = 0
    """The line that the last good record begins on."""
    filled: int = 0
    """Good records that lacked their last fields."""
    others: tuple[OtherTable, ...] = ()
    """Tables further down; their records are rejected."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a repaired file goes."""

    copy: Path
    """The good records, as ``copier`` writes them, below one header line: DuckDB takes the
    first line end that it meets for the file's, were it inside a quoted field."""
    copier: Copier
    lines: LineMapWriter
    rejects: RejectWriter
    skip_headers: bool = True
    """Skip records that are the header again."""
    reject_totals: bool = False
    """Reject a last record that looks like a total."""
    fill_short: bool = False
    """Take records that lack their last fields, which are NULL then."""


def repair(path: Path, codec: Codec, dialect: Dialect, head: Head, target: Target) -> Repaired:
    """Read ``path`` record by record and write each to where it belongs.

    Raises:
        EncodingError: bytes that cannot even be carried along.
        StructureError: a line beyond ``MAX_RECORD``.
    """
    with large_fields(), target.copy.open("w", encoding="utf-8", newline="") as out:
        names = map(text_column, range(len(head.header)))
        out.write(target.copier.to_delimiter.join(names) + target.copier.end)
        return _Repair(codec, dialect, head, target, out).file(path)


class _Repair:
    """The state between blocks of lines."""

    def __init__(
        self, codec: Codec, dialect: Dialect, head: Head, target: Target, out: IO[str]
    ) -> None:
        self.codec = codec
        self.dialect = dialect
        self.head = head
        self.columns = len(head.header)
        self.copier = target.copier
        self.padding = Padding(dialect)
        self.out = out
        self.lines = target.lines
        self.rejects = target.rejects
        self.reject_totals = target.reject_totals
        self.totals: list[str] = []
        """The lines of a last record that is rejected."""
        self.fill_short = target.fill_short
        self.filled = 0
        self.again = Repetition(head.rows if target.skip_headers else (), self.columns)
        self.others = OtherTables()
        self.read = 0
        self.skipped = SkippedLines(dialect, self.columns, head.skipped)
        self.blank = 0
        self.longest = 0
        # Where the block at hand begins in the file, and how far in it bytes were counted.
        self.first_line = 1
        self.offset = codec.bom
        self.mark = (0, 0)
        # Whether the block at hand may hold damaged bytes, or odd records.
        self.suspect = False
        self.odd = False
        self.repeats = False

    def file(self, path: Path) -> Repaired:
        block: list[str] = []
        clean, size, wanted = True, 0, 0
        for more, good in self.body(path):
            block += more
            clean = clean and good
            size += sum(map(len, more))
            if size < wanted:
                continue
            done = self.block(block, clean, final=False)
            if done:
                self.advance(block[:done])
                block = block[done:]
                clean = clean or not block
            size = sum(map(len, block))
            # Doubling keeps the work on a record that spans many blocks linear.
            wanted = 2 * size
        self.block(block, clean, final=True)
        self.advance(block)
        while self.totals and not self.totals[-1].strip():
            self.totals.pop()
            self.blank += 1
        if self.totals:
            self.reject(self.totals, 0, len(self.totals), "the record looks like a total")
            self.read += 1
        self.skipped.add(BLANK, (), self.blank)
        return Repaired(
            self.lines.rows,
            self.rejects.count,
            self.skipped.found,
            self.longest,
            self.lines.last_line,
            self.filled,
            self.others.found(),
        )

    def body(self, path: Path) -> Iterator[tuple[list[str], bool]]:
        """Blocks of lines between the head and the footer."""
        head, footer = self.head.lines, self.dialect.footer_lines
        total = self.dialect.total_lines if self.reject_totals else 0
        left: int | None = None
        if footer + total:
            # A footer may be a million empty lines: they are counted, not held.
            left = sum(len(lines) for lines, _ in line_blocks(path, self.codec)) - footer - total
        below: list[str] = []
        for lines, clean in line_blocks(path, self.codec):
            body = lines if left is None else lines[: max(left, 0)]
            if left is not None:
                left -= len(lines)
                below += lines[len(body) :][: total + MOST_KEPT - len(below)]
            if head:
                self.advance(body[:head])
                rest = body[head:]
                head -= len(body) - len(rest)
                body = rest
            if body:
                yield body, clean
        self.totals, below = below[:total], below[total:]
        self.skipped.add(FOOTER, below, footer)

    def advance(self, lines: Sequence[str]) -> None:
        self.first_line += len(lines)
        self.offset += self.codec.length("".join(lines))
        self.mark = (0, 0)

    def block(self, lines: list[str], clean: bool, *, final: bool) -> int:
        """Read a block; the answer is how many of its lines are done with."""
        text = "".join(lines)
        self.suspect = not clean or "\0" in text
        self.odd = self.copier.maybe_odd(text)
        padding = self.padding if self.padding.occurs(text) else None
        self.repeats = self.again.may_be_in(text)
        at = 0
        while at < len(lines):
            parsed = parse(lines, at, self.dialect, self.columns, padding)
            self.skipped.add(COMMENT, parsed.comments)
            self.records(parsed, lines)
            at = parsed.done
            failure = parsed.failure
            if failure is None:
                continue
            if failure.unclosed and not final and sum(map(len, lines[at:])) <= MAX_RECORD:
                break
            self.reject(lines, at, at + 1, self.complaint(failure))
            self.read += 1
            at += 1
        return at

    def records(self, parsed: Parsed, lines: list[str]) -> None:
        """Take records: most in one go, those that need a look one by one."""
        import numpy as np

        rows = parsed.rows
        raws = parsed.raws(lines)
        if not all(rows):
            # Blank lines; one by one, millions of them would take minutes.
            filled = np.fromiter(map(bool, rows), dtype=bool, count=len(rows))
            self.blank += int((parsed.ends - parsed.starts)[~filled].sum())
            rows, raws = list(filter(None, rows)), list(compress(raws, filled))
            parsed = replace(
                parsed, rows=rows, starts=parsed.starts[filled], ends=parsed.ends[filled]
            )
        self.measure(raws)
        good = np.ones(len(rows), dtype=bool)
        done = 0
        for number in self.special(rows, raws):
            self.out.write(self.copier.lines(rows[done:number], raws[done:number]))
            done = number + 1
            at, end = int(parsed.starts[number]), int(parsed.ends[number])
            good[number] = self.record(rows[number], raws[number], lines, (at, end), number)
        self.read += len(rows)
        self.out.write(self.copier.lines(rows[done:], raws[done:]))
        self.lines.append(self.first_line + parsed.starts[good])

    def special(self, rows: list[list[str]], raws: list[str]) -> list[int]:
        """Numbers of the records that are not simply good."""
        found = {n for n, row in enumerate(rows) if len(row) != self.columns}
        if self.odd:
            maybe, sure = self.copier.maybe_odd, self.copier.odd
            found |= {n for n, raw in enumerate(raws) if maybe(raw) and sure(rows[n], raw)}
        if self.repeats:
            found |= {n for n, raw in enumerate(raws) if self.again.may_be(raw)}
        if self.suspect:
            found |= {n for n, raw in enumerate(raws) if "\0" in raw or DAMAGED.search(raw)}
        return sorted(found)

    def record(
        self, row: list[str], raw: str, lines: list[str], place: tuple[int, int], number: int
    ) -> bool:
        """Take one record, which is ``lines[slice(*place)]``; whether it is good."""
        at, end = place
        number += self.read
        if len(row) == 1 < self.columns and not raw.strip():
            self.blank += end - at
            self.others.blank(number)
            return False
        if self.repeats and self.again.is_row(raw, number):
            self.skipped.add(REPEATED, lines[at:end])
            return False
        if self.suspect and (reason := self.damage(raw, lines, at)):
            self.reject(lines, at, end, reason)
            return False
        # DuckDB takes empty fields beyond the last column for none, and so do we.
        trailing = len(row) > self.columns and not any(row[self.columns :])
        if trailing:
            del row[self.columns :]
        missing = self.columns - len(row) if self.fill_short else 0
        if missing > 0:
            row += [""] * missing
            self.filled += 1
        if len(row) != self.columns:
            self.reject(lines, at, end, self.width(len(row)))
            self.others.rejected(number, self.first_line + at, row)
            return False
        look = trailing or missing > 0 or (self.odd and self.copier.odd(row, raw))
        self.out.write(self.copier.line(row, raw) if look else self.copier.lines([row], [raw]))
        return True

    def measure(self, raws: list[str]) -> None:
        if len(max(raws, key=len, default="")) < LONG:
            return
        for raw in raws:
            if len(raw) >= LONG:
                size = 2 * len(raw.encode("utf-8", "surrogatepass")) + 3 * self.columns + 2
                self.longest = max(self.longest, size)

    # --- rejects ---

    def reject(self, lines: list[str], at: int, end: int, reason: str) -> None:
        raw = lines[at] if end == at + 1 else "".join(lines[at:end])
        self.rejects.append(self.first_line + at, "", reason, _LINE_END.sub("", raw, count=1))

    def complaint(self, failure: Failure) -> str:
        """What the csv module's error means."""
        if failure.unclosed and not self.dialect.quotechar:
            return "the file ends in an escape"
        if failure.unclosed:
            return "quote opened here is never closed"
        if "expected after" not in failure.message:
            return failure.message
        if failure.lines == 1:
            return "text after a closing quote"
        below = failure.lines - 1
        return f"text after a closing quote, {below} line{'s' if below > 1 else ''} below"

    def width(self, fields: int) -> str:
        has = "the header has" if self.dialect.has_header else "most records have"
        return f"{fields} field{'' if fields == 1 else 's'} where {has} {self.columns}"

    def damage(self, raw: str, lines: list[str], at: int) -> str:
        """Why a record's bytes cannot be text; ``''`` when they can. Bytes count from 0."""
        nul = raw.find("\0")
        if nul >= 0:
            return f"NUL byte at byte {self.byte(lines, at) + self.codec.length(raw[:nul])}"
        damaged = DAMAGED.search(raw)
        if damaged is None:
            return ""
        byte = self.byte(lines, at) + self.codec.length(raw[: damaged.start()])
        return f"bytes that are not {self.codec.label} at byte {byte}"

    def byte(self, lines: list[str], at: int) -> int:
        """The file's byte at which a line of the block begins."""
        line, size = self.mark
        size += self.codec.length("".join(lines[line:at]))
        self.mark = (at, size)
        return self.offset + size
