"""One table's files until they can be converted: opened, typed, and planned."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from time import perf_counter
from typing import TYPE_CHECKING

from lakefall.common import interrupts, sql
from lakefall.common.waiting import Backoff, retry
from lakefall.contract.errors import (
    LakefallError,
    RefusedFileError,
    TableNameError,
    TypeConflictError,
    UnprovedError,
    UnrecordedFilesError,
    as_foreseen,
)
from lakefall.contract.values import (
    Change,
    Contribution,
    Format,
    LocalFile,
    Outcome,
    Records,
    Schema,
    SourceFile,
    TablePlan,
    TableState,
)
from lakefall.run import outcomes, repair, typed_rows, unended
from lakefall.run.schema_cache import Known, Remembered, Schemas
from lakefall.run.typed_rows import RowsDoNotTell
from lakefall.tabular import declared
from lakefall.tabular.conservation import opened
from lakefall.tabular.evidence import parts, unpack

if TYPE_CHECKING:
    from lakefall.contract.run import Run
    from lakefall.run.overlap import Ahead

SMALL, FEW_CELLS = 2 << 20, 200_000
"""Bytes and cells of a table's files up to which one thread works on them."""
RECORDED_WITHIN = 20.0
"""Seconds from a commit until the registry knows of it, as a rule."""


class TablePlanning:
    """Opens one table's files, finds out their columns, and plans what becomes of the table."""

    def __init__(
        self,
        run: Run,
        table: str,
        files: Sequence[SourceFile],
        schemas: Schemas | None,
        committed: list[Contribution] | None,
    ) -> None:
        self.run = run.for_table(table) if table else run
        self.pipeline = self.run.pipeline
        self.table = table
        self.files = tuple(files)
        self.errors: dict[str, LakefallError] = {}
        """Why files failed, by key."""
        self._prefetched: Ahead | None = None
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._warned: set[tuple[str, str]] = set()
        """A file that is converted again warns of nothing twice."""
        self._schemas = schemas
        self._committed = [] if committed is None else committed
        """Files of the table that this run has committed, and not recorded yet."""
        self._inferred: Schema | None = None
        """Of a new table, as inferred last."""
        self._joint: Schema | None = None
        """The same once its files have to be loaded one by one."""
        self._quick = False
        """Whether types may rest on first rows until the conversion proves them."""
        self._assumed = False
        """Whether those inferred last do."""
        self._evidence: dict[str, dict[str, str]] = {}
        """By key what its files are evidence for, by name."""
        self._untold = ""
        """Why rows of the table cannot stand for its files that are gone, once that is known."""
        self._others: dict[tuple[str, str], list[Records]] = {}
        """Files of the table that are read again, by key and ETag."""

    def state(self) -> TableState | None:
        """The table as it is now."""
        with self.run.step("describe", table=self.table):
            return self.pipeline.describe(self.run, self.table)

    def schema_of(self, file: SourceFile) -> Schema:
        """The columns of a file that is loaded alone; it is opened only where they are not
        remembered."""
        state = self.state()
        known = self._contributions(state)
        if self._schemas is not None:
            others = None if known is None else unpack(known)
            found = self._schemas.recall(self.run, file, state, others)
            if found is not None:
                return found.schema
        return self.infer(self.open_one(file, state), state, known=known)

    def foresee(self, records: list[Records]) -> tuple[Schema, TablePlan]:
        """Types and plan without reading other files; a repair is among the plan's notes.

        Raises:
            TypeConflictError: values would be lost, and the table cannot be rebuilt.
        """
        state = self.state()
        known = self._contributions(state)
        schema, plan = self.plan(records, state, known=known)
        if state is None or known is None or not (schema.unsettled or plan.repairs):
            return schema, plan
        loading = {r.local.file.key for r in records}
        _, gone, why = repair.files_to_read(self.run, self.table, known, loading)
        try:
            self._known_of(gone, state, _asked(schema, plan))
        except RowsDoNotTell as error:
            why = why or str(error)
        if why:
            return schema, self._left_alone(plan, schema, records, why)
        told = repair.notes(plan, repair.cost(known, loading, gone), schema.unsettled)
        return schema, dataclasses.replace(plan, notes=told)

    def plan_all(self, records: list[Records]) -> tuple[Schema, TablePlan, list[Records]]:
        """Types and plan, and the table's other files where they have to be loaded again.

        Waits for another run that has committed a file of the table and not recorded it yet.

        Raises:
            TypeConflictError: values would be lost, and the table cannot be rebuilt.
            UnrecordedFilesError: another run has not recorded its file in time.
        """
        return retry(
            lambda: self._plan_all(records),
            lambda error: isinstance(error, UnrecordedFilesError),
            Backoff(0.2, 2, RECORDED_WITHIN, least=0.5),
        )

    def _plan_all(self, records: list[Records]) -> tuple[Schema, TablePlan, list[Records]]:
        interrupts.check()
        state = self.state()
        known = self._contributions(state)
        schema, plan = self.plan(records, state, known=known)
        if state is None or not (schema.unsettled or plan.repairs):
            return schema, plan, []
        # Where another run has not recorded its files yet, the table's rows say so.
        known = known or ()
        loading = {r.local.file.key for r in records}
        files, gone, why = repair.files_to_read(self.run, self.table, known, loading)
        if why:
            return schema, self._left_alone(plan, schema, records, why), []
        asked = _asked(schema, plan)
        try:
            vanished = self._known_of(gone, state, asked)
            rows = [(typed_rows.read(self.run, each), each) for each in vanished]
        except RowsDoNotTell as error:
            return schema, self._left_alone(plan, schema, records, str(error)), []
        again = [*self._read_again(files, state), *(found for found, _ in rows)]
        every = sorted([*again, *records], key=age)
        with self.engine(every):
            joint = repair.about(self.infer(every, state, rebuild=True), state, asked)
        # What was counted of rows is not what is known of the file.
        self._evidence |= {each.key: parts(each.evidence) for each in gone}
        others = [r for r in every if r.local.file.key not in loading]
        # A quick look may have been taken again.
        records[:] = [r for r in every if r.local.file.key in loading]
        found = self.prepare_table(joint)
        if not found.repairs:
            return joint, found, []
        told = repair.notes(found, repair.cost(known, loading, gone))
        plan = self.prepare_table(joint, rebuild=True)
        if gone and plan.snapshot != state.snapshot:
            raise UnrecordedFilesError(
                f"table {self.table!r} changed while its rows were read; the next run tries again"
            )
        keys = {r.local.file.key for r in every}
        why = repair.rows_of_no_file(self.run, self.table, keys)
        try:
            typed = [typed_rows.under(self.run, *each, plan, joint) for each in rows]
        except RowsDoNotTell as error:
            why = str(error)
        if why:
            return joint, self._left_alone(found, joint, records, why), []
        for note in told:
            self.run.warn(note, table=self.table)
        keys = {each.key for each in gone}
        others = [r for r in others if r.local.file.key not in keys] + typed
        return joint, dataclasses.replace(plan, repair=True, notes=told), others

    def _known_of(
        self, gone: Sequence[Contribution], state: TableState, asked: Collection[str]
    ) -> list[typed_rows.Gone]:
        """What is known of files that are gone.

        Raises:
            RowsDoNotTell: not enough.
        """
        if gone and self._untold:
            raise RowsDoNotTell(self._untold)
        return [typed_rows.known_of(self.run, each, state, asked) for each in gone]

    def _left_alone(
        self, plan: TablePlan, schema: Schema, records: Sequence[Records], why: str
    ) -> TablePlan:
        kept = repair.kept(plan, why)
        if kept is None:
            raise repair.conflict(self.run, plan, schema, records, why)
        return kept

    @contextmanager
    def engine(self, records: Sequence[Records]) -> Iterator[None]:
        """The engine's instance, with a single thread where there is little to do: handing a small
        query to several costs more than they save."""
        # Plugins write into the table's own folder too.
        self.run.workdir.mkdir(parents=True, exist_ok=True)
        engine = self.pipeline.config.engine
        cells = sum(each.rows_good * len(each.columns) for each in records)
        small = cells <= FEW_CELLS and sum(each.local.size for each in records) <= SMALL
        with sql.connect(engine, self.run.spill) as connection:
            connection.execute(f"SET threads = {1 if small else sql.threads_of(engine)}")
            yield

    def _read_again(self, files: Sequence[SourceFile], state: TableState | None) -> list[Records]:
        """Files of the table, opened.

        Raises:
            TypeConflictError: one cannot be read any more.
        """
        found: list[Records] = []
        for file in files:
            version = (file.key, file.etag)
            if version not in self._others:
                try:
                    self._others[version] = self.open_one(file, state)
                except LakefallError as error:
                    raise TypeConflictError(
                        f"table {self.table!r} has to be rebuilt, and its file {file.key!r} cannot "
                        f"be read: {error}"
                    ) from error
            found += self._others[version]
        return found

    def _contributions(self, state: TableState | None) -> Sequence[Contribution] | None:
        """The files of the table; None where its types govern, or no file made them."""
        if state is None:
            return None
        recorded = self.pipeline.contributions(self.run, self.table)
        if recorded is None:
            return None
        # What this run has committed is recorded at its end.
        known = {each.key: each for each in (*recorded, *self._committed)}
        return [known[key] for key in sorted(known)] or None

    def plan(
        self,
        records: list[Records],
        state: TableState | None,
        *,
        rebuild: bool = False,
        known: Sequence[Contribution] | None = None,
    ) -> tuple[Schema, TablePlan]:
        """Types for all columns of these files, and what loading them does to the table.

        ``records`` is changed where a file turns out not to be what a quick look took it for.
        ``known`` are the files of the table, where its types follow from them.
        """
        schema = self.infer(records, state, rebuild=rebuild, known=known)
        return schema, self.prepare_table(schema, rebuild=rebuild)

    def infer(
        self,
        records: list[Records],
        state: TableState | None,
        *,
        rebuild: bool = False,
        known: Sequence[Contribution] | None = None,
    ) -> Schema:
        """Types for all columns of these files; changes ``records`` as ``plan`` does."""
        governing = None if rebuild else state
        others = None if known is None else unpack(known)
        schema = self._recall(records, governing, others)
        if schema is None:
            with (
                self.reading(*files_of(records)),
                self.run.step("infer", table=self.table) as detail,
            ):
                schema = detail["schema"] = self._infer(records, governing, others)
                detail.update(bytes=sum(r.local.size for r in records))
            if schema.assumed is None:
                self._keep(records, governing, others, schema)
        for each in records:
            name, key = each.local.name, each.local.file.key
            self._evidence.setdefault(key, {})[name] = schema.evidence.get(name, "")
        self._assumed = schema.assumed is not None
        if state is None:
            schema = self._inferred = self._as_decided_together(schema)
        return schema

    def prepare_table(self, schema: Schema, *, rebuild: bool = False) -> TablePlan:
        """What loading files with these columns does to the table."""
        with self.timed(*self.files), self.run.step("prepare", table=self.table):
            return self.pipeline.prepare(self.run, self.table, schema, rebuild=rebuild)

    def _recall(
        self, records: list[Records], state: TableState | None, others: Known
    ) -> Schema | None:
        if self._schemas is None or len(records) != 1:
            return None
        found = self._schemas.recall(self.run, records[0].local.file, state, others)
        if found is None:
            return None
        if not found.quick and not records[0].proved:
            records[0] = self.open_again(records[0])
        return found.schema

    def _keep(
        self, records: list[Records], state: TableState | None, others: Known, schema: Schema
    ) -> None:
        if self._schemas is not None and len(records) == 1:
            found = Remembered(schema, quick=not records[0].proved)
            self._schemas.keep(self.run, records[0].local.file, state, others, found)

    def _infer(self, records: list[Records], state: TableState | None, others: Known) -> Schema:
        while True:
            try:
                quick = self._quick and self._joint is None
                # What a reader converts itself proves no assumption.
                quick = quick and not any(self.pipeline.converts(r.format) for r in records)
                return declared.infer(self.run, records, state, quick=quick, known=others)
            except UnprovedError as error:
                at = [r.local.name for r in records].index(error.name)
                if records[at].proved:
                    raise
                records[at] = self.open_again(records[at])

    def _as_decided_together(self, schema: Schema) -> Schema:
        """The columns of a file that is loaded alone, typed as all files of the new table were."""
        if self._joint is None:
            return schema
        decided = {c.name: c for c in self._joint.columns}
        return dataclasses.replace(
            schema, columns=tuple(decided.get(c.name, c) for c in schema.columns)
        )

    def open(self) -> tuple[list[Records], list[Outcome]]:
        """Fetch, sniff and prove each file; the ones that cannot be read fail alone."""
        if not self.table:
            return [], [self.failed(f, TableNameError(f.problem)) for f in self.files]
        try:
            state = self.state()
        except Exception as error:  # noqa: BLE001 -- becomes the outcome of all of them
            return [], [self.failed(f, error) for f in self.files]
        found: list[Records] = []
        failed: list[Outcome] = []
        for file in self.files:
            try:
                found += self.open_one(file, state)
            except Exception as error:  # noqa: BLE001 -- one file must not stop the others
                failed.append(self.failed(file, error))
        return found, failed

    def fetch(self, file: SourceFile) -> tuple[LocalFile, ...]:
        """The file on this machine, decompressed; the members of an archive."""
        with self.timed(file), self.run.step("fetch", key=file.key, table=self.table) as detail:
            # Other files of the table were not expected.
            ahead = self._prefetched if file in self.files else None
            local = ahead.take(file) if ahead else self.bring(file)
            detail.update(bytes=sum(each.size for each in local))
        return local

    def bring(self, file: SourceFile) -> tuple[LocalFile, ...]:
        """Fetch it now, whoever's turn it is."""
        if file.problem:
            raise RefusedFileError(file.problem)
        unended.refuse(self.run, file)
        return self.pipeline.fetch(self.run, file)

    def sniff(self, local: LocalFile, state: TableState | None) -> Format:
        """How the file is written."""
        file = local.file
        with self.reading(file), self.run.step("sniff", key=file.key, table=self.table) as detail:
            found = detail["format"] = self.pipeline.sniff(self.run, local, state)
        return found

    def open_one(self, file: SourceFile, state: TableState | None) -> list[Records]:
        """Fetch, sniff and take a quick look at a file, or at each member of an archive.

        Raises:
            LakefallError: this file cannot be read.
        """
        found = self.fetch(file)
        # One note for both steps.
        with unended.noted(self.run, [file]):
            return [self._open(local, self.sniff(local, state), quick=True) for local in found]

    def open_again(self, quick: Records) -> Records:
        return self._open(quick.local, quick.format)

    def _open(self, local: LocalFile, format: Format, *, quick: bool = False) -> Records:
        file = local.file
        with self.reading(file), self.run.step("open", key=file.key, table=self.table) as detail:
            records = opened(self.run, local, format, quick=quick)
            detail.update(bytes=local.size)
        self._warn(file, records.warnings)
        return records

    @contextmanager
    def reading(self, *files: SourceFile) -> Iterator[None]:
        """While these files' content is worked on, which may be the end of the process."""
        with self.timed(*files), unended.noted(self.run, files):
            yield

    @contextmanager
    def timed(self, *files: SourceFile) -> Iterator[None]:
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

    def failed(self, file: SourceFile, error: Exception, records: Records | None = None) -> Outcome:
        interrupts.check()
        known = self.errors[file.key] = as_foreseen(error)
        return outcomes.failed(file, known, records)


def _asked(schema: Schema, plan: TablePlan) -> set[str]:
    """Columns whose types are in question."""
    changed = {c.name for c in plan.columns if c.change in (Change.REPAIR, Change.WIDEN)}
    return {*schema.unsettled, *changed}


def files_of(records: Sequence[Records]) -> list[SourceFile]:
    """The files that records are of, each once."""
    return list({r.local.file.key: r.local.file for r in records}.values())


def age(records: Records) -> tuple[datetime, str]:
    """Sorts the oldest first, as a run takes files."""
    return records.local.file.modified, records.local.file.key
