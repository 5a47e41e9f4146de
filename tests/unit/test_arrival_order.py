"""The law of arrival: loading files one by one, in any order, gives the types and the rows that
loading them all in one run gives. PyIceberg reads the tables, not lakefall."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lakefall.airflow.step_values import Work
from lakefall.airflow.steps import Steps
from lakefall.config.loader import open_pipeline
from lakefall.contract.errors import LakefallError
from lakefall.contract.plugin import hookimpl
from lakefall.contract.results import Event
from lakefall.contract.values import Outcome, Status
from lakefall.run import runner, table_planning
from lakefall.run.planning import plan
from lakefall.run.report import RunReport
from lakefall.run.runner import Runner

KINDS = {
    "integers": ("10", "12", "7"),
    "one": ("1",),
    "zero": ("0",),
    "digits": ("0", "1"),
    "long": ("9999999999", "3"),
    "decimals": ("10.50", "9.99", "3"),
    "days": ("2024-01-15", "2024-02-13"),
    "day_first": ("13/02/2024", "14/02/2024"),
    "month_first": ("02/13/2024", "02/14/2024"),
    "either_first": ("01/02/2024", "03/04/2024"),
    "moments": ("2024-01-15 10:00:00", "2024-02-13 00:00:01"),
    "truths": ("true", "false"),
    "yes": ("yes",),
    "texts": ("abc", "d e"),
    "empty": ("", ""),
    "no rows": (),
    "zip codes": ("00501", "10001"),
    "mixed": ("1", "2", "x"),
    "beyond": ("123456789012345678901234567890",),
}
Files = Mapping[str, str | None]
"""Key -> content; None for a file that goes."""


def csv(kind: str, times: int = 1) -> str:
    rows = "".join(f"r{i},{v}\n" for i, v in enumerate(KINDS[kind] * times))
    return f"id,price\n{rows}"


def catalog_of(folder: Path) -> Any:
    from pyiceberg.catalog.sql import SqlCatalog

    return SqlCatalog("lakefall", uri=f"sqlite:///{folder}/lake/catalog.db")


class Lake:
    """A folder, and the embedded catalog that it feeds."""

    def __init__(self, folder: Path, **sink: Any) -> None:
        self.folder = folder
        (folder / "inbox").mkdir(parents=True)
        self.configure(**sink)

    def configure(self, deletes: str = "delete", **sink: Any) -> None:
        options = "".join(f", {name}: {value}" for name, value in sink.items())
        self.pipeline = self.folder / "pipeline.yaml"
        self.pipeline.write_text(
            f"source: {{use: folder, path: {self.folder / 'inbox'}, on_source_deleted: {deletes}, "
            "max_delete_fraction: 100%}\n"
            "sink: {use: iceberg, catalog: {type: sqlite, "
            f"warehouse: {self.folder / 'lake'}}}{options}}}\n"
            f"cache: {{dir: {self.folder / 'cache'}}}\n"
        )

    def runner(self) -> Runner:
        return Runner(open_pipeline(self.pipeline))

    def put(self, files: Files) -> None:
        for key, content in files.items():
            path = self.folder / "inbox" / key
            path.parent.mkdir(exist_ok=True)
            if content is None:
                path.unlink()
            else:
                path.write_text(content)

    def run(self, files: Files | None = None) -> RunReport:
        self.put(files or {})
        return self.runner().run()

    def table(self, name: str) -> tuple[dict[str, str], list[str]]:
        """Types and rows, but for the time of the load."""
        found = catalog_of(self.folder).load_table(f"lakehouse.{name}").scan().to_arrow()
        found = found.drop_columns(["_ingested_at"])
        return {f.name: str(f.type) for f in found.schema}, sorted(map(repr, found.to_pylist()))

    def types(self, name: str = "t") -> str:
        return self.table(name)[0]["price"]


def outcome(report: RunReport, key: str) -> Outcome:
    return next(o for o in report.outcomes if o.file.key == key)


def compare(folder: Path, days: Sequence[Files]) -> None:
    """Load day by day, and what is left of it in one run."""
    steps, once = Lake(folder / "steps"), Lake(folder / "once")
    left: dict[str, str] = {}
    for day in days:
        report = steps.run(day)
        assert not [o.error for o in report.outcomes if o.status is Status.FAILED]
        left |= {key: content for key, content in day.items() if content is not None}
        left = {key: content for key, content in left.items() if day.get(key, "") is not None}
    once.run(left)
    tables = sorted({key.partition("/")[0] for key in left})
    assert tables
    assert {t: steps.table(t) for t in tables} == {t: once.table(t) for t in tables}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [20241])
def test_types_and_rows_do_not_depend_on_the_order_of_arrival(tmp_path: Path, seed: int) -> None:
    """Random files of some kinds, new, replaced, deleted and returning; a table for each draw."""
    chance = random.Random(seed)
    days: list[dict[str, str | None]] = [{} for _ in range(3)]
    for number in range(5):
        kinds = chance.sample(list(KINDS), chance.randint(2, 3))
        there: set[str] = set()
        for day in days:
            for key in chance.sample([f"t{number}/{name}.csv" for name in "abc"], 2):
                if key in there and chance.random() < 0.25:
                    day[key] = None
                    there.discard(key)
                else:
                    # Beyond the first rows now and then.
                    day[key] = csv(chance.choice(kinds), chance.choice([1, 1, 12, 600]))
                    there.add(key)
        days[-1][f"t{number}/last.csv"] = csv(kinds[0])
    compare(tmp_path, days)


@pytest.mark.slow
def test_each_kind_and_then_another(tmp_path: Path) -> None:
    pairs = [(a, b) for a in KINDS for b in ("decimals", "texts") if a != b][::2]
    first, second = {}, {}
    for number, (one, other) in enumerate(pairs):
        first[f"t{number}/a.csv"] = csv(one)
        second[f"t{number}/b.csv"] = csv(other)
    compare(tmp_path, [first, second])


def test_a_column_without_values_has_no_type_yet(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.run({"t/a.csv": "id,price\n"})
    lake.run({"t/b.csv": csv("decimals")})
    assert lake.types() == "double"


@pytest.mark.slow
def test_a_repair_is_one_commit_and_says_so(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.run({"t/jan.csv": csv("integers")})
    report = lake.run({"t/feb.csv": csv("decimals")})
    assert [w for w in report.warnings if "'price'" in w and "INTEGER" in w and "DOUBLE" in w]
    assert outcome(report, "t/jan.csv").rows_deleted == len(KINDS["integers"])
    assert outcome(report, "t/feb.csv").cells_nulled == 0
    catalog = catalog_of(tmp_path)
    assert len(catalog.load_table("lakehouse.t").metadata.snapshots) == 2
    quiet = lake.run()
    assert {o.status for o in quiet.outcomes} == {Status.UNCHANGED}


@pytest.mark.slow
def test_other_files_are_read_again_only_when_the_decision_changes(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.run({"t/jan.csv": csv("integers")})
    lake.run({"t/feb.csv": csv("decimals")})
    report = lake.run({"t/mar.csv": csv("integers", 600)})
    assert {o.file.key for o in report.outcomes if o.status is Status.SUCCESS} == {"t/mar.csv"}
    assert lake.types() == "double"


def test_a_plan_shows_the_repair_and_what_it_costs(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.run({"t/jan.csv": csv("integers")})
    (tmp_path / "inbox/t/feb.csv").write_text(csv("decimals"))
    found = {f.decision.file.key: f for f in plan(lake.runner()).files}
    target = found["t/feb.csv"].table_plan
    assert target is not None
    size = len(csv("integers"))
    assert [n for n in target.notes if "DOUBLE" in n and f"1 file ({size} bytes)" in n]
    assert lake.types() == "int32"


def test_a_repair_whose_files_are_gone_fails_and_changes_nothing(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.configure(deletes="keep")
    lake.run({"t/jan.csv": csv("day_first", 600)})
    before = lake.table("t")
    report = lake.run({"t/jan.csv": None, "t/feb.csv": csv("texts", 600)})
    failed = outcome(report, "t/feb.csv")
    assert failed.status is Status.FAILED
    for word in (
        "'price'",
        "DATE",
        "VARCHAR",
        "'t/jan.csv'",
        "rebuild",
        "type_inferer.columns",
        "'abc' on line 2 of t/feb.csv, 'd e' on line 3 of t/feb.csv",
    ):
        assert word in failed.error
    assert lake.table("t") == before


@pytest.mark.slow
def test_a_table_that_takes_every_value_stays_where_it_cannot_be_rebuilt(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.configure(deletes="keep")
    lake.run({"t/jan.csv": csv("texts"), "t/feb.csv": csv("integers")})
    (tmp_path / "inbox/t/jan.csv").unlink()
    report = lake.run({"t/feb.csv": csv("decimals")})
    assert outcome(report, "t/feb.csv").status is Status.SUCCESS
    assert lake.types() == "string"


@pytest.mark.slow
def test_repair_limit_bounds_what_is_read_again(tmp_path: Path) -> None:
    lake = Lake(tmp_path, repair_limit="10B")
    lake.run({"t/jan.csv": csv("integers")})
    failed = outcome(lake.run({"t/feb.csv": csv("decimals")}), "t/feb.csv")
    assert failed.status is Status.FAILED and "repair_limit (10)" in failed.error
    lake.configure(repair_limit="1MB")
    assert outcome(lake.run(), "t/feb.csv").status is Status.SUCCESS
    assert lake.types() == "double"


def test_frozen_types_are_not_repaired(tmp_path: Path) -> None:
    lake = Lake(tmp_path, schema="freeze")
    lake.run({"t/jan.csv": csv("integers")})
    report = lake.run({"t/feb.csv": csv("decimals")})
    assert lake.types() == "int32"
    assert outcome(report, "t/feb.csv").cells_nulled == 2


@pytest.mark.slow
def test_a_file_that_failed_stays_failed_through_a_repair(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.run({"t/jan.csv": csv("integers"), "t/bad.csv": "\0\0\0"})
    lake.run({"t/feb.csv": csv("decimals")})
    bad = outcome(lake.run(), "t/bad.csv")
    assert bad.status is Status.SKIPPED and "failed before" in bad.error


class Held:
    """A listener that keeps a run between its commit and its record."""

    def __init__(self) -> None:
        self.committed, self.go_on = threading.Event(), threading.Event()

    @hookimpl
    def event(self, event: Event) -> None:
        if event.name == "load.data_committed":
            self.committed.set()
            assert self.go_on.wait(60)


@contextmanager
def unrecorded(lake: Lake) -> Iterator[tuple[Held, Future[RunReport]]]:
    """While a run has committed a.csv, whose 0 and 1 depend on b.csv, and not recorded it yet."""
    held = Held()
    lake.put({"t/a.csv": csv("digits"), "t/b.csv": csv("integers")})
    first = Runner(open_pipeline(lake.pipeline, listeners=[held]))
    with ThreadPoolExecutor(1) as thread:
        one = thread.submit(first.run, keys=["t/a.csv"])
        assert held.committed.wait(60)
        yield held, one


@pytest.mark.slow
def test_a_load_beside_another_waits_until_that_is_recorded(tmp_path: Path) -> None:
    """What 0 and 1 are depends on the 7 that comes at the same time."""
    lake = Lake(tmp_path)
    with unrecorded(lake) as (held, one):
        threading.Timer(1, held.go_on.set).start()
        two = lake.runner().run(keys=["t/b.csv"])
        assert outcome(one.result(), "t/a.csv").status is Status.SUCCESS
    assert outcome(two, "t/b.csv").status is Status.SUCCESS
    assert lake.types() == "int32"
    assert len(lake.table("t")[1]) == 5


@pytest.mark.slow
def test_a_load_beside_one_that_is_never_recorded_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_planning, "RECORDED_WITHIN", 0.5)
    lake = Lake(tmp_path)
    with unrecorded(lake) as (held, one):
        two = outcome(lake.runner().run(keys=["t/b.csv"]), "t/b.csv")
        held.go_on.set()
        one.result()
    assert (two.status, two.retryable) == (Status.FAILED, True)
    assert "'t/a.csv' too, whose rows it has and which no run has recorded yet" in two.error
    assert outcome(lake.run(), "t/b.csv").status is Status.SUCCESS
    assert lake.types() == "int32"


@pytest.mark.slow
def test_batches_of_one_run_know_of_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"t/{n}.csv": csv(kind) for n, kind in enumerate(("digits", "integers", "texts"))}
    once, parts = Lake(tmp_path / "once"), Lake(tmp_path / "parts")
    once.run(files)
    monkeypatch.setattr(runner, "MAX_BATCH_BYTES", 1)
    report = parts.run(files)
    assert {o.status for o in report.outcomes} == {Status.SUCCESS}
    assert parts.table("t") == once.table("t")


def test_a_table_made_elsewhere_keeps_its_types(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.run({"other/a.csv": csv("texts")})
    catalog = catalog_of(tmp_path)
    schema = catalog.load_table("lakehouse.other").schema()
    catalog.create_table("lakehouse.t", schema, location=f"file://{tmp_path}/lake/lakehouse/t")
    lake.run({"t/a.csv": csv("integers")})
    assert lake.types() == "string"


def test_a_fixed_type_that_loses_too_many_values_fails_the_file(tmp_path: Path) -> None:
    many = "id,price\n" + "".join(f"r{i},{i if i % 5 else 'x'}\n" for i in range(40))
    lake = Lake(tmp_path, schema="freeze")
    lake.run({"t/jan.csv": csv("integers")})
    failed = outcome(lake.run({"t/feb.csv": many}), "t/feb.csv")
    assert failed.status is Status.FAILED
    assert "8 of the 40 values of column 'price'" in failed.error
    lake.configure(schema="freeze", max_nulled="20%")
    assert outcome(lake.run(), "t/feb.csv").cells_nulled == 8


def test_a_warning_of_lost_values_names_them_and_how_to_keep_them(tmp_path: Path) -> None:
    lake = Lake(tmp_path, on_type_conflict="null")
    lake.run({"t/jan.csv": csv("integers")})
    report = lake.run({"t/feb.csv": csv("decimals")})
    (told,) = [w for w in report.warnings if "column 'price': " in w]
    for words in ("2 values", "INTEGER", "'10.50' on line 2, '9.99' on line 3", "rebuild"):
        assert words in told
    assert "type_inferer.columns.price=varchar" in told


def test_a_type_is_taken_only_if_every_file_keeps_its_values(tmp_path: Path) -> None:
    """Integers are 96 % of all values, and only 60 % of those of one file."""
    lake = Lake(tmp_path)
    few = "id,price\n" + "".join(f"r{i},{i if i % 5 > 1 else 'x'}\n" for i in range(25))
    lake.run({"t/jan.csv": csv("integers", 100), "t/feb.csv": few})
    assert lake.types() == "string"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_types_do_not_depend_on_how_the_tasks_of_files_interleave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Each file's steps in tasks of their own, in any order, tried again where that may help."""
    monkeypatch.setattr(table_planning, "RECORDED_WITHIN", 0)
    chance = random.Random(seed)
    days = [
        {f"t/{day}{n}.csv": csv(chance.choice(list(KINDS))) for n in range(3)} for day in range(2)
    ]
    once, parts = Lake(tmp_path / "once"), Lake(tmp_path / "parts")
    for number, day in enumerate(days):
        parts.put(day)
        steps = Steps.open(parts.pipeline, f"day{number}")
        under_way = [step_by_step(steps, work) for work in steps.filter(steps.scan())]
        while under_way:
            file = chance.choice(under_way)
            try:
                next(file)
            except StopIteration:
                under_way.remove(file)
    once.run(days[0] | days[1])
    assert parts.table("t") == once.table("t")


def step_by_step(steps: Steps, work: Work) -> Iterator[None]:
    """One file's tasks; each step is tried up to ten times, with others in between."""

    def tried(step: Callable[..., Any], *values: Any) -> Iterator[Any]:
        for left in reversed(range(10)):
            try:
                return step(*values)
            except LakefallError as error:
                if not (left and error.retryable):
                    raise
            yield

    for step in (steps.download, steps.detect, steps.infer, steps.ensure, steps.evolve):
        yield from tried(step, work)
        yield
    ingested = yield from tried(steps.ingest, work)
    yield
    done = yield from tried(steps.register, work, ingested)
    yield
    yield from tried(steps.record, work, done.result)
