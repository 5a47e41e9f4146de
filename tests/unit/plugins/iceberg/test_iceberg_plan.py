from __future__ import annotations

from dataclasses import replace

import pytest
from iceberg_support import Lakehouse, convert, source

from lakefall.contract.errors import (
    PlanOutdatedError,
    SchemaFrozenError,
    TableError,
    TableNameError,
    TypeConflictError,
)
from lakefall.contract.values import Change, Column, Schema

FILE = source("orders/a.csv")


def test_planning_makes_nothing(lakehouse: Lakehouse) -> None:
    plan = lakehouse.plan("orders", ("id", "INTEGER"), ("n", "VARCHAR"))
    assert plan.created
    assert [(c.name, c.field_id, c.change) for c in plan.columns] == [
        ("id", 1, Change.ADD),
        ("n", 2, Change.ADD),
    ]
    assert (plan.source_file_id, plan.ingested_at_id) == (3, 4)
    assert lakehouse.reasons(FILE) == ["load: new"]
    assert lakehouse.sink.describe("orders") is None
    assert not (lakehouse.folder / "wh").exists()


def test_new_columns_come_after_all_others(lakehouse: Lakehouse) -> None:
    lakehouse.load(FILE, [("id", "INTEGER")], "SELECT 1")
    plan = lakehouse.plan("orders", ("new", "DATE", "%d/%m/%Y"), ("id", "INTEGER"))
    assert [(c.name, c.field_id, c.change) for c in plan.columns] == [
        ("new", 4, Change.ADD),
        ("id", 1, Change.KEEP),
    ]
    assert plan.columns_added == ("new",)


@pytest.mark.parametrize("name", ["sales", "_ingest_registry", "_ingest_rejects"])
def test_tables_that_no_file_may_feed(lakehouse: Lakehouse, name: str) -> None:
    with pytest.raises(TableNameError, match=name):
        lakehouse.plan(name, ("id", "INTEGER"))


def test_the_tables_type_governs(lakehouse: Lakehouse) -> None:
    lakehouse.load(FILE, [("n", "DOUBLE"), ("t", "VARCHAR")], "SELECT 1, 'x'")
    widening = lakehouse.with_options(on_type_conflict="widen")
    plan = widening.plan("orders", ("n", "INTEGER"), ("t", "DATE", "%d/%m/%Y"))
    assert [(c.type, c.format, c.change) for c in plan.columns] == [
        ("DOUBLE", "", Change.KEEP),
        ("VARCHAR", "", Change.KEEP),
    ]
    assert plan.notes == ()


def test_the_types_of_all_files_govern_where_the_table_may_be_repaired(
    lakehouse: Lakehouse,
) -> None:
    columns = [("n", "DOUBLE"), ("t", "VARCHAR"), ("d", "DATE", "%d/%m/%Y"), ("i", "INTEGER")]
    lakehouse.load(FILE, columns, "SELECT 1, 'x', DATE '2024-01-02', 5")
    plan = lakehouse.plan(
        "orders", ("n", "INTEGER"), ("t", "DATE", "%d/%m/%Y"), ("d", "VARCHAR"), ("i", "BIGINT")
    )
    assert [(c.name, c.change, c.from_type, c.lossless) for c in plan.columns] == [
        ("n", Change.REPAIR, "INTEGER", True),
        ("t", Change.REPAIR, "DATE", True),
        ("d", Change.REPAIR, "VARCHAR", False),
        ("i", Change.WIDEN, "INTEGER", False),
    ]
    assert [c.name for c in plan.repairs] == ["n", "t", "d"]


def test_the_formats_of_a_table_are_kept(lakehouse: Lakehouse) -> None:
    lakehouse.load(FILE, [("d", "DATE", "%d/%m/%Y")], "SELECT DATE '2024-01-02'")
    state = lakehouse.sink.describe("orders")
    assert state is not None
    assert [(c.name, c.type, c.format) for c in state.columns] == [("d", "DATE", "%d/%m/%Y")]
    plan = lakehouse.plan("orders", ("d", "DATE", "%m/%d/%Y"))
    assert plan.columns[0].format == "%d/%m/%Y"


def test_a_wider_format_replaces_that_of_the_table(lakehouse: Lakehouse) -> None:
    lakehouse.load(FILE, [("d", "DATE", "%d/%m/%Y"), ("n", "INTEGER")], "SELECT NULL::DATE, 1")
    columns = (
        Column("d", "d", "DATE", True, "%d/%m/%y", from_format="%d/%m/%Y"),
        Column("n", "n", "DOUBLE", True, "1,234.5", from_format=""),
    )
    plan = lakehouse.sink.prepare(lakehouse.run(), "orders", Schema(columns), False)
    assert [(c.type, c.format, c.from_format) for c in plan.columns] == [
        ("DATE", "%d/%m/%y", "%d/%m/%Y"),
        ("INTEGER", "1,234.5", ""),
    ]
    assert plan.notes[0] == (
        "column 'd' of 'orders' is read as %d/%m/%y from now on, not only as %d/%m/%Y"
    )
    converted = convert(lakehouse.run(), plan, source("orders/b.csv"), "SELECT NULL::DATE, 1")
    lakehouse.sink.load(lakehouse.run(), plan, [converted])
    state = lakehouse.sink.describe("orders")
    assert state is not None
    assert [(c.type, c.format) for c in state.columns] == [
        ("DATE", "%d/%m/%y"),
        ("INTEGER", "1,234.5"),
    ]


def test_a_format_that_another_writer_gave_meanwhile_makes_the_plan_outdated(
    lakehouse: Lakehouse,
) -> None:
    lakehouse.load(FILE, [("d", "DATE", "%d/%m/%Y")], "SELECT NULL::DATE")
    wider = Column("d", "d", "DATE", True, "%d/%m/%y", from_format="%m/%d/%Y")
    plan = lakehouse.sink.prepare(lakehouse.run(), "orders", Schema((wider,)), False)
    assert plan.columns[0].format == "%d/%m/%Y"
    stale = replace(plan, columns=(replace(plan.columns[0], format="%d.%m.%Y", from_format="%Y"),))
    converted = convert(lakehouse.run(), plan, source("orders/b.csv"), "SELECT NULL::DATE")
    with pytest.raises(PlanOutdatedError, match=r"lakefall\.format\.d"):
        lakehouse.sink.load(lakehouse.run(), stale, [converted])


def test_widening_where_iceberg_allows(lakehouse: Lakehouse) -> None:
    lakehouse.load(FILE, [("id", "INTEGER")], "SELECT 1")
    column = lakehouse.plan("orders", ("id", "BIGINT")).columns[0]
    assert (column.type, column.change, column.from_type) == ("BIGINT", Change.WIDEN, "INTEGER")


@pytest.mark.parametrize(
    ("mode", "asked", "misfit"),
    [
        ("widen", "VARCHAR", "null"),
        (None, "BIGINT", "null"),
        ("null", "BIGINT", "null"),
        ("reject", "BIGINT", "reject"),
    ],
)
def test_conflicts_say_what_becomes_of_the_values(
    lakehouse: Lakehouse, mode: str | None, asked: str, misfit: str
) -> None:
    lakehouse.load(FILE, [("id", "INTEGER")], "SELECT 1")
    plan = lakehouse.with_options(on_type_conflict=mode).plan("orders", ("id", asked))
    column = plan.columns[0]
    assert (column.type, column.change, column.from_type, column.on_misfit) == (
        "INTEGER",
        Change.CONFLICT,
        asked,
        misfit,
    )
    assert "'id'" in plan.notes[0]


def test_conflicts_may_fail(lakehouse: Lakehouse) -> None:
    lakehouse.load(FILE, [("id", "INTEGER")], "SELECT 1")
    failing = lakehouse.with_options(on_type_conflict="fail")
    with pytest.raises(TypeConflictError, match=r"'id' of table 'orders' is INTEGER.*VARCHAR"):
        failing.plan("orders", ("id", "VARCHAR"))
    assert failing.plan("orders", ("id", "INTEGER")).columns[0].change is Change.KEEP


def test_a_frozen_schema_names_the_columns(lakehouse: Lakehouse) -> None:
    frozen = lakehouse.with_options(schema="freeze")
    frozen.load(FILE, [("id", "INTEGER")], "SELECT 1")
    with pytest.raises(SchemaFrozenError, match="'extra'"):
        frozen.plan("orders", ("id", "INTEGER"), ("extra", "DATE"))
    column = frozen.plan("orders", ("id", "BIGINT")).columns[0]
    assert (column.type, column.change) == ("INTEGER", Change.CONFLICT)
    limited = lakehouse.with_options(max_new_columns=1)
    limited.plan("orders", ("a", "DATE"))
    with pytest.raises(SchemaFrozenError, match=r"2 columns.*'a', 'b'"):
        limited.plan("orders", ("a", "DATE"), ("b", "DATE"))


def test_tables_of_other_makers(lakehouse: Lakehouse) -> None:
    from pyiceberg.schema import Schema
    from pyiceberg.types import IntegerType, LongType, NestedField

    lakehouse.load(FILE, [("id", "INTEGER")], "SELECT 1")
    catalog = lakehouse.sink.lake.catalog
    catalog.create_table(
        "lakehouse.plain", Schema(NestedField(1, "ID", LongType(), required=False))
    )
    with pytest.raises(TableError, match="'ID'"):
        lakehouse.plan("plain", ("id", "INTEGER"))
    plan = lakehouse.plan("plain", ("x", "INTEGER"))
    assert (plan.columns[0].field_id, plan.source_file_id, plan.ingested_at_id) == (2, 3, 4)
    assert lakehouse.load(source("plain/a.csv"), [("x", "INTEGER")], "SELECT 7").rows_loaded == 1
    assert lakehouse.ask("SELECT ID, x, _source_file FROM plain") == [(None, 7, "plain/a.csv")]
    catalog.create_table(
        "lakehouse.strict", Schema(NestedField(1, "id", LongType(), required=True))
    )
    with pytest.raises(TableError, match="NOT NULL"):
        lakehouse.plan("strict", ("id", "INTEGER"))
    catalog.create_table(
        "lakehouse.odd", Schema(NestedField(1, "_source_file", IntegerType(), required=False))
    )
    with pytest.raises(TableError, match="lakefall keeps string"):
        lakehouse.plan("odd", ("id", "INTEGER"))
