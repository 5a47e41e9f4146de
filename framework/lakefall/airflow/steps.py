"""The steps, one call each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

from lakefall.airflow import closing
from lakefall.airflow.chain import granularity_of
from lakefall.airflow.step_values import (
    Closing,
    Fetched,
    Inferred,
    Ingested,
    Listing,
    Planned,
    Registration,
    Result,
    Sniffed,
    Work,
    bounded,
    cut,
    listing,
)
from lakefall.config.loader import open_pipeline
from lakefall.contract.errors import (
    FileChangedError,
    FileVanishedError,
    LakefallError,
    PlanOutdatedError,
    TableNameError,
    as_foreseen,
)
from lakefall.contract.plugin import Stage
from lakefall.contract.values import (
    Change,
    Outcome,
    RegistryEntry,
    SourceFile,
    Status,
    TablePlan,
)
from lakefall.run import deletion, outcomes, runner
from lakefall.run.outcomes import judged, warn_of
from lakefall.run.runner import Runner
from lakefall.run.schema_cache import Schemas
from lakefall.run.table_load import MAX_PLANS, TableLoad

if TYPE_CHECKING:
    from lakefall.config.environment import Lookup
    from lakefall.contract.run import Run

V = TypeVar("V", Fetched, Sniffed, Inferred, Planned, Ingested, Registration)


class Steps:
    """The steps of one run of a pipeline.

    Every method may be called in a process of its own, on a host of its own, and again after it
    failed or was killed. All raise ``LakefallError``; ``retryable`` on it says whether to call
    again in the same run is worth a try (see ``worth_retrying``).
    """

    def __init__(self, runner: Runner, run_id: str) -> None:
        self._runner = runner
        self._run_id = run_id
        self._schemas = Schemas(runner.pipeline.config.cache.dir)

    @classmethod
    def open(
        cls,
        path: Path | str,
        run_id: str,
        *,
        listeners: Sequence[object] = (),
        environ: Mapping[str, str] | None = None,
        lookups: Mapping[str, Lookup] | None = None,
    ) -> Steps:
        """Read the pipeline file. Opens no connection.

        Raises:
            ConfigError: with every problem of the file.
        """
        pipeline = open_pipeline(path, environ=environ, lookups=lookups, listeners=listeners)
        return cls(Runner(pipeline), run_id)

    def asset(self, table: str) -> str:
        """What other systems call a table: ``iceberg.lakehouse.customers``.

        The catalog's name is the one that the sink or a registrar queries it under.
        """
        uses = self._runner.pipeline.config.uses
        options = [u.options for s in (Stage.SINK, Stage.CATALOG_REGISTRAR) for u in uses[s]]
        names = (getattr(o, "catalog", None) for o in options)
        catalog = next((name for name in names if isinstance(name, str) and name), "iceberg")
        return ".".join(filter(None, (catalog, self._runner.pipeline.namespace, table)))

    # --- the whole run ---

    def scan(self, tables: Collection[str] = (), keys: Collection[str] = ()) -> Listing:
        """List the source.

        Raises:
            SourceMissingError, SourceError: it cannot be listed.
            UsageError: a table or key that it does not have.
        """
        with self._runner.start(run_id=self._run_id) as run:
            files = self._runner.list_files(run, tables=tables, keys=keys)
            return listing(run.started_at, files, self._runner.unread)

    def filter(
        self,
        found: Listing,
        tables: Collection[str] = (),
        keys: Collection[str] = (),
        *,
        force: bool = False,
        retry_failed: bool = False,
        at_most: int = 0,
        granularity: str = "file",
        auto_step_files: int = 0,
    ) -> list[Work]:
        """What has to be loaded, oldest first, at most ``at_most`` files; one by one or, as the
        granularity says, by table.

        ``force`` loads what has not changed too, ``retry_failed`` what failed for good.
        """
        # A listing that was too long to travel is made anew, and is as old as it then is.
        listed_at = None if found.found is None else found.listed_at
        with self._runner.start(run_id=self._run_id, started_at=listed_at) as run:
            files = (
                self._runner.list_files(run, tables=tables, keys=keys)
                if found.found is None
                else list(found.found)
            )
            if retry_failed:
                self._release_failed(run, {f.key for f in files})
            decisions = self._runner.judge(run, files, force=force, at_most=at_most)
            for decision in filter(outcomes.is_skipped, decisions):
                run.warn(decision.reason, key=decision.file.key)
            pending = [d.file for d in decisions if d.pending]
            groups = [[f] for f in pending]
            if granularity_of(granularity, len(pending), auto_step_files) == "table":
                groups = list(runner.by_table(pending).values())
            return [Work(some[0].table, tuple(some), run.started_at) for some in groups]

    def close(
        self,
        works: Sequence[Work],
        results: Sequence[Result],
        *,
        whole: bool = True,
    ) -> Closing:
        """Record what no step recorded, delete what is gone, let registrars make up, sum up.

        ``whole`` is False for a run over some tables or keys only, which deletes nothing.

        Raises:
            LakefallError: the registry cannot be written; nothing of the run is lost.
        """
        began = max((w.listed_at for w in works), default=None)
        with self._runner.start(run_id=self._run_id, started_at=began) as run:
            done = {r.outcome.file.key: r for r in results}
            silent = [
                Result(self._failure(file, closing.silence(file)))
                for work in works
                for file in work.files
                if file.key not in done
            ]
            every = [*done.values(), *silent]
            self._runner.record(run, [r.outcome for r in every if not r.recorded])
            outcomes = self._delete(run) if whole else []
            self._runner.reconcile(run)
            return closing.summed([*every, *(Result(o) for o in outcomes)], self._runner.warnings)

    # --- the steps of one file ---

    def download(self, work: Work) -> Fetched:
        """Bring the file here, which proves that it can be had in the listed version.

        Raises:
            FileVanishedError, FileChangedError: it cannot any more.
        """
        with self._batch(work) as batch:
            size = sum(each.size for each in batch.fetch(work.file))
            return Fetched(work.file.key, size)

    def detect(self, work: Work) -> Sniffed:
        """Find out how the file is written."""
        with self._batch(work) as batch:
            state = batch.state()
            return Sniffed.of([batch.sniff(each, state) for each in batch.fetch(work.file)])

    def infer(self, work: Work) -> Inferred:
        """Find out the file's columns, looking at all rows."""
        with self._batch(work) as batch:
            return Inferred.of(batch.schema_of(work.file))

    def ensure(self, work: Work) -> Planned:
        """Plan the table; create it where the sink does that ahead of the load."""
        return self._apply(work, created=True)

    def evolve(self, work: Work) -> Planned:
        """Plan new and wider columns; make them where the sink does that ahead of the load."""
        return self._apply(work, created=False)

    def ingest(self, work: Work) -> Ingested:
        """Replace the file's rows, in one commit. Nothing is registered or recorded."""
        with self._batch(work, register=False) as batch:
            done = batch.load()
            outcome = next(o for o in done.outcomes if o.file.key == work.file.key)
            if error := batch.errors.get(work.file.key):
                raise _LoadFailedError(outcome) from error
            # Of a table that was repaired the other files were loaded again.
            self._runner.record(batch.run, [o for o in done.outcomes if o is not outcome])
            loaded = done.loaded[0]
            short = dataclasses.replace(
                loaded,
                columns_added=cut(loaded.columns_added),
                columns_widened=cut(loaded.columns_widened),
                outcomes=(),
            )
            return Ingested(Result(bounded(outcome)), short)

    def register(self, work: Work, ingested: Ingested) -> Registration:
        """Make what was committed known elsewhere, and let it be counted there."""
        with self._batch(work) as batch:
            result = ingested.result
            if not ingested.loaded.snapshot and result.outcome.status is not Status.SUCCESS:
                return Registration(result, ())
            loaded = dataclasses.replace(ingested.loaded, outcomes=(result.outcome,))
            answers = batch.pipeline.register(batch.run, loaded)
            warn_of(batch.run, answers)
            outcome = judged(loaded.outcomes, answers)[0]
            return Registration(dataclasses.replace(result, outcome=outcome), tuple(answers))

    def record(self, work: Work, result: Result, seconds: float = 0.0) -> Result:
        """Write what became of the file to the registry; ``seconds`` were spent on it."""
        with self._runner.start(run_id=self._run_id, started_at=work.listed_at) as run:
            outcome = dataclasses.replace(
                result.outcome, seconds=round(seconds or result.outcome.seconds, 3)
            )
            self._runner.record(run, [outcome])
            return dataclasses.replace(result, outcome=outcome, recorded=True)

    def failure(self, work: Work, error: Exception) -> Result:
        """What a step's error makes of its file."""
        cause = error.__cause__ if isinstance(error, _LoadFailedError) else error
        gone = isinstance(cause, FileVanishedError | FileChangedError)
        if isinstance(error, _LoadFailedError):
            return Result(bounded(error.outcome), gone)
        return Result(bounded(self._failure(work.file, error)), gone)

    # --- all steps of some files ---

    def load(self, work: Work, *, last_try: bool = True) -> list[Result]:
        """All steps for a table's files: committed together, registered, recorded.

        Call it again while ``unfinished`` says so. Before the last try, what may still become a
        success is not recorded as a failure.
        """
        with self._runner.start(run_id=self._run_id, started_at=work.listed_at) as run:
            results = self._done_before(run, work)
            left = [f for f in work.files if f.key not in results]
            batches = list(runner.batches(run, left, schemas=self._schemas))
            for batch, done in zip(batches, runner.load(batches), strict=True):
                fresh = {
                    o.file.key: Result(bounded(o), _is_gone(batch.errors.get(o.file.key)))
                    for o in done.outcomes
                }
                settled = [r for r in fresh.values() if last_try or not unfinished([r])]
                self._runner.record(run, [r.outcome for r in settled])
                for result in settled:
                    key = result.outcome.file.key
                    fresh[key] = dataclasses.replace(result, recorded=True)
                results |= fresh
            return [results[f.key] for f in work.files]

    def _done_before(self, run: Run, work: Work) -> dict[str, Result]:
        """What an earlier try of this very run has loaded already."""
        if len(work.files) == 1:
            return {}
        known = {
            e.key: e
            for e in run.pipeline.history(run)
            if e.run_id == self._run_id and e.status == Status.SUCCESS
        }
        return {
            f.key: Result(_remembered(f, known[f.key]), recorded=True)
            for f in work.files
            if f.key in known and known[f.key].etag == f.etag
        }

    # --- parts ---

    @contextmanager
    def _batch(self, work: Work, *, register: bool = True) -> Iterator[TableLoad]:
        """The file as a batch of its own, in the pipeline as its table sees it."""
        file = work.file
        if not file.table:
            raise TableNameError(file.problem)
        with self._runner.start(run_id=self._run_id, started_at=work.listed_at) as run:
            yield TableLoad(run, file.table, [file], register=register, schemas=self._schemas)

    def _apply(self, work: Work, *, created: bool) -> Planned:
        """Plan; let the sink carry it out ahead of the load where it concerns this step."""
        with self._batch(work) as batch:
            for left in reversed(range(MAX_PLANS)):
                plan = self._plan(batch, work.file)
                try:
                    if plan.created is created:
                        batch.pipeline.apply(batch.run, plan)
                    break
                except PlanOutdatedError:
                    # Another file of the same table was faster.
                    if not left:
                        raise
            return _planned(plan)

    def _plan(self, batch: TableLoad, file: SourceFile) -> TablePlan:
        return batch.prepare_table(batch.schema_of(file))

    def _failure(self, file: SourceFile, error: Exception) -> Outcome:
        known = as_foreseen(error)
        pipeline = self._runner.pipeline
        view = pipeline.for_table(file.table) if file.table else pipeline
        return Outcome(
            file,
            Status.FAILED,
            error=str(known),
            retryable=known.retryable,
            digest=view.config.digest,
        )

    def _release_failed(self, run: Run, keys: Collection[str]) -> None:
        history = run.pipeline.history(run)
        failed = [e.key for e in history if e.status == Status.FAILED and e.key in keys]
        if failed:
            run.pipeline.release(run, failed)

    def _delete(self, run: Run) -> list[Outcome]:
        """Rows of files that are gone from a source that says so; warns, never fails."""
        if not run.pipeline.delete_fractions:
            return []
        try:
            files = self._runner.list_files(run)
        except LakefallError as error:
            run.warn(f"nothing that is gone from the source was deleted: {error}")
            return []
        found = deletion.find(run, {f.key for f in files})
        done = [o for gone in found for o in deletion.delete(run, gone)]
        return self._runner.follow(run, [gone.table for gone in found], files, done)


class _LoadFailedError(LakefallError):
    """A load failed; the numbers of its outcome are worth keeping."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.error)
        self.outcome = outcome
        self.retryable = outcome.retryable


def worth_retrying(error: LakefallError) -> bool:
    """Whether the same step may succeed in the same run.

    A file that changed is loaded by the next run: this one knows only the version it listed.
    """
    cause = error.__cause__ if isinstance(error, _LoadFailedError) else error
    return error.retryable and not isinstance(cause, FileChangedError)


def unfinished(results: Sequence[Result]) -> bool:
    """Whether another try in the same run may load more of these files."""
    return any(
        r.outcome.status is Status.FAILED and r.outcome.retryable and not r.gone for r in results
    )


def timed(step: Callable[[], V]) -> V:
    """A step's answer, with the seconds that it took."""
    began = perf_counter()
    answer = step()
    return dataclasses.replace(answer, seconds=round(perf_counter() - began, 3))


def _planned(plan: TablePlan) -> Planned:
    return Planned.of(plan, [c.name for c in plan.columns if c.change is Change.WIDEN])


def _is_gone(error: LakefallError | None) -> bool:
    return isinstance(error, FileVanishedError | FileChangedError)


def _remembered(file: SourceFile, entry: RegistryEntry) -> Outcome:
    return Outcome(
        file,
        Status.SUCCESS,
        rows_loaded=entry.row_count,
        rows_rejected=entry.rejected,
        seconds=entry.seconds,
    )
