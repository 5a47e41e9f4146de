"""Waiting for another thread so that Ctrl-C ends it; pauses between attempts."""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable
from typing import NoReturn, TypeVar

T = TypeVar("T")

_AT_ONCE = 0.5
"""Seconds."""
_PATIENCE = 0.05
"""Seconds between two requests to stop."""


class Done:
    """That something is over. Ctrl-C may end a wait for it at any moment.

    It may not end that for a ``threading.Event``: a signal that comes while that takes its own lock
    leaves it locked (CPython), and whoever sets it or waits for it then hangs.
    """

    def __init__(self) -> None:
        self._over = False
        self._lock = threading.Lock()
        self._lock.acquire()

    def set(self) -> None:
        """Say so; once."""
        self._over = True
        self._lock.release()

    def wait(self, seconds: float = math.inf) -> bool:
        """Wait until it is, or so long; whether it is.

        A little at a time: a signal that arrives while a thread hands over the interpreter to go to
        sleep does not wake it (CPython), and is seen when it wakes.

        Raises:
            KeyboardInterrupt: after Ctrl-C, in the main thread.
        """
        end = time.monotonic() + seconds
        while not self._over and (left := end - time.monotonic()) > 0:
            if self._lock.acquire(timeout=min(_AT_ONCE, left)):
                # For the next one. Where a signal comes between, that one looks twice a second.
                self._lock.release()
        return self._over


def interruptible(ask: Callable[[], T], stop: Callable[[], object]) -> T:
    """What ``ask`` answers on a thread of its own; after Ctrl-C it is told to ``stop``, and over
    before this raises.

    Raises:
        KeyboardInterrupt: after Ctrl-C, in the main thread.
        BaseException: whatever ``ask`` raised.
    """
    done = Done()
    turn = threading.Lock()
    left = begun = False
    answers: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        nonlocal begun
        with turn:
            if left:
                return
            begun = True
        try:
            answers.append(ask())
        except BaseException as error:  # noqa: BLE001 -- raised again by the one who waits
            errors.append(error)
        finally:
            done.set()

    try:
        # Inside: starting a thread is itself a wait, and most likely to be long on a busy machine.
        threading.Thread(target=work, daemon=True).start()
        done.wait()
    except BaseException:
        with turn:
            left = True
        # Again and again: a request that comes before the work has begun is forgotten.
        while begun and not done.wait(0.0):
            stop()
            done.wait(_PATIENCE)
        raise
    if errors:
        raise errors[0]
    return answers[0]


class Backoff:
    """Pauses that double from ``first`` to ``longest`` seconds until ``timeout`` seconds are over.

    Each is of a random length, so that two who met do not meet again: at least ``least`` (a share,
    0 to 1) of what it may be.
    """

    def __init__(
        self, first: float, longest: float, timeout: float = math.inf, *, least: float = 0.0
    ) -> None:
        self.timeout = timeout
        self._next, self._longest, self._least = first, longest, least
        self._end = time.monotonic() + timeout

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= self._end

    def pause(self) -> None:
        time.sleep(random.uniform(self._next * self._least, self._next))  # noqa: S311 -- no secret
        self._next = min(self._next * 2, self._longest)


def retry(
    attempt: Callable[[], T],
    again: Callable[[Exception], bool],
    backoff: Backoff,
    give_up: Callable[[Exception], NoReturn] | None = None,
) -> T:
    """What ``attempt`` returns, called anew while ``again`` says so of what it raised.

    By hand, not with ``tenacity``: its stop, wait and retry conditions take as many lines.
    ``give_up`` raises when the time is up; without it the last error is raised. Ctrl-C
    and whatever else is no ``Exception`` ends it.
    """
    while True:
        try:
            return attempt()
        except Exception as error:
            if not again(error):
                raise
            if backoff.over:
                if give_up is None:
                    raise
                give_up(error)
        backoff.pause()
