"""Kinds of files that have a rare delimiter, few lines, or one column."""

from __future__ import annotations

from random import Random

from benchmarks.detection import values as v
from benchmarks.variations.quotes import delimiter_of, frame, made, size, written
from benchmarks.variations.running import Variation, kind


@kind
def a_rare_delimiter(chance: Random) -> Variation:
    delimiter = chance.choice("~^~^#&*!\x01\x1f")
    header, rows, _ = frame(chance, (v.word, v.place, v.code, v.full_name), size(chance))
    return made(written([header, *rows], delimiter), header, rows)


@kind
def a_rare_delimiter_below_a_title(chance: Random) -> Variation:
    delimiter = chance.choice("~^~^&*!\x01\x1f")
    header, rows, _ = frame(chance, (v.word, v.place, v.code, v.full_name), max(4, size(chance)))
    title = " ".join(v.word(chance) for _ in range(chance.randrange(2, 6))).capitalize()
    above = title + "\n" + chance.choice(["", "\n", f"Made on {v.day(chance)}\n"])
    return made(above + written([header, *rows], delimiter), header, rows)


@kind
def a_rare_delimiter_and_lines_in_cells(chance: Random) -> Variation:
    delimiter = chance.choice("~^~^&*!\x01\x1f")
    header, rows, _ = frame(chance, (v.word, v.place, v.code, v.sentence), max(4, size(chance)))
    header, rows = [*header, "text"], [[*row, v.sentence(chance)] for row in rows]
    for row in rows:
        if chance.random() < 0.4:
            row[-1] = "\n".join(v.sentence(chance) for _ in range(chance.randrange(2, 4)))
    return made(written([header, *rows], delimiter), header, rows)


@kind
def concordance(chance: Random) -> Variation:
    """A load file of e-discovery: thorns around all cells, 0x14 between them."""
    makers = (v.word, v.place, v.code, v.full_name, v.sentence)
    header, rows, _ = frame(chance, makers, size(chance))
    lines = ("\x14".join(f"þ{cell}þ" for cell in row) + "\r\n" for row in [header, *rows])
    data = "".join(lines).encode(chance.choice(["utf-8", "cp1252"]))
    return Variation(data, tuple(header), rows)


@kind
def two_lines(chance: Random) -> Variation:
    header, rows, _ = frame(chance, (v.word, v.place, v.code, v.full_name, v.email), 1)
    return made(written([header, *rows], delimiter_of(chance)), header, rows)


SHARED: tuple[v.Value, ...] = (
    v.day, v.moment, v.clock, v.email, v.url, v.path, v.turned_name, v.money, v.percent,
    v.place_on_the_map, v.decimal, v.full_name,
    lambda c: f"{v.word(c)}-{v.word(c)}",
    lambda c: f"{v.word(c)}_{v.word(c)}_{v.integer(c)}",
    lambda c: f"{v.word(c)}: {v.word(c)}",
    lambda c: f"{c.randrange(256)}.{c.randrange(256)}.{c.randrange(256)}.{c.randrange(256)}",
    lambda c: f"{v.code(c)}/{c.randrange(100)}",
    lambda c: f"{v.word(c)} & {v.word(c)}",
    lambda c: f"#{v.word(c)}",
    lambda c: f"{v.word(c)}!",
    lambda c: f"{c.randrange(5)}*{c.randrange(9)}",
    lambda c: f"{v.word(c)}={v.integer(c)}",
    lambda c: f"{v.word(c)}~{v.word(c)}",
)  # fmt: skip


@kind
def one_column(chance: Random) -> Variation:
    """Values that share a punctuation mark, which divides nothing."""
    make, name = chance.choice(SHARED), chance.choice(v.FIELDS)
    rows = [[make(chance)] for _ in range(max(3, size(chance)))]
    text = "\n".join([name, *(row[0] for row in rows)]) + "\n"
    return made(text, [name], rows, ambiguous=len(rows) < 5)
