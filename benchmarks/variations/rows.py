"""Kinds of files that differ in which lines are header, records, or neither."""

from __future__ import annotations

import csv
import io
from random import Random

from benchmarks.detection import values as v
from benchmarks.variations.running import Variation, kind

Rows = list[list[str]]
TEXTS = (v.word, v.place, v.full_name, v.code)
NUMBERS = (v.integer, v.decimal)


def typed(
    chance: Random, *, least: int = 3, most: int = 7, count: int = 0
) -> tuple[list[str], Rows]:
    """Names and records: a number and a text or a day at least, in any order."""
    makers = [chance.choice(NUMBERS), chance.choice((*TEXTS, v.day))]
    kinds = (*NUMBERS, *TEXTS, v.day, v.moment)
    while len(makers) < least or (len(makers) < most and chance.random() < 0.6):
        makers.append(chance.choice(kinds))
    chance.shuffle(makers)
    count = count or chance.choice([chance.randrange(4, 12), chance.randrange(12, 90), 400])
    return v.names(chance, len(makers)), v.rows(chance, makers, count)


def lines(rows: Rows, delimiter: str) -> list[str]:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return out.getvalue().splitlines()


def made(
    text: list[str], header: list[str], rows: Rows, chance: Random, **truth: object
) -> Variation:
    end = chance.choice(["\n", "\n", "\r\n"])
    data = end.join(text) + chance.choice([end, end, ""])
    return Variation(data.encode(), tuple(header), rows, **truth)  # type: ignore[arg-type]


def delimiter_of(chance: Random) -> str:
    return chance.choice(",,,;\t|")


def remark(chance: Random) -> str:
    return chance.choice([v.phrase(chance), f"exported {v.day(chance)}", v.sentence(chance)])


def fitting(chance: Random, rows: Rows) -> list[str]:
    """Names that fit the values below them, distinct."""
    names: list[str] = []
    for column in zip(*rows, strict=True):
        choice = TEXT_NAMES
        if all(cell.replace(".", "").lstrip("-").isdigit() for cell in column):
            choice = NUMBER_NAMES
        elif all(cell[:4].isdigit() and cell[4:5] == "-" for cell in column):
            choice = DAY_NAMES
        names.append(chance.choice([name for name in choice if name not in names]))
    return names


TEXT_NAMES = ("owner", "city", "kind", "status", "town", "state", "remark", "color", "site", "unit")
NUMBER_NAMES = ("price", "amount", "n", "x", "volume", "score", "y", "weight", "z", "level", "h")
DAY_NAMES = ("day", "created", "updated", "begin", "end", "due", "seen", "paid", "sent", "read")


# --- marks of comments ---


@kind
def header_behind_a_mark(chance: Random) -> Variation:
    """The header begins like the comments around it: ``#id,name``."""
    header, rows = typed(chance)
    mark, d = chance.choice(["#", "#", "%", "# "]), delimiter_of(chance)
    header = [mark + header[0], *header[1:]]
    above = [f"{mark.strip()} {remark(chance)}" for _ in range(chance.randrange(3))]
    body = lines(rows, d)
    for _ in range(chance.randrange(3)):
        at = chance.randrange(1, min(10, len(body)))
        body.insert(at, f"{mark.strip()} {remark(chance)}")
    return made([*above, d.join(header), *body], header, rows, chance)


@kind
def a_mark_names_the_first_column(chance: Random) -> Variation:
    """``#,Page,Visits``: the first column counts."""
    header, rows = typed(chance)
    d = delimiter_of(chance)
    header = ["#", *header]
    rows = [[str(n), *row] for n, row in enumerate(rows, 1)]
    return made([d.join(header), *lines(rows, d)], header, rows, chance)


@kind
def header_behind_a_label(chance: Random) -> Variation:
    """``#fields`` and a tab, ``#Fields:`` and a blank."""
    header, rows = typed(chance)
    header = [name.lower().replace(" ", "_") for name in header]
    d, label = chance.choice([("\t", "#fields"), (" ", "#Fields:"), ("\t", "#Fields:")])
    rows = [[cell.replace(" ", "T") for cell in row] for row in rows]
    above = ["#Version: 1.0", f"#Date:{d}{v.moment(chance)}"][: chance.randrange(1, 3)]
    types = [f"#types{d}" + d.join("string" for _ in header)] if chance.random() < 0.5 else []
    below = [f"#close{d}{v.day(chance)}"] if chance.random() < 0.5 else []
    text = [*above, d.join([label, *header]), *types, *lines(rows, d), *below]
    return made(text, header, rows, chance)


@kind
def records_behind_marks(chance: Random) -> Variation:
    """Records that begin like comments: loaded, or rejected where they are too long."""
    header, rows = typed(chance, count=chance.randrange(4, 60))
    mark, d = chance.choice(["#", "%", "//", ";", "--", "*", "!"]), chance.choice(",,\t|")
    header, rows = ["tag", *header], [[v.word(chance), *row] for row in rows]
    rejected = 0
    text = []
    for row in list(rows):
        if chance.random() < 0.1:
            row[0] = mark + row[0]
            if chance.random() < 0.5:
                rows.remove(row)
                rejected += 1
                more = f"{chance.choice([' ', ''])}{v.word(chance)}"
                text += lines([[row[0], more, *row[1:]]], d)
                continue
        text += lines([row], d)
    return made([d.join(header), *text], header, rows, chance, rejected=rejected)


@kind
def comments_between_records(chance: Random) -> Variation:
    header, rows = typed(chance)
    mark, d = chance.choice(["#", "#", "%", "//"]), delimiter_of(chance)
    body = lines(rows, d)
    body.insert(chance.randrange(1, min(10, len(body))), f"{mark} {v.phrase(chance)}")
    for _ in range(chance.randrange(3)):
        body.insert(chance.randrange(1, len(body) + 1), f"{mark} {v.phrase(chance)}")
    return made([d.join(header), *body], header, rows, chance)


# --- one field more, one less ---


@kind
def row_names_of_r(chance: Random) -> Variation:
    """``write.table``: the header has no name for the first column."""
    header, rows = typed(chance)
    d = chance.choice(",;\t ")
    header = fitting(chance, rows)
    rows = [[cell.replace(" ", "_") for cell in row] for row in rows]
    style = chance.choice([str, lambda n: f"r{n}", lambda n: f"{v.word(chance)} {n}"])
    rows = [[style(n), *row] for n, row in enumerate(rows, 1)]
    quoted = [
        d.join(
            f'"{cell}"' if at == 0 or not cell.replace(".", "").replace("-", "").isdigit() else cell
            for at, cell in enumerate(row)
        )
        for row in rows
    ]
    top = d.join(f'"{name}"' for name in header)
    return made([top, *quoted], ["", *header], rows, chance)


@kind
def last_name_missing(chance: Random) -> Variation:
    """A column was added to the records at the end, and not to the header."""
    _, rows = typed(chance)
    header, d = fitting(chance, rows), delimiter_of(chance)
    first = chance.choice(["id", "date", "key"])
    if first == "date":
        rows = [[v.day(chance), *row] for row in rows]
    else:
        rows = [[str(n), *row] for n, row in enumerate(rows, 1)]
    more = chance.choice([lambda: "0", lambda: v.integer(chance), lambda: v.word(chance)])
    rows = [[*row, more()] for row in rows]
    header = [first, *(name for name in header)]
    return made([d.join(header), *lines(rows, d)], [*header, ""], rows, chance)


@kind
def last_name_missing_above_repeated_values(chance: Random) -> Variation:
    """The first column repeats, so that it holds no row names."""
    header, rows = typed(chance, count=chance.randrange(12, 60))
    d = delimiter_of(chance)
    rows = [[chance.choice(v.PLACES[:5]), *row, v.integer(chance)] for row in rows]
    header = [chance.choice(["place", "town", "site"]), *header]
    return made([d.join(header), *lines(rows, d)], [*header, ""], rows, chance)


@kind
def delimiters_at_the_end(chance: Random) -> Variation:
    """Of some lines, of all records, or of all lines."""
    header, rows = typed(chance)
    d = chance.choice(",;\t|")
    share, named = chance.choice([(1.0, True), (1.0, False), (0.4, True), (0.4, False)])
    body = [line + d * (chance.random() < share) for line in lines(rows, d)]
    if named and all(line.endswith(d) for line in body):
        text = [d.join(header) + d, *body]
        return made(text, [*header, ""], [[*row, ""] for row in rows], chance)
    return made([d.join(header) + d * named, *body], header, rows, chance)


@kind
def records_lack_the_last_field(chance: Random) -> Variation:
    header, rows = typed(chance)
    d = delimiter_of(chance)
    text = [d.join([*header, "note"]), *lines(rows, d)]
    return made(text, [*header, "note"], [[*row, ""] for row in rows], chance)


# --- ends of files ---


@kind
def cut_off(chance: Random) -> Variation:
    """The last record was cut: it is rejected, and no note."""
    header, rows = typed(chance, count=chance.randrange(4, 60))
    d = delimiter_of(chance)
    header, rows = ["who", *header], [[v.full_name(chance), *row] for row in rows]
    body = lines(rows, d)
    last = v.full_name(chance)
    last = last[: chance.randrange(2, len(last))]
    text = "\n".join([d.join(header), *body, last])
    return Variation(text.encode(), tuple(header), rows, rejected=1)


@kind
def open_quote_near_the_end(chance: Random) -> Variation:
    """A quote that is never closed: its line is rejected, the records behind it are loaded."""
    header, rows = typed(chance, count=chance.randrange(30, 120))
    d = delimiter_of(chance)
    header, rows = ["who", *header], [[v.full_name(chance), *row] for row in rows]
    body = [d.join([f'"{row[0]}"', *row[1:]]) for row in rows]
    at = len(rows) - chance.randrange(2, 12)
    body[at] = body[at].replace('"', "").join(['"', ""])
    text = "\n".join([d.join(header), *body]) + "\n"
    return Variation(text.encode(), tuple(header), rows[:at] + rows[at + 1 :], rejected=1)


@kind
def notes_below(chance: Random) -> Variation:
    header, rows = typed(chance)
    d = delimiter_of(chance)
    notes = [
        chance.choice(
            [
                f"({len(rows)} rows affected)",
                f"Source: {v.phrase(chance)}",
                f"{len(rows)} rows",
                f"* {v.phrase(chance)}",
                v.sentence(chance).replace(d, " "),
            ]
        )
        for _ in range(chance.randrange(1, 4))
    ]
    return made([d.join(header), *lines(rows, d), "", *notes], header, rows, chance)


@kind
def totals(chance: Random) -> Variation:
    """A total is a record, and is told."""
    header, rows = typed(chance)
    d = delimiter_of(chance)
    header, rows = ["place", *header], [[v.place(chance), *row] for row in rows]
    last = [cell if cell.replace(".", "").lstrip("-").isdigit() else "" for cell in rows[-1][1:]]
    rows.append([chance.choice(["Total", "TOTAL", "Sum", "Grand total"]), *last])
    return made([d.join(header), *lines(rows, d)], header, rows, chance)


# --- rows that are no records ---


@kind
def header_again(chance: Random) -> Variation:
    header, rows = typed(chance)
    d = delimiter_of(chance)
    parts = chance.randrange(2, 5)
    mark = chance.choice(["", "", "\ufeff"])
    text: list[str] = []
    for part in range(parts):
        text.append((mark if part else chance.choice(["", mark])) + d.join(header))
        text += lines(rows[part * len(rows) // parts : (part + 1) * len(rows) // parts], d)
    return made(text, header, rows, chance)


@kind
def header_again_above_text(chance: Random) -> Variation:
    count = chance.randrange(6, 60)
    d = delimiter_of(chance)
    makers = [v.path, v.word, v.full_name, v.email]
    makers = [v.path, *chance.sample(makers, chance.randrange(1, 4))]
    header, rows = v.names(chance, len(makers)), v.rows(chance, makers, count)
    text = [d.join(header), *lines(rows, d)]
    for _ in range(chance.randrange(1, 3)):
        text.insert(chance.randrange(2, len(text)), text[0])
    return made(text, header, rows, chance)


_UNITS = "m s kg m/s mm °C % W hPa mg/L km/h V mV Hz kWh W/m^2 ppm"
UNITS = _UNITS.split()


@kind
def units(chance: Random) -> Variation:
    """A row of units right below the header, where texts have none."""
    header, rows = typed(chance)
    d = chance.choice(",;\t")
    around = chance.choice(["{}", "{}", "[{}]", "({})"])
    row = []
    for at in range(len(header)):
        cells = [cells[at] for cells in rows]
        number = all(cell.replace(".", "").replace("-", "").isdigit() for cell in cells)
        day = any(cell[:4].isdigit() and "-" in cell[1:] for cell in cells)
        row.append(around.format(chance.choice(UNITS)) if number and not day else "")
    if not any(row):
        return units(chance)
    return made([d.join(header), d.join(row), *lines(rows, d)], header, rows, chance)


@kind
def widths_or_types(chance: Random) -> Variation:
    header, rows = typed(chance)
    d = chance.choice(",\t|")
    make = chance.choice(
        [
            lambda: f"{chance.randrange(1, 40)}{chance.choice('sdn')}",
            lambda: chance.choice(["string", "int", "double", "date"]),
            lambda: chance.choice(
                ["VARCHAR(20)", "INTEGER", "NUMERIC(10,2)".replace(d, "."), "DATE"]
            ),
        ]
    )
    row = [make() for _ in header]
    return made([d.join(header), d.join(row), *lines(rows, d)], header, rows, chance)


@kind
def dashes(chance: Random) -> Variation:
    header, rows = typed(chance)
    d = chance.choice(",;|\t")
    mark = chance.choice("--=")
    if d == "|" and chance.random() < 0.5:
        below = ["+".join("-" * (len(name) + 2) for name in header)]
        return made([d.join(header), *below, *lines(rows, d)], header, rows, chance)
    below = [mark * max(len(name), chance.choice([0, 3, 12])) for name in header]
    return made([d.join(header), d.join(below), *lines(rows, d)], header, rows, chance)


@kind
def logger_files(chance: Random) -> Variation:
    """Campbell's TOA5: a line about the station, names, units, what was computed."""
    count = chance.randrange(3, 60)
    kinds = chance.sample(
        [("Volts", "Min"), ("Deg C", "Avg"), ("%", "Smp"), ("W/m^2", "Avg"), ("mm", "Tot")], 3
    )
    names = ["TIMESTAMP", "RECORD", *(f"{v.word(chance)}_{how}" for _, how in kinds)]
    rows = [[v.moment(chance), str(n), *(v.decimal(chance) for _ in kinds)] for n in range(count)]
    top = [
        "TOA5",
        v.word(chance),
        "CR1000",
        str(chance.randrange(9999)),
        "CR1000.Std.25",
        "CPU:a.CR1",
        "1",
        "T1",
    ]
    head = [
        top,
        names,
        ["TS", "RN", *(unit for unit, _ in kinds)],
        ["", "", *(how for _, how in kinds)],
    ]
    text = [",".join(f'"{cell}"' for cell in row) for row in head]
    text += [",".join([f'"{row[0]}"', *row[1:]]) for row in rows]
    return made(text, names, rows, chance)


@kind
def codes_in_the_first_record(chance: Random) -> Variation:
    """Cells of the first record that are units elsewhere: letters for grades, gaps and traces."""
    d = delimiter_of(chance)
    count = chance.randrange(6, 60)
    if chance.random() < 0.5:
        header = ["sex", "grade", "score"]
        rows = [[f"x{n}", f"y{n}", f"{n}.5"] for n in range(count)]
        rows.insert(
            0, [chance.choice("MF"), chance.choice("ABCVW"), chance.choice(["m", "s", "h"])]
        )
    else:
        header = ["tmax", "tmin", "rain"]
        rows = [
            [str(chance.randrange(40)), str(chance.randrange(20)), v.decimal(chance)]
            for _ in range(count)
        ]
        rows.insert(0, [chance.choice("MT") for _ in header])
    return made([d.join(header), *lines(rows, d)], header, rows, chance)


# --- above the header ---


@kind
def titles(chance: Random) -> Variation:
    """One to four lines of title, alone or padded to the table's width."""
    header, rows = typed(chance)
    d = chance.choice(",;\t")
    padded = chance.random() < 0.5
    top = []
    for _ in range(chance.randrange(1, 5)):
        line = chance.choice(
            [v.phrase(chance).title(), f"Report of {v.day(chance)}", v.full_name(chance)]
        )
        top.append(line + d * (len(header) - 1) * padded)
    gap = chance.choice([[], [""], [d * (len(header) - 1)]])
    return made([*top, *gap, d.join(header), *lines(rows, d)], header, rows, chance)


@kind
def keys_and_values_above(chance: Random) -> Variation:
    """Lines of a key and its value above a wider table, bare or padded."""
    header, rows = typed(chance)
    d = chance.choice(",;\t")
    keys = ["Station", "Owner", "Created", "Version", "Serial number", "Location", "Unit"]
    padded = chance.random() < 0.5
    top = []
    for key in chance.sample(keys, chance.randrange(1, 6)):
        value = chance.choice([v.integer, v.word, v.day, v.full_name])(chance)
        top.append(f"{key}{chance.choice(['', ':'])}{d}{value}" + d * (len(header) - 2) * padded)
    gap = chance.choice([[], [""], [d * (len(header) - 1)]])
    return made([*top, *gap, d.join(header), *lines(rows, d)], header, rows, chance)


@kind
def keys_and_values_above_two_columns(chance: Random) -> Variation:
    """The lines above have the table's own width; a blank line sets them off."""
    d = chance.choice(",;\t")
    first = chance.choice([v.moment, v.day, lambda c: str(c.randrange(9999))])
    rows = [[first(chance), v.decimal(chance)] for _ in range(chance.randrange(12, 90))]
    header = [chance.choice(["time", "stamp", "at"]), chance.choice(["value", "level", "depth"])]
    keys = ["Station", "Owner", "Created", "Version", "Serial number", "Location", "Unit"]
    values = [v.word, v.day, v.integer, v.full_name]
    top = [
        f"{key}{chance.choice(['', ':'])}{d}{chance.choice(values)(chance)}"
        for key in chance.sample(keys, chance.randrange(1, 5))
    ]
    gap = chance.choice([[""], ["", ""], []])
    if not gap and len(top) == 1 and not any(c.isdigit() for c in top[0]):
        top[0] = top[0].replace(d, f":{d}").replace("::", ":")
    return made([*top, *gap, d.join(header), *lines(rows, d)], header, rows, chance)


# --- headers ---


@kind
def years_below_names(chance: Random) -> Variation:
    """A header of two rows, the second of years."""
    d = chance.choice(",;\t")
    groups = chance.sample(["Sales", "Costs", "Profit", "Staff"], chance.randrange(1, 4))
    start, each = chance.randrange(1990, 2015), chance.randrange(2, 5)
    everywhere = len(groups) > 1 and chance.random() < 0.3
    upper, lower, names = ["Country"], [""], ["Country"]
    if chance.random() < 0.3:
        upper, lower, names = ["", *upper[1:]], ["Country"], ["Country"]
    for group in groups:
        for n in range(each):
            upper.append(group if n == 0 or everywhere else "")
            lower.append(str(start + n))
            names.append(f"{group} {start + n}")
    rows = [
        [place, *(v.decimal(chance) for _ in names[1:])]
        for place in chance.sample(v.PLACES, chance.randrange(4, 12))
    ]
    return made([d.join(upper), d.join(lower), *lines(rows, d)], names, rows, chance)


@kind
def numbers_as_names(chance: Random) -> Variation:
    """A name, and then steps of something: years, heights, hours, wavelengths."""
    d = chance.choice(",;\t")
    start, step, count = chance.choice(
        [
            (2000, 1, 6),
            (0, 1, 24),
            (0.0, 0.5, 8),
            (1, 1, 12),
            (400, 10, 15),
            (2008, 1, 1),
            (10, 10, 5),
        ]
    )
    names = [chance.choice(["name", "turbine", "country", "station"])]
    if chance.random() < 0.2:
        names += chance.choice(["0.1,0.25,0.5,0.75,0.9", "412,443,490,510,555,670"]).split(",")
    else:
        names += [str(start + step * n) for n in range(count)]
    rows = [
        [
            v.code(chance) if chance.random() < 0.5 else v.full_name(chance),
            *(v.decimal(chance) for _ in names[1:]),
        ]
        for _ in range(chance.randrange(5, 40))
    ]
    return made([d.join(names), *lines(rows, d)], names, rows, chance)


@kind
def no_header(chance: Random) -> Variation:
    """Records alone, with a column of numbers or days; the first may lack that value."""
    _, rows = typed(chance, least=2)
    d = delimiter_of(chance)
    if chance.random() < 0.5:
        at = next(
            i
            for i, cell in enumerate(rows[1])
            if cell.replace(".", "").replace("-", "").isdigit() or cell[:2] == "20"
        )
        rows[0][at] = chance.choice(["-", "", "NA", "n/a", "?", "null", "--", "."])
    return made(lines(rows, d), [], rows, chance)


@kind
def no_header_above_text(chance: Random) -> Variation:
    """Records of text alone: names of people, of places, and colours tell."""
    d = delimiter_of(chance)
    makers = [lambda c: c.choice(v.NAMES), v.place, v.word]
    chance.shuffle(makers)
    rows = v.rows(chance, makers, chance.randrange(12, 60))
    return made(lines(rows, d), [], rows, chance)
