"""The order of the steps, and what one file's failure does to the others."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from lakefall.contract.configuration import CacheSettings, Engine, PipelineConfig, Use
from lakefall.contract.errors import (
    ConfigError,
    FileFormatError,
    PlanOutdatedError,
    SchemaFrozenError,
    UsageError,
)
from lakefall.contract.plugin import NoOptions, Plugin, SourceOptions, Stage, hookimpl
from lakefall.contract.run import Run
from lakefall.contract.values import (
    Column,
    Converted,
    Decision,
    Event,
    FileColumn,
    Format,
    Loaded,
    LocalFile,
    Outcome,
    Places,
    PlannedColumn,
    Records,
    Registered,
    RegistryEntry,
    Schema,
    SourceFile,
    Status,
    TablePlan,
    TypeSettings,
    WrongFile,
)
from lakefall.plugin_loading.pipeline import Pipeline
from lakefall.run.planning import plan as plan_run
from lakefall.run.runner import Runner
from lakefall_plugins.formats.csv.dialect import Dialect
from lakefall_plugins.types.varchar import Varchar

T0 = datetime(2026, 1, 1, tzinfo=UTC)


@dataclasses.dataclass(frozen=True, slots=True)
class Fake(Format):
    """How the files below are written."""

    reader: ClassVar[str] = "fake"
    encoding: str = "utf-8"
    confidence: float = 1.0
    evidence: tuple[str, ...] = ()


class Script:
    """What the plugins below do, and what they were asked."""

    def __init__(self, *keys: str) -> None:
        self.files = [
            SourceFile(key, f"e-{key}", 10, T0 + timedelta(seconds=n), _folder(key), "")
            for n, key in enumerate(keys)
        ]
        self.calls: list[str] = []
        self.errors: dict[tuple[str, str], BaseException] = {}
        self.unchanged: set[str] = set()
        self.outdated = 0
        self.recorded: list[Outcome] = []
        self.types: list[str] = []
        self.wrong: tuple[WrongFile, ...] = ()
        self.reconciled: list[Registered] = []
        self.history: list[RegistryEntry] = []

    def asked(self, step: str, subject: str = "") -> None:
        self.calls.append(f"{step} {subject}".strip())
        if (error := self.errors.get((step, subject))) is not None:
            raise error


def _folder(key: str) -> str:
    return key.partition("/")[0] if "/" in key else ""


def plugins(script: Script, reconciling: bool = False) -> dict[Stage, type[Plugin[Any]]]:
    class Source(Plugin[SourceOptions]):
        """Source."""

        name, stage = "fake", Stage.SOURCE

        @hookimpl
        def discover(self) -> Sequence[SourceFile]:
            script.asked("discover")
            return script.files

        @hookimpl
        def fetch(self, file: SourceFile) -> LocalFile:
            script.asked("fetch", file.key)
            return LocalFile(file, Path(file.key), file.size)

    class Sniffer(Plugin[NoOptions]):
        """Sniffer."""

        name, stage = "fake", Stage.SNIFFER

        @hookimpl
        def sniff(self, local: LocalFile) -> Dialect:
            script.asked("sniff", local.file.key)
            return Fake()

    class Reader(Plugin[NoOptions]):
        """Reader."""

        name, stage = "fake", Stage.READER

        @hookimpl
        def open(self, local: LocalFile, format: Fake) -> Records:
            script.asked("open", local.file.key)
            rows = "(SELECT NULL::VARCHAR AS c0 FROM range(3))"
            columns = (FileColumn("a"),)
            return Records(local, format, columns, 3, 3, 0, (), rows, None, Places(Path("lines")))

        @hookimpl
        def convert(self, run: Run, records: Records, plan: TablePlan) -> Converted:
            file = records.local.file
            import pyarrow as pa
            import pyarrow.parquet as pq

            script.asked("convert", file.key)
            path = run.workdir / f"{file.etag}.parquet".replace("/", "_")
            columns = {c.name: pa.nulls(3, pa.string()) for c in plan.columns}
            pq.write_table(pa.table(columns), path)
            return Converted(file, (path,), 3, 3, 0, (), 0, None, T0)

    class Inferer(Plugin[NoOptions]):
        """Inferer."""

        name, stage = "fake", Stage.TYPE_INFERER

        @hookimpl
        def infer(self, records: Sequence[Records]) -> Schema:
            script.asked("infer", "+".join(r.local.file.key for r in records))
            found = "VARCHAR" if len(records) > 1 else "INTEGER"
            return Schema((Column("a", "a", found, nullable=True),))

    class Sink(Plugin[NoOptions]):
        """Sink."""

        name, stage = "fake", Stage.SINK

        @hookimpl
        def pending(self, files: Sequence[SourceFile]) -> list[Decision]:
            script.asked("pending")
            return [
                Decision(f, pending=False, reason="unchanged")
                if f.key in script.unchanged
                else Decision(f, pending=True, reason="new")
                for f in files
            ]

        @hookimpl
        def describe(self, table: str) -> None:
            script.asked("describe", table)

        @hookimpl
        def prepare(self, table: str, schema: Schema) -> TablePlan:
            infer = next(c for c in reversed(script.calls) if c.startswith("infer"))
            script.asked("prepare", infer.removeprefix("infer "))
            script.types.append(schema.columns[0].type)
            brought = tuple(PlannedColumn(k, "VARCHAR", "", 1) for k in infer[6:].split("+"))
            return TablePlan(table, True, brought)

        @hookimpl
        def load(self, plan: TablePlan, files: Sequence[Converted]) -> Loaded:
            script.asked("load", "+".join(f.file.key for f in files))
            if script.outdated:
                script.outdated -= 1
                raise PlanOutdatedError("moved")
            outcomes = tuple(
                Outcome(f.file, Status.SUCCESS, rows_read=3, rows_loaded=3) for f in files
            )
            return Loaded(plan.table, True, (), (), "1", outcomes)

        @hookimpl
        def record(self, outcomes: Sequence[Outcome]) -> bool:
            script.asked("record")
            script.recorded += outcomes
            return True

        @hookimpl
        def history(self) -> list[RegistryEntry]:
            script.asked("history")
            return script.history

    class Registrar(Plugin[NoOptions]):
        """Registrar."""

        name, stage = "fake", Stage.CATALOG_REGISTRAR

        @hookimpl
        def register(self, loaded: Loaded) -> Registered:
            script.asked("register", loaded.table)
            return Registered("fake", loaded.table, ok=not script.wrong, wrong=script.wrong)

    class Reconciler(Registrar):
        """Registrar that looks at all tables."""

        name = "looking"

        @hookimpl
        def reconcile(self, tables: Mapping[str, datetime]) -> list[Registered]:
            script.asked("reconcile", " ".join(f"{t}@{at:%d}" for t, at in tables.items()))
            return script.reconciled

    found = (Source, Sniffer, Reader, Inferer, Sink, Reconciler if reconciling else Registrar)
    return {p.stage: p for p in found}


def pipeline(script: Script, tmp_path: Path, reconciling: bool = False, **source: Any) -> Pipeline:
    uses = {
        stage: (
            Use(
                stage,
                p.name,
                p.name,
                lambda p=p: p,
                SourceOptions(**source) if stage == "source" else NoOptions(),
            ),
        )
        for stage, p in plugins(script, reconciling).items()
    }
    config = PipelineConfig(
        Path("p.yaml"), "p", uses, Engine(), CacheSettings(tmp_path, 10**9), None, (), {}, "digest",
        other_types=lambda: [Varchar],
    )  # fmt: skip
    return Pipeline(config, lambda _table: config)


def test_the_order_of_the_steps(tmp_path: Path) -> None:
    script = Script("a/1.csv", "a/2.csv", "b/3.csv")
    report = Runner(pipeline(script, tmp_path)).run()
    fetched = [call for call in script.calls if call.startswith("fetch")]
    assert [call for call in script.calls if call not in fetched] == [
        "discover", "pending",
        "describe a",
        "sniff a/1.csv", "open a/1.csv",
        "sniff a/2.csv", "open a/2.csv",
        "describe a", "infer a/1.csv+a/2.csv", "prepare a/1.csv+a/2.csv",
        "convert a/1.csv", "convert a/2.csv", "load a/1.csv+a/2.csv", "register a",
        "describe b",
        "sniff b/3.csv", "open b/3.csv",
        "describe b", "infer b/3.csv", "prepare b/3.csv", "convert b/3.csv", "load b/3.csv",
        "register b", "record",
    ]  # fmt: skip
    # Fetched ahead: once each, and before the first look at it.
    assert sorted(fetched) == ["fetch a/1.csv", "fetch a/2.csv", "fetch b/3.csv"]
    for call in fetched:
        assert script.calls.index(call) < script.calls.index(call.replace("fetch", "sniff"))
    assert [o.status for o in report.outcomes] == [Status.SUCCESS] * 3
    assert {o.digest for o in report.outcomes} == {"digest"}
    assert not list((tmp_path / "runs").iterdir())


@pytest.mark.parametrize("step", ["fetch", "sniff", "open", "convert"])
def test_one_files_failure_leaves_the_others(tmp_path: Path, step: str) -> None:
    script = Script("a/1.csv", "a/2.csv", "b/3.csv")
    script.errors[step, "a/1.csv"] = FileFormatError("spoilt")
    report = Runner(pipeline(script, tmp_path)).run()
    status = {o.file.key: (o.status, o.error) for o in report.outcomes}
    assert status == {
        "a/1.csv": (Status.FAILED, "spoilt"),
        "a/2.csv": (Status.SUCCESS, ""),
        "b/3.csv": (Status.SUCCESS, ""),
    }
    assert report.failed
    assert {o.file.key for o in script.recorded} == set(status)
    assert "load a/2.csv" in script.calls


def test_a_file_that_fails_in_convert_brings_no_column(tmp_path: Path) -> None:
    script = Script("a/1.csv", "a/2.csv")
    script.errors["convert", "a/1.csv"] = FileFormatError("spoilt")
    Runner(pipeline(script, tmp_path)).run()
    assert script.calls[-5:-2] == ["prepare a/2.csv", "convert a/2.csv", "load a/2.csv"]


def test_what_fails_together_is_tried_one_by_one(tmp_path: Path) -> None:
    script = Script("a/1.csv", "a/2.csv")
    script.errors["prepare", "a/1.csv+a/2.csv"] = SchemaFrozenError("frozen")
    script.errors["prepare", "a/2.csv"] = SchemaFrozenError("frozen")
    report = Runner(pipeline(script, tmp_path)).run()
    assert [(o.file.key, o.status) for o in report.outcomes] == [
        ("a/1.csv", Status.SUCCESS),
        ("a/2.csv", Status.FAILED),
    ]


def test_what_was_inferred_together_holds_for_each_alone(tmp_path: Path) -> None:
    script = Script("a/1.csv", "a/2.csv")
    script.errors["load", "a/1.csv+a/2.csv"] = FileFormatError("one of them spoils it")
    report = Runner(pipeline(script, tmp_path)).run()
    assert script.types == ["VARCHAR"] * 3
    assert report.warnings == ("a: loaded file by file: together, one of them spoils it",)


def test_nothing_is_said_of_a_table_where_the_file_that_spoilt_it_says_so(tmp_path: Path) -> None:
    script = Script("a/1.csv", "a/2.csv")
    script.errors["load", "a/1.csv+a/2.csv"] = FileFormatError("one of them spoils it")
    script.errors["load", "a/2.csv"] = FileFormatError("it is this one")
    report = Runner(pipeline(script, tmp_path)).run()
    assert {o.file.key: o.error for o in report.outcomes} == {
        "a/1.csv": "",
        "a/2.csv": "it is this one",
    }
    assert not report.warnings


def test_a_broken_file_has_no_say_in_the_types(tmp_path: Path) -> None:
    script = Script("a/1.csv", "a/2.csv")
    script.errors["convert", "a/1.csv"] = FileFormatError("spoilt")
    Runner(pipeline(script, tmp_path)).run()
    assert script.types == ["VARCHAR", "INTEGER"]


def test_each_source_is_asked_for_its_own_files(tmp_path: Path) -> None:
    script = Script("a/1.csv")
    twice = pipeline(script, tmp_path)
    use = twice.config.uses[Stage.SOURCE][0]
    sources = (use, dataclasses.replace(use, alias="other"))
    config = dataclasses.replace(twice.config, uses={**twice.config.uses, Stage.SOURCE: sources})
    with pytest.raises(ConfigError, match=r"'fake' and 'other' both have a file 'a/1\.csv'"):
        Runner(Pipeline(config, lambda _table: config)).run()


def test_an_outdated_plan_is_made_again(tmp_path: Path) -> None:
    script = Script("a/1.csv")
    script.outdated = 2
    report = Runner(pipeline(script, tmp_path)).run()
    assert report.outcomes[0].status is Status.SUCCESS
    assert script.calls.count("convert a/1.csv") == 3


def test_plans_that_stay_outdated_give_up_and_may_be_retried(tmp_path: Path) -> None:
    script = Script("a/1.csv")
    script.outdated = 10**6
    outcome = Runner(pipeline(script, tmp_path)).run().outcomes[0]
    assert (outcome.status, outcome.retryable) == (Status.FAILED, True)


def test_the_oldest_files_first_up_to_the_limit(tmp_path: Path) -> None:
    script = Script("a/1.csv", "a/2.csv", "b/3.csv", "b/4.csv")
    script.unchanged = {"a/1.csv"}
    report = Runner(pipeline(script, tmp_path, max_files_per_run=2)).run()
    status = {o.file.key: o.status for o in report.outcomes}
    assert status == {
        "a/1.csv": Status.UNCHANGED,
        "a/2.csv": Status.SUCCESS,
        "b/3.csv": Status.SUCCESS,
        "b/4.csv": Status.SKIPPED,
    }
    assert any("1 more files" in w for w in report.warnings)


def test_a_key_at_the_root_is_skipped_with_a_warning(tmp_path: Path) -> None:
    script = Script("lost.csv")
    report = Runner(pipeline(script, tmp_path)).run()
    assert report.outcomes[0].status is Status.SKIPPED
    assert any("lost.csv" in w for w in report.warnings)
    assert not script.recorded
    assert not report.failed


def test_an_unusable_folder_fails_with_its_reason_and_no_table(tmp_path: Path) -> None:
    script = Script("!!!/1.csv")
    outcome = Runner(pipeline(script, tmp_path)).run().outcomes[0]
    assert (outcome.status, outcome.file.table, outcome.retryable) == (Status.FAILED, "", False)
    assert "'!!!'" in outcome.error


def test_an_interrupt_keeps_and_records_what_was_done(tmp_path: Path) -> None:
    script = Script("a/1.csv", "b/2.csv", "c/3.csv")
    script.errors["convert", "b/2.csv"] = KeyboardInterrupt()
    report = Runner(pipeline(script, tmp_path)).run()
    assert report.interrupted
    assert [(o.file.key, o.status) for o in report.outcomes] == [
        ("a/1.csv", Status.SUCCESS),
        ("b/2.csv", Status.SKIPPED),
        ("c/3.csv", Status.SKIPPED),
    ]
    assert [o.file.key for o in script.recorded] == ["a/1.csv"]


def test_a_dry_run_converts_but_writes_nothing(tmp_path: Path) -> None:
    script = Script("a/1.csv")
    outcome = Runner(pipeline(script, tmp_path)).run(dry_run=True).outcomes[0]
    assert (outcome.status, outcome.rows_read, outcome.rows_loaded) == (Status.SKIPPED, 3, 0)
    assert not {"load a/1.csv", "record"} & set(script.calls)


def test_a_registrar_that_fails_is_a_warning(tmp_path: Path) -> None:
    script = Script("a/1.csv")
    script.errors["register", "a"] = FileFormatError("down")
    report = Runner(pipeline(script, tmp_path)).run()
    assert report.outcomes[0].status is Status.SUCCESS
    assert "a: fake: down" in report.warnings


def test_an_unforeseen_error_fails_its_file_alone_and_is_tried_again(tmp_path: Path) -> None:
    script = Script("a/1.csv", "b/2.csv")
    script.errors["sniff", "a/1.csv"] = ZeroDivisionError("oops")
    first, second = Runner(pipeline(script, tmp_path)).run().outcomes
    assert (first.status, first.retryable, second.status) == (Status.FAILED, True, Status.SUCCESS)
    assert "ZeroDivisionError" in first.error


def test_only_what_was_asked_for(tmp_path: Path) -> None:
    script = Script("a/1.csv", "b/2.csv")
    report = Runner(pipeline(script, tmp_path)).run(tables=["b"])
    assert [o.file.key for o in report.outcomes] == ["b/2.csv"]
    with pytest.raises(UsageError, match="nope"):
        Runner(pipeline(script, tmp_path)).run(keys=["nope"])


def test_force_loads_what_is_unchanged(tmp_path: Path) -> None:
    script = Script("a/1.csv")
    script.unchanged = {"a/1.csv"}
    assert Runner(pipeline(script, tmp_path)).run(force=True).outcomes[0].status is Status.SUCCESS


def test_two_folders_of_one_table_are_told(tmp_path: Path) -> None:
    script = Script("My Data/1.csv", "my_data/2.csv")
    report = Runner(pipeline(script, tmp_path)).run()
    assert [o.file.table for o in report.outcomes] == ["my_data", "my_data"]
    assert any("'My Data', 'my_data'" in w for w in report.warnings)


def test_listeners_hear_every_step_and_cannot_stop_it(tmp_path: Path) -> None:
    from lakefall.plugin_loading.pipeline import with_listeners

    heard: list[str] = []

    class Listener:
        @hookimpl
        def event(self, event: Event) -> None:
            heard.append(event.name)
            raise RuntimeError("broken listener")

    script = Script("a/1.csv")
    report = Runner(with_listeners(pipeline(script, tmp_path), Listener())).run()
    assert report.outcomes[0].status is Status.SUCCESS
    steps = "discover pending describe fetch sniff open infer prepare convert load register record"
    for step in steps.split():
        assert f"{step}.started" in heard
        assert f"{step}.finished" in heard


def test_plan_reads_and_changes_nothing(tmp_path: Path) -> None:
    script = Script("a/1.csv", "a/2.csv", "b/3.csv")
    script.unchanged = {"b/3.csv"}
    script.errors["sniff", "a/2.csv"] = FileFormatError("spoilt")
    report = plan_run(Runner(pipeline(script, tmp_path)))
    assert [(f.decision.file.key, f.error, f.table_plan is None) for f in report.files] == [
        ("a/1.csv", "", False),
        ("a/2.csv", "spoilt", True),
        ("b/3.csv", "", True),
    ]
    assert report.failed and report.changes
    assert not {c.split()[0] for c in script.calls} & {"convert", "load", "record", "register"}


def test_values_survive_serialisation() -> None:
    from lakefall.contract.values import from_json, to_json

    registered = Registered("r", "t", ok=False, wrong=(WrongFile("t/a.csv", "2 of 3 rows"),))
    assert from_json(Registered, to_json(registered)) == registered
    file = Script("a/1.csv").files[0]
    local = LocalFile(file, Path("x"), 1, "b.csv")
    assert from_json(LocalFile, to_json(local)) == local
    dialect = Dialect("\t", '"', "", "utf-8", True, "mixed", evidence=("why",))
    assert from_json(Dialect, to_json(dialect)) == dialect
    schema = Schema((), None, TypeSettings(null_values=("NA",)), {"a/1.csv": {0: 3}})
    assert from_json(Schema, to_json(schema)) == schema
    plan = TablePlan("t", True, (PlannedColumn("a", "DATE", "%d/%m/%Y", 1),), notes=("n",))
    assert from_json(TablePlan, to_json(plan)) == plan
    outcome = dataclasses.replace(Outcome(file, Status.FAILED, error="e"), columns_added=("a",))
    assert from_json(Outcome, to_json(outcome)) == outcome


def test_without_files_no_sink_is_asked(tmp_path: Path) -> None:
    script = Script()
    assert Runner(pipeline(script, tmp_path)).run().outcomes == ()
    assert script.calls == ["discover"]
