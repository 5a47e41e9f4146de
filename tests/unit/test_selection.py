from __future__ import annotations

import random
from typing import Any

import pytest
from pydantic import ValidationError

from lakefall.files.options import ArchiveLimits, FileOptions
from lakefall.files.selection import Selection, matcher


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


def selection(*patterns: str, **options: Any) -> Selection:
    return Selection(FileOptions.model_validate(options), patterns)


SUFFIXES = ["", ".gz", ".zst", ".bz2", ".xz"]
ARCHIVES = [
    "zip", "tar", "tar.gz", "tar.zst", "tar.bz2", "tar.xz", "tgz", "tzst", "tbz2", "txz",
]  # fmt: skip


def test_without_include_the_formats_say_what_is_read() -> None:
    chosen = selection("*.csv", "data_*.json")
    for name in ("a.csv", "a.b.CSV", "data_1.json"):
        for suffix in SUFFIXES:
            assert chosen.account(f"t/{name}{suffix}") == "taken"
            assert chosen.account(f"t/x/y/{name}{suffix.upper()}") == "taken"
            assert chosen.account(f"{name}{suffix}") == "taken"
    for suffix in ARCHIVES:
        assert chosen.account(f"t/a.{suffix}") == "taken"
    for name in ("a.docx", "b.json", "csv", "a.gz", "a.csv.gz.xz", "a.csv.7z", "a.csvx", "t.csv/a"):
        assert chosen.account(f"t/{name}") == "unread", name


def test_the_default_is_what_the_patterns_would_select() -> None:
    names = [f"*.csv{suffix}" for suffix in SUFFIXES] + [f"*.{suffix}" for suffix in ARCHIVES]
    written = selection(include=[f"*/**/{name}" for name in names])
    chosen = selection("*.csv")
    pieces = ["/", "//", "a", ".csv", ".gz", ".tar", ".zip", "\n", "é", ".CSV", ".", "..", "~"]
    draw = random.Random(1)
    keys = ["".join(draw.choices(pieces, k=draw.randint(1, 6))) for _ in range(20_000)]
    assert [chosen.account(k) for k in keys] == [written.account(k) for k in keys]
    assert {chosen.account(k) for k in keys} == {"taken", "excluded", "unread"}


def test_a_format_of_any_name_takes_every_name_but_no_hidden_file() -> None:
    assert selection().account("t/a.docx") == "taken"
    assert selection().account("t/.a.docx") == "excluded"


def test_include_replaces_the_default_and_may_be_empty() -> None:
    assert selection("*.csv", include=["*/*.txt"]).account("t/a.txt") == "taken"
    assert selection("*.csv", include=["*/*.txt"]).account("t/a.csv") == "unread"
    assert selection("*.csv", include=[]).account("t/a.csv") == "unread"


def test_what_is_left_out_on_purpose_is_no_file_that_nobody_reads() -> None:
    chosen = selection("*.csv", exclude=["old/**"])
    for key in ("old/a.docx", "t/.a.docx", ".t/a.csv", "t/a.docx.part", "t/~$a.docx", "t/a.csv~"):
        assert chosen.account(key) == "excluded", key
        assert not chosen.takes(key)


def test_limits_of_archives_have_bounds() -> None:
    assert FileOptions().archive_limits == ArchiveLimits()
    options = FileOptions.model_validate(
        {"max_archive_ratio": 20, "max_archive_members": 3, "max_archive_size": "1MB"}
    )
    assert options.archive_limits == ArchiveLimits(20, 3, 1_000_000)
    for name, value in [
        ("max_archive_ratio", 0.5),
        ("max_archive_ratio", float("nan")),
        ("max_archive_members", 0),
        ("max_archive_members", 10**9),
        ("max_archive_size", 0),
        ("max_archive_size", "4000000TB"),
    ]:
        with pytest.raises(ValidationError):
            FileOptions.model_validate({name: value})
