"""Files of one table that are inferred, planned, converted and committed together."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from lakefall.common import sql
from lakefall.contract.errors import (
    CommitConflictError,
    PlanOutdatedError,
    TableNameError,
    UnprovedError,
    as_foreseen,
)
from lakefall.contract.values import (
    Converted,
    Loaded,
    Outcome,
    Records,
    Registered,
    Schema,
    SourceFile,
    Status,
    TablePlan,
    TableState,
)
from lakefall.run import outcomes
from lakefall.run.file_steps import FileSteps
from lakefall.run.overlap import Loading, to_the_end
from lakefall.run.schema_cache import Remembered, Schemas

if TYPE_CHECKING:
    from collections.abc import Generator

    from lakefall.contract.run import Run
    from lakefall.run.prefetch import Ahead

_Committing: TypeAlias = "Generator[None, None, list[Outcome]]"
MAX_PLANS = 20
"""How often a plan that other writers made outdated is made again."""


@dataclass(frozen=True, slots=True)
class BatchResult:
    outcomes: tuple[Outcome, ...]
    registered: tuple[Registered, ...] = ()
    loaded: tuple[Loaded, ...] = ()
    """The commits, as the sink told them."""


class TableBatch(FileSteps):
    """One table's pending files. An error of one file never stops the others."""

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
        super().__init__(run, table, files)
        self._register = register
        self._schemas = schemas
        self._registered: list[Registered] = []
        self._loaded: list[Loaded] = []
        self._inferred: Schema | None = None
        """Of a new table, as inferred last."""
        self._joint: Schema | None = None
        """The same once its files have to be loaded one by one."""
        self._quick = False
        """Whether types may rest on first rows until the conversion proves them."""
        self._assumed = False
        """Whether those inferred last do."""

    def load(self) -> BatchResult:
        """Everything from fetch to registration; scratch files are gone afterwards."""
        return to_the_end(self.loading())

    def loading(self, ahead: Ahead | None = None) -> Loading:
        """The same, with a stop before each commit.

        ``ahead`` fetches the batch's files, where they come before their turn.
        """
        self._ahead = ahead
        try:
            records, failed = self.open()
            self._quick = True
            done = yield from self._commit(records)
            return self._result([self._complete(o) for o in (*failed, *done)])
        finally:
            shutil.rmtree(self.run.workdir, ignore_errors=True)

    def open(self) -> tuple[list[Records], list[Outcome]]:
        """Fetch, sniff and prove each file; the ones that cannot be read fail alone."""
        if not self.table:
            return [], [self._failed(f, TableNameError(f.problem)) for f in self.files]
        try:
            state = self.state()
        except Exception as error:  # noqa: BLE001 -- becomes the outcome of all of them
            return [], [self._failed(f, error) for f in self.files]
        opened: list[Records] = []
        failed: list[Outcome] = []
        for file in self.files:
            try:
                opened.append(self.open_one(file, state))
            except Exception as error:  # noqa: BLE001 -- one file must not stop the others
                failed.append(self._failed(file, error))
        return opened, failed

    def state(self) -> TableState | None:
        """The table as it is now."""
        with self.run.step("describe", table=self.table):
            return self.pipeline.describe(self.run, self.table)

    def plan(
        self, records: list[Records], state: TableState | None, *, rebuild: bool = False
    ) -> tuple[Schema, TablePlan]:
        """Types for all columns of these files, and what loading them does to the table.

        ``records`` is changed where a file turns out not to be what a quick look took it for.
        """
        schema = self.infer(records, state, rebuild=rebuild)
        return schema, self.prepare(schema, rebuild=rebuild)

    def infer(
        self, records: list[Records], state: TableState | None, *, rebuild: bool = False
    ) -> Schema:
        """Types for all columns of these files; changes ``records`` as ``plan`` does."""
        governing = None if rebuild else state
        schema = self._recall(records, governing)
        if schema is None:
            files = [r.local.file for r in records]
            with self._timed(*files), self.run.step("infer", table=self.table) as told:
                schema = told["schema"] = self._infer(records, governing)
                told.update(bytes=sum(r.local.size for r in records))
            if schema.assumed is None:
                self._keep(records, governing, schema)
        self._assumed = schema.assumed is not None
        if state is None:
            schema = self._inferred = self._as_decided_together(schema)
        return schema

    def prepare(self, schema: Schema, *, rebuild: bool = False) -> TablePlan:
        """What loading files with these columns does to the table."""
        with self._timed(*self.files), self.run.step("prepare", table=self.table):
            return self.pipeline.prepare(self.run, self.table, schema, rebuild=rebuild)

    def _recall(self, records: list[Records], state: TableState | None) -> Schema | None:
        if self._schemas is None or len(records) != 1:
            return None
        found = self._schemas.recall(self.run, records[0].local.file, state)
        if found is None:
            return None
        if not found.quick and not records[0].proved:
            records[0] = self._open_again(records[0])
        return found.schema

    def _keep(self, records: list[Records], state: TableState | None, schema: Schema) -> None:
        if self._schemas is not None and len(records) == 1:
            found = Remembered(schema, quick=not records[0].proved)
            self._schemas.keep(self.run, records[0].local.file, state, found)

    def _infer(self, records: list[Records], state: TableState | None) -> Schema:
        while True:
            try:
                quick = self._quick and self._joint is None
                return self.pipeline.infer(self.run, records, state, quick=quick)
            except UnprovedError as error:
                at = [r.local.file.key for r in records].index(error.key)
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

    def trial(self, records: Sequence[Records], plan: TablePlan) -> list[Outcome]:
        """What becomes of these files under the plan; they are converted, nothing is written."""
        converted: dict[str, Converted] = {}
        broken = self._convert_all(records, plan, converted)
        return [*broken, *(outcomes.dry(c) for c in converted.values())]

    def commit_rebuild(self, records: Sequence[Records], plan: TablePlan) -> BatchResult:
        """Swap the table's schema and rows for these files'.

        Raises:
            LakefallError: nothing was changed.
        """
        loaded = self._load(plan, [self._convert(r, plan) for r in records])
        return self._result([self._complete(o) for o in loaded.outcomes])

    def _result(self, outcomes: Sequence[Outcome]) -> BatchResult:
        return BatchResult(tuple(outcomes), tuple(self._registered), tuple(self._loaded))

    # --- all files together ---

    def _commit(self, records: list[Records]) -> _Committing:
        """Commit together; where one file spoils that for good, each alone."""
        if not records:
            return []
        try:
            return (yield from self._commit_together(records))
        except Exception as error:  # noqa: BLE001 -- becomes the outcome of these files
            final = len(records) == 1 and not self._assumed
            if final or getattr(error, "retryable", False):
                return [self._failed(r.local.file, error) for r in records]
            spoiled = as_foreseen(error)
        if self._assumed:
            # What is decided against a file has to rest on all rows.
            self._quick, self._assumed, self._inferred = False, False, None
            return (yield from self._commit(records))
        self._joint = self._inferred
        done: list[Outcome] = []
        for each in records:
            done += yield from self._commit([each])
        if not any(o.status is Status.FAILED for o in done):
            # Else the file that fails says why.
            self.run.warn(f"loaded file by file: together, {spoiled}", table=self.table)
        return done

    def _commit_together(self, records: list[Records]) -> _Committing:
        failed: list[Outcome] = []
        remaining = list(records)
        converted: dict[str, Converted] = {}
        plan: TablePlan | None = None
        outdated = 0
        while remaining:
            # Held open, so that inference and all conversions share one instance of the engine;
            # its memory is free again while the batch is loaded.
            with sql.connect(self.pipeline.config.engine, self.run.workdir):
                schema, fresh = self.plan(remaining, self.state())
                if plan is None or not _same(plan, fresh):
                    plan, converted = fresh, {}
                broken = self._convert_all(remaining, plan, converted, schema.assumed)
            if broken:
                # The plan may hold columns that only a broken file brought: plan again without,
                # and assume nothing of files that are converted already.
                self._quick = False
                failed += broken
                keys = {o.file.key for o in broken}
                remaining = [r for r in remaining if r.local.file.key not in keys]
                continue
            files = [converted[r.local.file.key] for r in remaining]
            if self.run.dry_run:
                return [*failed, *(outcomes.dry(c) for c in files)]
            yield
            try:
                return [*failed, *self._load(plan, files).outcomes]
            except PlanOutdatedError as error:
                outdated, plan = outdated + 1, None
                if outdated >= MAX_PLANS:
                    raise CommitConflictError(
                        f"table {self.table!r} changed under {outdated} plans in a row ({error}); "
                        "the next run tries again"
                    ) from error
        return failed

    def _load(self, plan: TablePlan, files: Sequence[Converted]) -> Loaded:
        with self._timed(*(f.file for f in files)), self.run.step("load", table=self.table):
            loaded = self.pipeline.load(self.run, plan, files)
        self._loaded.append(loaded)
        if not self._register:
            return loaded
        with self.run.step("register", table=self.table):
            answers = self.pipeline.register(self.run, loaded)
        outcomes.warn_of(self.run, answers)
        self._registered += answers
        return dataclasses.replace(loaded, outcomes=outcomes.judged(loaded.outcomes, answers))


def _same(one: TablePlan, other: TablePlan) -> bool:
    return dataclasses.replace(one, snapshot="") == dataclasses.replace(other, snapshot="")
