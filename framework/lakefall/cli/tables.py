"""``status``, ``rejects``, ``forget``, ``registry``, ``maintain``, ``query``: what is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakefall.cli.parameters import Json, Keys, OfKey, OfTable, PipelineFile, Set, TableName

if TYPE_CHECKING:
    import pyarrow as pa

    from lakefall.contract.values import Maintained, RegistryEntry, SourceFile

registry = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The registry of the files that were loaded.",
)


def status(
    pipeline: PipelineFile,
    table: OfTable = "",
    everything: Annotated[
        bool, typer.Option("--all", help="Also list the objects that no format reads.")
    ] = False,
    sets: Set = [],
    json: Json = False,
) -> None:
    """Show the latest state of every file that was processed.

    With --json, each object holds: key, table, status, row_count, rejected, error, etag, size,
    seconds, ingested_at, run_id. With --all the source is listed, and the objects follow that no
    format of the pipeline reads: their size and when they were modified; with --json the same
    fields (status `unread`, ingested_at null) and `modified`.

    \b
    Example: lakefall status pipelines/local.yaml --table orders
    """
    from lakefall.cli.output import emit, say
    from lakefall.cli.output import table as show
    from lakefall.cli.parameters import running

    with running(pipeline, sets) as run:
        entries = [e for e in run.pipeline.history(run) if not table or e.table == table]
        listed = run.pipeline.discover(run) if everything else []
    entries.sort(key=lambda e: (e.table, e.key))
    others = [f for f in listed if f.unread and (not table or f.table == table)]
    others.sort(key=lambda f: f.key)
    if json:
        for entry in entries:
            emit(_entry_object(entry))
        for file in others:
            emit(_unread_object(file))
        return
    if entries:
        _show_entries(entries)
    else:
        say("no file was processed yet")
    if others:
        show(
            ["no format reads", "bytes", "modified (UTC)"],
            [[f.key, f.size, f"{f.modified:%Y-%m-%d %H:%M:%S}"] for f in others],
            right="bytes",
        )
    elif everything:
        say("the source has no object that no format reads")


def _show_entries(entries: Sequence[RegistryEntry]) -> None:
    from lakefall.cli.output import table as show

    show(
        ["file", "table", "status", "rows", "rejected", "at (UTC)", "error"],
        [
            [
                e.key,
                e.table,
                e.status,
                e.row_count,
                e.rejected,
                f"{e.ingested_at:%Y-%m-%d %H:%M:%S}",
                e.error,
            ]
            for e in entries
        ],
        right="rows,rejected",
        whole="status",
    )


def _entry_object(entry: RegistryEntry) -> dict[str, Any]:
    return {
        "key": entry.key,
        "table": entry.table,
        "status": entry.status,
        "row_count": entry.row_count,
        "rejected": entry.rejected,
        "error": entry.error,
        "etag": entry.etag,
        "size": entry.size,
        "seconds": entry.seconds,
        "ingested_at": entry.ingested_at.isoformat(),
        "run_id": entry.run_id,
    }


def _unread_object(file: SourceFile) -> dict[str, Any]:
    """The fields of ``_entry_object``, and ``modified``."""
    return {
        "key": file.key,
        "table": "",
        "status": "unread",
        "row_count": 0,
        "rejected": 0,
        "error": "",
        "etag": file.etag,
        "size": file.size,
        "seconds": 0.0,
        "ingested_at": None,
        "run_id": "",
        "modified": file.modified.isoformat(),
    }


def rejects(
    pipeline: PipelineFile,
    table: OfTable = "",
    file: OfKey = "",
    sets: Set = [],
    json: Json = False,
) -> None:
    """Show every record and cell that did not reach its table.

    Each with the physical line it stands on, counted from 1. With --json, each object holds: key,
    table, etag, line, column ('' for a whole record), reason, text.

    \b
    Example: lakefall rejects pipelines/local.yaml --file orders/2024.csv
    """
    from lakefall.cli.output import emit, say
    from lakefall.cli.output import table as show
    from lakefall.cli.parameters import running

    with running(pipeline, sets) as run:
        found = run.pipeline.stored_rejects(run, table, file)
        if json:
            for r in found:
                emit(
                    {
                        "key": r.key,
                        "table": r.table,
                        "etag": r.etag,
                        "line": r.line,
                        "column": r.column,
                        "reason": r.reason,
                        "text": r.text,
                    }
                )
            return
        rows = [[r.key, r.line, r.column, r.reason, r.text] for r in found]
    if rows:
        show(["file", "line", "column", "reason", "text"], rows, right="line")
    else:
        say("nothing was rejected")


def forget(
    pipeline: PipelineFile,
    key: Keys,
    sets: Set = [],
    json: Json = False,
) -> None:
    """Delete these files' rows, and the memory of them.

    Their rejects and their place in the registry go too. A file that is still in the source is
    loaded again by the next run.

    \b
    Example: lakefall forget pipelines/local.yaml orders/2024.csv
    """
    from lakefall.cli.parameters import known, running

    with running(pipeline, sets) as run:
        known(run, key)
        _told({"rows_deleted": run.pipeline.forget(run, key)}, "{rows_deleted} rows deleted", json)


@registry.callback()
def _registry() -> None:
    """The registry of the files that were loaded."""


@registry.command("rebuild")
def registry_rebuild(pipeline: PipelineFile, sets: Set = [], json: Json = False) -> None:
    """Write the registry anew from what the tables themselves say.

    For when `_ingest_registry` was lost or damaged. A file whose version the tables do not tell
    is loaded again by the next run.

    \b
    Example: lakefall registry rebuild pipelines/local.yaml
    """
    from lakefall.cli.parameters import running

    with running(pipeline, sets) as run:
        _told({"keys": run.pipeline.rebuild_registry(run)}, "{keys} files in the registry", json)


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
    from lakefall.cli import reports
    from lakefall.cli.output import emit, listener
    from lakefall.cli.parameters import open_pipeline
    from lakefall.run.maintenance import maintain as work
    from lakefall.run.runner import Runner

    done: list[Maintained] = []
    with listener() as told:
        runner = Runner(open_pipeline(pipeline, sets, told))
        for answer in work(runner, table, dry_run=dry_run):
            done.append(answer)
            if json:
                emit(reports.maintained_object(answer))
    reports.maintain(done, dry_run=dry_run, json=json)
    raise typer.Exit(1 if any(d.error for d in done) else 0)


def repair(
    pipeline: PipelineFile,
    table: TableName,
    drop: Annotated[
        bool, typer.Option("--drop", help="Take it out of the catalog if no metadata is readable.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done.")
    ] = False,
    sets: Set = [],
    json: Json = False,
) -> None:
    """Repair a table of which files are missing or unreadable.

    For when a load or `check --connect` says so. What is not there leaves the table, in one commit;
    a table whose metadata file is unreadable goes back to the newest one that can be read; the
    registry is written anew, as by `registry rebuild`. The files of the source whose rows are lost
    are loaded again by the next run. Nothing is deleted. With --json, one object holds: table,
    metadata (that the table went back to), lost (files), rows (of those, as far as known), keys
    (loaded again by the next run), dropped.

    \b
    Example: lakefall repair pipelines/local.yaml orders --dry-run
    """
    from lakefall.cli import reports
    from lakefall.cli.parameters import running

    with running(pipeline, sets, dry_run=dry_run) as run:
        reports.repaired(run.pipeline.repair(run, table, drop=drop), dry_run=dry_run, json=json)


def query(
    pipeline: PipelineFile,
    sql: Annotated[str, typer.Argument(metavar="SQL", help="A DuckDB query that reads.")],
    sets: Set = [],
    json: Json = False,
) -> None:
    """Ask the tables a question in DuckDB's SQL; read only.

    Tables are named with or without their namespace. With --json, each row is an object: numbers
    and booleans as they are, NULL as null, dates and times as ISO 8601 texts, decimals and
    numbers that JSON cannot hold (NaN, Infinity) as texts, bytes as hexadecimal digits.

    \b
    Example: lakefall query pipelines/local.yaml "SELECT count(*) FROM orders" --json
    """
    from lakefall.cli.output import column_names, emit, row_objects, table
    from lakefall.cli.parameters import running

    with running(pipeline, sets) as run:
        answer: pa.Table = run.pipeline.query(run, sql)
    if json:
        for row in row_objects(answer):
            emit(row)
    else:
        table(column_names(answer), (_shown(row) for row in row_objects(answer)))


def _shown(row: dict[str, Any]) -> list[object]:
    # Numbers as the table has them: a year is not 2,024.
    return [v if v is None or isinstance(v, bool) else str(v) for v in row.values()]


def _told(value: dict[str, int], words: str, json: bool) -> None:
    from lakefall.cli.output import emit, say

    if json:
        emit(value)
    else:
        say(words.format(**{k: f"{v:,}" for k, v in value.items()}))
