"""Several tables one below the other."""

from __future__ import annotations

from pathlib import Path

import pytest
from reader_support import open_path
from sniffer_support import sniff


def table(names: str, record: str, records: int) -> str:
    return f"{names}\n" + f"{record}\n" * records


SMALL, LARGE = table("setting,value", "depth,5", 2), table("id,name,amount", "7,ann,2.5", 40)


def test_a_short_table_above_a_long_one_is_a_preamble(tmp_path: Path) -> None:
    found = sniff(tmp_path, SMALL + "\n" + LARGE)
    assert (found.preamble_lines, found.has_header) == (4, True)
    assert any("the one on lines 5 to 45 is taken" in said for said in found.evidence)
    opened = open_path(tmp_path / "file.csv", tmp_path, found)
    assert opened.records.header == ("id", "name", "amount")
    assert (len(opened.rows), opened.records.lines_skipped) == (40, 4)


@pytest.mark.parametrize("other", [3, 11, 30, 100])
def test_the_first_of_tables_of_some_length_is_taken(tmp_path: Path, other: int) -> None:
    found = sniff(tmp_path, LARGE + "\n" + table("x,y", "1,2", other))
    assert (found.preamble_lines, found.delimiter, found.short_records) == (0, ",", False)
    assert found.footer_lines == 0
    opened = open_path(tmp_path / "file.csv", tmp_path, found, max_rejected=0.0)
    assert (len(opened.rows), opened.records.rows_elsewhere) == (40, other + 1)


def test_the_last_table_goes_on_as_far_as_the_file(tmp_path: Path) -> None:
    """The first look is at 125 lines."""
    found = sniff(tmp_path, LARGE + "\n" + table("x,y", "1,2", 5_000))
    assert found.preamble_lines == 42


ONE_TABLE = {
    "keys and values above": "Station,7\nUnit,metre\n" + LARGE,
    "a title with commas": "Sales,by day,in euro,all\n" + LARGE,
    "records of text": "id,name,note\n1,a,b\n2,c,d\nx,y\n3,e,f\n4,g,h\n",
    "a blank line between records": LARGE + "\n8,bob,3.5\n9,cy,4.5\n",
    "a total below": LARGE + "sum,100\n",
}


@pytest.mark.parametrize("text", ONE_TABLE.values(), ids=ONE_TABLE)
def test_one_table_stays_one(tmp_path: Path, text: str) -> None:
    assert not any("tables" in said for said in sniff(tmp_path, text).evidence)
