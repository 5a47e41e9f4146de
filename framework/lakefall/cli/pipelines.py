"""``lint``, ``schema``, ``explain``, ``check``: pipeline files themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lakefall.cli.parameters import Json, PipelineFile, Set


def lint(
    pipeline: Annotated[
        list[Path], typer.Argument(metavar="PIPELINE...", help="YAML files, or folders of them.")
    ],
    json: Json = False,
) -> None:
    """Find everything that is wrong with pipeline files.

    Connects to nothing. Each finding names file, line and option, and what to write instead. With
    --json, each object holds: problem.

    \b
    Example: lakefall lint pipelines/
    """
    from lakefall.cli.output import emit, say
    from lakefall.config.loader import lint as problems_of

    problems = problems_of(pipeline)
    for problem in problems:
        if json:
            emit({"problem": problem})
        else:
            say(problem)
    if not problems and not json:
        say("no problems")
    raise typer.Exit(1 if problems else 0)


def schema() -> None:
    """Print the JSON Schema of pipeline files.

    It is made from the plugins that are installed. Editors that know it complete option names and
    show what they mean.

    \b
    Example: lakefall schema > pipeline.schema.json
    """
    import json

    from lakefall.config.schema import json_schema
    from lakefall.plugin_loading.catalogue import Catalogue

    typer.echo(json.dumps(json_schema(Catalogue.default()), indent=2))


def explain(
    pipeline: PipelineFile,
    table: Annotated[str, typer.Argument(metavar="TABLE", help="A table's name.")],
    sets: Set = [],
    json: Json = False,
) -> None:
    """Show a table's options, each with where it came from.

    That is a line of the YAML file, an override of `tables:`, --set, the environment, or the
    default. Secrets are not shown. With --json, each object holds: option, value, where.

    \b
    Example: lakefall explain pipelines/local.yaml orders
    """
    from lakefall.cli.output import emit
    from lakefall.cli.output import table as show
    from lakefall.config.loader import load

    origins = load(pipeline, sets=sets, table=table).origins
    if json:
        for option, origin in origins.items():
            emit({"option": option, "value": origin.value, "where": origin.where})
        return
    show(
        ["option", "value", "where"],
        [[option, _written(o.value), o.where] for option, o in origins.items()],
    )


def _written(value: object) -> str:
    """A value as the YAML file would say it."""
    import json

    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


def check(
    pipeline: PipelineFile,
    connect: Annotated[
        bool, typer.Option("--connect", help="Reach the servers and ask how they are.")
    ] = False,
    sets: Set = [],
    json: Json = False,
) -> None:
    """Find out whether a pipeline has what it needs.

    Without --connect nothing is reached: the file's options resolve, and the packages of its
    plugins are installed. With it the source, the catalog, and who is told about tables are asked:
    whether they answer, in which version, how fast, and what is missing. Writes nothing. Exits
    with 1 when something is missing. With --json, each object holds: subject, ok, message,
    version, seconds.

    \b
    Example: lakefall check pipelines/local.yaml --connect
    """
    from lakefall.cli.output import emit, say, table
    from lakefall.cli.parameters import running
    from lakefall.cli.reports import check_object
    from lakefall.plugin_loading import catalogue

    with running(pipeline, sets) as run:
        checks = catalogue.check(run.pipeline.config)
        if connect:
            checks += run.pipeline.check(run)
    if json:
        for one in checks:
            emit(check_object(one))
    else:
        table(
            ["what", "ok", "version", "ms", "message"],
            [[c.subject, c.ok, c.version, _milliseconds(c.seconds), c.message] for c in checks],
            right="ms",
        )
        if not connect:
            say("no server was asked; --connect reaches them")
    raise typer.Exit(0 if all(c.ok for c in checks) else 1)


def _milliseconds(seconds: float) -> int | None:
    return round(seconds * 1000) if seconds else None
