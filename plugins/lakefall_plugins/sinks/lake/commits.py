"""What the loads of all sinks share: attempts until a commit is done, and each file's outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NoReturn, TypeVar

from lakefall.common.waiting import Backoff, retry
from lakefall.contract.errors import CommitConflictError
from lakefall.contract.values import Change, Loaded, Outcome, Status

if TYPE_CHECKING:
    from lakefall.contract.values import Converted, TablePlan
    from lakefall_plugins.sinks.lake.versions import Version

T = TypeVar("T")


def until_committed(
    attempt: Callable[[], T], again: Callable[[Exception], bool], backoff: Backoff, subject: str
) -> T:
    """What ``attempt`` returns, made anew while ``again`` says so of what it raised.

    Raises:
        CommitConflictError: other writers kept winning until the time was up.
    """

    def give_up(error: Exception) -> NoReturn:
        raise CommitConflictError(
            f"{subject}: other writers kept winning for {backoff.timeout:g} seconds "
            f"({error}); the next run tries again"
        ) from error

    return retry(attempt, again, backoff, give_up)


def not_superseded(
    plan: TablePlan,
    files: Sequence[Converted],
    versions: Mapping[str, Sequence[Version]],
    listed: datetime,
) -> tuple[Converted, ...]:
    """The files of which no newer version was committed since they were ``listed``.

    Raises:
        CommitConflictError: one was, and the plan replaces all rows of the table.
    """
    current = tuple(
        f
        for f in files
        if not any(v.supersedes(f.file, listed) for v in versions.get(f.file.key, ()))
    )
    if plan.repair and len(current) < len(files):
        raise CommitConflictError(
            f"table {plan.table!r} got a newer version of a file meanwhile; the next run tries "
            "again"
        )
    return current


def loaded(
    plan: TablePlan,
    files: Iterable[Converted],
    current: Iterable[Converted],
    removed: Mapping[str, int],
    snapshot: str,
    *,
    created: bool,
    added: tuple[str, ...],
    changed: bool,
) -> Loaded:
    """What a load answers. ``current`` of its ``files`` were committed, the others superseded.

    ``removed``: rows that went, by key; ``added``: columns; ``changed``: whether anything was.
    """
    done = {f.file.key for f in current}

    def outcome(converted: Converted) -> Outcome:
        committed = converted.file.key in done
        return Outcome(
            converted.file,
            Status.SUCCESS if committed else Status.SUPERSEDED,
            rows_read=converted.rows_read,
            rows_loaded=converted.rows_loaded if committed else 0,
            rows_rejected=converted.rows_rejected,
            skipped=converted.skipped,
            cells_nulled=converted.cells_nulled,
            rows_deleted=removed.get(converted.file.key, 0) if committed else 0,
            columns_added=added if committed else (),
            error="" if committed else "a newer version of the file was loaded by another run",
            warnings=converted.warnings,
        )

    changed_types = (Change.WIDEN, Change.REPAIR)
    widened = tuple(c.name for c in plan.columns if c.change in changed_types)
    return Loaded(
        plan.table,
        created=created,
        columns_added=added,
        columns_widened=widened if changed else (),
        snapshot=snapshot,
        outcomes=tuple(map(outcome, files)),
    )
