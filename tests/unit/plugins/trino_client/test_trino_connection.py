"""Where Trino is and who asks, as a pipeline file says it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from lakefall_plugins.sinks.trino.options import TrinoOptions
from lakefall_plugins.trino_client.connection import TrinoConnection


def test_what_is_empty_is_not_set() -> None:
    options = TrinoConnection.model_validate(
        {"url": "https://trino", "user": "", "password": "", "jwt": "", "verify": ""}
    )
    assert (options.user, options.password, options.jwt) == ("lakefall", None, None)
    assert options.certificates is True


@pytest.mark.parametrize("secret", ["password", "jwt"])
def test_secrets_travel_encrypted_only_and_are_not_shown(secret: str) -> None:
    with pytest.raises(ValidationError, match="unencrypted") as raised:
        TrinoConnection.model_validate({"url": "http://localhost:8080", secret: "very-secret"})
    assert "very-secret" not in str(raised.value)
    options = TrinoConnection.model_validate({"url": "https://trino", secret: "very-secret"})
    assert "very-secret" not in repr(options)


def test_one_kind_of_credentials() -> None:
    with pytest.raises(ValidationError, match="expected one of them"):
        TrinoConnection.model_validate({"url": "https://trino", "password": "a", "jwt": "b"})


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("trino:8080", "expected a URL"),
        ("ftp://trino", "expected a URL"),
        ("http://", "expected a URL"),
        ("http://trino:99999", "expected a URL"),
        ("https://me:pw@trino", "no user and password"),
        ("https://trino/ui", "without a path"),
    ],
)
def test_urls_that_cannot_be_used(url: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        TrinoConnection.model_validate({"url": url})


@pytest.mark.parametrize(
    ("url", "port"), [("http://trino", 80), ("https://trino/", 443), ("http://trino:8080", 8080)]
)
def test_the_port(url: str, port: int) -> None:
    assert TrinoConnection(url=url).port == port


def test_certificates() -> None:
    made = TrinoConnection.model_validate
    assert made({"url": "https://trino", "verify": "false"}).certificates is False
    options = TrinoConnection.model_validate(
        {"url": "https://trino", "verify": "ca.pem"}, context={"folder": Path("/etc/pipelines")}
    )
    assert options.certificates == "/etc/pipelines/ca.pem"


def test_where_is_not_what() -> None:
    """Options that say where are no reason to try a failed file again."""
    named = TrinoOptions.connection
    assert named <= set(TrinoOptions.model_fields)
    assert not named & {"namespace", "evolution", "on_type_conflict", "max_rejected"}
