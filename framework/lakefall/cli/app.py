"""All commands, put together. Nothing heavy is imported before a command runs."""

from __future__ import annotations

from typing import Annotated

import typer

from lakefall.cli import files, pipelines, plugins, runs, tables
from lakefall.cli.watch import watch

app = typer.Typer(
    name="lakefall",
    no_args_is_help=True,
    add_completion=False,
    # Plain help: it starts twice as fast, and can be searched.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(wanted: bool) -> None:
    if wanted:
        from lakefall import __version__

        typer.echo(f"lakefall {__version__}")
        raise typer.Exit


@app.callback()
def lakefall(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """Files fall into a bucket; tables rise in the lake.

    A YAML file describes a pipeline: where CSV files come from, how they are read, which types
    their columns get, and which tables they become.

    \b
    lakefall plan pipelines/local.yaml     what would be done, and why
    lakefall run pipelines/local.yaml      do it
    lakefall query pipelines/local.yaml "SELECT count(*) FROM customers"

    Exit codes: 0 success, 1 an error (also wrong usage), 130 interrupted; `plan` exits with 2
    when there is something to do. Every --json prints one object a line on standard output;
    messages go to standard error.
    """


COMMANDS = (
    *(runs.run, runs.plan, watch),
    *(files.sniff, files.infer, files.clean),
    *(pipelines.lint, pipelines.schema, pipelines.explain, pipelines.check),
    *(tables.status, tables.rejects, runs.retry, tables.forget),
    *(runs.rebuild, tables.maintain, tables.repair, tables.query),
)
for command in COMMANDS:
    app.command()(command)
app.add_typer(tables.registry, name="registry")
app.add_typer(plugins.plugins, name="plugins")
