"""Which records do not reach the table, and which cells only as NULL.

Findings about records are collected in a DuckDB table, which spills: memory stays constant even
where every record is rejected.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from lakefall.common import sql
from lakefall.contract.errors import ConservationError, TypeConflictError, ViolationError
from lakefall.contract.run import Run
from lakefall.contract.validation import OnViolation
from lakefall.contract.values import Records, text_column
from lakefall.tabular.columns import TypedColumn
from lakefall.tabular.places import LineMap
from lakefall.tabular.rejects import MAX_TEXT, RejectWriter, with_prefix

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

ROW = sql.identifier("lakefall row")
"""The row's number, from 0; no sanitised column is called so."""
SLICE = 100
"""Columns whose misfits one query looks for."""


class Judge:
    """Judges one file's records under one plan."""

    def __init__(
        self,
        run: Run,
        records: Records,
        columns: Sequence[TypedColumn],
        connection: duckdb.DuckDBPyConnection,
        rejects: RejectWriter,
    ) -> None:
        self.run = run
        self.records = records
        self.columns = columns
        self.connection = connection
        self.rejects = rejects
        self.lines = LineMap.load(records.places)
        self.found = False
        # The engine's instance may be another file's too.
        self.findings = f"findings_{uuid.uuid4().hex}"

    def __enter__(self) -> Judge:
        self.connection.execute(f"CREATE TABLE {self.findings} (row BIGINT, reason VARCHAR)")
        return self

    def __exit__(self, *_: object) -> None:
        import duckdb

        # Not temporary: another cursor fills it.
        with suppress(duckdb.Error):
            self.connection.execute(f"DROP TABLE {self.findings}")

    @property
    def name(self) -> str:
        return self.records.local.name

    @property
    def numbered(self) -> str:
        """SQL of all rows with their numbers."""
        return f"(SELECT *, row_number() OVER () - 1 AS {ROW} FROM {self.records.sql})"

    @property
    def kept(self) -> str:
        """SQL of the rows that stay."""
        if not self.found:
            return self.records.sql
        return f"(SELECT n.* FROM {self.numbered} n ANTI JOIN {self.findings} f ON n.{ROW} = f.row)"

    @property
    def _record_text(self) -> str:
        """SQL of a record as its format writes it."""
        cells = [text_column(i) for i in range(len(self.records.columns))]
        return self.records.format.record_text(cells)

    # --- whole records ---

    def judge(self, selection: str) -> None:
        """Find the records that must not be written.

        Args:
            selection: SQL of the typed columns.

        Raises:
            TypeConflictError, ViolationError.
        """
        strict = [c for c in self.columns if c.can_misfit and c.on_misfit != "null"]
        for column in self._with_misfits(strict, self.records.sql):
            if column.on_misfit == "fail":
                raise self._conflict(column)
            text = sql.literal(f"{column.name}: {column.reason}: ")
            sql.rows(
                self.connection,
                f"INSERT INTO {self.findings} SELECT {ROW}, {text} || {_cut(column.text, 100)} "
                f"FROM {self.numbered} WHERE {column.misfit}",
            )
            self.found = True
        if self.run.pipeline.has_validators:
            self._validate(selection)

    def _conflict(self, column: TypedColumn) -> TypeConflictError:
        row, text = sql.rows(
            self.connection,
            f"SELECT {ROW}, {_cut(column.text, 100)} FROM {self.numbered} "
            f"WHERE {column.misfit} ORDER BY {ROW} LIMIT 1",
        )[0]
        return TypeConflictError(
            f"{self.name}, {self.lines.words(row)}, column {column.name!r}: {text!r} is "
            f"{column.reason}; correct it, or set reader.on_misfit to null or reject"
        )

    def _validate(self, selection: str) -> None:
        import pyarrow as pa

        kept = f"(SELECT n.* FROM {self.numbered} n ANTI JOIN {self.findings} f ON n.{ROW} = f.row)"
        cursor = self.connection.cursor()
        query = f"SELECT {selection}, {ROW} FROM {kept}"
        names = [column.name for column in self.columns]
        for batch in sql.batches(self.connection, query):
            numbers = batch.column(len(names))
            violations = self.run.pipeline.validate(self.run, batch.select(names))
            if not violations:
                continue
            rows, reasons = [], []
            for violation in violations:
                row = numbers[violation.row].as_py()
                where = f"{violation.column}: " if violation.column else ""
                value = f": {violation.value}" if violation.value else ""
                reason = f"{where}{violation.reason}{value}"
                if violation.action is OnViolation.FAIL:
                    raise ViolationError(
                        f"{self.name}, {self.lines.words(row)}: {reason}; correct the file, "
                        "or have the validator reject the record"
                    )
                rows.append(row)
                reasons.append(reason)
            cursor.register("found", pa.table({"row": rows, "reason": reasons}))
            cursor.execute(f"INSERT INTO {self.findings} SELECT * FROM found")
            cursor.unregister("found")
            self.found = True
        cursor.close()

    def record_rejects(self) -> int:
        """Write the rejected records with all their text; how many there are."""
        if not self.found:
            return 0
        query = (
            f"SELECT f.row, f.reason, {_cut(self._record_text, MAX_TEXT)} "
            f"FROM {self.numbered} n JOIN (SELECT row, string_agg(reason, '; ') AS reason "
            f"FROM {self.findings} GROUP BY row) f ON n.{ROW} = f.row ORDER BY f.row"
        )
        count = 0
        for batch in sql.batches(self.connection, query):
            rows, reasons, texts = batch.columns
            self._write(rows, "", reasons, texts)
            count += len(rows)
        return count

    # --- cells ---

    def cell_rejects(
        self, written_nulls: Mapping[str, int], empty: Mapping[int, int]
    ) -> dict[str, int]:
        """Write the cells that became NULL without being one; how many there are, by column.

        Args:
            written_nulls: NULLs by column in what was written. A column with no more of them
                than the file has empty cells holds no misfit, and is not looked at again.
            empty: NULLs of the file's columns by position, as far as they are known.

        Raises:
            ConservationError: fewer cells found than counted.
        """
        suspects = [
            column
            for column in self.columns
            if column.can_misfit
            and column.on_misfit == "null"
            and (
                self.found
                or column.name not in written_nulls
                or written_nulls[column.name] > empty.get(column.position or 0, 0)
            )
        ]
        counts = self._with_misfits(suspects, self.kept)
        columns = list(counts)
        found = sum(
            self._write_cells(columns[at : at + SLICE]) for at in range(0, len(columns), SLICE)
        )
        if found != sum(counts.values()):
            raise ConservationError(
                f"{self.name}: {sum(counts.values()):,} cells do not parse, but {found:,} were "
                "found again; nothing was loaded"
            )
        return {column.name: count for column, count in counts.items()}

    def _with_misfits(
        self, columns: Sequence[TypedColumn], relation: str
    ) -> dict[TypedColumn, int]:
        if not columns:
            return {}
        counts = ", ".join(f"count(*) FILTER ({column.misfit})" for column in columns)
        found = sql.rows(self.connection, f"SELECT {counts} FROM {relation}")[0]
        return {column: n for column, n in zip(columns, found, strict=True) if n}

    def _write_cells(self, columns: Sequence[TypedColumn]) -> int:
        import pyarrow as pa

        source = self.kept if self.found else self.numbered
        cells = ", ".join(
            f"CASE WHEN {c.misfit} THEN {_cut(c.text, MAX_TEXT)} END" for c in columns
        )
        wanted = " OR ".join(column.misfit for column in columns)
        query = f"SELECT {ROW}, {cells} FROM {source} WHERE {wanted}"
        count = 0
        for batch in sql.batches(self.connection, query):
            for position, column in enumerate(columns, start=1):
                cells_of = batch.column(position)
                filled = cells_of.is_valid()
                texts = cells_of.filter(filled)
                reasons = pa.repeat(pa.scalar(column.reason), len(texts))
                self._write(batch.column(0).filter(filled), column.name, reasons, texts)
                count += len(texts)
        return count

    def _write(self, rows: pa.Array, column: str, reasons: Any, texts: Any) -> None:
        import pyarrow as pa

        numbers = rows.to_numpy(zero_copy_only=False)
        lines = self.lines.lines(numbers)
        for prefix in (self.lines.parts(numbers), self.records.local.member):
            reasons = with_prefix(prefix, reasons)
        self.rejects.extend(
            [
                pa.array(lines, pa.int64()),
                pa.repeat(pa.scalar(column), len(lines)),
                reasons.cast(pa.string()),
                texts.cast(pa.string()),
            ]
        )


def _cut(text: str, limit: int) -> str:
    """SQL of a text that is cut where it is long."""
    return (
        f"CASE WHEN length({text}) > {limit} THEN left({text}, {limit}) || '… (' || "
        f"format('{{:,}}', length({text}) - {limit}) || ' more)' ELSE {text} END"
    )
