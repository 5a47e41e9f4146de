"""How a file is read best: weighed on its first lines, and on more while they do not decide."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from lakefall.contract.errors import EmptyFileError
from lakefall_plugins.formats.csv.options import CsvSnifferOptions
from lakefall_plugins.formats.csv.sniffing.beyond import around_first_quote
from lakefall_plugins.formats.csv.sniffing.cells import Cells
from lakefall_plugins.formats.csv.sniffing.confidence import Doubt, doubt
from lakefall_plugins.formats.csv.sniffing.contest import contest
from lakefall_plugins.formats.csv.sniffing.sample import Sample, take
from lakefall_plugins.formats.csv.sniffing.scoring import Scored, score
from lakefall_plugins.formats.csv.sniffing.splitting import Way, split

LARGEST_SAMPLE = 1 << 20
DOUBTFUL_SAMPLE = 1 << 17
"""More text than this settles no doubt, unless it holds next to no rows."""
ENOUGH_ROWS = 10
ENOUGH_TEXT = 4_000
"""Characters that are enough with fewer rows: the rows are wide."""
BYTES_A_LINE = 64
"""A sample has at most one line for so many bytes: hundreds of short lines say nothing more."""
SURE = 0.9


@dataclass(frozen=True, slots=True)
class Found:
    """The outcome of weighing all ways."""

    sample: Sample
    cells: Cells
    best: Scored
    doubt: Doubt


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
            cells = Cells()
            held = contest(sample, options, cells)
            found = Found(sample, cells, held.best, doubt(held.best, held.others, held.refused))
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
    best, second = found.best, found.doubt.second
    if found.doubt.confidence >= SURE or second is None:
        return True
    same = second.way.delimiter == best.way.delimiter and not second.way.quotechar
    return same and not best.split.misplaced and not best.split.open_end


def with_late_quote(path: Path, encoding: str, found: Found, options: CsvSnifferOptions) -> Way:
    """The way, with the quote that first opens a cell after the sample where there is one."""
    way = found.best.way
    given = options.quotechar is not None
    if way.quotechar or given or not found.sample.truncated or len(way.delimiter) > 1:
        return way
    text = around_first_quote(path, encoding, way.delimiter, '"')
    if not text:
        return way
    quoted = replace(way, quotechar='"')
    cells, ways = Cells(), (way, quoted, replace(quoted, escapechar="\\"))
    scored = [score(w, split(text, w, truncated=True), cells, options.delimiters) for w in ways]
    return min(scored, key=lambda s: s.bits).way
