"""The reader ``jsonl``: every record counted, cells as the file has them, bad records set aside."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakefall.common import interrupts, sql
from lakefall.contract.errors import StructureError
from lakefall.contract.plugin import Plugin, Stage, hookimpl
from lakefall.contract.run import Run
from lakefall.contract.values import FileColumn, LocalFile, Places, Records, Skipped, text_column
from lakefall.tabular.places import LineMapWriter
from lakefall.tabular.rejects import RejectWriter
from lakefall.tabular.scratch import Scratch, writing
from lakefall_plugins.formats.jsonl.format import JsonlReaderOptions, JsonObjects
from lakefall_plugins.formats.jsonl.records import Block, blocks, flaw, undecodable
from lakefall_plugins.formats.jsonl.tokens import (
    BOOLEAN,
    LONG,
    NESTED,
    NUMBER,
    STRING,
    Cells,
    Column,
    Columns,
    Fields,
    texts,
)

if TYPE_CHECKING:
    import duckdb

    from lakefall_plugins.formats.jsonl.tokens import Int64s

MOST_THREADS = 4
"""Each has a block in work, which takes about twenty times its size."""


class JsonlReader(Plugin[JsonlReaderOptions]):
    """JSON lines and arrays of objects: keys become columns, in order of their appearance.

    Declared are BOOLEAN (booleans alone), INTEGER and BIGINT (integers alone, by their range), JSON
    (objects or arrays; what else such a column holds is its JSON text) and VARCHAR (numbers among
    booleans). Columns with other numbers have the numbers' texts from the file and are inferred as
    CSV cells are, so that no digit is lost where the type is exact: integers beyond 64 bits are
    text, or a decimal where the pipeline has that type. So are columns with strings.
    """

    name = "jsonl"
    stage = Stage.READER

    @hookimpl
    def open(self, run: Run, local: LocalFile, format: JsonObjects, quick: bool = False) -> Records:
        """
        Raises:
            StructureError: records cannot be told apart, none is an object with a key, or there
                are more keys than a table may have columns.
        """
        del quick
        columns = Columns(run.pipeline.header_limits.columns)
        reading = _Reading(run, local, format, self.options, columns)
        done = reading.read()
        mixed = [c for c in columns.found if c.kinds & NESTED and c.kinds & STRING]
        if mixed:
            # Only now is it known that the strings of these columns need their quotes.
            for column in mixed:
                column.raw = True
            done = reading.read()
        return reading.records(done)


@dataclass(slots=True)
class _Done:
    """What reading all of a file found."""

    parts: tuple[Path, ...] = ()
    good: int = 0
    blank: int = 0
    rejected: int = 0
    first_reject: str = ""
    rejects: Path | None = None
    values: dict[int, int] = field(default_factory=dict)
    """How many a column has."""


@dataclass(frozen=True, slots=True)
class _Checked:
    """A block whose objects were told from what is none."""

    block: Block
    rejects: dict[int, str]
    """Reasons by number of the record."""
    good: Int64s
    fields: Fields


@dataclass(frozen=True, slots=True)
class _Reading:
    run: Run
    local: LocalFile
    format: JsonObjects
    options: JsonlReaderOptions
    columns: Columns

    @property
    def scratch(self) -> Scratch:
        return Scratch.of(self.local, self.run.workdir)

    def read(self) -> _Done:
        """All of the file, its cells written to Parquet files of text."""
        lines, rejects = self.scratch.file("lines"), self.scratch.file("rejects.parquet")
        folder = self.scratch.file("cells")
        done, place = _Done(), 0
        with (
            writing(self.local.name, lines, rejects, folder),
            LineMapWriter(lines) as line_writer,
            RejectWriter(rejects) as reject_writer,
            _Parts(folder) as parts,
        ):
            for likely in self._checked():
                interrupts.check()
                checked, cells = self._cells(likely, place)
                block = checked.block
                for number in sorted(checked.rejects):
                    line, reason = int(block.lines[number]), checked.rejects[number]
                    text = block.record(number).decode("utf-8", "surrogateescape")
                    reject_writer.append(line, "", reason, text)
                    done.first_reject = done.first_reject or f"line {line}: {reason}"
                for each in cells:
                    self.columns.found[each.column].kinds |= each.kinds
                    count = done.values.get(each.column, 0)
                    done.values[each.column] = count + len(each.rows)
                line_writer.append(block.lines[checked.good])
                parts.write(cells, len(checked.good), len(self.columns.found))
                done.good += len(checked.good)
                done.blank += block.blank
                place += len(block.data)
        done.parts = tuple(parts.paths)
        done.rejected, done.rejects = reject_writer.count, reject_writer.result
        return done

    def _checked(self) -> Iterator[_Checked]:
        """The blocks of the file in order, some of them worked on at a time."""
        engine = self.run.pipeline.config.engine
        threads = min(sql.threads_of(engine), MOST_THREADS)
        with (
            self.local.path.open("rb") as stream,
            sql.connect(engine, self.run.spill) as connection,
            ThreadPoolExecutor(threads) as pool,
        ):
            stream.seek(3 if self.format.encoding == "utf-8-sig" else 0)
            work: deque[Future[_Checked]] = deque()
            for block in blocks(stream, self.format.layout, self.local.name):
                work.append(pool.submit(self._check, connection, block))
                if len(work) > threads:
                    yield work.popleft().result()
            while work:
                yield work.popleft().result()

    def _check(self, connection: duckdb.DuckDBPyConnection, block: Block) -> _Checked:
        """Which records are objects, but for what ``Fields.doubtful`` says later."""
        import numpy as np
        import pyarrow as pa

        count, data = len(block.end), block.array
        bad = undecodable(block)
        suspects = np.zeros(count, dtype=bool) if bad is None else bad
        filled = np.flatnonzero(block.begin < block.end)
        opened = np.zeros(count, dtype=bool)
        opened[filled] = data[block.begin[filled]] == ord("{")
        suspects |= ~opened
        likely = np.flatnonzero(~suspects)
        objects = texts(data, block.begin[likely], block.end[likely])
        table = pa.table({"n": likely, "t": objects})
        with connection.cursor() as cursor:
            invalid = cursor.from_arrow(table).filter("NOT json_valid(t)").project("n").fetchall()
        numbers = [*np.flatnonzero(suspects).tolist(), *(n for (n,) in invalid)]
        return self._without(block, {}, numbers) or _Checked(block, {}, likely, Fields(objects))

    def _without(
        self, block: Block, rejects: dict[int, str], suspects: Sequence[int]
    ) -> _Checked | None:
        """The block without those of the suspects that are no objects; None where all are."""
        import numpy as np

        reasons = {n: flaw(block.record(n), self.options.flatten) for n in suspects}
        found = {n: reason for n, reason in reasons.items() if reason is not None}
        if not found:
            return None
        rejects = {**rejects, **found}
        good = np.ones(len(block.end), dtype=bool)
        good[list(rejects)] = False
        kept = np.flatnonzero(good)
        objects = texts(block.array, block.begin[kept], block.end[kept])
        return _Checked(block, rejects, kept, Fields(objects))

    def _cells(self, checked: _Checked, place: int) -> tuple[_Checked, list[Cells]]:
        """The cells of a block's objects, once all of these are beyond doubt."""
        known = len(self.columns.found)
        while True:
            try:
                cells = list(checked.fields.cells(self.columns, self.options.flatten, place))
            except OverflowError as error:
                line = int(checked.block.lines[-1])
                raise StructureError(
                    f"{self.local.name}: more than {self.columns.most:,} different keys up to line "
                    f"{line:,} (max_columns); where keys are data, put them into an object of "
                    "their own, or raise sink.max_columns"
                ) from error
            doubtful = checked.good[sorted(checked.fields.doubtful)].tolist()
            better = self._without(checked.block, checked.rejects, doubtful)
            if better is None:
                return checked, cells
            self.columns.forget(known)
            checked = better

    def records(self, done: _Done) -> Records:
        """What the core has to know of the file.

        Raises:
            StructureError: there is nothing to load.
        """
        columns = self._sorted()
        if not columns:
            found = f"{done.good + done.rejected:,} records"
            why = f"the first: {done.first_reject}" if done.rejected else "objects without keys"
            raise StructureError(f"{self.local.name}: no column in {found}; {why}")
        cells = ", ".join(
            f"{_cell(column, number)} AS {text_column(position)}"
            for position, (number, column) in enumerate(columns)
        )
        names = tuple(".".join(column.path) for _, column in columns)
        types = [self._type(column.kinds) for _, column in columns]
        quoted = frozenset(p for p, (_, c) in enumerate(columns) if c.kinds & STRING and not c.raw)
        return Records(
            local=self.local,
            format=dataclasses.replace(self.format, names=names, quoted=quoted),
            columns=tuple(map(FileColumn, names, types)),
            rows_read=done.good + done.rejected,
            rows_good=done.good,
            rows_rejected=done.rejected,
            skipped=(Skipped("blank", done.blank),) if done.blank else (),
            sql=f"(SELECT {cells} FROM {sql.parquet(done.parts, 'union_by_name = true')})",
            rejects=done.rejects,
            places=Places(self.scratch.file("lines")),
            nulls={
                position: done.good - done.values.get(number, 0)
                for position, (number, _) in enumerate(columns)
            },
        )

    def _sorted(self) -> list[tuple[int, Column]]:
        """The columns in order of appearance, without those that others stand for."""
        found = self.columns.found
        inner = {c.path[:n] for c in found for n in range(1, len(c.path))}
        kept = [(n, c) for n, c in enumerate(found) if c.kinds or c.path not in inner]
        return sorted(kept, key=lambda each: each[1].first)

    def _type(self, kinds: int) -> str:
        if kinds & NESTED:
            return "JSON"
        if kinds in _DECLARED:
            return _DECLARED[kinds]
        mixed = kinds & NUMBER and kinds & BOOLEAN and not kinds & STRING
        kept = mixed or (kinds & STRING and not self.options.infer_strings)
        return "VARCHAR" if kept else ""


_DECLARED = {BOOLEAN: "BOOLEAN", NUMBER: "INTEGER", NUMBER | LONG: "BIGINT"}
"""Types of columns whose values are all of these kinds."""


def _cell(column: Column, number: int) -> str:
    own = _DECLARED.get(column.kinds)
    return f"CAST(k{number} AS {own})" if own else f"k{number}"


class _Parts:
    """Parquet files of text, a new one whenever columns have been added."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths: list[Path] = []
        self._width = -1
        self._writer: Any = None

    def __enter__(self) -> _Parts:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()

    def write(self, cells: Sequence[Cells], rows: int, width: int) -> None:
        """The next rows; columns without cells are NULL."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not rows:
            return
        # A row may have no column at all.
        columns = {"row": pa.nulls(rows, pa.int8())}
        empty = pa.nulls(rows, pa.string())
        columns |= {f"k{number}": empty for number in range(width)}
        columns |= {f"k{each.column}": _spread(each, rows) for each in cells}
        table = pa.table(columns)
        if width != self._width:
            self.__exit__()
            self._width = width
            self.paths.append(self.folder / f"{len(self.paths)}.parquet")
            self._writer = pq.ParquetWriter(
                self.paths[-1],
                table.schema,
                compression="lz4",
                use_dictionary=False,
                write_statistics=False,
            )
        self._writer.write_table(table)


def _spread(cells: Cells, rows: int) -> Any:
    """The values of all rows."""
    import numpy as np
    import pyarrow as pa

    if len(cells.rows) == rows:
        return cells.values
    index, missing = np.zeros(rows, dtype=np.int64), np.ones(rows, dtype=bool)
    index[cells.rows], missing[cells.rows] = np.arange(len(cells.rows)), False
    return cells.values.take(pa.array(index, mask=missing))
