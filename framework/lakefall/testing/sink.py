"""The laws of a sink."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime

from lakefall.contract.errors import PluginError
from lakefall.contract.plugin import Stage
from lakefall.contract.run import Run
from lakefall.contract.values import (
    Column,
    Converted,
    Loaded,
    Outcome,
    Schema,
    SourceFile,
    Status,
    TablePlan,
)
from lakefall.testing.contract import StepContract, expect, some_file, survives

SCHEMA = Schema(
    (Column("id", "id", "INTEGER", nullable=False), Column("name", "name", "VARCHAR", True))
)
Row = tuple[int, str]


class SinkContract(StepContract):
    """Subclass it and name the plugin. Every test starts with an empty sink."""

    stage = Stage.SINK

    def load(self, run: Run, file: SourceFile, rows: Sequence[Row]) -> Loaded:
        """Plan, convert and load one file, and record it."""
        plan = run.pipeline.prepare(run, file.table, SCHEMA)
        survives(plan)
        loaded = run.pipeline.load(run, plan, [self._converted(run, plan, file, rows)])
        survives(loaded)
        run.pipeline.record(run, loaded.outcomes)
        return loaded

    def rows(self, table: str) -> list[Row]:
        run = self.run()
        answer = run.pipeline.query(run, f"SELECT id, name FROM {table} ORDER BY id, name")
        return [(row["id"], row["name"]) for row in answer.to_pylist()]

    def pending(self, *files: SourceFile) -> list[bool]:
        run = self.run()
        return [decision.pending for decision in run.pipeline.pending(run, files)]

    def test_nothing_is_there_at_first(self) -> None:
        run = self.run()
        expect(run.pipeline.describe(run, "orders") is None, "a table is there before any load")
        expect(list(run.pipeline.history(run)) == [], "the registry knows files before any load")
        expect(self.pending(some_file("orders/a.csv")) == [True], "a new file is not pending")

    def test_planning_changes_nothing(self) -> None:
        run = self.run()
        plan = run.pipeline.prepare(run, "orders", SCHEMA)
        expect(plan.created, "the plan for a new table does not say so")
        expect([c.name for c in plan.columns] == ["id", "name"], "the plan has other columns")
        expect(run.pipeline.describe(run, "orders") is None, "planning made the table")

    def test_rows_arrive(self) -> None:
        loaded = self.load(self.run(), some_file("orders/a.csv"), [(1, "ann"), (2, "bob")])
        (outcome,) = loaded.outcomes
        expect(loaded.created, "the table was made, and the answer does not say so")
        expect(outcome.status is Status.SUCCESS, f"the outcome is {outcome.status}")
        expect(outcome.rows_loaded == 2, f"{outcome.rows_loaded} rows loaded, not 2")
        expect(self.rows("orders") == [(1, "ann"), (2, "bob")], "other rows are in the table")

    def test_a_table_describes_itself(self) -> None:
        run = self.run()
        self.load(run, some_file("orders/a.csv"), [(1, "ann")])
        state = run.pipeline.describe(run, "orders")
        expect(state is not None, "the table is not there")
        if state is not None:
            found = [(c.name, c.type) for c in state.columns]
            expect(found == [("id", "INTEGER"), ("name", "VARCHAR")], f"it has columns {found}")
            survives(state)

    def test_a_files_rows_are_replaced(self) -> None:
        self.load(self.run(), some_file("orders/a.csv"), [(1, "ann"), (2, "bob")])
        self.load(self.run(), some_file("orders/b.csv"), [(3, "eve")])
        again = self.load(self.run(), some_file("orders/a.csv", etag="v2"), [(4, "joe")])
        expect(again.outcomes[0].rows_deleted == 2, "the two old rows are not counted as deleted")
        expect(not again.created, "the table was there already")
        expect(self.rows("orders") == [(3, "eve"), (4, "joe")], "old and new rows are mixed")

    def test_a_loaded_version_is_not_pending(self) -> None:
        file = some_file("orders/a.csv")
        self.load(self.run(), file, [(1, "ann")])
        other = some_file("orders/a.csv", etag="v2")
        expect(self.pending(file) == [False], "the loaded version is pending again")
        expect(self.pending(other) == [True], "another version is not pending")

    def test_the_latest_version_counts(self) -> None:
        for etag in ("v1", "v2"):
            self.load(self.run(), some_file("orders/a.csv", etag=etag), [(1, etag)])
        expect(self.pending(some_file("orders/a.csv")) == [True], "content that returns is skipped")

    def test_failures_are_remembered(self) -> None:
        run, file = self.run(), some_file("orders/a.csv")
        run.pipeline.record(run, [Outcome(file, Status.FAILED, error="no header")])
        (entry,) = run.pipeline.history(run)
        expect((entry.status, entry.error) == ("failed", "no header"), f"it is kept as {entry}")

    def test_forgotten_files_are_gone(self) -> None:
        run = self.run()
        self.load(run, some_file("orders/a.csv"), [(1, "ann"), (2, "bob")])
        self.load(run, some_file("orders/b.csv"), [(3, "eve")])
        expect(run.pipeline.forget(run, ["orders/a.csv"]) == 2, "not two rows were deleted")
        expect(self.rows("orders") == [(3, "eve")], "other rows are left")
        expect(self.pending(some_file("orders/a.csv")) == [True], "it is not pending")

    def test_maintenance_changes_no_rows(self) -> None:
        """Only of sinks that maintain tables: those that answer ``tables``."""
        for name in "abc":
            self.load(self.run(), some_file(f"orders/{name}.csv"), [(1, name), (2, name)])
        before, run = self.rows("orders"), self.run()
        try:
            tables = run.pipeline.tables(run)
        except PluginError:
            return
        expect("orders" in tables, f"orders is not among the tables, {tables} are")
        history = list(run.pipeline.history(run))
        for table in tables:
            would = run.pipeline.maintain(dataclasses.replace(run, dry_run=True), table)
            survives(would)
            done = run.pipeline.maintain(run, table)
            survives(done)
            expect(would.table == done.table == table, f"the answer is about {done.table}")
            same = would.files_before == done.files_before
            expect(same, "the dry run did not leave the data files as they were")
        expect(self.rows("orders") == before, "other rows are in the table")
        expect(list(self.run().pipeline.history(run)) == history, "the registry says otherwise")
        self.load(self.run(), some_file("orders/b.csv", etag="v2"), [(3, "b")])
        expected = sorted([row for row in before if row[1] != "b"] + [(3, "b")])
        expect(self.rows("orders") == expected, "rows are not replaced after maintenance")

    def _converted(
        self, run: Run, plan: TablePlan, file: SourceFile, rows: Sequence[Row]
    ) -> Converted:
        import pyarrow as pa
        import pyarrow.parquet as pq

        now = datetime.now(UTC)
        ids = {c.name: c.field_id for c in plan.columns}
        ids |= {"_source_file": plan.source_file_id, "_ingested_at": plan.ingested_at_id}
        types = (pa.int32(), pa.string(), pa.string(), pa.timestamp("us"))
        schema = pa.schema(
            pa.field(name, kind, metadata={"PARQUET:field_id": str(ids[name])})
            for name, kind in zip(
                ("id", "name", "_source_file", "_ingested_at"), types, strict=True
            )
        )
        stamp = now.replace(tzinfo=None)
        cells = [(*row, file.key, stamp) for row in rows]
        columns = [list(column) for column in zip(*cells, strict=True)]
        path = run.workdir / f"{file.etag}_{file.key.replace('/', '_')}.parquet"
        pq.write_table(pa.table(columns, schema=schema), path)
        return Converted(file, (path,), len(rows), len(rows), 0, (), 0, None, now)
