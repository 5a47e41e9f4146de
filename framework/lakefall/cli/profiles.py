"""The report of ``run --profile``."""

from __future__ import annotations

from lakefall.cli.output import emit, table
from lakefall.run.profile import StepTime
from lakefall.run.report import RunReport


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
