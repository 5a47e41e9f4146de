"""Iceberg's types, Trino's names for them, and Arrow's for what Trino answers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lakefall.contract.errors import TableError

if TYPE_CHECKING:
    import pyarrow as pa

_TRINO = {
    "boolean": "boolean",
    "int": "integer",
    "long": "bigint",
    "float": "real",
    "double": "double",
    "date": "date",
    "time": "time(6)",
    "timestamp": "timestamp(6)",
    "timestamptz": "timestamp(6) with time zone",
    "uuid": "uuid",
    "binary": "varbinary",
    "string": "varchar",
}
_ICEBERG = {trino: iceberg for iceberg, trino in _TRINO.items()}
_DECIMAL = re.compile(r"decimal\((\d+), ?(\d+)\)")
_MOST_DIGITS = 38


def to_trino(iceberg: str) -> str:
    """Trino's name of an Iceberg type: ``timestamp(6)``.

    Raises:
        TableError: this sink writes no such type.
    """
    if found := _DECIMAL.fullmatch(iceberg):
        digits, scale = int(found[1]), int(found[2])
        if 1 <= digits <= _MOST_DIGITS and scale <= digits:
            return f"decimal({digits},{scale})"
    if iceberg not in _TRINO:
        raise TableError(f"the sink trino writes no type {iceberg!r}; known: {', '.join(_TRINO)}")
    return _TRINO[iceberg]


def to_iceberg(trino: str) -> str:
    """Iceberg's name of a Trino type; nested and other types keep Trino's."""
    if found := _DECIMAL.fullmatch(trino):
        return f"decimal({found[1]}, {found[2]})"
    return _ICEBERG.get(trino, trino)


def to_arrow(trino: str) -> pa.DataType | None:
    """Arrow's type of what Trino answers; None where the values themselves have to tell."""
    import pyarrow as pa

    if found := _DECIMAL.fullmatch(trino):
        return pa.decimal128(int(found[1]), int(found[2]))
    if trino.startswith(("varchar", "char", "json", "uuid", "ipaddress")):
        return pa.string()
    if trino.startswith("timestamp"):
        return pa.timestamp("us", "UTC" if trino.endswith("with time zone") else None)
    if trino.startswith("time(") and not trino.endswith("with time zone"):
        return pa.time64("us")
    simple: dict[str, Any] = {
        "boolean": pa.bool_(),
        "tinyint": pa.int8(),
        "smallint": pa.int16(),
        "integer": pa.int32(),
        "bigint": pa.int64(),
        "real": pa.float32(),
        "double": pa.float64(),
        "date": pa.date32(),
        "varbinary": pa.binary(),
        "unknown": pa.null(),
    }
    return simple.get(trino)
