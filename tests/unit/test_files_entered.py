"""How many files of ours one small CSV file goes through: what a newcomer has to read."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import lakefall
import lakefall_plugins
from lakefall.config.loader import open_pipeline
from lakefall.contract.values import Status
from lakefall.run.runner import Runner

OURS = tuple(str(Path(p.__file__).parent) + "/" for p in (lakefall, lakefall_plugins))
MOST = 108
"""The issue asks for 70; files of one subject become one on the way there."""
PIPELINE = """\
version: 1
source: {{use: folder, path: {0}/in}}
sniffer: {{use: csv}}
type_inferer: {{use: threshold}}
sink: {{use: iceberg, catalog: {{type: sqlite, warehouse: {0}/lake}}}}
cache: {{dir: {0}/cache}}
"""


def load(folder: Path) -> None:
    (folder / "in" / "t").mkdir(parents=True)
    (folder / "p.yaml").write_text(PIPELINE.format(folder))
    (folder / "in" / "t" / "a.csv").write_text("id,name\n1,ann\n2,bob\n3,eve\n")
    outcomes = Runner(open_pipeline(folder / "p.yaml")).run().outcomes
    assert [(o.status, o.rows_loaded) for o in outcomes] == [(Status.SUCCESS, 3)]


def test_a_three_row_csv_enters_few_files(tmp_path: Path) -> None:
    """Every file with a function that is called, on whatever thread; imports do not count."""
    load(tmp_path / "before")
    entered: set[str] = set()

    def enter(frame: Any, event: str, _: object) -> None:
        if event == "call":
            entered.add(frame.f_code.co_filename)

    threading.setprofile(enter)
    sys.setprofile(enter)
    try:
        load(tmp_path / "measured")
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]
    ours = sorted(path for path in entered if path.startswith(OURS))
    assert len(ours) <= MOST, f"{len(ours)} files:\n" + "\n".join(ours)
