"""Quotes and escapes: found in a text, and read as CPython's csv module reads them."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from benchmarks.variations.quotes import equal_widths
from hypothesis import given, settings
from hypothesis import strategies as st
from reader_support import open_path
from sniffer_support import sniff

Rows = list[list[str]]
CELL = st.lists(st.sampled_from(['"', "\\", ",", ";", "\t", " ", "a", "1", "x y"]), max_size=5).map(
    "".join
)
QUOTINGS = [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]


def loaded(folder: Path, text: str, **options: object) -> tuple[float, Rows]:
    """The confidence, and header and rows as they are loaded."""
    found = sniff(folder, text, **options)
    opened = open_path(folder / "file.csv", folder, found)
    rows = [[cell or "" for cell in row] for row in opened.rows]
    return found.confidence, [list(opened.records.header), *rows]


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    cells=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=6),
    delimiter=st.sampled_from(",;\t|"),
    quoting=st.sampled_from(QUOTINGS),
    escaped=st.booleans(),
)
def test_marks_are_read_as_the_csv_module_does(
    cells: list[tuple[str, str]], delimiter: str, quoting: int, escaped: bool
) -> None:
    stream = io.StringIO(newline="")
    escapechar = "\\" if escaped else None
    rows = [["id", "one", "two"], *([str(n), *pair] for n, pair in enumerate(cells))]
    csv.writer(
        stream,
        delimiter=delimiter,
        quoting=quoting,  # type: ignore[arg-type]
        doublequote=not escaped,
        escapechar=escapechar,
        lineterminator="\n",
    ).writerows(rows)
    given = {"delimiter": delimiter, "quotechar": '"', "escapechar": escapechar or ""}
    text = stream.getvalue()
    read = list(
        csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, escapechar=escapechar)
    )
    with TemporaryDirectory() as folder:
        _, found = loaded(Path(folder), text, **given, header="present", preamble_lines=0)
        assert found == read == rows
        if escaped:
            return
        confidence, found = loaded(Path(folder), text, header="present")
        assert found == rows or confidence < 0.9 or len(equal_widths(text)) > 1


@pytest.mark.parametrize(
    ("text", "quotechar", "escapechar"),
    [
        ('"id","kind"\n' + '1,"a"\n2,"b"\n' * 60, '"', ""),
        ('sku\tname\tqty\nA\t1" bolt\t1\nB\t"loose\t2\nC\tend"\t3\n', "", ""),
        ('a|b|c\n1|"x" y|2\n3|5" pipe|4\n', "", ""),
        ('a;b\nx;"red","green"\ny;"blue","red"\nz;"red","red"\n', "", ""),
        ('"a","b"\n"5"" pipe","C:\\x\\"\n"6"" pipe","D:\\"\n', '"', ""),
        ('a\tb\n\\\t"x\ty"\n1\t"z\ty"\n', '"', ""),
        ('a,b\n1,"say \\"hi\\", now"\n2,"x, y"\n', '"', "\\"),
    ],
)
def test_where_marks_stand_decides(
    tmp_path: Path, text: str, quotechar: str, escapechar: str
) -> None:
    found = sniff(tmp_path, text)
    assert (found.quotechar, found.escapechar) == (quotechar, escapechar)


def test_marks_after_the_sample_count(tmp_path: Path) -> None:
    rows = "".join(f'"{n}","x, y"\n' for n in range(2000))
    assert sniff(tmp_path, f'"a","b"\n{rows}"n","say \\"hi\\", now"\n').escapechar == "\\"
    assert sniff(tmp_path, f'"a","b"\n{rows}"5"" pipe","C:\\dir\\"\n').escapechar == ""


def test_blanks_around_quoted_fields_are_no_text(tmp_path: Path) -> None:
    rows = '1,"a, b" , "c"\n 2, "d\ne"  ,"f, ""g"" ,h"\n3, i ,j" k\n'
    found = sniff(tmp_path, '"n" ,"x",  "y"\n' + rows)
    opened = open_path(tmp_path / "file.csv", tmp_path, found)
    assert list(opened.records.header) == ["n", "x", "y"]
    assert opened.rows == [("1", "a, b", "c"), (" 2", "d\ne", 'f, "g" ,h'), ("3", " i ", 'j" k')]
    assert opened.lines == [2, 3, 5]


def test_rejects_keep_the_blanks_around_quotes(tmp_path: Path) -> None:
    text = 'a,b\n1, "x, y"\n2, "z" ,3\n4,"u"v\n5, "w, x"\n'
    opened = open_path(tmp_path / "file.csv", tmp_path, sniff(tmp_path, text, delimiter=","))
    assert opened.rows == [("1", "x, y"), ("5", "w, x")]
    assert [(r.line, r.text) for r in opened.rejects] == [(3, '2, "z" ,3'), (4, '4,"u"v')]


def test_an_unclosed_quote_makes_no_footer(tmp_path: Path) -> None:
    rows = [f"Ann Lee {n},x,{n}\n" for n in range(90)]
    rows[5], rows[60] = '"Lee, Ann",x,5\n', '"Lee, Ann,x,60\n'
    found = sniff(tmp_path, "full name,x,n\n" + "".join(rows))
    opened = open_path(tmp_path / "file.csv", tmp_path, found)
    assert (found.footer_lines, len(opened.rows)) == (0, 89)
    assert opened.reasons == [(62, "quote opened here is never closed")]


def test_quoted_cells_that_hold_nothing_are_records(tmp_path: Path) -> None:
    _, rows = loaded(tmp_path, '"a","b"\n"x","1"\n"","2"\n"",""\n"",""\n')
    assert rows[1:] == [["x", "1"], ["", "2"], ["", ""], ["", ""]]
    _, rows = loaded(tmp_path, "a,b\nx,1\n,2\n,\n,\n")
    assert rows[1:] == [["x", "1"], ["", "2"]]
