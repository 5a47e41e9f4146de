from __future__ import annotations

import pytest
from iceberg_support import Lakehouse, source

from lakefall.contract.errors import UsageError


@pytest.fixture
def orders(lakehouse: Lakehouse) -> Lakehouse:
    lakehouse.load(source("orders/a.csv"), [("id", "INTEGER"), ("n", "VARCHAR")], "SELECT 1, 'one'")
    lakehouse.load(
        source("orders/b.csv"), [("id", "BIGINT"), ("x", "DOUBLE")], "SELECT 5000000000, 2.5"
    )
    return lakehouse


@pytest.mark.parametrize(
    "query",
    [
        "SELECT id, n, x FROM orders ORDER BY id",
        "SELECT id, n, x FROM lakehouse.orders ORDER BY id",
        "WITH o AS (FROM LAKEHOUSE.Orders) SELECT id, n, x FROM o ORDER BY id",
        "FROM (SELECT id, n, x FROM orders) ORDER BY id -- all",
    ],
)
def test_evolved_tables_read_right(orders: Lakehouse, query: str) -> None:
    assert orders.ask(query) == [(1, "one", None), (5000000000, None, 2.5)]


def test_tables_join_with_themselves_and_others(orders: Lakehouse) -> None:
    orders.load(source("people/a.csv"), [("id", "INTEGER")], "SELECT 1")
    assert orders.ask(
        "SELECT count(*) FROM orders a JOIN orders b USING (id) JOIN people p USING (id)"
    ) == [(1,)]


def test_renamed_and_dropped_columns(orders: Lakehouse) -> None:
    found = orders.sink.lake.find("orders")
    assert found is not None
    with found.update_schema() as update:
        update.rename_column("n", "title")
        update.delete_column("x")
    assert orders.ask("SELECT * EXCLUDE (_source_file, _ingested_at) FROM orders ORDER BY id") == [
        (1, "one"),
        (5000000000, None),
    ]


def test_select_like_statements(orders: Lakehouse) -> None:
    assert [r[0] for r in orders.ask("DESCRIBE orders")][:3] == ["id", "n", "_source_file"]
    assert orders.ask("EXPLAIN SELECT * FROM orders")
    assert orders.ask("explain analyze FROM orders")
    assert orders.ask("EXPLAIN (FORMAT json) SELECT * FROM orders")
    assert orders.ask("VALUES (1)") == [(1,)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "query",
    [
        "DROP TABLE orders",
        "DELETE FROM orders",
        "INSERT INTO orders SELECT * FROM orders",
        "COPY orders TO '/tmp/x.csv'",
        "SELECT 1; SELECT 2",
        "",
        "SET threads = 4",
        "PRAGMA version",
        "ATTACH ':memory:' AS other",
        "INSTALL httpfs",
        "EXPLAIN ANALYZE CREATE TABLE x AS SELECT 1",
        "EXPLAIN (ANALYZE) CREATE TABLE x AS SELECT 1",
        "/* SELECT */ EXPLAIN ANALYZE CREATE TABLE x AS SELECT 1",
        "EXPLAIN /* SELECT */ ANALYZE CREATE TABLE x AS SELECT 1",
    ],
)
def test_nothing_but_one_select(orders: Lakehouse, query: str) -> None:
    with pytest.raises(UsageError):
        orders.ask(query)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM glob('/*')",
        "FROM '/etc/passwd'",
        "SELECT * FROM orders, read_blob('/etc/passwd')",
    ],
)
def test_no_file_can_be_read(orders: Lakehouse, query: str) -> None:
    with pytest.raises(UsageError):
        orders.ask(query)


@pytest.mark.slow
@pytest.mark.parametrize(
    "query",
    [
        "SELECT current_setting('home_directory')",
        "SELECT n FROM orders WHERE n = (SELECT Current_Setting('secret_directory'))",
        "SELECT getvariable('x')",
        "SELECT getenv('HOME')",
        "FROM duckdb_settings()",
        "SELECT * FROM duckdb_views",
        "SUMMARIZE duckdb_columns",
        "EXPLAIN ANALYZE SELECT * FROM duckdb_secrets()",
        "SELECT * FROM pg_catalog.pg_settings",
        "SELECT * FROM pg_settings",
        "SELECT * FROM system.information_schema.character_sets",
        "SELECT * FROM duckdb_extensions()",
        "SELECT sql FROM duckdb_views()",
        "FROM orders JOIN LATERAL (FROM duckdb_temporary_files()) ON true",
        "WITH s AS (FROM duckdb_variables()) SELECT * FROM s",
        "SELECT [x FOR x IN (SELECT list(value) FROM duckdb_settings())]",
        "FROM query('SELECT 1')",
        "FROM query_table('duckdb_settings')",
        "FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
        "SHOW DATABASES",
        "FROM (SHOW VARIABLES)",
        "SELECT sleep_ms(1)",
        "SELECT write_log('x')",
        "FROM which_secret('s3://bucket', 's3')",
        "FROM pragma_database_size()",
        "FROM sniff_csv('/etc/hostname')",
    ],
)
def test_nothing_of_the_process_can_be_read(orders: Lakehouse, query: str) -> None:
    with pytest.raises(UsageError, match="and nothing else"):
        orders.ask(query)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) FROM information_schema.columns WHERE table_name = 'orders'",
        "SELECT max(i) FROM range(4) t(i)",
        "SELECT max(u) FROM (SELECT unnest([id, 3, 4]) AS u FROM orders WHERE id = 1)",
        "SELECT list_max([y + 1 FOR y IN [2, 3]]) FROM orders LIMIT 1",
        "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 4) "
        "SELECT max(i) FROM r",
        "SELECT max(c) OVER (ORDER BY n) FROM (SELECT n, 4 AS c FROM orders) LIMIT 1",
    ],
)
def test_what_a_reader_of_tables_needs_is_there(orders: Lakehouse, query: str) -> None:
    assert orders.ask(query)[0][0] in (3, 4, 5)


def test_a_table_that_is_called_like_one_of_the_engines_can_be_read(lakehouse: Lakehouse) -> None:
    lakehouse.load(source("pg_settings/a.csv"), [("id", "INTEGER")], "SELECT 1")
    assert lakehouse.ask("SELECT id FROM pg_settings") == [(1,)]


def test_no_data_file_can_be_overwritten(orders: Lakehouse) -> None:
    """EXPLAIN ANALYZE runs a COPY, and a query may open the data files."""
    before = orders.ask("SELECT * FROM orders ORDER BY id")
    for name in orders.data_files("orders"):
        path = orders.folder / "wh" / "lakehouse" / "orders" / "data" / name
        copy = f"COPY (SELECT 1) TO '{path}' (FORMAT parquet, USE_TMP_FILE false)"
        with pytest.raises(UsageError, match="COPY"):
            orders.ask(f"EXPLAIN ANALYZE {copy} -- FROM orders")
    assert orders.ask("SELECT * FROM orders ORDER BY id") == before


def test_an_unknown_table_is_told_with_those_that_exist(orders: Lakehouse) -> None:
    with pytest.raises(UsageError, match=r"order_items.*orders"):
        orders.ask("SELECT * FROM order_items")
    with pytest.raises(UsageError, match="nothing"):
        orders.ask("SELECT nothing FROM orders")
