"""Any file, through CPython's csv module: good records to a canonical copy, the rest set aside.

The csv module is strict here, so that a quote out of place is a finding and not a guess. After
an error only the first physical line of the record is rejected and reading resumes on the next:
one unclosed quote costs one line, not the rest of the file.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from lakefall.model import Dialect, text_column
from lakefall_plugins.csv.decoding import DAMAGED, MAX_RECORD, Codec, line_blocks
from lakefall_plugins.csv.head import Head
from lakefall_plugins.csv.lines import LineMapWriter
from lakefall_plugins.csv.rejects import RejectWriter
from lakefall_plugins.csv.syntax import Canonical, large_fields, read

FLUSH_CELLS = 200_000
LONG = 200_000
"""Characters from which on a record's exact size in bytes is worth knowing."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """What went where."""

    good: int
    rejected: int
    skipped: int
    """Blank lines, comments, footer."""
    longest: int
    """Upper bound of the bytes of a record in the copy."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a repaired file goes."""

    copy: Path
    """The good records, canonical (see ``Canonical``), below one header line: DuckDB takes the
    first line end that it meets for the file's, were it inside a quoted field."""
    lines: LineMapWriter
    rejects: RejectWriter


def repair(path: Path, codec: Codec, dialect: Dialect, head: Head, target: Target) -> Repaired:
    """Read ``path`` record by record and write each to where it belongs.

    Raises:
        EncodingError: bytes that cannot even be carried along.
        StructureError: a line beyond ``MAX_RECORD``.
    """
    with large_fields(), target.copy.open("w", encoding="utf-8", newline="") as out:
        out.write(",".join(map(text_column, range(len(head.header)))) + "\r\n")
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
        self.canonical = Canonical(dialect)
        self.out = out
        self.writer = csv.writer(out, lineterminator="\r\n")
        self.lines = target.lines
        self.rejects = target.rejects
        self.skipped = 0
        self.longest = 0
        # Where the block at hand begins in the file, and how far in it bytes were counted.
        self.first_line = 1
        self.offset = codec.bom
        self.mark = (0, 0)
        # Whether the block at hand may hold damaged bytes, or records that are ambiguous.
        self.suspect = False
        self.ambiguous = False
        self.rows: list[list[str]] = []
        self.starts: list[int] = []

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
        good_rows = self.lines.rows
        return Repaired(good_rows, self.rejects.count, self.skipped, self.longest)

    def body(self, path: Path) -> Iterator[tuple[list[str], bool]]:
        """Blocks of lines between the head and the footer."""
        head, footer = self.head.lines, self.dialect.footer_lines
        held: list[str] = []
        held_clean = True
        for lines, clean in line_blocks(path, self.codec):
            body = lines
            if head:
                self.advance(lines[:head])
                body = lines[head:]
                head -= len(lines) - len(body)
            if footer:
                held_clean = held_clean and clean
                body = held + body
                held, body = body[-footer:], body[:-footer]
            if body:
                yield body, held_clean and clean
        self.skipped += len(held)

    def advance(self, lines: Sequence[str]) -> None:
        self.first_line += len(lines)
        self.offset += self.codec.length("".join(lines))
        self.mark = (0, 0)

    def block(self, lines: list[str], clean: bool, *, final: bool) -> int:
        """Read a block; the answer is how many of its lines are done with."""
        text = "".join(lines)
        self.suspect = not clean or "\0" in text
        self.ambiguous = self.canonical.ambiguous_block(text)
        comment = self.dialect.comment
        commented = bool(comment) and any(line.startswith(comment) for line in lines)
        if not (self.suspect or self.ambiguous or commented) and self.plain_block(lines):
            return len(lines)
        done = self.each(lines, final=final)
        self.flush()
        return done

    def plain_block(self, lines: list[str]) -> bool:
        """Take a block in which every line is a good record, without looking at each."""
        reader = read(lines, self.dialect, strict=True)
        try:
            rows = list(reader)
        except csv.Error:
            return False
        if len(rows) != len(lines) or set(map(len, rows)) != {self.columns}:
            return False
        self.measure(max(lines, key=len))
        self.writer.writerows(rows)
        self.lines.run(self.first_line, len(rows))
        return True

    def each(self, lines: list[str], *, final: bool) -> int:
        """Take a block record by record."""
        comment = self.dialect.comment
        feed = iter(lines)
        reader = read(feed, self.dialect, strict=True)
        at = 0
        while at < len(lines):
            if comment and lines[at].startswith(comment):
                next(feed)
                at += 1
                self.skipped += 1
                continue
            before = reader.line_num
            try:
                row = next(reader)
            except csv.Error as error:
                end = at + reader.line_num - before
                unclosed = "unexpected end" in str(error)
                if unclosed and not final and sum(map(len, lines[at:])) <= MAX_RECORD:
                    return at
                self.reject(lines, at, at + 1, self.complaint(error, unclosed, end - at))
                at += 1
                if end != at:
                    feed = iter(lines[at:])
                    reader = read(feed, self.dialect, strict=True)
                continue
            end = at + reader.line_num - before
            self.record(row, lines, at, end)
            at = end
        return len(lines)

    def record(self, row: list[str], lines: list[str], at: int, end: int) -> None:
        raw = lines[at] if end == at + 1 else "".join(lines[at:end])
        if not row or (len(row) == 1 < self.columns and not raw.strip()):
            self.skipped += end - at
            return
        if self.suspect and (reason := self.damage(raw, lines, at)):
            self.reject(lines, at, end, reason)
            return
        if len(row) == self.columns + 1 and not row[-1]:
            row.pop()  # a trailing delimiter
        if len(row) != self.columns:
            self.reject(lines, at, end, self.width(len(row)))
            return
        self.measure(raw)
        self.starts.append(self.first_line + at)
        if self.ambiguous and self.canonical.ambiguous(row, raw):
            self.write()
            self.out.write(self.canonical.line(row, raw))
            return
        self.rows.append(row)
        if len(self.rows) * self.columns >= FLUSH_CELLS:
            self.flush()

    def flush(self) -> None:
        import numpy as np

        self.write()
        self.lines.append(np.array(self.starts, dtype=np.int64))
        self.starts = []

    def write(self) -> None:
        self.writer.writerows(self.rows)
        self.rows = []

    def measure(self, raw: str) -> None:
        if len(raw) >= LONG:
            size = 2 * len(raw.encode("utf-8", "surrogatepass")) + 3 * self.columns + 2
            self.longest = max(self.longest, size)

    # --- rejects ---

    def reject(self, lines: list[str], at: int, end: int, reason: str) -> None:
        raw = lines[at] if end == at + 1 else "".join(lines[at:end])
        self.rejects.append(self.first_line + at, "", reason, raw.rstrip("\r\n"))

    def complaint(self, error: Any, unclosed: bool, lines: int) -> str:
        """What the csv module's error means."""
        if unclosed and not self.dialect.quotechar:
            return "the file ends in an escape"
        if unclosed:
            return "quote opened here is never closed"
        if "expected after" in str(error):
            where = "" if lines == 1 else f", {lines - 1} lines below"
            return f"text after a closing quote{where}"
        return str(error)

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
