"""How a workbook's tables lie in it, and the options of the sniffer and the reader ``excel``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from lakefall.contract.plugin import ReaderOptions, SnifferOptions
from lakefall.contract.values import Format


class ExcelSnifferOptions(SnifferOptions):
    """Which sheet is read, and where its header stands."""

    reader: ClassVar[str] = "excel"
    patterns: ClassVar[tuple[str, ...]] = ("*.xlsx", "*.xlsm", "*.xlsb", "*.xls", "*.ods")

    sheet: str | Annotated[int, Field(ge=1, le=100_000)] | None = None
    """The sheet to read, by its name or by its number from 1, also a hidden one. By default the
    first visible sheet that holds a table; a warning names others that hold data."""
    sheets: Literal["one", "all"] = "one"
    """`all` stacks the visible sheets that have the header of the first one; a warning says of the
    others where theirs differs."""
    header: Literal["detect", "present", "absent"] = "detect"
    """Whether the table's first row names the columns."""
    on_missing_header: Literal["fail", "generate"] = "fail"
    """What becomes of a sheet without header where ``header`` is ``detect``: the file fails, or its
    columns are called col_1, col_2, ..."""
    header_row: int | None = Field(default=None, ge=1, le=10_000_000)
    """The sheet's row that the header begins on, if known."""
    header_rows: int | None = Field(default=None, ge=1, le=1_000)
    """Rows that make up the header, if known; the cells of each column are joined by a blank. By
    default the merged cells tell."""


class ExcelReaderOptions(ReaderOptions):
    """What becomes of cells that do not fit."""


@dataclass(frozen=True, slots=True)
class Table:
    """Where the table lies in a sheet."""

    sheet: str
    first_row: int
    """The sheet's row, from 1, that the header begins on, or the first record without one."""
    header_rows: int
    """0: no header."""

    def describe(self) -> str:
        """The table in a few words for people."""
        more = f" to {self.first_row + self.header_rows - 1}" if self.header_rows > 1 else ""
        header = f"header in row {self.first_row}{more}" if self.header_rows else "no header"
        return f"sheet {self.sheet!r} with {header}"


@dataclass(frozen=True, slots=True)
class Workbook(Format):
    """A workbook, and which of its sheets are read."""

    reader: ClassVar[str] = "excel"

    kind: str
    """``xlsx``, ``xlsb``, ``xls`` or ``ods``, as the content says."""
    tables: tuple[Table, ...]
    """At least one; several are to be stacked."""
    others: tuple[tuple[str, int], ...] = ()
    """Visible sheets with data that are not read: name and rows."""
    encoding: str = ""
    confidence: float = 1.0
    evidence: tuple[str, ...] = ()

    def describe(self) -> str:
        tables = ", ".join(table.describe() for table in self.tables)
        return f"{self.kind} workbook, {tables}, confidence {self.confidence:.2f}"

    def fields(self) -> dict[str, Any]:
        return {
            "format": self.reader,
            "kind": self.kind,
            "sheets": [
                {"sheet": t.sheet, "first_row": t.first_row, "header_rows": t.header_rows}
                for t in self.tables
            ],
            "other_sheets": [name for name, _ in self.others],
            "has_header": all(table.header_rows for table in self.tables),
            "confidence": round(self.confidence, 4),
        }
