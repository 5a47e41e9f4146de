"""Table names from folders, column names from headers."""

from __future__ import annotations

import re
from collections.abc import Sequence

OWN_TABLES = frozenset({"_ingest_registry", "_ingest_rejects"})
AUDIT_COLUMNS = ("_source_file", "_ingested_at")
_OTHER = re.compile(r"[^a-z0-9]+")


def _ascii(text: str, *, transliterate: bool) -> str:
    if transliterate and not text.isascii():
        from anyascii import anyascii

        text = anyascii(text)
    return text.lower()


def table_name(folder: str, *, transliterate: bool = True) -> str:
    """The table that a folder feeds; ``''`` when nothing of the name is left.

    NFR-5, after transliteration: lower case, every run of other characters one underscore,
    trailing underscores stripped, a leading one kept, ``_`` before a digit.
    """
    name = _OTHER.sub("_", _ascii(folder, transliterate=transliterate)).rstrip("_")
    return f"_{name}" if name[:1].isdigit() else name


def column_names(header: Sequence[str], *, transliterate: bool = True) -> tuple[str, ...]:
    """Column names from header cells, unique, none an audit column.

    "Column Name Sanitisation" of the specification after transliteration; an empty cell becomes
    ``col_N`` (N counts columns from 1); repeated names get ``_2``, ``_3``, also against a real
    ``a_2`` in the header.
    """
    wished = [
        _column_name(cell, position, transliterate=transliterate)
        for position, cell in enumerate(header, start=1)
    ]
    taken = set(wished) | set(AUDIT_COLUMNS)
    given: set[str] = set(AUDIT_COLUMNS)
    numbers: dict[str, int] = {}
    """The last that each wish got; to count from 1 each time would be quadratic."""
    names: list[str] = []
    for wish in wished:
        name, number = wish, numbers.get(wish, 1)
        while name in given or (number > 1 and name in taken):
            number += 1
            name = f"{wish}_{number}"
        numbers[wish] = number
        given.add(name)
        names.append(name)
    return tuple(names)


def _column_name(cell: str, position: int, *, transliterate: bool) -> str:
    name = _OTHER.sub("_", _ascii(cell, transliterate=transliterate)).strip("_")
    if not name:
        return f"col_{position}"
    return f"col_{name}" if name[0].isdigit() else name
