"""Lines that a rule leaves out: counted by rule, and shown where they look like records."""

from __future__ import annotations

import csv
from collections.abc import Sequence

from lakefall.contract.values import Skipped
from lakefall.tabular.rejects import visible
from lakefall_plugins.formats.csv.dialect import Dialect
from lakefall_plugins.formats.csv.reading.syntax import read

PREAMBLE, BLANK, COMMENT, UNITS, FOOTER = "preamble", "blank", "comment", "units", "footer"
REPEATED = "repeated header"
SHOWN, SHOWN_CHARACTERS = 3, 200
"""Lines that are shown of each rule's, and characters of each."""
_OPTIONS = {
    PREAMBLE: "set sniffer.preamble_lines to the number of lines above the table",
    COMMENT: "set sniffer.comment to another mark, or to '' for none",
    UNITS: "set sniffer.units_row to absent",
    FOOTER: "remove the empty rows or notes above them from the file",
    REPEATED: "set reader.repeated_headers to keep",
}


class SkippedLines:
    """Counts the skipped lines of one file.

    Args:
        dialect: how the file is written.
        columns: how many fields a record has.
        before: what was skipped before, above the first record.
    """

    def __init__(self, dialect: Dialect, columns: int, before: Sequence[Skipped] = ()) -> None:
        self._dialect = dialect
        self._columns = columns
        self._padding = f" \t\r\n{dialect.delimiter}"
        self._found = {each.rule: each for each in before}

    @property
    def found(self) -> tuple[Skipped, ...]:
        """One entry a rule, in the order of the file."""
        return tuple(self._found.values())

    def add(self, rule: str, lines: Sequence[str], count: int | None = None) -> None:
        """Lines that a rule skipped.

        Args:
            lines: all or the first of them, as they stand in the file; none of blank ones.
            count: how many there are, where ``lines`` are not all.
        """
        count = len(lines) if count is None else count
        if not count:
            return
        found = self._found.get(rule, Skipped(rule, 0))
        first, suspicious = list(found.first), found.suspicious
        for line in lines:
            record = rule != REPEATED and self._looks_like_record(line)
            if record and not suspicious:
                first, suspicious = [], True
            if len(first) < SHOWN and record is suspicious and line.strip():
                first.append(visible(line.rstrip("\r\n")[:SHOWN_CHARACTERS]))
        self._found[rule] = Skipped(rule, found.lines + count, tuple(first), suspicious)

    def _looks_like_record(self, line: str) -> bool:
        """Whether a line has a field for every column of several, and more than one holds
        something: a title that is padded with delimiters is none."""
        delimiters = line.count(self._dialect.delimiter) if self._columns > 1 else 0
        if delimiters < max(1, self._columns - 1) or not line.strip(self._padding):
            return False
        try:
            fields: list[str] = next(read([line], self._dialect, strict=True), [])
        except csv.Error:
            return False
        return len(fields) == self._columns and sum(map(bool, map(str.strip, fields))) > 1


def skipped_warnings(skipped: Sequence[Skipped]) -> tuple[str, ...]:
    """What a person should know about skipped lines that look like records."""
    return tuple(_warning(each) for each in skipped if each.suspicious)


def _warning(skipped: Skipped) -> str:
    count = f"{skipped.lines:,} line{'' if skipped.lines == 1 else 's'}"
    first = ", ".join(map(repr, skipped.first))
    return (
        f"{count} skipped by the rule {skipped.rule}, with as many fields as a record: {first}; "
        f"to load what is a record, {_OPTIONS[skipped.rule]}"
    )
