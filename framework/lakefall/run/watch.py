"""A watcher: one run after another, over what notifiers tell and, now and then, over everything.

A hint decides only when a file is looked at. What is loaded is decided as in every run: by what the
source has under the key and what the registry knows. So a hint that is lost costs the time until
the next listing, and one that is wrong costs a request.
"""

from __future__ import annotations

import math
import queue
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lakefall.common import interrupts
from lakefall.contract.errors import as_foreseen
from lakefall.contract.hints import MOST, Hint, Hints, Waiting
from lakefall.contract.run import Run
from lakefall.contract.values import Outcome, Status
from lakefall.plugin_loading.pipeline import Pipeline
from lakefall.run.report import RunReport
from lakefall.run.runner import LARGE, LEFT_OVER, Runner

_LOOK = 0.5
"""Seconds after which a signal is seen that did not wake the thread."""
_FIRST, _LONGEST = 1.0, 300.0
"""Seconds before a file is looked at again: doubled each time."""
_LONGEST_OUTAGE = 60.0
"""Seconds before a whole run is tried again."""
_ABSENT_TRIES = 4
"""Looks at a key under which nothing is: an event may come before the file is to be seen, or while
it is written. Together 15 s."""
_WELCOME = 3.0
"""Seconds that the first listing waits for notifiers to begin; later ones have it repeated."""
_FAREWELL = 2.0
"""Seconds that notifiers have to end."""


@dataclass(frozen=True, slots=True)
class Later:
    """When a file is looked at again."""

    due: float
    """By the monotonic clock; infinite once it waits among the hints."""
    tries: int = 1


class Beside:
    """Loads large tables on a thread of its own, with plugins of its own, one run at a time."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._runner = Runner(pipeline)
        self._hints = Hints()
        self._done: queue.SimpleQueue[tuple[Waiting, RunReport | Exception]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def take(self, waiting: Waiting) -> None:
        """Load these as soon as those before them are."""
        if waiting:
            self._hints.put_back(waiting)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()

    def done(self) -> Iterator[tuple[Waiting, RunReport | Exception]]:
        """What has ended since the last call."""
        while not self._done.empty():
            yield self._done.get()

    def end(self, seconds: float) -> None:
        """Begin no further run, and wait for this one so long: it cannot be interrupted. What it
        leaves where the process ends then is what `kill -9` leaves."""
        self._hints.stopped.set()
        if self._thread is not None:
            self._thread.join(seconds)

    @property
    def busy(self) -> bool:
        """Whether a run is under way that nobody waits for any more."""
        return self._thread is not None and self._thread.is_alive()

    def _work(self) -> None:
        while not self._hints.stopped.is_set():
            if not self._hints.wait(_LOOK):
                continue
            taken = self._hints.take(MOST)
            self._runner.forget()
            try:
                self._done.put((taken, self._runner.run(hints=list(taken))))
            except Exception as error:  # noqa: BLE001 -- the watcher tells and tries again
                self._done.put((taken, error))


class Watcher:
    """Loads what arrives until it is stopped; ``tell`` hears of every run."""

    def __init__(self, pipeline: Pipeline, tell: Callable[[RunReport], None]) -> None:
        self._runner = Runner(pipeline)
        self._settings = pipeline.config.watch
        self._tell = tell
        self._hints = Hints()
        self._beside = Beside(pipeline)
        self._later: dict[Hint, Later] = {}
        self._next_listing = 0.0
        self._outages = 0
        self._not_before = 0.0
        self._listed_at: datetime | None = None
        self._error = ""
        self._notifiers: dict[str, str] = {}
        self._loaded = self._failed = 0

    @property
    def failed(self) -> bool:
        """Whether a file or a whole run failed."""
        return bool(self._failed or self._error)

    @property
    def busy(self) -> bool:
        """Whether a thread is still at work on a large table after ``watch`` has ended."""
        return self._beside.busy

    def health(self) -> dict[str, Any]:
        """What a monitor asks: ``ok`` is False while whole runs fail or listings stay away."""
        overdue = time.monotonic() - self._next_listing > 2 * self._settings.reconcile_every
        return {
            "ok": not self._error and self._listed_at is not None and not overdue,
            "listed_at": self._listed_at and self._listed_at.isoformat(timespec="seconds"),
            "hints_waiting": len(self._hints),
            "files_to_try_again": len(self._later),
            "files_loaded": self._loaded,
            "files_failed": self._failed,
            "notifiers": dict(self._notifiers),
            "error": self._error,
        }

    def watch(self, *, once: bool = False) -> None:
        """Until Ctrl-C or SIGTERM; ``once``: a listing and all that it found, and no notifiers."""
        with interrupts.stretch(), self._runner.start() as run:
            if once:
                self._run(run, once=True)
                while self._hints and not self._error:
                    self._run(run, once=True)
                return
            with self._told_by_notifiers(run):
                while not (interrupts.settle() or self._hints.stopped.is_set()):
                    self._step(run)

    def stop(self) -> None:
        """Begin no further run; from another thread."""
        self._hints.stopped.set()

    def _step(self, run: Run) -> None:
        self._take_large(run)
        now = time.monotonic()
        for hint in [hint for hint, later in self._later.items() if later.due <= now]:
            self._later[hint] = Later(math.inf, self._later[hint].tries)
            self._hints.tell([hint])
        if now < self._not_before:
            time.sleep(min(_LOOK, self._not_before - now))
        elif now >= self._next_listing:
            self._run(run)
        elif self._hints.wait(self._pause(now)):
            self._hints.settle(self._settings.settle)
            self._run(run)

    def _pause(self, now: float) -> float:
        ends = (self._next_listing, *(later.due for later in self._later.values()))
        return max(0.0, min(_LOOK, min(ends) - now))

    # --- runs ---

    def _run(self, run: Run, *, once: bool = False) -> None:
        """A run over everything where that is due or in doubt, else over the hints."""
        doubts, dropped = self._hints.take_doubts()
        whole = bool(doubts) or time.monotonic() >= self._next_listing
        for reason in filter(None, doubts):
            run.warn(f"{reason}; the source is listed")
        limit = self._settings.max_batch
        taken: Waiting = {} if whole else self._hints.take(limit)
        if not (whole or taken):
            return
        self._runner.forget()
        try:
            hints = None if whole else list(taken)
            bound = 0 if once else self._settings.large
            report = self._runner.run(hints=hints, at_most=limit, large=bound)
        except Exception as error:  # noqa: BLE001 -- the next one may do what this one could not
            if interrupts.settle():
                raise KeyboardInterrupt from None
            self._hints.put_back(taken)
            self._outage(run, str(as_foreseen(error)))
            return
        except BaseException:
            self._hints.put_back(taken)
            raise
        self._tell(report)
        if report.interrupted:
            raise KeyboardInterrupt
        self._outages, self._error = 0, ""
        if whole:
            self._listed_at = datetime.now(UTC)
            self._next_listing = time.monotonic() + self._settings.reconcile_every
        large = _large(report, taken)
        taken = {hint: told for hint, told in taken.items() if hint not in large}
        self._beside.take(large)
        self._settle(report, taken, whole=whole)
        self._hints.done(taken)
        for told in dropped:
            told.left -= 1

    def _take_large(self, run: Run) -> None:
        """What became of the large tables."""
        for taken, report in self._beside.done():
            if isinstance(report, Exception):
                self._hints.put_back(taken)
                self._outage(run, str(as_foreseen(report)))
                continue
            self._tell(report)
            self._settle(report, taken, whole=False)
            self._hints.done(taken)

    def _outage(self, run: Run, error: str) -> None:
        """A run as a whole failed: then nobody knows what is missing."""
        self._outages += 1
        pause = _backoff(self._outages, _LONGEST_OUTAGE)
        self._error = error
        self._not_before = time.monotonic() + pause
        self._next_listing = 0.0
        run.warn(f"{error}; tried again in {pause:.0f} s")

    def _settle(self, report: RunReport, taken: Waiting, *, whole: bool) -> None:
        """What has to be looked at again, and when."""
        before = self._later
        if whole:
            # The listing looked at all of them.
            self._later = {}
        hints = {hint.key: hint for hint in taken}
        absent = dict(hints)
        more: list[Hint] = []
        for outcome in report.outcomes:
            hint = hints.get(outcome.file.key) or Hint(outcome.file.key, outcome.file.origin)
            absent.pop(outcome.file.key, None)
            tries = self._done(outcome, before.get(hint))
            self._later.pop(hint, None)
            if outcome.error == LARGE:
                continue
            if outcome.status is Status.SKIPPED and outcome.error.startswith(LEFT_OVER):
                more.append(hint)
            elif tries:
                self._again(hint, tries)
        for hint in absent.values():
            known = before.get(hint)
            tries = known.tries + 1 if known else 1
            self._later.pop(hint, None)
            if tries <= _ABSENT_TRIES:
                self._again(hint, tries)
        self._hints.tell(more)

    def _done(self, outcome: Outcome, before: Later | None) -> int:
        """Which try the next one is, of a file that is to be tried again; else 0."""
        self._loaded += outcome.status is Status.SUCCESS
        self._failed += outcome.status is Status.FAILED
        if outcome.status is not Status.FAILED or not outcome.retryable:
            return 0
        return before.tries + 1 if before else 1

    def _again(self, hint: Hint, tries: int) -> None:
        if len(self._later) < MOST:
            self._later[hint] = Later(time.monotonic() + _backoff(tries, _LONGEST), tries)

    # --- notifiers ---

    @contextmanager
    def _told_by_notifiers(self, run: Run) -> Iterator[None]:
        threads = [
            threading.Thread(target=self._listen, args=(run, name, notify), daemon=True)
            for name, notify in run.pipeline.notifiers()
        ]
        for thread in threads:
            thread.start()
        try:
            self._hints.wait_for(len(threads), _WELCOME)
            yield
        finally:
            self._hints.stopped.set()
            self._beside.end(_FAREWELL)
            end = time.monotonic() + _FAREWELL
            for thread in threads:
                thread.join(max(0.0, end - time.monotonic()))

    def _listen(self, run: Run, name: str, notify: Callable[..., None]) -> None:
        tries, stopped = 0, self._hints.stopped
        while not stopped.is_set():
            self._notifiers[name], began = "listens", time.monotonic()
            try:
                notify(run=run, hints=self._hints)
                problem = "ended without a word"
            except Exception as error:  # noqa: BLE001 -- the listing and the others go on
                problem = str(as_foreseen(error))
            if stopped.is_set():
                return
            tries = 1 if time.monotonic() - began > _LONGEST_OUTAGE else tries + 1
            pause = _backoff(tries, _LONGEST_OUTAGE)
            self._notifiers[name] = problem
            run.warn(f"notifier {name}: {problem}; it begins anew in {pause:.0f} s")
            stopped.wait(pause)


def _large(report: RunReport, taken: Waiting) -> Waiting:
    """The files that are left to the thread beside, with what hears of them."""
    waiting = {hint.key: hint for hint in taken}
    files = [o.file for o in report.outcomes if o.error == LARGE]
    hints = [waiting.get(f.key) or Hint(f.key, f.origin) for f in files]
    return {hint: taken.get(hint, []) for hint in hints}


def _backoff(tries: int, longest: float) -> float:
    """Seconds before try ``tries + 1``; of a random length, so that two watchers differ."""
    most = min(_FIRST * 2.0 ** min(tries - 1, 20), longest)
    return most * random.uniform(0.75, 1.0)  # noqa: S311 -- no secret
