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
from dataclasses import dataclass

from lakefall_plugins.formats.csv.sniffing.splitting import Split, Way

STRAY_SHARE = 0.1
"""Quotes out of place, for each quoted cell, that prove nothing against quotes. Where more are out
of place than in it, they are text; in between, the description lengths decide."""
FEW_QUOTED = 2
"""Quoted cells that may stand so by chance, where they protect nothing."""
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
        opening = [q for q in "\"'" if _opens(f"\n{text}", d, q)]
        quotes = [quotechar] if quotechar is not None else ["", *opening]
        for q in quotes:
            escapes = [escapechar] if escapechar is not None else _escapes_in(text, d, q)
            runs = (False, True) if d == " " and "  " in text else (False,)
            found += [Way(d, q, e, run) for e in escapes for run in runs]
    return found


def _opens(text: str, delimiter: str, quotechar: str) -> bool:
    """Whether a quote stands right behind a delimiter or a line end, blanks between them or not."""
    if f"\n{quotechar}" in text or (delimiter and f"{delimiter}{quotechar}" in text):
        return True
    behind = f"[\n{re.escape(delimiter)}] +{quotechar}"
    return f" {quotechar}" in text and re.search(behind, text) is not None


def _escapes_in(text: str, delimiter: str, quotechar: str) -> list[str]:
    """None or doubled quotes, and the backslash where one stands before what it would escape: a
    quote, or a delimiter where there are no quotes."""
    escaped = quotechar or delimiter
    return ["", "\\"] if escaped and f"\\{escaped}" in text and delimiter != "\\" else [""]


# --- decisions ---


@dataclass(frozen=True, slots=True, eq=False)
class Marked:
    """The rows that a way of reading gives."""

    way: Way
    split: Split
    width: int
    """Of the most rows."""
    odd: int
    """Rows of another width."""

    @classmethod
    def of(cls, way: Way, split: Split) -> Marked:
        widths = split.widths
        width, most = widths.most_common(1)[0] if widths else (1, 0)
        return cls(way, split, width, widths.total() - most)

    @property
    def strays(self) -> int:
        """Quotes out of place."""
        return self.split.misplaced + self.split.loose

    @property
    def misfits(self) -> int:
        """Rows and cells that are not as they should be."""
        return self.odd + self.split.misplaced + self.split.open_end


@dataclass(frozen=True, slots=True)
class Settled:
    """The ways that the marks leave."""

    ways: list[Marked]
    rivals: list[Marked]
    """Ways that lost to one of them, although they divide the rows as evenly."""


def settle_marks(read: Sequence[Marked]) -> Settled:
    """Decide between ways with the same delimiter where the places of the marks decide."""
    groups: dict[tuple[str, bool], list[Marked]] = defaultdict(list)
    for each in read:
        groups[each.way.delimiter, each.way.runs].append(each)
    kept: list[Marked] = []
    rivals: list[Marked] = []
    for group in groups.values():
        winner = group[0]
        for other in group[1:]:
            if _beats(other, winner):
                winner = other
        beaten = [other for other in group if _beats(winner, other)]
        kept += [each for each in group if each not in beaten]
        rivals += [each for each in beaten if _is_open(winner, each)]
    return Settled(kept, rivals)


def _beats(one: Marked, other: Marked) -> bool:
    """Whether the marks show that a way is right and another is not."""
    if one is other:
        return False
    if one.way.quotechar == other.way.quotechar:
        fewer = one.misfits < other.misfits
        return fewer or (one.misfits == other.misfits and not one.way.escapechar)
    if not other.way.quotechar:
        if one.split.whole_until_cut and other.odd:
            # The rows before the long cell are whole with its quote alone.
            return one.width > 1 and one.width != other.width
        fits = one.odd + one.split.open_end <= other.odd
        return fits and _quotes_well(one) and not _glues(one, other)
    if not one.way.quotechar:
        strays = other.strays > other.split.quoted or _glues(other, one)
        return one.width > 1 and one.odd <= other.odd and strays
    return False


def _quotes_well(marked: Marked) -> bool:
    """Whether quotes stand where they should; apostrophes have to do so in most rows."""
    found = marked.split
    if found.quoted <= FEW_QUOTED and not found.protected:
        return False
    if marked.strays > STRAY_SHARE * found.quoted:
        return False
    if marked.width > 1 and marked.way.quotechar == '"':
        return True
    return 2 * found.quoted >= len(found.rows) and not found.inner_breaks


def _glues(quoted: Marked, plain: Marked) -> bool:
    """Whether quotes hold lines together that are rows on their own."""
    same = quoted.width == plain.width >= LEAST_GLUED_WIDTH
    return quoted.split.inner_breaks > 0 and same and plain.odd <= quoted.odd


def _is_open(winner: Marked, other: Marked) -> bool:
    """Whether the loser divides the rows as evenly, into another table, and only its mark decides;
    quotes that stand right are beyond doubt."""
    if not winner.way.quotechar and other.split.quoted:
        return True
    if other.misfits > winner.misfits:
        return False
    if winner.way.quotechar and not other.way.quotechar and not winner.split.inner_breaks:
        return False
    cells = [[row.cells for row in each.split.rows] for each in (winner, other)]
    return cells[0] != cells[1]
