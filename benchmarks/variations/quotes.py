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
    share = chance.choice([0.0, 0.5, 1.0])
    for _ in range(chance.randrange(1, 7)):
        if chance.random() < share:
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


# --- quotes that are none ---

THINGS = ("Pipe", "Valve", "Bolt", "Hose", "Steel tube", "Bracket", "Gasket")


def _thing(chance: Random) -> str:
    size = chance.choice(["1", "2", "3/4", "1/2", "12"])
    return f'{chance.choice(THINGS)} {size}"' + chance.choice(["", "", ", steel", " x 2", ' x 2"'])


def _unquoted(header: list[str], rows: Rows, delimiter: str, end: str = "\n") -> str:
    return "".join(delimiter.join(row) + end for row in [header, *rows])


def _things(chance: Random, count: int) -> tuple[list[str], Rows, str]:
    """A list of articles, in which nothing is quoted."""
    delimiter = chance.choice("\t\t|;")
    rows = [[v.code(chance), _thing(chance), v.integer(chance)] for _ in range(count)]
    for row in rows:
        row += [v.decimal(chance), v.word(chance)]
    width = chance.randrange(3, 6)
    return v.names(chance, width), [row[:width] for row in rows], delimiter


@kind
def inch_marks(chance: Random) -> Variation:
    header, rows, delimiter = _things(chance, size(chance))
    return made(_unquoted(header, rows, delimiter), header, rows)


@kind
def inch_marks_and_words_in_quotes(chance: Random) -> Variation:
    header, rows, delimiter = _things(chance, size(chance))
    odd = ['"2" is two', '"Quoted" brand pipe', '"L" bracket 3"', '"A" or "B"', '"loose']
    for _ in range(chance.randrange(1, 4)):
        chance.choice(rows)[1] = chance.choice(odd)
    return made(_unquoted(header, rows, delimiter), header, rows)


@kind
def quotes_that_pair_up_by_chance(chance: Random) -> Variation:
    """One cell begins with a quote, and one further down ends with one."""
    header, rows, delimiter = _things(chance, max(4, size(chance)))
    if chance.random() < 0.5:
        for row in rows:
            row[1] = row[1].replace('"', "")
    first = chance.randrange(len(rows) - 1)
    rows[first][1] = '"loose'
    rows[chance.randrange(first + 1, min(first + 4, len(rows)))][1] = 'end"'
    return made(_unquoted(header, rows, delimiter), header, rows)


@kind
def a_list_of_words_in_quotes(chance: Random) -> Variation:
    header, rows = v.names(chance, 3), []
    for _ in range(size(chance)):
        words = ",".join(f'"{v.word(chance)}"' for _ in range(chance.randrange(2, 4)))
        rows.append([v.word(chance), words, v.integer(chance)])
    return made(_unquoted(header, rows, ";"), header, rows)


@kind
def apostrophes(chance: Random) -> Variation:
    header, rows, _ = frame(chance, (v.word, v.full_name, v.place), size(chance))
    words = ["'s Hertogenbosch", "O'Brien", "'t Hart", "D'Arcy", "rock 'n' roll", "'80s"]
    at = chance.randrange(len(header))
    for row in rows:
        if chance.random() < 0.3:
            row[at] = chance.choice(words)
    return made(written([header, *rows], delimiter_of(chance)), header, rows)


# --- quotes that are some ---


@kind
def padded_after_the_quote(chance: Random) -> Variation:
    header, rows, texts = frame(chance, (v.word, v.place, v.turned_name, v.code), size(chance))
    delimiter = chance.choice(",;|")
    wide = chance.choice([14, 20])
    lines = [
        delimiter.join(
            quoted(cell).ljust(wide)
            if text and at < len(row) - 1
            else quoted(cell)
            if text
            else cell
            for at, (cell, text) in enumerate(zip(row, texts, strict=True))
        )
        for row in [header, *rows]
    ]
    return made("\n".join(lines) + "\n", header, rows)


@kind
def a_blank_before_some_quotes(chance: Random) -> Variation:
    count = max(4, size(chance))
    comma = chance.choice([v.turned_name, v.full_name])
    rows = [[str(n), v.full_name(chance), comma(chance)] for n in range(count)]
    header = v.names(chance, 3)
    lines = [",".join(header)]
    for row in rows:
        gaps = [" " if chance.random() < 0.1 else "" for _ in row]
        lines.append(f"{row[0]},{gaps[0]}{quoted(row[1])},{gaps[1]}{quoted(row[2])}")
    return made("\n".join(lines) + "\n", header, rows)


@kind
def a_blank_after_every_delimiter(chance: Random) -> Variation:
    header, rows, _ = frame(chance, (v.word, v.full_name, v.day, v.url), size(chance))
    header, rows = [*header, "text"], [[*row, v.phrase(chance)] for row in rows]
    return made("\n".join(", ".join(row) for row in [header, *rows]) + "\n", header, rows)


@kind
def apostrophes_as_quotes(chance: Random) -> Variation:
    header, rows, _ = frame(chance, (v.word, v.place, v.turned_name), size(chance))
    text = written([header, *rows], delimiter_of(chance), quotechar="'", quoting=csv.QUOTE_ALL)
    return made(text, header, rows)


@kind
def the_first_quote_comes_late(chance: Random) -> Variation:
    header, rows, _ = frame(chance, (v.word, v.place, v.code), chance.randrange(600, 1500))
    delimiter = delimiter_of(chance)
    late = chance.randrange(len(rows) // 2, len(rows))
    rows[late][0] = f'{v.word(chance)}{delimiter} "{v.word(chance)}"'
    return made(written([header, *rows], delimiter), header, rows)


@kind
def lines_in_cells(chance: Random) -> Variation:
    header, rows, _ = frame(chance, (v.sentence, v.phrase, v.word), max(3, size(chance)))
    header, rows = ["text", *header], [[v.phrase(chance), *row] for row in rows]
    for row in rows:
        if chance.random() < 0.4:
            row[0] = "\n".join(v.sentence(chance) for _ in range(chance.randrange(2, 5)))
    end = chance.choice(["\n", "\r\n"])
    return made(written([header, *rows], delimiter_of(chance), end), header, rows)


@kind
def a_line_feed_in_the_header(chance: Random) -> Variation:
    header, rows, _ = frame(chance, (v.word, v.day), size(chance))
    for at in chance.sample(range(len(header)), chance.randrange(1, len(header) + 1)):
        header[at] = f"{header[at]}\n({chance.choice(['EUR', 'old', 'net'])})"
    end = chance.choice(["\n", "\r\n", "\r\n"])
    return made(written([header, *rows], delimiter_of(chance), end), header, rows)


# --- a quote that is never closed ---


@kind
def an_unclosed_quote_near_the_end(chance: Random) -> Variation:
    header, rows, _ = frame(chance, (v.word, v.full_name, v.phrase), max(8, size(chance)))
    header, rows = ["who", *header], [[v.full_name(chance), *row] for row in rows]
    lines = written([header, *rows], quoting=csv.QUOTE_NONNUMERIC).split("\n")
    broken = chance.randrange(len(rows) // 2, len(rows))
    cell = quoted(rows[broken][0])
    lines[broken + 1] = cell[:-1] + lines[broken + 1][len(cell) :]
    rows = rows[:broken] + rows[broken + 1 :]
    return made("\n".join(lines), header, rows, rejected=1)


# --- backslashes ---

FOLDERS = ("C:\\data", "D:\\temp\\new", "\\\\server\\share", "E:\\reports\\2024")


def _folder(chance: Random) -> str:
    return chance.choice(FOLDERS) + chance.choice(["", "\\", "\\", "\\a.txt"])


@kind
def inch_marks_doubled_and_a_path(chance: Random) -> Variation:
    """Quotes are doubled as in RFC 4180, and some cells end with a backslash."""
    count = size(chance)
    header = v.names(chance, 4)
    rows = [
        [v.integer(chance), _thing(chance), v.word(chance), v.decimal(chance)] for _ in range(count)
    ]
    at = chance.randrange(4)
    for _ in range(chance.choice([1, 1, 3])):
        chance.choice(rows)[at] = chance.choice(FOLDERS) + "\\"
    quoting = chance.choice([csv.QUOTE_ALL, csv.QUOTE_MINIMAL])
    return made(written([header, *rows], delimiter_of(chance), quoting=quoting), header, rows)


@kind
def paths(chance: Random) -> Variation:
    header, rows, _ = frame(chance, (v.word, v.turned_name), size(chance))
    header, rows = [*header, "folder"], [[*row, _folder(chance)] for row in rows]
    return made(written([header, *rows], delimiter_of(chance)), header, rows)


@kind
def a_cell_that_is_a_backslash(chance: Random) -> Variation:
    header, rows, _ = frame(chance, (v.word, v.turned_name, v.sentence), size(chance))
    header, rows = [*header, "note"], [[*row, v.sentence(chance)] for row in rows]
    chance.choice(rows)[chance.randrange(len(header))] = "\\"
    quoting = chance.choice([csv.QUOTE_ALL, csv.QUOTE_MINIMAL])
    return made(written([header, *rows], chance.choice("\t,;|"), quoting=quoting), header, rows)


@kind
def escaped_quotes(chance: Random) -> Variation:
    header, rows, _ = frame(chance, (v.sentence, v.word, v.document), max(4, size(chance)))
    header, rows = [*header, "said"], [[*row, v.sentence(chance)] for row in rows]
    for row in rows:
        if chance.random() < 0.4:
            row[-1] = f'{v.word(chance)} "{v.phrase(chance)}" {v.word(chance)}'
    rows[0][-1] = f'{v.word(chance)} "{v.phrase(chance)}"'
    text = written(
        [header, *rows],
        delimiter_of(chance),
        doublequote=False,
        escapechar="\\",
        quoting=chance.choice([csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    )
    return made(text, header, rows)


@kind
def the_first_escape_comes_late(chance: Random) -> Variation:
    header, rows, _ = frame(chance, (v.turned_name, v.word), chance.randrange(600, 1500))
    header, rows = [*header, "said"], [[*row, v.turned_name(chance)] for row in rows]
    for _ in range(chance.randrange(1, 4)):
        late = chance.randrange(len(rows) // 2, len(rows))
        rows[late][-1] = f'the "{v.word(chance)}", {v.phrase(chance)}'
    text = written([header, *rows], doublequote=False, escapechar="\\", quoting=csv.QUOTE_ALL)
    return made(text, header, rows)


@kind
def escaped_delimiters(chance: Random) -> Variation:
    header, rows, _ = frame(chance, (v.word, v.phrase), max(4, size(chance)))
    header, rows = [*header, "name"], [[*row, v.full_name(chance)] for row in rows]
    delimiter = delimiter_of(chance)
    for row in rows:
        if chance.random() < 0.3:
            row[-1] = f"{v.word(chance)}{delimiter} {v.word(chance)}"
    text = written(
        [header, *rows], delimiter, quoting=csv.QUOTE_NONE, escapechar="\\", quotechar=None
    )
    return made(text, header, rows)


RICH = ('"', '"', "\\", ",", ";", "\t", "|", " ", "a", "b", "1", "x y", "'", '""', "\\\\")


def equal_widths(text: str) -> list[Rows]:
    """The tables of equal widths that some dialect reads in a text, none of them twice."""
    found: list[Rows] = []
    for delimiter in ",;\t|":
        for quote, escape in [('"', None), (None, None), ('"', "\\"), (None, "\\")]:
            quoting = csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE
            lines = io.StringIO(text, newline="")
            try:
                rows = list(
                    csv.reader(
                        lines,
                        delimiter=delimiter,
                        quotechar=quote,
                        escapechar=escape,
                        quoting=quoting,
                        strict=True,
                    )
                )
            except csv.Error:
                continue
            if len({len(row) for row in rows}) == 1 < len(rows[0]) and rows not in found:
                found.append(rows)
    return found


@kind
def texts_of_marks(chance: Random) -> Variation:
    """Texts rich in quotes, backslashes and delimiters, as RFC 4180 has them."""
    width, count = chance.randrange(2, 5), chance.randrange(2, 40)
    header = ["id", *v.names(chance, width - 1)]
    rows = [
        [str(n), *("".join(chance.choices(RICH, k=chance.randrange(6))) for _ in header[1:])]
        for n in range(count)
    ]
    quoting = chance.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
    text = written([header, *rows], chance.choice(",;\t|"), quoting=quoting)
    return made(text, header, rows, ambiguous=len(equal_widths(text)) > 1)


# --- text as it is ---


@kind
def an_outline(chance: Random) -> Variation:
    """Blanks or tabs in front of a text are its depth."""
    count, blank = max(4, size(chance)), chance.choice([" ", "  ", "\t"])
    delimiter = "," if blank == "\t" else chance.choice(",;\t")
    header = v.names(chance, 3)
    rows = [
        [v.code(chance), blank * chance.randrange(4) + v.phrase(chance), v.integer(chance)]
        for _ in range(count)
    ]
    if chance.random() < 0.3:
        rows = [[row[1], row[0], row[2]] for row in rows]
    return made(written([header, *rows], delimiter), header, rows)


@kind
def blanks_after_texts(chance: Random) -> Variation:
    header, rows, texts = frame(chance, (v.word, v.place, v.full_name), size(chance))
    at = texts.index(True)
    wide = chance.choice([8, 20])
    rows = [[*row[:at], row[at].ljust(wide), *row[at + 1 :]] for row in rows]
    return made(written([header, *rows], chance.choice(",;\t|")), header, rows)


@kind
def blanks_before_some_texts(chance: Random) -> Variation:
    header, rows, texts = frame(chance, (v.word, v.place, v.full_name), max(4, size(chance)))
    at = texts.index(True)
    for row in rows:
        row[at] = " " * chance.choice([0, 0, 0, 1, 2]) + row[at]
    return made(written([header, *rows], chance.choice(",;\t|")), header, rows)


# --- quotes beside other lines ---


@kind
def quotes_in_the_title(chance: Random) -> Variation:
    header, rows, _ = frame(chance, (v.word, v.place, v.turned_name), max(4, size(chance)))
    title = chance.choice(['"Report" of 2020\n', 'Report of "all"\n', 'The 5" list\n\n'])
    delimiter = chance.choice(",;\t")
    text = written([header, *rows], delimiter, quoting=csv.QUOTE_ALL)
    return made(title + text, header, rows)


@kind
def quotes_in_comments(chance: Random) -> Variation:
    header, rows, _ = frame(chance, (v.word, v.place, v.turned_name), max(4, size(chance)))
    above = '# it\'s a "list" of 5" things\n# see also \'x\n'
    text = written([header, *rows], chance.choice(",;\t"), quoting=csv.QUOTE_NONNUMERIC)
    return made(above + text, header, rows)


@kind
def documents(chance: Random) -> Variation:
    """JSON in cells, quoted as RFC 4180 has it, or not at all between tabs."""
    rows = [[str(n), v.document(chance), v.word(chance)] for n in range(size(chance))]
    header, delimiter = v.names(chance, 3), chance.choice("\t|;")
    bare = _unquoted(header, rows, delimiter)
    return made(chance.choice([bare, written([header, *rows], delimiter)]), header, rows)
