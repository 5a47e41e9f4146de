"""What goes wrong with Trino, one class per fact, made from what its client raises."""

from __future__ import annotations

import re
from typing import Any

from lakefall.contract.errors import CatalogUnreachableError, SinkError

_STATUS = re.compile(r"error (\d{3})")
_STARTING = ("SERVER_STARTING_UP", "NO_NODES_AVAILABLE")
_CONFLICTS = ("ICEBERG_COMMIT_ERROR", "TRANSACTION_CONFLICT")
_MISSING_CATALOG = ("CATALOG_NOT_FOUND", "CATALOG_NOT_AVAILABLE", "CATALOG_UNAVAILABLE")
_BROKEN_CATALOG = ("ICEBERG_CATALOG_ERROR", "ICEBERG_FILESYSTEM_ERROR")


class TrinoUnreachableError(CatalogUnreachableError):
    """Nothing answers, or not in time."""


class TrinoStartingError(TrinoUnreachableError):
    """Trino is there, but does not take statements yet."""


class TrinoLostError(TrinoUnreachableError):
    """The connection was lost while a statement ran: whether it was done is not known."""

    def __init__(self, message: str, query_id: str) -> None:
        super().__init__(message)
        self.query_id = query_id


class TrinoTlsError(SinkError):
    """The encrypted connection was refused, here or there."""


class TrinoRefusedError(SinkError):
    """Trino does not take the user, the password or the token."""


class TrinoCatalogError(SinkError):
    """Trino has no such catalog, or cannot reach it."""


class TrinoQueryError(SinkError):
    """Trino refused or gave up a statement.

    ``retryable`` is false where the statement itself is at fault (Trino's ``USER_ERROR``).
    """

    def __init__(self, message: str, name: str, kind: str, query_id: str) -> None:
        super().__init__(message)
        self.name = name
        """Trino's name of the error: ``TABLE_NOT_FOUND``."""
        self.query_id = query_id
        self.retryable = kind != "USER_ERROR"


class TrinoConflictError(TrinoQueryError):
    """Another writer committed first; the same statement may succeed on the table as it is now."""


def translated(error: Exception, where: str, query_id: str) -> SinkError | None:
    """Our error for one of the client's; None where it is none of those foreseen.

    ``where`` names the server; ``query_id`` is that of a statement that may be running.
    """
    import requests
    import trino.exceptions as theirs

    if isinstance(error, theirs.TrinoQueryError):
        return _of_query(error, where)
    if isinstance(error, theirs.TrinoDataError):
        # A year beyond 9999, for one.
        return TrinoQueryError(f"Trino: {error}; CAST it to VARCHAR", "", "USER_ERROR", query_id)
    if isinstance(error, theirs.HttpError):
        return _of_status(str(error), where, query_id)
    cause: Any = error
    if isinstance(error, theirs.TrinoConnectionError):
        cause = error.__context__ or error
    if isinstance(cause, requests.exceptions.SSLError):
        return TrinoTlsError(
            f"{where}: no encrypted connection ({_reason(cause)}); check the url, and `verify` for "
            "an authority of your own"
        )
    if isinstance(cause, requests.exceptions.RequestException | theirs.TrinoConnectionError):
        slow = isinstance(cause, requests.exceptions.Timeout)
        what = "does not answer in time" if slow else f"cannot be reached ({_reason(cause)})"
        return _unreachable(f"{where} {what}", query_id)
    # The client reads JSON with fields that every answer of Trino has.
    strange = isinstance(cause, ValueError | KeyError)
    text = f"{where} answers, but not as Trino does; check the url"
    return TrinoUnreachableError(text) if strange else None


def _of_query(error: Any, where: str) -> SinkError:
    name, kind = error.error_name or "", error.error_type or ""
    query_id = error.query_id or ""
    message = " ".join(str(error.message).split())
    if name in _STARTING:
        return TrinoStartingError(f"{where} is still starting; the next run tries again")
    if name in _MISSING_CATALOG:
        return TrinoCatalogError(
            f"{where}: {message}; `catalog` names one that SHOW CATALOGS lists"
        )
    if name in _BROKEN_CATALOG:
        return TrinoCatalogError(f"{where} cannot use its catalog: {message} (query {query_id})")
    if name == "PERMISSION_DENIED":
        return TrinoRefusedError(f"{where}: {message}")
    made = TrinoConflictError if name in _CONFLICTS else TrinoQueryError
    return made(f"Trino: {message} ({name}, query {query_id})", name, kind, query_id)


def _of_status(text: str, where: str, query_id: str) -> SinkError:
    found = _STATUS.search(text)
    status = int(found[1]) if found else 0
    if status in (401, 403):
        return TrinoRefusedError(
            f"{where} refuses the credentials (HTTP {status}); check user, password and jwt"
        )
    if status == 503 and not query_id:
        return TrinoStartingError(
            f"{where} takes no statements (HTTP 503: it is starting or shutting down); "
            "the next run tries again"
        )
    if status in (429, 502, 503, 504) or status >= 500:
        return _unreachable(f"{where} cannot answer now (HTTP {status})", query_id)
    return TrinoUnreachableError(
        f"{where} answers, but not as Trino does (HTTP {status}); check the url"
    )


def _unreachable(message: str, query_id: str) -> TrinoUnreachableError:
    if query_id:
        return TrinoLostError(
            f"{message} while query {query_id} ran; whether it was done is not known", query_id
        )
    return TrinoUnreachableError(f"{message}; the next run tries again")


def _reason(error: BaseException) -> str:
    """The innermost cause in one line: urllib3 wraps it several times."""
    inner: Any = error
    while isinstance(getattr(inner, "reason", None), BaseException) or (
        getattr(inner, "args", None) and isinstance(inner.args[0], BaseException)
    ):
        inner = (
            inner.reason
            if isinstance(getattr(inner, "reason", None), BaseException)
            else (inner.args[0])
        )
    text = " ".join(str(inner).split())
    return text.rpartition(": ")[2][:200] if "object at 0x" in text else text[:200]
