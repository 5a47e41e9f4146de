"""Names of types: the specification's, Iceberg's, DuckDB's and Trino's; and what fits into what."""

from __future__ import annotations

import re
from collections.abc import Callable

from lakefall.contract.errors import TableError
from lakefall.tabular.nested import is_known, is_nested

Resolve = Callable[[str], str]
"""A type name that only its plugin knows -> its Iceberg type."""

_SIMPLE = {
    "BOOLEAN": "boolean",
    "INTEGER": "int",
    "BIGINT": "long",
    "REAL": "float",
    "DOUBLE": "double",
    "DATE": "date",
    "TIME": "time",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP(6)": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "UUID": "uuid",
    "VARBINARY": "binary",
    "VARCHAR": "string",
}
_NAMES = {iceberg: name for name, iceberg in _SIMPLE.items() if name != "TIMESTAMP(6)"}
_DUCKDB = {**_NAMES, "float": "FLOAT", "binary": "BLOB"}
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
_OF_TRINO = {trino: iceberg for iceberg, trino in _TRINO.items()}
_DECIMAL = re.compile(r"decimal\(\s*(\d+)\s*,\s*(\d+)\s*\)", re.IGNORECASE)
_INTEGER_DIGITS = {"int": 10, "long": 19}
_ISO_DATE = "%Y-%m-%d"
_MOST_DIGITS = 38
"""Of a decimal in Trino."""


def to_iceberg(type_name: str, resolve: Resolve) -> str:
    """Iceberg's canonical name of a type: ``int``, ``decimal(18, 2)``; of a nested one the engine's
    (``lakefall.tabular.nested``), which tells no ids.
    """
    if type_name in _SIMPLE or is_nested(type_name):
        return _SIMPLE.get(type_name, type_name)
    iceberg = type_name if _DECIMAL.fullmatch(type_name) else resolve(type_name)
    if found := _DECIMAL.fullmatch(iceberg):
        return f"decimal({int(found[1])}, {int(found[2])})"
    return iceberg


def from_iceberg(iceberg: str) -> str:
    """The specification's name of an Iceberg type; upper case of what it does not name."""
    if found := _DECIMAL.fullmatch(iceberg):
        return f"DECIMAL({found[1]},{found[2]})"
    if is_nested(iceberg):
        return iceberg
    return _NAMES.get(iceberg, iceberg.upper())


def to_duckdb(iceberg: str) -> str | None:
    """DuckDB's name of an Iceberg type; None for one that it does not have."""
    if is_nested(iceberg):
        return iceberg if is_known(iceberg) else None
    return from_iceberg(iceberg) if _DECIMAL.fullmatch(iceberg) else _DUCKDB.get(iceberg)


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


def from_trino(trino: str) -> str:
    """Iceberg's name of a Trino type; nested and other types keep Trino's."""
    if found := _DECIMAL.fullmatch(trino):
        return f"decimal({int(found[1])}, {int(found[2])})"
    return _OF_TRINO.get(trino, trino)


def promotes(old: str, new: str) -> bool:
    """Whether Iceberg lets a column of type ``old`` become ``new``.

    "Schema Evolution" of the Iceberg specification: int to long, float to double, decimals of
    equal scale to more digits. (PyIceberg 0.12 would also let the scale change.)
    """
    if (old, new) in (("int", "long"), ("float", "double")):
        return True
    one, other = _digits(old), _digits(new)
    if one is None or other is None:
        return False
    return one[1] == other[1] and one[0] < other[0]


def fits(value: str, column: str, date_format: str) -> bool:
    """Whether every text that reads as ``value`` can be parsed into a ``column`` of that type.

    Values beyond what a DOUBLE holds exactly are judged cell by cell, not here.
    """
    if column in (value, "string"):
        return True
    if value in _INTEGER_DIGITS:
        if column in ("float", "double") or (value, column) == ("int", "long"):
            return True
        digits = _digits(column)
        return digits is not None and digits[0] - digits[1] >= _INTEGER_DIGITS[value]
    if value == "boolean":
        # A column of nothing but 0 and 1 is BOOLEAN to the inferer, whatever the table says.
        return column in ("int", "long", "float", "double") or _digits(column) is not None
    if value == "date":
        return column == "timestamp" and date_format in ("", _ISO_DATE)
    return _number_fits(value, column)


def _number_fits(value: str, column: str) -> bool:
    if value == "float":
        return column == "double"
    one, other = _digits(value), _digits(column)
    if one is None:
        return False
    if other is None:
        return column == "double"
    return one[1] <= other[1] and one[0] - one[1] <= other[0] - other[1]


def _digits(iceberg: str) -> tuple[int, int] | None:
    """Precision and scale of a decimal."""
    found = _DECIMAL.fullmatch(iceberg)
    return (int(found[1]), int(found[2])) if found else None
