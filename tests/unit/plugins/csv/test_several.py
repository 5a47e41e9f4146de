"""Delimiters of several characters: named, and refused with a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from reader_support import open_path
from sniffer_support import sniff

from lakefall.contract.errors import UnsupportedFormatError

SEVERAL = {
    "colons": (
        "1::Toy Story (1995)::Animation|Comedy\n2::Jumanji (1995)::Adventure\n",
        "::",
    ),
    "pipes": ("id||name||city\n1||Ann||Rome\n2||||Bonn\n", "||"),
    "tildes around a pipe": ("id~|~name~|~n\n1~|~a,b~|~2\n3~|~c~|~4\n", "~|~"),
    "carets": ("id^^name\n1^^x\n2^^y\n", "^^"),
}


@pytest.mark.parametrize(("text", "delimiter"), SEVERAL.values(), ids=SEVERAL)
def test_it_is_named_and_refused(tmp_path: Path, text: str, delimiter: str) -> None:
    found = sniff(tmp_path, text)
    assert found.delimiter == delimiter
    assert found.confidence > 0.5
    with pytest.raises(UnsupportedFormatError) as caught:
        open_path(tmp_path / "file.csv", tmp_path, found)
    assert repr(delimiter) in str(caught.value)
    assert "such as a tab" in str(caught.value)
    told = sniff(tmp_path, text, delimiter=delimiter[0], on_missing_header="generate")
    assert open_path(tmp_path / "file.csv", tmp_path, told).rows


SINGLE = {
    "empty cells": ("a|b|c\n1||3\n||4\n5||\n", "|"),
    "empty columns between commas": ("a,,b\n1,,2\n3,,4\n", ","),
    "empty columns between semicolons": ("a;;b\n1;;2\n3;;4\n", ";"),
    "a sign after the delimiter": ("a;$1;b\nc;$2;d\ne;$3;f\n", ";"),
    "addresses": ("https://example.org/a\nhttps://example.org/b\n", ""),
    "comparisons": ("rule,n\na!=b,1\nc!=d,2\n", ","),
    "a wall": ("||a||b||\n||c||d||\n", "|"),
}


@pytest.mark.parametrize(("text", "delimiter"), SINGLE.values(), ids=SINGLE)
def test_one_character_stays_one(tmp_path: Path, text: str, delimiter: str) -> None:
    assert sniff(tmp_path, text).delimiter == delimiter
