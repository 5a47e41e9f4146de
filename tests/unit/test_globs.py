from __future__ import annotations

import pytest

from lakefall.files.globs import matcher


@pytest.mark.parametrize(
    ("pattern", "key", "matches"),
    [
        ("*/**/*.csv", "t/a.csv", True),
        ("*/**/*.csv", "t/2024/01/a.csv", True),
        ("*/**/*.csv", "a.csv", False),
        ("*/**/*.csv", "T/A.CSV", True),
        ("*/**/*.csv", "t/a.csv.gz", False),
        ("*/**/*.csv", "t/acsv", False),
        ("*.csv", "t/a.csv", False),
        ("t/**", "t/a/b", True),
        ("t/?.csv", "t/ab.csv", False),
        ("t/?.csv", "t/é.csv", True),
        ("t/[ab].csv", "t/b.csv", True),
        ("t/[!ab].csv", "t/b.csv", False),
        ("t/[!ab].csv", "t/c.csv", True),
        ("t/[!a]b.csv", "t//b.csv", False),
        ("t/[0-9].csv", "t/7.csv", True),
        ("t/[ab.csv", "t/[ab.csv", True),
        ("t/a+(b).csv", "t/a+(b).csv", True),
        ("t/*.csv", "t/two\nlines.csv", True),
        ("t/[]].csv", "t/].csv", True),
    ],
)
def test_a_pattern_matches_what_it_says(pattern: str, key: str, matches: bool) -> None:
    assert matcher([pattern])(key) is matches


def test_any_of_several_patterns_is_enough_and_none_matches_nothing() -> None:
    assert matcher(["*.a", "*.b"])("x.b")
    assert not matcher([])("")
    assert not matcher([])("x")
