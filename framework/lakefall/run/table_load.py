"""One table's pending files: opened, inferred, planned, converted and committed together."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from lakefall.contract.errors import (
    CommitConflictError,
    LakefallError,
    PlanOutdatedError,
    TypeConflictError,
    UnprovedError,
    UnprovedTypesError,
    as_foreseen,
)
from lakefall.contract.values import (
    Contribution,
    Converted,
    Loaded,
    Outcome,
    Records,
    Registered,
    Schema,
    SourceFile,
    Status,
    TablePlan,
)
from lakefall.run import outcomes, typed_rows, unended
from lakefall.run.schema_cache import Schemas
from lakefall.run.table_planning import TablePlanning, age, files_of
from lakefall.run.typed_rows import RowsDoNotTell
from lakefall.tabular import conversion
from lakefall.tabular.conservation import check_loaded
from lakefall.tabular.evidence import together
from lakefall.tabular.joint import convert_together

if TYPE_CHECKING:
    from lakefall.contract.run import Run
    from lakefall.run.overlap import Ahead

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


class TableLoad(TablePlanning):
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
        committed: list[Contribution] | None = None,
        apart: bool = False,
        part: bool = False,
    ) -> None:
        """``register`` is False where registrars are asked in a step of its own.

        ``committed`` is shared by the batches of one table, each of which adds its files. A batch
        that is loaded ``apart`` is the only one that is worked on at its time. ``part``: the source
        may have more files of the table that nobody has looked at.
        """
        super().__init__(run, table, files, schemas, committed)
        self.apart = apart
        self._part = part
        self._register = register
        self._registered: list[Registered] = []
        self._loaded: list[Loaded] = []
        self._opened: list[Records] = []
        self._failures: list[Outcome] = []
        self._ready: _Ready | Exception | None = None

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
            _, plan, _ = self.plan_all(records)
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
            unended.clear(self.run, self.files)
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
                return [self.failed(f, error) for f in files_of(records)]
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
            # Held open, so that inference and all conversions share one instance.
            with self.engine(remaining):
                schema, fresh, others = self.plan_all(remaining)
                if plan is None or not _same(plan, fresh):
                    plan, converted = fresh, {}
                broken = self._convert_all([*others, *remaining], plan, converted, schema)
            _refuse_broken(broken, others, plan)
            if not broken and self._rows_lose(others, converted):
                continue
            if not broken:
                every = sorted([*others, *remaining], key=age)
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

    def _rows_lose(self, others: Sequence[Records], converted: Mapping[str, Converted]) -> bool:
        """Whether rows of the table cannot stand for a file after all; the next plan knows it."""
        try:
            for each in others:
                typed_rows.refuse_losses(each, converted[each.local.name])
        except RowsDoNotTell as error:
            self._untold = str(error)
            return True
        return False

    def _load(self, plan: TablePlan, files: Sequence[Converted]) -> Loaded:
        if plan.created and self._part:
            self._release_others(files)
        with self.timed(*(f.file for f in files)), self.run.step("load", table=self.table):
            loaded = self.pipeline.load(self.run, plan, files)
            loaded = check_loaded(self.pipeline.sink, files, loaded)
        self._loaded.append(loaded)
        self._committed += (
            Contribution(
                o.file.key,
                o.file.etag,
                o.rows_loaded,
                o.file.size,
                self._evidence_of(o),
                o.file.modified,
                o.file.origin,
                o.rows_rejected + o.cells_nulled,
            )
            for o in loaded.outcomes
            if o.status is Status.SUCCESS
        )
        if not self._register:
            return loaded
        with self.run.step("register", table=self.table):
            answers = self.pipeline.register(self.run, loaded)
        outcomes.warn_of(self.run, answers)
        self._registered += answers
        return dataclasses.replace(loaded, outcomes=outcomes.judged(loaded.outcomes, answers))

    def _release_others(self, files: Sequence[Converted]) -> None:
        """Files of a table that was dropped become pending: once it is there again, by these files,
        they would be taken for loaded."""
        ours = {each.file.key for each in files}
        known = (e for e in self.pipeline.history(self.run) if e.loaded_table == self.table)
        if others := [e.key for e in known if e.key not in ours]:
            self.pipeline.release(self.run, others)

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
                broken[file.key] = self.failed(file, error, each)
        return list(broken.values())

    def _convert_together(
        self, records: Sequence[Records], plan: TablePlan, schema: Schema
    ) -> dict[str, Converted]:
        """Small files that one query converts; the others have something to report."""
        began = perf_counter()
        alone = [r for r in records if not self.pipeline.converts(r.format)]
        try:
            with unended.noted(self.run, files_of(alone)):
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
        with self.reading(file), step as detail:
            try:
                converted = conversion.convert(self.run, records, plan, schema)
            except UnprovedError:
                if schema.assumed is not None:
                    raise
                proved = self.open_again(records)
                converted = conversion.convert(self.run, proved, plan, schema)
            detail.update(
                rows=converted.rows_loaded, bytes=records.local.size, rejects=converted.rejects
            )
        self._warn(file, (*converted.warnings, *converted.lost_values))
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

    def _complete(self, outcome: Outcome) -> Outcome:
        return dataclasses.replace(
            outcome,
            seconds=round(self._seconds[outcome.file.key], 3),
            digest=self.pipeline.config.digest,
            evidence=self._evidence_of(outcome),
        )

    def _evidence_of(self, outcome: Outcome) -> str:
        return together(self._evidence.get(outcome.file.key, {}))

    def _result(self, done: Sequence[Outcome]) -> LoadResult:
        return LoadResult(tuple(done), tuple(self._registered), tuple(self._loaded))


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
