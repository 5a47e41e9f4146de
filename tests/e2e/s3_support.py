"""A source over a bucket, alone in a pipeline, and what it is asked."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lakefall.contract.configuration import CacheSettings, Engine, PipelineConfig, Use
from lakefall.contract.plugin import Stage, hookimpl
from lakefall.contract.run import Run
from lakefall.contract.values import Event, LocalFile, SourceFile
from lakefall.plugin_loading.pipeline import Pipeline
from lakefall_plugins.formats.csv.options import CsvSnifferOptions
from lakefall_plugins.formats.csv.sniffer import CsvSniffer
from lakefall_plugins.sources.s3.source import S3Source

from .servers import Servers


class Listener:
    """Keeps the events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    @hookimpl
    def event(self, event: Event) -> None:
        self.events.append(event)


@dataclass
class Inbox:
    """A bucket and the source that reads it."""

    servers: Servers
    bucket: str
    folder: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    max_size: int = 1_000_000_000
    listener: Listener = field(default_factory=Listener)

    def put(self, key: str, body: bytes = b"a,b\n1,2\n", **more: Any) -> str:
        """The ETag of the object written."""
        answer = self.servers.s3().put_object(Bucket=self.bucket, Key=key, Body=body, **more)
        return str(answer["ETag"])

    def remove(self, key: str) -> None:
        self.servers.s3().delete_object(Bucket=self.bucket, Key=key)

    def run(self, **more: Any) -> Run:
        """A run of a fresh pipeline that has the source and the names of CSV files."""
        given = {
            "bucket": self.bucket,
            "endpoint_url": self.servers.env["S3_ENDPOINT_URL"],
            "max_attempts": 2,
            **self.options,
            **more,
        }
        options = S3Source.options_model.model_validate(given)
        use = Use(Stage.SOURCE, "s3", "s3", lambda: S3Source, options)
        csv = Use(Stage.SNIFFER, "csv", "csv", lambda: CsvSniffer, CsvSnifferOptions())
        uses = {Stage.SOURCE: (use,), Stage.SNIFFER: (csv,)}
        config = PipelineConfig(
            self.folder / "pipeline.yaml", "test", uses, Engine(threads=1),
            CacheSettings(self.folder / "cache", self.max_size), None, (), {}, "",
        )  # fmt: skip
        runs = self.folder / "cache" / "runs"
        runs.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=runs))
        pipeline = Pipeline(config, lambda _: config, (self.listener,))
        return Run(pipeline, scratch.name, datetime.now(UTC), scratch)

    def list(self, **more: Any) -> list[SourceFile]:
        run = self.run(**more)
        return [f for f in run.pipeline.discover(run) if not f.unread]

    def keys(self, **more: Any) -> list[str]:
        return [f.key for f in self.list(**more)]

    def file(self, key: str) -> SourceFile:
        (found,) = [f for f in self.list() if f.key == key]
        return found

    def fetch(self, file: SourceFile, **more: Any) -> LocalFile:
        run = self.run(**more)
        return run.pipeline.fetch(run, file)[0]

    def cached(self) -> list[Path]:
        """What the cache holds, everything in its folder but its own notes."""
        notes = {".lock", ".bytes"}
        return sorted(p for p in (self.folder / "cache/files").glob("*") if p.name not in notes)
