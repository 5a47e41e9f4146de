"""The sniffer and the reader ``excel``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from lakefall.common import sql
from lakefall.contract.errors import EmptyFileError, NoHeaderError, StructureError
from lakefall.contract.plugin import Plugin, Stage, hookimpl
from lakefall.contract.values import FileColumn, Places, Records
from lakefall.tabular.scratch import Scratch, writing
from lakefall_plugins.formats.excel import layout
from lakefall_plugins.formats.excel.options import (
    ExcelReaderOptions,
    ExcelSnifferOptions,
    Table,
    Workbook,
)
from lakefall_plugins.formats.excel.reading import Stack, listed, read
from lakefall_plugins.formats.excel.workbook import Book, Sheet, opened, recognise

if TYPE_CHECKING:
    from lakefall.contract.run import Run
    from lakefall.contract.values import LocalFile, TableState


class ExcelSniffer(Plugin[ExcelSnifferOptions]):
    """Finds the sheet with data in a workbook, and the table and its header in that."""

    name = "excel"
    stage = Stage.SNIFFER
    packages = ("python_calamine",)
    extra = "excel"

    @hookimpl
    def sniff(self, run: Run, local: LocalFile, table: TableState | None) -> Workbook | None:
        """Which sheets are read; None for what is no workbook and is not named like one.

        Raises:
            EmptyFileError: no visible sheet holds data.
            NoHeaderError: the first row is a record, and no names may be generated.
            StructureError: the workbook is damaged, or has no such sheet.
            UnsupportedFormatError: it needs a password, or is something else.
            ArchiveError: it expands beyond the limits.
        """
        del run
        kind = recognise(local.path, local.name)
        if not kind:
            return None
        columns = frozenset(column.name for column in table.columns) if table else frozenset()
        options = self.options
        wanted = layout.Wanted(options.header, options.header_row, options.header_rows, columns)
        with opened(local.path, local.name, kind) as book:
            found = [_Found.of(book.sheet(name), wanted) for name in self._candidates(book)]
            found = [each for each in found if each.rows]
            if not found:
                raise EmptyFileError(_nothing(book, options.sheet))
            chosen = found[:1]
            if options.sheet is None and options.sheets == "all":
                chosen = found
            elif options.sheet is None:
                chosen = [next((each for each in found if each.is_table), found[0])]
            return self._workbook(local, book, chosen, [f for f in found if f not in chosen])

    def _candidates(self, book: Book) -> Sequence[str]:
        wanted = self.options.sheet
        if wanted is None:
            return book.visible
        if isinstance(wanted, int):
            if wanted <= len(book.names):
                return (book.names[wanted - 1],)
        else:
            for name in (wanted, *(n for n in book.names if n.casefold() == wanted.casefold())):
                if name in book.names:
                    return (name,)
        raise StructureError(
            f"{book.name}: no sheet {wanted!r}; it has {listed(book.names)}, numbered from 1"
        )

    def _workbook(
        self, local: LocalFile, book: Book, chosen: Sequence[_Found], others: Sequence[_Found]
    ) -> Workbook:
        hidden = [name for name in book.names if name not in book.visible]
        evidence = [f"sheet {f.name!r}: {reason}" for f in chosen for reason in f.head.evidence]
        evidence += [f"hidden and not read: sheets {listed(hidden)}"] if hidden else []
        workbook = Workbook(
            kind=book.kind,
            tables=tuple(f.table for f in chosen),
            others=tuple((f.name, f.height) for f in others),
            confidence=min(f.head.confidence for f in chosen),
            evidence=tuple(evidence),
        )
        headless = next((f for f in chosen if not f.head.header_rows), None)
        if headless and (self.options.header, self.options.on_missing_header) == ("detect", "fail"):
            row = headless.table.first_row
            raise NoHeaderError(
                f"{local.name}: no header: row {row} of sheet {headless.name!r} reads like a "
                "record, not like names. If it is the header: sniffer: {header: present}; to call "
                "the columns col_1, col_2, ...: sniffer: {on_missing_header: generate}",
                workbook,
            )
        return workbook


@dataclass(frozen=True, slots=True)
class _Found:
    """A sheet that the sniffer looked at."""

    name: str
    height: int
    rows: Sequence[layout.Row]
    """The first that hold something."""
    head: layout.Head

    @classmethod
    def of(cls, sheet: Sheet, wanted: layout.Wanted) -> _Found:
        rows = list(islice(sheet.rows(), layout.HEAD_ROWS))
        head = layout.find(rows, sheet.merged, wanted) if rows else layout.Head(0, 0, 0, (), 1.0)
        return cls(sheet.name, sheet.height, rows, head)

    @property
    def is_table(self) -> bool:
        return self.head.width > 1 and self.head.header_rows < len(self.rows) - self.head.at

    @property
    def table(self) -> Table:
        return Table(self.name, self.rows[self.head.at][0] + 1, self.head.header_rows)


class ExcelReader(Plugin[ExcelReaderOptions]):
    """Workbooks (xlsx, xlsm, xlsb, xls, ods): cells keep their types, errors are set aside.

    A cell that holds an error (``#N/A``) becomes NULL and is kept among the rejects; in xlsb, xls
    and ods files it cannot be told from an empty cell.
    """

    name = "excel"
    stage = Stage.READER
    packages = ("python_calamine",)
    extra = "excel"

    @hookimpl
    def open(self, run: Run, local: LocalFile, format: Workbook, quick: bool = False) -> Records:
        """The records of the workbook's tables.

        Raises:
            StructureError, UnsupportedFormatError, ArchiveError: as the sniffer does.
        """
        del quick
        stack = Stack(transliterate=run.pipeline.transliterate)
        with opened(local.path, local.name, format.kind) as book:
            for table in format.tables:
                stack.add(read(book.sheet(table.sheet), table))
        for name, rows in format.others:
            stack.skip("other sheet", rows, [f"sheet {name!r}"], suspicious=True)
        if format.others:
            names = listed([name for name, _ in format.others])
            stack.warnings.append(
                f"not read, but with data: {names}; `sniffer: {{sheet: NAME}}` reads another "
                "sheet, `{sheets: all}` stacks them"
            )
        scratch = Scratch.of(local, run.workdir)
        cells, rows_of = scratch.file("cells.parquet"), scratch.file("lines")
        rejects = scratch.file("rejects.parquet")
        with writing(local.name, cells, rows_of, rejects):
            types, nulls = stack.write_cells(cells)
            stack.write_places(rows_of)
            nulled = stack.write_rejects(rejects)
        return Records(
            local=local,
            format=format,
            columns=tuple(map(FileColumn, stack.names, types)),
            rows_read=stack.rows,
            rows_good=stack.rows,
            rows_rejected=0,
            skipped=tuple(stack.skipped.values()),
            sql=sql.parquet([cells]),
            rejects=rejects if nulled else None,
            places=Places(rows_of, "row", tuple(stack.parts)),
            warnings=tuple(stack.warnings),
            nulls=nulls,
            cells_nulled=nulled,
        )


def _nothing(book: Book, sheet: str | int | None) -> str:
    if sheet is not None:
        return f"{book.name}: sheet {sheet!r} is empty"
    hidden = [name for name in book.names if name not in book.visible]
    more = ""
    if hidden:
        more = f"; hidden: {listed(hidden)}; `sniffer: {{sheet: NAME}}` reads a hidden one"
    return f"{book.name}: no data in {listed(book.visible) if book.visible else 'any sheet'}{more}"
