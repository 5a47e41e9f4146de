"""Descriptions of options are the docstrings under them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pydantic import Field

from lakefall.contract import docstrings
from lakefall.contract.plugin import Options
from lakefall.plugin_loading.catalogue import import_file


class Base(Options):
    first: int = 1
    """Of the base,
    on two lines."""
    shared: int = 2
    """What the base says."""


class Derived(Base):
    shared: int = 3
    """What the derived says."""
    silent: int = 4
    said: int = Field(default=5, description="By the field.")
    """Not this."""
    named: int = Field(default=6, alias="as")
    """Under its alias in the schema."""


def test_the_text_under_an_attribute_and_those_of_the_bases() -> None:
    assert Derived.descriptions() == {
        "first": "Of the base,\non two lines.",
        "shared": "What the derived says.",
        "silent": "",
        "said": "By the field.",
        "named": "Under its alias in the schema.",
    }
    assert Base.descriptions()["shared"] == "What the base says."


def test_a_json_schema_has_them() -> None:
    properties = Derived.model_json_schema()["properties"]
    assert properties["as"]["description"] == "Under its alias in the schema."
    assert properties["first"]["description"] == "Of the base,\non two lines."
    assert "description" not in properties["silent"]


def test_a_class_of_a_plugin_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "from lakefall.contract.plugin import Options\n\n\n"
        "def make():\n"
        "    class Mine(Options):\n"
        "        rate: float = 0.5\n"
        '        """How much."""\n\n'
        "    return Mine\n"
    )
    assert import_file(path).make().descriptions() == {"rate": "How much."}


def test_another_module_took_the_name_of_its_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "from lakefall.contract.plugin import Options\n\n\n"
        "class Mine(Options):\n"
        '    rate: float = 0.5\n    """How much."""\n'
    )
    module = import_file(path)
    monkeypatch.setitem(sys.modules, module.__name__, sys)
    assert module.Mine.descriptions() == {"rate": "How much."}


def test_a_class_without_a_file_has_none() -> None:
    made = type("Made", (docstrings.Described,), {"__annotations__": {"x": int}})
    assert docstrings.of_attributes(made) == {}
