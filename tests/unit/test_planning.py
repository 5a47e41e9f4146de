"""Rebuilding a table loses no row that nobody agreed to lose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lakefall.cli.parameters import open_pipeline
from lakefall.contract.errors import TableError
from lakefall.contract.values import Status
from lakefall.run import planning
from lakefall.run.runner import Runner

PIPELINE = """\
version: 1
name: planning
source: {use: folder, path: "${HOME_OF_TEST}/in"}
sniffer: {use: csv}
type_inferer: {use: threshold}
sink: {use: iceberg, catalog: {type: sqlite, warehouse: "${HOME_OF_TEST}/lake"}}
cache: {dir: "${HOME_OF_TEST}/cache"}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME_OF_TEST", str(tmp_path))
    (tmp_path / "p.yaml").write_text(PIPELINE)
    (tmp_path / "in" / "t").mkdir(parents=True)
    (tmp_path / "in" / "t" / "a.csv").write_text("id,name\n1,x\n2,y\n")
    (tmp_path / "in" / "t" / "b.csv").write_text("id,name\n5,z\n")
    runner(tmp_path).run()
    return tmp_path


def runner(folder: Path) -> Runner:
    return Runner(open_pipeline(folder / "p.yaml", []))


def ids(folder: Path) -> list[Any]:
    with runner(folder).start() as run:
        found: list[Any] = run.pipeline.query(run, "SELECT id FROM t ORDER BY id")["id"].to_pylist()
        return found


def test_rebuild_keeps_rows_whose_file_is_gone(folder: Path) -> None:
    (folder / "in" / "t" / "a.csv").unlink()
    with pytest.raises(TableError, match=r"t/a\.csv"):
        planning.rebuild(runner(folder), "t")
    assert ids(folder) == [1, 2, 5]


def test_rebuild_keeps_rows_of_a_file_that_failed_before_it_went(folder: Path) -> None:
    (folder / "in" / "t" / "a.csv").write_bytes(bytes(range(256)))
    assert Status.FAILED in {o.status for o in runner(folder).run().outcomes}
    (folder / "in" / "t" / "a.csv").unlink()
    with pytest.raises(TableError, match=r"t/a\.csv"):
        planning.rebuild(runner(folder), "t")
    assert ids(folder) == [1, 2, 5]
    assert planning.rebuild(runner(folder), "t", drop_missing=True).missing == ("t/a.csv",)
    assert ids(folder) == [5]


def test_rebuild_keeps_rows_that_the_registry_does_not_know(folder: Path) -> None:
    from pyiceberg.catalog.sql import SqlCatalog

    lake = folder / "lake"
    catalog = SqlCatalog("lakefall", uri=f"sqlite:///{lake}/catalog.db", warehouse=str(lake))
    table = catalog.load_table("lakehouse.t")
    rows = table.scan().to_arrow().slice(0, 1)
    table.append(rows.set_column(2, "_source_file", [[None]]).cast(rows.schema))
    with pytest.raises(TableError, match="rows of no file"):
        planning.rebuild(runner(folder), "t")
    assert len(ids(folder)) == 4


COUNTER = """
from lakefall.contract.values import Registered, WrongFile
from lakefall.contract.plugin import NoOptions, Plugin, Stage, hookimpl


class Counter(Plugin[NoOptions]):
    \"""Finds one file wrong.\"""

    name, stage = "counter", Stage.CATALOG_REGISTRAR

    @hookimpl
    def register(self, loaded):
        wrong = (WrongFile("t/b.csv", "0 of 1 rows"),)
        return Registered("counter", loaded.table, ok=False, wrong=wrong)
"""


def test_rebuild_heeds_registrars_too(folder: Path) -> None:
    (folder / "counter.py").write_text(COUNTER)
    (folder / "p.yaml").write_text(
        PIPELINE + "plugins: [counter.py]\ncatalog_registrar: [{use: counter}]\n"
    )
    report = planning.rebuild(runner(folder), "t")
    assert report.failed
    assert {o.file.key: o.error for o in report.outcomes if o.error} == {
        "t/b.csv": "counter: 0 of 1 rows"
    }
    with runner(folder).start() as run:
        entries = {e.key: (e.status, e.error) for e in run.pipeline.history(run)}
    assert entries["t/b.csv"] == ("failed", "counter: 0 of 1 rows")
    # The next run loads it again, and the registrar stays of its opinion.
    statuses = {o.file.key: o.status for o in runner(folder).run().outcomes}
    assert statuses == {"t/a.csv": Status.UNCHANGED, "t/b.csv": Status.FAILED}
