"""Kinds of files that differ in where quotes, escapes and delimiters stand."""

from __future__ import annotations

import csv
import io
from random import Random

from benchmarks.detection import values as v
from benchmarks.variations.running import Variation, kind

Rows = list[list[str]]


def written(rows: Rows, delimiter: str = ",", end: str = "\n", **options: object) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=end, **options).writerows(rows)  # type: ignore[arg-type]
    return out.getvalue()


def made(text: str, header: list[str], rows: Rows, **truth: object) -> Variation:
    return Variation(text.encode(), tuple(header), rows, **truth)  # type: ignore[arg-type]


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


def size(chance: Random) -> int:
    return chance.choice(
        [chance.randrange(2, 10), chance.randrange(10, 80), chance.randrange(80, 501)]
    )


def delimiter_of(chance: Random) -> str:
    return chance.choice(",,,;\t|")


NUMBERS: tuple[v.Value, ...] = (v.integer, v.decimal, v.scientific)


def frame(
    chance: Random, texts: tuple[v.Value, ...], count: int
) -> tuple[list[str], Rows, list[bool]]:
    """Names, records and which columns are texts: one to six of them categories or of ``texts``,
    and one to six of numbers."""
    makers: list[tuple[v.Value, bool]] = []
    texts = tuple(chance.sample(texts, chance.randrange(1, len(texts) + 1)))
    for _ in range(chance.randrange(1, 7)):
        if chance.random() < 0.6:
            few = [chance.choice(texts)(chance) for _ in range(chance.randrange(1, 7))]
            makers.append((lambda c, few=few: c.choice(few), True))  # type: ignore[misc]
        else:
            makers.append((chance.choice(texts), True))
    makers += [(chance.choice(NUMBERS), False) for _ in range(chance.randrange(1, 7))]
    chance.shuffle(makers)
    rows = [[make(chance) for make, _ in makers] for _ in range(count)]
    return v.names(chance, len(makers)), rows, [text for _, text in makers]


# --- quoted text beside bare numbers ---

TEXTS: tuple[v.Value, ...] = (
    v.word,
    v.place,
    v.full_name,
    v.code,
    v.phrase,
    v.day,
    v.moment,
    v.turned_name,
    v.sentence,
)


def _bare_numbers(chance: Random, *, row_names: bool) -> Variation:
    count, end = size(chance), chance.choice(["\n", "\r\n"])
    delimiter = chance.choice(",,,;\t")
    header, rows, texts = frame(chance, TEXTS, count)
    missing = chance.choice(["", "NA"])
    share = chance.choice([0.0, 0.0, 0.05, 0.3])
    lines = [delimiter.join(map(quoted, ([""] if row_names else []) + header))]
    expected = []
    for number, row in enumerate(rows, 1):
        kept = [missing if chance.random() < share else None for _ in row]
        cells = [
            gap if gap is not None else quoted(cell) if text else cell
            for cell, text, gap in zip(row, texts, kept, strict=True)
        ]
        values = [cell if gap is None else gap for cell, gap in zip(row, kept, strict=True)]
        if row_names:
            cells, values = [quoted(str(number)), *cells], [str(number), *values]
        lines.append(delimiter.join(cells))
        expected.append(values)
    header = ["", *header] if row_names else header
    return made(end.join(lines) + end, header, expected)


@kind
def written_by_r(chance: Random) -> Variation:
    return _bare_numbers(chance, row_names=True)


@kind
def written_by_r_without_row_names(chance: Random) -> Variation:
    return _bare_numbers(chance, row_names=False)


@kind
def nonnumeric(chance: Random) -> Variation:
    """What Python's QUOTE_NONNUMERIC writes."""
    header, rows, texts = frame(chance, TEXTS, size(chance))
    numbers = [
        [cell if text else float(cell) for cell, text in zip(row, texts, strict=True)]
        for row in rows
    ]
    body = [[str(cell) for cell in row] for row in numbers]
    text = written([header, *numbers], delimiter_of(chance), quoting=csv.QUOTE_NONNUMERIC)  # type: ignore[list-item]
    return made(text, header, body)


@kind
def everything_in_quotes(chance: Random) -> Variation:
    header, rows, _ = frame(chance, TEXTS, size(chance))
    delimiter, end = delimiter_of(chance), chance.choice(["\n", "\r\n"])
    return made(written([header, *rows], delimiter, end, quoting=csv.QUOTE_ALL), header, rows)


@kind
def header_in_quotes_alone(chance: Random) -> Variation:
    header, rows, _ = frame(chance, (v.word, v.place, v.code), size(chance))
    delimiter = delimiter_of(chance)
    text = delimiter.join(map(quoted, header)) + "\n" + written(rows, delimiter)
    return made(text, header, rows)


@kind
def some_cells_in_quotes(chance: Random) -> Variation:
    """Quoted by chance, wherever they stand."""
    header, rows, _ = frame(chance, TEXTS, size(chance))
    delimiter, share = delimiter_of(chance), chance.choice([0.02, 0.2, 0.5])
    lines = [
        delimiter.join(
            quoted(cell) if delimiter in cell or chance.random() < share else cell for cell in row
        )
        for row in [header, *rows]
    ]
    return made("\n".join(lines) + "\n", header, rows)
