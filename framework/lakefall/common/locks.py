"""Locks on files, which the kernel releases when their process ends, however it ends.

By hand, not with ``filelock``: the locked files hold notes of those who hold them, get their names
when they are locked already, and their modified times count.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TextIO

from lakefall.common.waiting import Backoff

_LOOK_AGAIN = 0.03
_DRAFT_SECONDS = 5.0
"""After which a file without its name is nobody's."""


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Wait for a file's lock, and hold it."""
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def new(path: Path, text: str = "") -> Iterator[TextIO]:
    """A new file with this text, open and locked; it stays when the lock ends.

    Nobody finds it under its name before it is locked.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    with draft.open("w", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        handle.write(text)
        handle.flush()
        draft.rename(path)
        yield handle


def remove_drafts(folder: Path) -> None:
    """Remove what processes left that died between making a file and giving it its name. Whoever
    is that slow and alive says so and fails."""
    for path in folder.glob("*.new"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _DRAFT_SECONDS:
                path.unlink()


@contextmanager
def left_behind(path: Path) -> Iterator[TextIO | None]:
    """A file, open and locked, that no living process holds; None where one does.

    Raises:
        OSError: it is gone, or cannot be opened.
    """
    with path.open("r+", encoding="utf-8") as handle:
        yield handle if take(handle) else None


def take(handle: IO[str], timeout: float = 0.0) -> bool:
    """Lock an open file within ``timeout`` seconds; False where others held it all the time."""
    backoff = Backoff(_LOOK_AGAIN, _LOOK_AGAIN, timeout, least=1 / 3)
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if backoff.over:
                return False
        else:
            return True
        backoff.pause()
