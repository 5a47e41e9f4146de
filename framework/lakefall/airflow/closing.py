"""Summing up a run for an operator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from lakefall.airflow.step_values import Closing, Result
from lakefall.contract.errors import SinkError
from lakefall.contract.values import SourceFile, Status

MOST = 20
"""Files, and warnings, that the summary names."""
SHORT = 300
"""Characters of each."""


def silence(file: SourceFile) -> SinkError:
    """A task that ended without a word."""
    return SinkError(
        f"{file.key}: a worker ended without a word while it worked on this file; it was killed, "
        "ran out of memory, or took longer than `schedule.execution_timeout`. The next run tries "
        "again"
    )


def summed(results: Sequence[Result], warnings: Sequence[str]) -> Closing:
    """One run in numbers."""
    outcomes = [r.outcome for r in results]
    tables: Counter[str] = Counter()
    for outcome in outcomes:
        if outcome.status is Status.SUCCESS:
            tables[outcome.file.table] += outcome.rows_loaded
    missed = {o.file.key: n for o in outcomes if (n := o.rows_rejected + o.cells_nulled)}
    worst = sorted(missed, key=lambda key: -missed[key])[:MOST]
    failed = [r for r in results if r.outcome.status is Status.FAILED]
    blamed = [r.outcome for r in failed if not r.gone]
    return Closing(
        counts=dict(Counter(o.status.value for o in outcomes)),
        rows_loaded=sum(o.rows_loaded for o in outcomes),
        rows_rejected=sum(o.rows_rejected for o in outcomes),
        cells_nulled=sum(o.cells_nulled for o in outcomes),
        tables=dict(sorted(tables.items())),
        failed={o.file.key: o.error[:SHORT] for o in blamed[:MOST]},
        gone=tuple(r.outcome.file.key for r in failed if r.gone),
        rejects={key: missed[key] for key in worst},
        warnings=tuple(w[:SHORT] for w in dict.fromkeys(warnings))[:MOST],
    )
