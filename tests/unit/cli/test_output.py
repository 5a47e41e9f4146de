from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from lakefall.cli.output import Told, column_names, emit, json_value, row_objects, table
from lakefall.common.printable import visible
from lakefall.contract.values import Event


def test_a_cell_cannot_steer_the_terminal() -> None:
    assert visible("plain é 日本") == "plain é 日本"
    assert visible("\x1b[31mred\a\tx") == "\\x1b[31mred\\x07\\tx"
    assert visible("two\nlines") == "two\nlines"


def test_json_lines_are_ascii_and_hold_any_name(capsys: pytest.CaptureFixture[str]) -> None:
    emit({"path": "caf\udce9 é\n", "n": None})
    line = capsys.readouterr().out
    assert line.isascii()
    assert line.count("\n") == 1
    assert json.loads(line) == {"path": "caf\udce9 é\n", "n": None}


def test_a_table_cuts_nothing_off(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    table(["a", "b"], [["x" * 100, 1234567], [None, True], ["[red]no markup[/red]", "\x1b[0m"]])
    told = capsys.readouterr().out
    assert told.count("x") >= 100
    assert "1,234,567" in told
    assert "yes" in told
    assert "[red]no" in told.replace("\n", "")
    assert "\x1b" not in told
    assert max(map(len, told.splitlines())) <= 40


def test_a_warning_is_told_once_with_its_file(capsys: pytest.CaptureFixture[str]) -> None:
    told = Told()
    for _ in range(2):
        told.event(Event("warning", key="t/a.csv", detail={"message": "odd"}))
    told.event(Event("warning", key="t/b.csv", detail={"message": "t/b.csv: odd"}))
    told.event(Event("warning", table="t", detail={"message": "two folders"}))
    told.event(Event("load.started", table="t"))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "warning: t/a.csv: odd",
        "warning: t/b.csv: odd",
        "warning: t: two folders",
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (1.5, 1.5),
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
        ("é", "é"),
        (Decimal("1.10"), "1.10"),
        (date(2024, 1, 15), "2024-01-15"),
        (datetime(2024, 1, 15, 10, 30, tzinfo=UTC), "2024-01-15T10:30:00+00:00"),
        (time(10, 30), "10:30:00"),
        (b"\x00\xff", "00ff"),
        ([Decimal(1), None], [1, None]),
        ({"a": date(2024, 1, 15)}, {"a": "2024-01-15"}),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (timedelta(seconds=90), "0:01:30"),
    ],
)
def test_every_kind_of_value_fits_json(value: object, expected: object) -> None:
    assert json_value(value) == expected
    json.dumps(json_value(value), allow_nan=False)


def test_a_name_that_stands_twice_stays_two_columns() -> None:
    import pyarrow as pa

    table = pa.table([[1], [2], [3], [4]], names=["a", "a", "a_2", "a"])
    assert column_names(table) == ["a", "a_3", "a_2", "a_4"]
    assert list(row_objects(table)) == [{"a": 1, "a_3": 2, "a_2": 3, "a_4": 4}]


def test_nanoseconds_are_cut_to_microseconds() -> None:
    import pyarrow as pa

    table = pa.table({"t": pa.array([1_700_000_000_000_000_123], pa.timestamp("ns", "UTC"))})
    assert list(row_objects(table)) == [{"t": "2023-11-14T22:13:20+00:00"}]


def test_no_rows() -> None:
    import pyarrow as pa

    assert list(row_objects(pa.table({"a": pa.array([], pa.int64())}))) == []
