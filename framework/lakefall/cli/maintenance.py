"""``maintain``: tables kept quick."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakefall.cli.common import Json, PipelineFile, Set

if TYPE_CHECKING:
    from lakefall.contract.values import Maintained

_SIZES = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3))


def maintain(
    pipeline: PipelineFile,
    table: Annotated[
        list[str], typer.Option("--table", metavar="TABLE", help="Only this table.")
    ] = [],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done.")
    ] = False,
    sets: Set = [],
    json: Json = False,
) -> None:
    """Merge small data files, and let old snapshots expire.

    Of the tables that files feed, the registry and the rejects, with the sink's options
    `maintenance`. Rows stay as they are, and loads may run meanwhile. An error of one table stops
    no other. With --json, each object holds: table, files_before, files_after, files_merged,
    bytes_rewritten, snapshots_expired, files_removed (null where it cannot be known), left (what
    was left alone, and why), seconds, error.

    \b
    Example: lakefall maintain pipelines/local.yaml --dry-run
    """
    from lakefall.cli.common import open_pipeline
    from lakefall.cli.output import emit
    from lakefall.cli.progress import listener
    from lakefall.run.maintenance import maintain as work
    from lakefall.run.runner import Runner

    done: list[Maintained] = []
    with listener() as told:
        runner = Runner(open_pipeline(pipeline, sets, told))
        for answer in work(runner, table, dry_run=dry_run):
            done.append(answer)
            if json:
                emit(maintained_object(answer))
    if not json:
        _show(done)
    _tell(done, dry_run=dry_run, json=json)
    raise typer.Exit(1 if any(d.error for d in done) else 0)


def maintained_object(done: Maintained) -> dict[str, Any]:
    """One line of ``maintain --json``; names and order are a contract."""
    return {
        "table": done.table,
        "files_before": done.files_before,
        "files_after": done.files_after,
        "files_merged": done.files_merged,
        "bytes_rewritten": done.bytes_rewritten,
        "snapshots_expired": done.snapshots_expired,
        "files_removed": done.files_removed,
        "left": list(done.left),
        "seconds": round(done.seconds, 3),
        "error": done.error,
    }


def _show(done: Sequence[Maintained]) -> None:
    from lakefall.cli.output import table

    if not done:
        return
    table(
        ["table", "data files", "merged", "rewritten", "snapshots expired", "files removed", "s"],
        [
            [
                d.table,
                f"{_number(d.files_before)} -> {_number(d.files_after)}",
                d.files_merged,
                _size(d.bytes_rewritten),
                d.snapshots_expired,
                d.files_removed,
                f"{d.seconds:.2f}",
            ]
            for d in done
        ],
        right="merged,rewritten,snapshots expired,files removed,s",
        whole="table,data files",
    )


def _tell(done: Sequence[Maintained], *, dry_run: bool, json: bool) -> None:
    from lakefall.cli.output import say

    for answer in done:
        for sentence in answer.left:
            say(f"left alone: {answer.table}: {sentence}")
        if answer.error:
            say(f"failed: {answer.table}: {answer.error}")
    if json:
        return
    if not done:
        say("there are no tables yet")
        return
    failed = sum(bool(d.error) for d in done)
    told = f"{len(done)} tables maintained"
    if dry_run:
        told = f"dry run, nothing was written: {len(done)} tables looked at"
    say(told + (f", {failed} of them failed" if failed else ""))


def _number(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"


def _size(value: int | None) -> str | None:
    if value is None:
        return None
    for unit, size in _SIZES:
        if value >= size:
            return f"{value / size:,.1f} {unit}"
    return f"{value} B"
