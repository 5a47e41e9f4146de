"""Which way of reading a file wins, and how far ahead it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lakefall.errors import EmptyFileError
from lakefall_plugins.csv.options import CsvSnifferOptions
from lakefall_plugins.csv.sniffing import candidates
from lakefall_plugins.csv.sniffing.ambiguity import is_whole, settle, under_names, without_misfits
from lakefall_plugins.csv.sniffing.beyond import around_first_quote
from lakefall_plugins.csv.sniffing.cells import TYPED, Cells
from lakefall_plugins.csv.sniffing.sample import Sample, take
from lakefall_plugins.csv.sniffing.scoring import INNER as STRICT
from lakefall_plugins.csv.sniffing.scoring import Scored, score
from lakefall_plugins.csv.sniffing.splitting import Way, split

LARGEST_SAMPLE = 1 << 20
DOUBTFUL_SAMPLE = 1 << 17
"""More text than this settles no doubt, unless it holds next to no rows."""
ENOUGH_ROWS = 20
ENOUGH_TEXT = 4_000
"""Characters that are enough with fewer rows: the rows are wide."""
BYTES_A_LINE = 64
"""A sample has at most one line for so many bytes: hundreds of short lines say nothing more."""
_ANNOUNCED = re.compile(r'"?sep=([^\w\s"]|\t)"?\s*(?:\n|$)', re.IGNORECASE)
"""What Excel understands as a first line: the delimiter."""
SURE = 0.9
DOUBT_BITS = 9.0
"""A way that is so far behind is half as likely: the bits count more than they prove."""
RIVAL = 1.25
"""Two delimiters that both divide all rows alike: whoever picks one of them guesses."""
TELLING_ROWS = 10


@dataclass(frozen=True, slots=True)
class Found:
    """The outcome of weighing all ways."""

    sample: Sample
    cells: Cells
    best: Scored
    second: Scored | None
    """The most likely of the ways that give another table."""
    odds: float
    """How likely the second is when the best counts 1."""
    confidence: float
    """The best's share of all likelihood."""


def weigh(path: Path, encoding: str, options: CsvSnifferOptions, name: str) -> Found:
    """Score all ways on the first look, and again on more text while that does not decide."""
    size = int(options.sample_bytes)
    unit = 4 if "32" in encoding else 2 if "16" in encoding else 1
    while True:
        sample = take(path, encoding, size * unit, lines=size // BYTES_A_LINE)
        if not sample.text.strip():
            if not sample.truncated:
                raise EmptyFileError(f"{name}: no bytes but blank lines; upload a table")
        else:
            found = _weigh_sample(sample, options)
            rows = len(found.best.split.rows)
            enough = rows >= ENOUGH_ROWS or (rows > 3 and len(sample.text) >= ENOUGH_TEXT)
            if not sample.truncated or (enough and _is_settled(found)):
                return found
            if size >= (DOUBTFUL_SAMPLE if rows > 3 else LARGEST_SAMPLE):
                return found
        if size >= LARGEST_SAMPLE:
            raise EmptyFileError(
                f"{name}: nothing but blank lines in the first {size:,} bytes; upload a table"
            )
        size = min(size * 4, LARGEST_SAMPLE)


def _is_settled(found: Found) -> bool:
    """Whether more text would change nothing: the best is sure, or its quotes are all in place
    and the second is the same without them."""
    if found.confidence >= SURE or found.second is None:
        return True
    best, second = found.best, found.second
    same = second.way.delimiter == best.way.delimiter and not second.way.quotechar
    return same and not best.split.misplaced and not best.split.open_end


def _weigh_sample(sample: Sample, options: CsvSnifferOptions) -> Found:
    preferred, cells = options.delimiters, Cells()
    text, delimiter = sample.text, options.delimiter
    if delimiter is None and (announced := _ANNOUNCED.match(text)):
        delimiter = announced.group(1)
        text = _without(text, 1, None)
    text = _without(text, options.preamble_lines or 0, options.comment)

    def scores(delimiters: Sequence[str]) -> list[Scored]:
        ways = candidates.ways(text, delimiters, options.quotechar, options.escapechar)
        return [score(w, split(text, w, sample.truncated), cells, preferred) for w in ways]

    if delimiter is not None:
        scored = scores([delimiter])
    else:
        scored = scores(candidates.preferred_in(text, preferred))
        plain = _is_table(min(scored, key=_bits)) or _is_column(text, cells)
        if not options.strict_delimiters and not plain:
            others = scores(candidates.others_in(text, preferred))
            scored += [s for s in others if _is_evident(s, cells)]
    scored = settle(without_misfits(scored, preferred), text, cells)
    scored = under_names(scored, preferred)
    scored = [s for s in scored if _well_quoted(s)] or scored
    scored.sort(key=_bits)
    best = _named(scored, text, options.quotechar is None)
    odds = _odds(scored, best)
    second = max(odds, key=lambda s: odds[s], default=None)
    share = round(1 / (1 + sum(odds.values())), 3)
    return Found(sample, cells, best, second, odds[second] if second else 0.0, share)


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


def _is_evident(scored: Scored, cells: Cells) -> bool:
    """Whether the evidence for a delimiter that nobody prefers is strong: next to no odd rows,
    and more than two words or parts of one value."""
    rows = [row for row in scored.split.rows if not row.blank]
    inner = scored.way.delimiter in STRICT
    if scored.width < 2 or len(rows) < 2 or scored.odd_rows > (0.02 if inner else 0.3) * len(rows):
        return False
    if scored.width > 2:
        return True
    if inner:
        return False
    return scored.way.delimiter != " " or any(cells[c].kind in TYPED for c in rows[-1].cells)


def _named(scored: Sequence[Scored], text: str, free: bool) -> Scored:
    """The best way, or one that gives the same rows and says more.

    Cells of a single column are quoted for the sake of a delimiter inside them: that one is the
    file's. And quotes that stand only inside cells do no harm as quotes, but a file that has
    them may use them further on.
    """
    best = scored[0]
    for other in scored[1:]:
        if _differs(other, best):
            continue
        if (
            not best.way.delimiter
            and best.split.quoted
            and other.way.quotechar == best.way.quotechar
        ):
            return other
    if free and not best.way.quotechar and '"' in text:
        way = Way(best.way.delimiter, '"', best.way.escapechar)
        same = Scored(way, split(text, way), best.width, best.bits, best.odd_rows)
        if not _differs(same, best):
            return same
    return best


def _differs(one: Scored, other: Scored) -> bool:
    """Whether two ways give different tables."""
    return [r.cells for r in one.split.rows] != [r.cells for r in other.split.rows]


def _odds(scored: Sequence[Scored], best: Scored) -> dict[Scored, float]:
    """How likely the ways are that give other tables than the best, which counts 1: for each
    delimiter its best way."""
    found: dict[str, Scored] = {}
    for other in scored:
        if other.way.delimiter not in found and _differs(other, best):
            found[other.way.delimiter] = other
    return {other: _odds_of(other, best) for other in found.values()}


def _odds_of(other: Scored, best: Scored) -> float:
    lead = other.bits - best.bits
    rival = 1.0
    if other.way.delimiter != best.way.delimiter and _divides(other) and _divides(best):
        rival = RIVAL
        # Each row repeats what the first ones said.
        lead *= min(1.0, TELLING_ROWS / len(best.split.rows))
    return min(rival, rival * float(2.0 ** (-lead / DOUBT_BITS)))


def _divides(scored: Scored) -> bool:
    return scored.width > 1 and is_whole(scored)


def with_late_quote(path: Path, encoding: str, found: Found, options: CsvSnifferOptions) -> Way:
    """The way, with the quote that first opens a cell after the sample where there is one."""
    way = found.best.way
    if way.quotechar or not found.sample.truncated or options.quotechar is not None:
        return way
    text = around_first_quote(path, encoding, way.delimiter, '"')
    if not text:
        return way
    cells, ways = Cells(), (way, Way(way.delimiter, '"'), Way(way.delimiter, '"', "\\"))
    scored = [score(w, split(text, w, truncated=True), cells, options.delimiters) for w in ways]
    return min(scored, key=_bits).way
