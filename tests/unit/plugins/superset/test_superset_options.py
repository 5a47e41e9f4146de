"""What a pipeline file may say about Superset, and what comes of it without a server."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lakefall.contract.values import Column, TableState
from lakefall_plugins.registrars.superset import datasets
from lakefall_plugins.registrars.superset.datasets import Api, Dataset
from lakefall_plugins.registrars.superset.options import SupersetOptions
from lakefall_plugins.registrars.superset.registrar import ComparedDatasets
from lakefall_plugins.registrars.superset.session import Session

GIVEN = {"url": "http://superset:8088", "username": "loader", "password": "very secret"}
AT = datetime(2026, 1, 1, tzinfo=UTC)


def options(**given: Any) -> SupersetOptions:
    return SupersetOptions.model_validate({**GIVEN, **given})


def test_defaults_are_those_of_the_flagship() -> None:
    found = options()
    assert (found.database, found.catalog, found.dataset_schema) == (
        "Trino Lakehouse",
        "iceberg",
        "",
    )
    assert (found.provider, found.certificates) == ("db", True)
    assert "very secret" not in repr(found)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"url": ""}, "expected a URL such as"),
        ({"url": "superset:8088"}, "expected a URL such as"),
        ({"url": "http://superset:port"}, "expected a URL such as"),
        ({"url": "http://me:very@superset"}, "no user and password in the URL"),
        ({"url": "http://superset/?next=1"}, "without a query"),
        ({"username": ""}, "at least 1 character"),
        ({"timeout": "0s"}, "greater than 0"),
    ],
)
def test_what_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said) as caught:
        options(**given)
    assert "very" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "certificates"),
    [("", True), ("no", False), (False, False), ("ca.pem", "ca.pem"), ("true", True)],
)
def test_verify_is_a_word_or_a_file(given: object, certificates: bool | str) -> None:
    found = options(verify=given).certificates
    assert found == certificates or str(found).endswith(str(certificates))


def test_the_url_may_have_a_prefix_and_a_slash() -> None:
    assert options(url="https://host/superset/").url == "https://host/superset"


# --- columns ---


def state(**types: str) -> TableState:
    return TableState("t", tuple(Column(n, n, t, nullable=True) for n, t in types.items()))


def shown(**types: str) -> list[datasets.Column]:
    named = [{"column_name": n, "type": t} for n, t in types.items()]
    return [*named, {"column_name": "_source_file", "type": "VARCHAR"}]


def test_types_are_compared_as_both_write_them() -> None:
    ours = state(a="DECIMAL(18,2)", b="TIMESTAMP", c="VARCHAR", d="BIGINT")
    theirs = shown(a="DECIMAL(18, 2)", b="TIMESTAMP(6)", c="VARCHAR", d="BIGINT")
    assert not datasets.is_behind(theirs, ours)
    ours = state(a="TIME", b="TIMESTAMP WITH TIME ZONE", c="UUID", d="JSON")
    theirs = shown(a="TIME(6)", b="TIMESTAMP(6) WITH TIME ZONE", c="UNKNOWN", d="VARCHAR")
    assert not datasets.is_behind(theirs, ours)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({"a": "INTEGER"}, {"a": "BIGINT"}),
        ({"a": "INTEGER"}, {"a": "INTEGER", "b": "DATE"}),
        ({"a": "INTEGER", "b": "DATE"}, {"a": "INTEGER"}),
        ({"a": "DECIMAL(9, 2)"}, {"a": "DECIMAL(18,2)"}),
        ({"a": "TIMESTAMP(6)"}, {"a": "TIMESTAMP WITH TIME ZONE"}),
        ({"a": "VARCHAR"}, {"a": "UUID"}),
    ],
)
def test_a_dataset_that_is_behind(theirs: dict[str, str], ours: dict[str, str]) -> None:
    assert datasets.is_behind(shown(**theirs), state(**ours))


def test_a_calculated_column_is_no_column_of_the_table() -> None:
    calculated = {"column_name": "b", "type": "DOUBLE", "expression": "a * 2"}
    assert not datasets.is_behind([*shown(a="INTEGER"), calculated], state(a="INTEGER"))
    assert not datasets.is_behind([*shown(a="INTEGER"), calculated], state(a="INTEGER", b="DATE"))


# --- memory ---


def test_only_the_same_dataset_after_the_same_load_is_known(tmp_path: Path) -> None:
    api = Api(Session(options()), "lakehouse")
    dataset = Dataset(7, "t", "iceberg", "2026-01-01T00:00:00", virtual=False)
    memory = ComparedDatasets.load(tmp_path, api)
    assert not memory.knows(dataset, AT)
    memory.keep(dataset, AT)
    memory.save()
    again = ComparedDatasets.load(tmp_path, api)
    assert again.knows(dataset, AT)
    assert not again.knows(dataset, AT.replace(day=2))
    assert not again.knows(Dataset(8, "t", "iceberg", dataset.changed, virtual=False), AT)
    assert not again.knows(Dataset(7, "t", "iceberg", "later", virtual=False), AT)
    assert not ComparedDatasets.load(tmp_path, Api(Session(options()), "other")).knows(dataset, AT)


@pytest.mark.parametrize("content", ["", "[]", "{", "\x00"])
def test_a_damaged_memory_is_an_empty_one(tmp_path: Path, content: str) -> None:
    api = Api(Session(options()), "lakehouse")
    dataset = Dataset(7, "t", "iceberg", "", virtual=False)
    memory = ComparedDatasets.load(tmp_path, api)
    memory.keep(dataset, AT)
    memory.save()
    (path,) = tmp_path.iterdir()
    path.write_text(content)
    assert not ComparedDatasets.load(tmp_path, api).knows(dataset, AT)
