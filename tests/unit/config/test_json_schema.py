from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from lakefall.config.schema import json_schema
from lakefall.plugin_loading.catalogue import Catalogue

GOOD: dict[str, Any] = {
    "source": {"use": "box", "path": "x"},
    "sink": {"use": "lake", "catalog": {"type": "sqlite", "warehouse": "x"}},
}


def complaints(schema: dict[str, Any], **sections: object) -> list[str]:
    validator = jsonschema.Draft202012Validator(schema)
    return [error.json_path for error in validator.iter_errors({**GOOD, **sections})]


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"sniffer": "csv"},
        {"sniffer": ["csv", {"use": "stdlib", "as": "other"}]},
        {"sniffer": {"use": "csv", "sample_bytes": "8KB", "header": "${HEADER:-present}"}},
        {"sniffer": {"use": "csv", "sample_bytes": 8000, "strict": "${STRICT}"}},
        {"sink": {"use": "lake", "catalog": {"type": "rest", "uri": "${URI}"}}},
        {"type_inferer": {"use": "threshold", "types": ["integer", {"use": "money"}]}},
        {"engine": {"threads": "${N}"}, "schedule": {"cron": "@daily", "start_date": "2024-01-01"}},
        {"validator": [], "catalog_registrar": {"use": "web", "url": "x"}},
        {"tables": {"a_*": {"sniffer": {"delimiter": ";"}, "sink": {"max_rejected": "10%"}}}},
    ],
)
def test_accepts(schema: dict[str, Any], sections: dict[str, object]) -> None:
    assert complaints(schema, **sections) == []


@pytest.mark.parametrize(
    ("sections", "path"),
    [
        ({"snifer": "csv"}, "$"),
        ({"sniffer": "cvs"}, "$.sniffer"),
        ({"sniffer": {"use": "csv", "delimeter": ";"}}, "$.sniffer"),
        ({"sniffer": {"use": "csv", "min_confidence": 2}}, "$.sniffer"),
        ({"sniffer": {"use": "csv", "strict": "maybe"}}, "$.sniffer"),
        ({"sniffer": {"use": "csv", "header": "maybe"}}, "$.sniffer"),
        ({"sniffer": {"delimiter": ";"}}, "$.sniffer"),
        ({"sniffer": []}, "$.sniffer"),
        ({"source": "box"}, "$.source"),
        ({"sink": {"use": "lake"}}, "$.sink"),
        ({"sink": {"use": "lake", "catalog": {"type": "glue"}}}, "$.sink"),
        ({"type_inferer": {"use": "threshold", "types": ["intger"]}}, "$.type_inferer"),
        ({"engine": {"thread": 1}}, "$.engine"),
        ({"tables": {"a": {"source": {}}}}, "$.tables.a"),
        ({"tables": {"a": {"sniffer": {"delimeter": 1}}}}, "$.tables.a.sniffer"),
    ],
)
def test_refuses(schema: dict[str, Any], sections: dict[str, object], path: str) -> None:
    assert complaints(schema, **sections) == [path]


def test_every_option_is_a_discriminated_union_with_descriptions(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    box = schema["$defs"]["source.box"]
    assert box["properties"]["use"]["const"] == "box"
    assert box["properties"]["path"]["description"] == "Where the files lie."
    assert box["additionalProperties"] is False
    assert box["required"] == ["use", "path"]


def test_broken_plugins_are_left_out() -> None:
    catalogue = Catalogue([("source", "gone", "no_such_module:X", "")])
    assert "source.gone" not in json_schema(catalogue)["$defs"]


def test_the_shipped_pipeline_fits() -> None:
    document = yaml.safe_load((Path(__file__).parents[3] / "pipelines/local.yaml").read_text())
    validator = jsonschema.Draft202012Validator(json_schema(Catalogue.default()))
    assert [error.message for error in validator.iter_errors(document)] == []
