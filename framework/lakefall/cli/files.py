"""``sniff``, ``infer``, ``clean``: single files on this machine, without a source or a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lakefall.cli.parameters import Files, Json, Set

if TYPE_CHECKING:
    from lakefall.contract.run import Run

OfPipeline = Annotated[
    Path | None,
    typer.Option("--pipeline", metavar="PIPELINE", help="Use this pipeline's options."),
]
ForTable = Annotated[
    str, typer.Option("--table", metavar="TABLE", help="With the options of this table.")
]


def sniff(
    file: Files,
    pipeline: OfPipeline = None,
    table: ForTable = "",
    sets: Set = [],
    json: Json = False,
) -> None:
    """Say how files are written: encoding, delimiter, header.

    Always answers with the likeliest reading, however unlikely. With --json, each object holds:
    path, delimiter, quotechar, escapechar, encoding, has_header, preamble_lines, line_terminator,
    confidence ('' for none); path and refused where the content is no text, or a document of
    another kind; or path and error.

    \b
    Example: lakefall sniff inbox/*/*.csv --json
    """
    from lakefall.cli.output import emit
    from lakefall.cli.reports import lines
    from lakefall.run import single_file

    def one(run: Run, path: Path) -> None:
        found = single_file.sniff(run, path, table)
        if json:
            emit({"path": str(path), **found.fields()})
        else:
            lines([f"{path}: {found.describe()}", *(f"  {e}" for e in found.evidence)])

    _each(file, pipeline, sets, one, json=json, refused="refused")


def infer(
    file: Files,
    pipeline: OfPipeline = None,
    table: ForTable = "",
    sets: Set = [],
    json: Json = False,
) -> None:
    """Say which columns files have, of which types, and why.

    Every record is read. With --json, each object holds: path, columns (name, source_name, type,
    nullable, evidence); or path and error.

    \b
    Example: lakefall infer orders.csv --set type_inferer.threshold=0.99
    """
    from lakefall.cli.output import emit
    from lakefall.cli.reports import columns_list, columns_table
    from lakefall.run import single_file

    def one(run: Run, path: Path) -> None:
        schema = single_file.infer(run, path, table)
        if json:
            emit({"path": str(path), "columns": columns_list(schema)})
        else:
            columns_table(schema, str(path))

    _each(file, pipeline, sets, one, json=json)


def clean(
    file: Files,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write into.")],
    pipeline: OfPipeline = None,
    table: ForTable = "",
    safe: Annotated[
        bool,
        typer.Option(
            "--safe-for-spreadsheets",
            help="Put an apostrophe before cells that a spreadsheet would run (=, +, -, @, tab).",
        ),
    ] = False,
    sets: Set = [],
    json: Json = False,
) -> None:
    """Rewrite files as UTF-8 with commas, header first.

    For people and other tools, as RFC 4180 says. Values stay as they are written. What cannot be
    read as a record is written beside each file, to NAME.rejects.csv. With --json, each object
    holds: path, out, rejects, rows_read, rows_written, rows_rejected, lines_skipped,
    lines_skipped_by_rule (the rule's name: lines), formulas (cells that a spreadsheet would run);
    or path and error.

    \b
    Example: lakefall clean exports/*.csv --out cleaned
    """
    from lakefall.cli.output import emit, say
    from lakefall.cli.reports import by_rule
    from lakefall.run import single_file

    taken: dict[str, Path] = {}
    formulas: dict[Path, int] = {}

    def one(run: Run, path: Path) -> None:
        cleaned = single_file.clean(run, path, out, table, taken=taken, safe=safe)
        if json:
            emit(
                {
                    "path": str(path),
                    "out": str(cleaned.path),
                    "rejects": str(cleaned.rejects or ""),
                    "rows_read": cleaned.rows_read,
                    "rows_written": cleaned.rows_written,
                    "rows_rejected": cleaned.rows_rejected,
                    "lines_skipped": sum(by_rule(cleaned.skipped).values()),
                    "lines_skipped_by_rule": by_rule(cleaned.skipped),
                    "formulas": cleaned.formulas,
                }
            )
        else:
            formulas[path] = cleaned.formulas
            beside = f", {cleaned.rows_rejected:,} rejected: {cleaned.rejects}"
            say(
                f"{path}: {cleaned.rows_written:,} rows in {cleaned.path}"
                f"{beside if cleaned.rejects else ''}"
            )

    try:
        _each(file, pipeline, sets, one, json=json)
    finally:
        found = [path for path, cells in formulas.items() if cells]
        if found and not safe:
            more = f" and {len(found) - 1} more files" if len(found) > 1 else ""
            say(
                f"{sum(formulas.values()):,} cells of {found[0]}{more} are formulas for a "
                "spreadsheet (=, +, -, @, tab); --safe-for-spreadsheets puts an apostrophe before "
                "them"
            )


def _each(
    files: list[Path],
    pipeline: Path | None,
    sets: list[str],
    one: Callable[[Run, Path], None],
    *,
    json: bool,
    refused: str = "error",
) -> None:
    """Do something with every file; one that fails is told and stops no other.

    ``refused`` is the key of the message where the file's content is known, and no table of text.
    """
    from lakefall.cli.output import emit, say
    from lakefall.contract.errors import NotTextError, as_foreseen

    failed = False
    with scratch_run(pipeline, sets) as run:
        for path in files:
            try:
                one(run, path)
            except Exception as error:  # noqa: BLE001 -- one file must not stop the others
                failed = True
                message = str(as_foreseen(error))
                if json:
                    key = refused if isinstance(error, NotTextError) else "error"
                    emit({"path": str(path), key: message})
                say(message if message.startswith(f"{path}:") else f"{path}: {message}")
    raise typer.Exit(1 if failed else 0)


DEFAULTS = """\
version: 1
name: defaults
source: {{use: folder, path: {source}}}
sniffer: [csv, jsonl, parquet, excel]
type_inferer: {{use: threshold}}
sink: {{use: iceberg, namespace: none, catalog: {{type: sqlite, warehouse: {folder}}}}}
cache: {{dir: {folder}}}
"""
"""What holds without --pipeline. Source and sink are never asked."""


@contextmanager
def scratch_run(pipeline: Path | None, sets: list[str]) -> Iterator[Run]:
    """A run in which single files are looked at; without a pipeline, under the defaults."""
    import json
    from tempfile import TemporaryDirectory

    from lakefall.cli.parameters import open_pipeline
    from lakefall.run.runner import Runner

    with TemporaryDirectory(prefix="lakefall_") as folder:
        if pipeline is None:
            pipeline = Path(folder) / "defaults.yaml"
            places = {"folder": json.dumps(folder), "source": json.dumps(f"{folder}/source")}
            pipeline.write_text(DEFAULTS.format(**places), encoding="utf-8")
        opened = open_pipeline(pipeline, sets)
        with Runner(opened).start(dry_run=True) as run:
            yield run
