"""``lakefall maintain``: what it prints, its exit codes, and one table's failure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lakefall import cli

PIPELINE = """\
version: 1
name: kept
plugins: [sink.py]
source: {use: folder, path: "${HOME_OF_TEST}/in"}
sink: {use: fake}
tables:
  b*: {sink: {speed: 2}}
cache: {dir: "${HOME_OF_TEST}/cache"}
"""
SINK = '''
from lakefall.contract.errors import SinkError
from lakefall.contract.values import Maintained
from lakefall.contract.plugin import Plugin, SinkOptions, Stage, hookimpl


class FakeOptions(SinkOptions):
    """Options."""

    speed: int = 1
    """How fast."""


class Fake(Plugin[FakeOptions]):
    """A sink that maintains what the test says."""

    name, stage = "fake", Stage.SINK

    @hookimpl
    def tables(self):
        return TABLES

    @hookimpl
    def maintain(self, run, table):
        if table == "broken":
            raise SinkError("the storage is away")
        if table == "defect":
            raise KeyError("x")
        left = ("2 data files: busy",) if table == "b1" else ()
        after = None if run.dry_run else self.options.speed
        return Maintained(table, 1234, after, 9, 1_500_000, 3, None, left)
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME_OF_TEST", str(tmp_path))
    (tmp_path / "p.yaml").write_text(PIPELINE)
    (tmp_path / "in").mkdir()
    sink(tmp_path, "a", "b1")
    return tmp_path


def sink(folder: Path, *tables: str) -> None:
    (folder / "sink.py").write_text(SINK.replace("TABLES", repr(tables)))


def maintain(folder: Path, *args: str) -> int:
    return cli._code(["maintain", str(folder / "p.yaml"), *args])


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_json_is_one_object_a_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert maintain(folder, "--json") == 0
    told = capsys.readouterr()
    one, other = objects(told.out)
    assert one.pop("seconds") >= 0
    assert list(one.items()) == [
        ("table", "a"),
        ("files_before", 1234),
        ("files_after", 1),
        ("files_merged", 9),
        ("bytes_rewritten", 1_500_000),
        ("snapshots_expired", 3),
        ("files_removed", None),
        ("left", []),
        ("error", ""),
    ]
    assert (other["files_after"], other["left"]) == (2, ["2 data files: busy"]), "its own options"
    assert told.err == "left alone: b1: 2 data files: busy\n"


def test_a_table_for_people(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert maintain(folder) == 0
    told = capsys.readouterr()
    words = " ".join(told.out.split())
    assert "a 1,234 -> 1 9 1.5 MB 3" in words
    assert told.err.splitlines()[-1] == "2 tables maintained"


def test_a_dry_run_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert maintain(folder, "--dry-run") == 0
    told = capsys.readouterr()
    assert "1,234 -> ?" in told.out
    assert "dry run, nothing was written: 2 tables looked at" in told.err


def test_an_error_of_one_table_stops_no_other(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sink(folder, "broken", "defect", "a")
    assert maintain(folder, "--json") == 1
    told = capsys.readouterr()
    broken, defect, good = objects(told.out)
    assert (broken["table"], broken["error"]) == ("broken", "the storage is away")
    assert broken["files_before"] is None
    assert "unforeseen KeyError" in defect["error"]
    assert (good["table"], good["error"]) == ("a", "")
    assert "failed: broken: the storage is away" in told.err
    assert "Traceback" not in told.err
    assert maintain(folder) == 1
    assert "3 tables maintained, 2 of them failed" in capsys.readouterr().err


def test_only_the_tables_that_are_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert maintain(folder, "--json", "--table", "b1") == 0
    assert [o["table"] for o in objects(capsys.readouterr().out)] == ["b1"]
    assert maintain(folder, "--json", "--table", "b1", "--table", "a") == 0
    assert [o["table"] for o in objects(capsys.readouterr().out)] == ["a", "b1"]
    assert maintain(folder, "--json", "--table", "nope") == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == "lakefall: there is no table 'nope' to maintain; tables: a, b1\n"


def test_without_tables_there_is_nothing_to_do(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sink(folder)
    assert maintain(folder) == 0
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "there are no tables yet\n")


def test_a_sink_that_maintains_nothing_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (
        (folder / "sink.py").read_text().replace("    @hookimpl\n    def tables", "    def other")
    )
    (folder / "sink.py").write_text(text)
    assert maintain(folder) == 1
    assert "no plugin of pipeline 'kept' answered 'tables'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("size", "words"), [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (2_345_678_901, "2.3 GB")]
)
def test_sizes_in_words(size: int, words: str) -> None:
    from lakefall.cli.reports import _size

    assert _size(size) == words
