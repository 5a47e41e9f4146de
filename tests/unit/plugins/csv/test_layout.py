"""Lines before and after the table, comments inside it, and a second table."""

from __future__ import annotations

from pathlib import Path

import pytest
from reader_support import open_path
from sniffer_support import RUN, local, sniff, sniffer

from lakefall.contract.errors import UnsupportedFormatError
from lakefall_plugins.formats.csv.reading.syntax import supported
from lakefall_plugins.formats.csv.sniffing import cells, selection
from lakefall_plugins.formats.csv.sniffing.cells import classify
from lakefall_plugins.formats.csv.sniffing.sample import take

RECORDS = [("1", "a", "1.5"), ("2", "b", "2.5"), ("3", "c", "3.5")]
BODY = "1,a,1.5\n2,b,2.5\n3,c,3.5\n"
TABLE = "id,name,amount\n1,ann,5.5\n2,bob,6.25\n3,cy,7.75\n"


PREAMBLES = {
    "none": ("", 0),
    "blank lines": ("\n\n\n", 3),
    "a title": ("Report of sales\n", 1),
    "a title and a blank line": ("Report of sales\nmade on Monday\n\n", 3),
    "a padded title": ("Report of sales,,\n", 1),
    "a padded title and padding": ("Report of sales,,\n,,\n", 2),
    "comments": ("# made by a machine\n# on Monday\n", 2),
    "a title with commas": ("Sales, all of them, by day, in euro\n", 1),
    "keys and values": ("Station,7\nUnit,metre\n", 2),
}


@pytest.mark.parametrize(("above", "lines"), PREAMBLES.values(), ids=PREAMBLES)
def test_preamble(tmp_path: Path, above: str, lines: int) -> None:
    found = sniff(tmp_path, above + TABLE)
    assert (found.preamble_lines, found.has_header, found.delimiter) == (lines, True, ",")


def test_a_padded_title_above_records(tmp_path: Path) -> None:
    found = sniff(tmp_path, "Report,,\n1,2020-01-01,5.5\n2,2020-01-02,6.5\n3,2020-01-03,7.5\n")
    assert (found.preamble_lines, found.has_header) == (1, False)


def test_a_long_preamble_is_passed(tmp_path: Path) -> None:
    assert sniff(tmp_path, "# a line of comment\n" * 1000 + TABLE * 20).preamble_lines == 1000


def test_a_doubt_that_more_text_does_not_settle_costs_two_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two looks, at 8 and 16 KB: however long the file is, an answer costs about as much."""
    sizes: list[int] = []
    monkeypatch.setattr(
        selection,
        "take",
        lambda path, encoding, size, lines: sizes.append(size) or take(path, encoding, size, lines),
    )
    rows = [f'{n},O\'Brien "{n}",{n}.5\n' for n in range(9_000)]
    found = sniff(tmp_path, '"id","name","amount"\n' + "".join(rows))
    assert (found.delimiter, sizes) == (",", [8_000, 16_000])
    assert found.confidence < selection.SURE


def test_of_thousands_of_cells_some_are_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many delimiters divide the lines, an answer costs about as much."""
    judged: list[str] = []

    def counted(text: str, items: cells.Items | None = None) -> cells.Cell:
        judged.append(text)
        return classify(text, items)

    monkeypatch.setattr(cells, "classify", counted)
    rows = ["\t".join(f"{n},{n * at % 97}" for at in range(20)) for n in range(100, 300)]
    assert sniff(tmp_path, "\n".join(rows)).delimiter == "\t"
    assert len(judged) < 2_000


def test_the_header_may_lack_the_last_delimiter(tmp_path: Path) -> None:
    assert sniff(tmp_path, "x,y,z\n1,2,3,\n4,5,6,\n7,8,9,\n").preamble_lines == 0


def test_delimiters_at_the_end_of_some_lines_do_no_harm(tmp_path: Path) -> None:
    """A blank divides all rows alike, the comma does but for what divides nothing."""
    first = ["Ann", "Bob", "Cleo", "Dora", "Emil", "Fay", "Gus"]
    last = ["Lee", "Ray", "Stone", "Falcon", "Winter", "Hill", "Moss", "Park", "Quill", "Ox", "Om"]
    body = [
        f"{first[n % 7]} {last[n % 11]},{n * 37.7 % 900:.3f},"
        f"{last[n % 5]} {first[n % 6]},{n * n * 7}{',' * (n % 2)}\n"
        for n in range(60)
    ]
    found = sniff(tmp_path, "who_is,size_of,by_whom,total_of\n" + "".join(body))
    assert (found.delimiter, found.preamble_lines, found.has_header) == (",", 0, True)


@pytest.mark.parametrize("mark", ["#", "%", "//", "!"])
def test_a_mark_alone_begins_a_comment(tmp_path: Path, mark: str) -> None:
    text = f"{mark} made by\n{mark} some one\n" + "".join(
        f"{n} {n * 2.5} {n * n}\n" for n in range(9)
    )
    found = sniff(tmp_path, text)
    assert (found.delimiter, found.preamble_lines, found.has_header) == (" ", 2, False)


def test_names_may_begin_with_a_comment_mark(tmp_path: Path) -> None:
    found = sniff(tmp_path, "##format=x\n#chrom\tpos\tref\n1\t100\tA\n1\t200\tC\n")
    assert (found.delimiter, found.preamble_lines, found.has_header) == ("\t", 1, True)


def test_names_above_records_that_are_too_long(tmp_path: Path) -> None:
    """Texts with commas and no quotes: the header is no preamble, so that the file fails."""
    rows = "".join(f"{n},n{n},hello{', well' * (n % 3)}, yes\n" for n in range(9))
    found = sniff(tmp_path, "id,name,text\n" + rows)
    assert (found.preamble_lines, found.has_header) == (0, True)


def test_a_record_of_another_width_above_the_others_is_no_preamble(tmp_path: Path) -> None:
    found = sniff(tmp_path, "1,2\n3,4,5\n6,7,8\n9,1,2\n")
    assert (found.preamble_lines, found.has_header) == (0, False)


def test_comments_inside_the_table(tmp_path: Path) -> None:
    found = sniff(tmp_path, "# above\na,b,c\n1,2,3\n# inside\n4,5,6\n")
    assert (found.comment, found.preamble_lines, found.delimiter) == ("#", 1, ",")


def test_cells_that_begin_with_a_hash_are_no_comments(tmp_path: Path) -> None:
    assert sniff(tmp_path, "tag,n\n#x,1\n#y,2\n#z,3\n").comment == ""


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


HEADERS_BEHIND_MARKS = {
    "a comment below": ("#id,name,value\n" + BODY + "# exported today\n", "#id", {"footer": 1}),
    "prose with commas above": (
        "# by me, today, at 8\n#id,name,v\n" + BODY,
        "#id",
        {"preamble": 1},
    ),
    "a column of numbers": (
        "# x\n#,Page,Visits\n" + BODY + "# end\n",
        "#",
        {"preamble": 1, "footer": 1},
    ),
    "a label": (
        "#Version: 1\n#Fields:,id,n,v\n" + BODY + "#end\n",
        "id",
        {"preamble": 1, "comment": 1},
    ),
    "types below the label": (
        "#fields,id,n,v\n#types,int,string,real\n" + BODY,
        "id",
        {"comment": 1},
    ),
}


@pytest.mark.parametrize("name", HEADERS_BEHIND_MARKS)
def test_a_header_may_begin_like_the_comments(tmp_path: Path, name: str) -> None:
    text, first, skipped = HEADERS_BEHIND_MARKS[name]
    opened = open_path(tmp_path / "file.csv", tmp_path, sniff(tmp_path, text))
    assert (opened.records.header[0], opened.rows) == (first, RECORDS)
    assert {each.rule: each.lines for each in opened.records.skipped} == skipped


@pytest.mark.parametrize("mark", ["#", "%", "//", ";", "!"])
def test_records_that_begin_with_a_mark_are_records(tmp_path: Path, mark: str) -> None:
    text = f"tag,n,v\nx,1,2\n{mark}y,2,3\n{mark}z, too long,3,4\nw,4,5\n{mark} a note, of two\n"
    opened = open_path(tmp_path / "file.csv", tmp_path, sniff(tmp_path, text))
    assert [row[0] for row in opened.rows] == ["x", f"{mark}y", "w"]
    assert [line for line, _ in opened.reasons] == [4, 6]


def test_the_mark_of_a_sample_skips_no_record_further_down(tmp_path: Path) -> None:
    text = (
        "tag,n,v\n# a note\nx,1,2\n" + "x,1,2\n" * 30000 + "#y,2,3\n#z, too long,3,4\n# note, two\n"
    )
    found = sniff(tmp_path, text)
    opened = open_path(tmp_path / "file.csv", tmp_path, found)
    assert (found.comment, opened.rows[-1], opened.records.lines_skipped) == (
        "#",
        ("#y", "2", "3"),
        2,
    )
    assert [line for line, _ in opened.reasons] == [30005]


CUT = "name,city,amount\nAnn Lee,Leeds,1.5\nBob Ray,York,2.5\n"


@pytest.mark.parametrize("rows", [1, 500])
def test_a_record_that_was_cut_is_no_note(tmp_path: Path, rows: int) -> None:
    text = CUT + "Di Roe,Hull,3.5\n" * rows + "Cy D"
    found = sniff(tmp_path, text)
    opened = open_path(tmp_path / "file.csv", tmp_path, found)
    assert (found.footer_lines, len(opened.rows), len(opened.rejects)) == (0, rows + 2, 1)
    assert sniff(tmp_path, text + "ay\n").footer_lines == 1
    assert sniff(tmp_path, CUT + "Source: the city").footer_lines == 1


@pytest.mark.parametrize("rows", [30, 3000])
def test_an_unclosed_quote_makes_no_footer(tmp_path: Path, rows: int) -> None:
    body = [f'"Ann Lee",x,{n}' for n in range(rows)]
    body[-9] = '"Ann Lee,x,1'
    found = sniff(tmp_path, "\n".join(['"who",b,c', *body, ""]))
    opened = open_path(tmp_path / "file.csv", tmp_path, found)
    assert (found.footer_lines, len(opened.rows), len(opened.rejects)) == (0, rows - 1, 1)


PAIRS = {
    "of several kinds, above few records": (
        "Unit;Ann Lee\nVersion;172\nSerial;2010-01-07\nSince;2024-01-05\n",
        "id;name;amount\n1;ann;5.5\n2;bob;6.25\n3;cy;7.75\n",
    ),
    "a colon, above few records": (
        "Unit:;Ann Lee\nMade;2010-01-07\nSince:;2024-01-05\n",
        "id;name;amount\n1;ann;5.5\n2;bob;6.25\n3;cy;7.75\n",
    ),
    "wider": ("Station,7\nCreated:,2024-01-05\n", TABLE),
    "padded": ("Station,7,\nCreated:,2024-01-05,\n,,\n", TABLE),
    "two columns, no empty row": (
        "Station:,7\nCreated,today\n",
        "day,v\n2024-01-05,1\n2024-01-06,2\n2024-01-07,5\n2024-01-08,5\n",
    ),
    "two columns": (
        "Station,7\nCreated:,2024-01-05\n\n",
        "day,v\n2024-01-05,1\n2024-01-06,2\n2024-01-07,5\n",
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_keys_and_values_above_a_table(tmp_path: Path, name: str) -> None:
    above, table = PAIRS[name]
    found = sniff(tmp_path, above + table)
    assert (found.preamble_lines, found.has_header) == (above.count("\n"), True)


NO_PAIRS = {
    "truth values above numbers": "a,b\ntrue,Y\nfalse,N\n1,Y\n0,N\n",
    "a name and its records": "owner,town\nAnn,York\nBob,Hull\nCy,Ely\n",
    "a record of words": "code,n\nx,y\n1,5\n2,6\n",
}


@pytest.mark.parametrize("text", NO_PAIRS.values(), ids=NO_PAIRS)
def test_records_of_two_columns_are_no_pairs(tmp_path: Path, text: str) -> None:
    assert sniff(tmp_path, text).preamble_lines == 0


def test_a_table_above_another_of_its_width_is_the_table(tmp_path: Path) -> None:
    table = "day,v\n2024-01-05,1\n2024-01-06,2\n2024-01-07,5\n"
    assert sniff(tmp_path, f"{table}\n{table}").preamble_lines == 0


TOTALS = {
    "a total": ("Total,,18.75\n", 4, 1),
    "above notes": ("Grand total:,,18.75\n\nSource: the city\n", 4, 2),
    "in quotes, of two lines": ('"Total",,"18.75\n"\n', 4, 2),
    "no number": ("Total,,\n", 0, 0),
    "a word in a name": ("Total Energy,x,1\n", 0, 0),
    "not the last one": ("Total,,18.75\n5,eve,8.5\n", 0, 0),
}


@pytest.mark.parametrize("rows", [0, 3000])
@pytest.mark.parametrize("name", TOTALS)
def test_a_total_is_told(tmp_path: Path, name: str, rows: int) -> None:
    below, line, lines = TOTALS[name]
    found = sniff(tmp_path, TABLE + "4,dee,8.5\n" * rows + below)
    assert found.total_lines == lines
    opened = open_path(tmp_path / "file.csv", tmp_path, found)
    told = [w for w in opened.records.warnings if "looks like a total" in w]
    assert told == ([told[0]] if line else [])
    assert not line or told[0].startswith(f"line {line + rows + 1:,} ")
    rejected = open_path(tmp_path / "file.csv", tmp_path, found, totals="reject")
    assert len(rejected.rows) == len(opened.rows) - bool(line)
    assert rejected.reasons == (
        [(line + rows + 1, "the record looks like a total")] if line else []
    )


def test_columns_of_a_fixed_width_are_named(tmp_path: Path) -> None:
    text = "name        n   day\nAnn Lee     1   2024-01-05\nBob         12  2024-01-06\n"
    with pytest.raises(UnsupportedFormatError, match="fixed width"):
        sniff(tmp_path, text + "Cy Di Roe   3   2024-01-07\n")
    assert sniff(tmp_path, text.replace(" Lee", "xLee") + "Cy          3   2024-01-07\n").delimiter


@pytest.mark.parametrize("delimiter", ["||", "+|"])
def test_a_delimiter_of_two_characters_is_named(tmp_path: Path, delimiter: str) -> None:
    rows = [["id", "name", "note"], *([str(n), f"n{n}", "x | y"] for n in range(7))]
    file = local(tmp_path, "".join(delimiter.join(row) + "\n" for row in rows))
    with pytest.raises(UnsupportedFormatError, match="stands between the fields"):
        supported(sniffer().sniff(RUN, file, None))
