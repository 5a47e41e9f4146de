"""A catalog behind the Iceberg REST protocol: its options as PyIceberg's properties."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from lakefall.contract.errors import MissingExtraError

if TYPE_CHECKING:
    from pydantic import SecretStr
    from pyiceberg.catalog import Catalog

    from lakefall_plugins.sinks.iceberg.options import RestCatalog

_LOCAL_REGION = "us-east-1"
"""What servers other than AWS sign with unless they are told otherwise."""


class RestHome:
    """Where the catalog is, and how it is opened."""

    remembers = 5.0
    settles = 600.0
    takes_turns = True
    exists = True

    def __init__(self, options: RestCatalog) -> None:
        self.options = options
        self.name = options.uri

    @property
    def secrets(self) -> tuple[str, ...]:
        options, s3 = self.options, self.options.s3
        given = (options.credential, options.token, s3.secret_access_key, s3.session_token)
        plain = [_plain(secret) for secret in (*given, *options.headers.values())]
        # A server may repeat the secret half of `id:secret` alone.
        halves = [_plain(options.credential).partition(":")[2]]
        return tuple(secret for secret in (*plain, *halves) if secret)

    def local(self, cache: Path) -> Path:
        """One folder a catalog: what one host keeps about it."""
        where = f"{self.options.uri}\n{self.options.warehouse or ''}"
        return cache / "iceberg" / hashlib.sha256(where.encode()).hexdigest()[:16]

    def connect(self) -> Catalog:
        if self.options.sigv4 is not None:
            _require_boto3()
        from lakefall_plugins.sinks.iceberg.rest_client import Client, Transport

        options = self.options
        verify = options.verify if isinstance(options.verify, bool) else str(options.verify)
        return Client(self._properties(), Transport(options.timeout, verify))

    def _properties(self) -> dict[str, str]:
        options = self.options
        found = {
            "uri": options.uri,
            "warehouse": options.warehouse,
            "credential": _plain(options.credential),
            "token": "" if options.credential else _plain(options.token),
            "oauth2-server-uri": options.oauth2_server_uri,
            "scope": options.scope,
            **{f"header.{name}": _plain(value) for name, value in options.headers.items()},
            **self._storage(),
        }
        if options.sigv4 is not None:
            found |= {
                "rest.sigv4-enabled": "true",
                "rest.signing-name": options.sigv4.service,
                "rest.signing-region": options.sigv4.region or found["s3.region"],
            }
            found |= {
                f"client.{name}": found[f"s3.{name}"]
                for name in ("access-key-id", "secret-access-key", "session-token", "region")
            }
        return {name: value for name, value in found.items() if value}

    def _storage(self) -> dict[str, str | None]:
        options, s3 = self.options, self.options.s3
        region = (
            s3.region
            or os.environ.get("AWS_REGION")
            or os.environ.get("AWS_DEFAULT_REGION")
            # AWS tells a bucket's region when asked, others do not.
            or (_LOCAL_REGION if s3.endpoint_url else None)
        )
        return {
            "s3.endpoint": s3.endpoint_url,
            "s3.region": region,
            "s3.access-key-id": s3.access_key_id,
            "s3.secret-access-key": _plain(s3.secret_access_key),
            "s3.session-token": _plain(s3.session_token),
            "s3.force-virtual-addressing": "true" if s3.path_style is False else None,
            "s3.connect-timeout": f"{options.timeout:g}",
            "s3.request-timeout": f"{options.timeout:g}",
        }


def _plain(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret is not None else ""


def _require_boto3() -> None:
    try:
        import boto3  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            "catalog.sigv4 needs the package boto3; pip install 'lakefall[s3]'"
        ) from error
