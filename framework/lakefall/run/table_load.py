"""One table's pending files: opened, inferred, planned, converted and committed together."""

from __future__ import annotations

import dataclasses
import shutil
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter
from typing import TYPE_CHECKING

from lakefall.common import interrupts, sql
from lakefall.contract.errors import (
    CommitConflictError,
    LakefallError,
    PlanOutdatedError,
    RefusedFileError,
    TableNameError,
    TypeConflictError,
    UnprovedError,
    UnprovedTypesError,
    as_foreseen,
)
from lakefall.contract.values import (
    Contribution,
    Converted,
    Format,
    Loaded,
    LocalFile,
    Outcome,
    Records,
    Registered,
    Schema,
    SourceFile,
    Status,
    TablePlan,
    TableState,
)
from lakefall.run import outcomes, repair
from lakefall.run.schema_cache import Known, Remembered, Schemas
from lakefall.tabular import conversion, declared
from lakefall.tabular.conservation import check_loaded, opened
from lakefall.tabular.evidence import together, unpack
from lakefall.tabular.joint import convert_together

if TYPE_CHECKING:
    from lakefall.contract.run import Run
    from lakefall.run.prefetch import Ahead

MAX_PLANS = 20
"""How often a plan that other writers made outdated is made again."""


@dataclass(frozen=True, slots=True)
class LoadResult:
    outcomes: tuple[Outcome, ...]
    registered: tuple[Registered, ...] = ()
    loaded: tuple[Loaded, ...] = ()
    """The commits, as the sink reported them."""


@dataclass(frozen=True, slots=True)
class _Ready:
    """Files that wait for their commit alone."""

    plan: TablePlan
    records: tuple[Records, ...]
    files: tuple[Converted, ...]
    failed: tuple[Outcome, ...]


class TableLoad:
    """Loads one table's files. An error of one file never stops the others.

    ``prepare`` does what needs this machine, ``commit`` what needs the catalog and the storage:
    while one table is committed, another is prepared.
    """

    def __init__(
        self,
        run: Run,
        table: str,
        files: Sequence[SourceFile],
        *,
        register: bool = True,
        schemas: Schemas | None = None,
    ) -> None:
        """``register`` is False where registrars are asked in a step of its own."""
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
        self._register = register
        self._schemas = schemas
        self._registered: list[Registered] = []
        self._loaded: list[Loaded] = []
        self._opened: list[Records] = []
        self._failures: list[Outcome] = []
        self._ready: _Ready | Exception | None = None
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
        self._others: dict[tuple[str, str], list[Records]] = {}
        """Files of the table that are read again, by key and ETag."""

    # --- all files, from fetch to registration ---

    def load(self) -> LoadResult:
        """Everything; scratch files are gone afterwards."""
        return self.prepare() or self.commit()

    def prepare(self, prefetched: Ahead | None = None) -> LoadResult | None:
        """Everything up to the first commit; the result where no commit is to be made.

        ``prefetched`` fetches the files, where they come before their turn.
        """
        self._prefetched = prefetched
        try:
            self._opened, self._failures = self.open()
            self._quick = True
            self._ready = self._attempt()
            if isinstance(self._ready, Exception) and self._assumed:
                # What is decided against a file has to rest on all rows.
                self._quick, self._assumed, self._inferred = False, False, None
                self._ready = self._attempt()
        except BaseException:
            self._remove_scratch()
            raise
        return None if self._opened and not self.run.dry_run else self.commit()

    def reconsider(self) -> LoadResult:
        """Load the files, none of which is new, only if the table has to be repaired."""
        try:
            records, failed = self.open()
            if failed or self.run.dry_run:
                return LoadResult(())
            _, plan, _ = self._plan_all(records)
            if not plan.repair:
                return LoadResult(())
            self._opened, self._ready = records, self._attempt()
            return self.commit()
        except LakefallError as error:
            self.run.warn(f"its types were not looked at again: {error}", table=self.table)
            return LoadResult(())
        finally:
            self._remove_scratch()

    def _attempt(self) -> _Ready | Exception | None:
        if not self._opened:
            return None
        try:
            return self._make_ready(self._opened)
        except Exception as error:  # noqa: BLE001 -- ``commit`` deals with it
            return error

    def commit(self) -> LoadResult:
        """What is left after ``prepare``."""
        try:
            done = self._commit(self._opened, self._ready)
            return self._result([self._complete(o) for o in (*self._failures, *done)])
        finally:
            self._remove_scratch()

    def _remove_scratch(self) -> None:
        shutil.rmtree(self.run.workdir, ignore_errors=True)

    def _commit(
        self, records: list[Records], ready: _Ready | Exception | None = None
    ) -> list[Outcome]:
        """Commit together; where one file spoils that for good, each alone."""
        if not records:
            return []
        keys = list(dict.fromkeys(r.local.file.key for r in records))
        try:
            if isinstance(ready, Exception):
                raise ready
            return self._commit_together(ready or self._make_ready(records))
        except Exception as error:  # noqa: BLE001 -- becomes the outcome of these files
            final = len(keys) == 1 and not self._assumed
            if final or getattr(error, "retryable", False):
                return [self._failed(f, error) for f in _files(records)]
            spoiled = as_foreseen(error)
        if self._assumed:
            self._quick, self._assumed, self._inferred = False, False, None
            return self._commit(records)
        self._joint = self._inferred
        done: list[Outcome] = []
        for key in keys:
            done += self._commit([r for r in records if r.local.file.key == key])
        if not any(o.status is Status.FAILED for o in done):
            # Else the file that fails says why.
            self.run.warn(f"loaded file by file: together, {spoiled}", table=self.table)
        return done

    def _commit_together(self, ready: _Ready) -> list[Outcome]:
        failed = [*ready.failed]
        for outdated in range(1, MAX_PLANS + 1):
            if not ready.files:
                return failed
            if self.run.dry_run:
                return [*failed, *(outcomes.dry(c) for c in ready.files)]
            try:
                return [*failed, *self._load(ready.plan, ready.files).outcomes]
            except PlanOutdatedError as error:
                if outdated == MAX_PLANS:
                    raise CommitConflictError(
                        f"table {self.table!r} changed under {outdated} plans in a row ({error}); "
                        "the next run tries again"
                    ) from error
            ready = self._make_ready(list(ready.records))
            failed += ready.failed
        return failed

    def _make_ready(self, records: list[Records]) -> _Ready:
        """Infer, plan and convert; files that cannot be converted are left out."""
        failed: list[Outcome] = []
        remaining = list(records)
        converted: dict[str, Converted] = {}
        plan: TablePlan | None = None
        while remaining:
            # Held open, so that inference and all conversions share one instance of the engine;
            # its memory is free again while the files are committed.
            with sql.connect(self.pipeline.config.engine, self.run.workdir):
                schema, fresh, others = self._plan_all(remaining)
                if plan is None or not _same(plan, fresh):
                    plan, converted = fresh, {}
                broken = self._convert_all([*others, *remaining], plan, converted, schema)
            _refuse_broken(broken, others, plan)
            if not broken:
                every = sorted([*others, *remaining], key=_age)
                files = self._per_file(every, converted)
                return _Ready(plan, tuple(remaining), files, tuple(failed))
            # The plan may hold columns that only a broken file brought: plan again without,
            # and assume nothing of files that are converted already.
            self._quick = False
            failed += broken
            keys = {o.file.key for o in broken}
            remaining = [r for r in remaining if r.local.file.key not in keys]
        assert plan is not None  # noqa: S101 -- at least one round was made
        return _Ready(plan, (), (), tuple(failed))

    def _plan_all(self, records: list[Records]) -> tuple[Schema, TablePlan, list[Records]]:
        """Types and plan, and the table's other files where they have to be loaded again.

        Raises:
            TypeConflictError: values would be lost, and the table cannot be rebuilt.
        """
        state = self.state()
        known = self._contributions(state)
        schema, plan = self.plan(records, state, known=known)
        if not (schema.unsettled or plan.repairs):
            return schema, plan, []
        loading = {r.local.file.key for r in records}
        files, why = repair.files_to_read(self.run, self.table, known or (), loading)
        if why:
            return schema, self._left_alone(plan, why), []
        every = sorted([*self._read_again(files, state), *records], key=_age)
        asked = {*schema.unsettled, *(c.name for c in plan.repairs)}
        joint = repair.about(self.infer(every, state, rebuild=True), state, asked)
        others = [r for r in every if r.local.file.key not in loading]
        # A quick look may have been taken again.
        records[:] = [r for r in every if r.local.file.key in loading]
        found = self.prepare_table(joint)
        if not found.repairs:
            return joint, found, []
        told = repair.notes(found, repair.cost(known or (), loading))
        plan = self.prepare_table(joint, rebuild=True)
        keys = {r.local.file.key for r in every}
        if why := repair.rows_of_others(self.run, self.table, keys):
            return joint, self._left_alone(found, why), []
        for note in told:
            self.run.warn(note, table=self.table)
        return joint, dataclasses.replace(plan, repair=True, notes=told), others

    def foresee(self, records: list[Records]) -> tuple[Schema, TablePlan]:
        """Types and plan without reading other files; a repair is among the plan's notes.

        Raises:
            TypeConflictError: values would be lost, and the table cannot be rebuilt.
        """
        state = self.state()
        known = self._contributions(state)
        schema, plan = self.plan(records, state, known=known)
        if known is None or not (schema.unsettled or plan.repairs):
            return schema, plan
        loading = {r.local.file.key for r in records}
        _, why = repair.files_to_read(self.run, self.table, known, loading)
        if why:
            return schema, self._left_alone(plan, why)
        told = repair.notes(plan, repair.cost(known, loading), schema.unsettled)
        return schema, dataclasses.replace(plan, notes=told)

    def _left_alone(self, plan: TablePlan, why: str) -> TablePlan:
        kept = repair.kept(plan, why)
        if kept is None:
            raise repair.conflict(plan, why)
        return kept

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
        return self.pipeline.contributions(self.run, self.table) or None

    def _load(self, plan: TablePlan, files: Sequence[Converted]) -> Loaded:
        with self._timed(*(f.file for f in files)), self.run.step("load", table=self.table):
            loaded = self.pipeline.load(self.run, plan, files)
            loaded = check_loaded(self.pipeline.sink, files, loaded)
        self._loaded.append(loaded)
        if not self._register:
            return loaded
        with self.run.step("register", table=self.table):
            answers = self.pipeline.register(self.run, loaded)
        outcomes.warn_of(self.run, answers)
        self._registered += answers
        return dataclasses.replace(loaded, outcomes=outcomes.judged(loaded.outcomes, answers))

    # --- one table: its state, columns and plan ---

    def state(self) -> TableState | None:
        """The table as it is now."""
        with self.run.step("describe", table=self.table):
            return self.pipeline.describe(self.run, self.table)

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
                self._timed(*_files(records)),
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
        with self._timed(*self.files), self.run.step("prepare", table=self.table):
            return self.pipeline.prepare(self.run, self.table, schema, rebuild=rebuild)

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

    def _recall(
        self, records: list[Records], state: TableState | None, others: Known
    ) -> Schema | None:
        if self._schemas is None or len(records) != 1:
            return None
        found = self._schemas.recall(self.run, records[0].local.file, state, others)
        if found is None:
            return None
        if not found.quick and not records[0].proved:
            records[0] = self._open_again(records[0])
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
                records[at] = self._open_again(records[at])

    def _as_decided_together(self, schema: Schema) -> Schema:
        """The columns of a file that is loaded alone, typed as all files of the new table were."""
        if self._joint is None:
            return schema
        decided = {c.name: c for c in self._joint.columns}
        return dataclasses.replace(
            schema, columns=tuple(decided.get(c.name, c) for c in schema.columns)
        )

    def trial(self, records: Sequence[Records], plan: TablePlan, schema: Schema) -> list[Outcome]:
        """What becomes of these files under the plan; they are converted, nothing is written."""
        converted: dict[str, Converted] = {}
        broken = self._convert_all(records, plan, converted, schema)
        failed = {o.file.key for o in broken}
        left = [r for r in records if r.local.file.key not in failed]
        return [*broken, *(outcomes.dry(c) for c in self._per_file(left, converted))]

    def commit_rebuild(
        self, records: Sequence[Records], plan: TablePlan, schema: Schema
    ) -> LoadResult:
        """Swap the table's schema and rows for these files'.

        Raises:
            LakefallError: nothing was changed.
        """
        converted = {r.local.name: self._convert(r, plan, schema) for r in records}
        loaded = self._load(plan, self._per_file(records, converted))
        return self._result([self._complete(o) for o in loaded.outcomes])

    # --- single files ---

    def open(self) -> tuple[list[Records], list[Outcome]]:
        """Fetch, sniff and prove each file; the ones that cannot be read fail alone."""
        if not self.table:
            return [], [self._failed(f, TableNameError(f.problem)) for f in self.files]
        try:
            state = self.state()
        except Exception as error:  # noqa: BLE001 -- becomes the outcome of all of them
            return [], [self._failed(f, error) for f in self.files]
        found: list[Records] = []
        failed: list[Outcome] = []
        for file in self.files:
            try:
                found += self.open_one(file, state)
            except Exception as error:  # noqa: BLE001 -- one file must not stop the others
                failed.append(self._failed(file, error))
        return found, failed

    def fetch(self, file: SourceFile) -> tuple[LocalFile, ...]:
        """The file on this machine, decompressed; the members of an archive."""
        with self._timed(file), self.run.step("fetch", key=file.key, table=self.table) as detail:
            # Other files of the table were not expected.
            ahead = self._prefetched if file in self.files else None
            local = ahead.take(file) if ahead else self.bring(file)
            detail.update(bytes=sum(each.size for each in local))
        return local

    def bring(self, file: SourceFile) -> tuple[LocalFile, ...]:
        """Fetch it now, whoever's turn it is."""
        if file.problem:
            raise RefusedFileError(file.problem)
        return self.pipeline.fetch(self.run, file)

    def sniff(self, local: LocalFile, state: TableState | None) -> Format:
        """How the file is written."""
        file = local.file
        with self._timed(file), self.run.step("sniff", key=file.key, table=self.table) as detail:
            found = detail["format"] = self.pipeline.sniff(self.run, local, state)
        return found

    def open_one(self, file: SourceFile, state: TableState | None) -> list[Records]:
        """Fetch, sniff and take a quick look at a file, or at each member of an archive.

        Raises:
            LakefallError: this file cannot be read.
        """
        return [
            self._open(local, self.sniff(local, state), quick=True) for local in self.fetch(file)
        ]

    def _open_again(self, quick: Records) -> Records:
        return self._open(quick.local, quick.format)

    def _open(self, local: LocalFile, format: Format, *, quick: bool = False) -> Records:
        file = local.file
        with self._timed(file), self.run.step("open", key=file.key, table=self.table) as detail:
            records = opened(self.run, local, format, quick=quick)
            detail.update(bytes=local.size)
        self._warn(file, records.warnings)
        return records

    def _convert_all(
        self,
        records: Sequence[Records],
        plan: TablePlan,
        converted: dict[str, Converted],
        schema: Schema,
    ) -> list[Outcome]:
        """Convert what is not in ``converted`` yet, by name; outcomes of files that cannot be."""
        waiting = [each for each in records if each.local.name not in converted]
        if len(waiting) > 1:
            converted |= self._convert_together(waiting, plan, schema)
        broken: dict[str, Outcome] = {}
        for each in waiting:
            name, file = each.local.name, each.local.file
            if name in converted or file.key in broken:
                continue
            try:
                converted[name] = self._convert(each, plan, schema)
            except Exception as error:
                if schema.assumed is not None:
                    # Whatever it is: with the types of all rows it may be none.
                    raise UnprovedTypesError(name) from error
                broken[file.key] = self._failed(file, error, each)
        return list(broken.values())

    def _convert_together(
        self, records: Sequence[Records], plan: TablePlan, schema: Schema
    ) -> dict[str, Converted]:
        """Small files that one query converts; the others have something to report."""
        began = perf_counter()
        alone = [r for r in records if not self.pipeline.converts(r.format)]
        try:
            found = convert_together(self.run, alone, plan, schema)
        except Exception:  # noqa: BLE001 -- converted alone, the file that it is about says so
            return {}
        share = (perf_counter() - began) / max(1, len(found))
        sizes = {each.local.name: each.local.size for each in records}
        for name, each in found.items():
            key = each.file.key
            self._seconds[key] += share
            detail = {"rows": each.rows_loaded, "bytes": sizes[name], "rejects": each.rejects}
            self.run.emit("convert.started", key=key, table=self.table)
            self.run.emit("convert.finished", key=key, table=self.table, seconds=share, **detail)
            self._warn(each.file, each.warnings)
        return found

    def _convert(self, records: Records, plan: TablePlan, schema: Schema) -> Converted:
        file = records.local.file
        step = self.run.step("convert", key=file.key, table=self.table)
        with self._timed(file), step as detail:
            try:
                converted = conversion.convert(self.run, records, plan, schema)
            except UnprovedError:
                if schema.assumed is not None:
                    raise
                proved = self._open_again(records)
                converted = conversion.convert(self.run, proved, plan, schema)
            detail.update(
                rows=converted.rows_loaded, bytes=records.local.size, rejects=converted.rejects
            )
        self._warn(file, converted.warnings)
        return converted

    def _per_file(
        self, records: Sequence[Records], converted: dict[str, Converted]
    ) -> tuple[Converted, ...]:
        """What was converted, the members of an archive as one file."""
        members: dict[str, list[Records]] = {}
        for each in records:
            members.setdefault(each.local.file.key, []).append(each)
        return tuple(
            conversion.merged(self.run, some, [converted[each.local.name] for each in some])
            for some in members.values()
        )

    # --- outcomes ---

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
            evidence=together(self._evidence.get(outcome.file.key, {})),
        )

    def _result(self, done: Sequence[Outcome]) -> LoadResult:
        return LoadResult(tuple(done), tuple(self._registered), tuple(self._loaded))


def _files(records: Sequence[Records]) -> list[SourceFile]:
    """The files that records are of, each once."""
    return list({r.local.file.key: r.local.file for r in records}.values())


def _age(records: Records) -> tuple[datetime, str]:
    """Sorts the oldest first, as a run takes files."""
    return records.local.file.modified, records.local.file.key


def _refuse_broken(broken: Sequence[Outcome], others: Sequence[Records], plan: TablePlan) -> None:
    """Nothing of the table may be lost because one of its files cannot be converted any more."""
    keys = {r.local.file.key for r in others}
    if old := [o for o in broken if o.file.key in keys]:
        raise TypeConflictError(
            f"table {plan.table!r} has to be rebuilt, and its file {old[0].file.key!r} cannot be "
            f"loaded any more: {old[0].error}"
        )


def _same(one: TablePlan, other: TablePlan) -> bool:
    return dataclasses.replace(one, snapshot="") == dataclasses.replace(other, snapshot="")
