"""``on_source_deleted: delete``: what goes, and everything that must stay."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lakefall.config.loader import open_pipeline
from lakefall.contract.errors import SourceError, SourceMissingError
from lakefall.contract.values import Status
from lakefall.files.selection import Selection
from lakefall.run.planning import plan
from lakefall.run.report import PlanReport, RunReport
from lakefall.run.runner import Runner
from lakefall_plugins.sources.folder import Entry, FolderSource, _lies_there

CSV = "id,name\n1,ann\n2,bob\n"


class Lake:
    """A folder, and the embedded catalog that it feeds."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.inbox = folder, folder / "inbox"
        self.pipeline = folder / "pipeline.yaml"
        self.configure()

    def configure(self, **source: Any) -> None:
        options = {"use": "folder", "path": str(self.inbox), "on_source_deleted": "delete"} | source
        written = ", ".join(f"{k}: {v}" for k, v in options.items())
        self.pipeline.write_text(
            f"source: {{{written}}}\n"
            "sink:\n"
            f"  {{use: iceberg, catalog: {{type: sqlite, warehouse: {self.folder / 'lake'}}}}}\n"
            f"cache: {{dir: {self.folder / 'cache'}}}\n"
        )

    def put(self, *keys: str, text: str = CSV) -> None:
        for key in keys:
            path = self.inbox / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def remove(self, *keys: str) -> None:
        for key in keys:
            (self.inbox / key).unlink()

    def runner(self, *sets: str) -> Runner:
        return Runner(open_pipeline(self.pipeline, sets=sets))

    def run(self, *sets: str, **how: Any) -> RunReport:
        return self.runner(*sets).run(**how)

    def plan(self, **how: Any) -> PlanReport:
        return plan(self.runner(), **how)

    def ask(self, sql: str) -> list[dict[str, Any]]:
        with self.runner().start() as run:
            rows: list[dict[str, Any]] = run.pipeline.query(run, sql).to_pylist()
            return rows

    def keys(self, table: str = "t") -> list[str]:
        rows = self.ask(f"SELECT DISTINCT _source_file AS k FROM {table} ORDER BY 1")
        return [row["k"] for row in rows]

    def known(self) -> list[str]:
        with self.runner().start() as run:
            return [e.key for e in run.pipeline.history(run)]


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    made = Lake(tmp_path)
    made.put("t/a.csv", "t/b.csv", "t/c.csv")
    first = made.run()
    assert first.count(Status.SUCCESS) == 3
    yield made


@pytest.mark.slow
def test_a_file_that_is_gone_takes_its_rows_rejects_and_memory_along(lake: Lake) -> None:
    lake.put("t/c.csv", text="id,name\n1,ann\n2,bob\n3,x,y\n4,eve\n")
    lake.run()
    assert len(lake.ask("SELECT * FROM _ingest_rejects")) == 1
    lake.remove("t/c.csv")
    report = lake.run()
    gone = [o for o in report.outcomes if o.status is Status.DELETED]
    assert [(o.file.key, o.file.table, o.rows_deleted) for o in gone] == [("t/c.csv", "t", 3)]
    assert not report.failed
    assert not report.warnings
    assert lake.keys() == ["t/a.csv", "t/b.csv"]
    assert lake.known() == ["t/a.csv", "t/b.csv"]
    assert not lake.ask("SELECT * FROM _ingest_rejects")
    assert lake.run().count(Status.DELETED) == 0
    lake.put("t/c.csv")
    assert lake.run().count(Status.SUCCESS) == 1
    assert lake.keys() == ["t/a.csv", "t/b.csv", "t/c.csv"]


def test_by_default_rows_stay(lake: Lake) -> None:
    lake.configure(on_source_deleted="keep")
    lake.remove("t/c.csv")
    assert lake.run().count(Status.DELETED) == 0
    assert len(lake.keys()) == 3


@pytest.mark.slow
def test_more_than_the_fraction_is_an_accident(lake: Lake) -> None:
    lake.put("other/a.csv", "other/b.csv")
    lake.run()
    lake.remove("t/b.csv", "t/c.csv", "other/b.csv")
    report = lake.run()
    assert [o.file.key for o in report.outcomes if o.status is Status.DELETED] == ["other/b.csv"]
    (warning,) = report.warnings
    assert warning.startswith("t: 2 of its 3 files are gone from the source, first 't/b.csv'")
    assert "max_delete_fraction (50%)" in warning
    assert len(lake.keys()) == 3
    report = lake.run("source.max_delete_fraction=0.67")
    assert report.count(Status.DELETED) == 2
    assert lake.keys() == ["t/a.csv"]


def test_an_empty_folder_deletes_nothing(lake: Lake) -> None:
    lake.remove("t/a.csv", "t/b.csv", "t/c.csv")
    report = lake.run()
    assert not report.outcomes
    assert "3 of its 3 files are gone" in report.warnings[0]
    assert len(lake.keys()) == 3


def test_a_folder_that_cannot_be_listed_deletes_nothing(lake: Lake) -> None:
    lake.inbox.rename(lake.folder / "elsewhere")
    with pytest.raises(SourceMissingError):
        lake.run("source.max_delete_fraction=1")
    assert len(lake.keys()) == 3


def test_only_a_run_over_the_whole_source_deletes(lake: Lake) -> None:
    lake.remove("t/c.csv")
    for filters in ({"tables": ["t"]}, {"keys": ["t/a.csv"]}):
        assert lake.run(**filters).count(Status.DELETED) == 0
    assert not any(f.gone for f in lake.plan(tables=("t",)).files)
    assert len(lake.keys()) == 3


def test_a_dry_run_and_a_plan_only_tell(lake: Lake) -> None:
    assert not lake.plan().changes
    lake.remove("t/c.csv")
    (outcome,) = [o for o in lake.run(dry_run=True).outcomes if o.file.key == "t/c.csv"]
    assert outcome.status is Status.SKIPPED
    assert outcome.error.startswith("gone from the source: its 2 rows would be deleted; dry run")
    planned = lake.plan()
    (gone,) = [f for f in planned.files if f.gone]
    assert (gone.decision.file.key, gone.rows_replaced) == ("t/c.csv", 2)
    assert planned.changes
    assert len(lake.keys()) == 3


def test_a_listing_that_misses_a_file_deletes_nothing(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = FolderSource._entries

    def short(self: FolderSource, selection: Selection) -> Iterator[Entry]:
        return (e for e in listed(self, selection) if e.key != "t/c.csv")

    monkeypatch.setattr(FolderSource, "_entries", short)
    report = lake.run()
    assert [o.file.key for o in report.outcomes] == ["t/a.csv", "t/b.csv"]
    assert len(lake.keys()) == 3


def test_a_source_that_cannot_look_again_deletes_nothing(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: FolderSource) -> None:
        raise SourceError("the disk does not answer")

    lake.remove("t/c.csv")
    monkeypatch.setattr(FolderSource, "_listable", broken)
    report = lake.run()
    assert report.warnings == (
        "source folder: nothing that is gone from it was deleted: the disk does not answer",
    )
    assert len(lake.keys()) == 3


def test_what_cannot_be_looked_at_is_not_gone(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> os.stat_result:
        raise PermissionError(13, "Permission denied")

    lake.remove("t/c.csv")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "lstat", refuse)
        assert _lies_there(lake.inbox / "t/c.csv")
    assert not _lies_there(lake.inbox / "t/c.csv")
    assert not _lies_there(lake.inbox / "t/a.csv/below")
    assert _lies_there(lake.inbox / "t/a.csv")


def test_patterns_that_changed_delete_nothing(lake: Lake) -> None:
    lake.configure(exclude="['t/c.csv']")
    assert lake.run().count(Status.DELETED) == 0
    lake.remove("t/c.csv")
    assert lake.run().count(Status.DELETED) == 0
    assert len(lake.keys()) == 3


def test_a_young_file_is_not_gone(lake: Lake) -> None:
    old = time.time() - 3600
    for key in ("t/a.csv", "t/b.csv"):
        os.utime(lake.inbox / key, (old, old))
    lake.configure(min_object_age="10m")
    lake.put("t/c.csv", text="id\n9\n")
    report = lake.run()
    assert "t/c.csv" not in [o.file.key for o in report.outcomes]
    assert len(lake.keys()) == 3


def test_another_folder_does_not_delete_what_this_one_brought(lake: Lake) -> None:
    lake.inbox = lake.folder / "other_inbox"
    lake.put("t/a.csv", "t/b.csv")
    lake.configure()
    assert lake.run().count(Status.DELETED) == 0
    assert len(lake.keys()) == 3


def test_a_file_whose_origin_is_not_known_stays(lake: Lake) -> None:
    # As a registry has it whose rows were written before there was the column.
    table = lake.runner().pipeline._manager.get_plugin("sink:iceberg").registry.table.find()
    with table.update_schema() as update:
        update.delete_column(("origin",))
    lake.remove("t/c.csv")
    assert lake.run().count(Status.DELETED) == 0
    assert len(lake.keys()) == 3


def test_a_registry_that_was_rebuilt_knows_origins(lake: Lake) -> None:
    with lake.runner().start() as run:
        run.pipeline.rebuild_registry(run)
    lake.remove("t/c.csv")
    assert lake.run().count(Status.DELETED) == 1
    assert lake.keys() == ["t/a.csv", "t/b.csv"]


def test_a_file_that_failed_last_takes_the_rows_of_its_earlier_version_along(lake: Lake) -> None:
    lake.put("t/c.csv", text="")
    assert lake.run().failed
    assert len(lake.keys()) == 3
    lake.remove("t/c.csv")
    report = lake.run()
    assert [o.rows_deleted for o in report.outcomes if o.status is Status.DELETED] == [2]
    assert lake.keys() == ["t/a.csv", "t/b.csv"]
