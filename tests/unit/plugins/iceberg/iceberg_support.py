"""A sink over a folder, and files as the reader would hand them over."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lakefall.common import sql
from lakefall.contract.configuration import CacheSettings, Engine
from lakefall.contract.run import Run
from lakefall.contract.values import (
    Column,
    Converted,
    Event,
    Outcome,
    Schema,
    Skipped,
    SourceFile,
    Status,
    TablePlan,
)
from lakefall_plugins.sinks.iceberg.options import IcebergOptions
from lakefall_plugins.sinks.iceberg.sink import IcebergSink

START = datetime(2024, 1, 1, tzinfo=UTC)
numbers = itertools.count()


@dataclass
class StubPipeline:
    """What the sink asks of a pipeline."""

    digest: str = "options-1"
    events: list[Event] = field(default_factory=list)

    @property
    def config(self) -> Any:
        cache = CacheSettings(Path(".cache"), 0)
        return SimpleNamespace(digest=self.digest, engine=Engine(threads=1), cache=cache)

    def for_table(self, table: str) -> StubPipeline:
        return self

    def event(self, run: Run, event: Event) -> None:
        self.events.append(event)


@dataclass
class Lakehouse:
    """One sink, one pipeline, any number of runs."""

    folder: Path
    pipeline: StubPipeline = field(default_factory=StubPipeline)
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sink = IcebergSink(
            IcebergOptions.model_validate(
                {"catalog": {"type": "sqlite", "warehouse": self.folder / "wh"}, **self.options}
            )
        )

    def with_options(self, **options: Any) -> Lakehouse:
        return Lakehouse(self.folder, self.pipeline, {**self.options, **options})

    def run(self, name: str = "run", started: datetime | None = None) -> Run:
        workdir = self.folder / "scratch"
        workdir.mkdir(parents=True, exist_ok=True)
        return Run(self.pipeline, name, started or datetime.now(UTC), workdir)  # type: ignore[arg-type]

    def plan(self, table: str, *columns: tuple[str, ...], rebuild: bool = False) -> TablePlan:
        return self.sink.prepare(self.run(), table, schema(*columns), rebuild)

    def load(
        self, file: SourceFile, columns: Sequence[tuple[str, ...]], rows: str, **more: Any
    ) -> Outcome:
        """Plan, convert, load and record one file whose rows are a SQL query."""
        run = more.pop("run", None) or self.run()
        record = more.pop("record", True)
        plan = self.sink.prepare(run, file.table, schema(*columns), more.pop("rebuild", False))
        loaded = self.sink.load(run, plan, [convert(run, plan, file, rows, **more)])
        outcome = loaded.outcomes[0]
        if record:
            self.sink.record(run, [replace(outcome, digest=self.pipeline.digest)])
        return outcome

    def fail(self, file: SourceFile, error: str, *, retryable: bool = False) -> None:
        outcome = Outcome(
            file, Status.FAILED, error=error, retryable=retryable, digest=self.pipeline.digest
        )
        self.sink.record(self.run(), [outcome])

    def reasons(self, *files: SourceFile) -> list[str]:
        return [
            f"{'load' if d.pending else 'skip'}: {d.reason}"
            for d in self.sink.pending(self.run(), files)
        ]

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        found = self.sink.query(self.run(), query)
        return list(zip(*(c.to_pylist() for c in found.columns), strict=True))

    def data_files(self, table: str) -> set[str]:
        folder = self.folder / "wh" / "lakehouse" / table / "data"
        return {p.name for p in folder.glob("*")} if folder.exists() else set()


def source(
    key: str, etag: str = "e1", *, minute: int = 0, table: str = "", problem: str = ""
) -> SourceFile:
    folder = key.partition("/")[0]
    modified = START + timedelta(minutes=minute)
    return SourceFile(
        key=key,
        etag=etag,
        size=100,
        modified=modified,
        folder=folder,
        table="" if problem else table or folder,
        problem=problem,
    )


def schema(*columns: tuple[str, ...]) -> Schema:
    return Schema(
        tuple(
            Column(c[0], c[0], c[1], nullable=True, format=c[2] if len(c) > 2 else "")
            for c in columns
        )
    )


def convert(
    run: Run,
    plan: TablePlan,
    file: SourceFile,
    rows: str,
    *,
    rejects: Sequence[tuple[int, str, str, str]] = (),
) -> Converted:
    """The rows of a SQL query as Parquet with the plan's field ids, like the reader's."""
    path = run.workdir / f"{os.getpid()}-{next(numbers)}.parquet"
    ids = {c.name: c.field_id for c in plan.columns}
    ids |= {"_source_file": plan.source_file_id, "_ingested_at": plan.ingested_at_id}
    listed = ", ".join(f"{sql.identifier(n)}: {i}" for n, i in ids.items())
    now = datetime.now(UTC)
    casts = ", ".join(f"{sql.identifier(c.name)}::{c.type}" for c in plan.columns)
    names = ", ".join(sql.identifier(c.name) for c in plan.columns)
    with sql.connect(Engine(threads=1), run.workdir) as db:
        db.execute(
            f"COPY (SELECT * FROM (SELECT {casts} FROM ({rows}) rows({names})) t({names}), "
            f"(SELECT {sql.literal(file.key)} AS _source_file, "
            f"{sql.literal(now.replace(tzinfo=None).isoformat())}::TIMESTAMP AS _ingested_at)) "
            f"TO {sql.literal(str(path))} "
            f"(FORMAT parquet, COMPRESSION zstd, FIELD_IDS {{{listed}}})"
        )
        found = db.execute(
            f"FROM read_parquet({sql.literal(str(path))}) SELECT count(*)"
        ).fetchone()
    loaded = found[0] if found else 0
    return Converted(
        file=file,
        paths=(path,),
        rows_read=loaded + len(rejects),
        rows_loaded=loaded,
        rows_rejected=len(rejects),
        skipped=(Skipped("blank", 1),),
        cells_nulled=0,
        rejects=_rejects(run, rejects) if rejects else None,
        ingested_at=now,
    )


def _rejects(run: Run, rejects: Sequence[tuple[int, str, str, str]]) -> Path:
    path = run.workdir / f"{os.getpid()}-{next(numbers)}-rejects.parquet"
    values = ", ".join(
        f"({line}, {sql.literal(column)}, {sql.literal(reason)}, {sql.literal(text)})"
        for line, column, reason, text in rejects
    )
    with sql.connect(Engine(threads=1), run.workdir) as db:
        db.execute(
            f'COPY (SELECT * FROM (VALUES {values}) r(line, "column", reason, "text")) '
            f"TO {sql.literal(str(path))} (FORMAT parquet)"
        )
    return path
