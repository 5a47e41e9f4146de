"""Data to standard output, as JSON lines or tables; messages and progress to standard error."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import typer

from lakefall.common.printable import visible
from lakefall.contract.plugin import hookimpl
from lakefall.contract.values import Event

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.console import Console

WIDE = 160
"""Columns of text where there is no terminal to ask."""
BATCH = 1000
_NOT_FINITE = {math.inf: "Infinity", -math.inf: "-Infinity"}


def emit(value: dict[str, Any]) -> None:
    """One JSON object on a line of its own; ASCII, since a file name need not be text."""
    typer.echo(json.dumps(value, allow_nan=False).replace("\x7f", "\\u007f"))


def say(message: str) -> None:
    """Tell a person, after the data that it is about."""
    sys.stdout.flush()
    typer.echo(visible(message), err=True)


def console() -> Console:
    from rich.console import Console

    wide = WIDE if not sys.stdout.isatty() and "COLUMNS" not in os.environ else None
    return Console(width=wide, markup=False, highlight=False, emoji=False)


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    title: str = "",
    right: str = "",
    whole: str = "",
) -> None:
    """Rows under heads on standard output, nothing cut off.

    ``right`` and ``whole`` name heads (comma separated): of columns that are aligned to the right,
    and of columns whose cells stay on one line as long as others can give way.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shown = Table(
        box=box.SIMPLE_HEAD, title=visible(title) or None, title_justify="left", pad_edge=False
    )
    numbers, lines = set(right.split(",")), set(whole.split(","))
    cells = [[_cell(value) for value in row] for row in rows]
    heads = [visible(head) for head in heads]
    for position, head in enumerate(heads):
        longest = max((len(row[position]) for row in cells), default=0)
        shown.add_column(
            head,
            justify="right" if head in numbers else "left",
            overflow="fold",
            min_width=max(len(head), longest) if head in numbers | lines else None,
        )
    for row in cells:
        shown.add_row(*map(Text, row))
    console().print(shown)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return visible(str(value))


class Told:
    """Listener that tells a person every warning, once."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    @hookimpl
    def event(self, event: Event) -> None:
        if event.name == "warning":
            where = event.key or event.table
            message = str(event.detail.get("message", ""))
            message = (
                message if not where or message.startswith(f"{where}:") else f"{where}: {message}"
            )
            if message not in self._said:
                self._said.add(message)
                self.tell(f"warning: {message}")

    def forget(self) -> None:
        """Tell again what was told so far, should it come up again."""
        self._said.clear()

    def tell(self, message: str) -> None:
        say(message)


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


# --- rows of an Arrow table as values that JSON can hold ---


def column_names(table: pa.Table) -> list[str]:
    """The columns' names, made unique: ``SELECT 1 AS a, 2 AS a`` has ``a`` and ``a_2``."""
    written: list[str] = table.column_names
    given: list[str] = []
    for name in written:
        unique, number = name, 1
        while unique in given or (number > 1 and unique in written):
            number += 1
            unique = f"{name}_{number}"
        given.append(unique)
    return given


def row_objects(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Each row by column name."""
    heads = column_names(table)
    for batch in _plain_times(table).to_batches(max_chunksize=BATCH):
        columns = [column.to_pylist() for column in batch.columns]
        for values in zip(*columns, strict=True):
            yield dict(zip(heads, map(json_value, values), strict=True))


def json_value(value: Any) -> Any:  # noqa: PLR0911 -- one line a kind
    """A value that JSON can hold, as ``lakefall query --help`` promises."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else _NOT_FINITE.get(value, "NaN")
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        # The sum of integers is a HUGEINT, which Arrow knows as a decimal without a scale.
        return int(value) if value.as_tuple().exponent == 0 else str(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(k): json_value(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(v) for v in value]
    return str(value)


def _plain_times(table: pa.Table) -> pa.Table:
    """Nanoseconds become microseconds, the finest that Python's own times hold."""
    import pyarrow as pa

    for position, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns":
            column = table.column(position).cast(pa.timestamp("us", field.type.tz), safe=False)
            table = table.set_column(position, field.name, column)
    return table
