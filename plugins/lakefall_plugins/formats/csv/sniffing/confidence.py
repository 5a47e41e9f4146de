"""How sure the best reading is: its share of the likelihood of all that give other tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lakefall_plugins.formats.csv.sniffing.ambiguity import is_whole
from lakefall_plugins.formats.csv.sniffing.scoring import Scored

DOUBT_BITS = 18.0
"""A way that is so far behind is half as likely: the bits count more than they prove."""
RIVAL = 1.25
"""Two delimiters that both divide all rows alike: whoever picks one of them guesses."""
TELLING_ROWS = 10
UNUSED_QUOTE = 0.5
"""Quotes that close as often as they open, and all the same are taken for text."""
REFUSED = 0.25
"""A delimiter that divides all rows alike, and for which nothing else speaks."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """What speaks against the best reading."""

    second: Scored | None
    """The likeliest of the ways that give another table."""
    odds: float
    """How likely the second is when the best counts 1."""
    confidence: float
    """The best's share of all likelihood."""


def doubt(best: Scored, scored: Sequence[Scored], refused: Sequence[Scored]) -> Doubt:
    """Compare the best way with all others.

    Args:
        best: the way that won.
        scored: all that took part, the cheapest first.
        refused: ways that did not take part, because nothing but their own rows speaks for them.
    """
    if len(best.way.delimiter) > 1:
        # A part of the delimiter divides the rows, too, and is no rival of the whole.
        scored = [s for s in scored if s.way.delimiter not in best.way.delimiter]
    odds = _odds(best, scored)
    if best.width == 1:
        odds |= {way: REFUSED for way in refused if _divides(way)}
    second = max(odds, key=lambda way: odds[way], default=None)
    share = round(1 / (1 + sum(odds.values())), 3)
    return Doubt(second, odds[second] if second else 0.0, share)


def differs(one: Scored, other: Scored) -> bool:
    """Whether two ways give different tables."""
    return [r.cells for r in one.split.rows] != [r.cells for r in other.split.rows]


def _odds(best: Scored, scored: Sequence[Scored]) -> dict[Scored, float]:
    """How likely other tables are when the best counts 1: for each delimiter by its best way."""
    found: dict[str, Scored] = {}
    for other in scored:
        if other.way.delimiter not in found and differs(other, best):
            found[other.way.delimiter] = other
    return {other: _odds_of(other, best) for other in found.values()}


def _odds_of(other: Scored, best: Scored) -> float:
    lead = other.bits - best.bits
    rival = 1.0
    if not best.way.quotechar and other.way.quotechar and _is_sibling(other, best):
        return max(UNUSED_QUOTE, float(2.0 ** (-lead / DOUBT_BITS)))
    if other.way.delimiter != best.way.delimiter and _divides(other) and _divides(best):
        rival = RIVAL
        # Each row repeats what the first ones said.
        lead *= min(1.0, TELLING_ROWS / len(best.split.rows))
    return min(rival, rival * float(2.0 ** (-lead / DOUBT_BITS)))


def _is_sibling(other: Scored, best: Scored) -> bool:
    return other.way.delimiter == best.way.delimiter and other.split.quoted > other.split.misplaced


def _divides(scored: Scored) -> bool:
    return scored.width > 1 and is_whole(scored)
