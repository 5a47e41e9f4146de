"""Kinds of files that differ in what their cells are evidence for, and in their encoding."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from random import Random
from typing import Any

from benchmarks.detection import values as v
from benchmarks.variations.running import Variation, kind

NO_VALUES = ("NA", "N/A", "#N/A", "NaN", "nan", "None", "-", "--", "?", ".")
ROWS = (2, 5, 20, 60, 200)


def table(
    chance: Random, columns: dict[str, list[str]], *, delimiter: str = "", encoding: str = "utf-8",
    **truth: Any,
) -> Variation:  # fmt: skip
    """A file of these columns, beside one or two others that are read like everywhere."""
    count = len(next(iter(columns.values())))
    everything = {"row_id": [str(11 + n) for n in range(count)], **columns}
    if chance.random() < 0.5:
        everything["remark"] = [chance.choice(v.WORDS) for _ in range(count)]
    delimiter = delimiter or chance.choice(",,;\t|")
    rows = [list(row) for row in zip(*everything.values(), strict=True)]
    end = chance.choice(["\n", "\r\n"])
    lines = [delimiter.join(_cell(c, delimiter) for c in row) for row in [list(everything), *rows]]
    text = "".join(line + end for line in lines)
    return Variation(text.encode(encoding), tuple(everything), rows, **truth)


def _cell(cell: str, delimiter: str) -> str:
    special = any(mark in cell for mark in (delimiter, '"', "\n"))
    return '"' + cell.replace('"', '""') + '"' if special else cell


def count_of(chance: Random) -> int:
    return chance.choice(ROWS)


def with_gaps(chance: Random, cells: list[str], share: float = 0.1) -> list[str]:
    """Some cells empty, but not the first."""
    return [c if not i or chance.random() > share else "" for i, c in enumerate(cells)]


# --- truth values ---


@kind
def one_truth_value(chance: Random) -> Variation:
    word = chance.choice(["0", "1", "yes", "no", "Yes", "NO"])
    cells = with_gaps(chance, [word] * count_of(chance))
    return table(chance, {"flag": cells}, types={"flag": "INTEGER" if word in "01" else "VARCHAR"})


@kind
def both_truth_values(chance: Random) -> Variation:
    pair = chance.choice([("0", "1"), ("yes", "no"), ("TRUE", "FALSE"), ("Yes", "No")])
    first = chance.randrange(2)
    rest = [chance.choice(pair) for _ in range(count_of(chance))]
    cells = with_gaps(chance, [pair[first], pair[1 - first], *rest])
    if len({c for c in cells if c}) == 1 and pair[0] != "TRUE":
        cells[1] = pair[1 - first]
    return table(chance, {"flag": cells}, types={"flag": "BOOLEAN"})


@kind
def one_certain_word(chance: Random) -> Variation:
    cells = [chance.choice(["true", "false", "True", "FALSE"])] * count_of(chance)
    return table(chance, {"flag": with_gaps(chance, cells)}, types={"flag": "BOOLEAN"})


# --- numbers and codes ---


def _formatted(chance: Random, group: str, decimal: str, places: int, most: int) -> str:
    number = chance.uniform(-most, most)
    text = f"{number:,.{places}f}"
    return text.translate(str.maketrans({",": group, ".": decimal}))


def _numbers(chance: Random, marks: tuple[str, str], places: int) -> tuple[list[str], list[Any]]:
    group, decimal = marks
    most = 10 ** chance.randrange(1, 7)
    cells = [_formatted(chance, group, decimal, places, most) for _ in range(count_of(chance))]
    plain = [c.replace(group, "") if group else c for c in cells]
    return cells, [float(c.replace(decimal, ".")) for c in plain]


@kind
def decimal_commas(chance: Random) -> Variation:
    marks = chance.choice([("", ","), (".", ","), (" ", ","), ("\u00a0", ",")])
    cells, numbers = _numbers(chance, marks, chance.choice([1, 2, 4, 6]))
    delimiter = chance.choice(";;\t,")
    found = {"amount_eur": cells}
    return table(chance, found, delimiter=delimiter, types={"amount_eur": "DOUBLE"},
                 typed={"amount_eur": numbers})  # fmt: skip


@kind
def thousands_marks(chance: Random) -> Variation:
    marks = chance.choice([(",", "."), ("'", "."), (" ", ".")])
    cells, numbers = _numbers(chance, marks, chance.choice([1, 2, 4]))
    return table(chance, {"amount": cells}, types={"amount": "DOUBLE"}, typed={"amount": numbers})


@kind
def two_groups(chance: Random) -> Variation:
    group = chance.choice(",.")
    numbers = [chance.randrange(1_000_000, 999_999_999)]
    numbers += [chance.randrange(10 ** chance.randrange(1, 9)) for _ in range(count_of(chance))]
    cells = [f"{n:,}".replace(",", group) for n in numbers]
    return table(chance, {"people": cells}, types={"people": "INTEGER"}, typed={"people": numbers})


@kind
def one_group_alone(chance: Random) -> Variation:
    cells = [f"{chance.randrange(1000, 999_999):,}" for _ in range(count_of(chance))]
    if chance.random() < 0.5:
        cells += [str(chance.randrange(1, 1000)) for _ in range(20 * len(cells))]
    return table(chance, {"people": cells}, types={"people": "VARCHAR"})


@kind
def both_decimal_marks(chance: Random) -> Variation:
    half = [f"{chance.uniform(1, 99):.2f}" for _ in range(count_of(chance))]
    cells = [*half, *(c.replace(".", ",") for c in half)]
    return table(chance, {"mixed": cells}, types={"mixed": "VARCHAR"})


@kind
def digit_groups_that_are_no_numbers(chance: Random) -> Variation:
    def address() -> str:
        return f"10.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(256)}"

    def phone() -> str:
        first, second, third = (chance.randrange(600, 800) for _ in range(3))
        return f"{first} {second} {third}"

    def indian() -> str:
        return (
            f"{chance.randrange(1, 10)},{chance.randrange(10, 100)},{chance.randrange(100, 1000)}"
        )

    def version() -> str:
        return f"{chance.randrange(1, 12)}.{chance.randrange(30)}.{chance.randrange(30)}"

    make = chance.choice([address, phone, indian, version])
    cells = [make() for _ in range(count_of(chance))]
    return table(chance, {"what": cells}, types={"what": "VARCHAR"})


@kind
def numbers_without_zero(chance: Random) -> Variation:
    numbers = [
        round(chance.uniform(-1, 1), chance.randrange(2, 5)) for _ in range(count_of(chance))
    ]
    cells = [str(n).replace("0.", ".", 1) if chance.random() < 0.9 else str(n) for n in numbers]
    return table(chance, {"p": cells}, types={"p": "DOUBLE"}, typed={"p": numbers})


@kind
def codes_with_an_e(chance: Random) -> Variation:
    def code() -> str:
        first, width = chance.randrange(1, 10 ** chance.randrange(1, 8)), chance.randrange(1, 5)
        return f"{first}E{chance.randrange(1, 1000):0{width}}"

    def serial() -> str:
        return str(chance.randrange(10**9, 10**12))

    cells = [code()]
    cells += [code() if chance.random() < 0.5 else serial() for _ in range(count_of(chance))]
    chance.shuffle(cells)
    return table(chance, {"part": cells}, types={"part": "VARCHAR"})


@kind
def scientific_numbers(chance: Random) -> Variation:
    style = chance.choice(["{:.3e}", "{:.3E}", "{:.0e}", "{:.5g}"])
    numbers = [chance.uniform(1, 10) * 10 ** chance.randrange(-30, 30) for _ in range(20)]
    cells = [style.format(n) for n in numbers]
    return table(
        chance, {"x": cells}, types={"x": "DOUBLE"}, typed={"x": [float(c) for c in cells]}
    )


# --- no values ---


def _typed(chance: Random) -> tuple[str, Callable[[], str]]:
    first = date(2024, 1, 1)
    return chance.choice(
        [
            ("INTEGER", lambda: str(chance.randrange(2, 10**6))),
            ("DOUBLE", lambda: f"{chance.uniform(-99, 99):.3f}"),
            ("DATE", lambda: str(first + timedelta(chance.randrange(3000)))),
            ("TIMESTAMP", lambda: f"{first + timedelta(chance.randrange(3000))} 10:30:00"),
            ("BOOLEAN", lambda: chance.choice(["true", "false"])),
        ]
    )


@kind
def tokens_in_typed_columns(chance: Random) -> Variation:
    expected, make = _typed(chance)
    tokens = chance.sample(NO_VALUES, chance.randrange(1, 4))
    share = chance.choice([0.05, 0.3, 0.8])
    cells = [make(), *(make() for _ in range(count_of(chance)))]
    cells = [
        c if not i or chance.random() > share else chance.choice(tokens)
        for i, c in enumerate(cells)
    ]
    return table(chance, {"measure": cells}, types={"measure": expected})


@kind
def tokens_in_texts(chance: Random) -> Variation:
    cells = ["DE", "NA", *(chance.choice(["NA", "ZA", "FR", "-", "None"]) for _ in range(20))]
    return table(chance, {"country": cells}, types={"country": "VARCHAR"})


@kind
def other_words_in_numbers(chance: Random) -> Variation:
    word = chance.choice(["n.a.", "missing", "tbd", "unknown"])
    cells = [chance.choice([word, str(chance.randrange(10**5))]) for _ in range(60)]
    return table(chance, {"n": [word, "5", *cells]}, types={"n": "VARCHAR"})


# --- dates ---


@kind
def dates(chance: Random) -> Variation:
    year_first = ["{y}-{m:02}-{d:02}", "{y}/{m:02}/{d:02}", "{y}/{m}/{d}", "{y}.{m:02}.{d:02}"]
    day_first = ["{d:02}.{m:02}.{y}", "{d}.{m}.{y}", "{d:02}-{m:02}-{y}"]
    style = chance.choice([*year_first, *day_first, "{y}-{m}-{d}"])
    day = date(chance.randrange(1900, 2100), chance.randrange(1, 13), chance.choice([3, 20]))
    found = [day + timedelta(n * chance.randrange(1, 3)) for n in range(count_of(chance))]
    cells = [style.format(y=d.year, m=d.month, d=d.day) for d in found]
    both = style.index("{d") < style.index("{m") and all(d.day <= 12 for d in found)
    typed = {} if both else {"day": [str(d) for d in found]}
    return table(chance, {"day": cells}, types={"day": "DATE"}, typed=typed)


@kind
def dates_for_ever(chance: Random) -> Variation:
    ever = chance.choice(["31.12.9999", "01.01.0001", "31.12.2999"])
    cells = [
        ever if chance.random() < 0.7 else f"15.03.{chance.randrange(1990, 2030)}"
        for _ in range(20)
    ]
    return table(chance, {"valid_to": cells}, types={"valid_to": "DATE"})


@kind
def no_dates(chance: Random) -> Variation:
    def part() -> str:
        year = chance.choice([chance.randrange(1000, 1500), chance.randrange(2200, 9999)])
        return f"{chance.randrange(1, 29):02}-{chance.randrange(1, 13):02}-{year}"

    def build() -> str:
        return f"{chance.randrange(4, 11)}.{chance.randrange(1, 4)}.{chance.randrange(2200, 9999)}"

    def substance() -> str:
        return (
            f"{chance.randrange(1000, 9999)}-0{chance.randrange(1, 10)}-{chance.randrange(1, 10)}"
        )

    def release() -> str:
        return f"{chance.randrange(2018, 2026)}.{chance.randrange(1, 4)}.{chance.randrange(1, 10)}"

    make = chance.choice([part, build, substance, release])
    cells = [make() for _ in range(max(3, count_of(chance)))]
    return table(chance, {"what": cells}, types={"what": "VARCHAR"})
