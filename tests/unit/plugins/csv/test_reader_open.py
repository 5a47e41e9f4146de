"""What the reader makes of single files: the traps, one by one."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from reader_support import dialect, open_bytes

from lakefall.contract.errors import (
    EmptyFileError,
    HeaderLimitError,
    NoHeaderError,
    StructureError,
    TooManyRejectsError,
    UnsupportedFormatError,
)
from lakefall_plugins.formats.csv import relation


def test_plain_file_is_read_where_it_lies(tmp_path: Path) -> None:
    opened = open_bytes(b"a,b\n1,x\n2,y\n", tmp_path)
    assert opened.plain
    assert opened.records.header == ("a", "b")
    assert opened.rows == [("1", "x"), ("2", "y")]
    assert opened.lines == [2, 3]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends(tmp_path: Path, end: bytes, last: bool) -> None:
    data = end.join([b"a,b", b"1,2", b'3,"x\ny"', b"5,6"]) + (end if last else b"")
    opened = open_bytes(data, tmp_path)
    assert opened.rows == [("1", "2"), ("3", "x\ny"), ("5", "6")]
    assert opened.lines == [2, 3, 5]
    assert opened.plain == (end != b"\r")


def test_mixed_line_ends(tmp_path: Path) -> None:
    opened = open_bytes(b"a,b\r\n1,2\n3,4\r5,6", tmp_path)
    assert opened.rows == [("1", "2"), ("3", "4"), ("5", "6")]
    assert opened.lines == [2, 3, 4]


def test_null_and_empty_text_differ(tmp_path: Path) -> None:
    data = b'a,b,c,d\n,"",\\N,"\\N"\nx,,"",y\n'
    rows = [(None, "", None, "\\N"), ("x", None, "", "y")]
    assert open_bytes(data, tmp_path).rows == rows
    damaged = open_bytes(data + b"1\n", tmp_path)
    assert not damaged.plain
    assert damaged.rows == rows


def test_escape_and_null(tmp_path: Path) -> None:
    data = b'a,b,c\n\\N,"\\N",x\\,y\n"say \\"hi\\"",,"a""b"\nN,\\\\N,1\n'
    opened = open_bytes(data, tmp_path, dialect(escapechar="\\"))
    assert opened.rows == [
        (None, "N", "x,y"),
        ('say "hi"', None, 'a"b'),
        ("N", "\\N", "1"),
    ]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"1,2,3", "3 fields where the header has 2"),
        (b"1", "1 field where the header has 2"),
        (b"1,\x00", "NUL byte at byte 10"),
        (b"1,\xff", "bytes that are not UTF-8 at byte 10"),
        (b'1,"x"y', "text after a closing quote"),
        (b'1,"x', "text after a closing quote, 1 line below"),
    ],
)
def test_bad_record_costs_itself_only(tmp_path: Path, bad: bytes, reason: str) -> None:
    opened = open_bytes(b"a,b\n0,0\n" + bad + b'\n3,"4"\n5,6\n', tmp_path)
    assert opened.rows == [("0", "0"), ("3", "4"), ("5", "6")]
    assert opened.lines == [2, 4, 5]
    assert opened.reasons == [(3, reason)]
    assert opened.rejects[0].text == bad.decode(errors="backslashreplace")


def test_unclosed_quote_costs_one_line(tmp_path: Path) -> None:
    rest = b"".join(b"%d,x\n" % n for n in range(1000))
    opened = open_bytes(b'a,b\n1,"x\n' + rest, tmp_path)
    assert len(opened.rows) == 1000
    assert opened.lines[0] == 3
    assert opened.reasons == [(2, "quote opened here is never closed")]


def test_bytes_are_counted_in_the_file(tmp_path: Path) -> None:
    text = "a;b\r\né;x\r\ny\0;1\r\n"
    opened = open_bytes(text.encode("utf-16"), tmp_path, dialect(encoding="utf-16", delimiter=";"))
    assert opened.reasons == [(3, f"NUL byte at byte {2 + 2 * text.index(chr(0))}")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le"])
def test_clean_encodings_are_read_fast(tmp_path: Path, encoding: str) -> None:
    text = 'näme;b\r\n"é;\nü";2\r\n€;\r\n'
    opened = open_bytes(text.encode(encoding), tmp_path, dialect(encoding=encoding, delimiter=";"))
    assert opened.plain
    assert opened.records.header == ("näme", "b")
    assert opened.rows == [("é;\nü", "2"), ("€", None)]
    assert opened.lines == [2, 4]


def test_undecodable_byte_in_a_single_byte_encoding(tmp_path: Path) -> None:
    opened = open_bytes(b"a,b\n\xe9,\x81\n2,3\n", tmp_path, dialect(encoding="cp1252"))
    assert opened.rows == [("2", "3")]
    assert opened.reasons == [(2, "bytes that are not CP1252 at byte 6")]
    assert opened.rejects[0].text == "é,\\x81"


def test_utf16_cut_short(tmp_path: Path) -> None:
    data = "a,b\n1,2\n3,4\n".encode("utf-16")[:-3]
    opened = open_bytes(data, tmp_path, dialect(encoding="utf-16"))
    assert opened.rows == [("1", "2")]
    assert opened.reasons == [(3, f"bytes that are not UTF-16-LE at byte {len(data) - 1}")]


def test_preamble_comments_blank_lines_footer(tmp_path: Path) -> None:
    data = b'sep=,\n\n# note\na,b\n\n1,2\n#3,4\n"5\n#6",7\n   \n8,9\n\nTotal,17\n'
    opened = open_bytes(
        data, tmp_path, dialect(preamble_lines=1, comment="#", comment_given=True, footer_lines=2)
    )
    assert opened.rows == [("1", "2"), ("5\n#6", "7"), ("8", "9")]
    assert opened.lines == [6, 8, 11]
    assert opened.records.lines_skipped == 8
    assert opened.records.rows_rejected == 0


def test_blank_lines_between_plain_records(tmp_path: Path) -> None:
    opened = open_bytes(b"a,b\n\n1,2\n\n\n3,4\n\n", tmp_path)
    assert opened.plain
    assert opened.lines == [3, 6]
    assert opened.records.lines_skipped == 4


def test_blank_lines_before_the_header(tmp_path: Path) -> None:
    opened = open_bytes(b"\n\na,b\n1,2\n", tmp_path)
    assert opened.records.header == ("a", "b")
    assert (opened.rows, opened.lines) == ([("1", "2")], [4])
    assert opened.records.lines_skipped == 2


def test_one_column(tmp_path: Path) -> None:
    opened = open_bytes(b'a\nx,y\n\n"a\nb"\n""\n', tmp_path, dialect(delimiter=""))
    assert opened.rows == [("x,y",), ("a\nb",), ("",)]
    assert opened.lines == [2, 4, 6]
    assert opened.records.lines_skipped == 1


def test_no_header(tmp_path: Path) -> None:
    data = b"1,2\n3,4\n5\n"
    opened = open_bytes(data, tmp_path, dialect(has_header=False, header_lines=0))
    assert opened.records.header == ("col_1", "col_2")
    assert opened.rows == [("1", "2"), ("3", "4")]
    assert opened.reasons == [(3, "1 field where most records have 2")]


def test_header_of_two_rows(tmp_path: Path) -> None:
    opened = open_bytes(b"price,price\nnet,gross\n1,2\n", tmp_path, dialect(header_lines=2))
    assert opened.records.header == ("price net", "price gross")
    assert (opened.rows, opened.lines) == ([("1", "2")], [3])


def test_trailing_delimiters(tmp_path: Path) -> None:
    assert open_bytes(b"a,b\n1,2,\n3,4,\n", tmp_path).rows == [("1", "2"), ("3", "4")]
    damaged = open_bytes(b'a,b\n1,2,\n3,4,""\n5\n,,\n"","",\n', tmp_path)
    assert damaged.rows == [("1", "2"), ("3", "4"), (None, None), ("", "")]
    assert damaged.lines == [2, 3, 5, 6]
    in_header = open_bytes(b"a,b,\n1,2\n3,4\n", tmp_path)
    assert in_header.records.header == ("a", "b")
    assert in_header.rows == [("1", "2"), ("3", "4")]


@pytest.mark.parametrize("damage", [b"", b"7\n"])
def test_empty_fields_beyond_the_last_column_are_none(tmp_path: Path, damage: bytes) -> None:
    """DuckDB took any number of them, the csv module's way only one: the same line was loaded or
    rejected, as the rest of its file was."""
    opened = open_bytes(b"a,b\n1,2,,,\n,,,,,\n3,4\n" + damage, tmp_path)
    assert opened.plain == (not damage)
    assert opened.rows == [("1", "2"), (None, None), ("3", "4")]
    assert opened.lines == [2, 3, 4]


def test_header_only(tmp_path: Path) -> None:
    for data in (b"a,b\n", b"a,b", b"# x\na,b\n"):
        opened = open_bytes(data, tmp_path, dialect(comment="#"))
        assert (opened.rows, opened.records.rows_read) == ([], 0)


def test_header_missing(tmp_path: Path) -> None:
    with pytest.raises(NoHeaderError):
        open_bytes(b"\n\n", tmp_path)
    with pytest.raises(EmptyFileError):
        open_bytes(b"\n\n", tmp_path, dialect(has_header=False))


def test_odd_headers_and_wide_files(tmp_path: Path) -> None:
    names = ["a", "a", "", "x" * 300, *(f"c{n}" for n in range(1996))]
    data = ",".join(names) + "\n" + ",".join(map(str, range(2000))) + "\n"
    opened = open_bytes(data.encode(), tmp_path)
    assert opened.records.header == tuple(names)
    assert opened.rows == [tuple(map(str, range(2000)))]


@pytest.mark.slow
@pytest.mark.parametrize("damage", [b"", b"1\n"])
def test_large_cells(tmp_path: Path, damage: bytes) -> None:
    big = "é\n" * 1_700_000
    opened = open_bytes(f'a,b\n1,"{big}"\n2,3\n'.encode() + damage, tmp_path)
    assert opened.plain == (not damage)
    assert opened.rows == [("1", big), ("2", "3")]
    assert opened.lines == [2, 1_700_003]


def test_line_without_end_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(StructureError, match="line 2 has more than"):
        open_bytes(b"a,b\n" + b"x" * (17 << 20), tmp_path)


def test_names_that_look_like_patterns(tmp_path: Path) -> None:
    folder = tmp_path / "year=2024" / "a[1]*{x}"
    folder.mkdir(parents=True)
    assert open_bytes(b"a,b\n1,2\n", folder).rows == [("1", "2")]


@pytest.mark.parametrize(
    ("data", "row"),
    [
        (b'a,b\n1, "x"\n', ("1", ' "x"')),
        (b'a,b\n1,5" x\n', ("1", '5" x')),
        (b'a,b\n1,""""\n', ("1", '"')),
    ],
)
def test_quotes_are_read_as_the_csv_module_does(
    tmp_path: Path, data: bytes, row: tuple[str, str]
) -> None:
    assert open_bytes(data, tmp_path).rows == [row]


def test_skip_initial_space(tmp_path: Path) -> None:
    opened = open_bytes(
        b'a, b\n1, "x, y"\n2, \n3, ""\n', tmp_path, dialect(skip_initial_space=True)
    )
    assert opened.records.header == ("a", "b")
    assert opened.rows == [("1", "x, y"), ("2", None), ("3", "")]


@pytest.mark.parametrize("quote", ['"', ""])
def test_null_among_columns_aligned_with_blanks(tmp_path: Path, quote: str) -> None:
    found = dialect(delimiter=" ", skip_initial_space=True, quotechar=quote)
    opened = open_bytes(b"a  b c\n 3 \\N   4\n\\N  5  \\N\n", tmp_path, found)
    assert opened.records.header == ("a", "b", "c")
    assert opened.rows == [("3", None, "4"), (None, "5", None)]


def test_too_many_rejects(tmp_path: Path) -> None:
    data = b"a,b\n" + b"1,2\n" * 10 + b"1\n" * 11
    with pytest.raises(TooManyRejectsError, match=r"11 of 21 records.*line 12: 1 field"):
        open_bytes(data, tmp_path, max_rejected=0.5)
    assert len(open_bytes(data, tmp_path, max_rejected=0.53).rows) == 10


def test_a_share_of_few_records_says_nothing_unless_it_is_all(tmp_path: Path) -> None:
    small = open_bytes(b"a,b\n1\n2\n3,4\n", tmp_path, max_rejected=0.0)
    assert (small.rows, len(small.rejects)) == ([("3", "4")], 2)
    with pytest.raises(TooManyRejectsError, match="2 of 2 records"):
        open_bytes(b"a,b\n1\n2\n", tmp_path, max_rejected=0.5)


def test_a_line_end_that_is_escaped_stays_in_the_reject(tmp_path: Path) -> None:
    """The record's own line end is no part of it; the one before it was lost, too."""
    found = dialect(escapechar="\\", quotechar="")
    opened = open_bytes(b"a,b\n1,2,x\\\n\n3,4\n", tmp_path, found)
    assert opened.rejects[0].text == "1,2,x\\\n"
    assert opened.lines == [4]


def test_long_reject_is_cut(tmp_path: Path) -> None:
    opened = open_bytes(b"a,b\n" + b"x" * 12_345 + b"\n", tmp_path)
    assert opened.rejects[0].text == "x" * 10_000 + "… (2,345 more)"


@pytest.mark.parametrize("options", [{"delimiter": "||"}, {"quotechar": ","}])
def test_unreadable_dialects(tmp_path: Path, options: dict[str, str]) -> None:
    with pytest.raises(UnsupportedFormatError):
        open_bytes(b"a,b\n", tmp_path, dialect(**options))


def test_short_records_are_filled_where_that_is_asked_for(tmp_path: Path) -> None:
    data = b'a,b,c\r\n1,2,3\r\n4\r\n5,"x, ""y"""\r\n6,7,8,9\r\n'
    opened = open_bytes(data, tmp_path, short_records="fill")
    assert opened.rows == [("1", "2", "3"), ("4", None, None), ("5", 'x, "y"', None)]
    assert opened.lines == [2, 3, 4]
    assert [(r.line, r.reason) for r in opened.rejects] == [(5, "4 fields where the header has 3")]
    assert opened.records.warnings == ("2 records lack their last fields, which became NULL",)


MARKED = b"tag,n\na,1\n# a note\n#late,2\nb,4\n"


def test_a_comment_mark_from_a_sample_hides_no_record(tmp_path: Path) -> None:
    opened = open_bytes(MARKED, tmp_path, dialect(comment="#"))
    assert [row[0] for row in opened.rows] == ["a", "#late", "b"]
    assert opened.records.lines_skipped == 1


def test_a_comment_mark_that_a_person_gave_holds_everywhere(tmp_path: Path) -> None:
    opened = open_bytes(MARKED, tmp_path, dialect(comment="#", comment_given=True))
    assert [row[0] for row in opened.rows] == ["a", "b"]
    assert opened.records.lines_skipped == 2


@pytest.mark.parametrize("damaged", [False, True], ids=["as it is", "copied"])
def test_lines_inside_quotes_that_threads_take_for_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damaged: bool
) -> None:
    """Whoever begins to read amid a long text sees lines that might be records."""
    monkeypatch.setattr(relation, "DEFAULT_LINE", 0)  # small buffers, so that threads begin there
    lines = ["some words, " * (j % 4) + f"and then {j}" for j in range(70)]
    rows = [[str(i), "\n".join(lines)] for i in range(500)]
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([["id", "story"], *rows])
    found = open_bytes(out.getvalue().encode() + b"1,2,3\n" * damaged, tmp_path)
    assert damaged or "parallel=false" in found.records.sql
    assert found.plain is not damaged
    assert [list(row) for row in found.rows] == rows
    assert len(found.rejects) == damaged


def test_more_columns_than_allowed_fail_before_the_rows_are_read(tmp_path: Path) -> None:
    header = ",".join(["name"] * 4_001)
    with pytest.raises(HeaderLimitError, match=r"4,001 columns; max_columns is 4,000\..*sink\.max"):
        open_bytes(f"{header}\n".encode() + b'"never closed', tmp_path)


def test_a_name_that_is_longer_than_allowed_fails_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(HeaderLimitError, match=r"column 2 has 1,001 characters \('xxx.*max_name_l"):
        open_bytes(b"a," + b"x" * 1_001 + b"\n1,2\n", tmp_path)
    assert len(open_bytes(b"a," + b"x" * 1_000 + b"\n1,2\n", tmp_path).rows) == 1
