"""Which columns of a file have all of their values in quotes, while others do not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from lakefall.contract.values import Dialect, Records
from lakefall_plugins.formats.csv.sniffing.sample import take
from lakefall_plugins.formats.csv.sniffing.splitting import Way, cell_pattern

SAMPLE_BYTES = 1_000_000


def quoted_columns(records: Records, rows: int) -> frozenset[int]:
    """Positions of such columns in the first rows; none where everything is in quotes.

    A file that quotes everything says nothing by it.
    """
    dialect = records.dialect
    if not dialect.quotechar:
        return frozenset()
    width = len(records.header)
    filled, quoted = [0] * width, [0] * width
    for row in islice(_rows(records, rows), rows):
        for position, in_quotes in enumerate(row):
            if in_quotes is not None:
                filled[position] += 1
                quoted[position] += in_quotes
    columns = frozenset(p for p in range(width) if filled[p] and filled[p] == quoted[p])
    others = any(filled[p] for p in range(width) if p not in columns)
    return columns if others else frozenset()


def _rows(records: Records, rows: int) -> Iterator[Sequence[bool | None]]:
    """Per cell of a record whether it is in quotes; None for an empty one."""
    dialect = records.dialect
    before = dialect.preamble_lines + dialect.header_lines
    sample = take(records.local.path, dialect.encoding, SAMPLE_BYTES, before + 4 * rows)
    text = sample.text.split("\n", dialect.preamble_lines)[-1]
    skipped = dialect.header_lines if dialect.has_header else 0
    for number, row in enumerate(_split(text, dialect)):
        if number >= skipped and len(row) == len(records.header):
            yield row


def _split(text: str, dialect: Dialect) -> Iterator[list[bool | None]]:
    way = Way(dialect.delimiter, dialect.quotechar, dialect.escapechar)
    row: list[bool | None] = []
    for cell in cell_pattern(way).finditer(text):
        inside, unclosed, plain, end = cell.groups()
        if inside is not None or unclosed is not None:
            row.append(True)
        else:
            row.append(False if plain else None)
        if end in ("\n", ""):
            yield row
            row = []
