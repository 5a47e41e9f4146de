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


DESCRIBED = {
    "widths": ("a,b,n\n5s,15s,8n\nx,y,1\nz,w,2\n", 1),
    "types": ("a,n,d\nVARCHAR(20),int,date\nx,1,2024-01-05\ny,2,2024-01-06\n", 1),
    "dashes": ("id,name,amount\n--,----,------\n1,a,2\n2,b,3\n", 1),
    "psql": ("id|name\n---+-----\n1|a\n2|b\n", 1),
    "Markdown": ("id,name\n---,:---\n1,a\n2,b\n", 1),
    "a logger": (
        "TIMESTAMP,RECORD,t_Avg\nTS,RN,Deg C\n,,Avg\n2024-01-05 00:00:00,0,5.5\n"
        "2024-01-05 00:01:00,1,6.5\n",
        2,
    ),
    "traces and gaps": ("tmax,tmin,rain\nM,M,T\n12,3,0.5\n13,4,0.0\n", 0),
    "letters above texts": ("sex,grade,score\nM,A,m\nx0,y0,0.5\nx1,y1,1.5\n", 0),
    "words of types": ("kind,format\nstring,date\nint,x\nstring,y\n", 0),
    "dashes for gaps": ("a,b\n--,--\n1,2\n3,4\n", 0),
}


@pytest.mark.parametrize("name", DESCRIBED)
def test_rows_that_describe_the_columns(tmp_path: Path, name: str) -> None:
    text, rows = DESCRIBED[name]
    assert sniff(tmp_path, text).units_lines == rows


UNNAMED = {
    "row names": ('"x","y"\n"a",1,2\n"b",3,4\n', "first"),
    "a key, and a column more": ("id,price,side\n1,0.5,buy,0\n2,0.6,sell,0\n3,0.7,buy,1\n", "last"),
    "days, and a column more": ("day,price\n2024-01-05,5,x\n2024-01-06,6,y\n", "last"),
    "quoted numbers of rows": ('"id","x"\n"1",7,2\n"2",8,4\n"3",9,4\n', "first"),
    "names that fit where they stand": (
        "customer,price,town\nAnn,1.5,York,0\nBob,2.5,Hull,1\nCy,3,Ely,0\n",
        "last",
    ),
    "names that fit one column on": ("price,town\na,1.5,York\nb,2.5,Hull\nc,3.5,Ely\n", "first"),
    "row names above text": ("city,kind\nr1,York,a\nr2,Hull,b\nr3,Ely,a\n", "first"),
    "no names, for they repeat": ("town,x\nYork,1,2\nYork,3,4\nHull,3,4\n", "last"),
}


@pytest.mark.parametrize("name", UNNAMED)
def test_which_column_lacks_its_name(tmp_path: Path, name: str) -> None:
    text, column = UNNAMED[name]
    assert sniff(tmp_path, text).unnamed_column == column


NUMBERED = {
    "heights": "turbine,0.0,0.5\nT01,1.25,7.5\nT02,3.75,8.5\nT03,4.5,2.25\n",
    "hours": "station,0,1,2,3\nA,5,9,2,8\nB,4,4,9,7\n",
    "uneven steps": "site,412,443,490,510,555\nA1,0.3,0.5,0.2,0.1,0.6\nA2,0.4,0.2,0.2,0.7,0.1\n",
    "one year": "name,2008\nAnn,512\nBob,617\nCy,44\n",
    "years, the last first": "Museums,2011,2010\nModern,23.8,17.5\nPuppets,in repair,in repair\n",
}


@pytest.mark.parametrize("text", NUMBERED.values(), ids=NUMBERED)
def test_numbers_in_steps_name_columns(tmp_path: Path, text: str) -> None:
    assert sniff(tmp_path, text).has_header


HEADLESS = {
    "a gap in the first record": "Halle,-\nBonn,21/05/2024\nMainz,22/05/2024\nKiel,23/05/2024\n",
    "a gap first": "NA,Paris,-826.403,53975\n2024-01-05,Rome,5.5,7\n2024-01-06,Oslo,6.5,8\n",
    "an empty cell in the first record": "Halle,\nBonn,12\nMainz,25\nKiel,31\n",
    "capitals as in the records": "Pedro,Leeds,red\nMark,York,blue\nAnn,Hull,gray\nSue,Ely,black\n",
    "one year among years": "Halle,2008\nBonn,2011\nMainz,2005\nKiel,1999\n",
}


@pytest.mark.parametrize("text", HEADLESS.values(), ids=HEADLESS)
def test_first_records_that_are_no_names(tmp_path: Path, text: str) -> None:
    assert not sniff(tmp_path, text).has_header


@pytest.mark.parametrize(
    "upper", ["Country,Sales,,\n,", "Country,Sales,Sales,Sales\n,", ",Sales,,\nCountry,"]
)
def test_a_second_row_of_years_is_joined(tmp_path: Path, upper: str) -> None:
    found = sniff(tmp_path, upper + "2019,2020,2021\nOslo,1.5,2.5,3\nRome,4.5,2,7\n")
    opened = open_path(tmp_path / "file.csv", tmp_path, found)
    assert opened.records.header == ("Country", "Sales 2019", "Sales 2020", "Sales 2021")


def test_all_records_lack_the_last_field(tmp_path: Path) -> None:
    text = "a,b,note\n" + "".join(f"{n},x{n}\n" for n in range(40))
    opened = open_path(tmp_path / "file.csv", tmp_path, sniff(tmp_path, text))
    assert (opened.records.header, len(opened.rows)) == (("a", "b", "note"), 40)
    assert "40 records lack their last fields" in opened.records.warnings[0]


@pytest.mark.parametrize("text", ["a,b,\n1,2,\n3,4\n", "a,b,\n1,2\n3,4,\n"])
def test_a_nameless_last_column_that_is_empty_is_none(tmp_path: Path, text: str) -> None:
    opened = open_path(tmp_path / "file.csv", tmp_path, sniff(tmp_path, text))
    assert (opened.records.header, opened.rows) == (("a", "b"), [("1", "2"), ("3", "4")])


def test_a_name_above_a_few_letters_that_come_again(tmp_path: Path) -> None:
    """Names of one letter above codes of one letter: each code comes again, no name does."""
    rows = "M,M,T\nM,M,T\nF,M,T\nM,F,F\nF,F,T\nM,M,F\nF,F,T\n"
    assert sniff(tmp_path, "a,b,c\n" + rows).has_header
    assert not sniff(tmp_path, rows).has_header
