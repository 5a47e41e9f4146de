"""An embedded pipeline whose steps run one by one, each on a host of its own if need be."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from lakefall.airflow.step_values import (
    Closing,
    Ingested,
    Listing,
    Registration,
    Result,
    Work,
    as_plain,
    of_plain,
)
from lakefall.airflow.steps import Steps, unfinished
from lakefall.contract.errors import LakefallError
from lakefall.contract.plugin import hookimpl
from lakefall.contract.values import Event, RegistryEntry
from lakefall.run.runner import Runner

T = TypeVar("T")

PIPELINE = """
version: 1
name: embedded
source: {use: folder, path: INBOX, max_files_per_run: 1000EXTRA_SOURCE}
sink:
  use: iceberg
  catalog: {type: sqlite, warehouse: WAREHOUSE}
  namespace: lakehouse
cache: {dir: "${CACHE}"}
"""
STEPS = ("download", "detect", "infer", "ensure", "evolve", "ingest", "register")


class Heard:
    """Listener: the events, in order."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    @hookimpl
    def event(self, event: Event) -> None:
        self.events.append(event)

    def count(self, name: str) -> int:
        return sum(e.name == name for e in self.events)


@dataclass
class Lake:
    """A folder of files, and the tables made from it."""

    folder: Path
    extra_source: str = ""
    extra: str = ""
    hosts: int = 0
    heard: Heard = field(default_factory=Heard)
    said: list[Any] = field(default_factory=list)
    """Everything that travelled, as JSON."""

    def __post_init__(self) -> None:
        (self.folder / "inbox").mkdir(parents=True, exist_ok=True)
        text = PIPELINE.replace("INBOX", str(self.folder / "inbox"))
        text = text.replace("WAREHOUSE", str(self.folder / "lakehouse"))
        self.yaml.write_text(text.replace("EXTRA_SOURCE", self.extra_source) + self.extra)

    @property
    def yaml(self) -> Path:
        return self.folder / "embedded.yaml"

    def put(self, key: str, content: bytes | str) -> Path:
        path = self.folder / "inbox" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def steps(self, run_id: str = "r1", *, host: str = "") -> Steps:
        """On a named host, or on one that never saw this pipeline."""
        self.hosts += 1
        cache = self.folder / "hosts" / (host or f"new-{self.hosts}")
        return Steps.open(self.yaml, run_id, environ={"CACHE": str(cache)}, listeners=[self.heard])

    def runner(self) -> Runner:
        from lakefall.config.loader import open_pipeline

        cache = str(self.folder / "hosts" / "cli")
        return Runner(open_pipeline(self.yaml, environ={"CACHE": cache}))

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        """Every row, ``_ingested_at`` left out, in a fixed order; names and types first.

        Columns by name: where they stand depends on which file came first.
        """
        runner = self.runner()
        with runner.start() as run:
            found = run.pipeline.query(run, f'SELECT * EXCLUDE (_ingested_at) FROM "{table}"')
        found = found.select(sorted(found.column_names))
        head = tuple(f"{f.name} {f.type}" for f in found.schema)
        return [head, *sorted((tuple(r.values()) for r in found.to_pylist()), key=repr)]

    def registry(self) -> dict[str, RegistryEntry]:
        runner = self.runner()
        with runner.start() as run:
            return {e.key: e for e in run.pipeline.history(run)}

    def facts(self) -> dict[str, tuple[Any, ...]]:
        """What the registry says that does not depend on when and where."""
        return {
            e.key: (e.etag, e.table, e.status, e.row_count, e.rejected, e.error, e.size)
            for e in self.registry().values()
        }

    # --- what a scheduler does ---

    def travel(self, value: T) -> T:
        """Through JSON, as between two tasks."""
        text = json.dumps(as_plain(value))
        self.said.append(text)
        return of_plain(type(value), json.loads(text))

    def run(self, granularity: str, run_id: str = "r1", *, host: str = "", **only: Any) -> Closing:
        """A whole run."""
        at_most = only.pop("at_most", 0)
        force = only.pop("force", False)
        listing: Listing = self.travel(self.steps(run_id, host=host).scan(**only))
        works = [
            self.travel(work)
            for work in self.steps(run_id, host=host).filter(
                listing, **only, force=force, at_most=at_most, granularity=granularity
            )
        ]
        one = self.by_steps if granularity == "step" else self.at_once
        results = [r for work in works for r in one(work, run_id, host)]
        return self.travel(self.steps(run_id, host=host).close(works, results, whole=not only))

    def by_steps(self, work: Work, run_id: str = "r1", host: str = "") -> list[Result]:
        result: Result | None = None
        try:
            for name in STEPS[:-2]:
                self.travel(getattr(self.steps(run_id, host=host), name)(work))
            ingested: Ingested = self.travel(self.steps(run_id, host=host).ingest(work))
            told: Registration = self.travel(self.steps(run_id, host=host).register(work, ingested))
            result = told.result
        except LakefallError as error:
            result = self.travel(self.steps(run_id, host=host).failure(work, error))
        return [self.travel(self.steps(run_id, host=host).record(work, result))]

    def at_once(self, work: Work, run_id: str = "r1", host: str = "") -> list[Result]:
        results: Sequence[Result] = ()
        for last in (False, True):
            results = self.steps(run_id, host=host).load(work, last_try=last)
            if not unfinished(results):
                break
        return [self.travel(r) for r in results]


def orders(first: int, rows: int, *, wide: int = 0) -> str:
    """A file of orders; ``wide`` more columns."""
    head = "id,placed,amount,note" + "".join(f",extra_{n}" for n in range(wide))
    return "\n".join([head, *_orders(first, rows, wide)]) + "\n"


def _orders(first: int, rows: int, wide: int) -> Iterator[str]:
    for n in range(first, first + rows):
        more = "".join(f",x{n}" for _ in range(wide))
        yield f"{n},2024-01-{n % 28 + 1:02d},{n}.5,note {n}{more}"
