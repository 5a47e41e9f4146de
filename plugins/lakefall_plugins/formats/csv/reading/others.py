"""Another table further down the same file: known by its own names and its own width."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

LEAST_RECORDS = 3
"""Records of a table, its names included."""
_NUMBER = re.compile(r"\s*[-+]?(?:\d[\d.,]*|[.,]\d+)(?:[eE][-+]?\d+)?\s*")


@dataclass(frozen=True, slots=True)
class OtherTable:
    """Records in a row of one width that is not the header's, below a row of names."""

    first_line: int
    last_line: int
    fields: int
    records: int
    """With the row of names."""


class OtherTables:
    """Finds tables among the records that are rejected for their width.

    Records are numbered as they are read, good ones included; blank lines do not part a table.
    """

    def __init__(self) -> None:
        self._at: OtherTable | None = None
        self._names: Sequence[str] = ()
        self._named = False
        self._next = -1
        self._done: list[OtherTable] = []

    def rejected(self, number: int, line: int, fields: Sequence[str]) -> None:
        """A record was rejected for its width."""
        at = self._at
        if at is None or number != self._next or len(fields) != at.fields:
            self._close()
            self._at = OtherTable(line, line, len(fields), 1)
            self._names, self._named = fields, False
        else:
            self._named = self._named or (at.records == 1 and _are_names(self._names, fields))
            self._at = replace(at, last_line=line, records=at.records + 1)
        self._next = number + 1

    def blank(self, number: int) -> None:
        """A blank line."""
        if number == self._next:
            self._next += 1

    def found(self) -> tuple[OtherTable, ...]:
        """All other tables, in order."""
        self._close()
        return tuple(self._done)

    def _close(self) -> None:
        if self._at is not None and self._named and self._at.records >= LEAST_RECORDS:
            self._done.append(self._at)
        self._at = None


def _are_names(first: Sequence[str], second: Sequence[str]) -> bool:
    """Whether a row of names stands above one of values: text above numbers."""
    if len(first) < 2 or any(_NUMBER.fullmatch(cell) for cell in first):
        return False
    filled = sum(bool(cell.strip()) for cell in first)
    return 2 * filled > len(first) and any(_NUMBER.fullmatch(cell) for cell in second)


def table_warnings(tables: Sequence[OtherTable]) -> tuple[str, ...]:
    """What a person should know about other tables."""
    return tuple(
        f"lines {t.first_line} to {t.last_line} are another table, of {t.fields} columns: its "
        f"{t.records:,} records are rejected; to load it, put it into a file of its own"
        for t in tables
    )
