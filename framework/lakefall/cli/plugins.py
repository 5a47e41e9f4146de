"""``plugins list``, ``plugins describe``, ``plugins check``, ``plugins new``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakefall.cli.parameters import Json

if TYPE_CHECKING:
    from lakefall.contract.plugin import Options, Plugin

plugins = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@plugins.callback()
def _plugins() -> None:
    """The plugins that pipelines can use."""


@plugins.command("list")
def list_plugins(json: Json = False) -> None:
    """List every plugin by stage.

    With --json, each object holds: stage, name, summary, origin, error ('' when it can be used).

    \b
    Example: lakefall plugins list
    """
    from lakefall.cli.output import emit, table
    from lakefall.plugin_loading.catalogue import Catalogue

    entries = Catalogue.default().entries()
    if json:
        for e in entries:
            emit(
                {
                    "stage": e.stage.value if e.stage else "",
                    "name": e.name,
                    "summary": e.summary,
                    "origin": e.origin,
                    "error": e.error,
                }
            )
        return
    table(
        ["stage", "name", "what it does", "from"],
        [[e.stage or "?", e.name, e.error or e.summary, e.origin] for e in entries],
    )


@plugins.command()
def describe(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What `use:` says.")],
    json: Json = False,
) -> None:
    """Describe a plugin: what it does, its hooks and options.

    Each option with its default. A name that several stages have is described for each. With
    --json, each object holds: stage, name, description, hooks, options (a JSON Schema).

    \b
    Example: lakefall plugins describe threshold
    """
    from lakefall.cli.output import emit, table
    from lakefall.cli.reports import lines
    from lakefall.config.description import described

    for plugin in _named(name):
        told = described(plugin)
        if json:
            emit(told.as_object())
            continue
        lines([f"{told.stage} {told.name}: {told.description}", f"hooks: {', '.join(told.hooks)}"])
        if told.options:
            table(
                ["option", "type", "default", "what it does"],
                [[o.name, o.type, o.default, o.description] for o in told.options],
            )


@plugins.command()
def check(
    name: Annotated[
        list[str], typer.Argument(metavar="[NAME]...", help="Only these; all if none is named.")
    ] = [],
    json: Json = False,
) -> None:
    """Check that plugins keep the contract.

    They can be imported, they and their options are described, and their hooks exist. With --json,
    each object holds: stage, name, problem ('' when there is none).

    \b
    Example: lakefall plugins check money
    """
    from lakefall.cli.output import emit, table
    from lakefall.config.description import problems_of
    from lakefall.plugin_loading.catalogue import Catalogue

    rows: list[dict[str, Any]] = []
    catalogue = Catalogue.default()
    if name:
        found = [p for one in name for p in _named(one)]
    else:
        entries = catalogue.entries()
        rows += [
            {"stage": e.stage.value if e.stage else "", "name": e.name, "problem": e.error}
            for e in entries
            if e.error
        ]
        found = [catalogue.get(e.stage, e.name) for e in entries if e.stage and not e.error]
    for plugin in found:
        problem = "; ".join(problems_of(plugin))
        rows.append({"stage": plugin.stage.value, "name": plugin.name, "problem": problem})
    if json:
        for row in rows:
            emit(row)
    else:
        table(
            ["stage", "name", "problem"],
            [[r["stage"], r["name"], r["problem"] or "none"] for r in rows],
        )
    raise typer.Exit(1 if any(row["problem"] for row in rows) else 0)


@plugins.command()
def new(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="source, format, type, inferer, validator, sink or registrar.",
        ),
    ],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What `use:` will say: money.")],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder to make the project in.")
    ] = Path(),
    json: Json = False,
) -> None:
    """Write a small project with a plugin that works, for you to change.

    It can be installed with pip, and has an entry point, a plugin of that kind, and a test with the
    suite that lakefall ships for it, which passes. A folder that exists is left alone. With --json,
    the object holds: project, files.

    \b
    Example: lakefall plugins new type money --out plugins
    """
    from lakefall.cli.output import emit, say
    from lakefall.cli.scaffold import write

    folder, files = write(kind, name, out)
    if json:
        emit({"project": str(folder), "files": [str(file) for file in files]})
    else:
        say(f"{folder} is made; `pip install -e '{folder}[test]'`, then `pytest {folder}`")


def _named(name: str) -> list[type[Plugin[Options]]]:
    """The plugins of that name, of whichever stage.

    Raises:
        PluginError: there is none, or it cannot be imported.
    """
    from lakefall.config.validation import did_you_mean
    from lakefall.contract.errors import PluginError
    from lakefall.contract.plugin import Stage
    from lakefall.plugin_loading.catalogue import Catalogue

    catalogue = Catalogue.default()
    found = [catalogue.get(stage, name) for stage in Stage if name in catalogue.names(stage)]
    if not found:
        known = sorted({n for stage in Stage for n in catalogue.names(stage)})
        raise PluginError(
            f"there is no plugin {name!r}{did_you_mean(name, known)}; `lakefall plugins list` "
            "shows all"
        )
    return found
