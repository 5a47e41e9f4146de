"""What registrars may say, and what that does to files and runs."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from test_runner import Script, pipeline

from lakefall.contract.errors import CatalogUnreachableError, LakefallError
from lakefall.contract.values import Registered, RegistryEntry, Status, WrongFile
from lakefall.run.runner import Runner


def entry(key: str, day: int, status: str = "success", table: str = "") -> RegistryEntry:
    at = datetime(2026, 1, day, tzinfo=UTC)
    table = table or key.partition("/")[0]
    return RegistryEntry(key, "e", table, status, 3, 0, "", at, "run")


def test_rows_that_are_wrong_elsewhere_fail_their_file_and_no_other(tmp_path: Path) -> None:
    script = Script("a/1.csv", "a/2.csv")
    script.wrong = (WrongFile("a/1.csv", "counts 2 of 3 rows"),)
    report = Runner(pipeline(script, tmp_path)).run()
    told = [(o.file.key, o.status, o.error, o.retryable, o.rows_loaded) for o in report.outcomes]
    assert told == [
        ("a/1.csv", Status.FAILED, "fake: counts 2 of 3 rows", True, 3),
        ("a/2.csv", Status.SUCCESS, "", False, 3),
    ]
    assert report.failed
    assert [(o.file.key, o.status, o.retryable) for o in script.recorded] == [
        ("a/1.csv", Status.FAILED, True),
        ("a/2.csv", Status.SUCCESS, False),
    ]
    # What the outcome says is not said again as a warning.
    assert report.warnings == ()


@pytest.mark.parametrize("error", [LakefallError("away"), ZeroDivisionError("defect")])
def test_a_registrar_that_raises_is_a_warning(tmp_path: Path, error: Exception) -> None:
    script = Script("a/1.csv")
    script.errors["register", "a"] = error
    report = Runner(pipeline(script, tmp_path)).run()
    assert [o.status for o in report.outcomes] == [Status.SUCCESS]
    assert not report.failed
    assert [(r.ok, str(error) in r.message) for r in report.registered] == [(False, True)]
    assert any(str(error) in w for w in report.warnings)


def test_every_run_reconciles_all_loaded_tables_once(tmp_path: Path) -> None:
    script = Script("a/1.csv")
    script.unchanged = {"a/1.csv"}
    script.history = [
        entry("a/1.csv", 1),
        entry("a/2.csv", 3),
        entry("b/1.csv", 2),
        entry("bad/1.csv", 2, status="failed"),
    ]
    script.reconciled = [
        Registered("looking", "b", ok=True, message="made up for"),
        Registered("looking", "a", ok=False, message="refused"),
    ]
    report = Runner(pipeline(script, tmp_path, reconciling=True)).run()
    assert script.calls == ["discover", "pending", "history", "reconcile a@03 b@02"]
    assert list(report.registered) == script.reconciled
    assert report.warnings == ("a: looking: refused",)
    assert not report.failed


def test_reconciling_comes_after_the_registry(tmp_path: Path) -> None:
    script = Script("a/1.csv")
    Runner(pipeline(script, tmp_path, reconciling=True)).run()
    assert script.calls[-4:] == ["register a", "record", "history", "reconcile"]


def test_a_dry_run_and_a_run_without_reconcilers_read_no_history(tmp_path: Path) -> None:
    script = Script("a/1.csv")
    Runner(pipeline(script, tmp_path, reconciling=True)).run(dry_run=True)
    Runner(pipeline(script, tmp_path)).run()
    assert not {"history", "reconcile"} & set(script.calls)


@pytest.mark.parametrize("step", ["history", "reconcile"])
def test_a_reconciliation_that_fails_is_a_warning(tmp_path: Path, step: str) -> None:
    script = Script("a/1.csv")
    script.errors[step, ""] = CatalogUnreachableError("the catalog is away")
    report = Runner(pipeline(script, tmp_path, reconciling=True)).run()
    assert [o.status for o in report.outcomes] == [Status.SUCCESS]
    assert not report.failed
    assert any("the catalog is away" in w for w in report.warnings)


def test_an_interrupt_while_reconciling_keeps_what_was_done(tmp_path: Path) -> None:
    script = Script("a/1.csv")
    script.errors["reconcile", ""] = KeyboardInterrupt()
    report = Runner(pipeline(script, tmp_path, reconciling=True)).run()
    assert report.interrupted
    assert [o.status for o in report.outcomes] == [Status.SUCCESS]
    assert len(script.recorded) == 1


def test_an_interrupted_run_reconciles_nothing(tmp_path: Path) -> None:
    script = Script("a/1.csv")
    script.errors["convert", "a/1.csv"] = KeyboardInterrupt()
    assert Runner(pipeline(script, tmp_path, reconciling=True)).run().interrupted
    assert "history" not in script.calls


def test_reconciling_is_a_step_of_its_own(tmp_path: Path) -> None:
    script = Script()
    script.history = [entry("a/1.csv", 1)]
    script.reconciled = [Registered("looking", "a", ok=True)]
    runner = Runner(pipeline(script, tmp_path, reconciling=True))
    with runner.start() as run:
        assert runner.reconcile(run) == script.reconciled
    assert script.calls == ["history", "reconcile a@01"]
