"""The pages in ``docs/`` say what the code says."""

from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path
from types import ModuleType

import pytest
import typer

from lakefall.cli.app import app
from lakefall.config.description import options_of, problems_of
from lakefall.config.document import Settings
from lakefall.contract.hooks import CatalogueHooks, StepHooks
from lakefall.contract.plugin import Stage
from lakefall.contract.sink_hooks import SinkHooks
from lakefall.plugin_loading.catalogue import Catalogue

ROOT = Path(__file__).parents[2]
CATALOGUE = Catalogue.default()
PLUGINS = [(stage, name) for stage in Stage for name in CATALOGUE.names(stage)]
HOOKS = [
    (specification, name)
    for specification in (CatalogueHooks, StepHooks, SinkHooks)
    for name, value in vars(specification).items()
    if hasattr(value, "lakefall_spec")
]


def _reference() -> ModuleType:
    path = ROOT / "tools" / "reference.py"
    spec = importlib.util.spec_from_file_location("reference", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


REFERENCE = _reference()


@pytest.mark.parametrize("page", ["hooks.md", "options.md", "commands.md"])
def test_a_page_is_what_the_code_says(page: str) -> None:
    written = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert written == REFERENCE.PAGES[page](), "run `make docs`"


@pytest.mark.parametrize(("specification", "hook"), HOOKS)
def test_every_hook_stands_in_the_docs(specification: type, hook: str) -> None:
    page = (ROOT / "docs" / "hooks.md").read_text(encoding="utf-8")
    section = page.split(f"### `{hook}`\n")[1].split("###")[0]
    function = getattr(specification, hook)
    first = (inspect.getdoc(function) or "").splitlines()[0]
    assert len(first) > 20
    assert first.replace("``", "`") in section
    for parameter in inspect.signature(function).parameters:
        assert parameter == "self" or f"{parameter}:" in section


@pytest.mark.parametrize(("stage", "name"), PLUGINS)
def test_every_plugin_and_option_stands_in_the_docs(stage: Stage, name: str) -> None:
    page = (ROOT / "docs" / "options.md").read_text(encoding="utf-8")
    section = page.split(f"### {stage} `{name}`\n")[1].split("\n### ")[0]
    plugin = CATALOGUE.get(stage, name)
    assert list(problems_of(plugin)) == []
    for option in options_of(plugin.options_model):
        assert option.description, option.name
        assert f"| `{option.name}` |" in section


def test_every_section_of_a_pipeline_file_is_described() -> None:
    assert [o.name for o in options_of(Settings) if not o.description] == []


def test_every_command_stands_in_the_docs() -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for name in commands:
        assert f"## `lakefall {name}`\n" in page
