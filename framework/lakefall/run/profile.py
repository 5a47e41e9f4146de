"""Where a run's time goes: seconds by step, each step without those inside it."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from lakefall.contract.plugin import hookimpl
from lakefall.contract.values import Event

NAMES = {"discover": "scan", "pending": "compare", "open": "prove"}
"""What people call a step, where that is not its hook's name."""


@dataclass(frozen=True, slots=True)
class StepTime:
    """One kind of step in one run."""

    name: str
    calls: int
    seconds: float
    """Without steps inside it. Fetching ahead counts as the time that somebody waited for it; a
    load that goes on behind the next table's conversion counts in full, so that the steps of a run
    may add up to more than the run took."""
    bytes: int
    """Of the files that it went over; 0 where it did not say."""


@dataclass(slots=True)
class _Open:
    name: str
    inner: float = 0.0
    """Seconds of the steps inside."""


class Profile:
    """Listener: adds up the steps."""

    def __init__(self) -> None:
        self._open: dict[int, list[_Open]] = {}
        self._times: dict[str, StepTime] = {}
        self._lock = threading.Lock()

    def clear(self) -> None:
        """Forget the steps so far; none is under way."""
        self._open.clear()
        self._times.clear()

    @property
    def steps(self) -> tuple[StepTime, ...]:
        """In the order in which they were first done."""
        return tuple(self._times.values())

    @hookimpl
    def event(self, event: Event) -> None:
        step, _, moment = event.name.rpartition(".")
        if moment == "started":
            name = NAMES.get(step, step)
            self._times.setdefault(name, StepTime(name, 0, 0.0, 0))
            self._stack.append(_Open(step))
        elif moment == "finished":
            self._end(step, event)

    @property
    def _stack(self) -> list[_Open]:
        return self._open.setdefault(threading.get_ident(), [])

    def _end(self, step: str, event: Event) -> None:
        stack = self._stack
        # What failed inside is never told to be finished.
        while stack and stack[-1].name != step:
            stack.pop()
        if not stack:
            return
        ended = stack.pop()
        seconds = float(event.detail.get("seconds", 0.0))
        if stack:
            stack[-1].inner += seconds
        name = NAMES.get(step, step)
        with self._lock:
            known = self._times[name]
            self._times[name] = StepTime(
                name,
                known.calls + 1,
                known.seconds + max(0.0, seconds - ended.inner),
                known.bytes + int(event.detail.get("bytes", 0)),
            )
