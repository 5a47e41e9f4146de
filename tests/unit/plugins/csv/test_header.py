"""Whether the first row names the columns."""

from __future__ import annotations

import pytest

from lakefall_plugins.formats.csv.sniffing.header import judge

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
