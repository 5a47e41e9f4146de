"""lakefall and others, asked for a file's table as text: header first, then the records."""

from __future__ import annotations

import csv
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Loader = Callable[[str], list[list[Any]]]


def pipeline_run(*sets: str) -> AbstractContextManager[Any]:
    """A run of a pipeline with the default options and these.

    Args:
        sets: ``sniffer.header=present`` and the like.
    """
    from lakefall.cli.files import scratch_run

    return scratch_run(None, list(sets))


def local_file(path: Path) -> Any:
    from lakefall.contract.values import LocalFile, SourceFile

    stat = path.stat()
    when = datetime.fromtimestamp(stat.st_mtime, UTC)
    # Scratch files are named after key and change token.
    file = SourceFile("t/file.csv", str(path), stat.st_size, when, "t", "t")
    return LocalFile(file, path, stat.st_size)


def rows_of(records: Any, run: Any) -> list[tuple[str | None, ...]]:
    """All rows of opened records."""
    from lakefall.common import sql

    columns = len(records.header)
    with sql.connect(run.pipeline.config.engine, run.workdir, columns=columns) as connection:
        rows: list[tuple[str | None, ...]] = connection.execute(
            f"SELECT * FROM {records.sql}"
        ).fetchall()
    return rows


def lakefall(run: Any) -> Loader:
    """What ``run`` would load, before it is given types."""

    def load(path: str) -> list[list[Any]]:
        local = local_file(Path(path))
        records = run.pipeline.open(run, local, run.pipeline.sniff(run, local, None))
        return [list(records.header), *map(list, rows_of(records, run))]

    return load


def stdlib(path: str) -> list[list[Any]]:
    with Path(path).open(encoding="utf-8", errors="replace", newline="") as stream:
        text = stream.read(8192)
        stream.seek(0)
        try:
            found: Any = csv.Sniffer().sniff(text, ",;\t|")
        except csv.Error:
            found = "excel"
        return list(csv.reader(stream, found))


def clevercsv(path: str) -> list[list[Any]]:
    import clevercsv as library

    with Path(path).open(encoding="utf-8", errors="replace", newline="") as stream:
        found = library.Sniffer().sniff(stream.read(64_000))
        stream.seek(0)
        return [list(row) for row in library.reader(stream, found or "excel")]


def duckdb(path: str) -> list[list[Any]]:
    import duckdb as engine

    lenient = (
        "all_varchar=true, ignore_errors=true, strict_mode=false, null_padding=true, parallel=false"
    )
    with engine.connect() as connection:
        found = connection.execute(f"SELECT * FROM read_csv(?, {lenient})", [path])
        header = [column[0] for column in found.description or ()]
        return [header, *map(list, found.fetchall())]


LOADERS: dict[str, tuple[Loader, str]] = {
    "csv.Sniffer, 8 KB": (stdlib, "csv"),
    "clevercsv": (clevercsv, "clevercsv"),
    "DuckDB, lenient": (duckdb, "duckdb"),
}
