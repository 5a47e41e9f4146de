"""Waiting for another thread so that Ctrl-C ends it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_AT_ONCE = 0.5
"""Seconds."""
_PATIENCE = 0.05
"""Seconds between two requests to stop."""


def wait(event: threading.Event) -> None:
    """Wait until it is set.

    A little at a time: a signal that arrives while a thread hands over the interpreter to go to
    sleep does not wake it (CPython), and is seen when it wakes.

    Raises:
        KeyboardInterrupt: after Ctrl-C, in the main thread.
    """
    while not event.wait(_AT_ONCE):
        pass


def interruptible(ask: Callable[[], T], stop: Callable[[], object]) -> T:
    """What ``ask`` answers on a thread of its own; after Ctrl-C it is told to ``stop``, and over
    before this raises.

    Raises:
        KeyboardInterrupt: after Ctrl-C, in the main thread.
        BaseException: whatever ``ask`` raised.
    """
    done = threading.Event()
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
        wait(done)
    except BaseException:
        with turn:
            left = True
        # Again and again: a request that comes before the work has begun is forgotten.
        while begun and not done.is_set():
            stop()
            done.wait(_PATIENCE)
        raise
    if errors:
        raise errors[0]
    return answers[0]
