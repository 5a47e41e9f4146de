"""The reports of commands, as JSON lines and as tables."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from lakefall.cli.output import emit, say, table
from lakefall.contract.values import (
    Change,
    Check,
    Column,
    Maintained,
    Outcome,
    PlannedColumn,
    Repaired,
    Schema,
    Skipped,
    Status,
)
from lakefall.run import outcomes
from lakefall.run.outcomes import with_key
from lakefall.run.profile import StepTime
from lakefall.run.report import (
    Chance,
    FilePlan,
    PlanReport,
    RebuildReport,
    RetryReport,
    RunReport,
)

MOST_UNCHANGED = 50
"""Unchanged files up to which each has a line in a table."""
_SIZES = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3))

# --- run ---


def run(report: RunReport, *, json: bool) -> None:
    """What became of every file."""
    if json:
        for outcome in report.outcomes:
            emit(outcome_object(outcome))
    else:
        worth = _worth_listing(report.outcomes)
        if worth:
            _show_outcomes(worth)
        if left := len(report.outcomes) - len(worth):
            say(f"{left:,} unchanged files are not listed; --json lists them")
    for outcome in report.outcomes:
        if outcome.error:
            say(f"{outcome.status}: {with_key(outcome.file.key, outcome.error)}")
    if not json:
        say(_summary(report))
    _say_unread(report.unread)


def retry(report: RetryReport, *, json: bool) -> None:
    """What became of every file that was loaded again, and of its rejects."""
    outcomes = report.run.outcomes
    if json:
        for outcome in outcomes:
            chance = report.chance(outcome.file.key)
            emit({**outcome_object(outcome), **(chance_object(chance) if chance else {})})
    elif outcomes:
        _show_outcomes(outcomes)
        _show_chances(report.chances)
    for outcome in outcomes:
        if outcome.error:
            say(f"{outcome.status}: {with_key(outcome.file.key, outcome.error)}")
    for sentence in report.left:
        say(sentence)
    if not json:
        say(_summary(report.run) if outcomes else "nothing to load again: no file with rejects")
    if report.chances:
        say(_won(report.chances, "won"))


def chance_object(chance: Chance) -> dict[str, int]:
    """What ``--rejected`` adds to a line of JSON."""
    return {
        "rows_won": chance.rows_won,
        "rows_left": chance.rows_left,
        "cells_won": chance.cells_won,
        "cells_left": chance.cells_left,
    }


def _show_chances(chances: Sequence[Chance]) -> None:
    heads = ["file", "records won", "still rejected", "values won", "still NULL"]
    rows = [[c.key, c.rows_won, c.rows_left, c.cells_won, c.cells_left] for c in chances]
    table(heads, rows, right=",".join(heads[1:]))


def _won(chances: Sequence[Chance], verb: str) -> str:
    files = sum(c.changes for c in chances)
    return (
        f"{verb} {sum(c.rows_won for c in chances):,} records and "
        f"{sum(c.cells_won for c in chances):,} values in {files} of {len(chances)} files; "
        f"{sum(c.rows_left for c in chances):,} records and "
        f"{sum(c.cells_left for c in chances):,} values stay rejected"
    )


def outcome_object(outcome: Outcome) -> dict[str, Any]:
    """One line of ``run --json``; names and order are a contract."""
    return {
        "key": outcome.file.key,
        "table": outcome.file.table,
        "status": outcome.status.value,
        "rows_read": outcome.rows_read,
        "rows_loaded": outcome.rows_loaded,
        "rows_rejected": outcome.rows_rejected,
        "lines_skipped": outcome.lines_skipped,
        "lines_skipped_by_rule": by_rule(outcome.skipped),
        "cells_nulled": outcome.cells_nulled,
        "rows_deleted": outcome.rows_deleted,
        "columns_added": list(outcome.columns_added),
        "seconds": round(outcome.seconds, 3),
        "error": outcome.error,
    }


def _worth_listing(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """All of them, or those that did not stay as they were where very many did."""
    changed = [o for o in outcomes if o.status is not Status.UNCHANGED]
    return changed if len(outcomes) - len(changed) > MOST_UNCHANGED else list(outcomes)


def _show_outcomes(outcomes: Sequence[Outcome]) -> None:
    """A table without the columns in which nothing would stand."""
    columns: dict[str, list[object]] = {
        "file": [o.file.key for o in outcomes],
        "table": [o.file.table for o in outcomes],
        "status": [o.status.value for o in outcomes],
        "read": [o.rows_read for o in outcomes],
        "loaded": [o.rows_loaded for o in outcomes],
        "rejected": [o.rows_rejected for o in outcomes],
        "skipped": [o.lines_skipped for o in outcomes],
        "nulled": [o.cells_nulled for o in outcomes],
        "replaced": [o.rows_deleted if o.status is not Status.DELETED else 0 for o in outcomes],
        "deleted": [o.rows_deleted if o.status is Status.DELETED else 0 for o in outcomes],
        "new columns": [_shortened(o.columns_added) for o in outcomes],
        "s": [f"{o.seconds:.2f}" for o in outcomes],
    }
    kept = {
        head: cells
        for head, cells in columns.items()
        if any(cells) or head in ("file", "table", "status", "loaded")
    }
    table(
        list(kept),
        list(zip(*kept.values(), strict=True)),
        right="read,loaded,rejected,skipped,nulled,replaced,deleted,s",
        whole="status",
    )


def _shortened(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _summary(report: RunReport) -> str:
    counts = [f"{n} {status.value}" for status in Status if (n := report.count(status))]
    loaded = sum(o.rows_loaded for o in report.outcomes)
    if report.interrupted:
        lead = "interrupted: what succeeded is committed, the next run does the rest; "
    elif report.dry_run:
        lead = "dry run, nothing was written: "
    else:
        lead = ""
    if not any(o.status is not Status.UNCHANGED for o in report.outcomes):
        lead += "nothing to do: "
    told = ", ".join(counts) or "no files"
    return f"{lead}{told}; {loaded:,} rows in {report.seconds:.1f} s"


def profile(report: RunReport, *, json: bool) -> None:
    """Where the time of a run went."""
    other = max(0.0, report.seconds - sum(s.seconds for s in report.steps))
    steps = [*report.steps, StepTime("other", 1, other, 0)]
    if json:
        found = [
            {"step": s.name, "calls": s.calls, "seconds": round(s.seconds, 3), "bytes": s.bytes}
            for s in steps
        ]
        emit({"profile": found, "seconds": round(report.seconds, 3)})
        return
    whole = report.seconds or 1e-9
    table(
        ["step", "calls", "seconds", "share", "MB/s"],
        [
            (s.name, s.calls, f"{s.seconds:.3f}", f"{s.seconds / whole:.0%}", _speed(s))
            for s in steps
        ],
        right="calls,seconds,share,MB/s",
    )


def _speed(step: StepTime) -> str:
    return f"{step.bytes / step.seconds / 1e6:.0f}" if step.bytes and step.seconds else ""


# --- plan ---


def plan(report: PlanReport, *, json: bool) -> None:
    """What a run would do with every file."""
    for file in report.files:
        if json:
            emit(plan_object(file))
        else:
            _show_plan(file)
    for file in report.files:
        if file.error:
            say(f"would fail: {file.decision.file.key}: {file.error}")
    chances = [file.chance for file in report.files if file.chance]
    if chances:
        say(_won(chances, "would win"))
    if not json:
        pending = sum(f.decision.pending for f in report.files)
        failing = sum(bool(f.error) for f in report.files)
        gone = sum(f.gone for f in report.files)
        told = [f"{pending} files to load, {failing} of them would fail"] if pending else []
        told += [f"rows of {gone} files to delete"] if gone else []
        idle = f"nothing to do: {len(report.files)} files unchanged or skipped"
        say("; ".join(told) or idle)
    _say_unread(report.unread)


def plan_object(plan: FilePlan) -> dict[str, Any]:
    """One line of ``plan --json``."""
    target = plan.table_plan
    return {
        "key": plan.decision.file.key,
        "table": plan.decision.file.table,
        "pending": plan.decision.pending,
        "reason": plan.decision.reason,
        "dialect": plan.format.fields() if plan.format else None,
        "columns": columns_list(plan.schema) if plan.schema else [],
        "created": target.created if target else False,
        "changes": [_change_object(c) for c in _changes(plan)],
        "notes": list(target.notes) if target else [],
        "rows_read": plan.records.rows_read if plan.records else 0,
        "rows_rejected": plan.records.rows_rejected if plan.records else 0,
        "lines_skipped": plan.records.lines_skipped if plan.records else 0,
        "lines_skipped_by_rule": by_rule(plan.records.skipped if plan.records else ()),
        "rows_replaced": plan.rows_replaced,
        "error": plan.error,
        **(chance_object(plan.chance) if plan.chance else {}),
    }


def _changes(plan: FilePlan) -> list[PlannedColumn]:
    """What a load would change in a table that exists."""
    target = plan.table_plan
    columns = target.columns if target and not target.created else ()
    return [c for c in columns if c.change is not Change.KEEP]


def _change_object(column: PlannedColumn) -> dict[str, str]:
    return {
        "name": column.name,
        "change": column.change.value,
        "type": column.type,
        "from_type": column.from_type,
    }


def _show_plan(plan: FilePlan) -> None:
    file = plan.decision.file
    if not plan.decision.pending:
        say(f"{file.key}: {plan.decision.reason}")
        return
    told = [f"{file.key} -> {file.table or '(no table)'}: {plan.decision.reason}"]
    if plan.format:
        told.append(f"  {plan.format.reader}: {plan.format.describe()}")
    if plan.records:
        r = plan.records
        told.append(
            f"  records: {r.rows_read:,}, of which {r.rows_rejected:,} rejected; replaces "
            f"{plan.rows_replaced:,} rows"
        )
    if plan.chance:
        told.append(
            f"  would win {plan.chance.rows_won:,} records and {plan.chance.cells_won:,} values; "
            f"{plan.chance.rows_left:,} and {plan.chance.cells_left:,} would stay rejected"
        )
    if plan.table_plan:
        created = plan.table_plan.created
        told.append("  table: would be created" if created else "  table: exists")
        told += [f"  note: {note}" for note in plan.table_plan.notes]
    lines(told)
    if plan.schema:
        changed = {c.name: c for c in _changes(plan)}
        table(
            ["column", "in the file", "type", "change", "evidence"],
            [
                [c.name, c.source_name, c.type, _change_words(changed.get(c.name)), _evidence(c)]
                for c in plan.schema.columns
            ],
        )


def _change_words(column: PlannedColumn | None) -> str:
    if column is None:
        return ""
    if column.change is Change.ADD:
        return "added"
    if column.change is Change.WIDEN:
        return f"widened from {column.from_type} to {column.type}"
    if column.change is Change.REPAIR:
        return f"repaired: becomes {column.from_type}, it was {column.type}"
    return f"conflict: the table has {column.type}, the file {column.from_type}"


# --- rebuild ---


def rebuild(report: RebuildReport, *, json: bool) -> None:
    """What a rebuild did, or would do."""
    before = dict(report.before)
    if json:
        emit(
            {
                "table": report.table,
                "dry_run": report.dry_run,
                "before": [{"name": n, "type": t} for n, t in report.before],
                "after": [{"name": n, "type": t} for n, t in report.after],
                "files": [outcome_object(o) for o in report.outcomes],
                "missing": list(report.missing),
            }
        )
        return
    evidence = {c.name: _evidence(c) for c in report.schema.columns}
    names = dict.fromkeys([*before, *dict(report.after)])
    after = dict(report.after)
    table(
        ["column", "before", "after", "evidence"],
        [[n, before.get(n, "-"), after.get(n, "-"), evidence.get(n, "")] for n in names],
        title=report.table,
    )
    for key in report.missing:
        say(f"{key}: gone from the source; its rows are lost in a rebuild")
    for outcome in report.outcomes:
        if outcome.error:
            say(f"{outcome.status}: {with_key(outcome.file.key, outcome.error)}")
    rows = sum(o.rows_loaded for o in report.outcomes)
    say(
        "dry run: nothing was written"
        if report.dry_run
        else f"rebuilt {report.table} from {len(report.outcomes)} files, {rows:,} rows"
    )


# --- maintain ---


def maintain(done: Sequence[Maintained], *, dry_run: bool, json: bool) -> None:
    """What maintenance did to every table, or would do; its lines of JSON are printed before."""
    if not json:
        _show_maintained(done)
    _tell_maintained(done, dry_run=dry_run, json=json)


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


def repaired(done: Repaired, *, dry_run: bool, json: bool) -> None:
    """What was wrong with a table, and what was done."""
    if json:
        emit(dataclasses.asdict(done))
        return
    for path in done.lost:
        say(f"lost: {path}")
    for key in done.keys:
        say(f"the next run loads again: {key}")
    if done.metadata:
        say(f"went back to {done.metadata}")
    if done.dropped:
        say("left the catalog; its files stay")
    words = (
        f"{len(done.lost):,} files lost, with {done.rows:,} rows; {len(done.keys):,} files again"
    )
    say(f"{'dry run, nothing was written: ' if dry_run else ''}{done.table}: {words}")


def _show_maintained(done: Sequence[Maintained]) -> None:
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


def _tell_maintained(done: Sequence[Maintained], *, dry_run: bool, json: bool) -> None:
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


# --- check ---


def check_object(check: Check) -> dict[str, Any]:
    """One line of ``check --json``."""
    return {
        "subject": check.subject,
        "ok": check.ok,
        "message": check.message,
        "version": check.version,
        "seconds": round(check.seconds, 3),
    }


# --- parts ---


def _say_unread(counts: Mapping[str, int]) -> None:
    if counts:
        say(outcomes.unread_sentence(counts))


def by_rule(skipped: Sequence[Skipped]) -> dict[str, int]:
    """Lines that each rule left out; its sum is ``lines_skipped``."""
    lines: Counter[str] = Counter()
    for each in skipped:
        lines[each.rule] += each.lines
    return dict(lines)


def columns_list(schema: Schema) -> list[dict[str, Any]]:
    """The columns of ``infer --json`` and ``plan --json``; names and order are a contract."""
    return [
        {
            "name": c.name,
            "source_name": c.source_name,
            "type": c.type,
            "nullable": c.nullable,
            "evidence": list(c.evidence),
        }
        for c in schema.columns
    ]


def columns_table(schema: Schema, title: str) -> None:
    table(
        ["column", "in the file", "type", "nullable", "evidence"],
        [[c.name, c.source_name, c.type, c.nullable, _evidence(c)] for c in schema.columns],
        title=title,
    )


def _evidence(column: Column) -> str:
    return "; ".join(column.evidence)


def lines(told: list[str]) -> None:
    from rich.text import Text

    from lakefall.cli.output import console
    from lakefall.common.printable import visible

    out = console()
    for line in told:
        out.print(Text(visible(line)), soft_wrap=True)
