"""How a CSV file is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar

from lakefall.common import sql
from lakefall.contract.values import Format, LocalFile

NEVER = "\ud800"
"""A character that no decoded text holds: it stands in for a delimiter of several characters, and
for that of a file of one column, where one is needed."""
SAMPLE_BYTES = 1_000_000
"""Bytes in which ``quoted_columns`` looks for its rows."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a file: what a sniffer weighed, kept for people."""

    delimiter: str
    quotechar: str
    escapechar: str
    score: float
    """Its share of the likelihood, on the scale of the confidence and never above it."""

    def describe(self) -> str:
        """The reading in a few words for people."""
        delimiter = repr(self.delimiter) if self.delimiter else "a single column"
        return f"{delimiter} with quote {self.quotechar or 'none'} ({self.score:.2f})"


@dataclass(frozen=True, slots=True)
class Dialect(Format):
    """How a CSV file is written (RFC 4180 names the parts)."""

    reader: ClassVar[str] = "csv"

    delimiter: str
    """One character; ``''`` for a single column. Of several where a person says so: a sniffer that
    finds several names them, and nobody reads them unasked."""
    quotechar: str
    """``'"'``, ``"'"`` or ``''`` for none."""
    escapechar: str
    """``'\\\\'``, or ``''``: a quote inside a quoted field is doubled."""
    encoding: str
    """A CPython codec name, such as ``utf-8``, ``utf-8-sig``, ``cp1252``, ``utf-16-le``."""
    has_header: bool
    line_terminator: str
    """``'\\n'``, ``'\\r\\n'``, ``'\\r'``, or ``'mixed'``."""
    preamble_lines: int = 0
    """Physical lines before the header (or before the first record where there is no header)."""
    header_lines: int = 1
    """Rows that make up the header, their cells joined; 0 without one."""
    delimiter_given: bool = False
    """A person said what delimits."""
    marked_header: bool = False
    """The header begins with the mark of comments, and is none: ``#id,name``."""
    header_label: str = ""
    """What stands in the header's first cell and is no name: ``#fields`` in
    ``#fields<tab>ts<tab>uid``. All lines that begin like it are comments."""
    units_lines: int = 0
    """Rows right below the header that describe the columns, and are no records: units, types,
    widths, dashes."""
    unnamed_column: str = ""
    """``first`` or ``last`` where the header lacks the name of that column: every record has one
    field more."""
    short_records: bool = False
    """Most records lack their last fields: that is how the file is written."""
    footer_lines: int = 0
    """Physical lines after the last record of the table that are not part of it."""
    total_lines: int = 0
    """Physical lines from the last record on to the footer, blank ones included, where it looks
    like a total; 0 where it does not."""
    comment: str = ""
    """Lines that start with this are skipped."""
    comment_given: bool = False
    """A person said so. Otherwise the mark was found in a sample, and a line that begins with it
    but has a field for every column, or more, is a record."""
    skip_initial_space: bool = False
    """A blank after a delimiter is not part of the field."""
    blanks_around_quotes: bool = False
    """Blanks before and after a quoted field are no part of it. The csv module takes them for
    text or for an error, and so does a dialect that a person gives."""
    confidence: float = 1.0
    """0 to 1: how sure the sniffer is of encoding, delimiter, quote and escape."""
    encoding_confidence: float = 1.0
    """How sure it is of the encoding alone."""
    second_encoding: str = ""
    """The likeliest other encoding, where there is a doubt."""
    header_confidence: float = 1.0
    evidence: tuple[str, ...] = ()
    """Sentences for people: why this reading."""
    runner_up: Reading | None = None

    def describe(self) -> str:
        parts = [
            f"delimiter {self.delimiter!r}" if self.delimiter else "a single column",
            f"quote {self.quotechar or 'none'}",
            *([f"escape {self.escapechar}"] if self.escapechar else []),
            self.encoding,
            f"lines end in {self.line_terminator!r}",
            "with header" if self.has_header else "no header",
            *([f"{self.preamble_lines} lines before it"] if self.preamble_lines else []),
            f"confidence {self.confidence:.2f}",
        ]
        if self.runner_up:
            parts.append(f"runner-up {self.runner_up.describe()}")
        return ", ".join(parts)

    def fields(self) -> dict[str, Any]:
        return {
            "delimiter": self.delimiter,
            "quotechar": self.quotechar,
            "escapechar": self.escapechar,
            "encoding": self.encoding,
            "has_header": self.has_header,
            "preamble_lines": self.preamble_lines,
            "line_terminator": self.line_terminator,
            "confidence": round(self.confidence, 4),
        }

    def record_text(self, columns: Sequence[str]) -> str:
        delimiter, quote = self.delimiter, self.quotechar
        if not quote:
            field = "coalesce(x, '')"
        else:
            marks = "".join(f" OR contains(x, {sql.literal(c)})" for c in (delimiter, quote) if c)
            q, qq = sql.literal(quote), sql.literal(quote * 2)
            field = (
                f"CASE WHEN x IS NULL THEN '' WHEN x = '' OR x = '\\N' OR contains(x, chr(10)) "
                f"OR contains(x, chr(13)){marks} THEN {q} || replace(x, {q}, {qq}) || {q} "
                "ELSE x END"
            )
        return (
            f"array_to_string([{field} FOR x IN [{', '.join(columns)}]], {sql.literal(delimiter)})"
        )

    def quoted_columns(self, local: LocalFile, width: int, rows: int) -> frozenset[int]:
        if not self.quotechar:
            return frozenset()
        filled, quoted = [0] * width, [0] * width
        for row in islice(self._quoting(local, width, rows), rows):
            for position, in_quotes in enumerate(row):
                if in_quotes is not None:
                    filled[position] += 1
                    quoted[position] += in_quotes
        columns = frozenset(p for p in range(width) if filled[p] and filled[p] == quoted[p])
        others = any(filled[p] for p in range(width) if p not in columns)
        # A file that quotes everything says nothing by it.
        return columns if others else frozenset()

    def _quoting(self, local: LocalFile, width: int, rows: int) -> Iterator[list[bool | None]]:
        """Per cell of a record whether it is in quotes; None for an empty one."""
        from lakefall_plugins.formats.csv.sniffing.sample import take
        from lakefall_plugins.formats.csv.sniffing.splitting import Way, cell_pattern

        before = self.preamble_lines + self.header_lines
        sample = take(local.path, self.encoding, SAMPLE_BYTES, before + 4 * rows)
        text, delimiter = sample.text.split("\n", self.preamble_lines)[-1], self.delimiter
        if len(delimiter) > 1:
            text, delimiter = text.replace(delimiter, NEVER), NEVER
        number, skipped = 0, self.header_lines if self.has_header else 0
        row: list[bool | None] = []
        pattern = cell_pattern(Way(delimiter, self.quotechar, self.escapechar))
        for cell in pattern.finditer(text):
            inside, unclosed, plain, end = cell.groups()
            row.append(
                True if inside is not None or unclosed is not None else False if plain else None
            )
            if end in ("\n", ""):
                if number >= skipped and len(row) == width:
                    yield row
                number, row = number + 1, []
