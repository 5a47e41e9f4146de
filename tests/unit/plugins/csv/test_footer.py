"""Lines after the table."""

from __future__ import annotations

from pathlib import Path

import pytest
from reader_support import open_path
from sniffer_support import sniff

TABLE = "id,name,amount\n1,ann,5.5\n2,bob,6.25\n3,cy,7.75\n"
FOOTERS = {
    "none": ("", 0),
    "blank lines": ("\n\n", 0),
    "a note": ("Source: the ministry\n", 1),
    "a set-off word": ("\nend\n", 1),
    "two notes": ("\nTotal rows: 3\nSource: the ministry\n", 2),
    "a record that was cut short": ("4", 0),
    "the DOS mark": ("\x1a", 1),
    "empty rows": (",,\n,,\n", 2),
    "an empty row and a note": (",,\nSource: the ministry,,\n", 2),
    "a padded note right below": ("Source: the ministry,,\n", 0),
    "a record with a first cell": (",,\n5,,\n", 0),
    "an empty row between records": (",,\n5,x,1\n", 0),
}


@pytest.mark.parametrize("rows", [1, 2000], ids=["short", "long"])
@pytest.mark.parametrize(("below", "lines"), FOOTERS.values(), ids=FOOTERS)
def test_footer(tmp_path: Path, below: str, lines: int, rows: int) -> None:
    found = sniff(tmp_path, TABLE + "4,dee,8.5\n" * rows + below)
    assert (found.footer_lines, found.delimiter) == (lines, ",")
    assert any("below the table" in sentence for sentence in found.evidence) == (lines > 0)


def test_names_in_the_first_column_are_no_notes(tmp_path: Path) -> None:
    found = sniff(tmp_path, "name,a,b\nAnn Lee,1,2\nBob Day,3,4\n,,\nCy Roe,,\n")
    assert found.footer_lines == 0


def test_any_number_of_empty_rows_is_a_footer(tmp_path: Path) -> None:
    found = sniff(tmp_path, TABLE + ",,\r\n" * 50_000)
    assert found.footer_lines == 50_000
    opened = open_path(tmp_path / "file.csv", tmp_path, found)
    assert (len(opened.rows), opened.records.lines_skipped) == (3, 50_000)


def test_a_file_of_empty_rows_alone_has_no_footer(tmp_path: Path) -> None:
    assert sniff(tmp_path, "a,b,c\n" + ",,\n" * 10).footer_lines == 0
