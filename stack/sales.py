"""The table that another pipeline owns: ``lakehouse.sales``, there before lakefall comes."""

from __future__ import annotations

from .http import trino

STATEMENTS = (
    "CREATE SCHEMA IF NOT EXISTS iceberg.lakehouse",
    # One statement, one snapshot: the table is there with its rows or not at all.
    """
    CREATE TABLE IF NOT EXISTS iceberg.lakehouse.sales
        (order_id, order_date, customer, product, quantity, unit_price)
    WITH (format = 'PARQUET') AS VALUES
        (1001, DATE '2024-01-03', VARCHAR 'Aster Books', VARCHAR 'notebook', 12, 3.20e0),
        (1002, DATE '2024-01-03', 'Birch Cafe', 'coffee beans', 4, 18.50e0),
        (1003, DATE '2024-01-05', 'Aster Books', 'pencil', 200, 0.35e0),
        (1004, DATE '2024-01-08', 'Cedar School', 'notebook', 90, 2.95e0),
        (1005, DATE '2024-01-09', 'Dune Hotel', 'coffee beans', 10, 17.90e0),
        (1006, DATE '2024-01-12', 'Birch Cafe', 'napkins', 30, 1.10e0)
    """,
)


def ensure(url: str) -> None:
    """Make it with its rows unless it is there; asking again changes nothing."""
    for statement in STATEMENTS:
        trino(url, statement)
