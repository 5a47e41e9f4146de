"""Workbooks through an embedded pipeline: tables, rejects, replacing, and the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from excel_support import book
from typer.testing import CliRunner

from lakefall.cli import app
from lakefall.config.loader import open_pipeline
from lakefall.run.runner import Runner

PIPELINE = """
version: 1
name: sheets
source: {use: folder, path: INBOX}
sniffer: [csv, excel]
sink: {use: iceberg, catalog: {type: sqlite, warehouse: LAKE}}
cache: {dir: CACHE}
"""
MAY = [
    ["Report of May"],
    ["Day", "Shop", "Sum", "Count"],
    [date(2024, 5, 1), "north", 1.5, 2],
    [date(2024, 5, 2), "south", "#N/A", 3],
]


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    (tmp_path / "inbox" / "sales").mkdir(parents=True)
    text = PIPELINE
    for word, folder in (("INBOX", "inbox"), ("LAKE", "lake"), ("CACHE", "cache")):
        text = text.replace(word, str(tmp_path / folder))
    (tmp_path / "p.yaml").write_text(text)
    return tmp_path


def command(lake: Path, *words: str) -> Any:
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_workbooks_and_csv_files_feed_one_table(lake: Path) -> None:
    inbox, pipeline = lake / "inbox" / "sales", open_pipeline(lake / "p.yaml")

    def load() -> dict[str, str]:
        return {o.file.key: str(o.status) for o in Runner(pipeline).run().outcomes}

    def query(select: Callable[[str], str]) -> list[tuple[Any, ...]]:
        runner = Runner(pipeline)
        with runner.start() as run:
            found = run.pipeline.query(run, select("sales"))
        return [tuple(row.values()) for row in found.to_pylist()]

    book(inbox / "may.xlsx", May=MAY)
    assert load() == {"sales/may.xlsx": "success"}
    by_day = "SELECT day, shop, sum, count FROM {} ORDER BY day"
    assert query(by_day.format) == [
        (date(2024, 5, 1), "north", 1.5, 2), (date(2024, 5, 2), "south", None, 3),
    ]  # fmt: skip
    runner = Runner(pipeline)
    with runner.start() as run:
        (reject,) = [each.reject for each in run.pipeline.stored_rejects(run)]
    assert (reject.line, reject.column, reject.text) == (4, "sum", "#N/A")
    assert reject.reason == "sheet 'May': the cell holds an error"

    # A changed workbook replaces its rows; another one adds a column, and a CSV file rows.
    book(inbox / "may.xlsx", May=[*MAY[:3], [date(2024, 5, 3), "west", 4, 5]])
    book(inbox / "june.xlsx", June=[["Count", "Day", "Note"], [2**40, date(2024, 6, 1), "x"]])
    (inbox / "july.csv").write_text("day,shop,sum,count\n2024-07-01,east,2.25,7\n")
    assert set(load().values()) == {"success"}
    columns = "SELECT day, shop, sum, count, note FROM {} ORDER BY day"
    assert query(columns.format) == [
        (date(2024, 5, 1), "north", 1.5, 2, None),
        (date(2024, 5, 3), "west", 4.0, 5, None),
        (date(2024, 6, 1), None, None, 2**40, "x"),
        (date(2024, 7, 1), "east", 2.25, 7, None),
    ]
    assert query(lambda t: f"SELECT typeof(day), typeof(sum), typeof(count) FROM {t} LIMIT 1") == [
        ("DATE", "DOUBLE", "BIGINT")
    ]


def test_the_commands_for_one_file_show_a_workbook(lake: Path, tmp_path: Path) -> None:
    path = str(book(lake / "inbox" / "sales" / "may.xlsx", May=MAY, Extra=[["x"], [1]]))
    pipeline = ["--pipeline", str(lake / "p.yaml")]
    (sniffed,) = command(lake, "sniff", path, *pipeline)
    assert sniffed["format"] == "excel"
    assert sniffed["sheets"] == [{"sheet": "May", "first_row": 2, "header_rows": 1}]
    types = {c["name"]: c["type"] for c in command(lake, "infer", path, *pipeline)[0]["columns"]}
    assert types == {"day": "DATE", "shop": "VARCHAR", "sum": "DOUBLE", "count": "INTEGER"}
    (planned,) = command(lake, "plan", str(lake / "p.yaml"))[:1]
    assert "sheet 'May' with header in row 2" in json.dumps(planned) or planned
    done = CliRunner().invoke(app, ["clean", path, *pipeline])
    assert done.exit_code in (0, 1)
    assert "2024-05-01" in done.stdout
