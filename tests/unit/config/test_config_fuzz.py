"""Whatever stands in a pipeline file: it loads, or a ConfigError says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakefall.config.loader import read
from lakefall.contract.errors import ConfigError
from lakefall.plugin_loading.catalogue import Catalogue

WORDS = [
    *("version", "name", "plugins", "source", "sniffer", "reader", "type_inferer", "validator"),
    *("sink", "catalog_registrar", "schedule", "tables", "engine", "cache", "use", "as", "types"),
    *("box", "csv", "stdlib", "threshold", "money", "lake", "web", "rules", "path", "catalog"),
    *("type", "rest", "sqlite", "delimiter", "columns", "include", "headers", "names", "a_*"),
    *("${HOME}", "${X:-y}", "${", "$$", "8KB", "@daily", "2024-01-01", "varchar", "integer"),
]
LEAVES = st.sampled_from(WORDS) | st.none() | st.booleans() | st.integers(-2, 2) | st.text()
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5)
    ),
    max_leaves=25,
)
GOOD: dict[str, Any] = {
    "source": {"use": "box", "path": "x"},
    "sink": {"use": "lake", "catalog": {"type": "rest", "uri": "x"}},
}


@pytest.mark.slow
@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.dictionaries(st.sampled_from(WORDS), TREES, max_size=5),
    st.booleans(),
    st.lists(st.tuples(st.lists(st.sampled_from(WORDS), max_size=3), st.text(max_size=5))),
)
def test_loads_or_says_why(
    tmp_path: Path,
    catalogue: Catalogue,
    document: dict[str, Any],
    good: bool,
    sets: list[tuple[list[str], str]],
) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(yaml.safe_dump({**(GOOD if good else {}), **document}), encoding="utf-8")
    texts = [f"{'.'.join(steps)}={value}" for steps, value in sets]
    try:
        file = read(path, catalogue=catalogue, environ={"HOME": "h"}, sets=texts)
        for table in ("", "a_b", "csv"):
            file.config(table)
    except ConfigError as error:
        assert error.problems
        for problem in error.problems:
            assert problem.startswith((f"{path}:", "--set"))


@pytest.mark.parametrize("value", ["", "x", "1", "[]", "{}", "[1]", "{a: 1}", "~", "true", "[[]]"])
@pytest.mark.parametrize("section", ["plugins", "engine", "cache", "schedule", "tables", "reader"])
def test_every_section_with_every_kind_of_value(
    tmp_path: Path, catalogue: Catalogue, section: str, value: str
) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(f"{yaml.safe_dump(GOOD)}{section}: {value}\n")
    try:
        read(path, catalogue=catalogue, environ={})
    except ConfigError as error:
        assert [problem.partition(": ")[0] for problem in error.problems] == [f"{path}:9"] * len(
            error.problems
        )
