"""What ``run``, ``plan`` and ``rebuild`` print."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from lakefall.cli import reports
from lakefall.contract.values import (
    Change,
    Column,
    Decision,
    Outcome,
    PlannedColumn,
    Schema,
    Skipped,
    SourceFile,
    Status,
    TablePlan,
)
from lakefall.run.profile import StepTime
from lakefall.run.report import FilePlan, PlanReport, RebuildReport, RunReport
from lakefall_plugins.formats.csv.dialect import Dialect, Reading

FILE = SourceFile("t/a.csv", "e1", 10, datetime(2024, 1, 15, tzinfo=UTC), "t", "t")
DIALECT = Dialect(
    ";", '"', "", "cp1252", True, "\r\n", 2, confidence=0.98765, runner_up=Reading(",", "", "", 0.2)
)
SCHEMA = Schema((Column("id", "ID", "BIGINT", False, evidence=("2 of 2", "widened")),))
PLAN = TablePlan(
    "t",
    False,
    (
        PlannedColumn("id", "BIGINT", "", 1, Change.WIDEN, "INTEGER"),
        PlannedColumn("name", "VARCHAR", "", 2),
    ),
    notes=("a note",),
)


def report(*outcomes: Outcome, **more: Any) -> RunReport:
    return RunReport("run_1", outcomes, (), (), 1.25, **more)


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_run_json_is_one_object_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    good = Outcome(FILE, Status.SUCCESS, 5, 3, 2, (Skipped("blank", 1),), 4, 6, ("x",), 0.12345)
    bad = Outcome(FILE, Status.FAILED, error="t/a.csv: broken")
    reports.run(report(good, bad), json=True)
    told = capsys.readouterr()
    first, second = objects(told.out)
    assert list(first.items()) == [
        ("key", "t/a.csv"),
        ("table", "t"),
        ("status", "success"),
        ("rows_read", 5),
        ("rows_loaded", 3),
        ("rows_rejected", 2),
        ("lines_skipped", 1),
        ("lines_skipped_by_rule", {"blank": 1}),
        ("cells_nulled", 4),
        ("rows_deleted", 6),
        ("columns_added", ["x"]),
        ("seconds", 0.123),
        ("error", ""),
    ]
    assert (second["status"], second["error"]) == ("failed", "t/a.csv: broken")
    assert told.err == "failed: t/a.csv: broken\n"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (report(), "nothing to do: no files"),
        (report(Outcome(FILE, Status.UNCHANGED)), "nothing to do: 1 unchanged"),
        (report(Outcome(FILE, Status.SUCCESS, rows_loaded=1234)), "1 success; 1,234 rows in 1.2 s"),
        (report(Outcome(FILE, Status.FAILED, error="x")), "1 failed"),
        (report(Outcome(FILE, Status.SKIPPED, error="x"), interrupted=True), "interrupted:"),
        (report(Outcome(FILE, Status.SKIPPED, error="x"), dry_run=True), "dry run, nothing was"),
    ],
)
def test_run_ends_with_a_sentence(
    given: RunReport, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    reports.run(given, json=False)
    assert said in capsys.readouterr().err


def test_run_shows_skipped_lines_where_there_are_any(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    skipped = (Skipped("preamble", 2), Skipped("blank", 1), Skipped("preamble", 4))
    one = Outcome(FILE, Status.SUCCESS, 5, 5, skipped=skipped)
    reports.run(report(one, Outcome(FILE, Status.SUCCESS, 5, 5)), json=False)
    head, _, first, second, *_ = [r for r in capsys.readouterr().out.splitlines() if r.strip()]
    assert head.split() == ["file", "table", "status", "read", "loaded", "skipped", "s"]
    assert (first.split()[-2], second.split()[-2]) == ("7", "0")
    reports.run(report(Outcome(FILE, Status.SUCCESS, 5, 5)), json=False)
    assert "skipped" not in capsys.readouterr().out
    reports.run(report(one), json=True)
    (line,) = objects(capsys.readouterr().out)
    assert line["lines_skipped_by_rule"] == {"preamble": 6, "blank": 1}
    assert sum(line["lines_skipped_by_rule"].values()) == line["lines_skipped"] == 7


def test_run_lists_unchanged_files_unless_they_are_many(
    capsys: pytest.CaptureFixture[str],
) -> None:
    same, new = Outcome(FILE, Status.UNCHANGED), Outcome(FILE, Status.SUCCESS)
    reports.run(report(new, *[same] * reports.MOST_UNCHANGED), json=False)
    told = capsys.readouterr()
    assert told.out.count("unchanged") == reports.MOST_UNCHANGED
    assert "not listed" not in told.err
    many = reports.MOST_UNCHANGED + 1
    reports.run(report(new, *[same] * many), json=False)
    told = capsys.readouterr()
    assert (told.out.count("unchanged"), told.out.count("success")) == (0, 1)
    assert f"{many} unchanged files are not listed; --json lists them" in told.err
    reports.run(report(*[same] * many), json=False)
    assert capsys.readouterr().out == ""
    reports.run(report(*[same] * many), json=True)
    assert len(objects(capsys.readouterr().out)) == many


def test_plan_json(capsys: pytest.CaptureFixture[str]) -> None:
    pending = FilePlan(Decision(FILE, True, "changed"), DIALECT, None, SCHEMA, PLAN, 7)
    idle = FilePlan(Decision(FILE, False, "unchanged"))
    reports.plan(PlanReport((pending, idle)), json=True)
    told = capsys.readouterr()
    first, second = objects(told.out)
    assert told.err == ""
    assert first == {
        "key": "t/a.csv",
        "table": "t",
        "pending": True,
        "reason": "changed",
        "dialect": {
            "delimiter": ";",
            "quotechar": '"',
            "escapechar": "",
            "encoding": "cp1252",
            "has_header": True,
            "preamble_lines": 2,
            "line_terminator": "\r\n",
            "confidence": 0.9877,
        },
        "columns": [
            {
                "name": "id",
                "source_name": "ID",
                "type": "BIGINT",
                "nullable": False,
                "evidence": ["2 of 2", "widened"],
            }
        ],
        "created": False,
        "changes": [
            {"name": "id", "change": "widen", "type": "BIGINT", "from_type": "INTEGER"},
        ],
        "notes": ["a note"],
        "rows_read": 0,
        "rows_rejected": 0,
        "lines_skipped": 0,
        "lines_skipped_by_rule": {},
        "rows_replaced": 7,
        "error": "",
    }
    assert (second["pending"], second["dialect"], second["columns"]) == (False, None, [])


def test_plan_for_people(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    pending = FilePlan(Decision(FILE, True, "changed"), DIALECT, None, SCHEMA, PLAN, 7)
    failing = FilePlan(Decision(FILE, True, "new"), error="no header")
    reports.plan(PlanReport((pending, failing)), json=False)
    told = capsys.readouterr()
    for words in ("delimiter ';'", "0.99", "runner-up ','", "widened from INTEGER to BIGINT"):
        assert words in told.out
    assert "2 of 2; widened" in told.out
    assert "a note" in told.out
    assert "would fail: t/a.csv: no header" in told.err
    assert "2 files to load, 1 of them would fail" in told.err


def test_rebuild(capsys: pytest.CaptureFixture[str]) -> None:
    rebuilt = RebuildReport(
        "t",
        (("id", "VARCHAR"), ("gone", "DATE")),
        (("id", "BIGINT"),),
        SCHEMA,
        (Outcome(FILE, Status.SUCCESS, rows_loaded=2),),
        ("t/old.csv",),
        False,
    )
    reports.rebuild(rebuilt, json=True)
    (told,) = objects(capsys.readouterr().out)
    assert list(told) == ["table", "dry_run", "before", "after", "files", "missing"]
    assert told["before"][1] == {"name": "gone", "type": "DATE"}
    reports.rebuild(rebuilt, json=False)
    shown = capsys.readouterr()
    assert "VARCHAR" in shown.out
    assert "BIGINT" in shown.out
    assert "t/old.csv" in shown.err
    assert "1 files, 2 rows" in shown.err


def test_the_profile_adds_up_to_the_whole_run(capsys: pytest.CaptureFixture[str]) -> None:
    steps = (StepTime("fetch", 2, 0.25, 5_000_000), StepTime("commit", 1, 0.5, 0))
    reports.profile(report(steps=steps), json=True)
    assert objects(capsys.readouterr().out) == [
        {
            "profile": [
                {"step": "fetch", "calls": 2, "seconds": 0.25, "bytes": 5_000_000},
                {"step": "commit", "calls": 1, "seconds": 0.5, "bytes": 0},
                {"step": "other", "calls": 1, "seconds": 0.5, "bytes": 0},
            ],
            "seconds": 1.25,
        }
    ]
    reports.profile(report(steps=steps), json=False)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["fetch", "2", "0.250", "20%", "20"] in lines
    assert ["other", "1", "0.500", "40%"] in lines
