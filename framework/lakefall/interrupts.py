"""Ctrl-C that is not lost.

The ``KeyboardInterrupt`` of Python can be: code that it passes through may turn it into an error of
its own (a folder that cannot be removed while an engine still writes into it), which would be
taken for a file's. So the signal is remembered until someone has dealt with it.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType


class _Remembering:
    """Raises like Python's own handler, and knows that it did."""

    def __init__(self) -> None:
        self.came = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        self.came = True
        raise KeyboardInterrupt


def watch() -> None:
    """Remember SIGINT from now on, where nobody else handles or ignores it; main thread only."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _Remembering())


def check() -> None:
    """Where work goes on: not after Ctrl-C. Only the main thread is asked to stop.

    Raises:
        KeyboardInterrupt: it came, and nobody has dealt with it.
    """
    if _came() and threading.current_thread() is threading.main_thread():
        raise KeyboardInterrupt


def settle() -> bool:
    """Whether Ctrl-C came; the caller deals with it."""
    handler = signal.getsignal(signal.SIGINT)
    if not isinstance(handler, _Remembering):
        return False
    came, handler.came = handler.came, False
    return came


def _came() -> bool:
    handler = signal.getsignal(signal.SIGINT)
    return isinstance(handler, _Remembering) and handler.came
