"""What is there: ``status``, ``rejects``, ``query``, ``forget``, ``registry``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakefall.cli.common import Json, Keys, OfKey, OfTable, PipelineFile, Set

if TYPE_CHECKING:
    import pyarrow as pa

    from lakefall.contract.values import RegistryEntry

registry = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The registry of the files that were loaded.",
)


def status(
    pipeline: PipelineFile,
    table: OfTable = "",
    sets: Set = [],
    json: Json = False,
) -> None:
    """Show the latest state of every file that was processed.

    With --json, each object holds: key, table, status, row_count, rejected, error, etag, size,
    seconds, ingested_at, run_id.

    \b
    Example: lakefall status pipelines/local.yaml --table orders
    """
    from lakefall.cli.common import running
    from lakefall.cli.output import emit, say
    from lakefall.cli.output import table as show

    with running(pipeline, sets) as run:
        entries = [e for e in run.pipeline.history(run) if not table or e.table == table]
    entries.sort(key=lambda e: (e.table, e.key))
    if json:
        for entry in entries:
            emit(_entry_object(entry))
        return
    if not entries:
        say("no file was processed yet")
        return
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
    from lakefall.cli.common import running
    from lakefall.cli.output import emit, say
    from lakefall.cli.output import table as show

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
    from lakefall.cli.common import known, running

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
    from lakefall.cli.common import running

    with running(pipeline, sets) as run:
        _told({"keys": run.pipeline.rebuild_registry(run)}, "{keys} files in the registry", json)


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
    from lakefall.cli.common import running
    from lakefall.cli.output import emit, table
    from lakefall.cli.rows import names, objects

    with running(pipeline, sets) as run:
        answer: pa.Table = run.pipeline.query(run, sql)
    if json:
        for row in objects(answer):
            emit(row)
    else:
        table(names(answer), (_shown(row) for row in objects(answer)))


def _shown(row: dict[str, Any]) -> list[object]:
    # Numbers as the table has them: a year is not 2,024.
    return [v if v is None or isinstance(v, bool) else str(v) for v in row.values()]


def _told(value: dict[str, int], words: str, json: bool) -> None:
    from lakefall.cli.output import emit, say

    if json:
        emit(value)
    else:
        say(words.format(**{k: f"{v:,}" for k, v in value.items()}))
