"""A second table further down the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reader_support import dialect, open_bytes, open_path
from sniffer_support import sniff

from lakefall.contract.errors import TooManyRejectsError
from lakefall_plugins.formats.csv.reading.others import OtherTable, OtherTables

FIRST = b"a,b,c\n" + b"1,2,3\n" * 30
SECOND = b"x,y\n" + b"4,5\n" * 40


def test_records_of_another_table_are_rejects_and_told(tmp_path: Path) -> None:
    opened = open_bytes(FIRST + b"\n" + SECOND, tmp_path, max_rejected=0.1)
    assert len(opened.rows) == 30
    assert len(opened.rejects) == opened.records.rows_elsewhere == 41
    assert opened.rejects[0].line == 33
    assert opened.records.warnings == (
        "lines 33 to 73 are another table, of 2 columns: its 41 records are rejected; to load it, "
        "put it into a file of its own",
    )


def test_blank_lines_do_not_part_a_table(tmp_path: Path) -> None:
    opened = open_bytes(FIRST + b"x,y\n\n4,5\n\n6,7\n", tmp_path)
    assert opened.records.rows_elsewhere == 3


def test_several_tables_are_told_apart(tmp_path: Path) -> None:
    third = b"p,q,r,s\n" + b"1,2,3,4\n" * 5
    opened = open_bytes(FIRST + SECOND + third, tmp_path, max_rejected=0.1)
    assert opened.records.rows_elsewhere == 47
    assert ["of 2 columns" in w for w in opened.records.warnings] == [True, False]


@pytest.mark.parametrize(
    "below", [b"4,5\n" * 40, b"x,y\n4,5\n3,2,1\nx,y\n" * 14, b"x,y\nz,w\n" * 20]
)
def test_ragged_records_are_no_table(tmp_path: Path, below: bytes) -> None:
    with pytest.raises(TooManyRejectsError):
        open_bytes(FIRST + below, tmp_path, max_rejected=0.1)


def test_a_table_of_nothing_excuses_no_other(tmp_path: Path) -> None:
    """A title taken for a header must not make a whole file a success without a row."""
    with pytest.raises(TooManyRejectsError):
        open_bytes(b"Sales,by day,in euro\n" + SECOND, tmp_path, max_rejected=0.5)


def test_another_table_is_no_habit_of_short_records(tmp_path: Path) -> None:
    """Its records were filled, and loaded into the first table."""
    found = sniff(tmp_path, FIRST + b"\n" + SECOND)
    assert not found.short_records
    opened = open_path(tmp_path / "file.csv", tmp_path, found, max_rejected=0.1)
    assert (len(opened.rows), opened.records.rows_elsewhere) == (30, 41)


def test_names_alone_are_no_table() -> None:
    watch = OtherTables()
    watch.rejected(1, 2, ["x", "y"])
    watch.rejected(2, 3, ["1", "2"])
    assert watch.found() == ()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.sampled_from(["g", "g", "xx", "12", "1 23", "xxxx", ""]), max_size=40),
)
def test_tables_hold_records_that_follow_each_other(kinds: list[str]) -> None:
    """Against a plain reading of the rule: same width, no good record between, names first."""
    rows = {"xx": ["x", "y"], "12": ["1", "2"], "1 23": ["1", "2", "3"], "xxxx": ["a"] * 4}
    watch, expected, run = OtherTables(), [], []

    def close() -> None:
        named = len(run) > 2 and run[0][1] == "xx" and run[1][1] == "12"
        if named:
            expected.append(OtherTable(run[0][0], run[-1][0], len(rows[run[0][1]]), len(run)))
        run.clear()

    for number, kind in enumerate(kinds):
        if kind == "":
            watch.blank(number)
        elif kind == "g":
            close()
        else:
            watch.rejected(number, number + 2, rows[kind])
            if run and len(rows[run[-1][1]]) != len(rows[kind]):
                close()
            run.append((number + 2, kind))
    close()
    assert list(watch.found()) == expected


def test_blocks_do_not_part_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lakefall_plugins.formats.csv.encoding import decoding

    monkeypatch.setattr(decoding, "BLOCK", 7)
    opened = open_bytes(FIRST + b"\n" + SECOND, tmp_path, dialect())
    assert opened.records.rows_elsewhere == 41
