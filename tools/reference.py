"""Write ``docs/hooks.md``, ``docs/options.md`` and ``docs/commands.md`` from the code.

``make docs`` writes them; a test compares them with what this module makes.
"""

from __future__ import annotations

import inspect
import io
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

from lakefall.config.description import DescribedOption, described, options_of
from lakefall.config.document import Settings
from lakefall.contract.hooks import CatalogueHooks, StepHooks
from lakefall.contract.plugin import Stage
from lakefall.contract.sink_hooks import SinkHooks
from lakefall.plugin_loading.catalogue import Catalogue

DOCS = Path(__file__).parents[1] / "docs"
NOTE = "<!-- Made by `make docs` from the code; change it there. -->\n"


def hooks() -> str:
    """Every hook: when it is called, who answers, what it may raise."""
    parts = [
        "# Hooks\n",
        NOTE,
        "A plugin implements hooks as methods marked with `@hookimpl` "
        "(`from lakefall.contract.plugin import hookimpl`). It may take fewer arguments than a "
        "hook declares. The values are those of `lakefall.contract.values`.\n",
    ]
    for title, specification in (
        ("Of a package: which plugins exist", CatalogueHooks),
        ("Of a plugin: the steps", StepHooks),
        ("Of a sink", SinkHooks),
    ):
        parts.append(f"## {title}\n")
        for name, function in vars(specification).items():
            options = getattr(function, "lakefall_spec", None)
            if options is None:
                continue
            answers = "the first that is not None" if options["firstresult"] else "all of them"
            parts += [
                f"### `{name}`\n",
                f"```python\n{_signature(name, function)}\n```\n",
                f"Answers: {answers}.\n",
                f"{_prose(function)}\n",
            ]
    return "\n".join(parts)


def _signature(name: str, function: Any) -> str:
    signature = inspect.signature(function)
    given = [p for p in signature.parameters.values() if p.name != "self"]
    return f"{name}({', '.join(map(str, given))}) -> {signature.return_annotation}".replace("'", "")


def _prose(function: Any) -> str:
    """The docstring as Markdown: errors as a list, code in single backticks."""
    text = (inspect.getdoc(function) or "").replace("``", "`")
    text = text.replace("Raises:\n", "Raises:\n\n")
    return re.sub(r"^    (\S.*)$", r"- \1", text, flags=re.MULTILINE)


def options() -> str:
    """Every built-in plugin with its options and their defaults."""
    parts = [
        "# Plugins and their options\n",
        NOTE,
        "`lakefall plugins describe NAME` shows the same, for installed third parties too; "
        "`lakefall schema` prints a JSON Schema of pipeline files for editors.\n",
    ]
    parts += ["## Sections of a pipeline file that are no plugins\n", _table(options_of(Settings))]
    catalogue = Catalogue.default()
    for stage in Stage:
        names = catalogue.names(stage)
        parts += [f"## {stage}\n"] if names else []
        for name in names:
            parts += _plugin(catalogue, stage, name)
    return "\n".join(parts)


def _plugin(catalogue: Catalogue, stage: Stage, name: str) -> Iterator[str]:
    told = described(catalogue.get(stage, name))
    yield f"### {stage} `{name}`\n"
    yield f"{_markdown(told.description)}\n"
    yield _table(told.options) if told.options else "No options.\n"


def _table(options: Iterable[DescribedOption]) -> str:
    rows = ["| option | type | default | what it does |", "|---|---|---|---|"]
    for option in options:
        default = option.default and f"`{option.default}`"
        cells = (f"`{option.name}`", option.type, default, _markdown(option.description))
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def _markdown(text: str) -> str:
    return text.replace("``", "`")


def commands() -> str:
    """The help of every command."""
    import typer

    from lakefall.cli.app import app

    parts = ["# Commands\n", NOTE]

    def walk(path: tuple[str, ...], command: Any) -> None:
        parts.extend((f"## `{' '.join(('lakefall', *path))}`\n", f"```text\n{_help(path)}```\n"))
        for name, child in getattr(command, "commands", {}).items():
            walk((*path, name), child)

    walk((), typer.main.get_command(app))
    return "\n".join(parts)


def _help(path: tuple[str, ...]) -> str:
    from lakefall.cli import main

    with (
        patch.dict(os.environ, COLUMNS="100"),
        redirect_stdout(io.StringIO()) as out,
        suppress(SystemExit),
    ):
        main([*path, "--help"])
    return out.getvalue()


PAGES = {"hooks.md": hooks, "options.md": options, "commands.md": commands}

if __name__ == "__main__":
    DOCS.mkdir(exist_ok=True)
    for page, make in PAGES.items():
        (DOCS / page).write_text(make(), encoding="utf-8")
        print(f"docs/{page}")
