"""Several sinks `trino` that make the same things at the same moment, on a real Trino."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from lakefall.contract.errors import PlanOutdatedError
from lakefall_plugins.sinks.trino.statements import Definition
from lakefall_plugins.trino_client.errors import TrinoQueryError

from .servers import Servers
from .trino_support import House, convert, schema, source

TOGETHER = 6
ID = [("id", "INTEGER")]
COLUMNS = [Definition("id", "int")]


def at_once(work: Callable[[int], None]) -> list[BaseException]:
    """What goes wrong when this many do it at the same moment."""
    barrier, errors = threading.Barrier(TOGETHER), list[BaseException]()

    def one(number: int) -> None:
        barrier.wait(60)
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001 -- judged by the test
            errors.append(error)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(TOGETHER)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return errors


@pytest.fixture
def houses(servers: Servers, namespace: str, tmp_path: Path) -> list[House]:
    """One sink each, in the same namespace."""
    options = {"url": servers.env["TRINO_URL"], "namespace": namespace}
    return [House(tmp_path / str(n), options) for n in range(TOGETHER)]


def test_a_namespace_and_the_first_table_are_made_by_whoever_is_first(houses: list[House]) -> None:
    files = [source(f"orders/{n}.csv", minute=n) for n in range(TOGETHER)]
    rejects = [(3, "", "too long", f"x{n}") for n in range(TOGETHER)]

    def load(number: int) -> None:
        house = houses[number]
        for _ in range(20):
            try:
                house.load(files[number], ID, f"SELECT {number}", rejects=[rejects[number]])
                return
            except PlanOutdatedError:
                # The runner plans again.
                continue
        raise AssertionError("outdated for ever")

    assert at_once(load) == []
    assert houses[0].ask("SELECT id FROM orders ORDER BY id") == [(n,) for n in range(TOGETHER)]
    assert houses[0].ask("SELECT count(*) FROM _ingest_registry") == [(TOGETHER,)]
    assert houses[0].ask("SELECT count(*), count(DISTINCT text) FROM _ingest_rejects") == [
        (TOGETHER, TOGETHER)
    ]


def test_the_same_table_made_again_and_again(houses: list[House]) -> None:
    houses[0].sink.lake.make_namespace()
    for _ in range(5):
        name = f"_t{uuid.uuid4().hex[:8]}"
        assert at_once(lambda n, name=name: houses[n].sink.lake.create(name, COLUMNS)) == []  # type: ignore[misc]
        assert name in houses[0].sink.lake.tables(fresh=True)


def test_what_cannot_be_made_is_told(houses: list[House]) -> None:
    house = houses[0]
    house.sink.lake.make_namespace()
    with pytest.raises(TrinoQueryError, match="mismatched input"):
        house.sink.lake._make("CREATE TABLE IF NOT EXISTS", lambda: False)


def test_a_plan_to_create_a_table_that_another_just_created(houses: list[House]) -> None:
    late, first = houses[0], houses[1]
    run = late.run()
    plan = late.sink.prepare(run, "orders", schema(*ID), rebuild=False)
    file = convert(run, plan, source("orders/a.csv"), "SELECT 1")
    first.load(source("orders/b.csv"), ID, "SELECT 2")
    with pytest.raises(PlanOutdatedError, match="changed meanwhile"):
        late.sink.load(run, plan, [file])
