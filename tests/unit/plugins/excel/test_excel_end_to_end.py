"""Workbooks through an embedded pipeline: tables, rejects, replacing, and the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from excel_support import book

from lakefall import cli
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
    (tmp_path / "inbox" / "shops").mkdir(parents=True)
    text = PIPELINE
    for word, folder in (("INBOX", "inbox"), ("LAKE", "lake"), ("CACHE", "cache")):
        text = text.replace(word, str(tmp_path / folder))
    (tmp_path / "p.yaml").write_text(text)
    return tmp_path


@pytest.mark.slow
def test_workbooks_and_csv_files_feed_one_table(lake: Path) -> None:
    inbox, pipeline = lake / "inbox" / "shops", open_pipeline(lake / "p.yaml")

    def load() -> dict[str, str]:
        return {o.file.key: str(o.status) for o in Runner(pipeline).run().outcomes}

    def query(select: Callable[[str], str]) -> list[tuple[Any, ...]]:
        runner = Runner(pipeline)
        with runner.start() as run:
            found = run.pipeline.query(run, select("shops"))
        return [tuple(row.values()) for row in found.to_pylist()]

    book(inbox / "may.xlsx", May=MAY)
    assert load() == {"shops/may.xlsx": "success"}
    by_day = "SELECT day, shop, sum, count FROM {} ORDER BY day"
    assert query(by_day.format) == [
        (date(2024, 5, 1), "north", 1.5, 2), (date(2024, 5, 2), "south", None, 3),
    ]  # fmt: skip
    runner = Runner(pipeline)
    with runner.start() as run:
        (reject,) = run.pipeline.stored_rejects(run)
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


def test_the_commands_for_one_file_show_a_workbook(
    lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(book(lake / "inbox" / "shops" / "may.xlsx", May=MAY, Extra=[["x"], [1]]))
    pipeline = str(lake / "p.yaml")
    assert cli._code(["sniff", path, "--pipeline", pipeline, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["format"], found["other_sheets"]) == ("excel", ["Extra"])
    assert found["sheets"] == [{"sheet": "May", "first_row": 2, "header_rows": 1}]
    assert cli._code(["infer", path, "--pipeline", pipeline, "--json"]) == 0
    columns = json.loads(capsys.readouterr().out)["columns"]
    assert {c["name"]: c["type"] for c in columns} == {
        "day": "DATE", "shop": "VARCHAR", "sum": "DOUBLE", "count": "INTEGER",
    }  # fmt: skip
    assert cli._code(["clean", path, "--pipeline", pipeline, "--out", str(lake)]) == 0
    assert (lake / "may.xlsx.csv").read_text().splitlines() == [
        "Day,Shop,Sum,Count", "2024-05-01,north,1.5,2", "2024-05-02,south,,3",
    ]  # fmt: skip
    assert "#N/A" in (lake / "may.xlsx.rejects.csv").read_text()
    capsys.readouterr()
    assert cli._code(["plan", pipeline]) == 2
    said = capsys.readouterr()
    assert "sheet 'May' with header in row 2" in said.out + said.err
