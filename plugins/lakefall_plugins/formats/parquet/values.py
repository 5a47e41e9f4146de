"""From DuckDB's type of a column in a Parquet file to a type that tables have, value for value."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lakefall.common import sql

if TYPE_CHECKING:
    from duckdb.sqltypes import DuckDBPyType

_TEXT = "CAST({0} AS VARCHAR)"
_LENGTH = f"CAST(greatest(9, strlen({_TEXT})) AS INTEGER)"
_NANOSECONDS = "strftime(CAST({0} AS TIMESTAMP_NS), '%Y-%m-%d %H:%M:%S.%n')"
_RULES = {
    "BOOLEAN": ("BOOLEAN", "{0}"),
    "TINYINT": ("INTEGER", "CAST({0} AS INTEGER)"),
    "SMALLINT": ("INTEGER", "CAST({0} AS INTEGER)"),
    "INTEGER": ("INTEGER", "{0}"),
    "BIGINT": ("BIGINT", "{0}"),
    "UTINYINT": ("INTEGER", "CAST({0} AS INTEGER)"),
    "USMALLINT": ("INTEGER", "CAST({0} AS INTEGER)"),
    "UINTEGER": ("BIGINT", "CAST({0} AS BIGINT)"),
    "UBIGINT": ("DECIMAL(20,0)", "CAST({0} AS DECIMAL(20,0))"),
    "FLOAT": ("DOUBLE", "CAST({0} AS DOUBLE)"),
    "DOUBLE": ("DOUBLE", "{0}"),
    "DATE": ("DATE", "{0}"),
    "TIME": ("TIME", "{0}"),
    "TIME WITH TIME ZONE": ("TIME", "CAST({0} AS TIME)"),
    "TIME_NS": ("VARCHAR", f"rpad(rpad({_TEXT}, {_LENGTH}, '.'), 18, '0')"),
    "TIMESTAMP": ("TIMESTAMP", "{0}"),
    "TIMESTAMP_NS": ("VARCHAR", _NANOSECONDS),
    "TIMESTAMP WITH TIME ZONE": ("TIMESTAMP WITH TIME ZONE", "{0}"),
    "TIMESTAMPTZ_NS": ("VARCHAR", f"{_NANOSECONDS} || '+00:00'"),
    "VARCHAR": ("VARCHAR", "{0}"),
    "UUID": ("UUID", "{0}"),
    "JSON": ("JSON", _TEXT),
    "BLOB": ("VARCHAR", "lower(hex({0}))"),
    "INTERVAL": ("VARCHAR", _TEXT),
    '"NULL"': ("VARCHAR", _TEXT),
}
"""DuckDB's type -> the type that is declared, and SQL of the value."""
_FITTING = {
    "UBIGINT": "BIGINT",
    "TIME_NS": "TIME",
    "TIMESTAMP_NS": "TIMESTAMP",
    "TIMESTAMPTZ_NS": "TIMESTAMP WITH TIME ZONE",
}
"""What it is instead where all values of the file fit."""


def column(kind: DuckDBPyType, value: str, *, fits: bool) -> tuple[str, str] | None:
    """The declared type of a column, and the SQL of its values; None where no rule knows it.

    Args:
        kind: the column's type as DuckDB reads it.
        value: SQL of the column.
        fits: whether all its values fit the first choice of a type that has two.
    """
    name = str(kind)
    if fits and name in _FITTING:
        return _FITTING[name], f"CAST({value} AS {_FITTING[name]})"
    if kind.id not in ("struct", "list", "array", "map", "variant"):
        return _scalar(kind, value)
    text = _json(kind, value)
    return None if text is None else ("JSON", text)


def _scalar(kind: DuckDBPyType, value: str) -> tuple[str, str] | None:
    if kind.id == "decimal":
        return str(kind), value
    declared, text = _RULES.get(str(kind), ("VARCHAR" if kind.id == "enum" else "", _TEXT))
    return (declared, text.format(value)) if declared else None


def _json(kind: DuckDBPyType, value: str, depth: int = 0) -> str | None:
    """SQL of a value's JSON text; None where no rule knows a type in it.

    Put together as text: DuckDB 2.0 reads the numbers of JSON that it puts into other JSON as
    DOUBLE. Here integers and decimals keep all digits, numbers that are infinite or none are text,
    and keys of a map that occur twice are kept, as JSON allows.
    """
    each = f"x{depth}"
    if kind.id == "struct":
        return _json_of_struct(kind, value, depth)
    if kind.id == "map":
        return _json_of_map(kind, value, depth)
    if kind.id in ("list", "array"):
        inner = _json(_inner(kind)[0][1], each, depth + 1)
        return None if inner is None else f"'[' || {_joined(value, each, _filled(inner))} || ']'"
    if kind.id in ("float", "double"):
        number = f"CAST({value} AS DOUBLE)"
        text = _quoted(f"CAST({number} AS VARCHAR)")
        return f"CASE WHEN isfinite({number}) THEN {_quoted(number)} ELSE {text} END"
    if str(kind) == "JSON":
        return f"CASE WHEN json_valid({value}) THEN {value} ELSE {_quoted(_TEXT.format(value))} END"
    found = ("JSON", value) if kind.id == "variant" else _scalar(kind, value)
    return None if found is None else _quoted(found[1])


def _json_of_struct(kind: DuckDBPyType, value: str, depth: int) -> str | None:
    pairs = []
    for at, (name, inner) in enumerate(_inner(kind), start=1):
        text = _json(inner, f"struct_extract_at({value}, {at})", depth)
        if text is None:
            return None
        key = sql.literal(json.dumps(name, ensure_ascii=False) + ":")
        pairs.append(f"{key} || {_filled(text)}")
    joined = f"concat_ws(',', {', '.join(pairs)})"
    return f"CASE WHEN {value} IS NOT NULL THEN '{{' || {joined} || '}}' END"


def _json_of_map(kind: DuckDBPyType, value: str, depth: int) -> str | None:
    each = f"x{depth}"
    (_, key_kind), (_, value_kind) = _inner(kind)
    key = _scalar(key_kind, f"{each}.key")
    inner = _json(value_kind, f"{each}.value", depth + 1)
    if key is None or inner is None:
        return None
    pair = f"{_quoted(_TEXT.format(key[1]))} || ':' || {_filled(inner)}"
    return f"'{{' || {_joined(f'map_entries({value})', each, pair)} || '}}'"


def _inner(kind: DuckDBPyType) -> list[tuple[str, DuckDBPyType]]:
    """Names and types of the values in a nested one."""
    return kind.children  # type: ignore[return-value]


def _quoted(value: str) -> str:
    """JSON text of a scalar."""
    return f"CAST(to_json({value}) AS VARCHAR)"


def _filled(text: str) -> str:
    return f"coalesce({text}, 'null')"


def _joined(values: str, each: str, text: str) -> str:
    return f"array_to_string(list_transform({values}, lambda {each}: {text}), ',')"
