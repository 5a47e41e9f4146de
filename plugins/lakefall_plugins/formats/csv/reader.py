"""The reader ``csv``: proves a file's structure and hands out its good records."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path

from lakefall.common import sql
from lakefall.contract.errors import EmptyFileError, StructureError
from lakefall.contract.plugin import Plugin, Stage, hookimpl
from lakefall.contract.run import Run
from lakefall.contract.values import (
    FileColumn,
    FileScan,
    LocalFile,
    Places,
    Records,
    Skipped,
    text_column,
)
from lakefall.tabular.columns import check_header
from lakefall.tabular.places import LineMapWriter
from lakefall.tabular.rejects import RejectWriter
from lakefall.tabular.scratch import Scratch, writing
from lakefall_plugins.formats.csv.dialect import Dialect
from lakefall_plugins.formats.csv.encoding.decoding import Codec, codec_of, transcode
from lakefall_plugins.formats.csv.options import CsvReaderOptions
from lakefall_plugins.formats.csv.reading.head import Head, read_head
from lakefall_plugins.formats.csv.reading.others import table_warnings
from lakefall_plugins.formats.csv.reading.repair import Repaired, Target, repair
from lakefall_plugins.formats.csv.reading.scan import UNUSED, plain_dialect, scan
from lakefall_plugins.formats.csv.reading.skipped import BLANK, skipped_warnings
from lakefall_plugins.formats.csv.reading.syntax import Copier, large_fields, supported
from lakefall_plugins.formats.csv.relation import relation

_GLOB = frozenset("*?[]{}")


class CsvReader(Plugin[CsvReaderOptions]):
    """CSV files in any dialect: every record counted, bad ones set aside with their line."""

    name = "csv"
    stage = Stage.READER

    @hookimpl
    def open(self, run: Run, local: LocalFile, format: Dialect, quick: bool = False) -> Records:
        dialect = format
        supported(dialect)
        scratch = Scratch.of(local, run.workdir)
        codec = codec_of(local.path, dialect.encoding, local.name)
        with large_fields():
            head = read_head(local.path, codec, dialect)
        if not head.header:
            raise EmptyFileError(f"{local.name}: no record in the file")
        check_header(run, local.name, head.header)
        short = self.options.short_records
        fill = dialect.short_records if short == "detect" else short == "fill"
        headers = self.options.repeated_headers == "skip"
        totals = self.options.totals == "reject"
        opening = _Opening(run, local, dialect, codec, head, scratch, quick, headers, totals, fill)
        return opening.plain() or opening.repaired()


@dataclasses.dataclass(frozen=True, slots=True)
class _Reading:
    """How DuckDB reads the good records."""

    scan: FileScan | None
    """None where it does not read as many as there are."""
    rows: int | None = None
    """As it counted them; None when it refused some, or was not asked."""
    nulls: dict[int, int] | None = None
    """NULLs by column, where it was."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Opening:
    """One file being opened."""

    run: Run
    local: LocalFile
    dialect: Dialect
    codec: Codec
    head: Head
    scratch: Scratch
    quick: bool
    """Leave it to the next reader to find records of another width in a plain file."""
    skip_headers: bool
    reject_totals: bool
    fill_short: bool

    @property
    def columns(self) -> int:
        return len(self.head.header)

    def plain(self) -> Records | None:
        """The file as it is, where DuckDB's reading of it is beyond doubt."""
        if not plain_dialect(self.dialect) or (self.reject_totals and self.dialect.total_lines):
            return None
        lines = self.scratch.file("lines")
        if self.codec.utf8:
            with writing(self.local.name, lines):
                return self._plain(self.local.path, lines)
        copy = self.scratch.file("utf8.csv")
        records = None
        with writing(self.local.name, copy, lines):
            if transcode(self.local.path, self.codec, copy):
                records = self._plain(copy, lines)
        if records is None:
            copy.unlink(missing_ok=True)
        return records

    def _plain(self, path: Path, lines: Path) -> Records | None:
        with LineMapWriter(lines) as writer:
            counted = scan(path, self.dialect, writer, skip_headers=self.skip_headers)
        if counted is None:
            return None
        read = partial(
            relation,
            self._linked(path),
            self.columns,
            delimiter=self.dialect.delimiter or UNUSED,
            quotechar=self.dialect.quotechar,
            header=self.dialect.has_header,
            longest=counted.longest,
            line_terminator=self.dialect.line_terminator,
        )
        reading = _Reading(read()) if self.quick else self._sound(read, counted.records)
        if reading.scan is None:
            return None
        blank = (Skipped(BLANK, counted.blank),) if counted.blank else ()
        found = Repaired(counted.records, 0, blank, counted.longest, writer.last_line)
        return dataclasses.replace(self._records(reading, found, None), proved=not self.quick)

    def repaired(self) -> Records:
        """The good records, copied; the others set aside."""
        copy, lines = self.scratch.file("copy.csv"), self.scratch.file("lines")
        rejects = self.scratch.file("rejects.parquet")
        copier = Copier(self.dialect)
        with (
            writing(self.local.name, copy, lines, rejects),
            LineMapWriter(lines) as line_writer,
            RejectWriter(rejects) as reject_writer,
        ):
            places = copy, copier, line_writer, reject_writer
            target = Target(*places, self.skip_headers, self.reject_totals, self.fill_short)
            done = repair(self.local.path, self.codec, self.dialect, self.head, target)
        read = partial(
            relation,
            copy,
            self.columns,
            delimiter=copier.to_delimiter,
            quotechar=copier.to_quote,
            header=True,
            longest=done.longest,
        )
        reading = self._sound(read, done.good)
        if reading.scan is None:
            raise StructureError(
                f"{self.local.name}: {done.good:,} good records written, "
                f"{'none' if reading.rows is None else f'{reading.rows:,}'} read back; "
                "nothing was loaded"
            )
        return self._records(reading, done, reject_writer.result)

    def _records(self, reading: _Reading, found: Repaired, rejects: Path | None) -> Records:
        assert reading.scan is not None  # noqa: S101 -- the caller made sure
        return Records(
            local=self.local,
            format=self.dialect,
            columns=tuple(map(FileColumn, self.head.header)),
            rows_read=found.good + found.rejected,
            rows_good=found.good,
            rows_rejected=found.rejected,
            skipped=found.skipped,
            sql=reading.scan.sql,
            rejects=rejects,
            places=Places(self.scratch.file("lines")),
            scan=reading.scan,
            nulls=reading.nulls,
            rows_elsewhere=sum(table.records for table in found.others),
            warnings=(
                *_filled(found.filled),
                *self._total(found),
                *table_warnings(found.others),
                *skipped_warnings(found.skipped),
            ),
        )

    def _total(self, found: Repaired) -> tuple[str, ...]:
        if not self.dialect.total_lines or self.reject_totals or not found.good:
            return ()
        return (
            f"line {found.last_line:,} looks like a total, and is loaded as a record; to reject "
            "it, set reader.totals to reject",
        )

    def _linked(self, path: Path) -> Path:
        """A path that DuckDB does not take for a pattern."""
        path = path.absolute()
        if not _GLOB & set(str(path)):
            return path
        link = self.scratch.file("link.csv")
        link.unlink(missing_ok=True)
        link.symlink_to(path)
        return link

    def _sound(self, read: Callable[..., FileScan], records: int) -> _Reading:
        """The way in which DuckDB reads that many rows."""
        rows: int | None = None
        for parallel in (True, False):
            reading = self._count(read(parallel=parallel))
            if (rows := reading.rows) == records:
                return reading
        return _Reading(None, rows)

    def _count(self, scan: FileScan) -> _Reading:
        """Rows that DuckDB reads, with every column looked at."""
        import duckdb

        columns = ", ".join(f"count({text_column(i)})" for i in range(self.columns))
        engine = self.run.pipeline.config.engine
        with sql.connect(engine, self.run.spill, columns=self.columns) as connection:
            try:
                query = f"SELECT count(*), {columns} FROM {scan.sql}"
                rows, *filled = sql.rows(connection, query)[0]
            except duckdb.InvalidInputException:
                return _Reading(scan)
        return _Reading(scan, int(rows), {i: rows - n for i, n in enumerate(filled)})


def _filled(records: int) -> tuple[str, ...]:
    if not records:
        return ()
    return (f"{records:,} records lack their last fields, which became NULL",)
