"""Which quote and which escape go with a delimiter: what the places of quotes and backslashes say.

With and without a quote the cells hold the same characters, so that their description lengths prove
little. Where the marks stand proves more. RFC 4180 has quotes at both ends of a cell and doubles
those inside; a writer that quotes at all does so wherever a cell holds a quote. Quotes that stand
right wherever they stand are quotes; inch marks and words in quotes stand elsewhere, too, and the
rows are whole without taking them for quotes. The same holds for a backslash: where the rows are
whole without it, it is no escape.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lakefall_plugins.formats.csv.sniffing.scoring import Scored
from lakefall_plugins.formats.csv.sniffing.splitting import Way

STRAY_SHARE = 0.1
"""Quotes out of place, for each quoted cell, from which on they are text."""
LEAST_GLUED_WIDTH = 3
"""In so many columns two lines do not by chance fit the table's width on both sides of a quote."""

# --- candidates ---


def ways(
    text: str,
    delimiters: Sequence[str],
    quotechar: str | None = None,
    escapechar: str | None = None,
) -> list[Way]:
    """The ways of reading to score with these delimiters. Given parts are taken as they are."""
    found: list[Way] = []
    for d in delimiters:
        quotes = [quotechar] if quotechar is not None else _quotes_in(text, d)
        for q in quotes:
            escapes = [escapechar] if escapechar is not None else _escapes_in(text, d, q)
            runs = (False, True) if d == " " and "  " in text else (False,)
            found += [Way(d, q, e, run) for e in escapes for run in runs]
    return found


def _quotes_in(text: str, delimiter: str) -> list[str]:
    """No quote, and each quote that opens a cell somewhere."""
    return ["", *(q for q in "\"'" if q in text and _opens_cell(text, delimiter, q))]


def _opens_cell(text: str, delimiter: str, quotechar: str) -> bool:
    """Whether the quote stands at the beginning of a cell anywhere."""
    before = f"(?:^|{re.escape(delimiter)})" if delimiter else "^"
    return re.search(rf"{before} *{quotechar}", text, re.MULTILINE) is not None


def _escapes_in(text: str, delimiter: str, quotechar: str) -> list[str]:
    """None or doubled quotes, and the backslash where one stands before what it would escape: a
    quote, or a delimiter where there are no quotes."""
    escaped = quotechar or delimiter
    return ["", "\\"] if escaped and f"\\{escaped}" in text and delimiter != "\\" else [""]


# --- decisions ---


@dataclass(frozen=True, slots=True)
class Settled:
    """The ways that the marks leave."""

    ways: list[Scored]
    rivals: list[Scored]
    """Ways that lost to one of them, although they divide the rows as evenly."""


def settle_marks(scored: Sequence[Scored]) -> Settled:
    """Decide between ways with the same delimiter where the places of the marks decide."""
    groups: dict[tuple[str, bool], list[Scored]] = defaultdict(list)
    for each in scored:
        groups[each.way.delimiter, each.way.runs].append(each)
    kept: list[Scored] = []
    rivals: list[Scored] = []
    for group in groups.values():
        winner = min(group, key=lambda s: s.bits)
        for other in group:
            if _beats(other, winner):
                winner = other
        beaten = [other for other in group if _beats(winner, other)]
        # What a reading costs that is out proves nothing against the one that is right.
        least = min(s.bits for s in (winner, *beaten))
        kept.append(replace(winner, bits=least))
        kept += [s for s in group if s is not winner and s not in beaten]
        rivals += [s for s in beaten if _is_open(winner, s)]
    return Settled(kept, rivals)


def _beats(one: Scored, other: Scored) -> bool:
    """Whether the marks show that a way is right and another is not."""
    if one is other:
        return False
    if one.way.quotechar == other.way.quotechar:
        return _escapes_better(one, other)
    if not other.way.quotechar:
        return _odd(one) <= _odd(other) and _quotes_well(one) and not _glues(one, other)
    if not one.way.quotechar:
        strays = _strays(other) > STRAY_SHARE * other.split.quoted or _glues(other, one)
        return one.width > 1 and _odd_rows(one) <= _odd_rows(other) and strays
    return False


def _escapes_better(one: Scored, other: Scored) -> bool:
    mine, others = (_odd(s) + s.split.misplaced for s in (one, other))
    return mine < others or (mine == others and not one.way.escapechar)


def _quotes_well(scored: Scored) -> bool:
    """Whether quotes stand where they should; apostrophes have to do so in most rows."""
    found = scored.split
    if not found.quoted or _strays(scored) > STRAY_SHARE * found.quoted:
        return False
    if scored.width > 1 and scored.way.quotechar == '"':
        return True
    return 2 * found.quoted >= len(found.rows) and not found.inner_breaks


def _strays(scored: Scored) -> int:
    return scored.split.misplaced + scored.split.loose


def _glues(quoted: Scored, plain: Scored) -> bool:
    """Whether quotes hold lines together that are rows on their own."""
    return (
        quoted.split.inner_breaks > 0
        and quoted.width == plain.width >= LEAST_GLUED_WIDTH
        and _odd(plain) <= _odd(quoted)
    )


def _odd(scored: Scored) -> int:
    return _odd_rows(scored) + scored.split.open_end


def _odd_rows(scored: Scored) -> int:
    """Rows of another width, those that the score forgives included."""
    return sum(len(row.cells) != scored.width and not row.blank for row in scored.split.rows)


def _is_open(winner: Scored, other: Scored) -> bool:
    """Whether the loser divides the rows as evenly, into another table, and only its mark decides;
    quotes that stand right are beyond doubt."""
    if not winner.way.quotechar and other.split.quoted > other.split.misplaced:
        return True
    if _odd(other) + other.split.misplaced > _odd(winner) + winner.split.misplaced:
        return False
    if winner.way.quotechar and not other.way.quotechar and not winner.split.inner_breaks:
        return False
    cells = [[row.cells for row in s.split.rows] for s in (winner, other)]
    return cells[0] != cells[1]
