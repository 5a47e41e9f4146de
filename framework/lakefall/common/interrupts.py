"""Ctrl-C that is not lost, and the end of a process that hangs.

The ``KeyboardInterrupt`` of Python can be: code that it passes through may turn it into an error of
its own (a folder that cannot be removed while an engine still writes into it), which would be
taken for a file's. So the signal is remembered until someone has dealt with it.
"""

from __future__ import annotations

import faulthandler
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
        self.ever = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        self.came = self.ever = True
        raise KeyboardInterrupt


def watch(number: signal.Signals = signal.SIGINT) -> None:
    """Remember a signal from now on, where nobody else handles or ignores it; main thread only.
    SIGTERM, once it is remembered, ends work as Ctrl-C does."""
    if signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):
        signal.signal(number, _Remembering())


def ever(number: signal.Signals) -> bool:
    """Whether a remembered signal came, dealt with or not."""
    return any(handler.ever for handler in _watching(number))


def check() -> None:
    """Where work goes on: not after Ctrl-C. Only the main thread is asked to stop.

    Raises:
        KeyboardInterrupt: it came, and nobody has dealt with it.
    """
    if threading.current_thread() is threading.main_thread() and any(h.came for h in _watching()):
        raise KeyboardInterrupt


def settle() -> bool:
    """Whether Ctrl-C came; the caller deals with it. It is the main thread's to deal with."""
    if threading.current_thread() is not threading.main_thread():
        return False
    found = [handler for handler in _watching() if handler.came]
    for handler in found:
        handler.came = False
    return bool(found)


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


@contextmanager
def ended_after(seconds: float) -> Iterator[None]:
    """Work after which the process ends, with code 1 and what every thread does on standard error,
    if it takes longer.

    Also where it hangs in a library that no signal reaches: a thread of the interpreter's own
    watches. Not for use within itself.
    """
    faulthandler.dump_traceback_later(seconds, exit=True, file=2)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def _watching(*numbers: signal.Signals) -> list[_Remembering]:
    handlers = map(signal.getsignal, numbers or (signal.SIGINT, signal.SIGTERM))
    return [handler for handler in handlers if isinstance(handler, _Remembering)]
