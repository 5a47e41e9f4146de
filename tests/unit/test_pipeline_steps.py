"""Steps one by one, each on a host that knows nothing of the one before."""

from __future__ import annotations

import dataclasses
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from steps_support import STEPS, Lake, orders

from lakefall.airflow.step_values import MAX_LISTING
from lakefall.airflow.steps import worth_retrying
from lakefall.contract.errors import (
    CommitConflictError,
    FileChangedError,
    FileVanishedError,
    LakefallError,
    PlanOutdatedError,
    SourceMissingError,
    TableNameError,
    UsageError,
)
from lakefall.contract.plugin import hookimpl
from lakefall.contract.values import Status, TablePlan
from lakefall_plugins.sinks.iceberg import sink
from lakefall_plugins.sinks.iceberg.sink import IcebergSink

GRANULARITIES = ("step", "file", "table")
XCOM = 48_000


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def filled(lake: Lake) -> Lake:
    lake.put("orders/a.csv", orders(1, 30))
    lake.put("orders/b.csv", orders(31, 10, wide=2))
    lake.put("people/p.csv", "name;born\nCy;never\n" + "Ann;1990-02-01\nBob;1991-05-06\n" * 9)
    lake.put("people/bad.csv", bytes(range(256)) * 40)
    lake.put("sales/mine.csv", "a,b\n1,2\n")
    return lake


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """What `lakefall run` makes of the same files, one commit a file."""
    lake = filled(Lake(tmp_path_factory.mktemp("expected")))
    for key in ("orders/a.csv", "orders/b.csv", "people/p.csv", "people/bad.csv", "sales/mine.csv"):
        lake.runner().run(keys=[key], run_id="r1")
    return lake


@pytest.mark.slow
@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_every_granularity_makes_the_same_tables_and_registry_on_any_hosts(
    lake: Lake, expected: Lake, granularity: str
) -> None:
    closing = filled(lake).run(granularity)
    assert lake.rows("orders") == expected.rows("orders")
    assert lake.rows("people") == expected.rows("people")
    assert lake.facts() == expected.facts()
    assert {e.run_id for e in lake.registry().values()} == {"r1"}
    assert closing.counts == {"success": 3, "failed": 2}
    assert closing.failures == 2
    assert closing.tables == {"orders": 40, "people": 19}
    assert closing.rejects == {"people/p.csv": 1}
    assert lake.run(granularity, "r2").counts == {}


@pytest.mark.slow
def test_one_host_that_keeps_its_cache_makes_the_same(lake: Lake, expected: Lake) -> None:
    filled(lake).run("step", host="one")
    assert lake.rows("orders") == expected.rows("orders")
    assert lake.facts() == expected.facts()
    assert lake.heard.count("infer.started") == 3, "once a file, whatever step asks"


@pytest.mark.slow
def test_two_hosts_that_take_turns_make_the_same(lake: Lake, expected: Lake) -> None:
    filled(lake)
    listing = lake.steps(host="a").scan()
    works = lake.steps(host="b").filter(listing)
    for work in works:
        try:
            for turn, name in enumerate(STEPS[:-1]):
                done = getattr(lake.steps(host="ab"[turn % 2]), name)(work)
            result = lake.steps(host="a").register(work, done).result
        except LakefallError as error:
            result = lake.steps(host="a").failure(work, error)
        lake.steps(host="b").record(work, result)
    assert lake.rows("orders") == expected.rows("orders")
    assert lake.facts() == expected.facts()


@pytest.mark.slow
@pytest.mark.parametrize("again", STEPS[:-1])
def test_a_step_that_is_done_twice_changes_nothing(lake: Lake, again: str) -> None:
    lake.put("orders/a.csv", orders(1, 30))
    work = lake.steps().filter(lake.steps().scan())[0]
    for name in STEPS[:-1]:
        done = getattr(lake.steps(), name)(work)
        if name == again:
            done = getattr(lake.steps(), name)(work)
    lake.steps().record(work, lake.steps().register(work, done).result)
    assert len(lake.rows("orders")) == 31
    assert lake.run("step", "r2").counts == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("columns", "named"), [(200, 200), (2000, 400)], ids=["200 columns", "2,000 columns"]
)
def test_what_travels_is_small_and_holds_no_cell(lake: Lake, columns: int, named: int) -> None:
    lake.put("wide/first.csv", "id\n1\n2\n")
    lake.run("step")
    names = [f"measurement_{n:04d}" for n in range(columns - 1)]
    lines = [",".join(["id", *names])]
    lines += [",".join([str(n), *["SECRETCELL"] * (columns - 1)]) for n in range(40)]
    lines += ["SECRETCELL,too,short"]
    lake.put("wide/second.csv", "\n".join(lines) + "\n")
    lake.said.clear()
    closing = lake.run("step", "r2", host="one")
    assert closing.counts == {"success": 1}
    assert len(lake.rows("wide")[0]) == columns + 1
    assert len(lake.said) == 11
    assert max(map(len, lake.said)) < XCOM
    assert not [text for text in lake.said if "SECRETCELL" in text]
    assert sum("measurement_0000" in text for text in lake.said) >= 4, "people see the columns"
    assert f'"columns": {columns}' in lake.said[4]
    assert lake.said[4].count("measurement_") in range(min(named, columns - 1) - 1, columns)


def test_a_failing_file_travels_without_its_cells(lake: Lake) -> None:
    broken = "a,b\n" + "1,2\n" * 15 + "SECRETCELL\n" * 40
    lake.put("t/broken.csv", broken)
    lake.run("step")
    assert lake.registry()["t/broken.csv"].status == "failed"
    assert not [text for text in lake.said if "SECRETCELL" in text]


def listed(lake: Lake, key: str, content: str | bytes) -> Any:
    lake.put(key, content)
    return lake.steps().filter(lake.steps().scan(keys=[key]))[0]


@pytest.mark.slow
def test_each_step_fails_with_its_own_reason(lake: Lake) -> None:
    def error_of(step: str, work: Any) -> LakefallError:
        with pytest.raises(LakefallError) as caught:
            getattr(lake.steps(), step)(work)
        return caught.value

    vanished = listed(lake, "t/vanished.csv", "a,b\n1,2\n")
    (lake.folder / "inbox/t/vanished.csv").unlink()
    assert isinstance(error_of("download", vanished), FileVanishedError)
    assert lake.steps().failure(vanished, error_of("download", vanished)).gone

    changed = listed(lake, "t/changed.csv", "a,b\n1,2\n")
    lake.put("t/changed.csv", "a,b\n3,4\n")
    error = error_of("download", changed)
    assert isinstance(error, FileChangedError)
    assert error.retryable
    assert not worth_retrying(error), "this run knows only the version that it listed"
    assert lake.steps().failure(changed, error_of("ingest", changed)).gone

    binary = listed(lake, "t/binary.csv", bytes(range(256)) * 40)
    lake.steps().download(binary)
    assert not worth_retrying(error_of("detect", binary))

    protected = listed(lake, "sales/a.csv", "a,b\n1,2\n")
    assert isinstance(error_of("download", protected), TableNameError)

    half = listed(lake, "t/half.csv", "a,b\n" + "1,2\n" * 30 + "1\n" * 40)
    failure = lake.steps().failure(half, error_of("ingest", half))
    assert "max_rejected" in failure.outcome.error


def test_what_is_worth_another_try(lake: Lake) -> None:
    work = listed(lake, "t/a.csv", "a,b\n1,2\n")
    busy = CommitConflictError("others kept winning")
    assert worth_retrying(busy)
    failure = lake.steps().failure(work, busy)
    assert failure.outcome.retryable
    assert not failure.gone
    assert failure.outcome.digest == lake.runner().pipeline.config.digest


@pytest.mark.slow
def test_the_reason_of_a_failure_is_recorded_and_other_files_go_on(lake: Lake) -> None:
    filled(lake).run("step")
    registry = lake.registry()
    assert "protected" in registry["sales/mine.csv"].error
    assert registry["people/bad.csv"].status == "failed"
    assert registry["people/p.csv"].status == "success"


def test_a_missing_folder_fails_the_scan(lake: Lake) -> None:
    (lake.folder / "inbox").rmdir()
    with pytest.raises(SourceMissingError, match="does not exist"):
        lake.steps().scan()


def test_unknown_tables_and_keys_are_told(lake: Lake) -> None:
    lake.put("t/a.csv", "a,b\n1,2\n")
    with pytest.raises(UsageError, match="nowhere"):
        lake.steps().scan(tables=["nowhere"])
    with pytest.raises(UsageError, match=r"t/b\.csv"):
        lake.steps().scan(keys=["t/b.csv"])


@pytest.mark.slow
def test_only_one_table_or_key_and_by_force(lake: Lake) -> None:
    filled(lake)
    assert lake.run("step", tables=["people"]).counts == {"success": 1, "failed": 1}
    assert lake.run("file", keys=["orders/a.csv"]).counts == {"success": 1}
    assert lake.run("table", keys=["orders/a.csv"], force=True).counts == {"success": 1}
    assert lake.run("file", keys=["orders/a.csv"]).counts == {}


def test_the_oldest_files_first_and_the_rest_in_the_next_run(lake: Lake) -> None:
    for n, name in enumerate(("c", "a", "b")):
        path = lake.put(f"t/{name}.csv", f"a,b\n{n},2\n")
        os.utime(path, (1_700_000_000 + n, 1_700_000_000 + n))
    works = lake.steps().filter(lake.steps().scan(), at_most=2)
    assert [w.label for w in works] == ["t/c.csv", "t/a.csv"]
    assert lake.run("table", at_most=2).counts == {"success": 2}
    assert [w.label for w in lake.steps().filter(lake.steps().scan())] == ["t/b.csv"]


def test_a_listing_too_long_to_travel_is_made_anew(lake: Lake) -> None:
    for n in range(300):
        lake.put(f"t/{'long' * 10}{n}.csv", f"a,b\n{n},2\n")
    listing = lake.travel(lake.steps().scan())
    assert listing.files == 300
    assert listing.found is None
    assert len(lake.said[-1]) < 200 < MAX_LISTING
    works = lake.steps().filter(listing)
    assert len(works) == 300
    assert all(w.listed_at > listing.listed_at for w in works)


def test_a_newer_version_that_another_run_loaded_wins(lake: Lake) -> None:
    path = lake.put("t/a.csv", "a,b\n1,2\n")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    old = lake.steps("slow").filter(lake.steps("slow").scan())[0]
    lake.put("t/a.csv", "a,b\n3,4\n")
    lake.runner().run()
    # The old version comes back for a moment, as a bucket without strong order may show it.
    os.utime(lake.put("t/a.csv", "a,b\n1,2\n"), (1_700_000_000, 1_700_000_000))
    done = lake.steps("slow").ingest(old)
    assert done.result.outcome.status is Status.SUPERSEDED
    assert lake.rows("t")[1][1:] == (3, 4)


@pytest.mark.slow
def test_a_worker_that_died_is_recorded_at_the_end_and_the_file_taken_up(lake: Lake) -> None:
    works = [listed(lake, "t/a.csv", "a,b\n1,2\n")]
    closing = lake.steps().close(works, [])
    assert closing.failures == 1
    entry = lake.registry()["t/a.csv"]
    assert (entry.status, "without a word" in entry.error) == ("failed", True)
    assert lake.run("step", "r2").counts == {"success": 1}


def test_a_file_that_is_gone_is_recorded_but_fails_no_run(lake: Lake) -> None:
    work = listed(lake, "t/a.csv", "a,b\n1,2\n")
    (lake.folder / "inbox/t/a.csv").unlink()
    for results in (lake.by_steps(work), lake.at_once(work)):
        closing = lake.steps().close([work], results)
        assert closing.gone == ("t/a.csv",)
        assert closing.failures == 0
    assert lake.registry()["t/a.csv"].status == "failed"


def test_a_table_that_is_tried_again_loads_only_what_is_left(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.put("t/a.csv", "a,b\n1,2\n")
    lake.put("t/b.csv", "a,b\n3,4\n")
    work = lake.steps().filter(lake.steps().scan(), granularity="table")[0]
    steps = lake.steps()
    steps.load(dataclasses.replace(work, files=work.files[:1]))
    lake.heard.events.clear()
    results = lake.steps().load(work)
    assert [r.outcome.status for r in results] == [Status.SUCCESS] * 2
    assert [r.outcome.rows_loaded for r in results] == [1, 1]
    assert [e.key for e in lake.heard.events if e.name == "fetch.started"] == ["t/b.csv"]


def test_a_failure_is_recorded_at_the_last_try_only(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lakefall_plugins.sinks.iceberg import load

    def busy(*_: Any) -> None:
        raise CommitConflictError("others kept winning")

    monkeypatch.setattr(load, "load", busy)
    work = listed(lake, "t/a.csv", "a,b\n1,2\n")
    first = lake.steps().load(work, last_try=False)
    assert not first[0].recorded
    assert lake.registry() == {}
    last = lake.steps().load(work)
    assert last[0].recorded
    assert lake.registry()["t/a.csv"].error == "others kept winning"


@pytest.mark.slow
@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_files_that_are_gone_from_the_source_lose_their_rows(
    tmp_path: Path, granularity: str
) -> None:
    lake = Lake(tmp_path, extra_source=", on_source_deleted: delete")
    lake.put("t/a.csv", "a,b\n1,2\n")
    lake.put("t/b.csv", "a,b\n3,4\n")
    lake.run(granularity)
    (lake.folder / "inbox/t/a.csv").unlink()
    assert lake.run(granularity, "r2", keys=["t/b.csv"]).counts == {}
    assert lake.run(granularity, "r3").counts == {"deleted": 1}
    assert len(lake.rows("t")) == 2


def test_the_time_of_the_listing_travels(lake: Lake) -> None:
    lake.put("t/a.csv", "a,b\n1,2\n")
    listing = lake.travel(lake.steps().scan())
    work = lake.travel(lake.steps().filter(listing)[0])
    assert work.listed_at == listing.listed_at
    assert work.listed_at.utcoffset() == timedelta(0)


@pytest.mark.slow
def test_a_sink_that_works_in_statements_is_asked_ahead_of_the_load(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    applied: list[tuple[str, bool]] = []

    class Statements(IcebergSink):
        """A sink that creates and evolves ahead; another writer is faster once."""

        @hookimpl
        def apply(self, plan: TablePlan) -> bool:
            applied.append((plan.table, plan.created))
            if applied == [("t", True)]:
                raise PlanOutdatedError("the table was made meanwhile")
            return True

    monkeypatch.setattr(sink, "IcebergSink", Statements)
    work = listed(lake, "t/a.csv", "a,b\n1,2\n")
    assert lake.steps().ensure(work).created
    assert applied == [("t", True)] * 2
    lake.steps().evolve(work)
    assert len(applied) == 2, "evolving leaves a table that is still to be made to `ensure_table`"
    lake.by_steps(work)
    applied.clear()
    wider = listed(lake, "t/b.csv", "a,b,c\n1,2,3\n")
    assert lake.steps().ensure(wider).added == 1
    assert applied == []
    assert lake.steps().evolve(wider).columns_added == ("c",)
    assert applied == [("t", False)]
