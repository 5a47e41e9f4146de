"""A static look at a pandera schema file: only rules about single rows can be kept.

Files are validated in batches and tables grow by files, so a rule about a whole data set (unique
values, an order, groups) would be checked against a part of it and promise what it does not hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

ROWWISE = frozenset(
    {
        *("eq", "equal_to", "ne", "not_equal_to", "gt", "greater_than", "lt", "less_than"),
        *("ge", "greater_than_or_equal_to", "le", "less_than_or_equal_to", "between", "in_range"),
        *("isin", "notin", "str_matches", "str_contains", "str_startswith", "str_endswith"),
        "str_length",
    }
)
WHOLE_FRAME = {
    "checks": "a check on the whole frame",
    "index": "an index",
    "unique": "uniqueness",
    "ordered": "the order of columns",
    "strict": "the set of columns (see sink.schema)",
    "unique_column_names": "the set of columns",
    "add_missing_columns": "a change of the data",
    "drop_invalid_rows": "a change of the data (see on_violation)",
}
WHOLE_COLUMN = {
    "unique": "uniqueness",
    "default": "a change of the data",
    "drop_invalid_rows": "a change of the data (see on_violation)",
}
CHECK_OPTIONS = {
    "groupby": "groups",
    "groups": "groups",
    "n_failure_cases": "a limit to what is reported",
    "raise_warning": "a warning in place of a violation (see on_violation)",
}


class SchemaFileError(ValueError):
    """The file is no pandera schema, or asks for what cannot be judged row by row."""


def check_rowwise(document: Any) -> Mapping[str, Any]:
    """The schema itself.

    Raises:
        SchemaFileError: it is no mapping with columns, or holds other rules than row-wise ones.
    """
    if not isinstance(document, Mapping) or not document.get("columns"):
        raise SchemaFileError("expected a pandera schema: a mapping with `columns`")
    _refuse("", document, WHOLE_FRAME)
    for name, column in _columns(document["columns"]):
        if not isinstance(column, Mapping):
            raise SchemaFileError(f"columns.{name}: expected a mapping")
        _refuse(f"columns.{name}.", column, WHOLE_COLUMN)
        for check, arguments in _checks(column.get("checks") or {}):
            where = f"columns.{name}.checks.{check}"
            if check not in ROWWISE:
                raise SchemaFileError(
                    f"{where}: no row-wise check of pandera; known: {', '.join(sorted(ROWWISE))}"
                )
            options = arguments.get("options") if isinstance(arguments, Mapping) else None
            _refuse(f"{where}.options.", options or {}, CHECK_OPTIONS)
    return document


def _columns(columns: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(columns, Mapping):
        yield from ((str(name), column) for name, column in columns.items())
    elif isinstance(columns, list):
        for number, column in enumerate(columns):
            named = column.get("name", number) if isinstance(column, Mapping) else number
            yield str(named), column
    else:
        raise SchemaFileError("columns: expected a mapping")


def _checks(checks: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(checks, Mapping):
        yield from ((str(name), arguments) for name, arguments in checks.items())
    elif isinstance(checks, list):
        for each in checks:
            options = each.get("options") if isinstance(each, Mapping) else None
            yield str((options or {}).get("check_name", "?")), each
    else:
        raise SchemaFileError("checks: expected a mapping or a list")


def _refuse(where: str, mapping: Mapping[str, Any], refused: Mapping[str, str]) -> None:
    for key, what in refused.items():
        if mapping.get(key):
            raise SchemaFileError(
                f"{where}{key}: {what} cannot be judged row by row; remove it, or check it in the "
                "lake with a query"
            )
