"""Whether the first row names the columns; several rows of names, units, names left out."""

from __future__ import annotations

from pathlib import Path

import pytest
from reader_support import open_path
from sniffer_support import RUN, local, sniff, sniffer

from lakefall.contract.errors import MultiRowHeaderError
from lakefall_plugins.formats.csv.reading.head import joined
from lakefall_plugins.formats.csv.sniffing.header import judge
from lakefall_plugins.formats.csv.sniffing.units import is_unit

WITH = {
    "names over numbers": "id,price\n1,2.5\n2,3.5",
    "all text": "first name,town\nAnn,Oxford\nBob,Leeds\nCy,York",
    "one row of text": "name,city\nBob,Rome",
    "a header alone": "id,name,price",
    "an unnamed index": ",a,b\n0,1,2\n1,3,4",
    "the same name twice": "a,a,b\n1,2,3\n4,5,6",
    "years as names": "country,2000,2001,2002\nFR,15,25,35\nDE,25,35,45",
    "booleans": "flag,on\ntrue,false\nfalse,true",
    "dates below": "day\n2020-01-01\n2020-01-02",
}
WITHOUT = {
    "numbers": "1,2\n3,4\n5,6",
    "values of every type": "1,ann,2020-01-01\n2,bob,2020-01-02\n3,cy,2020-01-03",
    "codes of one shape": "A01,x1\nB02,y2\nC03,z3\nD04,w4",
    "truth values": "B428,pest,true\nB749,a word,false",
    "one number": "42",
    "categories that come back": "north,x\nsouth,y\nnorth,x\nnorth,y\nsouth,x",
}


def rows(text: str) -> list[list[str]]:
    return [line.split(",") for line in text.split("\n")]


@pytest.mark.parametrize("text", WITH.values(), ids=WITH)
def test_present(text: str) -> None:
    first, *body = rows(text)
    assert judge(first, body).present


@pytest.mark.parametrize("text", WITHOUT.values(), ids=WITHOUT)
def test_absent(text: str) -> None:
    first, *body = rows(text)
    assert not judge(first, body).present


def test_the_live_table_decides_where_the_file_does_not() -> None:
    first, *body = rows("north,x\nsouth,y\neast,z")
    assert judge(first, body).present
    assert not judge(first, body, ["region", "kind"]).present
    known = judge(first, body, ["North", "X"])
    assert known.present
    assert any("columns" in sentence for sentence in known.evidence)


def test_names_that_the_table_has_outweigh_repeated_values() -> None:
    first, *body = rows("north,x\nsouth,y\nnorth,x\nnorth,y\nsouth,x")
    assert judge(first, body, ["north", "x"]).present


TWO_ROWS = {
    "spans": (
        "day,wind,,rain,\n,speed,gust,sum,peak\n2020-01-01,1.5,2.5,3,4\n2020-01-02,1,2,3,4\n",
        ("day", "wind speed", "wind gust", "rain sum", "rain peak"),
    ),
    "a span at the beginning": (
        "control,,fire,\nX,Y,X,Y\n4.4,0.1,4.8,2.0\n4.6,-1.0,5.1,3.0\n",
        ("control X", "control Y", "fire X", "fire Y"),
    ),
    "some columns with one name": (
        "date,town,travel,,,other,total\n,,air,rail,taxi,,\n"
        "04/04/2014,Cardiff,,65.60,,,65.60\n09/04/2014,London,,,16.00,,16.00\n",
        ("date", "town", "travel air", "travel rail", "travel taxi", "other", "total"),
    ),
}


@pytest.mark.parametrize(("text", "header"), TWO_ROWS.values(), ids=TWO_ROWS)
def test_a_header_on_two_rows_is_joined(tmp_path: Path, text: str, header: tuple[str, ...]) -> None:
    found = sniff(tmp_path, text)
    assert (found.header_lines, found.preamble_lines) == (2, 0)
    assert any("2 rows" in sentence for sentence in found.evidence)
    opened = open_path(tmp_path / "file.csv", tmp_path, found)
    assert opened.records.header == header
    assert (len(opened.rows), opened.lines[0]) == (2, 3)


ONE_ROW = {
    "a record of text": "name,,city\nAnn,x,Rome\nBob,y,Bonn\n",
    "records with a gap": "a,b,c\nx,,1\ny,2,3\n",
    "an unnamed index": ",name,n\nx,Ann,1\ny,Bob,2\n",
    "a record where all is text": "a,,b,\nw,x,y,z\np,q,r,s\n",
}


@pytest.mark.parametrize("text", ONE_ROW.values(), ids=ONE_ROW)
def test_a_record_is_no_second_row_of_names(tmp_path: Path, text: str) -> None:
    assert sniff(tmp_path, text).header_lines == 1


def test_a_given_number_of_header_rows_holds(tmp_path: Path) -> None:
    text = "a,b\nfirst,second\nx,y\n"
    assert sniff(tmp_path, text).header_lines == 1
    found = sniff(tmp_path, text, header_lines=2, header="present")
    assert open_path(tmp_path / "file.csv", tmp_path, found).records.header == (
        "a first",
        "b second",
    )
    assert sniff(tmp_path, TWO_ROWS["spans"][0], header_lines=1).header_lines == 1


def test_a_header_on_two_rows_may_fail(tmp_path: Path) -> None:
    file = local(tmp_path, TWO_ROWS["spans"][0])
    assert sniffer().sniff(RUN, file, None).header_lines == 2
    with pytest.raises(MultiRowHeaderError, match=r"^orders/a\.csv: .* 2 rows.* line 1") as caught:
        sniffer(on_multi_row_header="fail").sniff(RUN, file, None)
    assert caught.value.format is not None
    assert "{on_multi_row_header: join}" in str(caught.value)
    assert "{header_lines: 1}" in str(caught.value)
    alone = sniffer(on_multi_row_header="fail", header_lines=1)
    assert alone.sniff(RUN, file, None).header_lines == 1


def test_names_are_joined_by_column() -> None:
    assert joined([["a", "b"]]) == ["a", "b"]
    assert joined([["x", "", ""], ["p", "q", "r"]]) == ["x p", "x q", "x r"]
    assert joined([["x", ""], ["", "q"]]) == ["x", "q"]
    assert joined([["x"], ["p", "q"]]) == ["x p", "x q"]


UNITS = {
    "bare": "s,m,m/s,%",
    "in brackets": "[s],[m],[m/s],[-]",
    "in parentheses": "(s),(m),(m s-1),(1)",
    "some left out": ",m,m/s,",
}


@pytest.mark.parametrize("units", UNITS.values(), ids=UNITS)
def test_a_row_of_units_is_skipped(tmp_path: Path, units: str) -> None:
    found = sniff(tmp_path, f"time,depth,speed,share\n{units}\n1,2.5,3.5,4\n2,3.5,4.5,5\n")
    assert (found.header_lines, found.units_lines) == (1, 1)
    assert any("units" in sentence for sentence in found.evidence)
    opened = open_path(tmp_path / "file.csv", tmp_path, found)
    assert opened.records.header == ("time", "depth", "speed", "share")
    assert (opened.lines, opened.records.lines_skipped) == ([3, 4], 1)


NO_UNITS = {
    "a record": "name,code\nm,1\ns,2\n",
    "categories": "sex,age\nM,31\nF,45\n",
    "missing values": "a,b,c\n-,-,-\n1,2,3\n4,5,6\n",
    "all of text": "size,town\nm,s\nkg,m\n",
    "a missing value": "sex,class,age\nM,C,-\nF,B,25\nX,A,31\n",
    "values that come again": "code,n\nm,h\nx,3\nm,4\n",
    "one record": "time,depth\ns,m\n",
    "a unit among missing values": "size,a,b,c,d\n,m,,,\nx,1,2,3,4\ny,5,6,7,8\n",
}


@pytest.mark.parametrize("text", NO_UNITS.values(), ids=NO_UNITS)
def test_records_are_no_units(tmp_path: Path, text: str) -> None:
    assert sniff(tmp_path, text).units_lines == 0


def test_units_by_option(tmp_path: Path) -> None:
    units = "t,v\ns,m\n1,2\n3,4\n"
    assert sniff(tmp_path, units, units_row="absent").units_lines == 0
    assert sniff(tmp_path, "t,v\nfoo,bar\n1,2\n3,4\n", units_row="present").units_lines == 1


@pytest.mark.parametrize("unit", ["m", "m/s", "mg/L", "kg m-3", "°C", "W/m^2", "(any)", "%", "m²"])
def test_units(unit: str) -> None:
    assert is_unit(unit)


@pytest.mark.parametrize("text", ["", "Ann", "12", "2020-01-01", "speed", "x", "m and s", "()x"])
def test_other_words_are_no_units(text: str) -> None:
    assert not is_unit(text)


def test_row_names_of_r(tmp_path: Path) -> None:
    found = sniff(tmp_path, '"x","y"\n"r1",1,2.5\n"r2",3,4.5\n')
    assert (found.unnamed_column, found.has_header) == ("first", True)
    opened = open_path(tmp_path / "file.csv", tmp_path, found)
    assert opened.records.header == ("", "x", "y")
    assert opened.rows == [("r1", "1", "2.5"), ("r2", "3", "4.5")]


def test_a_blank_last_field_is_kept(tmp_path: Path) -> None:
    found = sniff(tmp_path, '"name";"time"\n"a";"1";"\n"\n"b";"2";"\n"\n')
    assert found.unnamed_column == "last"
    opened = open_path(tmp_path / "file.csv", tmp_path, found)
    assert opened.records.header == ("name", "time", "")
    assert opened.rows == [("a", "1", "\n"), ("b", "2", "\n")]


@pytest.mark.parametrize(
    "text", ["a,b\n1,2,\n3,4,\n", "a,b,\n1,2\n3,4\n", "a,b\n1,2\n3,4,5\n6,7\n"]
)
def test_delimiters_at_the_end_make_no_column(tmp_path: Path, text: str) -> None:
    found = sniff(tmp_path, text)
    assert found.unnamed_column == ""
    assert open_path(tmp_path / "file.csv", tmp_path, found).records.header == ("a", "b")


SHORT = "a,b,c,d\n1,x\n2,y\n3,z,q\n4,w\n5,v,p,o\n"


def test_short_records_are_filled_where_most_are_short(tmp_path: Path) -> None:
    found = sniff(tmp_path, SHORT)
    assert (found.short_records, found.has_header, found.preamble_lines) == (True, True, 0)
    opened = open_path(tmp_path / "file.csv", tmp_path, found)
    assert opened.rows[0] == ("1", "x", None, None)
    assert opened.rows[4] == ("5", "v", "p", "o")
    assert "4 records lack their last fields" in opened.records.warnings[0]
    strict = open_path(tmp_path / "file.csv", tmp_path, found, short_records="reject")
    assert [line for line, _ in strict.reasons] == [2, 3, 4, 5]


def test_short_records_with_quotes_inside_cells(tmp_path: Path) -> None:
    found = sniff(tmp_path, SHORT.replace("p", 'p"p').replace("x", '5"'))
    assert (found.short_records, found.quotechar) == (True, '"')


NOT_SHORT = {
    "a few": "a,b,c\n1,2,3\n4,5\n6,7,8\n9,1,2\n",
    "few records": "a,b,c\n1,2,3\n4,5\n6,7\n",
    "longer ones, too": "a,b,c\n1,2\n3,4\n5,6,7,8\n9,1\n",
    "a title with commas": "Sales, all of them, by day, in euro\na,b,c\n1,2,3\n4,5,6\n",
    "a title without blanks": "north,south,east,west\na,b,c\n1,2,3\n4,5,6\n",
    "another table": "a,b,c\n1,2,3\n4,5,6\n" + "x,y\n" + "7,8\n" * 9,
    "values above": "1,2,3,4\n5,6\n7,8\n9,1\n",
}


@pytest.mark.parametrize("text", NOT_SHORT.values(), ids=NOT_SHORT)
def test_other_ragged_files_are_not_filled(tmp_path: Path, text: str) -> None:
    assert not sniff(tmp_path, text).short_records
