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
from lakefall.contract.plugin import OnMisfit
from lakefall.contract.run import Run
from lakefall.contract.values import Converted, FileScan, Records, Schema, TablePlan, text_column
from lakefall.tabular import parquet
from lakefall.tabular.columns import TypedColumn, as_plain, typed_columns
from lakefall.tabular.scratch import Scratch, writing

if TYPE_CHECKING:
    import duckdb

MOST_FILES = 64
"""Files of one query."""
MOST_BYTES = 16 << 20
"""Bytes of the files of one query: their rows are held in memory."""
SMALL = 1 << 20
"""Bytes of a file up to which reading it costs less than planning how to."""
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
    schema: Schema,
) -> dict[str, Converted]:
    """Convert small files that are written alike; what is left out needs a look of its own.

    Returns:
        By ``LocalFile.name`` those files of which every cell became a value, or was empty.
    """
    if run.pipeline.has_validators:
        return {}
    return {
        each.local.name: converted
        for alike in _groups(records)
        for each, converted in _Group(
            run, alike, plan, schema, run.pipeline.on_misfit(alike[0].format.reader)
        ).converted()
    }


def likeness(records: Records) -> tuple[str, str, str] | None:
    """What small files share that one query can read; None for others."""
    scan = records.scan
    if scan is None or records.local.size > SMALL:
        return None
    return scan.function, scan.settings, scan.alike


def together(records: Sequence[Records], number: str) -> str:
    """The rows of files of one likeness, each file's in their order, one file after the other.

    Args:
        number: name of a column that says which file it is, from 0; quoted.
    """
    scans = [each.scan for each in records if each.scan is not None]
    paths = ", ".join(sql.literal(str(scan.path)) for scan in scans)
    first: FileScan = scans[0]
    return (
        f"(SELECT * EXCLUDE (filename), list_position([{paths}], filename) - 1 AS {number}"
        f" FROM {first.function}([{paths}], {first.settings}, filename=true))"
    )


def _groups(records: Sequence[Records]) -> Iterator[Sequence[Records]]:
    """Files of the same columns in the same dialect."""
    found: dict[tuple[object, ...], list[Records]] = {}
    for each in records:
        if each.rejects is None and (alike := likeness(each)):
            found.setdefault((each.columns, alike), []).append(each)
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
    schema: Schema
    on_misfit: OnMisfit

    def converted(self) -> Iterator[tuple[Records, Converted]]:
        """Those files that came out whole, every cell of them a value or empty."""
        first = self.records[0]
        columns = as_plain(
            typed_columns(self.run, first, self.plan, self.schema, self.on_misfit),
            self.schema,
            [each.local.name for each in self.records],
        )
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
                self.run.spill,
                [column.candidate for column in columns],
                columns=len(first.header),
            ) as connection,
        ):
            parquet.fresh(folder)
            texts = self._write(connection, columns, now, folder)
        for part, each in enumerate(self.records):
            place = parquet.of_part(folder, part)
            written = parquet.written(place)
            if _whole(each, columns, written, texts.get(part, ())):
                yield (
                    each,
                    Converted(
                        file=each.local.file,
                        paths=written.paths,
                        rows_read=each.rows_read,
                        rows_loaded=written.rows,
                        rows_rejected=0,
                        skipped=each.skipped,
                        cells_nulled=0,
                        rejects=None,
                        ingested_at=now,
                    ),
                )
            else:
                shutil.rmtree(place, ignore_errors=True)

    def _write(
        self,
        connection: duckdb.DuckDBPyConnection,
        columns: tuple[TypedColumn, ...],
        now: datetime,
        folder: Path,
    ) -> dict[int, tuple[int, ...]]:
        """By file: how many rows there are, and how many filled cells each column has."""
        keys = ", ".join(sql.literal(each.local.file.key) for each in self.records)
        layout = parquet.Layout(
            columns, self.plan, f"[{keys}][{_PART} + 1]", now, parquet.GROUP_ROWS
        )
        texts = [text_column(i) for i in range(len(self.records[0].header))]
        rows = together(self.records, _PART)
        return parquet.write_parts(connection, layout, rows, _PART, folder, texts=texts)


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
