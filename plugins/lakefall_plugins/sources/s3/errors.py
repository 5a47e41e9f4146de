"""What the object store says when it refuses, in our own words.

Nearly all of it is retryable: what mends a key, a policy or a server changes neither the file nor
the options, so nothing else would make the next run try again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakefall.contract.errors import (
    FileChangedError,
    FileVanishedError,
    LakefallError,
    SourceCredentialsError,
    SourceDeniedError,
    SourceError,
    SourceMissingError,
    SourceTlsError,
    SourceUnreachableError,
)

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

_UNKNOWN = "the access key is not known there ({}); correct the access key"
_EXPIRED = "the session token is not valid any more ({}); get new keys"
_CREDENTIALS = {
    "InvalidAccessKeyId": _UNKNOWN,
    "InvalidClientTokenId": _UNKNOWN,
    "NotSignedUp": _UNKNOWN,
    "SignatureDoesNotMatch": "the secret does not fit the access key ({}); correct the secret key",
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "InvalidToken": _EXPIRED,
    "TokenRefreshRequired": _EXPIRED,
    "RequestTimeTooSkewed": "the signature's time is refused ({}); set this machine's clock",
}
_DENIED = frozenset({"AccessDenied", "AllAccessDisabled", "AccountProblem", "403", "Forbidden"})
_REGION = frozenset(
    {
        "PermanentRedirect",
        "TemporaryRedirect",
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
        "301",
        "307",
    }
)
_THROTTLED = frozenset(
    {"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests"}
)


def translated(error: Exception, where: str, key: str = "") -> LakefallError | None:
    """Our error for one of botocore's; None where it is none of those foreseen.

    ``where`` names bucket and endpoint, ``key`` the object that was asked for.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    subject = f"{key}: {where}" if key else where
    if isinstance(error, ClientError):
        return _refusal(error, subject, where, key)
    if isinstance(error, BotoCoreError):
        return _failure(error, subject)
    return None


def _refusal(error: ClientError, subject: str, where: str, key: str) -> LakefallError:
    """What the server answered."""
    told = error.response.get("Error", {})
    code = str(told.get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code == "NoSuchBucket":
        return SourceMissingError(
            f"{where}: the bucket does not exist; create it, or correct source.bucket"
        )
    if status == 404 and key:
        return FileVanishedError(f"{key}: deleted from {where} after it was listed")
    if status == 412:
        return FileChangedError(
            f"{key}: changed in {where} after it was listed; the next run takes the new content"
        )
    if code in _CREDENTIALS:
        return SourceCredentialsError(f"{subject}: {_CREDENTIALS[code].format(code)}")
    return _other_refusal(code, status, error, subject)


def _other_refusal(code: str, status: int, error: ClientError, subject: str) -> LakefallError:
    told = error.response.get("Error", {})
    if code in _REGION:
        headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        region = told.get("Region") or headers.get("x-amz-bucket-region")
        remedy = f"set source.region: {region}" if region else "set source.region to the bucket's"
        return SourceError(f"{subject}: the bucket is in another region ({code}); {remedy}")
    if code == "InvalidObjectState":
        return SourceError(f"{subject}: the object is archived ({code}); restore it, or exclude it")
    if code in _DENIED or status == 403:
        return SourceDeniedError(
            f"{subject}: access denied ({code}); allow these keys s3:ListBucket on the bucket and "
            "s3:GetObject on its objects"
        )
    if code in _THROTTLED or status >= 500:
        retries = error.response.get("ResponseMetadata", {}).get("RetryAttempts", 0)
        return SourceUnreachableError(
            f"{subject}: answers {code or status} after {retries + 1} tries; "
            "the next run tries again"
        )
    return SourceError(f"{subject}: answers {code or status}: {told.get('Message', '')}")


def _failure(error: Exception, subject: str) -> LakefallError:
    """What happened before, or instead of, an answer."""
    from botocore import exceptions as e

    if isinstance(error, e.SSLError):
        return SourceTlsError(
            f"{subject}: no secure connection ({_cause(error)}); check that the endpoint speaks "
            "https, and source.verify where its certificate comes from your own authority"
        )
    if (why := _credentials(error)) is not None:
        return SourceCredentialsError(f"{subject}: {why}")
    if isinstance(error, e.ConnectionError | e.HTTPClientError):
        return SourceUnreachableError(
            f"{subject}: does not answer ({_cause(error)}); check that the server runs and "
            "source.endpoint_url; the next run tries again"
        )
    if isinstance(error, e.IncompleteReadError | e.ChecksumError | e.FlexibleChecksumError):
        return SourceUnreachableError(
            f"{subject}: the answer arrived damaged ({type(error).__name__}); "
            "the next run tries again"
        )
    return SourceError(f"{subject}: cannot be asked: {error}")


def _credentials(error: Exception) -> str | None:
    """What is wrong with the credential chain; None where it is not at fault."""
    from botocore import exceptions as e

    if isinstance(error, e.NoCredentialsError | e.NoAuthTokenError):
        return (
            "no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
            "source.access_key_id and source.secret_access_key, or source.profile"
        )
    if isinstance(error, e.ProfileNotFound):
        return f"{error}; correct source.profile"
    if isinstance(
        error,
        e.PartialCredentialsError
        | e.CredentialRetrievalError
        | e.TokenRetrievalError
        | e.SSOError
        | e.LoginError
        | e.MetadataRetrievalError,
    ):
        # What a credential provider says may hold what it was given.
        return (
            f"the AWS credential chain fails ({type(error).__name__}); "
            "`aws sts get-caller-identity` shows why"
        )
    return None


def _cause(error: Exception) -> str:
    """The innermost reason, without the request's address."""
    told: object = error.kwargs.get("error") if hasattr(error, "kwargs") else None
    reason = getattr(told, "reason", None) or told
    return f"{type(error).__name__}: {reason}" if reason else type(error).__name__
