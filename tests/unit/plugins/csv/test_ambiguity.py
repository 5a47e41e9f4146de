"""Digits around a character that may delimit them or belong to the number."""

from __future__ import annotations

from pathlib import Path

import pytest
from sniffer_support import sniff

from lakefall_plugins.formats.csv.options import CsvSnifferOptions
from lakefall_plugins.formats.csv.sniffing.dialect import detect


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
