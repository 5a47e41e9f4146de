"""The sniffer's core function on files of every shape, and on generated tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sniffer_support import sniff

from lakefall.contract.errors import EmptyFileError

DELIMITED = {
    "comma": ("a,b\n1,2\n3,4\n", ","),
    "semicolon": ("a;b\n1;2\n3;4\n", ";"),
    "tab": ("a\tb\n1\t2\n3\t4\n", "\t"),
    "pipe": ("a|b\n1|2\n3|4\n", "|"),
    "two rows of text": ("name,city\nBob,Rome\n", ","),
    "a header alone": ("id;name;price", ";"),
    "one column of numbers": ("value\n1\n2\n3\n", ""),
    "one column of phrases": ("title\nThe cat\nA dog ran\nhello there you\n", ""),
    "one column of times": ("ts\n2020-01-01 10:00:00\n2020-01-02 10:00:00\n", ""),
    "one column of UUIDs": (
        "id\n550e8400-e29b-41d4-a716-446655440000\n550e8400-e29b-41d4-a716-446655440001\n",
        "",
    ),
    "one column of file names": ("path\n/usr/bin/x\n/usr/lib/y\n/usr/lib/z\n", ""),
    "one column of phone numbers": ("phone\n555-123-4567\n555-222-3333\n555-444-5555\n", ""),
    "one column of addresses": ("ip\n10.0.0.1\n10.0.0.2\n192.168.1.3\n", ""),
    "caret": ("id^name^qty\n1^ann^5\n2^bob^6\n3^cy^7\n", "^"),
    "colon": ("id:name:qty\n1:ann:5\n2:bob:6\n3:cy:7\n", ":"),
    "tilde": ("id~name~qty\n1~ann~5\n2~bob~6\n3~cy~7\n", "~"),
    "hash": ("id#name#qty\n1#ann#5\n2#bob#6\n3#cy#7\n", "#"),
    "ampersand": ("id&name&qty\n1&ann&5\n2&bob&6\n3&cy&7\n", "&"),
    "exclamation mark": ("id!name!qty\n1!ann!5\n2!bob!6\n3!cy!7\n", "!"),
    "blank": ("x y z\n1.0 2.0 3.5\n2.5 3.1 4.2\n1.1 9.3 2.2\n", " "),
    "unit separator": ("id\x1fname\x1fqty\n1\x1fann\x1f5\n2\x1fbob\x1f6\n", "\x1f"),
    "decimal commas": ("datum;betrag\n01.02.2020;1.234,50\n02.02.2020;7,25\n", ";"),
    "decimal commas everywhere": ("a;b;c\n1,5;2,5;3,5\n2,1;3,1;4,1\n", ";"),
    "times of day": ("t,v\n10:00:00,1\n10:00:01,2\n10:00:02,3\n", ","),
    "commas in the text": ("id;place\n1;Rome, Italy\n2;Paris, France\n3;Bonn, Germany\n", ";"),
    "lists in the cells": ("id;tags\n1;a|b|c\n2;d|e|f\n3;g|h|i\n", ";"),
    "mostly empty": ("a,b,c,d\n,,,\n,,,1\n,,,\n,2,,\n,,,\n", ","),
    "ragged": ("a,b,c\n1,2,3\n4,5\n6,7,8\n9,1,2\n", ","),
    "repeated rows": ("a,b,c\n" + "1,2,3\n" * 2000, ","),
    "prose": ("It was the best of times, it was the worst.\nWe had all.\nOh well, he said.\n", ""),
    "the password file": (
        "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n",
        ":",
    ),
}


@pytest.mark.parametrize(("text", "delimiter"), DELIMITED.values(), ids=DELIMITED.keys())
def test_delimiter(tmp_path: Path, text: str, delimiter: str) -> None:
    assert sniff(tmp_path, text).delimiter == delimiter


@pytest.mark.parametrize(
    "line",
    [lambda i, j: f"Some words, with a comma; {i}", lambda i, j: "some words, " * (j % 4) + f"{j}"],
    ids=["one line again and again", "lines of several widths"],
)
def test_long_texts_in_quotes_are_no_rows(tmp_path: Path, line: Callable[[int, int], str]) -> None:
    """However regular their lines are, and whatever they have in common."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["id", "story"])
    writer.writerows([i, "\n".join(line(i, j) for j in range(70)) + "\n"] for i in range(200))
    found = sniff(tmp_path, out.getvalue())
    assert (found.delimiter, found.quotechar, found.has_header) == (",", '"', True)
    assert found.confidence > 0.9


QUOTED = {
    "all cells": ('"id","note"\n"1","x, y"\n"2","he said ""hi"""\n', ",", '"', ""),
    "single quotes": ("id,name\n1,'ann, b'\n2,'bob, c'\n", ",", "'", ""),
    "apostrophes only": ("id,name\n1,o'brien\n2,d'arcy\n3,'tis\n", ",", "", ""),
    "backslash": ('id,note\n1,"a \\"b\\" c"\n2,"x, \\"y\\""\n', ",", '"', "\\"),
    "inches": ('item,size\nscrew,5"\nnail,3"\n', ",", '"', ""),
    "line ends inside": ('id,note\n1,"one\ntwo"\n2,"x\ny\nz"\n3,plain\n', ",", '"', ""),
    "JSON": ('id,doc\n1,"{""a"": 1, ""b"": 2}"\n2,"{""a"": 3, ""b"": 4}"\n', ",", '"', ""),
    "another delimiter inside": ('id,list\n1,"a;b;c"\n2,"d;e;f"\n', ",", '"', ""),
    "one column": ('price\n"1,234"\n"2,345"\n', ",", '"', ""),
    "after a blank": ('a, b, c\n1, "x, y", 3\n4, "z, w", 6\n', ",", '"', ""),
}


@pytest.mark.parametrize(("text", "delimiter", "quote", "escape"), QUOTED.values(), ids=QUOTED)
def test_quotes(tmp_path: Path, text: str, delimiter: str, quote: str, escape: str) -> None:
    found = sniff(tmp_path, text)
    assert (found.delimiter, found.quotechar, found.escapechar) == (delimiter, quote, escape)


def test_a_blank_before_numbers_only_does_no_harm(tmp_path: Path) -> None:
    """Blanks around values that have a type mean nothing, and a file read as it is is read fast."""
    assert not sniff(tmp_path, "a, b, c\n1, 2, 3\n4, 5, 6\n").skip_initial_space


def test_blank_after_the_delimiter_is_reported(tmp_path: Path) -> None:
    assert sniff(tmp_path, "a, b, c\n1, x, 3\n4, y z, 6\n").skip_initial_space
    assert sniff(tmp_path, 'a, b, c\n1, "2", 3\n4, "5", 6\n').skip_initial_space
    assert not sniff(tmp_path, "a,b\nx y, z\nx,y\n").skip_initial_space


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-32"])
def test_quotes_that_come_late_are_found(tmp_path: Path, encoding: str) -> None:
    text = "a,b\n" + "1,2\n" * 30_000 + '3,"x,y"\n'
    assert sniff(tmp_path, text.encode(encoding)).quotechar == '"'


def test_late_quotes_that_are_text_stay_text(tmp_path: Path) -> None:
    text = "a\tb\n" + "1\tfoo\n" * 30_000 + '3\t"Weird Al" Yankovic\n' + "1\tfoo\n" * 2000
    assert sniff(tmp_path, text).quotechar == ""


LINE_ENDS = {
    "LF": ("a,b\n1,2\n", "\n"),
    "CRLF": ("a,b\r\n1,2\r\n", "\r\n"),
    "CR": ("a,b\r1,2\r3,4\r", "\r"),
    "mixed": ("a,b\r\n1,2\n3,4\r\n", "mixed"),
    "LF inside cells only": ('a,b\r\n1,"x\ny"\r\n2,"z\nw"\r\n3,4\r\n', "\r\n"),
    "none": ("a,b", "\n"),
}


@pytest.mark.parametrize(("text", "end"), LINE_ENDS.values(), ids=LINE_ENDS)
def test_line_ends(tmp_path: Path, text: str, end: str) -> None:
    found = sniff(tmp_path, text)
    assert found.line_terminator == end
    assert found.delimiter == ","


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [("sep=;\na;b,c\n1;2,3\n", ";"), ("sep=,\r\na,b;c\r\n1,2;3\r\n", ","), ('"sep=|"\na|b\n', "|")],
)
def test_the_first_line_may_name_the_delimiter(tmp_path: Path, text: str, delimiter: str) -> None:
    found = sniff(tmp_path, text)
    assert (found.delimiter, found.preamble_lines, found.has_header) == (delimiter, 1, True)


def test_given_parts_are_taken_as_they_are(tmp_path: Path) -> None:
    text = "noise,noise\n%x\na;b,c\n1;2,3\n%y\n4;5,6\n"
    found = sniff(tmp_path, text, delimiter=";", quotechar="", preamble_lines=1, comment="%")
    assert (found.delimiter, found.quotechar, found.comment) == (";", "", "%")
    assert found.preamble_lines == 1
    assert found.confidence == 1.0


def test_a_given_quote_is_not_replaced(tmp_path: Path) -> None:
    assert sniff(tmp_path, 'a,b\n1,"x,y"\n', quotechar="").quotechar == ""


def test_strict_delimiters_forbid_all_others(tmp_path: Path) -> None:
    text = "id^name^qty\n1^ann^5\n2^bob^6\n3^cy^7\n"
    assert sniff(tmp_path, text, strict_delimiters=True).delimiter == ""
    assert sniff(tmp_path, text, strict_delimiters=True, delimiters=("^",)).delimiter == "^"


def test_thousands_of_columns(tmp_path: Path) -> None:
    rows = [",".join(f"c{i}" for i in range(3000)), *(",".join("7" * 3000) for _ in range(3))]
    found = sniff(tmp_path, "\n".join(rows))
    assert (found.delimiter, found.has_header) == (",", True)


@pytest.mark.parametrize("text", ["\n\n \n", "\ufeff", "\r\n" * 10_000])
def test_a_file_without_text_is_empty(tmp_path: Path, text: str) -> None:
    with pytest.raises(EmptyFileError, match=r"file\.csv"):
        sniff(tmp_path, text)


def test_doubt_shows_in_the_confidence_and_the_runner_up(tmp_path: Path) -> None:
    sure = sniff(tmp_path, "id,name,day\n" + "".join(f"{i},n{i},2020-01-02\n" for i in range(40)))
    unsure = sniff(tmp_path, "a,b;c\nd,e;f\n")
    assert sure.confidence > 0.99
    assert unsure.confidence < 0.5
    assert unsure.runner_up is not None
    assert {unsure.delimiter, unsure.runner_up.delimiter} == {",", ";"}
    assert any("rows have" in sentence for sentence in sure.evidence)


def test_quotes_that_are_taken_for_text_leave_doubt(tmp_path: Path) -> None:
    rows = "".join(f'{n},"a{n}" b\n' for n in range(5)) * 6 + "".join(
        f'{n},"c"\n' for n in range(32)
    )
    found = sniff(tmp_path, "n,t\n" + rows)
    assert found.quotechar == ""
    assert 0.5 < found.confidence < 0.9


@pytest.mark.parametrize("mark", ["_", "-", "/", " "])
def test_a_mark_that_divides_all_values_of_a_column_leaves_doubt(tmp_path: Path, mark: str) -> None:
    words = ["stone", "river", "amber", "north", "market", "yellow", "forest", "ladder"]
    found = sniff(tmp_path, "".join(f"{a}{mark}{a[::-1]}\n" for a in words))
    assert found.delimiter == ""
    assert 0.5 < found.confidence < 0.9


RIVALS = {
    "words": "{0}a,{1}b;{2}c\n",
    "pipe and semicolon": "{0}a|{1}b;{2}c\n",
    "one kind of word": "{0}x,{0}x;{0}x\n",
}


@pytest.mark.parametrize("rows", [2, 3, 10])
@pytest.mark.parametrize("line", RIVALS.values(), ids=RIVALS)
def test_two_delimiters_that_divide_all_rows_alike_are_a_guess(
    tmp_path: Path, line: str, rows: int
) -> None:
    text = "".join(line.format(i + 11, i + 31, i + 51) for i in range(rows))
    assert sniff(tmp_path, text).confidence < 0.5


NOT_IN_THE_HEADER = {
    "phrases": ("id;place", "{n};{a}, {b}", ";"),
    "commas without blank": ("id;place", "{n};{a},{b}", ";"),
    "lists": ("id,tags", "{n},{a}|{b}", ","),
    "names and a number": ("name;no", "{a}, {b};{n}", ";"),
    "first and last name": ("name", "{a} {b}", ""),
    "last and first name": ("name", "{a}, {b}", ""),
}


@pytest.mark.parametrize("rows", [3, 10, 100, 1000])
@pytest.mark.parametrize(("header", "line", "delimiter"), NOT_IN_THE_HEADER.values())
def test_characters_of_values_are_not_in_the_header(
    tmp_path: Path, header: str, line: str, delimiter: str, rows: int
) -> None:
    words = ["Rome", "Paris", "Bonn", "Lima", "Oslo", "Kyiv", "Bern", "Riga", "Baku", "Cork"]
    lines = [line.format(n=n, a=words[n * 7 % 9], b=words[n * n % 10]) for n in range(rows)]
    found = sniff(tmp_path, "\n".join([header, *lines]) + "\n")
    assert (found.delimiter, found.has_header) == (delimiter, True)


NAMES = st.lists(
    st.from_regex(r"[a-z]{2,8}(_[a-z]{2,6})?", fullmatch=True), min_size=2, max_size=6, unique=True
)
TEXT = st.text(alphabet="abcdefghij KLM,;|'\".", min_size=1, max_size=20).map(str.strip)
CELL = {
    "number": st.integers(0, 10**6).map(str),
    "price": st.decimals(0, 1000, places=2).map(str),
    "day": st.dates().map(str),
    "text": TEXT,
}


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    """A header, a key column and at least six rows with some typed columns."""
    names = draw(NAMES)
    kinds = ["number", *(draw(st.sampled_from(sorted(CELL))) for _ in names[1:])]
    rows = draw(st.integers(6, 15))
    return [names, *([draw(CELL[kind]) for kind in kinds] for _ in range(rows))]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    table=tables(),
    delimiter=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_the_csv_module_wrote_is_read_back(
    tmp_path: Path, table: list[list[str]], delimiter: str, quoting: int, end: str
) -> None:
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter, quoting=quoting, lineterminator=end)  # type: ignore[arg-type]
    writer.writerows(table)
    found = sniff(tmp_path, stream.getvalue())
    assert found.delimiter == delimiter
    assert found.has_header
    assert found.preamble_lines == 0
    text = io.StringIO(stream.getvalue(), newline="")
    assert list(csv.reader(text, delimiter=delimiter, quotechar=found.quotechar)) == table


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(alphabet=st.sampled_from("ab1,;|\t\"'\\ \n\r#="), min_size=1, max_size=60))
def test_there_is_always_an_answer(tmp_path: Path, text: str) -> None:
    try:
        found = sniff(tmp_path, text)
    except EmptyFileError:
        assert not text.strip()
        return
    assert 0 < found.confidence <= 1
    assert 0 <= found.preamble_lines <= len(text.splitlines())
    assert found.footer_lines + found.preamble_lines <= len(text.splitlines())
