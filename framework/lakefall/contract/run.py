"""What all steps of one run share."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from lakefall.common import interrupts
from lakefall.contract.values import Event

if TYPE_CHECKING:
    from lakefall.plugin_loading.pipeline import Pipeline


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a pipeline, seen from one table once ``for_table`` was called."""

    pipeline: Pipeline
    run_id: str
    started_at: datetime
    """UTC."""
    workdir: Path
    """Scratch folder of this run; whoever made the run removes it."""
    dry_run: bool = False
    root: Path | None = None
    """Scratch folder of the whole run, where ``workdir`` is that of one table."""

    @property
    def spill(self) -> Path:
        """Where the engine spills: one folder, and with it one instance, for all tables."""
        return self.root or self.workdir

    def for_table(self, table: str) -> Run:
        """The same run with the table's options."""
        return dataclasses.replace(self, pipeline=self.pipeline.for_table(table))

    def emit(self, name: str, *, key: str = "", table: str = "", **detail: Any) -> None:
        """Tell all listeners that something happened."""
        self.pipeline.event(self, Event(name, key=key, table=table, detail=detail))

    @contextmanager
    def step(self, name: str, *, key: str = "", table: str = "") -> Iterator[dict[str, Any]]:
        """Announce a step; ``finished`` is not sent when it fails.

        ``finished`` carries its ``seconds``, and what the step puts into the answer.

        Raises:
            KeyboardInterrupt: after Ctrl-C; no further step begins.
        """
        interrupts.check()
        told: dict[str, Any] = {}
        self.emit(f"{name}.started", key=key, table=table)
        began = perf_counter()
        yield told
        seconds = perf_counter() - began
        self.emit(f"{name}.finished", key=key, table=table, seconds=seconds, **told)

    def warn(self, message: str, *, key: str = "", table: str = "") -> None:
        """Tell all listeners what a person should know."""
        self.emit("warning", key=key, table=table, message=message)
