"""Tables as any client of the catalog reads them: with PyIceberg and DuckDB, nothing of lakefall.

What a test looks at costs no command, and is seen by other eyes than those of the code under test;
``lakefall query`` and ``lakefall rejects`` have tests of their own, on every kind of lake.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time
from typing import Any

Row = dict[str, Any]


def read(catalog: Any, namespace: str, sql: str) -> list[Row]:
    """The rows of a SELECT in DuckDB's SQL over tables written as ``lakehouse.NAME``.

    Dates and times are ISO 8601 texts, as in the objects that commands print.
    """
    import duckdb

    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("CREATE SCHEMA lakehouse")
        for number, name in enumerate(sorted(set(re.findall(r'lakehouse\."?(\w+)', sql)))):
            connection.register(
                f"arrow_{number}", catalog.load_table((namespace, name)).scan().to_arrow()
            )
            connection.execute(f'CREATE VIEW lakehouse."{name}" AS FROM arrow_{number}')
        found = connection.execute(sql)
        names = [column[0] for column in found.description]
        return [dict(zip(names, map(_plain, row), strict=True)) for row in found.fetchall()]


def row_counts(catalog: Any, namespace: str, table: str) -> dict[str, int]:
    """Rows by ``_source_file``; no other column is read."""
    scan = catalog.load_table((namespace, table)).scan(selected_fields=("_source_file",))
    counted = scan.to_arrow()["_source_file"].value_counts().to_pylist()
    return {each["values"]: each["counts"] for each in counted}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime | time) else value
