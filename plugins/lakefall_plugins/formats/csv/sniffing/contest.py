"""Which way of reading a sample wins."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lakefall_plugins.formats.csv.options import CsvSnifferOptions
from lakefall_plugins.formats.csv.sniffing import candidates
from lakefall_plugins.formats.csv.sniffing.ambiguity import (
    by_tabs,
    settle,
    under_names,
    without_misfits,
)
from lakefall_plugins.formats.csv.sniffing.cells import TYPED, Cells
from lakefall_plugins.formats.csv.sniffing.confidence import differs
from lakefall_plugins.formats.csv.sniffing.rare import (
    is_evident,
    is_headed,
    is_set_apart,
    others_in,
)
from lakefall_plugins.formats.csv.sniffing.sample import Sample
from lakefall_plugins.formats.csv.sniffing.scoring import Scored, as_preferred, score
from lakefall_plugins.formats.csv.sniffing.several import several_in
from lakefall_plugins.formats.csv.sniffing.splitting import Split, Way, split

_ANNOUNCED = re.compile(r'"?sep=([^\w\s"]|\t)"?\s*(?:\n|$)', re.IGNORECASE)
"""What Excel understands as a first line: the delimiter."""


@dataclass(frozen=True, slots=True)
class Contest:
    """All ways of reading a sample that were looked at."""

    best: Scored
    others: tuple[Scored, ...]
    """The ways that took part, the cheapest first."""
    refused: tuple[Scored, ...]
    """Rare delimiters that nothing speaks for but their own rows."""


def contest(sample: Sample, options: CsvSnifferOptions, cells: Cells) -> Contest:
    """Score every way that is worth it, and find the best."""
    preferred, text, delimiter = options.delimiters, sample.text, options.delimiter
    if delimiter is None and (announced := _ANNOUNCED.match(text)):
        delimiter = announced.group(1)
        text = _without(text, 1, None)
    text = _without(text, options.preamble_lines or 0, options.comment)

    def read(delimiters: Sequence[str]) -> list[tuple[Way, Split]]:
        ways = candidates.ways(text, delimiters, options.quotechar, options.escapechar)
        return [(way, split(text, way, sample.truncated)) for way in ways]

    def scores(read: Sequence[tuple[Way, Split]]) -> list[Scored]:
        return [score(way, rows, cells, preferred, sample.beyond) for way, rows in read]

    refused: list[Scored] = []
    if delimiter is not None:
        scored = scores(read([delimiter]))
    else:
        scored = scores(read(candidates.preferred_in(text, preferred)))
        if not options.strict_delimiters:
            plain = _is_table(min(scored, key=_bits)) or _is_column(text, cells)
            others = read(others_in(text, preferred))
            shown = [o for o in others if is_headed(*o, cells) or is_set_apart(o[1])]
            scored += [as_preferred(s, preferred) for s in scores(shown)]
            rest = [] if plain else scores([o for o in others if o not in shown])
            scored += [s for s in rest if is_evident(s, cells)]
            refused = [s for s in rest if s not in scored]
    scored = settle(without_misfits(scored, preferred), text, cells)
    scored = under_names(by_tabs(scored), preferred, cells)
    scored = [s for s in scored if _well_quoted(s)] or scored
    scored.sort(key=_bits)
    best = _named(scored, text, options.quotechar is None)
    if delimiter is None and (several := several_in(text, best.way.delimiter)):
        way = Way(several)
        best = score(way, split(text, way), cells, (*preferred, several))
    return Contest(best, tuple(scored), tuple(refused))


def _without(text: str, lines: int, comment: str | None) -> str:
    """The text with the first lines, and with comments, left blank; line numbers stay."""
    if not lines and not comment:
        return text
    kept = text.split("\n")
    kept[:lines] = [""] * min(lines, len(kept))
    if comment:
        kept = ["" if line.startswith(comment) else line for line in kept]
    return "\n".join(kept)


def _bits(scored: Scored) -> float:
    return scored.bits


def _is_table(scored: Scored) -> bool:
    """Whether a preferred delimiter already gives a table, so that no other one is looked at."""
    rows = sum(not row.blank for row in scored.split.rows)
    return scored.width > 1 and rows > 1 and scored.odd_rows <= 0.2 * rows


def _well_quoted(scored: Scored) -> bool:
    """Whether every quote is in its place and quotes protect something: no chance result, so
    that readings which break the quoted cells apart are out."""
    found, rows = scored.split, sum(not row.blank for row in scored.split.rows)
    if not found.protected or found.open_end or found.misplaced > 0.01 * found.quoted:
        return False
    some = scored.width > 1 or found.quoted >= 0.5 * rows
    return bool(scored.way.delimiter) and some and scored.odd_rows <= 0.1 * rows


def _is_column(text: str, cells: Cells) -> bool:
    """Whether nine lines of ten are one value each, such as a date or a file name, so that the
    characters inside are no delimiters."""
    lines = [line for line in text.split("\n") if line.strip()]
    values = sum(cells.line(line).kind in TYPED and " " not in line.strip() for line in lines)
    return values >= 0.9 * (len(lines) - 1)


def _named(scored: Sequence[Scored], text: str, free: bool) -> Scored:
    """The best way, or one that gives the same rows and says more.

    Cells of a single column are quoted for the sake of a delimiter inside them: that one is the
    file's. And quotes that stand only inside cells do no harm as quotes, but a file that has
    them may use them further on.
    """
    best = scored[0]
    for other in scored[1:]:
        if differs(other, best):
            continue
        if (
            not best.way.delimiter
            and best.split.quoted
            and other.way.quotechar == best.way.quotechar
        ):
            return other
    if free and not best.way.quotechar and '"' in text:
        way = replace(best.way, quotechar='"')
        same = replace(best, way=way, split=split(text, way))
        if not differs(same, best):
            return same
    return best
