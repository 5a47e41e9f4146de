"""A file rewritten for people and other tools: UTF-8, commas, RFC 4180, the header first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lakefall.common import sql
from lakefall.contract.errors import LakefallError, UsageError
from lakefall.contract.run import Run
from lakefall.contract.values import Records, Skipped, text_column
from lakefall.files import archives, compression
from lakefall.run import single_file

FORMAT = """(FORMAT csv, HEADER false, DELIMITER ',', QUOTE '"', ESCAPE '"', NEW_LINE '\\r\\n')"""
"""RFC 4180: commas, doubled quotes, CRLF. A NULL becomes an empty field, an empty text ``""``."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What became of one file."""

    path: Path
    rejects: Path | None
    """Beside it, with the columns line, column, reason, text; None when there are none."""
    rows_read: int
    rows_written: int
    rows_rejected: int
    skipped: tuple[Skipped, ...]
    """As in ``Records``."""


def clean(run: Run, path: Path, out: Path, table: str = "", *, taken: dict[str, Path]) -> Cleaned:
    """Write ``path`` to a file of the same name in ``out``, without ``.gz`` and the like;
    with ``.csv`` behind it where it is of another format.

    ``taken`` holds the names already written in this call, so that no two files share one.

    Raises:
        UsageError: the target is the file itself, or another file's.
        LakefallError: the file cannot be read, or the target not be written.
    """
    records = single_file.read(run, path, table)
    target = out / compression.stem(path.name)
    if archives.is_archive(path.name) or records.format.reader != "csv":
        target = target.with_name(f"{target.name}.csv")
    if target.exists() and target.samefile(path):
        raise UsageError(f"{path} would overwrite itself; name another folder with --out")
    _refuse_taken(path, target, taken)
    rejects = None
    if records.rejects:
        rejects = target.with_name(f"{target.stem}.rejects{target.suffix}")
        _refuse_taken(path, rejects, taken)
        taken[rejects.name] = path
    out.mkdir(parents=True, exist_ok=True)
    taken[target.name] = path
    _write(run, _rows(records), target)
    if records.rejects and rejects:
        _write(run, _rejects(records.rejects), rejects)
    return Cleaned(
        target,
        rejects,
        records.rows_read,
        records.rows_good,
        records.rows_rejected,
        records.skipped,
    )


def _refuse_taken(path: Path, target: Path, taken: dict[str, Path]) -> None:
    if other := taken.get(target.name):
        raise UsageError(f"{path} and {other} would both become {target}; clean them apart")


def _rows(records: Records) -> str:
    columns = [f"{text_column(n)}::VARCHAR" for n in range(len(records.columns))]
    if len(columns) == 1:
        # An empty line would be taken for none; `""` is a row.
        columns = [f"coalesce({columns[0]}, '')"]
    return f"{_header(records.header)} UNION ALL SELECT {', '.join(columns)} FROM {records.sql}"


def _rejects(path: Path) -> str:
    names = ("line", "column", "reason", "text")
    columns = ", ".join(f"{sql.identifier(n)}::VARCHAR" for n in names)
    return f"{_header(names)} UNION ALL SELECT {columns} FROM {sql.parquet([path])}"


def _header(names: Sequence[str]) -> str:
    return f"SELECT {', '.join(sql.literal(n) for n in names)}"


def _write(run: Run, query: str, target: Path) -> None:
    import duckdb

    try:
        with sql.connect(run.pipeline.config.engine, run.workdir) as connection:
            sql.rows(connection, f"COPY ({query}) TO {sql.literal(str(target))} {FORMAT}")
    except duckdb.Error as error:
        target.unlink(missing_ok=True)
        raise LakefallError(f"cannot write {target}: {error}") from error
