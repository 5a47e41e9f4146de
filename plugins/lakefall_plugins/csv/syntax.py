"""CPython's csv module under a ``Dialect``: the reading that every other one is measured by."""

from __future__ import annotations

import csv
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lakefall.errors import UnsupportedDialectError
from lakefall.model import Dialect
from lakefall_plugins.csv.decoding import MAX_RECORD

NEVER = "\ud800"
"""The delimiter of a file of one column: a character that no decoded text holds."""


def read(lines: Iterable[str], dialect: Dialect, *, strict: bool) -> Any:
    """A csv reader over physical lines with their ends."""
    return csv.reader(
        lines,
        delimiter=dialect.delimiter or NEVER,
        quotechar=dialect.quotechar or None,
        escapechar=dialect.escapechar or None,
        doublequote=True,
        skipinitialspace=dialect.skip_initial_space,
        quoting=csv.QUOTE_MINIMAL if dialect.quotechar else csv.QUOTE_NONE,
        strict=strict,
    )


def supported(dialect: Dialect) -> None:
    """Refuse what the csv module cannot read.

    Raises:
        UnsupportedDialectError: a delimiter, quote or escape of more than one character, or two
            of them the same.
    """
    marks = {
        "delimiter": dialect.delimiter,
        "quote": dialect.quotechar,
        "escape": dialect.escapechar,
    }
    for name, mark in marks.items():
        if len(mark) > 1 or mark in ("\r", "\n", "\0"):
            raise UnsupportedDialectError(
                f"a {name} of {mark!r} cannot be read; it has to be one character"
            )
    used = [mark for mark in marks.values() if mark]
    if len(set(used)) < len(used):
        raise UnsupportedDialectError(
            f"delimiter {dialect.delimiter!r}, quote {dialect.quotechar!r} and escape "
            f"{dialect.escapechar!r} have to differ"
        )


def is_blank(row: Sequence[str]) -> bool:
    """Whether a parsed line of a file of several columns holds nothing."""
    return not row or (len(row) == 1 and not row[0].strip())


class _Limit:
    """The csv module has one limit for the whole process: raised while anybody reads."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.before = 0


_LIMIT = _Limit()


@contextmanager
def large_fields() -> Iterator[None]:
    """Let the csv module take fields of up to ``MAX_RECORD`` characters, for now."""
    with _LIMIT.lock:
        if not _LIMIT.users:
            _LIMIT.before = csv.field_size_limit()
            csv.field_size_limit(max(_LIMIT.before, 2 * MAX_RECORD))
        _LIMIT.users += 1
    try:
        yield
    finally:
        with _LIMIT.lock:
            _LIMIT.users -= 1
            if not _LIMIT.users:
                csv.field_size_limit(_LIMIT.before)


class Canonical:
    """Good records as RFC 4180 text that no two readers take differently: UTF-8, comma, CRLF.

    An unquoted empty field and an unquoted ``\\N`` stay unquoted, for they are NULL; quoted ones
    stay quoted, for they are text.
    """

    def __init__(self, dialect: Dialect) -> None:
        quote, escape = dialect.quotechar, dialect.escapechar
        self.quote = quote
        self.escape = escape
        self.empty = quote * 2 if quote else None
        self.width = len(dialect.delimiter)
        self.field = _field_pattern(dialect)
        self.marked = bool(quote or escape)
        self.skip_blank = " " if dialect.skip_initial_space else ""

    def ambiguous_block(self, text: str) -> bool:
        """Whether a block of records may hold a quoted empty field or ``\\N``."""
        return (self.empty is not None and self.empty in text) or (self.marked and "\\N" in text)

    def ambiguous(self, row: Sequence[str], raw: str) -> bool:
        """Whether the parsed row alone does not say which of its fields are NULL."""
        if self.empty is not None and "" in row and self.empty in raw:
            return True
        return self.marked and "\\N" in raw and ("\\N" in row or "N" in row)

    def line(self, row: Sequence[str], raw: str) -> str:
        """One record whose fields need a look at how they were written."""
        at, fields = 0, []
        for value in row:
            match = self.field.match(raw, at)
            written = match.group() if match else ""
            at += len(written) + self.width
            fields.append(self._field(value, written))
        return ",".join(fields) + "\r\n"

    def _field(self, value: str, raw: str) -> str:
        raw = raw.lstrip(self.skip_blank) if self.skip_blank else raw
        if not (self.quote and raw.startswith(self.quote)) and raw in ("", "\\N"):
            return ""
        return '"' + value.replace('"', '""') + '"'


def _field_pattern(dialect: Dialect) -> re.Pattern[str]:
    """One field as it is written, without the delimiter after it."""
    q, e = re.escape(dialect.quotechar), re.escape(dialect.escapechar)
    d = re.escape(dialect.delimiter or NEVER)
    blank = " *" if dialect.skip_initial_space else ""
    escaped = f"|{e}." if e else ""
    plain = f"(?:[^{d}{e}\r\n]{escaped})*"
    if not q:
        return re.compile(plain, re.DOTALL)
    return re.compile(f"{blank}{q}(?:[^{q}{e}]|{q}{q}{escaped})*+{q}|{plain}", re.DOTALL)
