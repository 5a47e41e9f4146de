"""Lines that a rule leaves out: counted by rule, and shown where they look like records."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest
from reader_support import Opened, dialect, open_bytes, open_path
from sniffer_support import sniff

LINES = {
    "preamble": ("Report of sales", "", "made by: a machine"),
    "blank": ("", "   "),
    "comment": ("# a note", "#"),
    "units": ("kg,m,s",),
    "footer": ("", "Total", "Source: the ministry"),
    "record": ("1,2,3", '4,"5\n#5\n\n",6', "7,8", "9,,"),
}
MARKS = {"comment": "#", "comment_given": True}


def labelled(random: Random) -> list[tuple[str, str]]:
    """A file as (rule, text), from its first line to its last."""

    def some(rule: str, most: int) -> list[tuple[str, str]]:
        return [(rule, random.choice(LINES[rule])) for _ in range(random.randint(0, most))]

    def between() -> list[tuple[str, str]]:
        return random.sample(found := some("blank", 3) + some("comment", 3), len(found))

    file = some("preamble", 4) + between() + [("header", "a,b,c")]
    if random.random() < 0.5:
        file += [*between(), ("units", LINES["units"][0])]
    for record in [*some("record", 9), ("record", "1,2,3")]:
        file += [*between(), record]
    return file + some("footer", 4)


def by_rule(opened: Opened) -> dict[str, int]:
    return {each.rule: each.lines for each in opened.records.skipped}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("seed", range(40))
def test_the_counts_are_those_of_the_file(tmp_path: Path, seed: int, end: str) -> None:
    file = labelled(Random(seed))
    count = Counter(rule for rule, _ in file)
    found = dialect(
        preamble_lines=count["preamble"],
        units_lines=count["units"],
        footer_lines=count["footer"],
        **MARKS,
    )
    text = "".join(f"{line}{end}" for _, line in file)
    opened = open_bytes(text.encode(), tmp_path, found)
    rules = {rule: n for rule, n in count.items() if rule not in ("header", "record")}
    assert by_rule(opened) == rules
    assert opened.records.lines_skipped == sum(rules.values())
    assert opened.records.rows_read == count["record"]


def test_every_kind_at_once_as_it_is_sniffed(tmp_path: Path) -> None:
    above = "Report of sales\nmade on Monday\n\n"
    records = "".join(f"{n},{n}.5,{n}.25\n" for n in range(1, 30))
    text = f"{above}id,load,time\n,kg,s\n{records}# a note\n\n5,6,7\n\nSource: the ministry\n"
    opened = open_path(tmp_path / "file.csv", tmp_path, sniff(tmp_path, text))
    rules = {"preamble": 3, "units": 1, "comment": 1, "blank": 2, "footer": 1}
    assert (by_rule(opened), len(opened.rows)) == (rules, 30)
    first = {each.rule: each.first for each in opened.records.skipped}
    assert first["preamble"] == ("Report of sales", "made on Monday")
    assert (first["footer"], first["blank"]) == (("Source: the ministry",), ())


@pytest.mark.parametrize("lead", [b"", b"\n\n"], ids=["header first", "blank lines first"])
def test_blank_lines_of_a_plain_file(tmp_path: Path, lead: bytes) -> None:
    opened = open_bytes(lead + b"a,b\n\n1,2\n\n3,4\n", tmp_path)
    assert by_rule(opened) == {"blank": 2 + len(lead)}
    assert opened.records.warnings == ()


RECORDS = {
    "preamble": (b"1,x\na,b\n2,y\n", {"preamble_lines": 1}, "1,x"),
    "comment above": (b"#1,x\na,b\n2,y\n", MARKS, "#1,x"),
    "comment": (b"a,b\n2,y\n# a note\n#1,x\n", MARKS, "#1,x"),
    "units": (b"a,b\nm,s\n2,y\n", {"units_lines": 1}, "m,s"),
    "footer": (b'a,b\n2,y\nTotal\n"1,5",x\n', {"footer_lines": 2}, '"1,5",x'),
}


@pytest.mark.parametrize("name", RECORDS)
def test_what_looks_like_a_record_is_shown(tmp_path: Path, name: str) -> None:
    data, options, line = RECORDS[name]
    opened = open_bytes(data, tmp_path, dialect(**options))
    rule = name.partition(" ")[0]
    (found,) = opened.records.skipped
    assert (found.rule, found.suspicious, found.first) == (rule, True, (line,))
    (warning,) = opened.records.warnings
    assert f"skipped by the rule {rule}" in warning
    assert repr(line) in warning


QUIET = {
    "a title": (b"Report\na,b\n2,y\n", {"preamble_lines": 1}),
    "a padded title": (b"Report,\na,b\n2,y\n", {"preamble_lines": 1}),
    "the delimiter announced": (b"sep=,\na,b\n2,y\n", {"preamble_lines": 1}),
    "a longer line": (b"Sales, by day, in euro\na,b\n2,y\n", {"preamble_lines": 1}),
    "empty rows": (b"a,b\n2,y\n,\n,\n", {"footer_lines": 2}),
    "a single column": (b"# a note\na\nx\n", {"delimiter": "", **MARKS}),
    "a delimiter in quotes": (b'a,b\n2,y\n"Total, in all"\n', {"footer_lines": 1}),
}


@pytest.mark.parametrize("name", QUIET)
def test_other_lines_are_counted_alone(tmp_path: Path, name: str) -> None:
    data, options = QUIET[name]
    opened = open_bytes(data, tmp_path, dialect(**options))
    assert not any(each.suspicious for each in opened.records.skipped)
    assert opened.records.lines_skipped > 0
    assert opened.records.warnings == ()


def test_few_lines_are_shown_and_none_in_full(tmp_path: Path) -> None:
    lines = [f"#{n},{'x' * 300}" for n in range(5_000)]
    data = "a,b\n# a note\n1,2\n" + "\n".join(lines) + "\n3,\udcff\n"
    raw = data.encode("utf-8", "surrogateescape")
    opened = open_bytes(raw, tmp_path, dialect(**MARKS))
    (found,) = opened.records.skipped
    assert (found.lines, found.first) == (5_001, tuple(line[:200] for line in lines[:3]))
    assert len(opened.rejects) == 1


AGAIN = {
    "plain": (b"a,b\n1,x\na,b\n2,y\n3,a\n", ["1", "2", "3"]),
    "at the end": (b"a,b\r\n1,x\r\na,b\r\n2,y\r\na,b", ["1", "2"]),
    "behind a mark": (b"\xef\xbb\xbfa,b\n1,x\n\xef\xbb\xbfa,b\n2,y\n", ["1", "2"]),
    "twice in a row": (b"a,b\na,b\n1,x\na,b\na,b\n2,y\n", ["1", "2"]),
    "one column": (b"a\n1\na\n2\n", ["1", "a", "2"]),
    "one column, behind a mark": (b"a\n1\n\xef\xbb\xbfa\n2\n", ["1", "2"]),
    "with the line feed of a cell": (b'"a\nz",b\n1,x\n"a\nz",b\n2,y\n', ["1", "2"]),
    "inside a cell": (b'a,b\n1,"x\na,b\n"\n2,y\n', ["1", "2"]),
}


@pytest.mark.parametrize("name", AGAIN)
def test_headers_in_the_middle_are_skipped(tmp_path: Path, name: str, blocks: int = 9) -> None:
    data, first = AGAIN[name]
    more = b"7,q\n" * blocks if b"," in data else b"7\n" * blocks
    head, end, rest = data.partition(b"1")
    data = head + more + end + rest
    options = {"delimiter": ","} if b"," in data else {"delimiter": ""}
    opened = open_bytes(data, tmp_path, dialect(**options))
    assert [row[0] for row in opened.rows] == ["7"] * blocks + first
    again = sum(1 for each in opened.records.skipped if each.rule == "repeated header")
    assert (again, opened.records.warnings) == (name not in ("one column", "inside a cell"), ())


def test_headers_in_the_middle_may_be_kept(tmp_path: Path) -> None:
    opened = open_bytes(AGAIN["plain"][0], tmp_path, dialect(), repeated_headers="keep")
    assert (opened.plain, [row[0] for row in opened.rows]) == (True, ["1", "a", "2", "3"])


def test_headers_of_two_rows_and_units_are_skipped_again(tmp_path: Path) -> None:
    head = b"a,b\nx,y\nm,s\n"
    data = head + b"1,2\n" + head + b"3,4\nx,y\n"
    opened = open_bytes(data, tmp_path, dialect(header_lines=2, units_lines=1))
    assert [row[0] for row in opened.rows] == ["1", "3", "x"]
    assert by_rule(opened) == {"units": 1, "repeated header": 3}
