"""Second chances: what was rejected is tried again under options that have changed since."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from lakefall.contract.run import Run
from lakefall.contract.values import Outcome, SourceFile, Status
from lakefall.run.report import Chance, RetryReport, RunReport
from lakefall.run.runner import Runner


@dataclass(frozen=True, slots=True)
class Rejected:
    """What is rejected of the version of a file that is in its table."""

    key: str
    table: str
    etag: str
    rows: int = 0
    """Whole records."""
    cells: int = 0
    """Cells that became NULL."""


def rejected(
    run: Run, tables: Collection[str] = (), keys: Collection[str] = ()
) -> dict[str, Rejected]:
    """Every file that has rejects, by key; of these tables and keys where some are given."""
    found: dict[str, Rejected] = {}
    one_table, one_key = _only(tables), _only(keys)
    for each in run.pipeline.stored_rejects(run, one_table, one_key):
        if (tables and each.table not in tables) or (keys and each.key not in keys):
            continue
        known = found.get(each.key) or Rejected(each.key, each.table, each.etag)
        found[each.key] = replace(
            known, rows=known.rows + (not each.column), cells=known.cells + bool(each.column)
        )
    return found


def retry(runner: Runner, tables: Collection[str] = (), keys: Collection[str] = ()) -> RetryReport:
    """Load every file again that has rejects, and compare.

    A file that changed since is left to the next run, whose rejects are then another version's.
    Should this be interrupted, the next run takes the files up.

    Raises:
        LakefallError: the source, the registry or the catalog as a whole failed.
    """
    with runner.start() as run:
        before = rejected(run, tables, keys)
        there, left = still_there(runner, run, before)
        keys = sorted(f.key for f in there)
        if keys:
            run.pipeline.release(run, keys)
    if not keys:
        return RetryReport(RunReport("", (), (), runner.warnings, 0.0), (), left)
    report = runner.run(keys=keys)
    chances = tuple(
        chance(before[o.file.key], o)
        for o in report.outcomes
        if o.file.key in keys and o.status is Status.SUCCESS
    )
    return RetryReport(report, chances, left)


def still_there(
    runner: Runner, run: Run, found: Mapping[str, Rejected]
) -> tuple[list[SourceFile], tuple[str, ...]]:
    """The files of which the source has the same version; and sentences about the others."""
    files: dict[str, SourceFile] = {}
    if found:
        files = {f.key: f for f in runner.list_files(run) if f.key in found}
    left: list[str] = []
    for key in sorted(found):
        if key not in files:
            left.append(f"{key}: gone from the source; its rejects stay")
        elif files[key].etag != found[key].etag:
            left.append(f"{key}: changed in the source; the next run loads it")
    return [f for f in files.values() if f.etag == found[f.key].etag], tuple(left)


def chance(before: Rejected, now: Outcome) -> Chance:
    """A file's rejects before and after it was loaded again, or would be."""
    return Chance(
        before.key,
        rows_before=before.rows,
        rows_left=now.rows_rejected,
        cells_before=before.cells,
        cells_left=now.cells_nulled,
    )


def _only(names: Collection[str]) -> str:
    return next(iter(names)) if len(names) == 1 else ""
