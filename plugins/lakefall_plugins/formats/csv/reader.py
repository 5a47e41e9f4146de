"""The reader ``csv``: proves a file's structure, then converts its records."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from lakefall.common import sql
from lakefall.contract.errors import EmptyFileError, StructureError, TooManyRejectsError
from lakefall.contract.plugin import Plugin, Stage, hookimpl
from lakefall.contract.run import Run
from lakefall.contract.values import (
    Assumed,
    Converted,
    Dialect,
    LocalFile,
    Records,
    TablePlan,
    text_column,
)
from lakefall_plugins.formats.csv.converting.convert import convert
from lakefall_plugins.formats.csv.converting.together import convert_together
from lakefall_plugins.formats.csv.encoding.decoding import Codec, codec_of, transcode
from lakefall_plugins.formats.csv.lines import LineMapWriter
from lakefall_plugins.formats.csv.options import CsvReaderOptions
from lakefall_plugins.formats.csv.reading.head import Head, read_head
from lakefall_plugins.formats.csv.reading.others import LEAST_RECORDS, told
from lakefall_plugins.formats.csv.reading.rejects import RejectWriter
from lakefall_plugins.formats.csv.reading.repair import Repaired, Target, repair
from lakefall_plugins.formats.csv.reading.scan import UNUSED, plain_dialect, scan
from lakefall_plugins.formats.csv.reading.scratch import Scratch, writing
from lakefall_plugins.formats.csv.reading.syntax import Copier, large_fields, supported
from lakefall_plugins.formats.csv.relation import note_nulls, proving, relation

FEW = 20
"""A share of fewer records than this says nothing, unless it is all of them."""
_GLOB = frozenset("*?[]{}")


class CsvReader(Plugin[CsvReaderOptions]):
    """CSV files in any dialect: every record counted, bad ones set aside with their line."""

    name = "csv"
    stage = Stage.READER

    @hookimpl
    def open(self, run: Run, local: LocalFile, dialect: Dialect, quick: bool = False) -> Records:
        supported(dialect)
        scratch = Scratch.of(local, run.workdir)
        codec = codec_of(local.path, dialect.encoding)
        with large_fields():
            head = read_head(local.path, codec, dialect)
        if not head.header:
            raise EmptyFileError(f"{local.file.key}: no record in the file")
        short = self.options.short_records
        fill = dialect.short_records if short == "detect" else short == "fill"
        opening = _Opening(run, local, dialect, codec, head, scratch, quick, fill)
        records = opening.plain() or opening.repaired()
        _judge(run, records)
        return records

    @hookimpl
    def convert(
        self, run: Run, records: Records, plan: TablePlan, assumed: Assumed | None = None
    ) -> Converted:
        with proving(records):
            converted = convert(run, records, plan, self.options.on_misfit, assumed)
        _judge(run, converted)
        return converted

    @hookimpl
    def convert_together(
        self,
        run: Run,
        records: Sequence[Records],
        plan: TablePlan,
        assumed: Assumed | None = None,
    ) -> Sequence[Converted] | None:
        return convert_together(run, records, plan, self.options.on_misfit, assumed)


def _judge(run: Run, found: Records | Converted) -> None:
    """Fail a file of which too little is left. Other tables in it do not count, unless next to
    nothing is the first one."""
    read, rejected = found.rows_read, found.rows_rejected
    if read - found.rows_elsewhere >= LEAST_RECORDS:
        read, rejected = read - found.rows_elsewhere, rejected - found.rows_elsewhere
    limit = run.pipeline.max_rejected
    if rejected <= limit * read or (read < FEW and rejected < read):
        return
    file = found.file if isinstance(found, Converted) else found.local.file
    raise TooManyRejectsError(
        f"{file.key}: {rejected:,} of {read:,} records rejected, and sink.max_rejected is "
        f"{limit:.0%}{_first_reject(found.rejects)}; check the dialect with `lakefall sniff`, "
        "or repair the file"
    )


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
    fill_short: bool

    @property
    def columns(self) -> int:
        return len(self.head.header)

    def plain(self) -> Records | None:
        """The file as it is, where DuckDB's reading of it is beyond doubt."""
        if not plain_dialect(self.dialect):
            return None
        lines = self.scratch.file("lines")
        if self.codec.utf8:
            with writing(self.local.file.key, lines):
                return self._plain(self.local.path, lines)
        copy = self.scratch.file("utf8.csv")
        records = None
        with writing(self.local.file.key, copy, lines):
            if transcode(self.local.path, self.codec, copy):
                records = self._plain(copy, lines)
        if records is None:
            copy.unlink(missing_ok=True)
        return records

    def _plain(self, path: Path, lines: Path) -> Records | None:
        with LineMapWriter(lines) as writer:
            counted = scan(path, self.dialect, writer)
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
        )
        table = read() if self.quick else self._sound(read, counted.records)[0]
        if not table:
            return None
        found = Repaired(counted.records, 0, counted.blank, counted.longest)
        return dataclasses.replace(self._records(table, found, None), proved=not self.quick)

    def repaired(self) -> Records:
        """The good records, copied; the others set aside."""
        copy, lines = self.scratch.file("copy.csv"), self.scratch.file("lines")
        rejects = self.scratch.file("rejects.parquet")
        copier = Copier(self.dialect)
        with (
            writing(self.local.file.key, copy, lines, rejects),
            LineMapWriter(lines) as line_writer,
            RejectWriter(rejects) as reject_writer,
        ):
            target = Target(copy, copier, line_writer, reject_writer, self.fill_short)
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
        table, found = self._sound(read, done.good)
        if not table:
            raise StructureError(
                f"{self.local.file.key}: {done.good:,} good records written, "
                f"{'none' if found is None else f'{found:,}'} read back; nothing was loaded"
            )
        return self._records(table, done, reject_writer.result)

    def _records(self, table: str, found: Repaired, rejects: Path | None) -> Records:
        return Records(
            local=self.local,
            dialect=self.dialect,
            header=self.head.header,
            rows_read=found.good + found.rejected,
            rows_good=found.good,
            rows_rejected=found.rejected,
            lines_skipped=self.head.skipped + found.skipped,
            sql=table,
            rejects=rejects,
            lines=self.scratch.file("lines"),
            rows_elsewhere=sum(table.records for table in found.others),
            warnings=(*_filled(found.filled), *told(found.others)),
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

    def _sound(self, read: Callable[..., str], records: int) -> tuple[str, int | None]:
        """The way in which DuckDB reads that many rows, ``''`` for none, and how many it read."""
        found: int | None = None
        for parallel in (True, False):
            table = read(parallel=parallel)
            if (found := self._count(table)) == records:
                return table, found
        return "", found

    def _count(self, table: str) -> int | None:
        """Rows that DuckDB reads, with every column looked at; None when it refuses some."""
        import duckdb

        columns = ", ".join(f"count({text_column(i)})" for i in range(self.columns))
        engine = self.run.pipeline.config.engine
        with sql.connect(engine, self.run.workdir, columns=self.columns) as connection:
            try:
                query = f"SELECT count(*), {columns} FROM {table}"
                rows, *filled = sql.rows(connection, query)[0]
            except duckdb.InvalidInputException:
                return None
        note_nulls(self.scratch.file("lines"), {i: rows - n for i, n in enumerate(filled)})
        return int(rows)


def _filled(records: int) -> tuple[str, ...]:
    if not records:
        return ()
    return (f"{records:,} records lack their last fields, which became NULL",)


def _first_reject(path: Path | None) -> str:
    if path is None:
        return ""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        first = next(file.iter_batches(1)).to_pylist()[0]
    return f" (the first on line {first['line']}: {first['reason']})"
