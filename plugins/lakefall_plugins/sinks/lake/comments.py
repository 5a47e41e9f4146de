"""What comments of columns and tables say to lakefall: ``lakefall: {"format": "%d/%m/%Y"}``.

A comment is what every engine can write; table properties are not. Words of a person before our
mark are kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from lakefall_plugins.sinks.lake import names
from lakefall_plugins.sinks.lake.versions import Version, from_micros, to_micros

MARK = "lakefall: "
FORMAT = "format"
"""Layout of a column's text, such as ``%d/%m/%Y``."""
TYPE = "type"
"""A type's name that its Iceberg type does not imply."""
VERSIONS = "versions"
"""On a table: the versions whose rows are in it."""
_MAX_VERSIONS = 16_000
"""Characters of a comment: every commit to a table writes it again."""


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


def write(comment: str | None, **notes: Any) -> str:
    """The comment with these notes; None removes one."""
    known = {k: v for k, v in {**read(comment), **notes}.items() if v not in (None, "")}
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
    found: dict[str, str] = {}
    for column, comment in comments.items():
        notes = read(comment)
        if notes.get(FORMAT):
            found[names.format_property(column)] = str(notes[FORMAT])
        if notes.get(TYPE):
            found[names.type_property(column)] = str(notes[TYPE])
    return found


def with_versions(comment: str, loaded: Iterable[Version]) -> str:
    """A table's comment with these versions too; the oldest go where it would be too long."""
    known = read(comment).get(VERSIONS, {})
    for v in loaded:
        known.pop(v.key, None)
        known[v.key] = [
            v.etag,
            to_micros(v.modified),
            v.rows,
            v.rejected,
            v.size,
            to_micros(v.committed),
            v.run_id,
            v.origin,
        ]
    text = write(comment, versions=known)
    while len(text) > _MAX_VERSIONS and known:
        for key in list(known)[: max(1, len(known) // 8)]:
            del known[key]
        text = write(comment, versions=known)
    return text


def versions(comment: str) -> dict[str, Version]:
    """The versions that a table's comment tells of, by key; committed when they were loaded."""
    return {
        key: Version(key, etag, from_micros(modified), from_micros(at), rows, rejected, size, *rest)
        for key, (etag, modified, rows, rejected, size, at, *rest) in read(comment)
        .get(VERSIONS, {})
        .items()
    }
