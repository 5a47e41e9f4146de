"""Trying a whole transaction again while other writers win, bounded by time."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from lakefall.contract.errors import CatalogUnreachableError, CommitConflictError, LakefallError
from lakefall_plugins.sinks.iceberg.failures import module_of, translated

T = TypeVar("T")

_FIRST_WAIT = 0.05
_LONGEST_WAIT = 1.0
_PATIENCE = 20.0
"""Seconds that a catalog which broke off a commit is asked for its fate."""
_MOMENTARY = ("database is locked", "already exists", "UNIQUE constraint")
"""What SQLite says when two processes write, or make the same thing, at the same moment."""


def until_committed(attempt: Callable[[], T], timeout: float, subject: str) -> T:
    """What ``attempt`` returns, which loads, stages and commits anew each time it is called.

    ``attempt`` has to look for its own earlier commit first: the fate of one that raised may be
    unknown.

    Raises:
        CommitConflictError: other writers kept winning for ``timeout`` seconds.
        CatalogUnreachableError: the fate of a commit could not be learnt; what it wrote must stay.
    """
    deadline = time.monotonic() + timeout
    unknown: Exception | None = None
    patience = 0.0
    wait = _FIRST_WAIT
    while True:
        try:
            return attempt()
        except Exception as error:
            now = time.monotonic()
            if is_unknown_commit(error) and unknown is None:
                unknown, patience = error, now + min(timeout, _PATIENCE)
            elif not is_conflict(error) and (unknown is None or not is_unreachable(error)):
                if unknown is not None:
                    # Certain of this attempt; the earlier one may still be on its way.
                    raise _not_known(error, unknown, subject) from unknown
                raise
            if unknown is not None and not is_conflict(error) and now >= patience:
                raise _not_known(error, unknown, subject) from unknown
            if now >= deadline:
                if unknown is not None:
                    raise _not_known(error, unknown, subject) from unknown
                raise CommitConflictError(
                    f"{subject}: other writers kept winning for {timeout:g} seconds "
                    f"({error}); the next run tries again"
                ) from error
        time.sleep(random.uniform(0, wait))  # noqa: S311 -- no secret
        wait = min(wait * 2, _LONGEST_WAIT)


def _not_known(error: Exception, unknown: Exception, subject: str) -> LakefallError:
    why = translated(error, subject) or unknown
    return CatalogUnreachableError(
        f"{subject}: the catalog broke off a commit, and whether it was done cannot be found out "
        f"({why}); the next run finds out and brings it right"
    )


def is_conflict(error: Exception) -> bool:
    """Whether the same work may succeed on the table as it is now."""
    from pyiceberg.exceptions import (
        CommitFailedException,
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
        | NamespaceAlreadyExistsError
        | TableAlreadyExistsError
        | ValidationException,
    )


def is_unknown_commit(error: BaseException) -> bool:
    """Whether a commit that raised this may have been done all the same."""
    from pyiceberg.exceptions import CommitStateUnknownException

    return isinstance(error, CommitStateUnknownException)


def is_unreachable(error: Exception) -> bool:
    """Whether the catalog did not answer, or only to say that it cannot."""
    return isinstance(translated(error, ""), CatalogUnreachableError)


def is_certain(error: BaseException) -> bool:
    """Whether a commit that raised this has not happened and never will."""
    if isinstance(error, LakefallError):
        return error.__cause__ is None or is_certain(error.__cause__)
    if is_unknown_commit(error) or module_of(error) == "requests":
        return False
    if not isinstance(error, Exception):
        return False
    return isinstance(error, OSError) or is_conflict(error) or _is_refused(error)


def _is_refused(error: Exception) -> bool:
    """Whether a REST catalog answered that it did not do it."""
    from pyiceberg.exceptions import RESTError, ServerError, ServiceUnavailableError

    return isinstance(error, RESTError) and not isinstance(
        error, ServerError | ServiceUnavailableError
    )


def leaves_doubt(error: Exception) -> bool:
    """Whether a REST catalog that raised this during a commit may have done it, or may yet."""
    from pydantic import ValidationError
    from pyiceberg.exceptions import CommitStateUnknownException, ServerError
    from pyiceberg.exceptions import ServiceUnavailableError as Unavailable

    if isinstance(error, CommitStateUnknownException | ServerError | Unavailable):
        return True
    # An answer that is no JSON comes from something between us and the catalog.
    return module_of(error) == "requests" or isinstance(error, ValidationError)
