"""Options of the sniffer and the reader ``csv``."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import ByteSize, Field

from lakefall.contract.plugin import ReaderOptions, SnifferOptions

MOST_CHARACTERS = 8
"""Of a delimiter."""
Character = Annotated[str, Field(max_length=1)]
Characters = Annotated[str, Field(max_length=MOST_CHARACTERS)]


class CsvSnifferOptions(SnifferOptions):
    """How much the sniffer looks at, what it prefers, and what it is told outright."""

    reader: ClassVar[str] = "csv"
    patterns: ClassVar[tuple[str, ...]] = ("*.csv", "*.tsv", "*.tab", "*.psv")

    sample_bytes: ByteSize = Field(default=ByteSize(8_000), ge=64, le=1 << 24)
    """The first look. It grows on its own, up to 1 MB, while it does not decide."""
    delimiters: tuple[str, ...] = (",", ";", "\t", "|")
    """Preferred delimiters; others are taken on strong evidence only."""
    strict_delimiters: bool = False
    """Forbid every delimiter that is not listed."""
    header: Literal["detect", "present", "absent"] = "detect"
    """Whether the first row names the columns."""
    on_missing_header: Literal["fail", "generate"] = "fail"
    """What becomes of a file without header where ``header`` is ``detect``: it fails, or its
    columns are called col_1, col_2, ..."""
    min_confidence: float = Field(default=0.5, ge=0, le=1)
    """A file whose dialect is less certain fails. ``lakefall sniff`` always answers."""
    delimiter: Characters | None = None
    """The delimiter, if known, such as ``"||"``; ``""`` for a file of one column."""
    quotechar: Character | None = None
    """The quote character, if known; ``""`` for none."""
    escapechar: Character | None = None
    """The escape character, if known; ``""`` for doubled quotes."""
    encoding: str | None = None
    """The encoding, if known: a name that CPython's codecs know."""
    preamble_lines: int | None = Field(default=None, ge=0, le=1_000_000)
    """Lines before the header, if known."""
    header_lines: int | None = Field(default=None, ge=1, le=1_000)
    """Rows that make up the header, if known; the cells of each column are joined by a blank."""
    on_multi_row_header: Literal["join", "fail"] = "join"
    """What becomes of a file whose header stands on several rows where ``header_lines`` is not
    given: the rows are joined, or the file fails."""
    units_row: Literal["detect", "present", "absent"] = "detect"
    """Whether a row of units (``m/s``, ``[kg]``) stands right below the header. It is no record
    and is skipped."""
    comment: Character | None = None
    """Lines that begin with this are skipped; ``""`` for none."""


class CsvReaderOptions(ReaderOptions):
    """What becomes of records and cells that do not fit."""

    repeated_headers: Literal["skip", "keep"] = "skip"
    """What becomes of a record that is the header again, as in files that were joined: it is
    skipped and counted, or kept as a record. One column's name may be a value, too: it is skipped
    behind a byte order mark alone."""
    totals: Literal["keep", "reject"] = "keep"
    """What becomes of a last record that looks like a total: it is loaded with a warning, or
    rejected."""
    short_records: Literal["detect", "reject", "fill"] = "detect"
    """A record with fewer fields than the header: rejected, or taken with NULL in the columns
    that it lacks at its end, as spreadsheets and some registers leave them out. ``detect`` takes
    them where more than half of the records that the sniffer sees are short."""
