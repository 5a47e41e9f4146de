"""What several commands share: their parameters, and opening a pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lakefall.contract.run import Run
    from lakefall.plugin_loading.pipeline import Pipeline

PipelineFile = Annotated[Path, typer.Argument(metavar="PIPELINE", help="The pipeline's YAML file.")]
Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files on this machine.")]
Keys = Annotated[
    list[str], typer.Argument(metavar="KEY...", help="Keys of files, as `status` shows them.")
]
TableName = Annotated[str, typer.Argument(metavar="TABLE", help="A table's name.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]
Set = Annotated[
    list[str],
    typer.Option("--set", metavar="OPTION=VALUE", help="Override an option: sniffer.header=absent"),
]
OnlyTables = Annotated[
    list[str], typer.Option("--table", metavar="TABLE", help="Only files of this table.")
]
OnlyKeys = Annotated[
    list[str], typer.Option("--file", metavar="KEY", help="Only the file with this key.")
]
OfTable = Annotated[str, typer.Option("--table", metavar="TABLE", help="Only this table.")]
OfKey = Annotated[str, typer.Option("--file", metavar="KEY", help="Only this file.")]


def open_pipeline(path: Path, sets: list[str], *listeners: object) -> Pipeline:
    """The pipeline that a command was given.

    Raises:
        ConfigError: with every problem of the file.
    """
    from lakefall.config.loader import open_pipeline as read

    return read(path, sets=sets, listeners=listeners)


@contextmanager
def running(path: Path, sets: list[str], *, dry_run: bool = False) -> Iterator[Run]:
    """A run for a command that asks the pipeline's plugins one question; told on stderr."""
    from lakefall.cli.output import Told
    from lakefall.run.runner import Runner

    with Runner(open_pipeline(path, sets, Told())).start(dry_run=dry_run) as run:
        yield run


def known(run: Run, keys: list[str]) -> None:
    """Refuse keys that the registry does not hold.

    Raises:
        UsageError: naming the first one.
    """
    from lakefall.contract.errors import UsageError

    there = {entry.key for entry in run.pipeline.history(run)}
    for key in keys:
        if key not in there:
            raise UsageError(f"the registry has no file {key!r}; `lakefall status` shows those")
