"""The frozen values that travel between the steps.

Every value here survives ``to_json``/``from_json``: an Airflow task is one step, and the next
step may run on another machine. Bulk data never travels in them; it lies in files that the step
which needs them can make again from the source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import TypeAdapter

from lakefall.common.sql import literal
from lakefall.contract.results import Check as Check
from lakefall.contract.results import Event as Event
from lakefall.contract.results import Maintained as Maintained
from lakefall.contract.results import Registered as Registered
from lakefall.contract.results import Repaired as Repaired
from lakefall.contract.results import StoredReject as StoredReject
from lakefall.contract.results import WrongFile as WrongFile

T = TypeVar("T")


class Status(StrEnum):
    """What became of a file in one run. The registry holds the first two."""

    SUCCESS = "success"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    SKIPPED = "skipped"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    """Gone from the source, and its rows from the table (``on_source_deleted: delete``)."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file as the source listed it."""

    key: str
    """Path inside the source, ``/``-separated: ``customers/q1.csv``."""
    etag: str
    """The source's change token: equal tokens mean equal content."""
    size: int
    """Bytes, as stored (compressed where the file is)."""
    modified: datetime
    """The source's own modified time, UTC."""
    folder: str
    """First folder of the key, as written; ``''`` for a key at the root."""
    table: str
    """Table name made from the folder (``naming.table_name``); ``''`` where none can be made."""
    source: str = ""
    """Which of the pipeline's sources listed it: ``as:``, or the plugin's name."""
    problem: str = ""
    """Why no table can take this file; ``''`` where one can. A permanent failure."""
    origin: str = ""
    """Which bucket or folder it lies in, as a URI: ``s3://bucket``, ``file:///inbox``. A file
    whose origin is not known is never taken for deleted."""
    unread: bool = False
    """No format of the pipeline reads it: it is counted, and never fetched. ``etag`` may be
    ``''``: nobody compares its content."""
    replaces: str = field(default="", compare=False)
    """ETag of the version that its table had when it was decided to load this one, which therefore
    is the newer of the two, whatever clocks say; ``''`` where that is not known."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A source file's bytes on this machine, decompressed; of an archive, one member's."""

    file: SourceFile
    path: Path
    size: int
    """Bytes after decompression."""
    member: str = ""
    """Path inside the archive; ``''`` where the file is no archive."""

    @property
    def name(self) -> str:
        """What a person calls it: ``sales/q1.csv``, ``sales/q1.zip/january.csv``."""
        return f"{self.file.key}/{self.member}" if self.member else self.file.key


class Format:
    """How a file is written, as a sniffer found out: the base of every format's own description.

    Derive a frozen dataclass with slots and these fields; what else it holds (the CSV dialect, the
    sheet of a workbook) belongs to the plugin, and no other code looks at it.
    """

    __slots__ = ()

    reader: ClassVar[str]
    """Name of the reader plugin that opens such files."""
    encoding: str
    """A CPython codec name; ``''`` for a binary format."""
    confidence: float
    """0 to 1: how sure the sniffer is."""
    evidence: tuple[str, ...]
    """Sentences for people: why this reading."""

    def describe(self) -> str:
        """The format in one line for people."""
        return ", ".join(filter(None, (self.reader, self.encoding)))

    def fields(self) -> dict[str, Any]:
        """What ``sniff --json`` and ``plan --json`` show: names to JSON values."""
        return {"format": self.reader, "confidence": round(self.confidence, 4)}

    def record_text(self, columns: Sequence[str]) -> str:
        """SQL of a record's text, as the rejects show it.

        Args:
            columns: SQL of the record's cells, in the order of the file.
        """
        return f"to_json([{', '.join(f'CAST({c} AS VARCHAR)' for c in columns)}])::VARCHAR"

    def quoted_columns(self, local: LocalFile, width: int, rows: int) -> frozenset[int]:
        """Positions of columns whose every value is in quotes in the first ``rows``, while other
        columns are not; empty where the format has no quotes.
        """
        del local, width, rows
        return frozenset()


@dataclass(frozen=True, slots=True)
class Reject:
    """One record, or one cell, that did not reach the table as it was."""

    line: int
    """Physical line in the file after decompression, or row of a sheet or table, from 1."""
    column: str
    """Column name; ``''`` when the whole record was rejected."""
    reason: str
    text: str
    """The record's raw text, or the cell's text."""


@dataclass(frozen=True, slots=True)
class FileColumn:
    """A column as the file has it."""

    name: str
    """As written; generated where the file names none."""
    type: str = ""
    """The type that the file declares, in the specification's words (``BIGINT``,
    ``DECIMAL(18,2)``; structs, lists and maps as in ``lakefall.tabular.nested``): its values have
    it already, and no inference is asked. ``''`` for text, whose type is inferred."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """Lines (rows of a sheet) that a rule of the format left out: no records."""

    rule: str
    """``preamble``, ``blank``, ``comment``, ``units``, ``footer``, ``repeated header``."""
    lines: int
    first: tuple[str, ...] = ()
    """The first of them, cut where they are long; empty where nobody has to see them."""
    suspicious: bool = False
    """What was skipped looks like a record."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where row numbers turn into what a person can find in the file."""

    path: Path
    """Side file of break points (``lakefall.tabular.places``)."""
    unit: str = "line"
    """What the numbers count: ``line``, or ``row`` of a sheet or table."""
    parts: tuple[tuple[int, str], ...] = ()
    """First row and name of each part that counts anew, such as ``sheet 'May'``; ascending."""


@dataclass(frozen=True, slots=True)
class FileScan:
    """A table function over one file, for files that one query can read together."""

    function: str
    """Such as ``read_csv``; its first argument is the file, and it knows ``filename``."""
    path: Path
    settings: str
    """The other arguments, as SQL."""
    alike: str = ""
    """What else has to be equal, beside function and settings, for one query to read files
    together, such as how their lines end."""

    @property
    def sql(self) -> str:
        """The table expression."""
        return f"{self.function}({literal(str(self.path))}, {self.settings})"


@dataclass(frozen=True, slots=True)
class Records:
    """A file whose structure is proved: every record is counted, and the good ones can be read.

    ``rows_read == rows_good + rows_rejected``; what ``skipped`` counts was never a record. The
    scratch files that it names live as long as the run's ``workdir``, on this machine only.
    """

    local: LocalFile
    format: Format
    columns: tuple[FileColumn, ...]
    """In the order of the file; at least one."""
    rows_read: int
    rows_good: int
    rows_rejected: int
    skipped: tuple[Skipped, ...]
    """What was left out by rule, one entry a rule."""
    sql: str
    """A DuckDB table expression that yields exactly ``rows_good`` rows in file order, with columns
    named ``c0`` .. ``cN`` (see ``text_column``). A column without a declared type is VARCHAR: NULL
    where the file says that there is no value, else the value's text. A declared one has the
    DuckDB type of its type."""
    rejects: Path | None
    """Parquet with the rejected records, and the cells of ``cells_nulled`` (columns of
    ``Reject``); None when there are none."""
    places: Places
    warnings: tuple[str, ...] = ()
    rows_elsewhere: int = 0
    """Rejected records that belong to another table further down the file: they say nothing
    about how well this one was read."""
    proved: bool = True
    """False for a quick look: reading all rows may still show that they are not all alike."""
    scan: FileScan | None = None
    """What ``sql`` is, where one query may read several files like this one."""
    nulls: Mapping[int, int] | None = None
    """NULLs by position of a column, where the reader has counted them."""
    cells_nulled: int = 0
    """Cells of good records that hold no value of any type, such as an error in a sheet: NULL, and
    among the rejects under their column's name in the table."""

    @property
    def header(self) -> tuple[str, ...]:
        """The columns' names as written."""
        return tuple(column.name for column in self.columns)

    @property
    def lines_skipped(self) -> int:
        return sum(each.lines for each in self.skipped)


def text_column(position: int) -> str:
    """The name of a column in ``Records.sql``."""
    return f"c{position}"


@dataclass(frozen=True, slots=True)
class Column:
    """A column as inferred from files."""

    name: str
    """Sanitised, unique in its table (``naming.column_names``)."""
    source_name: str
    """The header's cell as written."""
    type: str
    """The type's name in the specification's words: ``INTEGER``, ``DECIMAL(18,2)``."""
    nullable: bool
    """False when every record of the files at hand has a value."""
    format: str = ""
    """What else the type needs to parse, such as ``%d/%m/%Y``; ``''`` when nothing."""
    evidence: tuple[str, ...] = ()
    """Sentences for people: ``3 values with a leading zero, first on line 512``."""
    ambiguous: bool = False
    """More than one format fits every value; the configured order decided."""
    from_format: str | None = None
    """The format that the table gives the column, where ``format`` takes all of its texts alike
    and more; None where it has none, or the same."""


@dataclass(frozen=True, slots=True)
class TypeSettings:
    """What the inferer's options say to every type."""

    date_formats: tuple[str, ...] = ("%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y")
    leading_zeros: str = "text"
    """``text``: a leading zero bars numbers for the whole column; ``number``: it is dropped."""
    boolean: str = "words_and_digits"
    """``words_and_digits``: true, false, yes, no, 1, 0; ``words``: without the digits."""
    exponents: str = "number"
    """``signed``: digits, an E and digits (``32E0134``) bar numbers for the whole column;
    ``number``: they are one."""
    number_formats: tuple[str, ...] = ("1234.5",)
    """The number 1234.5 as files may write it, preferred first."""
    unasked: tuple[str, ...] = ()
    """Those of both kinds of formats that nobody asked for by name: what is read in them has to
    be certain."""
    null_values: tuple[str, ...] = ()
    """Texts that stand for no value, in columns that are not text."""


@dataclass(frozen=True, slots=True)
class Assumed:
    """What types rest on that were read off the first rows of a file alone.

    Whoever converts all rows refuses (``UnprovedTypesError``) what does not agree.
    """

    parsing: tuple[str, ...]
    """Names of columns of which every cell has to parse, or to be a null token."""
    empty: tuple[str, ...] = ()
    """Names of columns that had no value: of which every cell has to be NULL."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns of one or more files of one table, in order of first appearance."""

    columns: tuple[Column, ...]
    assumed: Assumed | None = None
    """None where nothing is."""
    settings: TypeSettings = TypeSettings()
    """What every type was asked under; converting asks it the same."""
    nulls: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    """NULLs by a file's name (``LocalFile.name``) and the position of its column, where the
    inferer has counted them over all rows."""
    evidence: Mapping[str, str] = field(default_factory=dict)
    """By a file's name: what its values are evidence for, in the inferer's own words. It comes
    back as ``known`` while the table has rows of the file."""
    exact: Mapping[str, Mapping[str, tuple[str, str]]] = field(default_factory=dict)
    """By a file's name and a column's: type and format of which every cell is NULL or the text that
    ``TypeCandidate.text`` gives of its value; twice ``''`` where all are NULL. Columns of which
    that is not known are left out."""
    as_written: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By a file's name: columns of which every cell seems to be NULL, or a value of the type that
    has no blanks around it and is no null token. Only how much SQL is planned rests on it."""
    unsettled: tuple[str, ...] = ()
    """Columns whose type the evidence of the table's other files does not settle: they have to be
    read again together with these."""


@dataclass(frozen=True, slots=True)
class TableState:
    """A table as the catalog has it now, audit columns left out."""

    table: str
    columns: tuple[Column, ...]
    """``type`` and ``format`` are the table's own; they govern."""
    snapshot: str = ""
    """The current snapshot's id; ``''`` for none."""


class Change(StrEnum):
    """What a plan does to a column."""

    KEEP = "keep"
    ADD = "add"
    WIDEN = "widen"
    CONFLICT = "conflict"
    """The file's type does not fit the table's, and the catalog allows no promotion."""
    REPAIR = "repair"
    """The table's files together ask for another type, and the catalog allows no promotion: the
    table has to be rebuilt from them."""


@dataclass(frozen=True, slots=True)
class PlannedColumn:
    """A column of the table as it will be after the load."""

    name: str
    type: str
    """The type that values are parsed into."""
    format: str
    field_id: int
    """The catalog's id for the column, written into the data files; 0 where it has none."""
    change: Change = Change.KEEP
    from_type: str = ""
    """The table's type before (WIDEN), or the type that the files ask for (CONFLICT, REPAIR)."""
    lossless: bool = False
    """Of REPAIR: every value of the files at hand fits ``type`` too, so that the table may stay as
    it is where it cannot be rebuilt."""
    from_format: str | None = None
    """The table's format before, where ``format`` replaces it; None where it stays."""
    on_misfit: str = "null"
    """What becomes of a value that does not parse into ``type``: ``null`` (the cell becomes NULL
    and is kept as a reject) or ``reject`` (the whole record is rejected)."""
    nested_ids: tuple[int, ...] = ()
    """Ids of what is in a struct, list or map (``lakefall.tabular.nested.field_ids``)."""


@dataclass(frozen=True, slots=True)
class TablePlan:
    """What loading will do to a table. Nothing has been done yet."""

    table: str
    created: bool
    columns: tuple[PlannedColumn, ...]
    """Every column that a file of the batch feeds, audit columns left out."""
    source_file_id: int = 0
    """Field ids of the audit columns."""
    ingested_at_id: int = 0
    snapshot: str = ""
    """The snapshot that the plan was made against."""
    notes: tuple[str, ...] = ()
    """Sentences for people, such as a conflict and what happens to its values."""
    rebuild: bool = False
    """Loading swaps all rows of the table and its columns for these."""
    repair: bool = False
    """A ``rebuild`` for the sake of new files: what the registry knows of other files stays."""

    @property
    def forgets_others(self) -> bool:
        """The table will hold these files alone, whatever versions it had."""
        return self.rebuild and not self.repair

    @property
    def repairs(self) -> tuple[PlannedColumn, ...]:
        """Columns for whose sake the table has to be rebuilt."""
        return tuple(c for c in self.columns if c.change is Change.REPAIR)

    @property
    def columns_added(self) -> tuple[str, ...]:
        """Columns that an existing table gains; none of a table that is new as a whole."""
        if self.created:
            return ()
        return tuple(c.name for c in self.columns if c.change is Change.ADD)


@dataclass(frozen=True, slots=True)
class Converted:
    """A file's rows, typed, in Parquet files on this machine that carry the plan's field ids."""

    file: SourceFile
    paths: tuple[Path, ...]
    rows_read: int
    rows_loaded: int
    rows_rejected: int
    skipped: tuple[Skipped, ...]
    """As in ``Records``."""
    cells_nulled: int
    rejects: Path | None
    """Parquet with every reject of the file: records and cells (columns of ``Reject``)."""
    ingested_at: datetime
    warnings: tuple[str, ...] = ()
    lost_values: tuple[str, ...] = ()
    """Warnings that show values: for the log, and no part of what travels or is kept."""
    rows_elsewhere: int = 0
    """Rejected records of other tables in the file (``Records.rows_elsewhere``)."""

    @property
    def lines_skipped(self) -> int:
        return sum(each.lines for each in self.skipped)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file: a line of ``run --json`` and a row of the registry."""

    file: SourceFile
    status: Status
    rows_read: int = 0
    rows_loaded: int = 0
    rows_rejected: int = 0
    skipped: tuple[Skipped, ...] = ()
    """As in ``Records``."""
    cells_nulled: int = 0
    rows_deleted: int = 0
    columns_added: tuple[str, ...] = ()
    seconds: float = 0.0
    error: str = ""
    retryable: bool = False
    """Whether the next run tries again on its own (a transient failure)."""
    warnings: tuple[str, ...] = ()
    digest: str = ""
    """Digest of the table's effective options at the time."""
    evidence: str = ""
    """What its values are evidence for, for the inferer of later loads (``Contribution``)."""

    @property
    def lines_skipped(self) -> int:
        return sum(each.lines for each in self.skipped)


@dataclass(frozen=True, slots=True)
class Loaded:
    """One commit: the files of one table that were replaced together."""

    table: str
    created: bool
    columns_added: tuple[str, ...]
    columns_widened: tuple[str, ...]
    snapshot: str
    outcomes: tuple[Outcome, ...]
    """One per file, SUCCESS or SUPERSEDED."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """A file of which a table has rows."""

    key: str
    etag: str
    """Of the version whose rows they are."""
    rows: int
    size: int
    evidence: str
    """``Outcome.evidence`` of its load; ``''`` where that is not known."""
    modified: datetime | None = None
    """``SourceFile.modified`` and ``origin`` of its load, where they are known."""
    origin: str = ""
    rejected: int = 0
    """Records and cells among the rejects."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a listed file has to be loaded, and why."""

    file: SourceFile
    pending: bool
    reason: str
    """``new``, ``changed``, ``table is gone``, ``unchanged``, ``failed before: ...``"""
    recorded_at: datetime | None = None
    """When the version that its table has was recorded, UTC."""


@dataclass(frozen=True, slots=True)
class RegistryEntry:
    """The registry's latest row for a key."""

    key: str
    etag: str
    table: str
    status: str
    row_count: int
    rejected: int
    error: str
    ingested_at: datetime
    run_id: str
    size: int = 0
    seconds: float = 0.0
    origin: str = ""
    """``SourceFile.origin`` of the latest success; ``''`` where the registry does not know it."""
    loaded_table: str = ""
    """Table that holds rows of the latest success, whatever happened later; ``''`` for none."""
    loaded_rows: int = 0
    """Rows that the latest success loaded."""


def to_json(value: Any) -> str:
    """A model value as JSON, for another step on another machine."""
    return TypeAdapter(type(value)).dump_json(value).decode()


def from_json(kind: type[T], text: str | bytes) -> T:
    """The inverse of ``to_json``.

    Raises:
        pydantic.ValidationError: the text does not describe a value of that kind.
    """
    value: T = TypeAdapter(kind).validate_json(text)
    return value
