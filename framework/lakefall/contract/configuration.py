"""A pipeline file after it was read: frozen, typed, complete."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from lakefall.contract.plugin import Options, Plugin, Stage
from lakefall.contract.units import parse_size


@dataclass(frozen=True, slots=True)
class Use:
    """One configured plugin: ``{use: NAME, ...options}``."""

    stage: Stage
    name: str
    """What ``use:`` says."""
    alias: str
    """``as:``, or the name; unique in its stage."""
    find: Callable[[], type[Plugin[Options]]]
    """Imports the plugin's class, which an outline does not need."""
    options: Options

    @property
    def plugin(self) -> type[Plugin[Options]]:
        return self.find()


@dataclass(frozen=True, slots=True)
class Engine:
    """``engine:`` -- what the machine may spend on one process."""

    threads: int = 0
    """0: as many as there are cores."""
    memory_limit: str = "256MB"
    """What the query engine may hold before it spills to the scratch folder."""

    @property
    def memory(self) -> int:
        """The limit in bytes."""
        return parse_size(self.memory_limit)


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """``cache:`` -- fetched files and file hashes."""

    dir: Path
    max_size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class Events:
    """``schedule.events:`` -- a queue whose messages start runs."""

    use: str
    queue_url: str
    conn_id: str = "aws_default"
    """Of Airflow."""
    region: str = ""
    """Empty: the connection's."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """``schedule:`` -- what the DAG factory reads."""

    cron: str
    start_date: date
    events: Events | None = None
    catchup: bool = False
    max_active_runs: int = 1
    retries: int = 2
    retry_delay: float = 30.0
    """Seconds."""
    execution_timeout: float = 3600.0
    """Seconds."""
    pool: str = "default_pool"
    queue: str = ""
    """Empty: the executor's default."""
    priority: int = 1
    owner: str = "data-engineering"
    tags: tuple[str, ...] = ()
    granularity: str = "step"
    auto_step_files: int = 10
    """``granularity: auto`` is ``step`` up to so many files."""


@dataclass(frozen=True)
class Watch:
    """``watch:`` -- how a watcher loads what arrives. Times are seconds."""

    settle: float = 0.2
    max_batch: int = 1_000
    """Files."""
    reconcile_every: float = 600.0
    large: int = 32_000_000
    """Bytes; 0: no table is loaded beside the others."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an effective option came from."""

    value: object
    """Rendered without secrets."""
    where: str
    """``pipelines/x.yaml:12``, ``default``, ``--set``, ``tables: legacy_* (x.yaml:30)``; with
    `` from ${NAME}`` where the environment gave it."""


@dataclass(frozen=True, slots=True)
class PipelineConfig:
    """One pipeline, or one table's view of it once ``tables:`` has been merged in."""

    path: Path
    name: str
    uses: Mapping[Stage, tuple[Use, ...]]
    """Every stage has an entry; ``type`` holds ``type_inferer.types``, ``varchar`` last."""
    engine: Engine
    cache: CacheSettings
    schedule: Schedule | None
    patterns: tuple[str, ...]
    """The globs of ``tables:``, in file order; later ones win."""
    origins: Mapping[str, Origin]
    """Dotted option path (``sniffer.delimiter``) -> where its value came from."""
    digest: str
    """Of everything that changes what is loaded: a failed file is tried again when it changes."""
    other_types: Callable[[], Sequence[type[Plugin[Options]]]] = tuple
    """Imports the types that inference may not propose here, but that a table's column may have."""
    table: str = ""
    """The table whose overrides are merged in; ``''`` for the pipeline itself."""
    watch: Watch = Watch()
