"""The sections of a pipeline file, and the models of those that are no plugins."""

from __future__ import annotations

import os
import re
import tempfile
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from lakefall.contract.configuration import CacheSettings, Engine, Events, Schedule, Watch
from lakefall.contract.plugin import Options, Stage
from lakefall.contract.units import Duration, Size, parse_size

STAGES: tuple[Stage, ...] = tuple(stage for stage in Stage if stage is not Stage.TYPE)
"""The stages that are sections of the file; types stand in ``type_inferer.types``."""
SINGLE = frozenset({Stage.SINK})
REQUIRED = frozenset({Stage.SOURCE, Stage.SINK})
OPTIONAL = frozenset({Stage.VALIDATOR, Stage.CATALOG_REGISTRAR, Stage.NOTIFIER})
DEFAULT_USES = {Stage.SNIFFER: "csv", Stage.READER: "csv", Stage.TYPE_INFERER: "threshold"}
DEFAULT_TYPES = ("boolean", "integer", "bigint", "double", "date", "timestamp")
FALLBACK_TYPE = "varchar"
"""Always there, always last: it reads everything."""
TYPES = "types"
USE, AS = "use", "as"

PER_TABLE = frozenset(stage.value for stage in STAGES) - {Stage.SOURCE, Stage.NOTIFIER}
"""Sections that ``tables:`` may override."""

_CRON_FIELD = r"[0-9A-Za-z*/,\-#?]+"
_CRON = re.compile(
    rf"@(once|continuous|hourly|daily|weekly|monthly|quarterly|yearly)|"
    rf"{_CRON_FIELD}( +{_CRON_FIELD}){{4}}"
)


def _cron(text: str) -> str:
    if not _CRON.fullmatch(text.strip()):
        raise PydanticCustomError("cron", "expected five fields such as */5 * * * *, or @daily")
    return text.strip()


LEAST_MEMORY = 128_000_000
"""Bytes with which the engine loads a table of 200 columns with any number of threads; with half
of it some of its steps find no room."""


def _memory(value: Any) -> str:
    size = parse_size(value)
    if size < LEAST_MEMORY:
        raise PydanticCustomError("memory", "expected a size of at least 128MB")
    return f"{size}B"


MOST_THREADS = 256
"""More cores than a machine has that runs one process of this; each thread is a thread of the
system's, and takes memory."""


class EngineSection(Options):
    """What the machine may spend on one process."""

    threads: int = Field(default=0, ge=0, le=MOST_THREADS)
    """Threads of the query engine; 0: as many as there are cores. Never more than the cores that
    the process may use."""
    memory_limit: Annotated[str, BeforeValidator(_memory)] = "256MB"
    """What the query engine may hold before it spills to disk; never more than four fifths of
    what the machine, or the container, has."""


class CacheSection(Options):
    """Where fetched files and their hashes are kept between runs."""

    dir: Path = Path("~/.cache/lakefall")
    """Folder; relative to the current directory."""
    max_size: Size = 10_000_000_000
    """What it may hold; the oldest goes first."""


class EventsSection(Options):
    """A queue whose messages start runs beside those of `cron`, through Airflow's own trigger."""

    use: Literal["sqs"]
    """Kind of queue."""
    queue_url: str = Field(pattern=r"^https?://\S+/\S+$")
    """The queue's address, such as `https://sqs.eu-west-1.amazonaws.com/123456789012/files`. The
    trigger deletes its messages: a queue serves one pipeline, and no watcher beside it."""
    conn_id: str = "aws_default"
    """Airflow's connection with the keys; an `endpoint_url` in its extra is another server that
    speaks SQS."""
    region: str = ""
    """Region; the connection's without one."""


class ScheduleSection(Options):
    """What the scheduler reads."""

    cron: Annotated[str, AfterValidator(_cron)]
    """When a run starts: ``*/5 * * * *``."""
    events: EventsSection | None = None
    """A queue that tells of files: a message starts a run, which takes all files that are there.
    What no message told is found by `cron`."""
    start_date: date
    """First day of the schedule."""
    catchup: bool = False
    """Whether runs that were missed are made up for."""
    max_active_runs: int = Field(default=1, ge=1, le=1_000)
    """Runs at one time. With more than one, each leaves to the others the files that they load."""
    retries: int = Field(default=2, ge=0, le=1_000)
    """How often a failed task is tried again."""
    retry_delay: Duration = 30.0
    """Time between two tries."""
    execution_timeout: Duration = Field(default=3600.0, ge=1)
    """How long a task may take. A longer one is ended and tried again, so that one that hangs does
    not keep later runs waiting for ever."""
    pool: str = Field(default="default_pool", min_length=1)
    """Airflow's pool, which bounds how many of its tasks run at one time. It has to exist: tasks of
    a pool that does not are never started."""
    queue: str = ""
    """Queue of the workers that take the tasks; the executor's default without one."""
    priority: int = Field(default=1, ge=1, le=10_000)
    """Which tasks are started first where there are not enough workers: those of the higher number
    (`priority_weight`)."""
    owner: str = "data-engineering"
    """Shown in the scheduler."""
    tags: tuple[str, ...] = ()
    """Shown in the scheduler."""
    granularity: Literal["auto", "step", "file", "table"] = "step"
    """One task for each step of a file (`step`), one a file (`file`), or one a table, which commits
    the table's files together (`table`); `auto` takes `step` for a run of few files, `file` up to
    50 and `table` beyond. All make the same tables."""
    auto_step_files: int = Field(default=10, ge=0, le=1_000)
    """Up to so many files in a run `granularity: auto` makes one task for each step of a file."""


class WatchSection(Options):
    """How `lakefall watch` loads what arrives; who tells it stands in `notifier`."""

    settle: Duration = Field(default=Watch.settle, ge=0, le=60)
    """How long it waits after the first hint for those that belong with it: files of a table that
    are loaded together are one commit."""
    max_batch: int = Field(default=Watch.max_batch, ge=1, le=100_000)
    """Files that are loaded together; more wait for the next batch."""
    reconcile_every: Duration = Field(default=Watch.reconcile_every, ge=1, le=86_400)
    """Time between two full listings of the source, which find what no hint told."""
    large: Size = Field(default=Watch.large, ge=0)
    """A table whose new files have more bytes together is loaded beside the others, one such table
    at a time, so that it holds up none of them; 0: never."""


class Settings(Options):
    """The sections that are no plugins."""

    version: Literal[1] = 1
    """Version of this file's language."""
    name: str = Field(default="", pattern=r"^[A-Za-z0-9_.-]*$")
    """The pipeline's name; the file's name without one."""
    plugins: tuple[str, ...] = ()
    """Python files beside or below this file that bring plugins of its own."""
    engine: EngineSection = EngineSection()
    """What the machine may spend on one process."""
    cache: CacheSection = CacheSection()
    """Where fetched files and their hashes are kept between runs."""
    schedule: ScheduleSection | None = None
    """When the pipeline runs; without it only by hand."""
    watch: WatchSection = WatchSection()
    """How `lakefall watch` loads what arrives."""

    def engine_settings(self) -> Engine:
        return Engine(self.engine.threads, self.engine.memory_limit)

    def cache_settings(self) -> CacheSettings:
        try:
            folder = self.cache.dir.expanduser()
        except RuntimeError:  # no home, as for a user that only a container knows
            folder = Path(tempfile.gettempdir(), f"lakefall-{os.getuid()}")
        return CacheSettings(folder, self.cache.max_size)

    def schedule_settings(self) -> Schedule | None:
        if self.schedule is None:
            return None
        events = self.schedule.events
        given = {**dict(self.schedule), "events": events and Events(**dict(events))}
        return Schedule(**given)

    def watch_settings(self) -> Watch:
        return Watch(**dict(self.watch))


TABLES = "tables"
SECTIONS = (*Settings.model_fields, *(stage.value for stage in STAGES), TABLES)


def option_name(model: type[BaseModel], field: str) -> str:
    """What the file calls a field."""
    return model.model_fields[field].alias or field
