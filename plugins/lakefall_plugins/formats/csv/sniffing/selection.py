"""The best of all ways to read a file, and how sure it is.

The ways are scored on the file's first lines, and again on more of them while that does not decide.
The confidence is the best way's share of the likelihood of all ways that give other tables.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

from lakefall.contract.errors import EmptyFileError
from lakefall_plugins.formats.csv.options import CsvSnifferOptions
from lakefall_plugins.formats.csv.sniffing.cells import TYPED, Cells
from lakefall_plugins.formats.csv.sniffing.delimiters import (
    by_marks,
    by_tabs,
    is_evident,
    is_headed,
    is_set_apart,
    is_whole,
    may_be_evident,
    may_show,
    others_in,
    preferred_in,
    settle,
    several_in,
    under_names,
    without_misfits,
)
from lakefall_plugins.formats.csv.sniffing.layout import mark_of
from lakefall_plugins.formats.csv.sniffing.quoting import Marked, settle_marks, ways
from lakefall_plugins.formats.csv.sniffing.sample import (
    BYTES_A_LINE,
    Sample,
    around_first,
    opening,
    take,
)
from lakefall_plugins.formats.csv.sniffing.scoring import Scored, as_preferred, score
from lakefall_plugins.formats.csv.sniffing.splitting import Split, Way, split

LARGEST_SAMPLE = 1 << 20
DOUBTFUL_SAMPLE, LONGEST_PREAMBLE = 16_000, 1 << 16
"""More text than this settles no doubt, unless it holds next to no rows, or comments alone."""
GROWTH, GROWTH_OF_FEW_ROWS = 2, 8
"""How many times as long the next sample is; longer where this one holds next to no rows, or
comments alone."""
LEAST_LINES = 4
"""Fewer decide nothing."""
ENOUGH_ROWS = 10
ENOUGH_TEXT = 4_000
"""Characters that are enough with fewer rows: the rows are wide."""
SURE, LEAST_ODDS = 0.9, 0.01
DOUBT_BITS = 18.0
"""A way that is so far behind is half as likely: the bits count more than they prove."""
RIVAL = 1.25
"""Two delimiters that both divide all rows alike: to pick one of them is a guess."""
TELLING_ROWS = 10
UNUSED_QUOTE = 0.5
"""Quotes that close as often as they open, and all the same are taken for text."""
OPEN = 0.25
"""Another quote or escape that divides the rows as evenly."""
REFUSED = 0.25
"""A delimiter that divides all rows alike, and that has no other evidence."""
_ANNOUNCED = re.compile(r'"?sep=([^\w\s"]|\t)"?\s*(?:\n|$)', re.IGNORECASE)
"""What Excel understands as a first line: the delimiter."""
_CONCORDANCE = re.compile("\u00fe[^\u00fe\n]*\u00fe\x14\u00fe")
"""How load files of e-discovery begin, whose delimiter and quote Concordance made the custom."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """The evidence against the best reading."""

    second: Scored | None
    """The likeliest of the ways that give another table."""
    odds: float
    """How likely the second is when the best counts 1."""
    confidence: float
    """The best's share of all likelihood."""
    delimiters: frozenset[str]
    """Of the ways that give another table and are likely at all."""


@dataclass(frozen=True, slots=True)
class Found:
    """The outcome for a file."""

    sample: Sample
    cells: Cells
    best: Scored
    doubt: Doubt


def select(path: Path, encoding: str, options: CsvSnifferOptions, name: str) -> Found:
    """Score all ways on the first look, and again on more text while that makes surer."""
    size = int(options.sample_bytes)
    unit = 4 if "32" in encoding else 2 if "16" in encoding else 1
    growth, before, cells = GROWTH_OF_FEW_ROWS, None, Cells()
    while True:
        sample = take(path, encoding, size * unit, lines=size // BYTES_A_LINE)
        if not sample.text.strip():
            if not sample.truncated:
                raise EmptyFileError(f"{name}: no bytes but blank lines; upload a table")
        elif not sample.truncated or sample.lines >= LEAST_LINES or size >= LARGEST_SAMPLE:
            found = _select(sample, options, cells, before)
            rows = len(found.best.split.rows)
            some = rows >= LEAST_LINES
            enough = rows >= ENOUGH_ROWS or (some and len(sample.text) >= ENOUGH_TEXT)
            if not sample.truncated or (enough and _is_settled(found)):
                return found
            told = enough and not _are_comments(sample.text)
            most = DOUBTFUL_SAMPLE if told else LONGEST_PREAMBLE if some else LARGEST_SAMPLE
            if size >= most:
                return found
            growth, before = (GROWTH, found) if told else (GROWTH_OF_FEW_ROWS, None)
        if size >= LARGEST_SAMPLE:
            raise EmptyFileError(
                f"{name}: nothing but blank lines in the first {size:,} bytes; upload a table"
            )
        size = min(size * growth, LARGEST_SAMPLE)


def _are_comments(text: str) -> bool:
    """Whether no line of a text says how the records are written."""
    return all(not line.strip() or mark_of(line) for line in text.split("\n"))


def _reaches_beyond(scored: Scored) -> bool:
    """Whether all rows are whole, and a quoted cell of many lines is longer than the sample."""
    long = scored.split.inner_breaks >= ENOUGH_ROWS
    return long and scored.width > 1 and scored.split.whole_until_cut


def _is_settled(found: Found) -> bool:
    """Whether more text would change nothing: the best is sure, or its quotes are all in place
    and the second is the same without them."""
    best, second = found.best, found.doubt.second
    if found.doubt.confidence >= SURE or second is None:
        return True
    same = second.way.delimiter == best.way.delimiter and not second.way.quotechar
    return same and not best.split.misplaced and not best.split.open_end


def with_late_marks(path: Path, encoding: str, found: Found, options: CsvSnifferOptions) -> Found:
    """The outcome, with the quote or the escape that first stands after the sample, if one does.

    The rows around that place decide as those of the sample did. Where a quote opens a cell there
    and is taken for text all the same, nobody can be sure.
    """
    way, doubt = found.best.way, found.doubt
    if not found.sample.truncated:
        return found
    best = found.best.split
    if not (best.quoted or best.cut) and options.quotechar is None:
        plain, quoted = replace(way, quotechar=""), replace(way, quotechar='"')
        text = around_first(path, encoding, opening(way.delimiter, '"'))
        escaped = replace(quoted, escapechar="\\")
        way = _better(text, (plain, quoted, escaped), found.cells, options) or way
        if text and not way.quotechar:
            doubt = replace(doubt, confidence=min(doubt.confidence, SURE))
    elif way.quotechar and not way.escapechar and options.escapechar is None:
        escaped = replace(way, escapechar="\\")
        text = around_first(path, encoding, [f"\\{way.quotechar}"])
        way = _better(text, (way, escaped), found.cells, options) or way
    return replace(found, best=replace(found.best, way=way), doubt=doubt)


def _better(text: str, ways: Sequence[Way], cells: Cells, options: CsvSnifferOptions) -> Way | None:
    if not text:
        return None
    # An escape that does not occur changes nothing.
    used = [way for way in ways if way.escapechar in text]
    read = [Marked.of(way, split(text, way, truncated=True)) for way in used]
    # A quote that is never closed drops all rows behind it, so that they cost nothing.
    read = [each for each in read if each.split.quoted or not each.split.open_end]
    found = settle_marks(read).ways
    if len(found) == 1:
        return found[0].way
    scored = [score(each.way, each.split, cells, options.delimiters) for each in found]
    return min(scored, key=_bits).way


def _select(
    sample: Sample, options: CsvSnifferOptions, cells: Cells, before: Found | None
) -> Found:
    """Score every way that is worth it, and find the best.

    Args:
        cells: kinds of cells that are known already.
        before: what less of the text told. The delimiters that were in doubt are scored again, and
            no others.
    """
    preferred, (delimiter, quotechar, first) = options.delimiters, _announced(sample.text, options)
    text = _without(sample.text, first, None)
    text = _without(text, options.preamble_lines or 0, options.comment)

    doubted = _doubted(before)
    rivals: list[Marked] = []
    split_by = cache(partial(split, text, truncated=sample.truncated))

    def read(delimiters: Sequence[str]) -> list[tuple[Way, Split]]:
        asked = [d for d in delimiters if not doubted or d in doubted]
        found = ways(text, asked, quotechar, options.escapechar)
        settled = settle_marks([Marked.of(w, split_by(w)) for w in found])
        rivals.extend(settled.rivals)
        return [(each.way, each.split) for each in settled.ways]

    known: dict[Way, Scored] = {}

    def scores(read: Sequence[tuple[Way, Split]]) -> list[Scored]:
        for way, rows in read:
            if way not in known:
                known[way] = score(way, rows, cells, preferred, sample.rest)
        return [known[way] for way, _ in read]

    refused: list[tuple[Way, Split]] = []
    if delimiter is not None:
        scored = scores(read([delimiter]))
    else:
        scored = scores(read(preferred_in(text, preferred)))
        if not options.strict_delimiters:
            plain = _is_table(min(scored, key=_bits)) or _is_column(text, cells)
            candidates = others_in(text, preferred)
            if plain:
                candidates = [d for d in candidates if may_show(d, text)]
            others = read(candidates)
            shown = [o for o in others if is_headed(*o, cells) or is_set_apart(o[1])]
            scored += [as_preferred(s, preferred) for s in scores(shown)]
            rest = [] if plain else [o for o in others if o not in shown]
            judged = scores([o for o in rest if may_be_evident(*o)])
            evident = [s for s in judged if is_evident(s, cells)]
            scored += evident
            refused = [o for o in rest if o[0] not in {s.way for s in evident}]
    if any(_reaches_beyond(each) for each in scored):
        # Lines inside of one long cell are no column of their own.
        scored = [each for each in scored if each.width > 1]
    scored = without_misfits(by_marks(scored, cells), preferred, cells)
    scored = under_names(by_tabs(settle(scored, text, cells)), preferred, cells)
    scored = [s for s in scored if _well_quoted(s)] or scored
    scored.sort(key=_bits)
    best = _named(scored)
    if quotechar is None and not best.way.quotechar and '"' in text:
        best = _as_quoted(best, split_by(replace(best.way, quotechar='"')))
    if delimiter is None and (several := several_in(text, best.way)):
        preferred = (*preferred, several)
        best = min(scores(read([several])), key=_bits)
    like = [(r.way, r.split) for r in rivals if r.way.delimiter == best.way.delimiter]
    unproven = scores(refused) if best.width == 1 else []
    return Found(sample, cells, best, _doubt(best, scored, unproven, scores(like)))


def _announced(text: str, options: CsvSnifferOptions) -> tuple[str | None, str | None, int]:
    """Delimiter and quote that are given, or that the first line leaves no doubt about, and the
    lines that say nothing else."""
    delimiter, quotechar = options.delimiter, options.quotechar
    if delimiter is None and (announced := _ANNOUNCED.match(text)):
        return announced.group(1), quotechar, 1
    if delimiter is quotechar is None and _CONCORDANCE.match(text):
        return "\x14", "\u00fe", 0
    return delimiter, quotechar, 0


def _doubted(found: Found | None) -> frozenset[str]:
    """The delimiters between which an outcome leaves a doubt, and none; empty for all."""
    if found is None:
        return frozenset()
    return found.doubt.delimiters | {"", found.best.way.delimiter}


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
    rows = len(scored.split.filled)
    return scored.width > 1 and rows > 1 and scored.odd_rows <= 0.2 * rows


def _well_quoted(scored: Scored) -> bool:
    """Whether every quote is in its place and quotes protect something: no chance result, so
    that readings which break the quoted cells apart are out."""
    found, rows = scored.split, len(scored.split.filled)
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


def _named(scored: Sequence[Scored]) -> Scored:
    """The best way, or one that gives the same rows and fits more of the file: cells of a single
    column are quoted for the sake of a delimiter inside them, and that one is the file's."""
    best = scored[0]
    if best.way.delimiter or not best.split.quoted:
        return best
    same = (s for s in scored[1:] if s.way.quotechar == best.way.quotechar)
    return next((other for other in same if not _differs(other, best)), best)


def _as_quoted(best: Scored, rows: Split) -> Scored:
    """The best way with quotes where they give the same rows: quotes that stand only inside cells
    do no harm as quotes, but a file that has them may use them further on."""
    quoted = replace(best, way=replace(best.way, quotechar='"'), split=rows)
    return best if rows.misplaced or _differs(quoted, best) else quoted


def _doubt(
    best: Scored,
    scored: Sequence[Scored],
    refused: Sequence[Scored],
    rivals: Sequence[Scored],
) -> Doubt:
    """Compare the best way with all others.

    Args:
        best: the way that won.
        scored: all that took part, the cheapest first.
        refused: ways that did not take part, because their own rows are the only evidence; they
            are rivals of a single column.
        rivals: ways with the same delimiter that only a mark decides against.
    """
    if len(best.way.delimiter) > 1:
        # A part of the delimiter divides the rows, too, and is no rival of the whole.
        scored = [s for s in scored if s.way.delimiter not in best.way.delimiter]
    odds = _odds(best, scored)
    odds |= {way: REFUSED for way in refused if _divides(way)}
    odds |= dict.fromkeys(rivals, OPEN)
    second = max(odds, key=lambda way: odds[way], default=None)
    share = round(1 / (1 + sum(odds.values())), 3)
    likely = frozenset(other.way.delimiter for other in odds if odds[other] > LEAST_ODDS)
    return Doubt(second, odds[second] if second else 0.0, share, likely)


def _differs(one: Scored, other: Scored) -> bool:
    """Whether two ways give different tables."""
    return [r.cells for r in one.split.rows] != [r.cells for r in other.split.rows]


def _odds(best: Scored, scored: Sequence[Scored]) -> dict[Scored, float]:
    """How likely other tables are when the best counts 1: for each delimiter by its best way."""
    found: dict[str, Scored] = {}
    for other in scored:
        if other.way.delimiter not in found and _differs(other, best):
            found[other.way.delimiter] = other
    return {other: _odds_of(other, best) for other in found.values()}


def _odds_of(other: Scored, best: Scored) -> float:
    lead = other.bits - best.bits
    rival = 1.0
    if not best.way.quotechar and other.way.quotechar and _is_sibling(other, best):
        return max(UNUSED_QUOTE, float(2.0 ** (-lead / DOUBT_BITS)))
    if other.way.delimiter != best.way.delimiter and _divides(other) and _divides(best):
        rival = RIVAL
        # Each row repeats the evidence of the first ones.
        lead *= min(1.0, TELLING_ROWS / len(best.split.rows))
    return min(rival, rival * float(2.0 ** (-lead / DOUBT_BITS)))


def _is_sibling(other: Scored, best: Scored) -> bool:
    return other.way.delimiter == best.way.delimiter and other.split.quoted > other.split.misplaced


def _divides(scored: Scored) -> bool:
    return scored.width > 1 and is_whole(scored)
