"""From DuckDB's type of a column in a Parquet file to a type that tables have, value for value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakefall.common import sql
from lakefall.tabular import nested

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
    return (
        ("JSON", f"CAST(to_json({value}) AS VARCHAR)")
        if kind.id == "variant"
        else _any(kind, value)
    )


def _any(kind: DuckDBPyType, value: str, depth: int = 0) -> tuple[str, str] | None:
    """Declared type and SQL of a value, in which everything follows its own type's rule."""
    if kind.id == "struct":
        return _struct(kind, value, depth)
    if kind.id in ("list", "array"):
        return _list(kind, value, depth)
    if kind.id == "map":
        return _map(kind, value, depth)
    if kind.id == "decimal":
        return str(kind), value
    rest = {"enum": "VARCHAR", "variant": "VARCHAR"}.get(kind.id, "")
    declared, text = _RULES.get(str(kind), (rest, _TEXT))
    if depth and declared == "JSON":
        declared = "VARCHAR"
    return (declared, text.format(value)) if declared else None


def _struct(kind: DuckDBPyType, value: str, depth: int) -> tuple[str, str] | None:
    fields, cells, same = [], [], True
    for at, (name, inner) in enumerate(_inner(kind), start=1):
        one = f"struct_extract_at({value}, {at})"
        found = _any(inner, one, depth + 1)
        if found is None:
            return None
        same = same and found[1] == one
        fields.append((name, found[0]))
        cells.append(f"{sql.literal(name)}: {found[1]}")
    made = value if same else f"CASE WHEN {value} IS NOT NULL THEN {{{', '.join(cells)}}} END"
    return nested.struct_of(fields), made


def _list(kind: DuckDBPyType, value: str, depth: int) -> tuple[str, str] | None:
    each = f"x{depth}"
    found = _any(_inner(kind)[0][1], each, depth + 1)
    if found is None:
        return None
    declared = nested.list_of(found[0])
    plain = f"CAST({value} AS {declared})" if kind.id == "array" else value
    made = plain if found[1] == each else f"list_transform({value}, lambda {each}: {found[1]})"
    return declared, made


def _map(kind: DuckDBPyType, value: str, depth: int) -> tuple[str, str] | None:
    each = f"x{depth}"
    one, other = f"{each}.key", f"{each}.value"
    (_, key_kind), (_, value_kind) = _inner(kind)
    key, found = _any(key_kind, one, depth + 1), _any(value_kind, other, depth + 1)
    if key is None or found is None:
        return None
    made = f"{{'key': {key[1]}, 'value': {found[1]}}}"
    same = (key[1], found[1]) == (one, other)
    entries = f"list_transform(map_entries({value}), lambda {each}: {made})"
    return nested.map_of(key[0], found[0]), value if same else f"map_from_entries({entries})"


def _inner(kind: DuckDBPyType) -> list[tuple[str, DuckDBPyType]]:
    """Names and types of the values in a nested one."""
    return kind.children  # type: ignore[return-value]
