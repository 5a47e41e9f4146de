"""Live progress of a run on standard error, where that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from lakefall.cli.output import Told, visible
from lakefall.contract.plugin import hookimpl
from lakefall.contract.values import Event


class Progress(Told):
    """Listener: how many files, how many rows, how fast.

    It reads ``files`` and ``bytes`` of ``pending.finished`` (what there is to do), ``rows`` and
    ``bytes`` of ``convert.finished`` (what one file held).
    """

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        super().__init__()
        self._console = Console(stderr=True, markup=False, highlight=False)
        self.bars = Bars(
            TextColumn("{task.fields[step]:<8}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("files  {task.fields[rows]:,} rows  {task.fields[speed]:.1f} MB/s"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[key]}", markup=False),
            console=self._console,
            transient=True,
        )
        self._task = self.bars.add_task("run", total=None, step="", key="", rows=0, speed=0.0)
        self._seen: set[str] = set()
        self._rows = 0
        self._bytes = 0

    @hookimpl
    def event(self, event: Event) -> None:
        super().event(event)
        step, _, moment = event.name.partition(".")
        if moment == "started":
            self.bars.update(self._task, step=step, key=visible(event.key or event.table)[:60])
        elif event.name == "pending.finished":
            self.bars.update(self._task, total=event.detail.get("files"))
        elif event.name == "convert.finished":
            self._converted(event)

    def _converted(self, event: Event) -> None:
        # A file is converted again where another writer changed the table meanwhile.
        if event.key in self._seen:
            return
        self._seen.add(event.key)
        self._rows += event.detail.get("rows", 0)
        self._bytes += event.detail.get("bytes", 0)
        elapsed = self.bars.tasks[0].elapsed or 1e-9
        self.bars.update(
            self._task,
            completed=len(self._seen),
            rows=self._rows,
            speed=self._bytes / elapsed / 1e6,
        )

    def tell(self, message: str) -> None:
        self._console.print(visible(message))


@contextmanager
def listener() -> Iterator[Told]:
    """What a run tells: warnings, and live progress where somebody watches."""
    if not sys.stderr.isatty():
        yield Told()
        return
    progress = Progress()
    with progress.bars:
        yield progress
