"""What a pipeline file says about Superset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import BeforeValidator, ConfigDict, Field, SecretStr, field_validator

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


def _word(value: object) -> object:
    """What an environment variable says instead of YAML's own words; empty is not set."""
    return _WORDS.get(value.lower(), value) if isinstance(value, str) else value


class SupersetOptions(Options):
    """Options of the registrar `superset`."""

    connection: ClassVar[frozenset[str]] = frozenset(
        {"url", "username", "password", "provider", "database", "catalog",
         "dataset_schema", "verify", "timeout"}
    )  # fmt: skip

    # A refused value may hold a secret.
    model_config = ConfigDict(hide_input_in_errors=True)

    url: str
    """Where Superset answers: `http://host:8088`, with the prefix where it has one."""
    username: str = Field(min_length=1)
    """User that owns the datasets; needs the right to write datasets and to read the database."""
    password: SecretStr
    """Password of the user."""
    provider: str = "db"
    """Who checks the password: `db` (Superset itself) or `ldap`."""
    database: str = Field(default="Trino Lakehouse", min_length=1)
    """Superset's name of the database connection to Trino."""
    catalog: str = Field(default="iceberg", min_length=1)
    """Trino's name of the Iceberg catalog that holds the tables."""
    dataset_schema: str = Field(default="", alias="schema")
    """Trino's schema of the tables; empty: the sink's `namespace`."""
    verify: Annotated[bool | ConfigPath, BeforeValidator(_word)] = True
    """Whether the server's certificate is checked, or a file with the authorities to trust."""
    timeout: Duration = Field(default=30.0, gt=0, le=86_400)
    """How long one request may take. Superset asks Trino for the columns of a table meanwhile."""

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        parts = urlsplit(value)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in ("http", "https") or not parts.hostname or port == -1:
            raise ValueError("expected a URL such as http://host:8088 or https://host/superset")
        if parts.username is not None or parts.password is not None:
            raise ValueError("no user and password in the URL; there are options for them")
        if parts.query or parts.fragment:
            raise ValueError("expected a URL without a query, such as https://host:8088")
        return value.rstrip("/")

    @property
    def certificates(self) -> bool | str:
        """What ``requests`` takes as ``verify``."""
        return str(self.verify) if isinstance(self.verify, Path) else self.verify
