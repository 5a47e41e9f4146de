"""The format ``fixed``: text in columns of a fixed width, which the first line names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lakefall.common import sql
from lakefall.contract.errors import StructureError
from lakefall.contract.plugin import Plugin, ReaderOptions, SnifferOptions, Stage, hookimpl
from lakefall.contract.run import Run
from lakefall.contract.values import (
    FileColumn,
    Format,
    LocalFile,
    Places,
    Records,
    Skipped,
    text_column,
)
from lakefall.tabular.places import LineMapWriter
from lakefall.tabular.rejects import MAX_TEXT, RejectWriter
from lakefall.tabular.scratch import Scratch, writing

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class FixedWidth(Format):
    """Where the columns begin."""

    reader: ClassVar[str] = "fixed"

    names: tuple[str, ...]
    starts: tuple[int, ...]
    """Characters before each column."""
    encoding: str = "utf-8"
    confidence: float = 1.0
    evidence: tuple[str, ...] = ()


class FixedSnifferOptions(SnifferOptions):
    """The sniffer has no options of its own."""

    reader: ClassVar[str] = "fixed"
    patterns: ClassVar[tuple[str, ...]] = ("*.txt",)


class FixedSniffer(Plugin[FixedSnifferOptions]):
    """Takes text files whose first line has two names or more."""

    name = "fixed"
    stage = Stage.SNIFFER

    @hookimpl
    def sniff(self, local: LocalFile) -> FixedWidth | None:
        with local.path.open("rb") as stream:
            line = stream.readline(100_000)
        try:
            found = list(re.finditer(r"\w+", line.decode()))
        except UnicodeDecodeError:
            return None
        if len(found) < 2:
            return None
        return FixedWidth(tuple(m[0] for m in found), tuple(m.start() for m in found))


class FixedReader(Plugin[ReaderOptions]):
    """Cuts every line where the columns begin; lines that do not fit are rejected."""

    name = "fixed"
    stage = Stage.READER

    @hookimpl
    def open(self, run: Run, local: LocalFile, format: FixedWidth) -> Records:
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        scratch = Scratch.of(local, run.workdir)
        path, lines = scratch.file("rows.parquet"), scratch.file("lines")
        rejected = scratch.file("rejects.parquet")
        columns = [text_column(i) for i in range(len(format.names))]
        schema = pa.schema([(column, pa.string()) for column in columns])
        read = blank = 0
        with (
            writing(local.name, path, lines, rejected),
            pq.ParquetWriter(path, schema) as rows,
            LineMapWriter(lines) as places,
            RejectWriter(rejected) as rejects,
        ):
            for numbers, texts in _lines(local):
                empty = pc.equal(pc.utf8_trim_whitespace(texts), "")
                good = pc.and_not(_fits(texts, format), empty)
                bad = pc.and_not(pc.invert(good), empty)
                cells = _cells(texts.filter(good), format)
                rows.write_batch(pa.record_batch(cells, schema=schema))
                places.append(numbers.filter(good).to_numpy(zero_copy_only=False))
                _reject(rejects, numbers.filter(bad), texts.filter(bad))
                blank += pc.sum(empty).as_py() or 0
                read += len(texts) - (pc.sum(empty).as_py() or 0)
        return Records(
            local=local,
            format=format,
            columns=tuple(map(FileColumn, format.names)),
            rows_read=read,
            rows_good=read - rejects.count,
            rows_rejected=rejects.count,
            skipped=(Skipped("blank", blank),) if blank else (),
            sql=f"(SELECT * FROM {sql.parquet([path])})",
            rejects=rejects.result,
            places=Places(lines),
        )


def _lines(local: LocalFile) -> Iterator[tuple[pa.Array, pa.Array]]:
    """The lines below the header, in batches: their numbers, from 1, and their texts.

    Raises:
        StructureError: the bytes are no UTF-8, or no text.
    """
    import pyarrow as pa
    from pyarrow import csv

    first = 1
    try:
        with csv.open_csv(
            local.path,
            csv.ReadOptions(column_names=["line"]),
            # No line holds a delimiter: it is one column.
            csv.ParseOptions(delimiter="\x01", quote_char=False, ignore_empty_lines=False),
            csv.ConvertOptions(column_types={"line": pa.string()}),
        ) as batches:
            for batch in batches:
                texts = batch.column(0)
                numbers = pa.array(range(first, first + len(texts)), pa.int64())
                header = 1 if first == 1 else 0
                yield numbers[header:], texts[header:]
                first += len(texts)
    except pa.ArrowInvalid as error:
        raise StructureError(f"{local.name}: no lines of UTF-8 text: {error}") from error


def _fits(texts: pa.Array, format: FixedWidth) -> pa.Array:
    """Whether a line reaches the last column, and no value runs into the next column."""
    import pyarrow.compute as pc

    fits = pc.greater(pc.utf8_length(texts), format.starts[-1])
    for start in filter(None, format.starts):
        before = pc.utf8_slice_codeunits(texts, start - 1, start)
        fits = pc.and_(fits, pc.equal(before, " "))
    return fits


def _cells(texts: pa.Array, format: FixedWidth) -> list[pa.Array]:
    """The columns of lines that fit; a cell of blanks is no value."""
    import pyarrow as pa
    import pyarrow.compute as pc

    cells = []
    for start, stop in zip(format.starts, (*format.starts[1:], None), strict=True):
        cell = pc.utf8_trim_whitespace(pc.utf8_slice_codeunits(texts, start, stop))
        cells.append(pc.if_else(pc.equal(cell, ""), pa.scalar(None, pa.string()), cell))
    return cells


def _reject(rejects: RejectWriter, numbers: pa.Array, texts: pa.Array) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    count = len(numbers)
    reason = pa.repeat("the values do not stand in the columns", count)
    cut = pc.utf8_slice_codeunits(texts, 0, MAX_TEXT)
    rejects.extend([numbers, pa.repeat("", count), reason, cut])
