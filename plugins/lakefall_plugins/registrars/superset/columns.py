"""A dataset's columns against the table's, and what users set on them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from lakefall.common import naming
from lakefall.contract.values import TableState
from lakefall_plugins.registrars.superset.api import SETTINGS, Api, Column
from lakefall_plugins.registrars.superset.session import SupersetError

_ATTEMPTS = 3
_LENGTH = re.compile(r"^(VARCHAR|TIMESTAMP|TIME)\([0-9]+\)")
_SHOWN = {"JSON": "VARCHAR", "UUID": "UNKNOWN"}
"""JSON is text to Trino; Superset 6.1 has no name for Trino's UUID."""


def behind(columns: Sequence[Column], table: TableState) -> bool:
    """Whether the table has other columns, or other types, than the dataset."""
    known = {
        str(c["column_name"]): _plain(str(c.get("type") or ""))
        for c in columns
        if not c.get("expression")
    }
    # A calculated column may have taken the name of a column before the table got it.
    taken = {str(c["column_name"]) for c in columns} - known.keys()
    there = {c.name: _plain(c.type) for c in table.columns if c.name not in taken}
    for name in naming.AUDIT_COLUMNS:
        known.pop(name, None)
    return known != there


def _plain(kind: str) -> str:
    """A type's name as Superset and lakefall both would write it."""
    name = _LENGTH.sub(r"\1", kind.upper().replace(" ", ""))
    return _SHOWN.get(name, name)


def refresh(api: Api, dataset: int, before: Sequence[Column]) -> bool:
    """Take the columns from Trino; what users set on them stays, so do metrics.

    Returns:
        Whether there was anything to take.

    Superset's refresh sets ``filterable`` and ``groupby`` on every column, overwrites a
    description by the column's comment, and turns a calculated column into a plain one when the
    table got a column of that name.

    Raises:
        SupersetError: also when settings are lost; names the columns.
    """
    api.refresh(dataset)
    lost: list[dict[str, Any]] = []
    try:
        for _ in range(_ATTEMPTS):
            after = api.columns(dataset)
            lost = _lost(before, after)
            if not lost:
                return _shape(before) != _shape(after)
            # Whoever refreshes at the same time may add a column in between, which this
            # deletes: look again.
            settings = {c["id"]: c for c in lost}
            api.put_columns(dataset, [settings.get(c["id"], _named(c)) for c in after])
            now = api.columns(dataset)
            if not _lost(before, now) and {c["id"] for c in now} >= {c["id"] for c in after}:
                return _shape(before) != _shape(now)
            api.refresh(dataset)
    except SupersetError as error:
        raise SupersetError(f"{error}; {_names(lost)}", whole=error.whole) from error
    raise SupersetError(
        f"{api.session.where}: somebody changes dataset {dataset} at the same time; {_names(lost)}"
    )


def _shape(columns: Sequence[Column]) -> dict[str, str]:
    return {str(c["column_name"]): str(c.get("type") or "") for c in columns}


def _named(column: Column) -> dict[str, Any]:
    """A column that stays as it is."""
    return {"id": column["id"], "column_name": column["column_name"]}


def _names(lost: Sequence[Column]) -> str:
    told = ", ".join(str(c["column_name"]) for c in lost) or "none known"
    return f"columns that lost their settings in the refresh: {told}"


def _lost(before: Sequence[Column], after: Sequence[Column]) -> list[dict[str, Any]]:
    """Columns with the settings that have to be put back."""
    old = {c["id"]: c for c in before}
    lost: list[dict[str, Any]] = []
    for column in after:
        was = old.get(column["id"], {})
        changed = {
            name: was[name]
            for name in SETTINGS
            if was.get(name) not in (None, "") and was[name] != column.get(name)
        }
        if changed:
            lost.append({**_named(column), **changed})
    return lost
