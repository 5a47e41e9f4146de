"""What a run would do, without doing it; and the way out of a wrong type."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping

from lakefall.contract.errors import LakefallError, TableError, as_foreseen
from lakefall.contract.run import Run
from lakefall.contract.values import Decision, Records, Schema, SourceFile, Status, TablePlan
from lakefall.run import deletion, outcomes, repair
from lakefall.run.report import FilePlan, PlanReport, RebuildReport
from lakefall.run.retry_rejected import Rejected, chance, still_there
from lakefall.run.retry_rejected import rejected as find_rejected
from lakefall.run.runner import Runner, batches
from lakefall.run.table_load import LoadResult, TableLoad

NO_FILE = "(rows of no file)"
"""Stands for rows that somebody else wrote."""


def plan(
    runner: Runner,
    tables: tuple[str, ...] = (),
    keys: tuple[str, ...] = (),
    *,
    rejected: bool = False,
) -> PlanReport:
    """Dialect, types, schema change and replaced rows of every file that a run would load.

    ``rejected`` plans for ``retry --rejected`` instead: the files that have rejects, and what of
    them would be won, for which they are converted.
    """
    with runner.start(dry_run=True) as run:
        before = find_rejected(run, tables, keys) if rejected else {}
        if rejected:
            decisions = _second_chances(runner, run, before)
        else:
            found = runner.decide(run, tables=tables, keys=keys)
            decisions = {d.file.key: d for d in found}
        replaced = {e.key: e.row_count for e in runner.pipeline.history(run) if e.row_count}
        plans: dict[str, FilePlan] = {
            key: FilePlan(d) for key, d in decisions.items() if not d.pending
        }
        for batch in batches(run, [d.file for d in decisions.values() if d.pending]):
            for file_plan in _plan_batch(batch, decisions, before):
                key = file_plan.decision.file.key
                plans[key] = dataclasses.replace(file_plan, rows_replaced=replaced.get(key, 0))
        missing = [] if tables or keys or rejected else deletion.find(run, decisions.keys())
        gone = [
            FilePlan(
                Decision(file, pending=False, reason=deletion.would_go(rows)),
                rows_replaced=rows,
                gone=True,
            )
            for group in missing
            for file, rows in group.files()
        ]
        files = (*(plans[key] for key in decisions), *gone)
        return PlanReport(files, runner.warnings, {} if rejected else runner.unread)


def _second_chances(
    runner: Runner, run: Run, before: Mapping[str, Rejected]
) -> dict[str, Decision]:
    """To load those files again that have rejects and are still the same; warns of the others."""
    files, left = still_there(runner, run, before)
    for sentence in left:
        run.warn(sentence)
    return {
        d.file.key: dataclasses.replace(d, reason=_reason(before[d.file.key])) if d.pending else d
        for d in (runner.judge(run, files, force=True) if files else ())
    }


def _reason(rejected: Rejected) -> str:
    return f"{rejected.rows:,} records rejected and {rejected.cells:,} values NULL"


def _plan_batch(
    batch: TableLoad, decisions: dict[str, Decision], before: Mapping[str, Rejected]
) -> list[FilePlan]:
    try:
        records, failed = batch.open()
        plans = [FilePlan(decisions[o.file.key], error=o.error) for o in failed]
        return [*plans, *_plan_records(batch, records, decisions, before)]
    finally:
        shutil.rmtree(batch.run.workdir, ignore_errors=True)


def _plan_records(
    batch: TableLoad,
    records: list[Records],
    decisions: dict[str, Decision],
    before: Mapping[str, Rejected],
) -> list[FilePlan]:
    """The joint plan; where one file spoils that, each alone, as a run does."""
    if not records:
        return []
    try:
        schema, table_plan = batch.foresee(records)
    except Exception as error:  # noqa: BLE001 -- told as the plan of these files
        if len(records) > 1:
            return [p for r in records for p in _plan_records(batch, [r], decisions, before)]
        decision = decisions[records[0].local.file.key]
        return [FilePlan(decision, records[0].format, records[0], error=str(as_foreseen(error)))]
    plans = [
        FilePlan(decisions[r.local.file.key], r.format, r, schema, table_plan) for r in records
    ]
    return _with_chances(batch, plans, before) if before else plans


def _with_chances(
    batch: TableLoad, plans: list[FilePlan], before: Mapping[str, Rejected]
) -> list[FilePlan]:
    tried = {}
    if plans[0].table_plan:
        records = [p.records for p in plans if p.records]
        schema = plans[0].schema or Schema(())
        tried = {o.file.key: o for o in batch.trial(records, plans[0].table_plan, schema)}
    found = []
    for each in plans:
        key = each.decision.file.key
        outcome = tried[key]
        if outcome.status is Status.FAILED:
            found.append(dataclasses.replace(each, error=outcome.error))
        else:
            found.append(dataclasses.replace(each, chance=chance(before[key], outcome)))
    return found


def rebuild(
    runner: Runner, table: str, *, dry_run: bool = False, drop_missing: bool = False
) -> RebuildReport:
    """Infer over all of the table's files that the source has; swap schema and rows at once.

    Raises:
        TableError: the table does not exist; rows would be lost because their file is gone and
            ``drop_missing`` is not set; or a file cannot be read.
        UsageError: no file of the source feeds the table.
    """
    with runner.start(dry_run=dry_run) as run:
        files = runner.list_files(run, tables=(table,))
        batch = TableLoad(run, table, _without_duplicates(run, files))
        state = batch.state()
        if state is None:
            raise TableError(f"table {table!r} does not exist; `lakefall run` creates it")
        missing = _missing(batch.run, table, files)
        if missing and not (dry_run or drop_missing):
            raise TableError(
                f"{len(missing)} files with rows in {table!r} are gone from the source, first "
                f"{missing[0]!r}; bring them back, or pass --drop-missing to lose their rows"
            )
        schema, table_plan, done = _swap(runner, batch, dry_run=dry_run)
        return RebuildReport(
            table,
            before=tuple((c.name, c.type) for c in state.columns),
            after=tuple((c.name, c.type) for c in table_plan.columns),
            schema=schema,
            outcomes=done.outcomes,
            missing=missing,
            dry_run=dry_run,
            registered=done.registered,
        )


def _without_duplicates(run: Run, files: list[SourceFile]) -> list[SourceFile]:
    """The files that a run would load, where ``on_duplicate_content`` leaves some out."""
    wanted = [Decision(f, pending=True, reason="rebuild") for f in files]
    found = outcomes.find_copies(run, wanted, (), rebuild=True)
    kept = []
    for decision in outcomes.judge_copies(run, wanted, found):
        if decision.pending and not decision.file.problem:
            kept.append(decision.file)
        else:
            file = decision.file
            run.warn(file.problem or f"left out: {decision.reason}", key=file.key, table=file.table)
    return kept


def _missing(run: Run, table: str, files: list[SourceFile]) -> tuple[str, ...]:
    """The files that the table has rows of and the source has no more."""
    keys = {NO_FILE if key is None else str(key) for key in repair.keys_in(run, table)}
    return tuple(sorted(keys - {f.key for f in files}))


def _swap(
    runner: Runner, batch: TableLoad, *, dry_run: bool
) -> tuple[Schema, TablePlan, LoadResult]:
    records, failed = batch.open()
    if failed:
        raise LakefallError(
            f"{failed[0].file.key}: {failed[0].error}\n{len(failed)} of the table's "
            f"{len(batch.files)} files cannot be read; nothing was changed"
        )
    schema, table_plan = batch.plan(records, None, rebuild=True)
    if dry_run:
        return schema, table_plan, LoadResult(())
    done = batch.commit_rebuild(records, table_plan, schema)
    runner.record(batch.run, done.outcomes)
    return schema, table_plan, done
