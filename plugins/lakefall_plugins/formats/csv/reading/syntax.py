"""CPython's csv module under a ``Dialect``: the reading that every other one is measured by."""

from __future__ import annotations

import csv
import io
import json
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lakefall.contract.errors import UnsupportedFormatError
from lakefall_plugins.formats.csv.dialect import NEVER, Dialect
from lakefall_plugins.formats.csv.encoding.decoding import MAX_RECORD
from lakefall_plugins.formats.csv.options import MOST_CHARACTERS

_ENDS = frozenset("\r\n\0")
"""What ends a line, and what no text holds."""


def read(lines: Iterable[str], dialect: Dialect, *, strict: bool) -> Any:
    """A csv reader over physical lines with their ends."""
    several = len(dialect.delimiter) > 1
    if several:
        lines = (line.replace(dialect.delimiter, NEVER) for line in lines)
    reader = csv.reader(
        lines,
        delimiter=NEVER if several else dialect.delimiter or NEVER,
        quotechar=dialect.quotechar or None,
        escapechar=dialect.escapechar or None,
        doublequote=True,
        skipinitialspace=dialect.skip_initial_space,
        quoting=csv.QUOTE_MINIMAL if dialect.quotechar else csv.QUOTE_NONE,
        strict=strict,
    )
    # Inside quotes and behind an escape it is text.
    marked = dialect.quotechar or dialect.escapechar
    return _Restored(reader, dialect.delimiter) if several and marked else reader


class _Restored:
    """A csv reader's rows, with a delimiter of several characters where it is text."""

    def __init__(self, reader: Any, delimiter: str) -> None:
        self._reader = reader
        self._delimiter = delimiter

    @property
    def line_num(self) -> int:
        return int(self._reader.line_num)

    def __iter__(self) -> Iterator[list[str]]:
        return self

    def __next__(self) -> list[str]:
        row: list[str] = next(self._reader)
        return [cell.replace(NEVER, self._delimiter) for cell in row]


def supported(dialect: Dialect) -> None:
    """Refuse what cannot be read.

    Raises:
        UnsupportedFormatError: a delimiter of several characters that nobody gave; a quote or an
            escape of several; one that is the delimiter or a part of it; a mark that ends a line.
    """
    delimiter = dialect.delimiter
    if len(delimiter) > 1 and not dialect.delimiter_given:
        raise UnsupportedFormatError(
            f"{delimiter!r} stands between the fields, and a delimiter of several characters is "
            f"read only where it is given: set sniffer.delimiter to {json.dumps(delimiter)}"
        )
    marks = {"delimiter": delimiter, "quote": dialect.quotechar, "escape": dialect.escapechar}
    for name, mark in marks.items():
        most = MOST_CHARACTERS if mark == delimiter else 1
        if len(mark) > most or not _ENDS.isdisjoint(mark):
            raise UnsupportedFormatError(
                f"a {name} of {mark!r} cannot be read; a delimiter is up to {MOST_CHARACTERS} "
                "characters of one line, a quote or an escape is one"
            )
    used = [*dict.fromkeys(delimiter), *dialect.quotechar, *dialect.escapechar]
    if len(set(used)) < len(used):
        raise UnsupportedFormatError(
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


class Copier:
    """Good records as text that no two readers take differently: UTF-8, LF, quotes doubled.

    An unquoted empty field and an unquoted ``\\N`` stay unquoted, for they are NULL; quoted ones
    stay quoted, for they are text.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.quote = dialect.quotechar
        self.marked = bool(self.quote or dialect.escapechar)
        self.empty = self.quote * 2 if self.quote else None
        self.skip_blank = dialect.skip_initial_space
        self.width = len(dialect.delimiter)
        self.verbatim = plain_marks(dialect)
        """Whether records may be copied as they are written, where they are written well."""
        self.to_delimiter = dialect.delimiter if self.verbatim else ","
        self.to_quote = self.quote if self.verbatim else '"'
        self._field = _field_pattern(dialect)
        self._well = _well_pattern(dialect)

    def maybe_odd(self, raw: str) -> bool:
        """Whether raw text may be ``odd``: cheap, errs on one side."""
        if self.verbatim:
            return bool(self.quote) and self.quote in raw
        return (self.empty is not None and self.empty in raw) or (self.marked and "\\N" in raw)

    def odd(self, row: Sequence[str], raw: str) -> bool:
        """Whether a record has to be written field by field (``line``).

        A verbatim one, because of a quote where readers differ; another, because the parsed row
        alone does not say which of its fields are NULL.
        """
        if self.verbatim:
            return self._well.fullmatch(raw) is None
        if self.empty is not None and "" in row and self.empty in raw:
            return True
        return self.marked and "\\N" in raw and ("\\N" in row or "N" in row)

    def lines(self, rows: Sequence[list[str]], raws: Sequence[str]) -> str:
        """Good records, none of them ``odd``."""
        if self.verbatim:
            return "".join([raw.rstrip("\r\n") + "\n" for raw in raws])
        out = io.StringIO(newline="")
        # The end makes the writer quote a field that holds a CR.
        csv.writer(out, lineterminator="\r\n").writerows(rows)
        return out.getvalue()

    def line(self, row: Sequence[str], raw: str) -> str:
        """One good record, every field of which is looked at as it was written."""
        at, fields = 0, []
        for value in row:
            match = self._field.match(raw, at)
            written = match.group() if match else ""
            at += len(written) + self.width
            fields.append(self._copied(value, written))
        return self.to_delimiter.join(fields) + self.end

    @property
    def end(self) -> str:
        """What ends each record of the copy."""
        return "\n" if self.verbatim else "\r\n"

    def _copied(self, value: str, written: str) -> str:
        bare = written.lstrip(" ") if self.skip_blank else written
        if bare in ("", "\\N"):
            return bare and "\\N"
        quote = self.to_quote
        return quote + value.replace(quote, quote * 2) + quote


def plain_marks(dialect: Dialect) -> bool:
    """Whether DuckDB and the csv module agree on what delimiter and quote do."""
    return (
        len(dialect.delimiter) == 1
        and not dialect.escapechar
        and not dialect.skip_initial_space
        and (dialect.delimiter + dialect.quotechar).isascii()
    )


def outside(delimiter: str, other: str = "") -> str:
    """A pattern of one character of a plain field: it ends no line and begins no delimiter.

    Args:
        delimiter: ``''`` for none.
        other: what goes into the class of characters that it is none of, too.
    """
    d = re.escape(delimiter)
    if len(delimiter) > 1:
        return f"(?!{d})[^{other}\r\n]"
    return f"[^{d or NEVER}{other}\r\n]"


def _field_pattern(dialect: Dialect) -> re.Pattern[str]:
    """One field as it is written, without the delimiter after it."""
    q, e = re.escape(dialect.quotechar), re.escape(dialect.escapechar)
    blank = " *" if dialect.skip_initial_space else ""
    escaped = f"|{e}." if e else ""
    runs = blank if dialect.delimiter == " " else ""
    plain = f"{runs}(?:{outside(dialect.delimiter, e)}{escaped})*"
    if not q:
        return re.compile(plain, re.DOTALL)
    return re.compile(f"{blank}{q}(?:[^{q}{e}]|{q}{q}{escaped})*+{q}|{plain}", re.DOTALL)


def _well_pattern(dialect: Dialect) -> re.Pattern[str]:
    """A record in which quotes stand where RFC 4180 has them."""
    q, d = re.escape(dialect.quotechar), re.escape(dialect.delimiter or NEVER)
    plain = f"[^{q}{d}\r\n]*+"
    field = f"(?:{q}[^{q}]*+(?:{q}{q}[^{q}]*+)*+{q}|{plain})" if q else plain
    return re.compile(f"{field}(?:{d}{field})*+[\r\n]*+")
