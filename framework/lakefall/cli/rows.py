"""Rows of an Arrow table as values that JSON can hold."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 1000
_NOT_FINITE = {math.inf: "Infinity", -math.inf: "-Infinity"}


def names(table: pa.Table) -> list[str]:
    """The columns' names, made unique: ``SELECT 1 AS a, 2 AS a`` has ``a`` and ``a_2``."""
    written: list[str] = table.column_names
    given: list[str] = []
    for name in written:
        unique, number = name, 1
        while unique in given or (number > 1 and unique in written):
            number += 1
            unique = f"{name}_{number}"
        given.append(unique)
    return given


def objects(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Each row by column name."""
    heads = names(table)
    for batch in _plain_times(table).to_batches(max_chunksize=BATCH):
        columns = [column.to_pylist() for column in batch.columns]
        for values in zip(*columns, strict=True):
            yield dict(zip(heads, map(plain, values), strict=True))


def plain(value: Any) -> Any:  # noqa: PLR0911 -- one line a kind
    """A value that JSON can hold, as ``lakefall query --help`` promises."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else _NOT_FINITE.get(value, "NaN")
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        # The sum of integers is a HUGEINT, which Arrow knows as a decimal without a scale.
        return int(value) if value.as_tuple().exponent == 0 else str(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return str(value)


def _plain_times(table: pa.Table) -> pa.Table:
    """Nanoseconds become microseconds, the finest that Python's own times hold."""
    import pyarrow as pa

    for position, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns":
            column = table.column(position).cast(pa.timestamp("us", field.type.tz), safe=False)
            table = table.set_column(position, field.name, column)
    return table
