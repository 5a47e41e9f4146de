"""Maintenance beside other writers, and maintenance that dies: no row comes back, none is lost."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from iceberg_support import Lakehouse, convert, schema, source
from maintenance_support import (
    EAGER,
    data_files,
    delete_positions,
    empty,
    filled,
    keys_of,
    maintain,
    named,
    rows,
    stored,
    table,
)

from lakefall.contract.errors import CommitConflictError, PlanOutdatedError
from lakefall.contract.values import Maintained, Status
from lakefall_plugins.sinks.iceberg import commit as committing
from lakefall_plugins.sinks.iceberg import load as loading
from lakefall_plugins.sinks.iceberg.maintenance import expiry
from lakefall_plugins.sinks.iceberg.maintenance import maintain as maintenance

ID = [("id", "INTEGER")]
FILES = 5


@pytest.fixture
def lakehouse(tmp_path_factory: pytest.TempPathFactory) -> Lakehouse:
    return empty(tmp_path_factory.getbasetemp())


def fill(lakehouse: Lakehouse) -> None:
    def load() -> None:
        for i in range(FILES):
            lakehouse.load(source(f"orders/{i}.csv"), ID, f"SELECT {i} FROM range({i + 1})")

    filled(lakehouse, "races", load)


def counts(lakehouse: Lakehouse) -> dict[str, int]:
    return dict(lakehouse.ask("SELECT _source_file, count(*) FROM orders GROUP BY 1"))


def replace(lakehouse: Lakehouse, i: int = 2, version: int = 2) -> None:
    """Another process loads a new version of one file: 10 rows."""
    other = Lakehouse(lakehouse.folder)
    file = source(f"orders/{i}.csv", f"e{version}", minute=version)
    other.load(file, ID, "SELECT 9 FROM range(10)")


def meanwhile(
    monkeypatch: pytest.MonkeyPatch,
    lakehouse: Lakehouse,
    work: Callable[[], object],
    **options: Any,
) -> Maintained:
    """A maintenance whose rows are all written when ``work`` happens, and then commits."""
    real = maintenance.until_committed

    def later(*arguments: Any) -> Any:
        monkeypatch.undo()
        work()
        return real(*arguments)

    monkeypatch.setattr(maintenance, "until_committed", later)
    return maintain(lakehouse, **options)


EXPECTED = {f"orders/{i}.csv": i + 1 for i in range(FILES)}
REPLACED = {**EXPECTED, "orders/2.csv": 10}


def assert_nothing_left(lakehouse: Lakehouse) -> None:
    assert {p for p in stored(lakehouse) if "/data/" in p} <= named(lakehouse)
    assert not list((lakehouse.folder / "wh" / ".lakefall").iterdir())


# --- a load comes first ---


def test_a_file_that_was_replaced_meanwhile_stays_replaced(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(lakehouse)
    done = meanwhile(monkeypatch, lakehouse, lambda: replace(lakehouse))
    assert counts(lakehouse) == REPLACED
    assert done.left == ("5 data files: somebody else replaced them meanwhile",)
    assert (done.files_merged, done.files_after) == (0, 5)
    assert_nothing_left(lakehouse)
    assert maintain(lakehouse).files_merged == 5
    assert counts(lakehouse) == REPLACED


@pytest.mark.slow
def test_only_the_group_that_was_touched_is_given_up(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(lakehouse)
    size = max(f.file_size_in_bytes for f in data_files(lakehouse))
    options = {"small_file": size + 1, "target_file": 2 * size + 10}
    done = meanwhile(monkeypatch, lakehouse, lambda: replace(lakehouse), **options)
    assert counts(lakehouse) == REPLACED
    assert (done.files_before, done.files_merged, done.files_after) == (5, 2, 4)
    assert_nothing_left(lakehouse)


def test_a_file_that_came_meanwhile_is_there(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(lakehouse)
    done = meanwhile(monkeypatch, lakehouse, lambda: replace(lakehouse, 7))
    assert counts(lakehouse) == {**EXPECTED, "orders/7.csv": 10}
    assert (done.files_before, done.files_merged, done.files_after, done.left) == (6, 5, 2, ())


def test_a_file_that_was_forgotten_meanwhile_stays_forgotten(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(lakehouse)
    maintain(lakehouse)
    replace(lakehouse, 8)
    replace(lakehouse, 9)
    other = Lakehouse(lakehouse.folder)
    meanwhile(monkeypatch, lakehouse, lambda: other.sink.forget(other.run(), ["orders/8.csv"]))
    assert counts(lakehouse) == {**EXPECTED, "orders/9.csv": 10}


def test_rows_that_were_deleted_meanwhile_stay_deleted(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(lakehouse)
    path = next(f.file_path for f in data_files(lakehouse) if "orders/4.csv" in keys_of(f))
    meanwhile(monkeypatch, lakehouse, lambda: delete_positions(lakehouse, {path: [0, 1]}))
    assert counts(lakehouse) == {**EXPECTED, "orders/4.csv": 3}
    maintain(lakehouse)
    assert counts(lakehouse) == {**EXPECTED, "orders/4.csv": 3}


def test_columns_that_came_meanwhile_are_no_hindrance(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(lakehouse)

    def evolve() -> None:
        other = Lakehouse(lakehouse.folder)
        columns = [("id", "BIGINT"), ("new", "VARCHAR")]
        other.load(source("orders/7.csv"), columns, "SELECT 99999999999, 'x'")

    done = meanwhile(monkeypatch, lakehouse, evolve)
    assert (done.files_merged, done.files_after) == (5, 2)
    assert counts(lakehouse) == {**EXPECTED, "orders/7.csv": 1}
    assert lakehouse.ask("SELECT sum(id), count(new) FROM orders") == [(99999999999 + 40, 1)]


def test_two_maintenances_at_once_merge_once(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(lakehouse)
    other = Lakehouse(lakehouse.folder)
    done = meanwhile(monkeypatch, lakehouse, lambda: maintain(other))
    assert done.files_merged == 0
    assert counts(lakehouse) == EXPECTED
    assert len(data_files(lakehouse)) == 1
    assert_nothing_left(lakehouse)


def test_two_expiries_at_once_lose_no_file_to_delete(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(lakehouse)
    replace(lakehouse)
    other = Lakehouse(lakehouse.folder)
    slow = {**EAGER, "grace": "1h"}
    meanwhile(monkeypatch, lakehouse, lambda: maintain(other, **slow), **slow)
    replace(lakehouse, 3, 3)
    maintain(lakehouse, **EAGER)
    assert stored(lakehouse) == named(lakehouse)


def test_a_table_that_was_dropped_meanwhile(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(lakehouse)
    drop = lakehouse.sink.lake.catalog.drop_table
    done = meanwhile(monkeypatch, lakehouse, lambda: drop("lakehouse.orders"))
    assert done.left == ("it was dropped meanwhile",)


def before_the_commit(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, act: Callable[[], object]
) -> list[int]:
    """Let somebody else act before a module's first commit; not empty once that was done."""
    disturbed: list[int] = []

    def disturb(staged: Any) -> Any:
        if not disturbed:
            disturbed.append(1)
            act()
        return committing.commit(staged)

    monkeypatch.setattr(module, "commit", disturb)
    return disturbed


def test_a_conflict_in_the_commit_is_tried_again(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(lakehouse)
    before_the_commit(monkeypatch, maintenance, lambda: replace(lakehouse, 7))
    assert maintain(lakehouse).files_merged == 5
    assert counts(lakehouse) == {**EXPECTED, "orders/7.csv": 10}
    assert_nothing_left(lakehouse)
    metadata = {p for p in stored(lakehouse) if p.endswith(".avro")}
    assert metadata <= named(lakehouse), "what was staged in vain is gone"


def test_others_that_always_win_are_told(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(lakehouse)
    versions = iter(range(3, 100))

    def lose(staged: Any) -> Any:
        replace(lakehouse, 7, next(versions))
        return committing.commit(staged)

    monkeypatch.setattr(maintenance, "commit", lose)
    with pytest.raises(CommitConflictError, match="table 'orders': other writers kept winning"):
        maintain(lakehouse.with_options(commit_timeout=0.5))
    assert counts(lakehouse) == {**EXPECTED, "orders/7.csv": 10}
    assert_nothing_left(lakehouse)


def test_a_commit_whose_answer_was_lost_is_found_again(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyiceberg.exceptions import CommitStateUnknownException

    fill(lakehouse)
    lost: list[int] = []

    def lose(staged: Any) -> Any:
        done = committing.commit(staged)
        if not lost:
            lost.append(1)
            raise CommitStateUnknownException("no answer")
        return done

    monkeypatch.setattr(maintenance, "commit", lose)
    done = maintain(lakehouse, **EAGER)
    assert (done.files_merged, done.files_after, done.snapshots_expired) == (5, 1, 5)
    assert counts(lakehouse) == EXPECTED
    assert stored(lakehouse) == named(lakehouse)


# --- maintenance comes first ---


@pytest.mark.parametrize("options", [{}, {**EAGER, "grace": "1h"}])
def test_a_load_that_began_before_replaces_its_rows(
    lakehouse: Lakehouse, options: dict[str, Any]
) -> None:
    fill(lakehouse)
    run = lakehouse.run("slow")
    plan = lakehouse.sink.prepare(run, "orders", schema(*ID), rebuild=False)
    file = source("orders/2.csv", "e2", minute=2)
    converted = convert(run, plan, file, "SELECT 9 FROM range(10)")
    maintain(Lakehouse(lakehouse.folder), **options)
    outcome = lakehouse.sink.load(run, plan, [converted]).outcomes[0]
    assert (outcome.status, outcome.rows_deleted) == (Status.SUCCESS, 3)
    assert counts(lakehouse) == REPLACED


def test_a_load_that_is_about_to_commit_tries_again(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(lakehouse)
    disturbed = before_the_commit(
        monkeypatch, loading, lambda: maintain(Lakehouse(lakehouse.folder))
    )
    lakehouse.load(source("orders/2.csv", "e2", minute=2), ID, "SELECT 9 FROM range(10)")
    assert disturbed
    assert counts(lakehouse) == REPLACED
    assert_nothing_left(lakehouse)


# --- processes ---


@pytest.fixture(scope="module")
def processes() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["maintenance_support", "pyiceberg.catalog.sql", "pyiceberg.io.pyarrow", "duckdb"]
    )
    return context


def replace_often(folder: Path, number: int) -> None:
    """New versions of files of its own: version v of file i has 10 i + v rows."""
    lakehouse = Lakehouse(folder)
    for version in range(1, 6):
        for i in range(3):
            key = f"orders/{number}-{i}.csv"
            while True:
                try:
                    file = source(key, f"e{version}", minute=version)
                    lakehouse.load(
                        file,
                        ID,
                        f"SELECT 1 FROM range({10 * i + version})",
                        rejects=[(version, "", "short", "x")],
                    )
                    break
                except PlanOutdatedError:
                    continue


def maintain_often(folder: Path) -> None:
    lakehouse = Lakehouse(folder)
    while not (folder / "stop").exists():
        for name in lakehouse.sink.tables():
            maintain(lakehouse, name, keep_snapshots_for=0, keep_snapshots=3, grace="10m")


@pytest.mark.slow
def test_writers_and_maintenance_at_once(tmp_path: Path, processes: Any) -> None:
    writers = [processes.Process(target=replace_often, args=(tmp_path, n)) for n in range(2)]
    keepers = [processes.Process(target=maintain_often, args=(tmp_path,)) for _ in range(2)]
    for child in (*writers, *keepers):
        child.start()
    for child in writers:
        child.join(240)
    (tmp_path / "stop").touch()
    for child in keepers:
        child.join(60)
    assert [child.exitcode for child in (*writers, *keepers)] == [0] * 4
    lakehouse = Lakehouse(tmp_path)
    expected = {f"orders/{n}-{i}.csv": 10 * i + 5 for n in range(2) for i in range(3)}
    assert counts(lakehouse) == expected
    kept = Counter((r.key, r.etag, r.line) for r in lakehouse.sink.stored_rejects("", ""))
    assert kept == Counter((key, "e5", 5) for key in expected)
    entries = {e.key: (e.etag, e.row_count) for e in lakehouse.sink.history()}
    assert entries == {key: ("e5", number) for key, number in expected.items()}
    for name in lakehouse.sink.tables():
        before = rows(lakehouse, name)
        maintain(lakehouse, name, **EAGER)
        assert rows(lakehouse, name) == before
        assert {p for p in stored(lakehouse, name) if "/data/" in p} <= named(lakehouse, name)
    lakehouse.sink.rebuild_registry(lakehouse.run())
    files = [source(key, "e5", minute=5) for key in expected]
    assert lakehouse.reasons(*files) == ["skip: unchanged"] * len(files)


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_at(folder: Path, point: str) -> None:
    if point == "while rows are written":
        real_rewrite = maintenance.compaction.rewrite

        def rewrite_and_die(*arguments: Any, **more: Any) -> None:
            real_rewrite(*arguments, **more)
            die()

        maintenance.compaction.rewrite = rewrite_and_die  # type: ignore[assignment]
    if point == "before the commit":
        maintenance.commit = die  # type: ignore[assignment,attr-defined]
    if point == "after the commit":

        def commit_and_die(staged: Any) -> None:
            committing.commit(staged)
            die()

        maintenance.commit = commit_and_die  # type: ignore[assignment,attr-defined]
    if point == "while files are deleted":
        real_delete, deleted = expiry.delete_file, Counter[str]()

        def delete_and_die(io: Any, path: str) -> bool:
            deleted[path] += 1
            return die() is None if deleted.total() > 4 else real_delete(io, path)

        expiry.delete_file = delete_and_die
    maintain(Lakehouse(folder), **EAGER)


@pytest.mark.slow
@pytest.mark.parametrize(
    "point",
    [
        "while rows are written",
        "before the commit",
        "after the commit",
        "while files are deleted",
    ],
)
def test_a_maintenance_that_dies_loses_nothing(
    lakehouse: Lakehouse, processes: Any, point: str
) -> None:
    fill(lakehouse)
    replace(lakehouse)
    before = rows(lakehouse)
    child = processes.Process(target=die_at, args=(lakehouse.folder, point))
    child.start()
    child.join(120)
    assert child.exitcode == -signal.SIGKILL
    assert rows(lakehouse) == before
    assert counts(lakehouse) == REPLACED
    replace(lakehouse, 4, 4)
    assert counts(lakehouse) == {**REPLACED, "orders/4.csv": 10}
    maintain(lakehouse, **EAGER)
    assert counts(lakehouse) == {**REPLACED, "orders/4.csv": 10}
    assert {p for p in stored(lakehouse) if "/data/" in p} <= named(lakehouse)
    assert not list((lakehouse.folder / "wh" / ".lakefall").iterdir())
    lakehouse.sink.rebuild_registry(lakehouse.run())
    files = [source("orders/0.csv"), source("orders/2.csv", "e2", minute=2)]
    assert lakehouse.reasons(*files) == ["skip: unchanged"] * 2
    assert table(lakehouse).current_snapshot() is not None
