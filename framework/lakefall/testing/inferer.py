"""The laws of a type inferer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from lakefall.common import naming, sql
from lakefall.config.document import DEFAULT_TYPES, FALLBACK_TYPE
from lakefall.contract.errors import LakefallError
from lakefall.contract.plugin import Options, Plugin, Stage
from lakefall.contract.run import Run
from lakefall.contract.values import (
    Column,
    FileColumn,
    Format,
    LocalFile,
    Places,
    Records,
    Schema,
    TableState,
    text_column,
)
from lakefall.plugin_loading.catalogue import Catalogue
from lakefall.tabular import expressions
from lakefall.tabular.places import LineMapWriter
from lakefall.testing.contract import StepContract, expect, some_file, survives

Rows = Sequence[Sequence[str | None]]
STRANGE = ("Order ID", "order id", "Straße", "", "2nd", "_source_file")
ORDERS: Rows = (("1", "ann", "2.5", "2024-01-31"), ("2", "bob", None, "2024-02-01"))
HEADER = ("id", "name", "amount", "day")
TABLE = {"flag": ("INTEGER", "", "1"), "code": ("VARCHAR", "", "1")}
"""Columns of a table, each with its type, its format and a value that reads as another type."""
DAYS = ("DATE", "%d/%m/%Y", "%m/%d/%Y")


@dataclass(frozen=True, slots=True)
class _Plain(Format):
    """A file whose records the suite wrote itself."""

    reader: ClassVar[str] = "contract"
    encoding: str = "utf-8"
    confidence: float = 1.0
    evidence: tuple[str, ...] = ()


class InfererContract(StepContract):
    """Subclass it and name the plugin; ``infer`` is all that it has to implement."""

    stage = Stage.TYPE_INFERER
    types: ClassVar[tuple[type[Plugin[Options]], ...]] = ()
    """Type plugins of the pipeline; empty for those that a pipeline has by default."""

    def beside(self) -> Sequence[type[Plugin[Options]]]:
        catalogue = Catalogue.default()
        names = (*DEFAULT_TYPES, FALLBACK_TYPE)
        return self.types or [catalogue.get(Stage.TYPE, name) for name in names]

    def file(self, run: Run, header: Sequence[str], rows: Rows, name: str = "a") -> Records:
        """A file with these texts, as a reader hands it out."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        path, lines = run.workdir / f"{name}.parquet", run.workdir / f"{name}.lines"
        columns = [pa.array([row[i] for row in rows], pa.string()) for i in range(len(header))]
        names = [text_column(i) for i in range(len(header))]
        pq.write_table(pa.Table.from_arrays(columns, names), path)
        with LineMapWriter(lines) as writer:
            writer.run(2, len(rows))
        size = path.stat().st_size
        return Records(
            LocalFile(some_file(f"t/{name}", size), path, size), _Plain(),
            tuple(map(FileColumn, header)), len(rows), len(rows), 0, (),
            f"(SELECT * FROM {sql.parquet([path])})", None, Places(lines),
        )  # fmt: skip

    def infer(
        self, header: Sequence[str], *files: Rows, table: TableState | None = None
    ) -> tuple[Run, Schema]:
        """The answer about files that all have one header."""
        run = self.run()
        records = [self.file(run, header, rows, f"f{i}") for i, rows in enumerate(files)]
        return run, run.pipeline.infer(run, records, table)

    def test_one_column_for_each_of_the_file(self) -> None:
        _, schema = self.infer(STRANGE, [STRANGE])
        self._named(schema, STRANGE)

    def test_types_are_read_by_the_pipeline(self) -> None:
        self._read(*self.infer(HEADER, ORDERS))

    def test_types_read_the_values(self) -> None:
        run, schema = self.infer(HEADER, ORDERS)
        for position, column in enumerate(schema.columns):
            texts = [row[position] for row in ORDERS if row[position] is not None]
            read = self._fitting(run, schema, column, texts)
            expect(read == len(texts), f"{read} of {len(texts)} values are {column.type}")

    def test_a_column_with_gaps_is_nullable(self) -> None:
        _, schema = self.infer(HEADER, ORDERS)
        expect(schema.columns[2].nullable, "a column of which a value is missing is not nullable")

    def test_the_settings_can_be_used(self) -> None:
        run, schema = self.infer(HEADER, ORDERS)
        survives(schema.settings)
        try:
            usable = bool(run.pipeline.types(schema.settings))
        except Exception as error:
            raise AssertionError(f"types raise {error!r} under {schema.settings}") from error
        expect(usable, "no type has a reading under these settings")

    def test_counts_of_nulls_are_right(self) -> None:
        _, schema = self.infer(HEADER, ORDERS)
        for name, counts in schema.nulls.items():
            expect(name == "t/f0", f"{name!r} is no file's name")
            wrong = {p: n for p, n in counts.items() if n != (1 if p == 2 else 0)}
            expect(not wrong, f"the file has one NULL in column 2, and {wrong} are counted")

    def test_the_same_files_give_the_same_answer(self) -> None:
        one, other = (self.infer(HEADER, ORDERS)[1] for _ in range(2))
        expect(one == other, "two looks, two answers")

    def test_several_files_are_joined(self) -> None:
        run = self.run()
        records = [
            self.file(run, ("id", "name"), [("1", "ann"), ("2", "bob")], "a"),
            self.file(run, ("City", "ID"), [("Ulm", each) for each in "wxyz"], "b"),
        ]
        schema = run.pipeline.infer(run, records, None)
        names = [column.name for column in schema.columns]
        expect(names == ["id", "name", "city"], f"the joined columns are {names}")
        if names[:1] == ["id"]:
            read = self._fitting(run, schema, schema.columns[0], ["1", "2", *"wxyz"])
            expect(read > 2, "the type of a column does not fit the values of the second file")

    def test_the_tables_type_governs(self) -> None:
        for name, (kind, _, value) in TABLE.items():
            table = TableState("t", (Column(name, name, kind, nullable=True),))
            _, schema = self.infer((name,), [(value,), ("0",)], table=table)
            found = [column.type for column in schema.columns]
            expect(found in ([kind], ["VARCHAR"]), f"a column that is {kind} becomes {found}")

    def test_the_tables_format_governs(self) -> None:
        kind, *formats = DAYS
        for format in formats:
            table = TableState("t", (Column("day", "day", kind, nullable=True, format=format),))
            try:
                _, schema = self.infer(("day",), [("01/02/2024",)], table=table)
            except LakefallError:
                continue
            (column,) = schema.columns
            same = column.type != kind or format in (column.format, column.from_format)
            expect(same, f"a column that is read as {format} is read as {column.format}")

    def test_columns_of_the_table_alone_are_left_out(self) -> None:
        table = TableState("t", (Column("other", "other", "VARCHAR", nullable=True),))
        _, schema = self.infer(HEADER, ORDERS, table=table)
        self._named(schema, HEADER)

    def test_files_without_rows_are_answered(self) -> None:
        run, schema = self.infer(HEADER, [])
        self._named(schema, HEADER)
        self._read(run, schema)

    def test_columns_without_values_are_answered(self) -> None:
        run, schema = self.infer(("a", "b"), [(None, "1"), (None, "2")])
        self._named(schema, ("a", "b"))
        self._read(run, schema)
        expect(schema.columns[0].nullable, "a column without values is not nullable")

    def test_a_quick_answer_is_about_the_same_columns(self) -> None:
        run = self.run()
        records = [self.file(run, HEADER, ORDERS)]
        schema = run.pipeline.infer(run, records, None, quick=True)
        self._named(schema, HEADER)
        if schema.assumed is not None:
            strange = {*schema.assumed.parsing, *schema.assumed.empty} - set(HEADER)
            expect(not strange, f"what is assumed is about {strange}, which are no columns")

    def _named(self, schema: Schema, header: Sequence[str]) -> None:
        """One column for each of the file, in its order, with the name that the core gives it."""
        found = [column.name for column in schema.columns]
        expected = list(naming.column_names(header))
        expect(found == expected, f"the columns are called {found}, not {expected}")
        written = [column.source_name for column in schema.columns]
        expect(written == list(header), f"`source_name` is {written}, not as written: {header}")

    def _read(self, run: Run, schema: Schema) -> None:
        for column in schema.columns:
            try:
                run.pipeline.type_for(column.type, column.format, schema.settings)
            except (LakefallError, ValueError) as error:
                raise AssertionError(f"column {column.name!r}: {error}") from error

    def _fitting(
        self, run: Run, schema: Schema, column: Column, texts: Sequence[str | None]
    ) -> int:
        """How many of the texts are values of the column's type."""
        candidate = run.pipeline.type_for(column.type, column.format, schema.settings)
        value = expressions.value(candidate, "x", schema.settings.null_values)
        values = ", ".join(f"({sql.literal(str(text))})" for text in texts)
        engine = run.pipeline.config.engine
        with sql.connect(engine, run.workdir, [candidate]) as connection:
            query = f"SELECT count({value}) FROM (VALUES {values}) AS cells(x)"
            return int(sql.rows(connection, query)[0][0])
