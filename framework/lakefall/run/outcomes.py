"""What became of a file, as it is told and recorded."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from lakefall.contract.errors import LakefallError
from lakefall.contract.values import Converted, Outcome, Records, Registered, SourceFile, Status

if TYPE_CHECKING:
    from lakefall.contract.run import Run


DRY_RUN = "dry run: nothing was written"


def failed(file: SourceFile, error: LakefallError, records: Records | None = None) -> Outcome:
    """Nothing of the file was loaded; ``records`` is what was read of it, if anything."""
    outcome = Outcome(file, Status.FAILED, error=str(error), retryable=error.retryable)
    if records is None:
        return outcome
    return dataclasses.replace(
        outcome,
        rows_read=records.rows_read,
        rows_rejected=records.rows_rejected,
        skipped=records.skipped,
    )


def dry(converted: Converted) -> Outcome:
    """What loading the file would give."""
    return Outcome(
        converted.file,
        Status.SKIPPED,
        rows_read=converted.rows_read,
        rows_rejected=converted.rows_rejected,
        skipped=converted.skipped,
        cells_nulled=converted.cells_nulled,
        error=DRY_RUN,
    )


def warn_of(run: Run, answers: Iterable[Registered]) -> None:
    """Tell what registrars could not do; what they found wrong is told as the files' outcome."""
    for answer in answers:
        if not answer.ok and not answer.wrong:
            run.warn(f"{answer.registrar}: {answer.message}", table=answer.table)


def judged(outcomes: Sequence[Outcome], answers: Iterable[Registered]) -> tuple[Outcome, ...]:
    """The outcomes after what registrars found wrong; the numbers stay those of the commit."""
    reasons: dict[str, list[str]] = {}
    for answer in answers:
        for wrong in answer.wrong:
            reasons.setdefault(wrong.key, []).append(f"{answer.registrar}: {wrong.reason}")
    return tuple(
        dataclasses.replace(o, status=Status.FAILED, error="; ".join(found), retryable=True)
        if o.status is Status.SUCCESS and (found := reasons.get(o.file.key))
        else o
        for o in outcomes
    )


def with_key(key: str, reason: str) -> str:
    """A reason that names its file, once."""
    return reason if reason.startswith(f"{key}:") else f"{key}: {reason}"
