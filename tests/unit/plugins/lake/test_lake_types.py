from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from lakefall.contract.errors import TableError
from lakefall.contract.values import Column, Schema
from lakefall.tabular import nested
from lakefall_plugins.sinks.iceberg.metadata import nested_ids, parse_type, type_name
from lakefall_plugins.sinks.lake import plan, types

if TYPE_CHECKING:
    from lakefall.contract.run import Run


def unknown(name: str) -> str:
    return {"MONEY": "decimal(18,2)", "JSON": "string"}[name]


@pytest.mark.parametrize(
    ("name", "iceberg"),
    [
        ("INTEGER", "int"),
        ("BIGINT", "long"),
        ("TIMESTAMP", "timestamp"),
        ("TIMESTAMP(6)", "timestamp"),
        ("VARCHAR", "string"),
        ("DECIMAL(18,2)", "decimal(18, 2)"),
        ("TIME", "time"),
        ("TIMESTAMP WITH TIME ZONE", "timestamptz"),
        ("UUID", "uuid"),
        ("JSON", "string"),
        ("MONEY", "decimal(18, 2)"),
    ],
)
def test_names_of_the_specification_become_icebergs(name: str, iceberg: str) -> None:
    assert types.to_iceberg(name, unknown) == iceberg
    assert str(parse_type(iceberg)) == iceberg


def test_a_type_that_iceberg_lacks_is_told() -> None:
    with pytest.raises(TableError, match="'roman'"):
        parse_type("roman")


@pytest.mark.parametrize(
    ("old", "new", "legal"),
    [
        ("int", "long", True),
        ("float", "double", True),
        ("decimal(10, 2)", "decimal(12, 2)", True),
        ("decimal(10, 2)", "decimal(12, 3)", False),
        ("decimal(12, 2)", "decimal(10, 2)", False),
        ("int", "double", False),
        ("long", "int", False),
        ("date", "timestamp", False),
        ("int", "string", False),
    ],
)
def test_promotions_are_those_of_the_iceberg_specification(old: str, new: str, legal: bool) -> None:
    assert types.promotes(old, new) is legal


@pytest.mark.parametrize(
    ("value", "column", "form", "fitting"),
    [
        ("int", "long", "", True),
        ("int", "double", "", True),
        ("int", "string", "", True),
        ("long", "double", "", True),
        ("long", "int", "", False),
        ("double", "long", "", False),
        ("string", "int", "", False),
        ("boolean", "int", "", True),
        ("int", "boolean", "", False),
        ("date", "timestamp", "%Y-%m-%d", True),
        ("date", "timestamp", "%d/%m/%Y", False),
        ("timestamp", "date", "", False),
        ("int", "decimal(12, 2)", "", True),
        ("int", "decimal(11, 2)", "", False),
        ("decimal(8, 1)", "decimal(10, 2)", "", True),
        ("decimal(10, 3)", "decimal(12, 2)", "", False),
        ("decimal(10, 3)", "double", "", True),
    ],
)
def test_what_fits_into_a_column(value: str, column: str, form: str, fitting: bool) -> None:
    assert types.fits(value, column, form) is fitting


@pytest.mark.parametrize(
    "kind",
    ["STRUCT(a INTEGER)", "DOUBLE[]", "MAP(VARCHAR, DATE[])", 'STRUCT("b c" STRUCT(d TIME)[])'],
)
def test_nested_types_are_kept_where_the_sink_has_them(kind: str) -> None:
    run = cast("Run", None)
    columns = Schema(
        (Column("a", "a", "INTEGER", nullable=True), Column("n", "n", kind, nullable=True))
    )
    planned = plan.new_table(run, "t", columns, parse_type).columns[1]
    assert (planned.type, planned.field_id) == (kind, 2)
    assert planned.nested_ids == tuple(range(5, 5 + nested.count(kind)))
    iceberg = parse_type(kind, iter(planned.nested_ids))
    assert (type_name(iceberg), nested_ids(iceberg)) == (kind, planned.nested_ids)
    # The sink `trino` writes literals of plain types alone.
    assert plan.new_table(run, "t", columns, types.to_trino).columns[1].type == "JSON"


@pytest.mark.parametrize("kind", ['STRUCT("a.b" INTEGER)', "STRUCT(__duckdb_field_id DATE)[]"])
def test_names_within_columns_that_cannot_be_written(kind: str) -> None:
    with pytest.raises(TableError, match="a field in a column"):
        parse_type(kind)
