"""Leftovers of loads that died go where no snapshot names them, whatever a table is called now."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from iceberg_support import Lakehouse, source

from lakefall.common import locks
from lakefall_plugins.sinks.iceberg import commit, load

ID = [("id", "INTEGER")]
FILE = source("orders/a.csv", "e1")
CHANGED = source("orders/a.csv", "e2", minute=1)


@pytest.fixture(scope="module")
def processes() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["iceberg_support", "pyiceberg.catalog.sql", "pyiceberg.io.pyarrow", "duckdb"]
    )
    return context


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def before_commit(_: Any) -> None:
    die()


def after_commit(staged: Any) -> None:
    commit.commit(staged)
    die()


def load_and_die(folder: Path, when: Any) -> None:
    load.commit = when  # type: ignore[attr-defined]
    Lakehouse(folder).load(CHANGED, ID, "SELECT 2 FROM range(4)")


def dies(processes: Any, lakehouse: Lakehouse, when: Any) -> None:
    """A load of four rows is killed, and leaves its journal."""
    child = processes.Process(target=load_and_die, args=(lakehouse.folder, when))
    child.start()
    child.join(120)
    assert child.exitcode == -signal.SIGKILL
    assert list(lakehouse.sink.lake.local.glob("*.json"))


def sweep(lakehouse: Lakehouse) -> int:
    removed = commit.sweep(lakehouse.sink.lake)
    assert not list(lakehouse.sink.lake.local.glob("*.json")), "it is looked at once"
    return removed


def rows_of(lakehouse: Lakehouse, namespace: str, table: str) -> int:
    return len(lakehouse.sink.lake.catalog.load_table((namespace, table)).scan().to_arrow())


def test_what_a_load_committed_stays_when_another_table_got_the_name(
    lakehouse: Lakehouse, processes: Any
) -> None:
    lakehouse.load(FILE, ID, "SELECT 1 FROM range(3)")
    dies(processes, lakehouse, after_commit)
    catalog = lakehouse.sink.lake.catalog
    schema = catalog.load_table("lakehouse.orders").schema()
    catalog.rename_table("lakehouse.orders", "lakehouse.orders_2024")
    catalog.create_table("lakehouse.orders", schema)
    assert sweep(lakehouse) == 0
    assert rows_of(lakehouse, "lakehouse", "orders_2024") == 4


def test_what_a_load_committed_stays_when_the_table_was_moved_elsewhere(
    lakehouse: Lakehouse, processes: Any
) -> None:
    lakehouse.load(FILE, ID, "SELECT 1 FROM range(3)")
    dies(processes, lakehouse, after_commit)
    catalog = lakehouse.sink.lake.catalog
    catalog.create_namespace("archive")
    catalog.rename_table("lakehouse.orders", "archive.orders")
    assert sweep(lakehouse) == 0
    assert rows_of(lakehouse, "archive", "orders") == 4


def test_what_was_not_committed_goes_when_the_table_was_renamed(
    lakehouse: Lakehouse, processes: Any
) -> None:
    lakehouse.load(FILE, ID, "SELECT 1 FROM range(3)")
    before = lakehouse.data_files("orders")
    dies(processes, lakehouse, before_commit)
    left = lakehouse.data_files("orders") - before
    assert left
    catalog = lakehouse.sink.lake.catalog
    schema = catalog.load_table("lakehouse.orders").schema()
    catalog.rename_table("lakehouse.orders", "lakehouse.orders_2024")
    catalog.create_table("lakehouse.orders", schema)
    assert sweep(lakehouse) == len(left)
    assert lakehouse.data_files("orders") == before
    assert rows_of(lakehouse, "lakehouse", "orders_2024") == 3


def test_a_commit_without_files_leaves_nothing_to_judge(lakehouse: Lakehouse) -> None:
    lakehouse.load(FILE, ID, "SELECT 1 FROM range(3)")
    lake = lakehouse.sink.lake
    with commit.journal(lake.local) as entries:
        entries.aim("of the table")
        (path,) = lake.local.glob("*.json")
        assert path.read_text() == ""
        entries.add(("lakehouse", "orders"), "/no/such/file.parquet")
        entries.aim("of the table")
        left = path.read_text()
    (lake.local / "of-one-that-died.json").write_text(left)
    (lake.local / "of-another.json").write_text("")
    assert left.count("\n") == 3
    assert sweep(lakehouse) == 0


@pytest.mark.parametrize("tried", [True, False])
def test_what_was_to_make_a_table_goes_where_it_was_not_made(
    lakehouse: Lakehouse, processes: Any, tried: bool
) -> None:
    lakehouse.load(source("other/z.csv"), ID, "SELECT 1")
    dies(processes, lakehouse, before_commit)
    (path,) = lakehouse.sink.lake.local.glob("*.json")
    lines = path.read_text().splitlines(keepends=True)
    if not tried:
        path.write_text("".join(line for line in lines if '"id"' not in line))
    left = lakehouse.data_files("orders")
    assert left
    assert sweep(lakehouse) == len(left)
    assert lakehouse.data_files("orders") == set()


def test_what_was_to_make_a_table_goes_after_another_load_made_it(
    lakehouse: Lakehouse, processes: Any
) -> None:
    dies(processes, lakehouse, before_commit)
    kept = {path: path.read_bytes() for path in lakehouse.sink.lake.local.glob("*.json")}
    left = lakehouse.data_files("orders")
    for path in kept:
        path.unlink()
    lakehouse.load(FILE, ID, "SELECT 1 FROM range(3)")
    for path, text in kept.items():
        path.write_bytes(text)
    assert sweep(lakehouse) == len(left)
    assert rows_of(lakehouse, "lakehouse", "orders") == 3
    assert not left & lakehouse.data_files("orders")


def test_many_dead_loads_cost_one_look_at_their_table(
    lakehouse: Lakehouse, processes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what one of them committed stays."""
    lakehouse.load(FILE, ID, "SELECT 1 FROM range(3)")
    before = lakehouse.data_files("orders")
    with ExitStack() as held:
        for when in (before_commit, before_commit, after_commit):
            dies(processes, lakehouse, when)
            # Or the next load would sweep it.
            for path in lakehouse.sink.lake.local.glob("*.json"):
                held.enter_context(locks.left_behind(path))
    looked: list[int] = []
    look = commit._named_by

    def counted(snapshots: Any, table: Any) -> set[str]:
        looked.append(len(snapshots))
        return look(snapshots, table)

    monkeypatch.setattr(commit, "_named_by", counted)
    assert sweep(lakehouse) == 2
    # The first snapshot has no parent; then the one that one of the three made.
    assert sorted(looked) == [0, 0, 1, 1]
    assert rows_of(lakehouse, "lakehouse", "orders") == 4
    assert len(lakehouse.data_files("orders") - before) == 1


def committed_and_dead(lakehouse: Lakehouse, processes: Any) -> tuple[Any, Any]:
    """A table whose last snapshot is that of a load that died; its snapshots."""
    lakehouse.load(FILE, ID, "SELECT 1 FROM range(3)")
    dies(processes, lakehouse, after_commit)
    table = lakehouse.sink.lake.catalog.load_table("lakehouse.orders")
    return table, [snapshot.snapshot_id for snapshot in table.metadata.snapshots]


def test_what_a_dead_load_committed_stays_when_its_snapshot_is_expired(
    lakehouse: Lakehouse, processes: Any
) -> None:
    table, (*_, of_dead) = committed_and_dead(lakehouse, processes)
    (path,) = lakehouse.sink.lake.local.glob("*.json")
    with locks.left_behind(path):
        lakehouse.load(source("orders/b.csv", "e3"), ID, "SELECT 3")
    table.refresh().maintenance.expire_snapshots().by_id(of_dead).commit()
    assert sweep(lakehouse) == 0
    assert rows_of(lakehouse, "lakehouse", "orders") == 5


def test_what_a_dead_load_committed_stays_where_others_took_it_up(
    lakehouse: Lakehouse, processes: Any
) -> None:
    table, (before, of_dead) = committed_and_dead(lakehouse, processes)
    files = [task.file for task in table.scan().plan_files()]
    table.manage_snapshots().rollback_to_snapshot(before).commit()
    with table.transaction() as change, change.update_snapshot().fast_append() as taken_up:
        for file in files:
            taken_up.append_data_file(file)
    table.refresh().maintenance.expire_snapshots().by_id(of_dead).commit()
    assert sweep(lakehouse) == 0
    assert rows_of(lakehouse, "lakehouse", "orders") == 7


@pytest.mark.parametrize("readable", [True, False])
def test_what_made_a_table_stays_when_the_table_was_dropped(
    lakehouse: Lakehouse, processes: Any, readable: bool
) -> None:
    lakehouse.load(source("other/z.csv"), ID, "SELECT 1")
    dies(processes, lakehouse, after_commit)
    there = lakehouse.data_files("orders")
    catalog = lakehouse.sink.lake.catalog
    where = catalog.load_table("lakehouse.orders").metadata_location
    catalog.drop_table("lakehouse.orders")
    if not readable:
        Path(where.removeprefix("file://")).write_text("{")
    assert sweep(lakehouse) == 0
    assert lakehouse.data_files("orders") == there
    if readable:
        catalog.register_table("lakehouse.orders", where)
        assert rows_of(lakehouse, "lakehouse", "orders") == 4


@pytest.mark.parametrize("table", ["orders", "never_made"])
def test_a_forged_journal_removes_nothing_but_a_loads_own_files(
    lakehouse: Lakehouse, table: str
) -> None:
    lakehouse.load(FILE, ID, "SELECT 1 FROM range(3)")
    (real,) = lakehouse.data_files("orders")
    lake, load_id = lakehouse.sink.lake, "0" * 32
    data = lakehouse.folder / "wh" / "lakehouse" / table / "data"
    name = f"lakefall-{load_id}-00000.parquet"
    kept = [
        lakehouse.folder / "precious.csv",
        lakehouse.folder / name,
        lakehouse.folder / "wh" / "lakehouse" / "another" / "data" / name,
        data / "of-somebody-else.parquet",
        data / f"lakefall-{load_id}x-00000.parquet",
        data / "deeper" / name,
    ]
    own = data / name
    for path in (*kept, own):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    paths = [*map(str, kept), f"{data}/../../../../{name}", f"{data}/../data/{name}", str(own)]
    forged = [{"namespace": "lakehouse", "table": table}, *paths]
    forged.append(str(lakehouse.folder / "wh" / "lakehouse" / "orders" / "data" / real))
    text = "".join(json.dumps(line) + "\n" for line in forged)
    (lake.local / f"{load_id}.json").write_text(text + '"cut')
    (lake.local / "of-lists.json").write_text('[1]\n{"id": 3}\n')
    (lake.local / "of-nothing.json").write_text("x")
    assert commit.sweep(lake) == 1
    assert not own.exists()
    assert all(path.exists() for path in kept)
    assert rows_of(lakehouse, "lakehouse", "orders") == 3


@pytest.mark.parametrize("said", [OSError("When deleting key: AWS Error SLOW_DOWN"), None])
def test_what_the_store_refused_to_delete_is_deleted_by_a_later_sweep(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch, said: OSError | None
) -> None:
    """Also where it said that it did."""
    from pyiceberg.io.pyarrow import PyArrowFileIO

    lakehouse.load(FILE, ID, "SELECT 1 FROM range(2)")
    lake = lakehouse.sink.lake
    table = lake.find("orders")
    assert table is not None

    def refused(*_: object) -> None:
        if said:
            raise said

    with (
        monkeypatch.context() as patch,
        commit.bring_files(lake, "orders", lambda: ()) as new_files,
    ):
        path = new_files.note("[]", table.metadata, table.io)
        patch.setattr(PyArrowFileIO, "delete", refused)
    assert Path(path.removeprefix("file://")).exists()
    assert sweep(lakehouse) == 1
    assert not Path(path.removeprefix("file://")).exists()
