"""What a pipeline file says about a bucket."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from lakefall.contract.units import ConfigPath, Duration
from lakefall.files.options import FileOptions

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_WORDS = {"": True, "true": True, "yes": True, "on": True} | {
    "false": False,
    "no": False,
    "off": False,
}


def _none_where_empty(value: object) -> object:
    """``${NAME:-}`` leaves an empty text where nothing is set."""
    return None if value == "" else value


def _word(value: object) -> object:
    return _WORDS.get(value.lower(), value) if isinstance(value, str) else value


Text = Annotated[str | None, BeforeValidator(_none_where_empty)]
Secret = Annotated[SecretStr | None, BeforeValidator(_none_where_empty)]


class S3Options(FileOptions):
    """Which bucket, how it is reached, and which of its objects count."""

    connection: ClassVar[frozenset[str]] = frozenset(
        {
            "bucket",
            "endpoint_url",
            "region",
            "access_key_id",
            "secret_access_key",
            "session_token",
            "profile",
            "path_style",
            "verify",
            "connect_timeout",
            "read_timeout",
            "max_attempts",
        }
    )

    # A refused value may hold a secret.
    model_config = ConfigDict(hide_input_in_errors=True)

    bucket: str
    """The bucket's name; its first-level folders are the tables."""
    endpoint_url: Text = None
    """Address of an S3-compatible store, such as `http://localhost:8333`; without one, AWS."""
    region: Text = None
    """Region; without one `AWS_REGION`, `AWS_DEFAULT_REGION` or the profile's, else
    `us-east-1`."""
    access_key_id: Secret = None
    """Access key. Without one the standard AWS credential chain is asked: environment, shared
    files, container and instance roles."""
    secret_access_key: Secret = None
    """Secret of the access key."""
    session_token: Secret = None
    """Token that temporary keys come with."""
    profile: Text = None
    """Profile of the shared AWS files to take keys and region from."""
    path_style: Annotated[bool | None, BeforeValidator(_none_where_empty)] = None
    """Whether the bucket is named in the path (`http://host/bucket`) and not in the host name;
    without a word, where `endpoint_url` is set."""
    verify: Annotated[bool | ConfigPath, BeforeValidator(_word)] = True
    """How the server's TLS certificate is checked: `true`, `false` (not at all), or a file of
    certificate authorities."""
    connect_timeout: Duration = Field(default=10.0, gt=0, le=86_400)
    """How long one try may take to connect."""
    read_timeout: Duration = Field(default=60.0, gt=0, le=86_400)
    """How long one try waits for the next bytes."""
    max_attempts: int = Field(default=8, ge=1, le=20)
    """Tries of a request that was throttled, answered with a 5xx, or lost, with growing pauses."""

    @field_validator("bucket")
    @classmethod
    def _is_a_bucket(cls, bucket: str) -> str:
        if not _BUCKET.fullmatch(bucket):
            raise ValueError(
                "expected a bucket's name, such as csv-uploads: letters, digits, '.', '-' and '_', "
                "without s3:// and without a folder"
            )
        return bucket

    @field_validator("endpoint_url")
    @classmethod
    def _is_an_address(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("expected an address such as https://s3.example.com:9000")
        if parts.username is not None or parts.password is not None:
            raise ValueError(
                "keys do not belong into the address; use access_key_id and secret_access_key"
            )
        if parts.query or parts.fragment:
            raise ValueError("expected an address without ? and #")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _keys_are_complete(self) -> S3Options:
        given = self.access_key_id is not None
        if given != (self.secret_access_key is not None):
            raise ValueError("access_key_id and secret_access_key belong together: give both")
        if self.session_token is not None and not given:
            raise ValueError("session_token needs access_key_id and secret_access_key")
        if given and self.profile is not None:
            raise ValueError("give either access_key_id or profile, not both")
        return self

    @property
    def by_path(self) -> bool:
        """Whether the bucket is named in the path."""
        return self.endpoint_url is not None if self.path_style is None else self.path_style
