"""``on_duplicate_content``: the same content under two keys of one table."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from steps_support import Lake

from lakefall.contract.values import Status
from lakefall.run import planning
from lakefall.run.report import RunReport

CSV = "id,name\n1,ann\n2,bob\n"
OTHER = "id,name\n3,eve\n"


def put(lake: Lake, key: str, content: str = CSV, *, age: float = 0) -> None:
    path = lake.put(key, content)
    moment = path.stat().st_mtime - age
    os.utime(path, (moment, moment))


def made(folder: Path, policy: str = "warn", extra: str = "") -> Lake:
    lake = Lake(folder, extra_source=f", on_duplicate_content: {policy}{extra}")
    # Younger, and first by name: age decides which one is the duplicate.
    put(lake, "t/a.csv", age=10)
    put(lake, "t/b.csv", age=100)
    put(lake, "u/b.csv", age=50)
    put(lake, "t/c.csv", OTHER, age=70)
    return lake


def told(report: RunReport) -> list[str]:
    return [w for w in report.warnings if "same content" in w]


def statuses(report: RunReport) -> dict[str, str]:
    return {o.file.key: o.status.value for o in report.outcomes}


def keys(lake: Lake) -> list[str]:
    return sorted(row[0] for row in lake.rows("t")[1:])


def test_both_are_loaded_and_told_with_both_keys_once(tmp_path: Path) -> None:
    lake = made(tmp_path)
    first = lake.runner().run()
    assert set(statuses(first).values()) == {"success"}
    (warning,) = told(first)
    assert warning.startswith("t/a.csv: has the same content as 't/b.csv'")
    assert keys(lake) == ["t/a.csv"] * 2 + ["t/b.csv"] * 2 + ["t/c.csv"]
    # What is loaded is not told again, neither as unchanged nor where it is loaded again.
    assert told(lake.runner().run()) == []
    assert told(lake.runner().run(force=True)) == []
    # One that comes later is, whatever its age: the others are in the table.
    put(lake, "t/0.csv", age=1000)
    (warning,) = told(lake.runner().run())
    assert warning.startswith("t/0.csv: has the same content as 't/b.csv'")


def test_the_later_one_is_skipped_every_time(tmp_path: Path) -> None:
    lake = made(tmp_path, "skip")
    for _ in range(2):
        report = lake.runner().run()
        (skipped,) = [o for o in report.outcomes if o.status is Status.SKIPPED]
        assert skipped.file.key == "t/a.csv"
        assert skipped.error.startswith("has the same content as 't/b.csv'")
        assert not report.failed
        assert keys(lake) == ["t/b.csv"] * 2 + ["t/c.csv"]
    assert "t/a.csv" not in lake.registry()
    # Other content: it is a file like any other.
    put(lake, "t/a.csv", "id,name\n9,joe\n")
    assert statuses(lake.runner().run())["t/a.csv"] == "success"


def test_the_later_one_fails_once_and_only_it(tmp_path: Path) -> None:
    lake = made(tmp_path, "fail")
    (planned,) = [f for f in planning.plan(lake.runner()).files if f.error]
    assert planned.decision.file.key == "t/a.csv"
    report = lake.runner().run()
    assert statuses(report) == {
        "t/b.csv": "success", "t/c.csv": "success", "u/b.csv": "success", "t/a.csv": "failed",
    }  # fmt: skip
    entry = lake.registry()["t/a.csv"]
    assert (entry.status, entry.table) == ("failed", "t")
    assert entry.error.startswith("t/a.csv: has the same content as 't/b.csv'")
    again = lake.runner().run()
    assert statuses(again)["t/a.csv"] == "skipped"
    assert keys(lake) == ["t/b.csv"] * 2 + ["t/c.csv"]


def test_skipped_files_leave_room_for_others_within_the_limit(tmp_path: Path) -> None:
    lake = made(tmp_path, "skip")
    put(lake, "t/b2.csv", age=90)
    lake.yaml.write_text(lake.yaml.read_text().replace("1000,", "2,"))
    assert sorted(k for k, s in statuses(lake.runner().run()).items() if s == "success") == [
        "t/b.csv", "t/c.csv",
    ]  # fmt: skip


@pytest.mark.parametrize("policy", ["warn", "skip"])
def test_a_file_that_moved_is_known_by_the_registry(tmp_path: Path, policy: str) -> None:
    lake = made(tmp_path, policy)
    (tmp_path / "inbox/t/a.csv").unlink()
    lake.runner().run()
    (tmp_path / "inbox/t/b.csv").rename(tmp_path / "inbox/t/moved.csv")
    report = lake.runner().run()
    if policy == "warn":
        (warning,) = told(report)
        assert warning.startswith("t/moved.csv: has the same content as 't/b.csv'")
        assert statuses(report)["t/moved.csv"] == "success"
    else:
        assert statuses(report)["t/moved.csv"] == "skipped"
        assert keys(lake) == ["t/b.csv"] * 2 + ["t/c.csv"]


def test_a_file_that_moved_is_no_duplicate_where_the_old_rows_are_deleted(tmp_path: Path) -> None:
    lake = made(tmp_path, "skip", ", on_source_deleted: delete")
    (tmp_path / "inbox/t/a.csv").unlink()
    lake.runner().run()
    (tmp_path / "inbox/t/b.csv").rename(tmp_path / "inbox/t/moved.csv")
    assert statuses(lake.runner().run())["t/moved.csv"] == "success"
    assert keys(lake) == ["t/c.csv"] + ["t/moved.csv"] * 2


def test_a_table_that_is_gone_holds_no_first_file(tmp_path: Path) -> None:
    lake = made(tmp_path, "skip")
    (tmp_path / "inbox/t/a.csv").unlink()
    (tmp_path / "inbox/t/c.csv").unlink()
    lake.runner().run()
    from lakefall_plugins.sinks.iceberg.catalog import Lake as Catalog

    runner = lake.runner()
    options = next(iter(runner.pipeline._options("sink")))  # type: ignore[arg-type]
    Catalog(options).catalog.drop_table(("lakehouse", "t"))
    (tmp_path / "inbox/t/b.csv").rename(tmp_path / "inbox/t/moved.csv")
    assert statuses(lake.runner().run())["t/moved.csv"] == "success"
    assert keys(lake) == ["t/moved.csv"] * 2


def test_a_rebuild_leaves_out_what_a_run_does(tmp_path: Path) -> None:
    lake = made(tmp_path, "skip")
    lake.runner().run()
    runner = lake.runner()
    report = planning.rebuild(runner, "t")
    assert {o.file.key for o in report.outcomes} == {"t/b.csv", "t/c.csv"}
    assert keys(lake) == ["t/b.csv"] * 2 + ["t/c.csv"]
    assert any("t/a.csv: left out: has the same content" in w for w in runner.warnings)


@pytest.mark.slow
@pytest.mark.parametrize(("policy", "counts"), [
    ("warn", {"success": 4}), ("skip", {"success": 3}), ("fail", {"success": 3, "failed": 1}),
])  # fmt: skip
def test_a_scheduler_does_the_same(tmp_path: Path, policy: str, counts: dict[str, int]) -> None:
    lake = made(tmp_path, policy)
    assert lake.run("table").counts == counts
    said = [e.detail["message"] for e in lake.heard.events if e.name == "warning"]
    assert sum("same content as 't/b.csv'" in s for s in said) == (policy != "fail")


def test_empty_files_and_other_tables_are_no_duplicates(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, "t/a.csv", "")
    put(lake, "t/b.csv", "")
    put(lake, "t/c.csv")
    put(lake, "u/c.csv")
    report = lake.runner().run()
    assert told(report) == []
