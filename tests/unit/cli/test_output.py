from __future__ import annotations

import json

import pytest

from lakefall.cli.output import Told, emit, table, visible
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
