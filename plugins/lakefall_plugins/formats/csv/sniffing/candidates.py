"""Which ways of reading are worth weighing for a sample."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lakefall_plugins.formats.csv.sniffing.splitting import Way


def ways(
    text: str,
    delimiters: Sequence[str],
    quotechar: str | None = None,
    escapechar: str | None = None,
) -> list[Way]:
    """The ways to weigh with these delimiters. Given parts are taken as they are."""
    found: list[Way] = []
    for d in delimiters:
        quotes = [quotechar] if quotechar is not None else quotes_in(text, d)
        for q in quotes:
            escapes = [escapechar] if escapechar is not None else escapes_in(text, d, q)
            runs = (False, True) if d == " " and "  " in text else (False,)
            found += [Way(d, q, e, run) for e in escapes for run in runs]
    return found


def preferred_in(text: str, preferred: Sequence[str]) -> list[str]:
    """No delimiter, and the preferred ones that occur."""
    return ["", *(d for d in preferred if d and d in text)]


def quotes_in(text: str, delimiter: str) -> list[str]:
    """No quote, and each quote that opens a cell somewhere."""
    found = [""]
    for q in "\"'":
        if q in text and opens_cell(text, delimiter, q):
            found.append(q)
    return found


def opens_cell(text: str, delimiter: str, quotechar: str) -> bool:
    """Whether the quote stands at the beginning of a cell anywhere."""
    before = f"(?:^|{re.escape(delimiter)})" if delimiter else "^"
    return re.search(rf"{before} *{quotechar}", text, re.MULTILINE) is not None


def escapes_in(text: str, delimiter: str, quotechar: str) -> list[str]:
    """None or doubled quotes, and the backslash where one stands before what it would escape: a
    quote, or a delimiter where there are no quotes."""
    escaped = quotechar or delimiter
    return ["", "\\"] if escaped and f"\\{escaped}" in text and delimiter != "\\" else [""]
