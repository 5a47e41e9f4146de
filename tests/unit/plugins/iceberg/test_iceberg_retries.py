"""Commits whose answer is lost, or that other writers keep winning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from iceberg_support import Lakehouse, source

from lakefall.contract.errors import CatalogUnreachableError, CommitConflictError, StorageFullError
from lakefall.contract.values import Status
from lakefall_plugins.sinks.iceberg.errors import is_certain

exceptions = pytest.importorskip("pyiceberg.exceptions")
CommitFailedException = exceptions.CommitFailedException
CommitStateUnknownException = exceptions.CommitStateUnknownException
ID = [("id", "INTEGER")]
FILE = source("orders/a.csv")
CHANGED = source("orders/a.csv", "e2", minute=1)

Commit = Callable[..., Any]


def disturb(
    lakehouse: Lakehouse, disturbance: Callable[[Commit], Commit], name: str = "orders"
) -> None:
    """Put something between the sink and the catalog's commits to a table."""
    catalog: Any = lakehouse.sink.lake.catalog
    real = catalog.commit_table
    disturbed = disturbance(real)

    def commit(table: Any, *arguments: Any) -> Any:
        chosen = disturbed if table.name()[-1] == name else real
        return chosen(table, *arguments)

    catalog.commit_table = commit


@pytest.mark.parametrize("landed", [True, False])
def test_a_lost_answer_doubles_nothing_and_loses_nothing(
    lakehouse: Lakehouse, landed: bool
) -> None:
    lakehouse.load(FILE, ID, "SELECT 1 FROM range(3)")
    answers: list[Any] = []

    def lose_one(real: Commit) -> Commit:
        def commit(*arguments: Any) -> Any:
            answers.append(real(*arguments) if landed or answers else None)
            if len(answers) == 1:
                raise CommitStateUnknownException("504")
            return answers[-1]

        return commit

    disturb(lakehouse, lose_one)
    outcome = lakehouse.load(CHANGED, ID, "SELECT 2 FROM range(4)")
    assert (outcome.status, outcome.rows_deleted) == (Status.SUCCESS, 3)
    assert len(answers) == (1 if landed else 2)
    assert lakehouse.ask("SELECT id, count(*) FROM orders GROUP BY id") == [(2, 4)]
    assert len(lakehouse.data_files("orders")) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "error", [CommitFailedException("no"), exceptions.ValidationException("no")]
)
def test_retries_end_and_leave_no_debris(lakehouse: Lakehouse, error: Exception) -> None:
    impatient = lakehouse.with_options(commit_timeout="1.5s")
    impatient.load(FILE, ID, "SELECT 1")
    tries = []

    def refuse(_: Commit) -> Commit:
        def commit(*arguments: Any) -> Any:
            tries.append(arguments)
            raise error

        return commit

    disturb(impatient, refuse)
    before = {p for p in (lakehouse.folder / "wh").rglob("*.*") if p.is_file()}
    with pytest.raises(CommitConflictError, match=r"'orders'.*1\.5 seconds"):
        impatient.load(CHANGED, ID, "SELECT 2")
    assert len(tries) > 1
    assert {p for p in (lakehouse.folder / "wh").rglob("*.*") if p.is_file()} == before
    assert lakehouse.ask("SELECT id FROM orders") == [(1,)]


def test_an_unknown_fate_keeps_the_files(lakehouse: Lakehouse) -> None:
    """The commit may still land: its files must be there then."""
    impatient = lakehouse.with_options(commit_timeout="0s")
    impatient.load(FILE, ID, "SELECT 1")

    def lose(_: Commit) -> Commit:
        def commit(*arguments: Any) -> Any:
            raise CommitStateUnknownException("504")

        return commit

    disturb(impatient, lose)
    metadata = lakehouse.folder / "wh" / "lakehouse" / "orders" / "metadata"
    manifests = len(list(metadata.glob("*.avro")))
    with pytest.raises(CatalogUnreachableError, match="cannot be found out"):
        impatient.load(CHANGED, ID, "SELECT 2")
    assert len(lakehouse.data_files("orders")) == 2
    assert len(list(metadata.glob("*.avro"))) > manifests


@pytest.mark.parametrize("landed", [True, False])
def test_a_refusal_after_a_lost_answer_keeps_the_files(
    lakehouse: Lakehouse, landed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second attempt's error is certain, and says nothing about the first one's commit."""
    lakehouse.load(FILE, ID, "SELECT 1")
    catalog: Any = lakehouse.sink.lake.catalog

    def refused(*_: Any) -> Any:
        raise exceptions.UnauthorizedError("401")

    def lose(real: Commit) -> Commit:
        def commit(*arguments: Any) -> Any:
            if landed:
                real(*arguments)
            monkeypatch.setattr(catalog, "load_table", refused)
            raise CommitStateUnknownException("504")

        return commit

    disturb(lakehouse, lose)
    with pytest.raises(CatalogUnreachableError, match="cannot be found out"):
        lakehouse.load(CHANGED, ID, "SELECT 2")
    assert len(lakehouse.data_files("orders")) == 2
    others = Lakehouse(lakehouse.folder, lakehouse.pipeline)
    assert others.ask("SELECT id FROM orders") == [(2 if landed else 1,)]


@pytest.mark.parametrize("name", ["orders", "_ingest_registry"])
def test_a_commit_that_lands_late_keeps_what_it_names(lakehouse: Lakehouse, name: str) -> None:
    lakehouse.load(FILE, ID, "SELECT 1")
    held: list[Any] = []

    def late(real: Commit) -> Commit:
        def commit(*arguments: Any) -> Any:
            held.append(arguments)
            if len(held) == 1:
                raise CommitStateUnknownException("504")
            real(*held[0])
            raise CommitFailedException("the first one was faster")

        return commit

    disturb(lakehouse, late, name)
    assert lakehouse.load(CHANGED, ID, "SELECT 2").status is Status.SUCCESS
    assert len(held) == 2
    others = Lakehouse(lakehouse.folder, lakehouse.pipeline)
    assert others.ask("SELECT id FROM orders") == [(2,)]
    assert others.ask("SELECT count(*) FROM _ingest_registry")[0][0] >= 1
    assert others.reasons(CHANGED) == ["skip: unchanged"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["orders", "_ingest_registry", "_ingest_rejects"])
@pytest.mark.parametrize(
    "answer", [CommitFailedException("409"), exceptions.NoSuchTableError("404")]
)
def test_a_commit_that_was_done_and_then_refused_destroys_nothing(
    lakehouse: Lakehouse, name: str, answer: Exception
) -> None:
    """A request that is delivered twice: the first does it, the answer is the second one's."""
    lakehouse.load(FILE, ID, "SELECT 1", rejects=[(2, "", "short", "x")])

    def twice(real: Commit) -> Commit:
        def commit(*arguments: Any) -> Any:
            real(*arguments)
            raise answer

        return commit

    disturb(lakehouse, twice, name)
    assert (
        lakehouse.load(CHANGED, ID, "SELECT 2", rejects=[(2, "", "short", "x")]).status
        is Status.SUCCESS
    )
    others = Lakehouse(lakehouse.folder, lakehouse.pipeline)
    assert others.ask("SELECT id FROM orders") == [(2,)]
    assert others.ask("SELECT count(*) FROM _ingest_registry")[0][0] >= 1
    assert others.ask("SELECT count(*) FROM _ingest_rejects")[0][0] >= 1
    assert others.reasons(CHANGED) == ["skip: unchanged"]


def test_what_is_certain() -> None:
    import requests

    assert is_certain(CommitFailedException("no"))
    assert is_certain(StorageFullError("full"))
    assert is_certain(OSError(28, "full"))
    assert not is_certain(CommitStateUnknownException("504"))
    assert not is_certain(requests.ConnectionError("reset"))
    assert not is_certain(KeyboardInterrupt())
    conflict = CommitConflictError("no")
    conflict.__cause__ = CommitStateUnknownException("504")
    assert not is_certain(conflict)


def test_a_retry_looks_for_newer_versions_again(lakehouse: Lakehouse) -> None:
    """A file that is new to its table removes nothing: only the check tells the two apart."""
    lakehouse.load(source("orders/b.csv"), ID, "SELECT 0")
    others = Lakehouse(lakehouse.folder, lakehouse.pipeline)
    tries = []

    def overtake(real: Commit) -> Commit:
        def commit(*arguments: Any) -> Any:
            tries.append(arguments)
            if len(tries) == 1:
                others.load(CHANGED, ID, "SELECT 2")
            return real(*arguments)

        return commit

    disturb(lakehouse, overtake)
    outcome = lakehouse.load(FILE, ID, "SELECT 1")
    assert outcome.status is Status.SUPERSEDED
    assert lakehouse.ask("SELECT id FROM orders ORDER BY id") == [(0,), (2,)]
    assert len(lakehouse.data_files("orders")) == 2


def test_what_is_remembered_of_a_new_table_loses_to_another_hosts_commit(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a catalog that is asked seldom: the next attempt looks anew, and checks again."""
    home = type(lakehouse.sink.lake.home)
    monkeypatch.setattr(home, "remembers", 60.0)
    monkeypatch.setattr(home, "takes_turns", True)
    lakehouse.load(FILE, ID, "SELECT 1 FROM range(3)", run=lakehouse.run("run-1"))
    run = lakehouse.run("slow")
    other = Lakehouse(lakehouse.folder, options={"namespace": "lakehouse"})
    monkeypatch.setattr(type(other.sink.lake.home), "takes_turns", False)
    other.load(source("orders/a.csv", "e3", minute=9), ID, "SELECT 3 FROM range(5)", record=False)
    monkeypatch.setattr(home, "takes_turns", True)
    outcome = lakehouse.load(CHANGED, ID, "SELECT 2 FROM range(4)", run=run)
    assert outcome.status is Status.SUPERSEDED
    assert lakehouse.ask("SELECT id, count(*) FROM orders GROUP BY id") == [(3, 5)]
