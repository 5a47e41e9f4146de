"""What the source s3 takes for options and for keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lakefall_plugins.sources.s3.keys import folder_of, printable, problem_of
from lakefall_plugins.sources.s3.options import S3Options

SECRET = "swordfish"


def options(**given: Any) -> S3Options:
    return S3Options.model_validate({"bucket": "csv-uploads", **given})


def test_empty_texts_are_options_not_given() -> None:
    names = ("endpoint_url", "region", "access_key_id", "secret_access_key", "session_token",
             "profile", "path_style", "verify")  # fmt: skip
    assert options(**dict.fromkeys(names, "")) == options()


def test_the_bucket_is_named_in_the_path_where_there_is_an_endpoint() -> None:
    assert not options().by_path
    assert options(endpoint_url="http://localhost:8333").by_path
    assert not options(endpoint_url="http://localhost:8333", path_style=False).by_path
    assert options(path_style="true").by_path


def test_verify_is_a_word_or_a_file() -> None:
    assert options(verify="False").verify is False
    assert options(verify="yes").verify is True
    found = S3Options.model_validate(
        {"bucket": "csv-uploads", "verify": "ca.pem"}, context={"folder": Path("/etc/lake")}
    )
    assert found.verify == Path("/etc/lake/ca.pem")


@pytest.mark.parametrize(
    "given",
    [
        {"bucket": "s3://csv-uploads"},
        {"bucket": "csv-uploads/folder"},
        {"bucket": ""},
        {"endpoint_url": "localhost:8333"},
        {"endpoint_url": "ftp://localhost"},
        {"endpoint_url": f"http://key:{SECRET}@localhost"},
        {"endpoint_url": "http://localhost?x=1"},
        {"secret_access_key": SECRET},
        {"access_key_id": "a"},
        {"session_token": SECRET},
        {"access_key_id": "a", "secret_access_key": SECRET, "profile": "p"},
        {"max_attempts": 0},
        {"read_timeout": 0},
    ],
)
def test_what_cannot_work_is_refused_without_showing_a_secret(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        options(**given)
    assert SECRET not in str(caught.value)


def test_secrets_are_not_shown() -> None:
    made = options(access_key_id="AKIA", secret_access_key=SECRET, session_token=SECRET)
    assert SECRET not in repr(made) + str(made) + made.model_dump_json()


@pytest.mark.parametrize(
    ("key", "folder", "problem"),
    [
        ("t/a.csv", "t", ""),
        ("t/x/..a/b..csv", "t", ""),
        ("a.csv", "", ""),
        ("t/../x.csv", "t", "'..'"),
        ("../x.csv", "..", "'..'"),
        ("t/./x.csv", "t", "'.'"),
        ("t//x.csv", "t", "empty part"),
        ("/t/x.csv", "/", "begins with '/'"),
        ("t/x.csv/", "t", "ends with '/'"),
        ("t/a\nb.csv", "t", "control characters"),
        ("t/a\0b.csv", "t", "control characters"),
        ("t/a\x9bb.csv", "t", "control characters"),
    ],
)
def test_keys_that_are_no_safe_path_have_a_problem(key: str, folder: str, problem: str) -> None:
    assert folder_of(key) == folder
    assert problem in problem_of(key)
    assert bool(problem) == bool(problem_of(key))
    assert printable(printable(key)).isprintable()
