"""Delimiters that nobody prefers."""

from __future__ import annotations

from pathlib import Path

import pytest
from reader_support import open_path
from sniffer_support import sniff

ROWS = [["id", "name", "price"], ["1", "ann", "2.5"], ["2", "bob", "3.5"], ["3", "cy", "4.5"]]
MARKS = "^~:#&!*$/+=@%?`<>()[]{}\\ -_."


@pytest.mark.parametrize("mark", MARKS)
def test_any_mark_between_names_and_values(tmp_path: Path, mark: str) -> None:
    text = "".join(mark.join(row) + "\n" for row in ROWS)
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
