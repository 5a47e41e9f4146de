"""One table is loaded while the next one is converted."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from test_runner import Script, pipeline

from lakefall.cli.parameters import open_pipeline
from lakefall.contract.errors import CommitConflictError
from lakefall.contract.values import Status
from lakefall.run import overlap, runner
from lakefall.run.runner import Runner
from lakefall.run.table_load import TableLoad

LONG = 30.0
"""Seconds after which a test that waits gives up."""


class Meeting(Script):
    """A load that goes on once another step was asked for."""

    def __init__(self, *keys: str, load: str, until: tuple[str, str]) -> None:
        super().__init__(*keys)
        self.load, self.until = load, until
        self.reached = threading.Event()
        self.met = False

    def asked(self, step: str, subject: str = "") -> None:
        if (step, subject) == self.until:
            self.reached.set()
        super().asked(step, subject)
        if (step, subject) == ("load", self.load):
            self.met = self.reached.wait(LONG)


def statuses(script: Script, folder: Path) -> list[tuple[str, Status]]:
    report = Runner(pipeline(script, folder)).run()
    return [(o.file.key, o.status) for o in report.outcomes]


def test_a_table_is_loaded_while_the_next_is_converted(tmp_path: Path) -> None:
    script = Meeting("a/1.csv", "b/2.csv", load="a/1.csv", until=("convert", "b/2.csv"))
    assert statuses(script, tmp_path) == [
        ("a/1.csv", Status.SUCCESS),
        ("b/2.csv", Status.SUCCESS),
    ]
    assert script.met
    assert [o.file.key for o in script.recorded] == ["a/1.csv", "b/2.csv"]


def test_loads_never_overlap(tmp_path: Path) -> None:
    class Counting(Script):
        inside = most = 0

        def asked(self, step: str, subject: str = "") -> None:
            if step == "load":
                self.inside += 1
                self.most = max(self.most, self.inside)
                threading.Event().wait(0.01)
                self.inside -= 1
            super().asked(step, subject)

    script = Counting(*(f"t{n}/f.csv" for n in range(6)))
    assert {status for _, status in statuses(script, tmp_path)} == {Status.SUCCESS}
    assert script.most == 1


@pytest.mark.parametrize(("keys", "limit"), [(("a/1.csv", "a/2.csv"), 10), (("a/1", "b/2"), 19)])
def test_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: tuple[str, str], limit: int
) -> None:
    """The second part of a table needs the first one's schema; large files need the disk."""
    monkeypatch.setattr(runner, "MAX_BATCH_BYTES", limit)
    script = Script(*keys)
    assert {status for _, status in statuses(script, tmp_path)} == {Status.SUCCESS}
    assert script.calls.index(f"load {keys[0]}") < script.calls.index(f"sniff {keys[1]}")


def test_a_load_that_fails_fails_alone(tmp_path: Path) -> None:
    script = Script("a/1.csv", "b/2.csv", "c/3.csv")
    script.errors["load", "a/1.csv"] = CommitConflictError("others won")
    assert statuses(script, tmp_path) == [
        ("a/1.csv", Status.FAILED),
        ("b/2.csv", Status.SUCCESS),
        ("c/3.csv", Status.SUCCESS),
    ]


def test_an_interrupt_waits_for_a_commit_that_ends_soon(tmp_path: Path) -> None:
    script = Meeting("a/1.csv", "b/2.csv", load="a/1.csv", until=("convert", "b/2.csv"))
    script.errors["convert", "b/2.csv"] = KeyboardInterrupt()
    report = Runner(pipeline(script, tmp_path)).run()
    assert report.interrupted
    assert [o.status for o in report.outcomes] == [Status.SUCCESS, Status.SKIPPED]
    assert [o.file.key for o in script.recorded] == ["a/1.csv"]


def test_an_interrupt_leaves_a_commit_that_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlap, "PATIENCE", 0.01)
    script = Meeting("a/1.csv", "b/2.csv", load="a/1.csv", until=("never", ""))
    script.errors["convert", "b/2.csv"] = KeyboardInterrupt()
    try:
        report = Runner(pipeline(script, tmp_path)).run()
    finally:
        script.reached.set()
    assert report.interrupted
    assert [(o.status, o.error) for o in report.outcomes] == [
        (Status.SKIPPED, runner.LEFT),
        (Status.SKIPPED, "interrupted before it was loaded"),
    ]
    assert not script.recorded


def broken(monkeypatch: pytest.MonkeyPatch, method: str, table: str) -> None:
    """A defect of our own, which no file's outcome can hold."""
    sound = getattr(TableLoad, method)

    def instead(self: TableLoad, *args: Any) -> Any:
        if self.table == table:
            raise RuntimeError("defect")
        return sound(self, *args)

    monkeypatch.setattr(TableLoad, method, instead)


def test_an_interrupt_is_one_where_the_load_breaks_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(monkeypatch, "_complete", "a")
    script = Meeting("a/1.csv", "b/2.csv", load="a/1.csv", until=("convert", "b/2.csv"))
    script.errors["convert", "b/2.csv"] = KeyboardInterrupt()
    assert Runner(pipeline(script, tmp_path)).run().interrupted


def test_another_error_waits_for_the_commit_to_be_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(Script):
        def asked(self, step: str, subject: str = "") -> None:
            super().asked(step, subject)
            if (step, subject) == ("load", "a/1.csv"):
                threading.Event().wait(0.3)

    monkeypatch.setattr(overlap, "PATIENCE", 0.01)
    broken(monkeypatch, "open", "b")
    script = Slow("a/1.csv", "b/2.csv")
    with pytest.raises(RuntimeError, match="defect"):
        Runner(pipeline(script, tmp_path)).run()
    assert [o.file.key for o in script.recorded] == ["a/1.csv"]


EMBEDDED = """\
source: {{use: folder, path: "{0}/in"}}
sink: {{use: iceberg, catalog: {{type: sqlite, warehouse: "{0}/lake"}}}}
cache: {{dir: "{0}/cache"}}
"""


def test_the_tables_of_a_run_share_one_engine_and_leave_nothing_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import duckdb

    for table in "abc":
        file = tmp_path / "in" / table / "1.csv"
        file.parent.mkdir(parents=True)
        # The last value is rejected, by a look at all rows.
        file.write_text("n,word\n" + "".join(f"{n},w\n" for n in range(30)) + "x,w\n")
    (tmp_path / "p.yaml").write_text(EMBEDDED.format(tmp_path))
    found: dict[str, list[int]] = {}
    connect = duckdb.connect

    def spy(name: str, **how: Any) -> Any:
        connection = connect(name, **how)
        tables = connection.execute("SELECT count(*) FROM duckdb_tables()").fetchall()[0][0]
        found.setdefault(name, []).append(tables)
        return connection

    monkeypatch.setattr(duckdb, "connect", spy)
    outcomes = Runner(open_pipeline(tmp_path / "p.yaml", [])).run().outcomes
    assert [(o.rows_loaded, o.cells_nulled) for o in outcomes] == [(31, 1)] * 3
    ((_, left),) = found.items()
    assert len(left) > 6
    assert set(left) == {0}
