"""Waiting for another thread so that Ctrl-C ends it."""

from __future__ import annotations

import threading

_AT_ONCE = 0.5
"""Seconds."""


def wait(event: threading.Event) -> None:
    """Wait until it is set.

    A little at a time: a signal that arrives while a thread hands over the interpreter to go to
    sleep does not wake it (CPython), and is seen when it wakes.

    Raises:
        KeyboardInterrupt: after Ctrl-C, in the main thread.
    """
    while not event.wait(_AT_ONCE):
        pass
