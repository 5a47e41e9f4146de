"""More habits: cells left out, single columns, files without names, encodings, sizes."""

from __future__ import annotations

import csv
from random import Random

from benchmarks.detection import values as v
from benchmarks.detection.habits import Made, habit, keyed, table, written

_RUSSIAN = "город страна река дом улица школа книга время народ работа жизнь ветер дорога"
RUSSIAN = _RUSSIAN.split()
_FRENCH = "élève forêt été naïf garçon château où déjà Noël œuvre français crème"
FRENCH = _FRENCH.split()
_JAPANESE = "東京 大阪 日本 山田 会社 学校 電車 時間 ひらがな カタカナ 北海道 名古屋"
JAPANESE = _JAPANESE.split()


@habit
def mostly_empty(chance: Random, count: int) -> Made:
    rows = table(chance, count, least=4)
    body = [[cell if chance.random() < 0.15 else "" for cell in row] for row in rows[1:]]
    body = [row if any(row) else ["1", *row[1:]] for row in body]
    return Made(written([rows[0], *body]).encode(), [rows[0], *body])


@habit
def last_fields_left_out(chance: Random, count: int) -> Made:
    rows = keyed(chance, count, v.word, v.decimal, v.day, v.phrase, v.word)
    short = [row[: chance.randrange(4, 6)] for row in rows[1:]]
    full = [row + [""] * (6 - len(row)) for row in short]
    return Made(written([rows[0], *short]).encode(), [rows[0], *full])


@habit
def delimiter_at_the_end(chance: Random, count: int) -> Made:
    rows = table(chance, count, least=3)
    body = "".join(line + ",\n" for line in written(rows[1:]).splitlines())
    if chance.random() < 0.5:
        return Made((written(rows[:1]) + body).encode(), rows)
    header = written(rows[:1]).rstrip("\n") + ",\n"
    return Made((header + body).encode(), [[*row, ""] for row in rows])


@habit
def row_names_without_a_name(chance: Random, count: int) -> Made:
    rows = keyed(chance, count, v.decimal, v.decimal, v.word)
    text = written(rows[:1], quoting=csv.QUOTE_ALL)
    text = text.split(",", 1)[1] + written(rows[1:], quoting=csv.QUOTE_NONNUMERIC)
    return Made(text.encode(), [["", *rows[0][1:]], *rows[1:]])


@habit
def unnamed_index(chance: Random, count: int) -> Made:
    rows = keyed(chance, count, v.decimal, v.word, v.integer)
    rows[0][0] = ""
    return Made(written(rows).encode(), rows)


@habit
def one_column(chance: Random, count: int) -> Made:
    make = chance.choice([v.word, v.integer, v.decimal, v.day, v.moment, v.email, v.path, v.code])
    rows = [[chance.choice(["name", "value", "Item"])], *v.rows(chance, [make], count)]
    return Made("".join(f"{row[0]}\n" for row in rows).encode(), rows, delimiter="")


@habit
def one_column_of_prose(chance: Random, count: int) -> Made:
    rows = [["text"], *v.rows(chance, [v.sentence], max(count, 5))]
    return Made("".join(f"{row[0]}\n" for row in rows).encode(), rows, delimiter="", quotechar="")


@habit
def a_title_alone(chance: Random, count: int) -> Made:
    rows = [[v.phrase(chance)] for _ in range(max(count, 5))]
    text = "".join(f"{row[0]}\n" for row in [["title"], *rows])
    return Made(text.encode(), [["title"], *rows], delimiter="", quotechar="")


@habit
def numbers_without_names(chance: Random, count: int) -> Made:
    makers = v.columns(chance, (v.integer, v.decimal), 2, 12)
    rows = v.rows(chance, makers, count)
    delimiter = chance.choice(",;\t")
    return Made(written(rows, delimiter).encode(), rows, delimiter, header=False)


@habit
def values_without_names(chance: Random, count: int) -> Made:
    makers = [v.integer, *v.columns(chance, v.PLAIN, 2, 6)]
    rows = v.rows(chance, makers, count)
    return Made(written(rows).encode(), rows, header=False)


@habit
def texts_with_names(chance: Random, count: int) -> Made:
    rows = table(chance, count, v.TEXTS)
    return Made(written(rows).encode(), rows)


@habit
def names_alone(chance: Random, _count: int) -> Made:
    rows = [v.names(chance, chance.randrange(3, 9))]
    return Made(written(rows, delimiter := chance.choice(",;\t")).encode(), rows, delimiter)


@habit
def years_as_names(chance: Random, count: int) -> Made:
    years = [str(year) for year in range(2010, 2010 + chance.randrange(3, 12))]
    body = v.rows(chance, [v.place, *[v.decimal] * len(years)], count)
    rows = [["country", *years], *body]
    return Made(written(rows).encode(), rows)


@habit
def thousands_of_columns(chance: Random, count: int) -> Made:
    width = chance.randrange(1000, 4000)
    rows = [[f"g{n}" for n in range(width)]]
    rows += [[str(chance.randrange(9)) for _ in range(width)] for _ in range(min(count, 4))]
    return Made(written(rows).encode(), rows)


@habit
def western(chance: Random, count: int) -> Made:
    rows = keyed(chance, count, lambda c: c.choice(FRENCH), v.decimal_comma, v.word)
    encoding = chance.choice(["cp1252", "utf-8", "utf-8-sig"])
    return Made(written(rows, ";").encode(encoding), rows, ";", encoding=encoding)


@habit
def cyrillic(chance: Random, count: int) -> Made:
    rows = keyed(chance, count, lambda c: " ".join(c.sample(RUSSIAN, 2)), v.decimal)
    encoding = chance.choice(["cp1251", "koi8-r", "utf-8", "utf-16", "utf-16-le"])
    return Made(written(rows, ";").encode(encoding), rows, ";", encoding=encoding)


@habit
def japanese(chance: Random, count: int) -> Made:
    rows = keyed(chance, count, lambda c: "".join(c.sample(JAPANESE, 2)), v.integer)
    encoding = chance.choice(["cp932", "euc_jp", "utf-8"])
    return Made(written(rows).encode(encoding), rows, encoding=encoding)


@habit
def dates_and_times(chance: Random, count: int) -> Made:
    rows = [["day", "time", "value"], *v.rows(chance, [v.slashed_day, v.clock, v.decimal], count)]
    delimiter = chance.choice(",;\t ")
    return Made(written(rows, delimiter).encode(), rows, delimiter)


@habit
def urls(chance: Random, count: int) -> Made:
    rows = keyed(chance, count, v.url, v.word, v.moment)
    delimiter = chance.choice(",\t")
    return Made(written(rows, delimiter).encode(), rows, delimiter)
