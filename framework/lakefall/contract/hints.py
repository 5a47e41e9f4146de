"""Hints: what notifiers tell a watcher. A hint may be late, doubled, wrong or missing; the source
says what is there, and a full listing finds what no hint told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

MOST = 100_000
"""Hints that wait at one time; beyond it the source is listed instead."""

BURST = 10
"""Hints within ``settle`` after which more are waited for."""
_LONGEST_BURST = 9


@dataclass(frozen=True, slots=True)
class Hint:
    """A file that may be new or may have changed."""

    key: str
    origin: str = ""
    """``SourceFile.origin`` of the source that has it; ``''``: any."""


@dataclass(slots=True)
class Told:
    """What became of the hints that were told together."""

    left: int = 0

    @property
    def recorded(self) -> bool:
        """Whether the registry holds what became of every one: a queue may forget its message. Of
        a hint that leads to nothing, such as one for a file that is gone, nothing is recorded."""
        return not self.left


Waiting = dict[Hint, list[Told]]
"""Hints, and what hears of each when it is done."""


@dataclass(slots=True)
class Hints:
    """What notifiers tell, each on its own thread, and a watcher takes."""

    at_most: int = MOST
    _waiting: Waiting = field(default_factory=dict)
    _since: float = 0.0
    _doubts: list[str] = field(default_factory=list)
    _begun: int = 0
    _dropped: list[Told] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _something: threading.Event = field(default_factory=threading.Event)
    _stop: threading.Event = field(default_factory=threading.Event)

    # --- for notifiers ---

    def tell(self, hints: Iterable[Hint]) -> Told:
        """These files may have arrived. A hint that waits already is not doubled."""
        told = Told()
        with self._lock:
            self._since = self._since if self._waiting else time.monotonic()
            for hint in hints:
                told.left += 1
                if hint in self._waiting or len(self._waiting) < self.at_most:
                    self._waiting.setdefault(hint, []).append(told)
                else:
                    self._doubts.append(f"more than {self.at_most:,} hints wait")
                    self._dropped.append(told)
        if told.left:
            self._something.set()
        return told

    def begun(self) -> None:
        """From now on nothing is missed: the source is listed once more, for what came before."""
        with self._lock:
            self._begun += 1
        self.doubt("")

    def doubt(self, reason: str) -> None:
        """Something may have been missed: the source is listed."""
        with self._lock:
            self._doubts.append(reason)
        self._something.set()

    @property
    def stopped(self) -> threading.Event:
        """Set when the watcher ends."""
        return self._stop

    # --- for the watcher ---

    def __len__(self) -> int:
        return len(self._waiting)

    def wait_for(self, notifiers: int, seconds: float) -> bool:
        """Wait until so many have begun; False where the time was over before."""
        end = time.monotonic() + seconds
        while self._begun < notifiers and time.monotonic() < end:
            time.sleep(0.02)
        return self._begun >= notifiers

    @property
    def waited(self) -> float:
        """Seconds since the first of those that wait was told."""
        return time.monotonic() - self._since

    def wait(self, seconds: float) -> bool:
        """Whether something was told before the time was over."""
        return self._something.wait(seconds)

    def settle(self, seconds: float, sleep: Callable[[float], None] = time.sleep) -> None:
        """Wait until those that belong together are there: ``seconds`` after the first, and as long
        as ``BURST`` or more come in such a time, up to ten times as long.

        Else a burst would be many small batches, each of which commits to every table.
        """
        sleep(max(0.0, seconds - self.waited))
        for _ in range(_LONGEST_BURST):
            before = len(self)
            if before < BURST:
                return
            sleep(seconds)
            if len(self) - before < BURST:
                return

    def take(self, at_most: int) -> Waiting:
        """Those that wait longest. A file that changes from now on is a new hint."""
        with self._lock:
            taken = {hint: self._waiting.pop(hint) for hint in list(self._waiting)[:at_most]}
            if not (self._waiting or self._doubts):
                self._something.clear()
        return taken

    def take_doubts(self) -> tuple[list[str], list[Told]]:
        """Why the source has to be listed; and what hears when it was."""
        with self._lock:
            doubts, dropped = list(dict.fromkeys(self._doubts)), list(self._dropped)
            self._doubts.clear()
            self._dropped.clear()
            if not self._waiting:
                self._something.clear()
        return doubts, dropped

    def put_back(self, taken: Waiting) -> None:
        """They were not looked at, and go first."""
        with self._lock:
            for hint, told in self._waiting.items():
                taken.setdefault(hint, []).extend(told)
            self._waiting = taken
        self._something.set()

    @staticmethod
    def done(taken: Mapping[Hint, list[Told]]) -> None:
        """What became of these is recorded."""
        for some in taken.values():
            for told in some:
                told.left -= 1
