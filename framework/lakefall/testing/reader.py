"""The laws of a reader."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from lakefall.common import sql
from lakefall.contract.errors import ConservationError, LakefallError, UnprovedError
from lakefall.contract.plugin import Options, Plugin, Stage
from lakefall.contract.run import Run
from lakefall.contract.types import TypeSettings
from lakefall.contract.values import Format, LocalFile, Records, text_column
from lakefall.plugin_loading.catalogue import Catalogue
from lakefall.tabular import nested
from lakefall.tabular.conservation import opened, proving
from lakefall.testing.contract import StepContract, expect, some_file
from lakefall.testing.sniffer import HOSTILE


@dataclass(frozen=True, slots=True)
class Example:
    """A file, and what a reader has to find in it."""

    content: bytes
    format: Format
    header: tuple[str, ...]
    """The columns' names as written."""
    rows: tuple[tuple[Any, ...], ...]
    """The good records in the order of the file, as Python values; None for no value."""
    rejects: tuple[int, ...] = ()
    """Lines (or rows) of the rejected records, in the order of the file."""
    types: tuple[str, ...] = ()
    """What the columns declare, ``''`` for text; empty where no column declares a type."""
    places: tuple[int, ...] = ()
    """Lines (or rows) of the good records; empty where they do not matter."""
    key: str = "t/file"
    """The file's key, where its name matters."""
    nulled: tuple[int, ...] = ()
    """Lines (or rows) of the cells that the reader sets aside as rejects, in the order of the file;
    the records stay."""


class ReaderContract(StepContract):
    """Subclass it, name the plugin, and give it files of which every record is known."""

    stage = Stage.READER
    hostile: ClassVar[tuple[bytes, ...]] = HOSTILE
    """Bytes that bring no reader down; cut and doubled examples are tried too."""

    def examples(self) -> Sequence[Example]:
        """Files, at least one of them with a record that is rejected if the format has any."""
        return ()

    def other_types(self) -> Sequence[type[Plugin[Options]]]:
        return _all_types()

    def local(self, content: bytes, key: str) -> LocalFile:
        path = self.folder / "inbox" / key.rpartition("/")[2]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return LocalFile(some_file(key, len(content)), path, len(content))

    def open(self, run: Run, example: Example, *, quick: bool = False) -> Records:
        local = self.local(example.content, example.key)
        return run.pipeline.open(run, local, example.format, quick=quick)

    def opened(self, *, quick: bool = False) -> Iterator[tuple[Run, Example, Records]]:
        """Every example, opened in a run of its own."""
        for example in self.examples():
            run = self.run()
            yield run, example, self.open(run, example, quick=quick)

    def test_there_are_examples(self) -> None:
        expect(bool(self.examples()), "examples() is empty, so that no law can be tested")

    def test_the_counts_add_up(self) -> None:
        for example in self.examples():
            run = self.run()
            try:
                found = opened(run, self.local(example.content, example.key), example.format)
            except ConservationError as error:
                raise AssertionError(str(error)) from error
            counts = found.rows_good, found.rows_rejected
            expected = len(example.rows), len(example.rejects)
            expect(counts == expected, f"good and rejected records are {counts}, not {expected}")

    def test_the_columns_are_those_of_the_file(self) -> None:
        for _, example, found in self.opened():
            expect(found.header == example.header, f"the header is {found.header}")
            types = tuple(column.type for column in found.columns)
            expected = example.types or ("",) * len(example.header)
            expect(types == expected, f"the columns declare {types}, not {expected}")

    def test_the_relation_has_the_columns(self) -> None:
        for run, _, found in self.opened():
            described = _ask(run, found, f"DESCRIBE SELECT * FROM {found.sql}")
            names = [name for name, *_ in described]
            expected = [text_column(i) for i in range(len(found.columns))]
            expect(names == expected, f"the relation's columns are called {names}, not {expected}")
            for (_, kind, *_), column in zip(described, found.columns, strict=True):
                wanted = _duckdb(run, column.type)
                expect(kind == wanted, f"column {column.name!r} is {kind}, not {wanted}")

    def test_the_relation_yields_the_rows(self) -> None:
        for run, example, found in self.opened():
            self._same_rows(example, _rows(run, found))

    def test_every_row_has_a_place(self) -> None:
        import numpy as np

        from lakefall.tabular.places import LineMap

        for _, example, found in self.opened():
            try:
                lines = LineMap.load(found.places).lines(np.arange(len(example.rows)))
            except IndexError as error:
                raise AssertionError("the places know no row") from error
            expect(all(line >= 1 for line in lines), f"places count from 1, these are {lines}")
            if example.places:
                expect(tuple(lines) == example.places, f"the rows stand on {lines}")

    def test_rejects_have_place_reason_and_text(self) -> None:
        import pyarrow.parquet as pq

        from lakefall.tabular.rejects import reject_schema

        for _, example, found in self.opened():
            if found.rejects is None:
                expected = example.rejects + example.nulled
                expect(not expected, f"nothing is rejected, not lines {expected}")
                continue
            table = pq.read_table(found.rejects)
            names = reject_schema().names
            expect(table.schema.names == names, f"rejects have columns {table.schema.names}")
            if table.schema.names == names:
                places = list(
                    zip(table["line"].to_pylist(), table["column"].to_pylist(), strict=True)
                )
                lines = tuple(line for line, column in places if not column)
                expect(lines == example.rejects, f"lines {lines} are rejected")
                cells = tuple(line for line, column in places if column)
                expect(cells == example.nulled, f"cells on lines {cells} are set aside")
                expect(all(table["reason"].to_pylist()), "a reject has no reason")

    def test_opening_twice_gives_the_same(self) -> None:
        for example in self.examples():
            run = self.run()
            both = []
            for _ in range(2):
                found = self.open(run, example)
                counts = found.rows_read, found.rows_good, found.rows_rejected
                both.append((found.columns, counts, found.skipped, _rows(run, found)))
            expect(both[0] == both[1], "the same file, opened twice, is not the same")

    def test_a_quick_look_agrees_or_is_not_proved(self) -> None:
        for run, example, found in self.opened(quick=True):
            with contextlib.suppress(UnprovedError), proving(found):
                self._same_rows(example, _rows(run, found))
                expect(found.rows_good == len(example.rows), f"{found.rows_good:,} good records")

    def test_no_bytes_bring_it_down(self) -> None:
        for content, example in self._damaged():
            run = self.run()
            try:
                found = run.pipeline.open(run, self.local(content, example.key), example.format)
                _ask(run, found, f"SELECT count(*) FROM {found.sql}")
            except LakefallError:
                continue
            except Exception as error:
                raise AssertionError(f"{content[:40]!r} raises {error!r}") from error

    def test_the_file_is_left_as_it_is(self) -> None:
        for _, example, found in self.opened():
            there = found.local.path.exists() and found.local.path.read_bytes()
            expect(there == example.content, "opening changed the file")

    def test_nothing_is_written_outside_the_scratch_folder(self) -> None:
        for example in self.examples():
            run = self.run()
            local = self.local(example.content, example.key)
            with self._elsewhere() as elsewhere:
                before = _files(self.folder, run.workdir)
                run.pipeline.open(run, local, example.format)
                new = sorted(_files(self.folder, run.workdir) - before)
            expect(not new, f"{new} lie outside of {run.workdir}; {elsewhere} is no scratch folder")

    def _damaged(self) -> Iterator[tuple[bytes, Example]]:
        for example in self.examples():
            content = example.content
            cut = [content[: len(content) * i // 5] for i in range(5)]
            for each in (*self.hostile, *cut, content * 2, content[::-1]):
                yield each, example

    @contextlib.contextmanager
    def _elsewhere(self) -> Iterator[Path]:
        """The working directory and the system's folder of temporary files lie in ``folder``."""
        elsewhere, before = self.folder / "elsewhere", tempfile.tempdir
        elsewhere.mkdir(exist_ok=True)
        tempfile.tempdir = str(elsewhere)
        try:
            with contextlib.chdir(elsewhere):
                yield elsewhere
        finally:
            tempfile.tempdir = before

    def _same_rows(self, example: Example, found: Sequence[tuple[Any, ...]]) -> None:
        expected = list(example.rows)
        expect(len(found) == len(expected), f"{len(found)} rows are read, not {len(expected)}")
        for row, (one, other) in enumerate(zip(found, expected, strict=True)):
            expect(one == other, f"row {row} is {one!r}, not {other!r}")


def _ask(run: Run, records: Records, query: str) -> list[tuple[Any, ...]]:
    engine = run.pipeline.config.engine
    with sql.connect(engine, run.workdir, columns=len(records.columns)) as connection:
        return sql.rows(connection, query)


def _rows(run: Run, records: Records) -> list[tuple[Any, ...]]:
    return _ask(run, records, f"SELECT * FROM {records.sql}")


def _duckdb(run: Run, declared: str) -> str:
    """DuckDB's type of a column that declares one."""
    if nested.is_nested(declared):
        return declared
    return run.pipeline.type_for(declared, "", TypeSettings()).duckdb if declared else "VARCHAR"


def _all_types() -> list[type[Plugin[Options]]]:
    catalogue = Catalogue.default()
    return [catalogue.get(Stage.TYPE, name) for name in catalogue.names(Stage.TYPE)]


def _files(folder: Path, but: Path) -> set[str]:
    return {str(p) for p in folder.rglob("*") if not p.is_relative_to(but) and p.is_file()}
