"""A sink `trino` on a namespace of its own, and files as the reader would hand them over."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lakefall.common import sql
from lakefall.contract.configuration import Engine
from lakefall.contract.run import Run
from lakefall.contract.values import (
    Column,
    Converted,
    Event,
    Outcome,
    Schema,
    Skipped,
    SourceFile,
    TablePlan,
)
from lakefall_plugins.sinks.trino.sink import TrinoSink

START = datetime(2024, 1, 1, tzinfo=UTC)
numbers = itertools.count()
Reject = tuple[int, str, str, str]
"""Line, column, reason, text."""


@dataclass
class StubPipeline:
    """What the sink asks of a pipeline."""

    folder: Path
    events: list[Event] = field(default_factory=list)

    @property
    def config(self) -> Any:
        cache = SimpleNamespace(dir=self.folder / "cache")
        return SimpleNamespace(digest="options-1", engine=Engine(threads=1), cache=cache)

    def for_table(self, table: str) -> StubPipeline:
        return self

    def event(self, run: Run, event: Event) -> None:
        self.events.append(event)


@dataclass
class House:
    """One sink and any number of runs."""

    folder: Path
    options: dict[str, Any]
    sink_class: Any = TrinoSink

    def __post_init__(self) -> None:
        self.pipeline = StubPipeline(self.folder)
        model = self.sink_class.options_model
        self.sink = self.sink_class(model.model_validate(self.options))

    def with_options(self, **options: Any) -> House:
        return House(self.folder, {**self.options, **options}, self.sink_class)

    def listen(self) -> list[str]:
        """Every statement from now on."""
        client, sent = self.sink.lake.client, []
        execute = client.execute

        def heard(text: str) -> Any:
            sent.append(text)
            return execute(text)

        client.execute = heard
        return sent

    def run(self, started: datetime | None = None) -> Run:
        workdir = self.folder / f"run-{next(numbers)}"
        workdir.mkdir(parents=True, exist_ok=True)
        return Run(self.pipeline, workdir.name, started or datetime.now(UTC), workdir)  # type: ignore[arg-type]

    def load(
        self,
        file: SourceFile,
        columns: Sequence[tuple[str, ...]],
        rows: str,
        *,
        run: Run | None = None,
        rejects: Sequence[Reject] = (),
        rebuild: bool = False,
        record: bool = True,
    ) -> Outcome:
        """Plan, convert, load and record one file whose rows are a DuckDB query."""
        run = run or self.run()
        plan = self.sink.prepare(run, file.table, schema(*columns), rebuild)
        loaded = self.sink.load(run, plan, [convert(run, plan, file, rows, rejects)])
        outcome: Outcome = loaded.outcomes[0]
        if record:
            self.sink.record(run, [replace(outcome, digest="options-1")])
        return outcome

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        found = self.sink.query(sql=query)
        return list(zip(*(c.to_pylist() for c in found.columns), strict=True))


def source(key: str, etag: str = "e1", *, minute: int = 0, table: str = "") -> SourceFile:
    folder = key.partition("/")[0]
    modified = START + timedelta(minutes=minute)
    return SourceFile(key, etag, 100, modified, folder, table or folder)


def schema(*columns: tuple[str, ...]) -> Schema:
    return Schema(
        tuple(
            Column(c[0], c[0], c[1], nullable=True, format=c[2] if len(c) > 2 else "")
            for c in columns
        )
    )


def convert(
    run: Run, plan: TablePlan, file: SourceFile, rows: str, rejects: Sequence[Reject] = ()
) -> Converted:
    """The rows of a DuckDB query as typed Parquet, like the reader's."""
    path = run.workdir / f"{next(numbers)}.parquet"
    now = datetime.now(UTC)
    names = ", ".join(sql.identifier(c.name) for c in plan.columns)
    casts = ", ".join(
        f"{sql.identifier(c.name)}::{c.type} AS {sql.identifier(c.name)}" for c in plan.columns
    )
    ids = {c.name: c.field_id for c in plan.columns}
    ids |= {"_source_file": plan.source_file_id, "_ingested_at": plan.ingested_at_id}
    listed = ", ".join(f"{sql.identifier(n)}: {i}" for n, i in ids.items())
    stamp = sql.literal(now.replace(tzinfo=None).isoformat())
    with sql.connect(Engine(threads=1), run.workdir) as db:
        db.execute(
            f"COPY (SELECT {casts}, {sql.literal(file.key)} AS _source_file, "
            f"{stamp}::TIMESTAMP AS _ingested_at FROM ({rows}) r({names})) "
            f"TO {sql.literal(str(path))} (FORMAT parquet, FIELD_IDS {{{listed}}})"
        )
        found = db.execute(f"FROM {sql.literal(str(path))} SELECT count(*)").fetchone()
        kept = _rejects(db, run, rejects) if rejects else None
    number = found[0] if found else 0
    rejected, blank = len(rejects), (Skipped("blank", 1),)
    return Converted(file, (path,), number + rejected, number, rejected, blank, 0, kept, now)


def _rejects(db: Any, run: Run, rejects: Sequence[Reject]) -> Path:
    path = run.workdir / f"{next(numbers)}-rejects.parquet"
    values = ", ".join(
        f"({line}, {sql.literal(column)}, {sql.literal(reason)}, {sql.literal(text)})"
        for line, column, reason, text in rejects
    )
    db.execute(
        f'COPY (SELECT * FROM (VALUES {values}) r(line, "column", reason, "text")) '
        f"TO {sql.literal(str(path))} (FORMAT parquet)"
    )
    return path
