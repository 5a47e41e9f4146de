"""Is a file plain enough for DuckDB to read it as it is, and how many records does it hold?

An independent count in one pass over the bytes. A file is plain when DuckDB and CPython's csv
module cannot disagree about it: UTF-8, one kind of line end outside of quotes, no NUL byte, every
quote where RFC 4180 allows one. Everything else is left to ``repair``.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lakefall.tabular.places import LineMapWriter
from lakefall_plugins.formats.csv.dialect import Dialect
from lakefall_plugins.formats.csv.encoding.decoding import BLOCK, MAX_RECORD

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

LF, CR = 10, 13
UNUSED = "\x1f"
"""Stands in for the delimiter of a file of one column; a file that holds it is not plain."""


MAX_GAP = 64 << 20
"""Bytes of blank lines in a row up to which DuckDB reads the file, in a buffer of twice as many."""


@dataclass(frozen=True, slots=True)
class Plain:
    """What the scan counted in a plain file."""

    records: int
    """Records after the header."""
    blank: int
    """Blank lines."""
    longest: int
    """Upper bound of the bytes of a record and of the blank lines above it."""


class _NotPlainError(Exception):
    pass


def plain_dialect(dialect: Dialect) -> bool:
    """Whether a file in this dialect can be plain at all."""
    return (
        not dialect.escapechar
        and not dialect.comment
        and not dialect.skip_initial_space
        and dialect.preamble_lines == dialect.footer_lines == 0
        and dialect.header_lines <= 1
        and not (dialect.units_lines or dialect.unnamed_column or dialect.short_records)
        and len(dialect.delimiter) <= 1
        and dialect.delimiter not in ("\n", "\r")
        and (dialect.delimiter + dialect.quotechar).isascii()
    )


def scan(
    path: Path, dialect: Dialect, lines: LineMapWriter, *, skip_headers: bool = True
) -> Plain | None:
    """Count the records of a UTF-8 file and note their lines; None when it is not plain.

    With ``skip_headers`` a file that may hold its header twice is not plain.
    """
    try:
        return _Scan(dialect, lines, skip_headers).file(path)
    except _NotPlainError:
        return None


def _blocks(path: Path) -> Iterator[bytes]:
    """Bytes cut after line feeds, without the byte order mark; the last may lack its end."""
    parts: list[bytes] = []
    size, first = 0, True
    with path.open("rb", buffering=0) as stream:
        while block := stream.read(BLOCK):
            if first:
                block, first = block.removeprefix(codecs.BOM_UTF8), False
            cut = block.rfind(b"\n") + 1
            if cut:
                yield b"".join((*parts, memoryview(block)[:cut]))
                parts, size = [block[cut:]], len(block) - cut
            else:
                parts.append(block)
                size += len(block)
                if size > MAX_RECORD:
                    raise _NotPlainError
    if size:
        yield b"".join(parts)


class _Scan:
    """The state between blocks. Every block begins at the start of a line."""

    def __init__(self, dialect: Dialect, lines: LineMapWriter, skip_headers: bool) -> None:
        self.quote = ord(dialect.quotechar) if dialect.quotechar else None
        self.delimiter = ord(dialect.delimiter or UNUSED)
        self.single = not dialect.delimiter
        self.lines = lines
        self.headers = 1 if dialect.has_header else 0
        self.skip_headers = skip_headers and dialect.has_header
        self.header = b""
        """The first line that is not blank, without its end."""
        self.inside = False
        self.crlf: bool | None = None
        self.first_crlf: bool | None = None
        """Of the file's first line end, which DuckDB takes for that of the records even where it
        stands inside of quotes."""
        self.breaks = 0
        """Line feeds so far."""
        self.last_end = 0
        """Line feeds up to and with the one that ended the last record or blank line."""
        self.records = 0
        self.blank = 0
        self.open_bytes = 0
        self.longest = 0
        self.gap = self.widest = 0
        """Bytes of the blank lines in a row that were seen last, and of the most of them."""
        self.utf8 = codecs.getincrementaldecoder("utf-8")("strict")

    def file(self, path: Path) -> Plain:
        for block in _blocks(path):
            self.check_bytes(block)
            if self.skip_headers:
                self.check_headers(block)
            if block.endswith(b"\n"):
                self.block(block, complete=True)
            else:
                self.block(block + b"\n", complete=False)
        if self.inside:
            raise _NotPlainError
        return Plain(self.records, self.blank, self.longest + self.widest)

    def check_bytes(self, block: bytes) -> None:
        if b"\0" in block or (self.single and self.delimiter in block):
            raise _NotPlainError
        if not block.isascii():
            try:
                self.utf8.decode(block, True)
            except UnicodeDecodeError:
                raise _NotPlainError from None
        if b"\r" in block and block.count(b"\r") != block.count(b"\r\n"):
            raise _NotPlainError

    def check_headers(self, block: bytes) -> None:
        """The header's first line is no line below it. One column's name may be a value, unless a
        byte order mark stands before it."""
        at_start = bool(self.header)
        if not at_start:
            text = block.lstrip(b"\r\n")
            self.header = text.split(b"\n", 1)[0].rstrip(b"\r")
            block = text[len(self.header) :]
        if not self.header or self.header not in block:
            return
        lines = [codecs.BOM_UTF8 + self.header]
        if not self.single:
            lines.append(self.header)
        for line in lines:
            starts = at_start and block.startswith((line + b"\n", line + b"\r"))
            inside = b"\n" + line + b"\n" in block or b"\n" + line + b"\r" in block
            if starts or inside or block.endswith(b"\n" + line):
                raise _NotPlainError

    def block(self, block: bytes, *, complete: bool) -> None:
        import numpy as np

        data = np.frombuffer(block, dtype=np.uint8)
        if self.quote is None or (not self.inside and self.quote not in block):
            feeds = np.flatnonzero(data == LF)
            self.outer(data, feeds, np.arange(1, len(feeds) + 1), complete)
        else:
            at = np.flatnonzero((data == LF) | (data == self.quote))
            quoted = data[at] == self.quote
            parity = (np.cumsum(quoted) + self.inside) & 1
            self.check_quotes(data, at[quoted], parity[quoted])
            ordinal = np.cumsum(~quoted)
            outer = ~quoted & (parity == 0)
            self.outer(data, at[outer], ordinal[outer], complete)
            self.inside = bool(parity[-1])
            feeds = at[~quoted]
        if self.first_crlf is None and len(feeds):
            self.first_crlf = bool(feeds[0] and data[feeds[0] - 1] == CR)
        if self.crlf not in (None, self.first_crlf):
            raise _NotPlainError
        self.breaks += len(feeds)

    def check_quotes(
        self, data: npt.NDArray[np.uint8], at: npt.NDArray[np.intp], parity: npt.NDArray[np.intp]
    ) -> None:
        """An opening quote stands at a field's start or doubles one, a closing one at its end."""
        opening, closing = at[parity == 1], at[parity == 0]
        before = data[np_maximum(opening - 1)]
        before[opening == 0] = LF
        ok = (before == self.delimiter) | (before == LF) | (before == self.quote)
        after = data[closing + 1]  # a block ends with a line feed, never with a quote
        fine = (after == self.delimiter) | (after == LF) | (after == CR) | (after == self.quote)
        if not (ok.all() and fine.all()):
            raise _NotPlainError

    def outer(
        self,
        data: npt.NDArray[np.uint8],
        feeds: npt.NDArray[np.intp],
        ordinal: npt.NDArray[np.intp],
        complete: bool,
    ) -> None:
        """Line feeds outside of quotes: each ends a record or a blank line.

        Args:
            feeds: their positions in the block.
            ordinal: which line feed of the block, from 1, each of them is.
        """
        import numpy as np

        if not len(feeds):
            self.open_bytes += len(data)
            self.longest = max(self.longest, self.open_bytes)
            return
        starts = np.empty_like(feeds)
        starts[0], starts[1:] = 0, feeds[:-1] + 1
        lengths = feeds - starts
        crlf = (lengths > 0) & (data[np_maximum(feeds - 1)] == CR)
        self.check_ends(crlf if complete else crlf[:-1])
        blank = lengths == crlf
        blank[0] &= not self.inside
        self.longest = max(
            self.longest, int(lengths.max()) + 2, self.open_bytes + int(feeds[0]) + 2
        )
        self.open_bytes = len(data) - int(feeds[-1]) - 1
        blanks = int(np.count_nonzero(blank))
        self.blank += blanks
        self.note_gaps(starts, feeds, blank)
        ends = self.breaks + ordinal
        if not blanks and int(ends[-1]) - self.last_end == len(feeds):
            self.note_run(self.last_end + 1, len(feeds))
        else:
            begins = np.empty_like(ends)
            begins[0], begins[1:] = self.last_end + 1, ends[:-1] + 1
            self.note(begins[~blank])
        self.last_end = int(ends[-1])

    def note_gaps(
        self,
        starts: npt.NDArray[np.intp],
        feeds: npt.NDArray[np.intp],
        blank: npt.NDArray[np.bool_],
    ) -> None:
        """Bytes of blank lines in a row: to DuckDB they are part of the line that follows."""
        import numpy as np

        if not (self.gap or blank.any()):
            return
        filled = np.flatnonzero(~blank)
        end = int(feeds[-1]) + 1
        if not len(filled):
            self.gap += end
        else:
            inner = starts[filled[1:]] - feeds[filled[:-1]] - 1
            first = self.gap + int(starts[filled[0]])
            self.widest = max(self.widest, first, int(inner.max(initial=0)))
            self.gap = end - int(feeds[filled[-1]]) - 1
        self.widest = max(self.widest, self.gap)
        if self.widest > MAX_GAP:
            raise _NotPlainError

    def check_ends(self, crlf: npt.NDArray[np.bool_]) -> None:
        if not len(crlf):
            return
        if self.crlf is None:
            self.crlf = bool(crlf[0])
        if not (crlf.all() if self.crlf else not crlf.any()):
            raise _NotPlainError

    def note_run(self, first_line: int, count: int) -> None:
        header = min(self.headers, count)
        self.headers -= header
        self.records += count - header
        self.lines.run(first_line + header, count - header)

    def note(self, begins: npt.NDArray[np.int64]) -> None:
        header = min(self.headers, len(begins))
        self.headers -= header
        self.records += len(begins) - header
        self.lines.append(begins[header:])


def np_maximum(at: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Positions, none below 0."""
    import numpy as np

    return np.maximum(at, 0)
