"""Made-up CSV files in the habits that public CSV files have, with what they hold.

Each habit is a function that writes one file from a source of chance; ``made`` yields files of
all habits. Nothing here is taken from a benchmark.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from benchmarks.detection import values as v

Row = list[str]


@dataclass(frozen=True, slots=True)
class Made:
    """One file and the truth about it."""

    data: bytes
    table: list[Row]
    """The header, where there is one, and the records that a table can take."""
    delimiter: str = ","
    quotechar: str = '"'
    """What the file may be read with; a quote that does not occur is as good as none."""
    escapechar: str = ""
    header: bool = True
    preamble: int = 0
    encoding: str = "utf-8"
    habit: str = field(default="", compare=False)


Habit = Callable[[Random, int], Made]
HABITS: dict[str, Habit] = {}


def habit(function: Habit) -> Habit:
    HABITS[function.__name__.replace("_", " ")] = function
    return function


def written(rows: list[Row], delimiter: str = ",", end: str = "\n", **options: object) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end, **options)  # type: ignore[arg-type]
    writer.writerows(rows)
    return out.getvalue()


Values = tuple[v.Value, ...]


def table(chance: Random, count: int, kinds: Values = v.PLAIN, **size: int) -> list[Row]:
    makers = v.columns(chance, kinds, **size)
    return [v.names(chance, len(makers)), *v.rows(chance, makers, count)]


def keyed(chance: Random, count: int, *makers: v.Value) -> list[Row]:
    body = [[str(n), *cells] for n, cells in enumerate(v.rows(chance, list(makers), count), 1)]
    return [v.names(chance, len(makers) + 1), *body]


def end_of(chance: Random) -> str:
    return chance.choice(["\n", "\r\n"])


# --- delimiters --------------------------------------------------------------------------------


@habit
def plain(chance: Random, count: int) -> Made:
    rows, delimiter = table(chance, count), chance.choice(",;\t|")
    return Made(written(rows, delimiter, end_of(chance)).encode(), rows, delimiter)


@habit
def decimal_commas(chance: Random, count: int) -> Made:
    rows = table(chance, count, (v.decimal_comma, v.slashed_day, v.word))
    rows = [[*row, cell] for row, cell in zip(rows, ["x", *["1,5"] * count], strict=True)]
    delimiter = chance.choice(";\t")
    return Made(written(rows, delimiter).encode(), rows, delimiter)


@habit
def rare_delimiter(chance: Random, count: int) -> Made:
    delimiter = chance.choice("^~:#!&*$=@%+?\x01\x1f")
    kinds = (v.integer, v.word, v.place, v.code, v.truth)
    rows = table(chance, count, kinds, least=3)
    return Made(written(rows, delimiter).encode(), rows, delimiter)


@habit
def two_columns_and_a_rare_delimiter(chance: Random, count: int) -> Made:
    delimiter = chance.choice("^~:#&*=")
    rows = keyed(chance, max(count, 4), v.word)
    return Made(written(rows, delimiter).encode(), rows, delimiter)


@habit
def blanks(chance: Random, count: int) -> Made:
    rows = table(chance, count, (v.integer, v.decimal, v.word, v.scientific), least=3)
    rows[0] = [name.replace(" ", "_") for name in rows[0]]
    return Made(written(rows, " ").encode(), rows, " ")


@habit
def blanks_and_quotes(chance: Random, count: int) -> Made:
    rows = table(chance, count, (v.integer, v.phrase, v.word, v.full_name), least=3)
    return Made(written(rows, " ").encode(), rows, " ")


@habit
def numbers_between_blanks(chance: Random, count: int) -> Made:
    makers = v.columns(chance, (v.decimal, v.integer, v.scientific), 3, 12)
    rows = v.rows(chance, makers, count)
    return Made(written(rows, " ").encode(), rows, " ", header=False)


@habit
def announced(chance: Random, count: int) -> Made:
    rows, delimiter = table(chance, count), chance.choice(";,|\t")
    text = f"sep={delimiter}\r\n" + written(rows, delimiter, "\r\n")
    return Made(text.encode(), rows, delimiter, preamble=1)


@habit
def blank_after_the_delimiter(chance: Random, count: int) -> Made:
    rows = table(chance, count, (*v.PLAIN, v.turned_name))
    lines = []
    for row in rows:
        cells = [f'"{cell}"' if "," in cell else cell for cell in row]
        lines.append(", ".join(cells))
    return Made(("\n".join(lines) + "\n").encode(), rows)


@habit
def lists_in_the_cells(chance: Random, count: int) -> Made:
    if chance.random() < 0.5:
        rows = keyed(chance, count, v.word, v.listed, v.integer)
        return Made(written(rows).encode(), rows)
    rows = keyed(chance, count, v.word, v.comma_list, v.integer)
    return Made(written(rows, ";").encode(), rows, ";")


@habit
def places_on_the_map(chance: Random, count: int) -> Made:
    rows = keyed(chance, count, v.place, v.place_on_the_map)
    delimiter = chance.choice(";\t|")
    return Made(written(rows, delimiter).encode(), rows, delimiter)


@habit
def password_file(chance: Random, count: int) -> Made:
    makers: list[v.Value] = [v.word, lambda _: "x", v.integer, v.integer, v.full_name, v.path]
    rows = v.rows(chance, makers, count)
    return Made(written(rows, ":").encode(), rows, ":", header=False)


# --- quotes ------------------------------------------------------------------------------------


@habit
def all_quoted(chance: Random, count: int) -> Made:
    rows, delimiter = table(chance, count, (*v.PLAIN, v.sentence)), chance.choice(",;\t|")
    text = written(rows, delimiter, end_of(chance), quoting=csv.QUOTE_ALL)
    return Made(text.encode(), rows, delimiter)


@habit
def texts_quoted(chance: Random, count: int) -> Made:
    rows = keyed(chance, count, v.sentence, v.decimal, v.turned_name)
    return Made(written(rows, quoting=csv.QUOTE_MINIMAL).encode(), rows)


@habit
def quotes_in_quotes(chance: Random, count: int) -> Made:
    rows = keyed(chance, count, lambda c: f'{v.word(c)} "{v.word(c)}", {v.word(c)}', v.integer)
    delimiter = chance.choice(",;")
    return Made(written(rows, delimiter).encode(), rows, delimiter)


@habit
def backslashes(chance: Random, count: int) -> Made:
    rows = keyed(chance, count, lambda c: f'say "{v.phrase(c)}", {v.word(c)}', v.integer)
    text = written(rows, quoting=csv.QUOTE_NONNUMERIC, doublequote=False, escapechar="\\")
    return Made(text.encode(), rows, escapechar="\\")


@habit
def single_quotes(chance: Random, count: int) -> Made:
    rows = keyed(chance, count, v.turned_name, v.sentence, v.integer)
    text = written(rows, quotechar="'", quoting=chance.choice([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]))
    return Made(text.encode(), rows, quotechar="'")


@habit
def breaks_in_cells(chance: Random, count: int) -> Made:
    rows = keyed(chance, count, lambda c: f"{v.sentence(c)}\n{v.phrase(c)}", v.word, v.decimal)
    return Made(written(rows).encode(), rows)


@habit
def inches(chance: Random, count: int) -> Made:
    rows = keyed(chance, count, lambda c: f'{c.randrange(1, 30)}" {v.word(c)}', v.decimal)
    delimiter = chance.choice("\t;|")
    text = "".join(delimiter.join(row) + "\n" for row in rows)
    return Made(text.encode(), rows, delimiter, quotechar="")


@habit
def apostrophes(chance: Random, count: int) -> Made:
    rows = keyed(chance, count, lambda c: f"{v.word(c)}'s {v.word(c)}", v.integer)
    delimiter = chance.choice(",;\t")
    return Made(written(rows, delimiter).encode(), rows, delimiter)


@habit
def documents(chance: Random, count: int) -> Made:
    rows = keyed(chance, count, v.document, v.day)
    return Made(written(rows).encode(), rows)


@habit
def a_label_and_a_text(chance: Random, count: int) -> Made:
    rows = [[str(chance.randrange(5)), v.sentence(chance)] for _ in range(count)]
    text = "".join(f'{label},"{text}"\n' for label, text in rows)
    return Made(text.encode(), rows, header=False)


@habit
def money(chance: Random, count: int) -> Made:
    rows = keyed(chance, count, v.money, v.percent, v.word)
    return Made(written(rows).encode(), rows)


# --- lines around and inside the table -----------------------------------------------------------


@habit
def title_above(chance: Random, count: int) -> Made:
    rows, delimiter = table(chance, count, least=3), chance.choice(",;\t")
    above = [f"Report of {v.phrase(chance)}", f"made on {v.day(chance)}", ""]
    lines = above[: chance.randrange(1, 4)]
    text = "".join(f"{line}\n" for line in lines) + written(rows, delimiter)
    return Made(text.encode(), rows, delimiter, preamble=len(lines))


@habit
def padded_title_above(chance: Random, count: int) -> Made:
    rows = table(chance, count, least=4)
    pad = "," * (len(rows[0]) - 1)
    lines = [f"{v.phrase(chance)}{pad}", *([pad] if chance.random() < 0.5 else [])]
    return Made(("\n".join([*lines, ""]) + written(rows)).encode(), rows, preamble=len(lines))


@habit
def keys_and_values_above(chance: Random, count: int) -> Made:
    rows, delimiter = table(chance, count, least=4), chance.choice(",;")
    lines = [f"{v.word(chance).title()}{delimiter}{v.phrase(chance)}" for _ in range(4)]
    text = "\n".join([*lines, ""]) + "\n" + written(rows, delimiter)
    return Made(text.encode(), rows, delimiter, preamble=5)


@habit
def comments_above(chance: Random, count: int) -> Made:
    rows, delimiter = table(chance, count, least=3), chance.choice(",;\t")
    lines = [f"# {v.sentence(chance)}" for _ in range(chance.randrange(1, 6))]
    text = "\n".join([*lines, ""]) + written(rows, delimiter)
    return Made(text.encode(), rows, delimiter, preamble=len(lines))


@habit
def comments_inside(chance: Random, count: int) -> Made:
    rows = table(chance, count, least=3)
    lines = written(rows).splitlines()
    lines.insert(chance.randrange(2, len(lines) + 1), f"# {v.phrase(chance)}")
    return Made(("\n".join(lines) + "\n").encode(), rows)


@habit
def notes_below(chance: Random, count: int) -> Made:
    rows = table(chance, count, least=3)
    text = written(rows) + "\n" + f"Source: {v.phrase(chance)}\n"
    return Made(text.encode(), rows)


@habit
def empty_rows_below(chance: Random, count: int) -> Made:
    rows = table(chance, count, least=3)
    pad = "," * (len(rows[0]) - 1) + "\r\n"
    text = written(rows, end="\r\n") + pad * chance.randrange(1, 40)
    return Made(text.encode(), rows)


@habit
def units_below_the_names(chance: Random, count: int) -> Made:
    body = v.rows(chance, [v.integer, v.decimal, v.decimal, v.decimal], count)
    rows = [["time", "depth", "speed", "rate"], *body]
    around = chance.choice(["{}", "({})", "[{}]"])
    units = [around.format(unit) for unit in ("s", "m", "m/s", "%")]
    text = written([rows[0], units, *body])
    return Made(text.encode(), rows)


@habit
def names_on_two_rows(chance: Random, count: int) -> Made:
    upper = ["Station", "Day", "Wind", "", "Rain", ""]
    lower = ["", "", "speed", "gust", "sum", "peak"]
    body = v.rows(chance, [v.place, v.day, v.decimal, v.decimal, v.decimal, v.decimal], count)
    joined = ["Station", "Day", "Wind speed", "Wind gust", "Rain sum", "Rain peak"]
    return Made(written([upper, lower, *body]).encode(), [joined, *body])


@habit
def second_table_below(chance: Random, count: int) -> Made:
    rows = table(chance, count, least=4)
    other = table(chance, max(2, count // 4), most=3)
    return Made((written(rows) + "\n" + written(other)).encode(), rows)


@habit
def longer_table_below(chance: Random, count: int) -> Made:
    rows = table(chance, count, (v.integer, v.decimal, v.word), least=5)
    above = [["setting", "value"], ["depth", "5"], ["speed", "2.5"]]
    longer = [rows[0], *rows[1:] * (1 + 12 // count)]
    text = written(above) + "\n" + written(longer)
    return Made(text.encode(), longer, preamble=4)


@habit
def blank_lines_between(chance: Random, count: int) -> Made:
    rows = table(chance, count)
    return Made(written(rows, end="\n\n").encode(), rows)


@habit
def old_line_ends(chance: Random, count: int) -> Made:
    rows, delimiter = table(chance, count), chance.choice(",;\t")
    return Made(written(rows, delimiter, "\r").encode(), rows, delimiter)


@habit
def mixed_line_ends(chance: Random, count: int) -> Made:
    rows = table(chance, count)
    lines = written(rows).splitlines()
    text = "".join(line + chance.choice(["\n", "\r\n"]) for line in lines)
    return Made(text.encode(), rows)
