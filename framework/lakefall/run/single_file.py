"""One file on its own: how it is written, what its columns are, and a clean copy of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lakefall.common import sql
from lakefall.contract.errors import (
    FileVanishedError,
    LakefallError,
    LowConfidenceError,
    NoHeaderError,
    UsageError,
)
from lakefall.contract.run import Run
from lakefall.contract.values import (
    Format,
    LocalFile,
    Records,
    Schema,
    Skipped,
    SourceFile,
    text_column,
)
from lakefall.files import archives, compression
from lakefall.tabular import declared
from lakefall.tabular.conservation import opened


def sniff(run: Run, path: Path, table: str = "") -> Format:
    """How the file is most likely written, under the pipeline's (and the table's) options.

    Raises:
        LowConfidenceError, NoHeaderError: the sniffer has no idea at all.
    """
    run = run.for_table(table)
    local = _local(run, path, table)
    try:
        return run.pipeline.sniff(run, local, None)
    except (LowConfidenceError, NoHeaderError) as error:
        if error.format is None:
            raise
        return error.format


def read(run: Run, path: Path, table: str = "") -> Records:
    """The file's records, counted and proved."""
    run = run.for_table(table)
    local = _local(run, path, table)
    return opened(run, local, run.pipeline.sniff(run, local, None))


def infer(run: Run, path: Path, table: str = "") -> Schema:
    """The file's columns, decided over all of its records."""
    records = read(run, path, table)
    run = run.for_table(table)
    return declared.infer(run, [records], None)


def _local(run: Run, path: Path, table: str) -> LocalFile:
    try:
        stat = path.stat()
    except OSError as error:
        raise FileVanishedError(f"{path}: {error.strerror}") from error
    if path.is_dir():
        raise FileVanishedError(f"{path}: is a folder; name the files in it")
    modified = datetime.fromtimestamp(stat.st_mtime, UTC)
    file = SourceFile(path.name, str(stat.st_mtime_ns), stat.st_size, modified, table, table)
    found = run.pipeline.expand(run, LocalFile(file, path, stat.st_size))
    if len(found) > 1:
        raise UsageError(
            f"{path}: holds {len(found):,} files ({found[0].member}, ...); expand it and name one"
        )
    return found[0]


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
    formulas: int
    """Cells that a spreadsheet would run, names and rejects included."""


@dataclass(frozen=True, slots=True)
class _Rows:
    """SQL of a header and of the rows below it, all of them text."""

    header: tuple[str, ...]
    cells: tuple[str, ...]
    relation: str

    def select(self, of: Callable[[str], str]) -> str:
        """The rows, with what ``of`` makes of each cell."""
        header, cells = (", ".join(map(of, each)) for each in (self.header, self.cells))
        return f"SELECT {header} UNION ALL SELECT {cells} FROM {self.relation}"

    @property
    def formulas(self) -> str:
        """How many cells are formulas: of the header, then of each column."""
        header = "+".join(f"{_is_formula(name)}::INTEGER" for name in self.header)
        cells = "+".join(f"count_if({_is_formula(cell)})" for cell in self.cells)
        return f"SELECT {header} UNION ALL SELECT {cells} FROM {self.relation}"


def _is_formula(cell: str) -> str:
    """SQL: whether a spreadsheet takes the cell for a formula (OWASP, "CSV Injection"); a number
    with a sign is none."""
    text = f"coalesce({cell}, '')"
    return (
        rf"(regexp_full_match({text}, '[=+\-@\t\r].*', 's') AND NOT "
        rf"regexp_full_match({text}, '[-+][.,]?[0-9][0-9., ]*([eE][-+]?[0-9]+)?%?'))"
    )


def _made_safe(cell: str) -> str:
    return f"CASE WHEN {_is_formula(cell)} THEN chr(39) || {cell} ELSE {cell} END"


def clean(
    run: Run, path: Path, out: Path, table: str = "", *, taken: dict[str, Path], safe: bool = False
) -> Cleaned:
    """Write ``path`` to a file of the same name in ``out``, without ``.gz`` and the like;
    with ``.csv`` behind it where it is of another format.

    ``taken`` holds the names already written in this call, so that no two files share one.
    ``safe`` puts an apostrophe before cells that a spreadsheet would run.

    Raises:
        UsageError: the target is the file itself, or another file's.
        LakefallError: the file cannot be read, or the target not be written.
    """
    records = read(run, path, table)
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
    formulas = _write(run, _rows(records), target, safe=safe)
    if records.rejects and rejects:
        formulas += _write(run, _rejects(records.rejects), rejects, safe=safe)
    return Cleaned(
        target,
        rejects,
        records.rows_read,
        records.rows_good,
        records.rows_rejected,
        records.skipped,
        formulas,
    )


def _refuse_taken(path: Path, target: Path, taken: dict[str, Path]) -> None:
    if other := taken.get(target.name):
        raise UsageError(f"{path} and {other} would both become {target}; clean them apart")


def _rows(records: Records) -> _Rows:
    columns = [f"{text_column(n)}::VARCHAR" for n in range(len(records.columns))]
    if len(columns) == 1:
        # An empty line would be taken for none; `""` is a row.
        columns = [f"coalesce({columns[0]}, '')"]
    return _Rows(tuple(map(sql.literal, records.header)), tuple(columns), records.sql)


def _rejects(path: Path) -> _Rows:
    names = ("line", "column", "reason", "text")
    columns = (f"{sql.identifier(n)}::VARCHAR" for n in names)
    return _Rows(tuple(map(sql.literal, names)), tuple(columns), sql.parquet([path]))


def _write(run: Run, found: _Rows, target: Path, *, safe: bool) -> int:
    """Write them; the number of cells that a spreadsheet would run."""
    import duckdb

    query = found.select(_made_safe if safe else str)
    try:
        with sql.connect(run.pipeline.config.engine, run.workdir) as connection:
            sql.rows(connection, f"COPY ({query}) TO {sql.literal(str(target))} {FORMAT}")
            return sum(n for row in sql.rows(connection, found.formulas) for n in row)
    except duckdb.Error as error:
        target.unlink(missing_ok=True)
        raise LakefallError(f"cannot write {target}: {error}") from error
