"""Data to standard output, as JSON lines or tables; everything else to standard error."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import typer

from lakefall.contract.plugin import hookimpl
from lakefall.contract.values import Event

if TYPE_CHECKING:
    from rich.console import Console

WIDE = 160
"""Columns of text where there is no terminal to ask."""


def emit(value: dict[str, Any]) -> None:
    """One JSON object on a line of its own; ASCII, since a file name need not be text."""
    typer.echo(json.dumps(value, allow_nan=False))


def say(message: str) -> None:
    """Tell a person, after the data that it is about."""
    sys.stdout.flush()
    typer.echo(visible(message), err=True)


def visible(text: str) -> str:
    """Text with control characters spelt out: a cell must not steer the terminal."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text
    )


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

    shown = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    numbers, lines = set(right.split(",")), set(whole.split(","))
    cells = [[_cell(value) for value in row] for row in rows]
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

    def tell(self, message: str) -> None:
        say(message)
