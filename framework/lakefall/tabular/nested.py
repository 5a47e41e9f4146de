"""Types of structs, lists and maps: their names, what is in them, and their values as JSON.

Such a type is named as DuckDB writes it: ``STRUCT(a INTEGER, "b c" VARCHAR[])``,
``MAP(VARCHAR, DATE)``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress

from lakefall.common import sql

JSON = "JSON"
"""The type of text that a nested column has where it cannot stay nested."""


def is_nested(type_name: str) -> bool:
    """Whether it is a struct, list or map."""
    return type_name.endswith("[]") or type_name.startswith(("STRUCT(", "MAP("))


def struct_of(fields: Iterable[tuple[str, str]]) -> str:
    """The struct with fields of these names and types."""
    return _plain(f"STRUCT({', '.join(f'{sql.identifier(n)} {kind}' for n, kind in fields)})")


def list_of(element: str) -> str:
    """The list of such elements."""
    return _plain(f"{element}[]")


def map_of(key: str, value: str) -> str:
    """The map from such keys to such values."""
    return _plain(f"MAP({key}, {value})")


def _plain(type_name: str) -> str:
    from duckdb.sqltypes import DuckDBPyType

    return str(DuckDBPyType(type_name)) if is_known(type_name) else type_name


def is_known(type_name: str) -> bool:
    """Whether the engine has every type in it."""
    import duckdb
    from duckdb.sqltypes import DuckDBPyType

    with suppress(duckdb.Error):
        DuckDBPyType(type_name)
        return True
    return False


def inner(type_name: str) -> list[tuple[str, str]]:
    """Names and types of what is right in a nested type, in Iceberg's order.

    Called ``element`` in a list, ``key`` and ``value`` in a map.
    """
    from duckdb.sqltypes import DuckDBPyType

    kind = DuckDBPyType(type_name)
    found = [(str(name), str(each)) for name, each in kind.children]
    return [("element", found[0][1])] if kind.id == "list" else found


def count(type_name: str) -> int:
    """How many fields, elements, keys and values with an id of their own are in it, at any depth;
    0 for a type that is not nested.
    """
    if not is_nested(type_name):
        return 0
    return sum(1 + count(kind) for _, kind in inner(type_name))


def field_ids(type_name: str, field_id: int, ids: Iterator[int]) -> str:
    """What ``FIELD_IDS`` of DuckDB's ``COPY`` says of a column.

    Args:
        ids: of what is in it: those of one level first, then those in each of them, as Iceberg
            numbers a new table's.
    """
    if not is_nested(type_name):
        return str(field_id)
    there = [(name, kind, next(ids)) for name, kind in inner(type_name)]
    listed = [f"{sql.literal(n)}: {field_ids(kind, i, ids)}" for n, kind, i in there]
    return f"{{__duckdb_field_id: {field_id}, {', '.join(listed)}}}"


def json_text(type_name: str, value: str, depth: int = 0) -> str:
    """SQL of a value's JSON text.

    Put together as text: DuckDB 2.0 reads the numbers of JSON that it puts into other JSON as
    DOUBLE. Here integers and decimals keep all digits, and numbers that are infinite or none are
    text.
    """
    each = f"x{depth}"
    if type_name == "DOUBLE":
        text = _quoted(f"CAST({value} AS VARCHAR)")
        return f"CASE WHEN isfinite({value}) THEN {_quoted(value)} ELSE {text} END"
    if not is_nested(type_name):
        return _quoted(value)
    there = inner(type_name)
    if type_name.endswith("[]"):
        element = _filled(json_text(there[0][1], each, depth + 1))
        return f"'[' || {_joined(value, each, element)} || ']'"
    if type_name.startswith("MAP("):
        (_, _), (_, kind) = there
        key = _quoted(f"CAST({each}.key AS VARCHAR)")
        pair = f"{key} || ':' || {_filled(json_text(kind, f'{each}.value', depth + 1))}"
        return f"'{{' || {_joined(f'map_entries({value})', each, pair)} || '}}'"
    pairs = []
    for at, (name, kind) in enumerate(there, start=1):
        text = json_text(kind, f"struct_extract_at({value}, {at})", depth)
        key = sql.literal(json.dumps(name, ensure_ascii=False) + ":")
        pairs.append(f"{key} || {_filled(text)}")
    joined = f"concat_ws(',', {', '.join(pairs)})"
    return f"CASE WHEN {value} IS NOT NULL THEN '{{' || {joined} || '}}' END"


def _quoted(value: str) -> str:
    """JSON text of a scalar."""
    return f"CAST(to_json({value}) AS VARCHAR)"


def _filled(text: str) -> str:
    return f"coalesce({text}, 'null')"


def _joined(values: str, each: str, text: str) -> str:
    return f"array_to_string(list_transform({values}, lambda {each}: {text}), ',')"
