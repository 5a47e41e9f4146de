"""``run``, ``retry``, ``plan``, ``rebuild``: what writes tables, and what says so beforehand."""

from __future__ import annotations

from typing import Annotated

import typer

from lakefall.cli import INTERRUPTED
from lakefall.cli.parameters import (
    Json,
    Keys,
    OnlyKeys,
    OnlyTables,
    PipelineFile,
    Set,
    TableName,
)

DryRun = Annotated[bool, typer.Option("--dry-run", help="Do everything but write.")]


def run(
    pipeline: PipelineFile,
    table: OnlyTables = [],
    file: OnlyKeys = [],
    dry_run: DryRun = False,
    force: Annotated[bool, typer.Option("--force", help="Also load what has not changed.")] = False,
    profile: Annotated[bool, typer.Option("--profile", help="Say where the time went.")] = False,
    sets: Set = [],
    json: Json = False,
) -> None:
    """Load the files that are new or have changed.

    Each file's rows replace those that its earlier version brought, in one commit a table. A file
    that fails stops no other, and leaves its old rows where they are. With --json, each object
    holds: key, table, status (success, failed, superseded, skipped, unchanged, deleted), rows_read,
    rows_loaded, rows_rejected, lines_skipped, lines_skipped_by_rule (`{"preamble": 2, "blank": 1}`:
    no records, left out by a rule), cells_nulled, rows_deleted, columns_added, seconds, error.
    Objects that no format of the pipeline reads have no line: the last sentence on standard error
    counts them, and `status --all --json` lists them. With `on_source_deleted: delete`, files that
    are gone from the source lose their rows. With --profile, seconds and MB/s of every step follow;
    with --json as a last object, `profile`. A table is loaded while the next one is converted:
    steps may add up to more than the run took.

    \b
    Example: lakefall run pipelines/local.yaml --table orders
    """
    from lakefall.cli import reports
    from lakefall.cli.output import listener
    from lakefall.cli.parameters import open_pipeline
    from lakefall.run.runner import Runner

    with listener() as told:
        runner = Runner(open_pipeline(pipeline, sets, told))
        report = runner.run(tables=table, keys=file, dry_run=dry_run, force=force)
    reports.run(report, json=json)
    if profile:
        reports.profile(report, json=json)
    raise typer.Exit(INTERRUPTED if report.interrupted else 1 if report.failed else 0)


def retry(
    pipeline: PipelineFile,
    key: Keys = [],
    rejected: Annotated[
        bool, typer.Option("--rejected", help="Load the files that have rejects.")
    ] = False,
    table: OnlyTables = [],
    sets: Set = [],
    json: Json = False,
) -> None:
    """Load these files again, whether they failed before or not.

    Should this be interrupted, the next run takes them up. Reports what `run` reports. With
    --rejected, for when an option has changed: every file that has rejects, of these keys and
    tables where some are given; reports as well how many of the records that were rejected and of
    the values that became NULL are won. --json then adds: rows_won, rows_left, cells_won,
    cells_left (none for a file that failed).

    \b
    Example: lakefall retry pipelines/local.yaml orders/2024.csv
    Example: lakefall retry pipelines/local.yaml --rejected --table orders
    """
    from lakefall.cli import reports
    from lakefall.cli.output import listener
    from lakefall.cli.parameters import known, open_pipeline
    from lakefall.contract.errors import UsageError
    from lakefall.run import retry_rejected
    from lakefall.run.runner import Runner

    if not rejected and (table or not key):
        raise UsageError("name the keys of the files, or pass --rejected for those with rejects")
    with listener() as told:
        runner = Runner(open_pipeline(pipeline, sets, told))
        with runner.start() as run:
            known(run, key)
            if not rejected:
                run.pipeline.release(run, key)
        if rejected:
            retried = retry_rejected.retry(runner, table, key)
            report = retried.run
        else:
            report = runner.run(keys=key)
    if rejected:
        reports.retry(retried, json=json)
    else:
        reports.run(report, json=json)
    raise typer.Exit(INTERRUPTED if report.interrupted else 1 if report.failed else 0)


def plan(
    pipeline: PipelineFile,
    table: OnlyTables = [],
    file: OnlyKeys = [],
    rejected: Annotated[
        bool, typer.Option("--rejected", help="Say what `retry --rejected` would win.")
    ] = False,
    sets: Set = [],
    json: Json = False,
) -> None:
    """Say what `run` would do, and why.

    Nothing is written. For each file: its dialect, with how sure that is and what the second choice
    was; each column's type with the evidence; what changes in the table; how many rows would be
    replaced; at the end, how many objects no format reads. Exits with 0 when there is nothing to
    do, 2 when there are changes, 1 when a file would fail. With --json, each object holds: key,
    table, pending, reason, dialect, columns, created, changes, notes, rows_read, rows_rejected,
    lines_skipped, lines_skipped_by_rule, rows_replaced, error. With --rejected, the files that have
    rejects are read to the end, and it says how many of them `retry --rejected` would win; --json
    then adds rows_won, rows_left, cells_won, cells_left, and exit code 2 means that something would
    be won.

    \b
    Example: lakefall plan pipelines/local.yaml --file orders/2024.csv
    """
    from lakefall.cli import reports
    from lakefall.cli.output import listener
    from lakefall.cli.parameters import open_pipeline
    from lakefall.run import planning
    from lakefall.run.runner import Runner

    with listener() as told:
        runner = Runner(open_pipeline(pipeline, sets, told))
        report = planning.plan(runner, tuple(table), tuple(file), rejected=rejected)
    reports.plan(report, json=json)
    raise typer.Exit(1 if report.failed else 2 if report.changes else 0)


def rebuild(
    pipeline: PipelineFile,
    table: TableName,
    dry_run: DryRun = False,
    drop_missing: Annotated[
        bool,
        typer.Option("--drop-missing", help="Lose the rows of files that the source has no more."),
    ] = False,
    sets: Set = [],
    json: Json = False,
) -> None:
    """Infer a table's schema anew and load it anew.

    The way out of a wrong type. Looks at all of the table's files that are still in the source, and
    swaps schema and rows in one commit.

    \b
    Example: lakefall rebuild pipelines/local.yaml orders --dry-run
    """
    from lakefall.cli import reports
    from lakefall.cli.output import listener
    from lakefall.cli.parameters import open_pipeline
    from lakefall.run import planning
    from lakefall.run.runner import Runner

    with listener() as told:
        runner = Runner(open_pipeline(pipeline, sets, told))
        report = planning.rebuild(runner, table, dry_run=dry_run, drop_missing=drop_missing)
    reports.rebuild(report, json=json)
    raise typer.Exit(1 if report.failed else 0)
