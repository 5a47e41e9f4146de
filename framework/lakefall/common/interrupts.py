"""Ctrl-C that is not lost.

The ``KeyboardInterrupt`` of Python can be: code that it passes through may turn it into an error of
its own (a folder that cannot be removed while an engine still writes into it), which would be
taken for a file's. So the signal is remembered until someone has dealt with it.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
    handler = _watching()
    if handler and handler.came and threading.current_thread() is threading.main_thread():
        raise KeyboardInterrupt


def settle() -> bool:
    """Whether Ctrl-C came; the caller deals with it."""
    if handler := _watching():
        came, handler.came = handler.came, False
        return came
    return False


@dataclass(slots=True)
class Stretch:
    """Work that Ctrl-C may have ended."""

    interrupted: bool = False


@contextmanager
def stretch() -> Iterator[Stretch]:
    """Work that Ctrl-C ends, as itself or as what became of it; other errors are raised."""
    work = Stretch()
    try:
        yield work
        work.interrupted = settle()
    except (Exception, KeyboardInterrupt) as error:
        work.interrupted = settle() or isinstance(error, KeyboardInterrupt)
        if not work.interrupted:
            raise


def _watching() -> _Remembering | None:
    handler = signal.getsignal(signal.SIGINT)
    return handler if isinstance(handler, _Remembering) else None
