"""The registrar ``trino`` against the real one."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from time import perf_counter
from typing import Any

import pytest

from lakefall.contract.run import Run
from lakefall.contract.values import WrongFile
from lakefall_plugins.registrars.trino import registrar
from lakefall_plugins.registrars.trino.registrar import TrinoRegistrar
from lakefall_plugins.trino_client.client import Client

from .registrars import TrinoTables, loaded, register, run_of
from .servers import Servers
from .way import Way

QUOTED = 't/it\'s "quoted", 100% ü.csv'


@pytest.fixture(scope="module")
def tables(servers: Servers) -> Iterator[TrinoTables]:
    with servers.namespace() as namespace:
        yield TrinoTables(servers, namespace)


@pytest.fixture(scope="module")
def table(tables: TrinoTables) -> str:
    """Three rows of one file, one of another."""
    name = tables.make("id integer")
    key = QUOTED.replace("'", "''")
    tables.insert(
        name,
        f"(1, 't/a.csv', null), (2, 't/a.csv', null), (3, 't/a.csv', null), (4, '{key}', null)",
    )
    return name


@pytest.fixture
def run(servers: Servers, tables: TrinoTables) -> Iterator[Run]:
    with run_of(tables, TrinoRegistrar, url=servers.env["TRINO_URL"], wait="1s") as run:
        yield run


RIGHT: Mapping[str, int] = {"t/a.csv": 3, QUOTED: 1, "t/empty.csv": 0}


def test_rows_that_are_there(
    run: Run, tables: TrinoTables, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements: list[str] = []
    execute = Client.execute
    monkeypatch.setattr(Client, "execute", lambda c, sql: statements.append(sql) or execute(c, sql))
    answer = register(run, loaded(table, RIGHT, snapshot=tables.snapshot(table)))
    assert (answer.ok, answer.wrong) == (True, ())
    assert answer.message == "4 rows of 3 files counted"
    assert len(statements) == 1


def test_keys_beyond_one_statement(
    run: Run, tables: TrinoTables, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registrar, "MAX_CHARACTERS", 30)
    answer = register(run, loaded(table, RIGHT, snapshot=tables.snapshot(table)))
    assert answer.message == "4 rows of 3 files counted"


def test_a_wrong_count_fails_exactly_its_files(run: Run, tables: TrinoTables, table: str) -> None:
    claimed = {"t/a.csv": 2, QUOTED: 1, "t/lost.csv": 5, "t/empty.csv": 0}
    answer = register(run, loaded(table, claimed, snapshot=tables.snapshot(table)))
    assert not answer.ok
    assert answer.wrong == (
        WrongFile("t/a.csv", "Trino counts 3 rows of 2 loaded"),
        WrongFile("t/lost.csv", "Trino counts 0 rows of 5 loaded"),
    )


def test_later_writers_do_not_matter(run: Run, tables: TrinoTables) -> None:
    name = tables.make("id integer")
    tables.insert(name, "(1, 't/a.csv', null)")
    mine = tables.snapshot(name)
    tables.insert(name, "(2, 't/a.csv', null)")
    assert register(run, loaded(name, {"t/a.csv": 1}, snapshot=mine)).ok
    # Without the snapshot's id the same is only a warning.
    answer = register(run, loaded(name, {"t/a.csv": 1}))
    assert (answer.ok, answer.wrong) == (False, ())
    assert "the sink names no snapshot" in answer.message


def test_a_snapshot_that_does_not_show_up(run: Run, tables: TrinoTables, table: str) -> None:
    assert register(run, loaded(table, RIGHT, snapshot="4711")).ok
    answer = register(run, loaded(table, {"t/a.csv": 9}, snapshot="4711"))
    assert (answer.ok, answer.wrong) == (False, ())
    assert "snapshot 4711 is not to be seen" in answer.message


def test_a_table_that_trino_does_not_show(run: Run, tables: TrinoTables, table: str) -> None:
    answer = register(run, loaded("no_such_table", {"t/a.csv": 1}, snapshot="1"))
    assert (answer.ok, answer.wrong) == (False, ())
    assert "no_such_table" in answer.message
    # Other tables are counted all the same, and a run waits for all of them together.
    assert register(run, loaded(table, RIGHT)).ok
    began = perf_counter()
    for _ in range(20):
        register(run, loaded("no_such_table", {"t/a.csv": 1}))
    # Each for itself would wait a second; the machine may be busy.
    assert perf_counter() - began < 15


def test_nothing_was_committed(run: Run) -> None:
    assert run.pipeline.register(run, loaded("t", {})) == []


@pytest.mark.parametrize("options", [{"catalog": "no_such"}, {"url": ""}])
def test_what_cannot_be_asked_is_a_warning(
    servers: Servers, tables: TrinoTables, table: str, options: Mapping[str, Any]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{taken.getsockname()[1]}"
    url = servers.env["TRINO_URL"] if "url" not in options else closed
    with run_of(tables, TrinoRegistrar, **{**options, "url": url}) as run:
        answer = register(run, loaded(table, {"t/a.csv": 99}, snapshot="1"))
        checks = run.pipeline.check(run)
    assert (answer.ok, answer.wrong) == (False, ())
    assert "no_such" in answer.message or closed in answer.message
    assert not checks[-1].ok


def test_a_trino_that_went_away_is_waited_for_once_a_run(
    servers: Servers, tables: TrinoTables, table: str
) -> None:
    with (
        Way(servers.env["TRINO_URL"]) as way,
        run_of(tables, TrinoRegistrar, url=way.url) as run,
    ):
        assert register(run, loaded(table, RIGHT)).ok
        way.close()
        assert not register(run, loaded(table, RIGHT)).ok
        with socket.create_server(("127.0.0.1", way.port)) as visited:
            answers = [register(run, loaded(table, RIGHT)) for _ in range(100)]
            visited.setblocking(False)
            with pytest.raises(BlockingIOError):
                visited.accept()
    assert all("not counted: Trino at" in a.message for a in answers)


def test_check_says_what_is_there(servers: Servers, run: Run, tables: TrinoTables) -> None:
    first, second = run.pipeline.check(run)
    assert (first.ok, first.subject) == (True, f"trino {servers.env['TRINO_URL']}")
    assert first.version.isdigit()
    assert second.message == f"schema {tables.namespace} is there"
    assert second.seconds > 0
