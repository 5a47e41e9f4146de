"""What is done with each file of a batch by itself, and what that took."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

from lakefall.common import interrupts
from lakefall.contract.errors import LakefallError, UnprovedError, UnprovedTypesError, as_foreseen
from lakefall.contract.values import (
    Assumed,
    Converted,
    Dialect,
    LocalFile,
    Outcome,
    Records,
    SourceFile,
    TablePlan,
    TableState,
)
from lakefall.run import outcomes

if TYPE_CHECKING:
    from lakefall.contract.run import Run
    from lakefall.run.prefetch import Ahead


class FileSteps:
    """Files of one table, each fetched, sniffed, opened and converted."""

    def __init__(self, run: Run, table: str, files: Sequence[SourceFile]) -> None:
        self.run = run.for_table(table) if table else run
        self.pipeline = self.run.pipeline
        self.table = table
        self.files = tuple(files)
        self.errors: dict[str, LakefallError] = {}
        """Why files failed, by key."""
        self._ahead: Ahead | None = None
        self._seconds = {f.key: 0.0 for f in files}
        self._warned: set[tuple[str, str]] = set()
        """A file that is converted again says nothing twice."""

    def fetch(self, file: SourceFile) -> LocalFile:
        """The file on this machine, decompressed."""
        with self._timed(file), self.run.step("fetch", key=file.key, table=self.table) as told:
            local = self._ahead.take(file) if self._ahead else self.bring(file)
            told.update(bytes=local.size)
        return local

    def bring(self, file: SourceFile) -> LocalFile:
        """Fetch it now, whoever's turn it is."""
        return self.pipeline.fetch(self.run, file)

    def sniff(self, local: LocalFile, state: TableState | None) -> Dialect:
        """How the file is written."""
        file = local.file
        with self._timed(file), self.run.step("sniff", key=file.key, table=self.table) as told:
            dialect = told["dialect"] = self.pipeline.sniff(self.run, local, state)
        return dialect

    def open_one(self, file: SourceFile, state: TableState | None) -> Records:
        """Fetch, sniff and take a quick look.

        Raises:
            LakefallError: this file cannot be read.
        """
        local = self.fetch(file)
        return self._open(local, self.sniff(local, state), quick=True)

    def _open_again(self, quick: Records) -> Records:
        return self._open(quick.local, quick.dialect)

    def _open(self, local: LocalFile, dialect: Dialect, *, quick: bool = False) -> Records:
        file = local.file
        with self._timed(file), self.run.step("open", key=file.key, table=self.table) as told:
            records = self.pipeline.open(self.run, local, dialect, quick=quick)
            told.update(bytes=local.size)
        self._warn(file, records.warnings)
        return records

    def _convert_all(
        self,
        records: Sequence[Records],
        plan: TablePlan,
        converted: dict[str, Converted],
        assumed: Assumed | None = None,
    ) -> list[Outcome]:
        """Convert what is not in ``converted`` yet; what cannot be is told."""
        waiting = [each for each in records if each.local.file.key not in converted]
        if len(waiting) > 1:
            converted |= self._convert_together(waiting, plan, assumed)
        broken: list[Outcome] = []
        for each in waiting:
            key = each.local.file.key
            if key in converted:
                continue
            try:
                converted[key] = self._convert(each, plan, assumed)
            except Exception as error:
                if assumed is not None:
                    # Whatever it is: with the types of all rows it may be none.
                    raise UnprovedTypesError(key) from error
                broken.append(self._failed(each.local.file, error, each))
        return broken

    def _convert_together(
        self, records: Sequence[Records], plan: TablePlan, assumed: Assumed | None
    ) -> dict[str, Converted]:
        """Those files that one go converts; the others have something to tell."""
        began = perf_counter()
        try:
            found = self.pipeline.convert_together(self.run, records, plan, assumed)
        except Exception:  # noqa: BLE001 -- converted alone, the file that it is about says so
            return {}
        share = (perf_counter() - began) / max(1, len(found))
        sizes = {each.local.file.key: each.local.size for each in records}
        for each in found:
            key = each.file.key
            self._seconds[key] += share
            told = {"rows": each.rows_loaded, "bytes": sizes[key], "rejects": each.rejects}
            self.run.emit("convert.started", key=key, table=self.table)
            self.run.emit("convert.finished", key=key, table=self.table, seconds=share, **told)
            self._warn(each.file, each.warnings)
        return {each.file.key: each for each in found}

    def _convert(
        self, records: Records, plan: TablePlan, assumed: Assumed | None = None
    ) -> Converted:
        file = records.local.file
        step = self.run.step("convert", key=file.key, table=self.table)
        with self._timed(file), step as told:
            try:
                converted = self.pipeline.convert(self.run, records, plan, assumed)
            except UnprovedError:
                if assumed is not None:
                    raise
                proved = self._open_again(records)
                converted = self.pipeline.convert(self.run, proved, plan)
            told.update(
                rows=converted.rows_loaded, bytes=records.local.size, rejects=converted.rejects
            )
        self._warn(file, converted.warnings)
        return converted

    @contextmanager
    def _timed(self, *files: SourceFile) -> Iterator[None]:
        """Share the time spent among the files that it was spent on."""
        began = perf_counter()
        try:
            yield
        finally:
            share = (perf_counter() - began) / len(files)
            for file in files:
                self._seconds[file.key] += share

    def _warn(self, file: SourceFile, messages: Sequence[str]) -> None:
        for message in messages:
            if (file.key, message) not in self._warned:
                self._warned.add((file.key, message))
                self.run.warn(message, key=file.key, table=self.table)

    def _failed(
        self, file: SourceFile, error: Exception, records: Records | None = None
    ) -> Outcome:
        interrupts.check()
        known = self.errors[file.key] = as_foreseen(error)
        return outcomes.failed(file, known, records)

    def _complete(self, outcome: Outcome) -> Outcome:
        return dataclasses.replace(
            outcome,
            seconds=round(self._seconds[outcome.file.key], 3),
            digest=self.pipeline.config.digest,
        )
