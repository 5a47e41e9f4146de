"""Blanks around quoted fields: ``"a"   ,"b"`` and ``1, "a, b"``.

RFC 4180 has none there, and the csv module refuses the first and takes the second for text with
quotes in it. People and programs that align columns write them all the same. A field that is
nothing but a quoted text with blanks around it is that text; any other blank stays where it is.
"""

from __future__ import annotations

import re

from lakefall_plugins.formats.csv.dialect import NEVER, Dialect
from lakefall_plugins.formats.csv.reading.syntax import outside

_AROUND = ((" ", ""), ("", " "), ("", "\t"))


class Padding:
    """Takes the blanks around quoted fields out of lines, where the dialect says so."""

    def __init__(self, dialect: Dialect) -> None:
        self._quote = dialect.quotechar if dialect.blanks_around_quotes else ""
        q, e = re.escape(dialect.quotechar or NEVER), re.escape(dialect.escapechar)
        d = re.escape(dialect.delimiter or NEVER)
        blank = " " if dialect.delimiter == "\t" else r"[ \t]"
        end = rf"(?={d}|[\r\n]|\Z)"
        escaped = f"|{e}." if e else ""
        text = f"(?:[^{q}{e}]|{q}{q}{escaped})*+"
        # Two quotes in a row are mostly one inside of a text, where blanks are usual.
        after = rf"(?:(?<!{q})|(?:^|{d}){q}|{q}{q}){q}{blank}+{end}"
        plain = outside(dialect.delimiter or NEVER)
        self._maybe = re.compile(rf"{after}|(?:^|{d}) +{q}(?!{q}{plain})", re.MULTILINE)
        self._cells = re.compile(
            rf" *({q}{text}{q}){blank}*{end}| *({q}{text})\Z|((?:{plain})*)", re.DOTALL
        )
        self._rest = re.compile(rf"({text}{q}){blank}*{end}", re.DOTALL)
        self._delimiter = dialect.delimiter
        self.open = False
        """Whether a field went on after the last line."""

    def occurs(self, text: str) -> bool:
        """Whether there may be any in a text: cheap, errs on one side."""
        quote = self._quote
        if not quote or not any(f"{a}{quote}{b}" in text for a, b in _AROUND):
            return False
        return self._maybe.search(text) is not None

    def without(self, line: str, begins: bool) -> str:
        """A line without them.

        Args:
            line: with its end.
            begins: whether a record begins with it, so that no field is open.
        """
        if not self._quote or (self._quote not in line):
            self.open = self.open and not begins
            return line
        at, kept = 0, ""
        if not begins:
            rest = self._rest.match(line)
            self.open = rest is None
            if rest is None:
                return line
            at, kept = rest.end(), rest.group(1)
            if not line.startswith(self._delimiter or "\n", at):
                return kept + line[at:]
            at, kept = at + len(self._delimiter), kept + self._delimiter
        return kept + self._fields(line, at)

    def _fields(self, line: str, at: int) -> str:
        """What stands in a line from the beginning of a field on."""
        kept: list[str] = []
        self.open = False
        while True:
            field = self._cells.match(line, at)
            if field is None:
                break
            whole, unclosed, plain = field.groups()
            kept.append(whole or unclosed or plain or "")
            at = field.end()
            self.open = unclosed is not None
            if not self._delimiter or not line.startswith(self._delimiter, at):
                break
            kept.append(self._delimiter)
            at += len(self._delimiter)
        return "".join(kept) + line[at:]
