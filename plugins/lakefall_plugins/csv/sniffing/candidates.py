"""Which ways of reading are worth weighing for a sample."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from lakefall_plugins.csv.sniffing.splitting import Way

_OTHER = " :^~#&*!+=%$@/\\_-.<>?`()[]{}\x01\x02\x03\x1c\x1d\x1e\x1f"
"""Delimiters beyond the preferred ones: ASCII punctuation and the separators of the C0 set."""
_LINES = 200


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
            escapes = [escapechar] if escapechar is not None else escapes_in(text, q)
            found += [Way(d, q, e) for e in escapes]
    return found


def preferred_in(text: str, preferred: Sequence[str]) -> list[str]:
    """No delimiter, and the preferred ones that occur."""
    return ["", *(d for d in preferred if d and d in text)]


def others_in(text: str, preferred: Sequence[str]) -> list[str]:
    """Other delimiters that half of the lines or more have equally often."""
    found: list[str] = []
    lines = [line for line in text.split("\n")[:_LINES] if line.strip()]
    for d in _OTHER:
        if d in preferred or d not in text:
            continue
        counts = Counter(line.count(d) for line in lines)
        common, times = counts.most_common(1)[0]
        if common and times * 2 >= len(lines) and times >= 2:
            found.append(d)
    return found


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


def escapes_in(text: str, quotechar: str) -> list[str]:
    """Doubled quotes, and the backslash where one stands before a quote."""
    return ["", "\\"] if quotechar and f"\\{quotechar}" in text else [""]
