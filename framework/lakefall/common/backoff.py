"""Pauses between attempts, and the loop that makes them.

By hand, not with ``tenacity``: its stop, wait and retry conditions take as many lines as this loop.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from typing import NoReturn, TypeVar

T = TypeVar("T")


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
    give_up: Callable[[Exception], NoReturn],
) -> T:
    """What ``attempt`` returns, called anew while ``again`` says so of what it raised.

    ``give_up`` raises when the time is up. Ctrl-C and whatever else is no ``Exception`` ends it.
    """
    while True:
        try:
            return attempt()
        except Exception as error:
            if not again(error):
                raise
            if backoff.over:
                give_up(error)
        backoff.pause()
