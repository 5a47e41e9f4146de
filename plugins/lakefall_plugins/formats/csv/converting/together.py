"""Many small files of one table, converted by one query.

To plan the query that converts costs several times what running it over 10 KB does. A file of which
anything has to be told is left out: ``convert`` looks at it alone.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lakefall.common import sql
from lakefall.contract.run import Run
from lakefall.contract.values import Assumed, Converted, Records, TablePlan, text_column
from lakefall_plugins.formats.csv.converting import parquet
from lakefall_plugins.formats.csv.converting.columns import TypedColumn, typed_columns
from lakefall_plugins.formats.csv.options import OnMisfit
from lakefall_plugins.formats.csv.reading.scratch import Scratch, writing
from lakefall_plugins.formats.csv.relation import likeness, together

if TYPE_CHECKING:
    import duckdb

MOST_FILES = 64
"""Files of one query."""
MOST_BYTES = 16 << 20
"""Bytes of the files of one query: their rows are held in memory."""
_ARROW = re.compile(
    r"BOOLEAN|INTEGER|BIGINT|DOUBLE|DECIMAL\(.*\)|DATE|TIME|TIMESTAMP( WITH TIME ZONE)?|VARCHAR"
)
"""Types of the engine that Arrow hands on to Parquet as the engine itself would write them."""
_PART = sql.identifier("lakefall part")
"""Which file a row is of; no sanitised column is called so."""


def convert_together(
    run: Run,
    records: Sequence[Records],
    plan: TablePlan,
    on_misfit: OnMisfit,
    assumed: Assumed | None = None,
) -> list[Converted]:
    """Convert small files that are written alike; what is left out needs a look of its own."""
    if run.pipeline.has_validators:
        return []
    return [
        converted
        for alike in _groups(records)
        for converted in _Group(run, alike, plan, on_misfit, assumed).converted()
    ]


def _groups(records: Sequence[Records]) -> Iterator[Sequence[Records]]:
    """Files of the same columns in the same dialect."""
    found: dict[tuple[object, ...], list[Records]] = {}
    for each in records:
        if each.rejects is None and (alike := likeness(each)):
            found.setdefault((each.header, alike), []).append(each)
    for group in found.values():
        yield from (some for some in _portions(group) if len(some) > 1)


def _portions(group: Sequence[Records]) -> Iterator[Sequence[Records]]:
    """As many files at once as the limits allow."""
    portion: list[Records] = []
    size = 0
    for each in group:
        if len(portion) == MOST_FILES or (portion and size + each.local.size > MOST_BYTES):
            yield portion
            portion, size = [], 0
        portion.append(each)
        size += each.local.size
    yield portion


@dataclass(frozen=True, slots=True)
class _Group:
    """Files that one query converts."""

    run: Run
    records: Sequence[Records]
    plan: TablePlan
    on_misfit: OnMisfit
    assumed: Assumed | None

    def converted(self) -> Iterator[Converted]:
        """Those files that came out whole, every cell of them a value or empty."""
        first = self.records[0]
        columns = typed_columns(self.run, first, self.plan, self.on_misfit, self.assumed)
        if any(
            not _ARROW.fullmatch(c.candidate.duckdb) or (c.can_misfit and c.on_misfit != "null")
            for c in columns
        ):
            return
        now = datetime.now(UTC)
        folder = Scratch.of(first.local, self.run.workdir).file("parts")
        with (
            writing(first.local.file.key, folder),
            sql.connect(
                self.run.pipeline.config.engine,
                self.run.workdir,
                [column.candidate for column in columns],
                columns=len(first.header),
            ) as connection,
        ):
            parquet.fresh(folder)
            texts = self._texts(connection)
            self._write(connection, columns, now, folder)
        for part, each in enumerate(self.records):
            place = parquet.of_part(folder, part)
            written = parquet.written(place)
            if _whole(each, columns, written, texts.get(part, ())):
                yield Converted(
                    file=each.local.file,
                    paths=written.paths,
                    rows_read=each.rows_read,
                    rows_loaded=written.rows,
                    rows_rejected=0,
                    lines_skipped=each.lines_skipped,
                    cells_nulled=0,
                    rejects=None,
                    ingested_at=now,
                )
            else:
                shutil.rmtree(place, ignore_errors=True)

    @property
    def _rows(self) -> str:
        """SQL of all files' rows, each with its file's number."""
        return together(self.records, _PART)

    def _texts(self, connection: duckdb.DuckDBPyConnection) -> dict[int, tuple[int, ...]]:
        """By file: how many rows there are, and how many filled cells each column has."""
        columns = range(len(self.records[0].header))
        counts = ", ".join(f"count({text_column(i)})" for i in columns)
        query = f"SELECT {_PART}, count(*), {counts} FROM {self._rows} GROUP BY {_PART}"
        return {part: tuple(numbers) for part, *numbers in sql.rows(connection, query)}

    def _write(
        self,
        connection: duckdb.DuckDBPyConnection,
        columns: tuple[TypedColumn, ...],
        now: datetime,
        folder: Path,
    ) -> None:
        keys = ", ".join(sql.literal(each.local.file.key) for each in self.records)
        layout = parquet.Layout(
            columns, self.plan, f"[{keys}][{_PART} + 1]", now, parquet.GROUP_ROWS
        )
        parquet.write_parts(connection, layout, self._rows, _PART, folder)


def _whole(
    records: Records,
    columns: Sequence[TypedColumn],
    written: parquet.Written,
    texts: tuple[int, ...],
) -> bool:
    """Whether all rows were written, and no column has more NULLs than empty cells."""
    rows, *filled = texts or (0,)
    if not written.rows == rows == records.rows_good:
        return False
    return not rows or all(
        column.name in written.nulls
        and written.nulls[column.name] == rows - filled[column.position]
        for column in columns
        if column.position is not None
    )
