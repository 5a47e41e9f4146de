"""Trying a whole transaction again while other writers win, bounded by time."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from lakefall.errors import CommitConflictError, LakefallError

T = TypeVar("T")

_FIRST_WAIT = 0.05
_LONGEST_WAIT = 1.0
_MOMENTARY = ("database is locked", "already exists", "UNIQUE constraint")
"""What SQLite says when two processes write, or make the same thing, at the same moment."""


def until_committed(attempt: Callable[[], T], timeout: float, subject: str) -> T:
    """What ``attempt`` returns, which loads, stages and commits anew each time it is called.

    ``attempt`` has to look for its own earlier commit first: the fate of one that raised may be
    unknown.

    Raises:
        CommitConflictError: other writers kept winning for ``timeout`` seconds.
    """
    deadline = time.monotonic() + timeout
    wait = _FIRST_WAIT
    while True:
        try:
            return attempt()
        except Exception as error:
            if not is_conflict(error):
                raise
            if time.monotonic() >= deadline:
                raise CommitConflictError(
                    f"{subject}: other writers kept winning for {timeout:g} seconds "
                    f"({error}); the next run tries again"
                ) from error
        time.sleep(random.uniform(0, wait))  # noqa: S311 -- no secret
        wait = min(wait * 2, _LONGEST_WAIT)


def is_conflict(error: Exception) -> bool:
    """Whether the same work may succeed on the table as it is now."""
    from pyiceberg.exceptions import (
        CommitFailedException,
        CommitStateUnknownException,
        NamespaceAlreadyExistsError,
        TableAlreadyExistsError,
        ValidationException,
    )
    from sqlalchemy.exc import IntegrityError, OperationalError

    if isinstance(error, IntegrityError | OperationalError):
        return any(words in str(error) for words in _MOMENTARY)
    return isinstance(
        error,
        CommitFailedException
        | CommitStateUnknownException
        | NamespaceAlreadyExistsError
        | TableAlreadyExistsError
        | ValidationException,
    )


def is_certain(error: BaseException) -> bool:
    """Whether a commit that raised this has not happened and never will."""
    from pyiceberg.exceptions import CommitStateUnknownException

    if isinstance(error, CommitStateUnknownException) or _is_http(error):
        return False
    if isinstance(error, LakefallError):
        return error.__cause__ is None or is_certain(error.__cause__)
    return isinstance(error, OSError) or (isinstance(error, Exception) and is_conflict(error))


def _is_http(error: BaseException) -> bool:
    """A broken connection, which is an ``OSError`` too: the answer to a commit may be lost."""
    return type(error).__module__.partition(".")[0] == "requests"
