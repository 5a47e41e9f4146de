"""Errors of catalogs, storages and engines: as ours, and what they mean for a commit."""

from __future__ import annotations

import errno
import logging
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from lakefall.contract.errors import (
    CatalogDeniedError,
    CatalogUnreachableError,
    LakefallError,
    SinkError,
    StorageDamagedError,
    StorageDeniedError,
    StorageFullError,
    StorageUnreachableError,
)

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FULL_WORDS = (*map(os.strerror, _FULL), "disk is full", "disk I/O error")
"""SQLite says "disk I/O error" where a file-size limit is reached."""
_DENIED = re.compile(
    r"AWS Error (ACCESS_DENIED|INVALID_ACCESS_KEY_ID|INVALID_CLIENT_TOKEN_ID|SIGNATURE_DOES_NOT"
    r"_MATCH|INVALID_SIGNATURE|UNRECOGNIZED_CLIENT|MISSING_AUTHENTICATION_TOKEN|INVALID_TOKEN"
    r"|EXPIRED_TOKEN|\[code 15\])|HTTP status 403|access denied",
    re.IGNORECASE,
)
_NO_BUCKET = re.compile(r"NO_SUCH_BUCKET|NoSuchBucket")
_AWS = re.compile(r"AWS Error|curlCode")
_GARBLED = re.compile(
    r"^(UnicodeDecodeError|error|EOFError|SystemError|JSONDecodeError|OSError|ResolveError"
    r"|ValidationError)|Avro|sync bytes|[Pp]arquet|hrift"
)
"""What is told of garbled metadata and data wherever it is read; ``error`` is zlib's and struct's
name of it."""
_OF_READERS = ("ResolveError", "ValidationError")
"""PyIceberg's: of Avro, and of metadata; the catalog's conflicts have other names."""
_READERS = ("zlib", "struct", "pyarrow")
_LONGEST = 300
_MOMENTARY = ("database is locked", "already exists", "UNIQUE constraint")
"""What SQLite says when two processes write, or make the same thing, at the same moment."""


@contextmanager
def translating(subject: str, secrets: Sequence[str] = ()) -> Iterator[None]:
    """Turn errors of the catalog and the storage into ours, and keep PyIceberg's log off stderr.

    ``secrets`` are never part of a message, whatever a server answers.

    Raises:
        CatalogUnreachableError, CatalogDeniedError, StorageUnreachableError, StorageDeniedError,
        StorageFullError, SinkError.
    """
    for name in ("pyiceberg", "urllib3"):
        log = logging.getLogger(name)
        if not log.handlers:
            # Without any handler, Python's last resort would print its warnings.
            log.addHandler(logging.NullHandler())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"pyiceberg(\.|$)")
        warnings.filterwarnings("ignore", message="Delete operation did not match any records")
        warnings.filterwarnings("ignore", message="Unverified HTTPS request")
        try:
            yield
        except LakefallError:
            raise
        except Exception as error:
            known = translated(error, subject)
            if known is None:
                raise
            for secret in secrets:
                known.args = tuple(str(a).replace(secret, "***") for a in known.args)
            raise known from error


def translated(error: Exception, subject: str) -> LakefallError | None:
    """The error as one of ours; None where it is not foreseen."""
    from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError
    from sqlalchemy.exc import SQLAlchemyError

    # Arrow and DuckDB give the system's words in the text only, SQLite has its own.
    text = _short(str(getattr(error, "orig", None) or error))
    if isinstance(error, NoSuchTableError | NoSuchNamespaceError):
        return SinkError(
            f"{subject}: the table or its namespace was dropped meanwhile ({text}); "
            "the next run tries again"
        )
    if module_of(error) == "requests":
        return _of_connection(error, subject)
    if module_of(error) == "pyiceberg" and not is_garbled(error):
        return _of_catalog(error, subject, text)
    if module_of(error) == "pydantic_core":
        return CatalogUnreachableError(
            f"{subject}: what answers is no Iceberg catalog, or in trouble ({text}); "
            "check catalog.uri"
        )
    engine = module_of(error) in ("duckdb", "_duckdb")
    if engine or isinstance(error, OSError | SQLAlchemyError) or is_garbled(error):
        return _of_system(error, subject, text)
    return None


def module_of(error: BaseException) -> str:
    """The package that an error is from."""
    return type(error).__module__.partition(".")[0]


def _of_connection(error: Any, subject: str) -> LakefallError:
    from requests.exceptions import SSLError, Timeout

    where = _where(getattr(error, "request", None))
    if isinstance(error, SSLError):
        return CatalogUnreachableError(
            f"{subject}: the TLS connection to the catalog{where} was refused "
            f"({_reason(error)}); check catalog.uri, or name its authority in catalog.verify"
        )
    if isinstance(error, Timeout):
        return CatalogUnreachableError(
            f"{subject}: the catalog{where} did not answer within catalog.timeout; "
            "the next run tries again"
        )
    return CatalogUnreachableError(
        f"{subject}: the catalog{where} cannot be reached ({_reason(error)}); "
        "check catalog.uri and whether it runs, the next run tries again"
    )


def _of_catalog(error: Exception, subject: str, text: str) -> LakefallError | None:
    from pyiceberg.exceptions import (
        AuthorizationExpiredError,
        CommitStateUnknownException,
        ForbiddenError,
        OAuthError,
        RESTError,
        ServerError,
        ServiceUnavailableError,
        TooManyRequestsError,
        UnauthorizedError,
    )

    where = _where(getattr(getattr(error.__cause__, "response", None), "request", None))
    if isinstance(error, UnauthorizedError | OAuthError | AuthorizationExpiredError):
        return CatalogDeniedError(
            f"{subject}: the catalog{where} refuses the credentials ({text}); check "
            "catalog.credential, catalog.token (which may have expired) or catalog.sigv4"
        )
    if isinstance(error, ForbiddenError):
        return CatalogDeniedError(
            f"{subject}: the catalog{where} forbids it ({text}); its credentials need the right "
            "to read and write the namespace"
        )
    if isinstance(
        error,
        ServerError | ServiceUnavailableError | TooManyRequestsError | CommitStateUnknownException,
    ):
        return CatalogUnreachableError(
            f"{subject}: the catalog{where} is in trouble ({text}); the next run tries again"
        )
    if isinstance(error, RESTError):
        return SinkError(f"{subject}: the catalog{where} refuses the request ({text})")
    return None


def _of_storage(subject: str, text: str) -> LakefallError:
    if _NO_BUCKET.search(text):
        return SinkError(f"{subject}: the warehouse's bucket is missing ({text}); make it")
    if _DENIED.search(text):
        return StorageDeniedError(
            f"{subject}: the storage refuses access ({text}); check catalog.s3 or the AWS keys"
        )
    if _AWS.search(text):
        return StorageUnreachableError(
            f"{subject}: the storage does not answer as it should ({text}); check "
            "catalog.s3.endpoint_url and whether it runs, the next run tries again"
        )
    return SinkError(f"{subject}: the warehouse cannot be used ({text})")


def _of_system(error: Exception, subject: str, text: str) -> LakefallError | None:
    from sqlalchemy.exc import SQLAlchemyError

    if getattr(error, "errno", None) in _FULL or any(words in text for words in _FULL_WORDS):
        return StorageFullError(
            f"{subject}: no room in the warehouse ({text}); make room, the next run tries again"
        )
    if isinstance(error, SQLAlchemyError):
        return CatalogUnreachableError(
            f"{subject}: the catalog does not answer ({text}); the next run tries again"
        )
    if is_garbled(error) and _GARBLED.search(f"{type(error).__name__}: {error}"):
        return StorageDamagedError(
            f"{subject}: a file of it is not readable ({type(error).__name__}: {text}); the next "
            "run tries again; `lakefall repair PIPELINE TABLE` says what is left of a table"
        )
    return _of_storage(subject, text) if isinstance(error, OSError) else None


def _where(request: Any) -> str:
    """Scheme, host and port of a request; its query may hold secrets."""
    url = getattr(request, "url", None)
    if not url:
        return ""
    parts = urlsplit(url)
    return f" at {parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _reason(error: Any) -> str:
    """The innermost reason, such as ``Connection refused``."""
    inner = error
    while True:
        reason = getattr(inner, "reason", None)
        if not isinstance(reason, Exception):
            reason = next((a for a in getattr(inner, "args", ()) if isinstance(a, Exception)), None)
        if reason is None:
            break
        inner = reason
    return _short(str(inner)).rpartition(">: ")[2]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


def is_garbled(error: BaseException) -> bool:
    """Whether a reader of a file may raise this because of what the file holds."""
    kinds = (ValueError, LookupError, TypeError, AttributeError, EOFError, ArithmeticError)
    if isinstance(error, OSError):
        # Arrow has no class of its own; the system's errors have a number, those of AWS its name.
        return type(error) is OSError and error.errno is None and not _AWS.search(str(error))
    named = type(error).__name__ in _OF_READERS or module_of(error) in _READERS
    # Lengths that make no sense end in one of the last two.
    return named or isinstance(error, (*kinds, AssertionError, SystemError, MemoryError))


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
    known = error if isinstance(error, LakefallError) else translated(error, "")
    # What cannot be read now may be readable soon.
    return isinstance(known, CatalogUnreachableError | StorageDamagedError)


def is_answer(error: Exception) -> bool:
    """Whether a catalog answered that a table is not what a commit expects, or not there."""
    from pyiceberg.exceptions import CommitFailedException, NoSuchTableError

    # PyIceberg has no class of its own for the 404 to a commit.
    answer = getattr(error.__cause__, "response", None)
    gone = getattr(answer, "status_code", 0) == 404
    return gone or isinstance(error, CommitFailedException | NoSuchTableError)


def is_certain(error: BaseException) -> bool:
    """Whether a commit that raised this has not happened and never will."""
    if isinstance(error, LakefallError):
        return error.__cause__ is None or is_certain(error.__cause__)
    if is_unknown_commit(error) or module_of(error) == "requests":
        return False
    if not isinstance(error, Exception):
        return False
    return isinstance(error, OSError) or is_conflict(error) or is_refused(error)


def is_refused(error: BaseException) -> bool:
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
