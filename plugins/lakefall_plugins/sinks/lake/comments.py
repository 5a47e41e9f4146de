"""What a column's comment says to lakefall: ``lakefall: {"format": "%d/%m/%Y"}``.

A comment is what every engine can write; table properties are not. Words of a person before our
mark are kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

MARK = "lakefall: "
FORMAT = "format"
"""Layout of a column's text, such as ``%d/%m/%Y``."""
TYPE = "type"
"""A type's name that its Iceberg type does not imply."""
VERSIONS = "versions"
"""On ``_source_file``: the versions whose rows are in the table."""


def read(comment: str | None) -> dict[str, Any]:
    """What the comment says; empty where it says nothing to us."""
    _, mark, text = (comment or "").rpartition(MARK)
    if not mark:
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def write(comment: str | None, **said: Any) -> str:
    """The comment with this said; None takes a thing back."""
    known = {k: v for k, v in {**read(comment), **said}.items() if v not in (None, "")}
    words = comment or ""
    if read(comment):
        words = words.rpartition(MARK)[0]
    words = words.rstrip()
    if not known:
        return words
    text = MARK + json.dumps(known, separators=(", ", ": "), ensure_ascii=False)
    return f"{words}\n{text}" if words else text


def properties(comments: Mapping[str, str | None]) -> dict[str, str]:
    """Formats and types of columns as the table properties that say the same."""
    from lakefall_plugins.sinks.lake import names

    found: dict[str, str] = {}
    for column, comment in comments.items():
        said = read(comment)
        if said.get(FORMAT):
            found[names.format_property(column)] = str(said[FORMAT])
        if said.get(TYPE):
            found[names.type_property(column)] = str(said[TYPE])
    return found
