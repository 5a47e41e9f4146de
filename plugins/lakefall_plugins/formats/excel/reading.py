"""The records of a workbook's sheets, column by column, one sheet below the other."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from lakefall.common import naming
from lakefall.contract.values import Skipped, text_column
from lakefall.tabular.places import LineMapWriter
from lakefall.tabular.rejects import RejectWriter
from lakefall_plugins.formats.excel import layout
from lakefall_plugins.formats.excel.columns import ColumnBuilder
from lakefall_plugins.formats.excel.options import Table
from lakefall_plugins.formats.excel.workbook import Sheet

BLOCK_ROWS = 32_768
SHOWN = 3
"""Rows that were skipped by one rule and are shown."""


@dataclass(slots=True)
class Content:
    """A sheet's table as it was read; rows are counted from 0."""

    sheet: Sheet
    names: list[str]
    columns: list[ColumnBuilder]
    records: array[int] = field(default_factory=lambda: array("q"))
    """The row of each record."""
    above: list[layout.Row] = field(default_factory=list)
    header: list[layout.Row] = field(default_factory=list)
    repeated: list[layout.Row] = field(default_factory=list)
    footer: list[layout.Row] = field(default_factory=list)
    last: int = -1
    """The last row that holds anything."""
    width: int = 0
    """Cells that a full record holds."""
    warning: str = ""

    @property
    def blank(self) -> int:
        """Rows that hold nothing, above the last one that does."""
        others = (self.above, self.header, self.repeated, self.footer)
        return self.last + 1 - len(self.records) - sum(map(len, others))

    def append(self, rows: Sequence[layout.Row]) -> None:
        """The next records."""
        if rows:
            numbers, cells = zip(*rows, strict=True)
            self.records.extend(numbers)
            for builder, column in zip(self.columns, zip(*cells, strict=True), strict=True):
                builder.append(column)


def read(sheet: Sheet, table: Table) -> Content:
    """All records of a sheet."""
    above: list[layout.Row] = []
    header: list[layout.Row] = []
    body: list[layout.Row] = []
    rows = sheet.rows()
    for row in rows:
        below = row[0] + 1 - table.first_row
        (above if below < 0 else header if below < table.header_rows else body).append(row)
        if body:
            break
    width = max((len(cells) for _, cells in (*above, *header, *body)), default=0)
    names = layout.names(header, sheet.merged) if header else [""] * width
    content = Content(sheet, names, [ColumnBuilder() for _ in range(width)])
    content.above, content.header = above, header
    content.last = max((row[0] for row in (*above, *header)), default=-1)
    held: list[layout.Row] = []
    records = _records(content, body, rows)
    while block := list(islice(records, BLOCK_ROWS)):
        held += block
        content.append(held[: -layout.TAIL_ROWS])
        held = held[-layout.TAIL_ROWS :]
    named = sum(map(bool, names))
    content.width = named or max((layout.filled(cells) for _, cells in held), default=0)
    end, content.warning = layout.footer(held, content.width)
    content.append(held[:end])
    content.footer = held[end:]
    return content


def _records(
    content: Content, first: Sequence[layout.Row], rest: Iterator[layout.Row]
) -> Iterator[layout.Row]:
    head = content.header[0][1] if len(content.header) == 1 else None
    for rows in (first, rest):
        for row in rows:
            content.last = row[0]
            if row[1] == head:
                content.repeated.append(row)
            else:
                yield row


class Stack:
    """Sheets with one header, one below the other."""

    def __init__(self, *, transliterate: bool) -> None:
        self.names: list[str] = []
        """As written, of the columns that have a name, a value or an error."""
        self.rows = 0
        self.parts: list[tuple[int, str]] = []
        self.skipped: dict[str, Skipped] = {}
        self.warnings: list[str] = []
        self._transliterate = transliterate
        self._columns: list[ColumnBuilder] = []
        self._records: list[array[int]] = []
        self._errors: list[tuple[str, int, int, str]] = []
        """Sheet, row, column of the table, text of the cells in records that hold an error."""

    def add(self, content: Content) -> None:
        """Another sheet, where its header is that of the first one."""
        errors = _errors(content)
        used = {column for _, column, _ in errors}
        kept = [
            at
            for at, (name, column) in enumerate(zip(content.names, content.columns, strict=True))
            if name or not column.empty or at in used
        ]
        names = [content.names[at] or f"col_{n}" for n, at in enumerate(kept, start=1)]
        if not self.parts:
            self.names, self._columns = names, [ColumnBuilder() for _ in kept]
        sheet = f"sheet {content.sheet.name!r}"
        order = self._order(sheet, names)
        if order is None:
            rows = [*content.header, *content.footer][:1]
            texts = [f"{sheet}: {layout.text(cells)}" for _, cells in rows]
            self.skip("other sheet", len(content.records), texts, suspicious=True)
            return
        for column, at in zip(self._columns, order, strict=True):
            column.extend(content.columns[kept[at]])
        position = {kept[at]: n for n, at in enumerate(order)}
        self._errors += [(sheet, row, position[at], text) for row, at, text in errors]
        self.parts.append((self.rows, sheet))
        self.rows += len(content.records)
        self._records.append(content.records)
        self._account(sheet, content)

    def _order(self, sheet: str, names: Sequence[str]) -> list[int] | None:
        """Where a sheet's columns stand in the order of the first sheet's; None, with a warning,
        where they are others."""
        first, own = (
            naming.column_names(each, transliterate=self._transliterate)
            for each in (self.names, names)
        )
        if sorted(first) == sorted(own):
            return [own.index(name) for name in first]
        lacks = listed([n for n, name in zip(self.names, first, strict=True) if name not in own])
        more = listed([n for n, name in zip(names, own, strict=True) if name not in first])
        differs = " and ".join(
            filter(None, (lacks and f"lacks {lacks}", more and f"has {more} more"))
        )
        self.warnings.append(
            f"{sheet} is not stacked on {self.parts[0][1]}: its header {differs}; give the sheets "
            "one header, or load it from a folder of its own with `sniffer: {sheet: NAME}`"
        )
        return None

    def _account(self, sheet: str, content: Content) -> None:
        """What of the sheet became no record."""
        for rule, rows in (
            ("preamble", content.above),
            ("repeated header", content.repeated),
            ("footer", content.footer),
        ):
            full = any(2 * layout.filled(cells) > content.width for _, cells in rows)
            texts = [layout.text(cells) for _, cells in rows[:SHOWN]]
            self.skip(rule, len(rows), texts, suspicious=rule == "footer" and full)
        self.skip("blank", content.blank, ())
        if content.warning:
            self.warnings.append(f"{sheet}: {content.warning}")
        if look := content.sheet.look.formulas:
            self.warnings.append(
                f"{sheet}: {look:,} formulas have no stored value and are NULL, the first in "
                f"{content.sheet.look.first_formula}; open the workbook in a spreadsheet program "
                "and save it again"
            )

    def skip(self, rule: str, rows: int, first: Sequence[str], *, suspicious: bool = False) -> None:
        """Count rows that a rule left out."""
        if rows:
            before = self.skipped.get(rule, Skipped(rule, 0))
            texts = (*before.first, *first)[:SHOWN]
            suspicious = suspicious or before.suspicious
            self.skipped[rule] = Skipped(rule, before.lines + rows, texts, suspicious)

    def write_cells(self, path: Path) -> tuple[list[str], dict[int, int]]:
        """The records as Parquet with columns ``c0`` .. ``cN``; the types that these declare, and
        NULLs by position."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        types, columns = [], []
        for builder in self._columns:
            declared, column = builder.build()
            types.append(declared)
            columns.append(column)
        names = [text_column(at) for at in range(len(columns))]
        table = pa.Table.from_arrays(columns, names=names)
        pq.write_table(table, path, row_group_size=4 * BLOCK_ROWS, compression="zstd")
        return types, {at: column.null_count for at, column in enumerate(columns)}

    def write_places(self, path: Path) -> None:
        """The sheet's row of each record."""
        import numpy as np

        with LineMapWriter(path) as lines:
            for records in self._records:
                lines.append(np.frombuffer(records, dtype=np.int64) + 1)

    def write_rejects(self, path: Path) -> int:
        """The cells that hold an error; how many there are."""
        names = naming.column_names(self.names, transliterate=self._transliterate)
        with RejectWriter(path) as rejects:
            for sheet, row, column, text in self._errors:
                rejects.append(row + 1, names[column], f"{sheet}: the cell holds an error", text)
        return len(self._errors)


def _errors(content: Content) -> list[tuple[int, int, str]]:
    """Row, column and text of the errors in a sheet's records."""
    sheet = content.sheet
    records = set(content.records) if sheet.look.errors else ()
    return [(row, at - sheet.left, text) for row, at, text in sheet.look.errors if row in records]


def listed(names: Sequence[str]) -> str:
    """Names for people; of many the first ones."""
    more = f" and {len(names) - 10:,} more" if len(names) > 10 else ""
    return ", ".join(map(repr, names[:10])) + more
