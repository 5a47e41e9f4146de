"""Which character delimits: unusual ones, several at once, and those that belong to values."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reader_support import open_path
from sniffer_support import sniff

from lakefall.contract.errors import UnsupportedFormatError
from lakefall_plugins.formats.csv.options import CsvSnifferOptions
from lakefall_plugins.formats.csv.sniffing.dialect import detect

RECORDS = [["id", "name", "price"], ["1", "ann", "2.5"], ["2", "bob", "3.5"], ["3", "cy", "4.5"]]
MARKS = "^~:#&!*$/+=@%?`<>()[]{}\\ -_."


@pytest.mark.parametrize("mark", MARKS)
def test_any_mark_between_names_and_values(tmp_path: Path, mark: str) -> None:
    text = "".join(mark.join(row) + "\n" for row in RECORDS)
    if mark == ".":
        text = text.replace("2.5", "2").replace("3.5", "3").replace("4.5", "4")
    found = sniff(tmp_path, text)
    assert (found.delimiter, found.has_header) == (mark, True)
    assert found.confidence > 0.5


@pytest.mark.parametrize("mark", "^~:#&!*$/+=@%?")
def test_two_columns(tmp_path: Path, mark: str) -> None:
    text = f"id{mark}name\n" + "".join(f"{n}{mark}word{'x' * n}\n" for n in range(1, 8))
    assert sniff(tmp_path, text).delimiter == mark


VALUES = {
    "days": "date-of-birth\n1990-01-02\n1991-02-03\n1992-03-04\n",
    "paths": "path\n/usr/bin\n/usr/lib\n/var/log\n",
    "names of two words": "full name\nAnn Lee\nBob Day\nCy Roe\nDee Fox\n",
    "codes": "item-code\nAB-12\nCD-34\nEF-56\n",
    "versions": "version\n1.2.3\n1.2.4\n2.0.0\n",
    "identifiers": "snake_name\nfirst_one\nsecond_two\n",
    "mail": "mail\nann@example.org\nbob@example.org\n",
}


@pytest.mark.parametrize("text", VALUES.values(), ids=VALUES)
def test_parts_of_values_are_no_columns(tmp_path: Path, text: str) -> None:
    assert sniff(tmp_path, text).delimiter == ""


FIRST = "Ann Bob Carla Dmitri Elena Farid Grace Hiro Ines Jonas Kofi Lena".split()  # noqa: SIM905
LAST = "Amber Bridge Copper Dagger Forest Harbor Island Kettle Ladder Mirror".split()  # noqa: SIM905


def _record(chance: Random) -> str:
    one, two = (f"{chance.choice(FIRST)} {chance.choice(LAST)}" for _ in range(2))
    return f"{one}{{0}}{chance.randrange(10 ** chance.randrange(1, 6))}{{0}}{two}\n"


NAMED = "".join(map(_record, [Random(2)] * 31))
"""Two names of two words in every record, and a number between them."""
ABOVE = {
    "names of one word": "buyer{0}amount{0}seller\n",
    "names of two words": "Buyer name{0}Amount due{0}Seller name\n",
    "a title": "Tunnel harbor\n\nBUYER{0}AMOUNT{0}SELLER\n",
    "nothing": "",
}


@pytest.mark.parametrize("mark", "#&*!~^")
@pytest.mark.parametrize("above", ABOVE.values(), ids=ABOVE)
def test_blanks_in_names_do_not_divide_where_a_mark_does(
    tmp_path: Path, above: str, mark: str
) -> None:
    found = sniff(tmp_path, (above + NAMED).format(mark))
    assert found.delimiter == mark


def test_marks_that_touch_blanks_do_not_divide(tmp_path: Path) -> None:
    text = "a b c\n" + "".join(f"x{n} * {n}\n" for n in range(12))
    assert sniff(tmp_path, text).delimiter == " "


@pytest.mark.parametrize("mark", ["^", "~", ":", " ", "#", "="])
def test_quoted_cells_show_what_is_between_them(tmp_path: Path, mark: str) -> None:
    rows = [["a, b|c", "x y", "1"], ["d, e|f", "z w", "2"], ["g, h|i", "u v", "3"]]
    text = "".join(mark.join(f'"{cell}"' for cell in row) + "\n" for row in rows)
    assert sniff(tmp_path, text).delimiter == mark


def test_a_key_and_a_list(tmp_path: Path) -> None:
    found = sniff(tmp_path, "id=values\n1=3,4,5\n2=6,7,8\n3=9,10,11\n4=13,14,15\n5=16;17\n")
    assert found.delimiter == "="


ALIGNED = "name     x      y\nann    1.5   10.0\nbob   12.5    7.25\ncy     3.0  100.5\n"


def test_columns_aligned_with_blanks(tmp_path: Path) -> None:
    found = sniff(tmp_path, ALIGNED)
    assert (found.delimiter, found.skip_initial_space, found.has_header) == (" ", True, True)
    opened = open_path(tmp_path / "file.csv", tmp_path, found)
    assert opened.records.header == ("name", "x", "y")
    assert opened.rows == [("ann", "1.5", "10.0"), ("bob", "12.5", "7.25"), ("cy", "3.0", "100.5")]


def test_quotes_that_come_late_among_aligned_columns(tmp_path: Path) -> None:
    found = sniff(tmp_path, ALIGNED + "dee  1.0   2.0\n" * 3000 + '"el m"  3.0  4.0\n')
    assert (found.delimiter, found.quotechar, found.skip_initial_space) == (" ", '"', True)


def test_blanks_before_the_first_column_and_after_the_last(tmp_path: Path) -> None:
    found = sniff(tmp_path, "  t   v \n 1  10 \n22   7 \n 3 150 \n")
    opened = open_path(tmp_path / "file.csv", tmp_path, found)
    assert [row[:2] for row in opened.rows] == [("1", "10"), ("22", "7"), ("3", "150")]


def test_escapes_without_quotes(tmp_path: Path) -> None:
    found = sniff(tmp_path, "id,name,n\n1,Lee\\, Ann,5\n2,Day\\, Bob,7\n3,Roe,9\n4,Fox\\, Dee,2\n")
    assert (found.delimiter, found.quotechar, found.escapechar) == (",", "", "\\")
    opened = open_path(tmp_path / "file.csv", tmp_path, found)
    assert opened.rows[0] == ("1", "Lee, Ann", "5")


def test_folders_of_windows_are_no_escapes(tmp_path: Path) -> None:
    assert sniff(tmp_path, "path,n\nC:\\a,1\nD:\\b,2\n").escapechar == ""


SEVERAL = {
    "colons": (
        "1::Toy Story (1995)::Animation|Comedy\n2::Jumanji (1995)::Adventure\n",
        "::",
    ),
    "pipes": ("id||name||city\n1||Ann||Rome\n2||||Bonn\n", "||"),
    "tildes around a pipe": ("id~|~name~|~n\n1~|~a,b~|~2\n3~|~c~|~4\n", "~|~"),
    "carets": ("id^^name\n1^^x\n2^^y\n", "^^"),
}


@pytest.mark.parametrize(("text", "delimiter"), SEVERAL.values(), ids=SEVERAL)
def test_it_is_named_and_refused(tmp_path: Path, text: str, delimiter: str) -> None:
    found = sniff(tmp_path, text)
    assert found.delimiter == delimiter
    assert found.confidence > 0.5
    with pytest.raises(UnsupportedFormatError) as caught:
        open_path(tmp_path / "file.csv", tmp_path, found)
    assert repr(delimiter) in str(caught.value)
    assert f"set sniffer.delimiter to {json.dumps(delimiter)}" in str(caught.value)
    told = sniff(tmp_path, text, delimiter=delimiter, on_missing_header="generate")
    rows = [tuple(line.split(delimiter)) for line in text.splitlines()]
    opened = open_path(tmp_path / "file.csv", tmp_path, told)
    assert opened.rows == [tuple(c or None for c in row) for row in rows[told.has_header :]]


@settings(deadline=None)
@given(
    st.sampled_from(["||", "::", "~|~", "^^", "&&&"]),
    st.lists(
        st.lists(st.text('ab|:~^& "\n', max_size=6), min_size=2, max_size=2),
        min_size=1,
        max_size=6,
    ),
)
def test_one_that_is_given_is_read(delimiter: str, rows: list[list[str]]) -> None:
    """Cells that hold the delimiter, a part of it, quotes and line ends, all of them in quotes."""
    written = [["name", "n"], *([cell, str(n)] for n, row in enumerate(rows) for cell in row)]
    text = "".join(
        delimiter.join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row) + "\n"
        for row in written
    )
    with TemporaryDirectory() as folder:
        found = sniff(Path(folder), text, delimiter=delimiter, header="present")
        opened = open_path(Path(folder) / "file.csv", Path(folder), found)
    assert (found.delimiter, found.quotechar) == (delimiter, '"')
    assert opened.rows == [tuple(row) for row in written[1:]]


SEVERAL_WITH_MORE = {
    "itself in quotes": 'id||name\n1||"a||b"\n2||c\n3||"d"\n',
    "lines in quotes": 'id||name\n1||"a\n|| b"\n2||"c"\n3||"d"\n',
    "a record cut short": "id||name||n\n" + "1||a||2\n" * 8 + "9||b\n",
}


@pytest.mark.parametrize("text", SEVERAL_WITH_MORE.values(), ids=SEVERAL_WITH_MORE)
def test_it_is_found_all_the_same(tmp_path: Path, text: str) -> None:
    assert sniff(tmp_path, text).delimiter == "||"


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_a_load_file_of_concordance(tmp_path: Path, encoding: str) -> None:
    rows = [("DOCID", "TITLE"), ("D1", 'Café, "a"'), ("D2", "þ in\r\ntwo lines"), ("D3", "")]
    lines = ("\x14".join(f"þ{cell.replace('þ', 'þþ')}þ" for cell in row) for row in rows)
    path = tmp_path / "file.csv"
    path.write_bytes("".join(f"{line}\r\n" for line in lines).encode(encoding))
    found = detect(path, CsvSnifferOptions())
    assert (found.delimiter, found.quotechar, found.encoding) == ("\x14", "\u00fe", encoding)
    assert found.has_header and found.confidence > 0.9
    assert open_path(path, tmp_path, found).rows == rows[1:]


SINGLE = {
    "empty cells": ("a|b|c\n1||3\n||4\n5||\n", "|"),
    "empty columns between commas": ("a,,b\n1,,2\n3,,4\n", ","),
    "empty columns between semicolons": ("a;;b\n1;;2\n3;;4\n", ";"),
    "a sign after the delimiter": ("a;$1;b\nc;$2;d\ne;$3;f\n", ";"),
    "addresses": ("https://example.org/a\nhttps://example.org/b\n", ""),
    "comparisons": ("rule,n\na!=b,1\nc!=d,2\n", ","),
    "a wall": ("||a||b||\n||c||d||\n", "|"),
}


@pytest.mark.parametrize(("text", "delimiter"), SINGLE.values(), ids=SINGLE)
def test_one_character_stays_one(tmp_path: Path, text: str, delimiter: str) -> None:
    assert sniff(tmp_path, text).delimiter == delimiter


@pytest.mark.parametrize("rows", [3, 300, 1500])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("names", [("id", "v"), ("a", "b", "c"), ()])
@pytest.mark.parametrize("first", [0, 100])
def test_integers_side_by_side(
    tmp_path: Path, rows: int, delimiter: str, names: tuple[str, ...], first: int
) -> None:
    width = len(names) or 2
    body = [[str(first + i % 90 if first else i)] * width for i in range(rows)]
    lines = [delimiter.join(cells) for cells in ([list(names)] if names else []) + body]
    found = sniff(tmp_path, "\n".join(lines) + "\n")
    assert found.delimiter == delimiter
    assert found.has_header == bool(names)


ROWS = range(1, 120)
DECIMAL = {
    "one place": [f"{i},{i * 7 % 10}" for i in ROWS],
    "two places": [f"{i},{i * 7 % 100:02}" for i in ROWS],
    "places that differ": [f"{i},{i * 7 % 100}" for i in ROWS],
    "thousands": [f"{i},{i * 7:03}" for i in ROWS],
    "thousands of every size": [f"{i**4:,}" for i in ROWS],
    "some whole": [f"{i},5" if i % 20 else str(i) for i in ROWS],
}


@pytest.mark.parametrize("name", ["amount", "Total EUR", "Betrag_2024"])
@pytest.mark.parametrize("rows", [3, 119])
@pytest.mark.parametrize("values", DECIMAL.values(), ids=DECIMAL)
def test_a_name_without_the_character_makes_a_single_column(
    tmp_path: Path, values: list[str], rows: int, name: str
) -> None:
    found = sniff(tmp_path, "\n".join([name, *values[:rows]]))
    assert (found.delimiter, found.has_header) == ("", True)
    assert found.confidence > 0.9


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
@pytest.mark.parametrize("values", DECIMAL.values(), ids=DECIMAL)
def test_decimal_commas_beside_another_delimiter(
    tmp_path: Path, values: list[str], delimiter: str
) -> None:
    lines = [f"{i}{delimiter}{value}" for i, value in enumerate(values)]
    assert sniff(tmp_path, "\n".join([f"id{delimiter}amount", *lines])).delimiter == delimiter
    assert sniff(tmp_path, "\n".join(lines)).delimiter == delimiter


TWO_COLUMNS = {
    "a word among the rows": "1,5\n2,75\n3,n/a\n4,1\n",
    "a header above": "lat,lon\n47,9\n48,11\n46,8\n",
    "a title above the header": "Results\nlat,lon\n47,9\n48,11\n46,8\n",
    "padded numbers": "01,02\n03,04\n05,06\n",
    "dates": "01,02,2024\n03,04,2024\n28,12,2023\n",
    "places": "47.1234,-9.5\n48.5,11.25\n",
}


@pytest.mark.parametrize("text", TWO_COLUMNS.values(), ids=TWO_COLUMNS)
def test_lines_that_are_no_numbers_show_the_delimiter(tmp_path: Path, text: str) -> None:
    found = sniff(tmp_path, text)
    assert found.delimiter == ","
    assert found.confidence > 0.9


def test_a_currency_belongs_to_the_whole_number(tmp_path: Path) -> None:
    assert sniff(tmp_path, "$1,234\n$2,345\n$3,456\n").delimiter == ""


def test_without_a_name_two_columns_are_assumed_and_not_sure(tmp_path: Path) -> None:
    found = sniff(tmp_path, "\n".join(DECIMAL["two places"]))
    assert found.delimiter == ","
    assert 0.5 < found.confidence < 0.9
    assert found.runner_up is not None
    assert found.runner_up.delimiter == ""


WORDS = ["rome", "paris", "bonn", "lima", "oslo", "kyiv", "bern", "riga", "baku"]


@pytest.mark.parametrize("separator", [",", "|"])
@pytest.mark.parametrize("rows", [10, 400])
def test_a_name_or_a_title_over_two_words_is_not_sure(
    tmp_path: Path, rows: int, separator: str
) -> None:
    lines = [f"{WORDS[i * i % 9]}{separator}{WORDS[i * 7 % 8]}" for i in range(rows)]
    assert sniff(tmp_path, "\n".join(["tags", *lines])).confidence < 0.9


@pytest.mark.parametrize("rows", [5, 40, 400])
def test_a_place_on_the_map_is_one_cell_beside_others(tmp_path: Path, rows: int) -> None:
    lines = [f"x{i};{i % 90}.{i * 37 % 1000:03},{-i % 90}.{i * 91 % 1000:03}" for i in range(rows)]
    assert sniff(tmp_path, "\n".join(lines)).delimiter == ";"


@pytest.mark.parametrize("rows", [5, 400])
@pytest.mark.parametrize(
    ("head", "line"),
    [("name\n", "B-{0}"), ("name\n", "{1} {2}"), ("name\n", "{0}.5-{0}.25"), ("", "B-{0}")],
)
def test_parts_of_a_value_are_no_columns(tmp_path: Path, head: str, line: str, rows: int) -> None:
    lines = [line.format(100 + i * 37 % 900, WORDS[i % 9], WORDS[i * i % 9]) for i in range(rows)]
    assert sniff(tmp_path, head + "\n".join(lines)).delimiter == ""


@pytest.mark.parametrize("rows", ["11,a\n12\n", "11,a\n12\n13,a\n14\n", "11,x\n21,bad,row\n"])
def test_a_header_of_names_outweighs_ragged_rows(tmp_path: Path, rows: str) -> None:
    path = tmp_path / "short.csv"
    path.write_text(f"id,name\n{rows}")
    assert detect(path, CsvSnifferOptions()).delimiter == ","


@pytest.mark.parametrize("short", ["1", "word", "some words"])
@pytest.mark.parametrize(("names", "record"), [("a,b", "1,2"), ("id,name,day", "7,x,2024-01-15")])
def test_records_below_names_outweigh_short_ones(
    tmp_path: Path, names: str, record: str, short: str
) -> None:
    lines = [names, *[record] * 20, *[short] * 45]
    found = sniff(tmp_path, "\n".join(lines) + "\n")
    assert (found.delimiter, found.has_header) == (",", True)
    assert 0.5 <= found.confidence < 0.9


@pytest.mark.parametrize("name", ["city", "place name"])
def test_a_list_in_which_some_texts_hold_commas_stays_one_column(tmp_path: Path, name: str) -> None:
    lines = [f"{WORDS[n % 9]}, {WORDS[n % 7]}" if n % 3 else WORDS[n % 9] for n in range(60)]
    assert sniff(tmp_path, "\n".join([name, *lines])).delimiter == ""


def test_tabs_decide_against_commas_in_the_text(tmp_path: Path) -> None:
    text = "".join(f"{'np'[n % 2]}\tI like it, number {n}; really\n" for n in range(8))
    assert sniff(tmp_path, text).delimiter == "\t"


def test_a_tab_at_the_end_of_the_lines_decides_nothing(tmp_path: Path) -> None:
    assert sniff(tmp_path, "".join(f"{n},a{n},{n * 3}\t\n" for n in range(8))).delimiter == ","


@pytest.mark.parametrize("above", ["A title of it\n", "Orders\n\n", "Orders\nof May\n"])
def test_a_rare_delimiter_below_a_title(tmp_path: Path, above: str) -> None:
    rows = "".join(f"{['river', 'stone', 'amber'][n % 3]}~{n}\n" for n in range(20))
    found = sniff(tmp_path, f"{above}word~count\n{rows}")
    assert (found.delimiter, found.preamble_lines) == ("~", above.count("\n"))
    assert sniff(tmp_path, f"path\n{rows.replace('1', 'x~y')}").delimiter == ""


SENTENCES = {
    "all alike": "note\n" + "".join(f"Well, this is note {n}, it seems\n" for n in range(9)),
    "three": "note\n" + "".join(f"Well, this is note {n}, it seems\n" for n in range(3)),
    "of several parts": "note\n"
    + "".join(f"Note {n}, of {n * n} words{', really' * (n % 2)}, it seems\n" for n in range(9)),
}


@pytest.mark.parametrize("text", SENTENCES.values(), ids=SENTENCES)
def test_sentences_below_a_name_are_one_column(tmp_path: Path, text: str) -> None:
    found = sniff(tmp_path, text)
    assert (found.delimiter, found.has_header, found.preamble_lines) == ("", True, 0)


def test_comments_decide_nothing_about_numbers(tmp_path: Path) -> None:
    """``1,2`` below ``x,y`` is two cells, whatever stands above."""
    found = sniff(tmp_path, "% made by x\n% 2024\nx,y\n1,2\n3,4\n5,6\n")
    assert (found.delimiter, found.preamble_lines, found.has_header) == (",", 2, True)
