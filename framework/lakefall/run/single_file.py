"""One file on its own: how it is written, what its columns are, and a clean copy of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from lakefall.contract.errors import (
    FileVanishedError,
    LowConfidenceError,
    NoHeaderError,
    UsageError,
)
from lakefall.contract.run import Run
from lakefall.contract.values import Format, LocalFile, Records, Schema, SourceFile
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
