"""How a pipeline file says where Trino is and who asks."""

from __future__ import annotations

from pathlib import Path
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

from lakefall.contract.plugin import Options
from lakefall.contract.units import ConfigPath, Duration

_WORDS = {
    "": True,
    "true": True,
    "yes": True,
    "on": True,
    "false": False,
    "no": False,
    "off": False,
}
_PORTS = {"http": 80, "https": 443}


def _none_where_empty(value: object) -> object:
    """``${NAME:-}`` leaves an empty text where nothing is set."""
    return None if value == "" else value


def _word(value: object) -> object:
    return _WORDS.get(value.lower(), value) if isinstance(value, str) else value


class TrinoConnection(Options):
    """A Trino server, a catalog of it, and the user that asks."""

    connection: ClassVar[frozenset[str]] = frozenset(
        {
            "url",
            "catalog",
            "user",
            "password",
            "jwt",
            "verify",
            "request_timeout",
            "statement_timeout",
            "session_properties",
        }
    )

    # A refused value may hold a secret.
    model_config = ConfigDict(hide_input_in_errors=True)

    url: str
    """Where Trino answers: `http://host:8080`, `https://host`."""
    catalog: str = Field(default="iceberg", min_length=1)
    """Trino's name of the Iceberg catalog that holds the tables."""
    user: str = "lakefall"
    """User that the statements run as."""
    password: Annotated[SecretStr | None, BeforeValidator(_none_where_empty)] = None
    """Password of the user; https only."""
    jwt: Annotated[SecretStr | None, BeforeValidator(_none_where_empty)] = None
    """JSON Web Token that stands for the user; https only."""
    verify: Annotated[bool | ConfigPath, BeforeValidator(_word)] = True
    """Whether the server's certificate is checked, or a file with the authorities to trust."""
    request_timeout: Duration = Field(default=30.0, gt=0, le=86_400)
    """How long one HTTP request may take; tried three times. Trino answers within seconds, also
    while a statement is running."""
    statement_timeout: Duration = Field(default=1800.0, gt=0, le=7 * 86_400)
    """How long one statement may run before Trino ends it."""
    session_properties: dict[str, str] = Field(default_factory=dict)
    """Session properties of every statement, such as `query_priority`."""

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        parts = urlsplit(value)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in _PORTS or not parts.hostname or port == -1:
            raise ValueError("expected a URL such as http://host:8080 or https://host")
        if parts.username is not None or parts.password is not None:
            raise ValueError("no user and password in the URL; there are options for them")
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            raise ValueError("expected a URL without a path, such as https://host:8443")
        return value

    @field_validator("user")
    @classmethod
    def _default_user(cls, value: str) -> str:
        return value or "lakefall"

    @model_validator(mode="after")
    def _check_secrets(self) -> TrinoConnection:
        given = [n for n in ("password", "jwt") if getattr(self, n) is not None]
        if len(given) == 2:
            raise ValueError("a password and a jwt are given; expected one of them")
        if given and self.scheme == "http":
            raise ValueError(
                f"the {given[0]} would travel unencrypted, and Trino refuses it over http; "
                "give an https url"
            )
        return self

    @property
    def scheme(self) -> str:
        return urlsplit(self.url).scheme

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or _PORTS[self.scheme]

    @property
    def certificates(self) -> bool | str:
        """What ``requests`` takes as ``verify``."""
        return str(self.verify) if isinstance(self.verify, Path) else self.verify
