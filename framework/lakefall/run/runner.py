"""The one place that knows the order of the steps."""

from __future__ import annotations

import dataclasses
import secrets
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from functools import partial
from time import perf_counter

from lakefall.common import interrupts, naming, sql
from lakefall.contract.errors import LakefallError, TableNameError, UsageError
from lakefall.contract.hints import Hint
from lakefall.contract.plugin import hookimpl
from lakefall.contract.run import Run
from lakefall.contract.values import (
    Contribution,
    Decision,
    Event,
    Outcome,
    Registered,
    RegistryEntry,
    SourceFile,
    Status,
)
from lakefall.plugin_loading.pipeline import Pipeline, with_listeners
from lakefall.run import deletion, outcomes, unended
from lakefall.run.outcomes import warn_of
from lakefall.run.overlap import Ahead, Behind
from lakefall.run.profile import Profile
from lakefall.run.report import RunReport
from lakefall.run.schema_cache import Schemas
from lakefall.run.table_load import LoadResult, TableLoad
from lakefall.tabular import scratch

MAX_BATCH_BYTES = 2_000_000_000
"""Files of one table are committed together up to this size on disk; beyond it the scratch
folder would have to hold them all at once."""


LEFT_OVER = "left to the next run"
"""How the reason of a decision begins for a file beyond the limit."""
LARGE = f"{LEFT_OVER}: its table's new files are large"
"""The reason of a decision for a file that the watcher loads beside the others."""
LEFT = "interrupted while it was committed; the next run finds out what became of it"
UNCHANGED = "unchanged"
"""The reason of a decision for a file whose current version is in its table."""


class Warnings:
    """Listener that keeps what people should know."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    @hookimpl
    def event(self, event: Event) -> None:
        if event.name == "warning":
            where = event.key or event.table
            message = str(event.detail.get("message", ""))
            self.messages.append(f"{where}: {message}" if where else message)


class Runner:
    """Runs a pipeline once."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._warnings = Warnings()
        self._profile = Profile()
        self._unread: dict[str, int] = {}
        self._tables: dict[str, tuple[str, str]] = {}
        """Of each folder that was listed."""
        self.pipeline = with_listeners(pipeline, self._warnings, self._profile)

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(self._warnings.messages)

    @property
    def unread(self) -> dict[str, int]:
        """Objects of the last listing that no format reads, by suffix."""
        return dict(self._unread)

    def forget(self) -> None:
        """Forget the warnings and the times of earlier runs."""
        self._warnings.messages.clear()
        self._profile.clear()

    @contextmanager
    def start(
        self, *, run_id: str = "", dry_run: bool = False, started_at: datetime | None = None
    ) -> Iterator[Run]:
        """A run with a scratch folder, for one or more steps.

        ``started_at`` (UTC) is when the source was listed, where another process did that: a
        version of a file that was committed since then is newer.
        """
        started = started_at or datetime.now(UTC)
        run_id = run_id or f"run_{started:%Y%m%dT%H%M%S}_{secrets.token_hex(4)}"
        cache = self.pipeline.config.cache.dir
        with scratch.scratch(
            cache, _folder_name(run_id), partial(unended.collect, cache)
        ) as folder:
            yield Run(self.pipeline, run_id, started, folder, dry_run)

    def run(
        self,
        *,
        tables: Collection[str] = (),
        keys: Collection[str] = (),
        dry_run: bool = False,
        force: bool = False,
        run_id: str = "",
        hints: Sequence[Hint] | None = None,
        at_most: int = 0,
        large: int = 0,
    ) -> RunReport:
        """Load what is new or changed; ``force`` also what is not.

        Without ``tables``, ``keys`` and ``hints`` also deletes what is gone from a source that says
        so. Of ``hints`` what is not there is left out, and no listing is made. ``at_most`` is a
        number of files; 0 for no limit. Tables whose new files have more than ``large`` bytes
        together are left out (``LARGE``); 0 for none.

        Raises:
            LakefallError: the source, the registry or the catalog as a whole failed; what was
                committed before stays, and is recorded.
            UsageError: a key or table that the source does not have.
        """
        began = perf_counter()
        outcomes: list[Outcome] = []
        recorded = 0
        registered: list[Registered] = []
        part = bool(tables or keys or hints is not None)
        with self.start(run_id=run_id, dry_run=dry_run) as run:
            decisions: Sequence[Decision] = ()
            try:
                with interrupts.stretch() as loading:
                    files = self.list_files(run, tables=tables, keys=keys, hints=hints)
                    decisions = self.judge(run, files, force=force, at_most=at_most, part=part)
                    decisions = _leave_large(decisions, large) if large else decisions
                    pending = [d.file for d in decisions if d.pending]
                    work = list(batches(run, pending, part=part))
                    for apart in (False, True):
                        for result in load([b for b in work if b.apart is apart]):
                            outcomes += result.outcomes
                            registered += result.registered
                        if not apart and work and work[-1].apart:
                            # The files that come now may end this process.
                            self.record(run, outcomes)
                            recorded = len(outcomes)
            finally:
                self.record(run, outcomes[recorded:])
            with interrupts.stretch() as closing:
                if not (loading.interrupted or part):
                    found = deletion.find(run, {d.file.key for d in decisions})
                    for gone in found:
                        outcomes += deletion.delete(run, gone)
                    files = [d.file for d in decisions]
                    outcomes = self.follow(run, [g.table for g in found], files, outcomes)
                if hints is None and not loading.interrupted:
                    registered += self.reconcile(run)
            interrupted = loading.interrupted or closing.interrupted
            outcomes += _others(decisions, outcomes, interrupted=interrupted)
            return RunReport(
                run.run_id,
                tuple(outcomes),
                tuple(registered),
                self.warnings,
                perf_counter() - began,
                interrupted,
                dry_run,
                self._profile.steps,
                self.unread,
            )

    def decide(
        self,
        run: Run,
        *,
        tables: Collection[str] = (),
        keys: Collection[str] = (),
        force: bool = False,
    ) -> Sequence[Decision]:
        """List the source and decide what has to be loaded, oldest first, within the limit."""
        files = self.list_files(run, tables=tables, keys=keys)
        return self.judge(run, files, force=force, part=bool(tables or keys))

    def judge(
        self,
        run: Run,
        files: Sequence[SourceFile],
        *,
        force: bool = False,
        at_most: int = 0,
        part: bool = False,
    ) -> list[Decision]:
        """Decide which of these files have to be loaded; ``at_most`` of them, 0 for no limit.

        They are a ``part`` of those of the source, or all.
        """
        root = [
            Decision(f, pending=False, reason="no folder: a file at the root has no table")
            for f in files
            if not f.folder
        ]
        for decision in root:
            run.warn(f"{decision.reason}; skipped", key=decision.file.key)
        with run.step("pending") as told:
            # Without files no sink need be reached, nor even imported.
            known = [f for f in files if f.folder]
            decisions = self._pending(run, known, force=force) if known else []
            unchanged = {d.file.key for d in decisions if not d.pending and d.reason == UNCHANGED}
            if force:
                decisions = [dataclasses.replace(d, pending=True) for d in decisions]
            doubles = outcomes.find_copies(run, decisions, unchanged, part=part)
            decisions = _limit(run, outcomes.judge_copies(run, decisions, doubles), at_most)
            outcomes.warn_of_copies(run, decisions, doubles)
            chosen = [d.file for d in decisions if d.pending]
            told.update(files=len(chosen), bytes=sum(f.size for f in chosen))
        return [*decisions, *root]

    def _pending(self, run: Run, files: Sequence[SourceFile], *, force: bool) -> Sequence[Decision]:
        """What the sink decides about a listing that is younger than all that it rests on.

        What was recorded since the listing may be newer than what was listed, and what was recorded
        by a clock ahead of ours looks so: these files are listed again.
        """
        decisions = self.pipeline.pending(run, files)
        late = {
            d.file.key
            for d in decisions
            if (d.pending or force) and d.recorded_at and d.recorded_at >= run.started_at
        }
        if not late:
            return decisions
        listed = self.pipeline.discover(run, [Hint(key) for key in late])
        again = {f.key: self._named(f) for f in listed}
        there = [again.get(f.key, f) for f in files if f.key not in late or f.key in again]
        return self.pipeline.pending(run, there) if there else []

    def list_files(
        self,
        run: Run,
        *,
        tables: Collection[str] = (),
        keys: Collection[str] = (),
        hints: Sequence[Hint] | None = None,
    ) -> list[SourceFile]:
        """The source's files with usable table names, or the reason why there is none.

        Objects that no format reads are counted (``unread``), and no part of the answer.
        """
        with run.step("discover"):
            listed = self.pipeline.discover(run, [Hint(key) for key in keys] if keys else hints)
            files = [self._named(f) for f in listed if not f.unread]
            others = [f for f in listed if f.unread]
        if hints is None:
            self._account(run, others, tables, keys)
        _warn_shared_tables(run, files)
        found_keys, found_tables = {f.key for f in files}, {f.table for f in files}
        if missing := [k for k in keys if k not in found_keys]:
            raise UsageError(f"the source has no file {missing[0]!r}; keys are as `status` shows")
        if missing := [t for t in tables if t not in found_tables]:
            raise UsageError(
                f"no file of the source feeds table {missing[0]!r}; "
                f"tables with files: {', '.join(sorted(t for t in found_tables if t)) or 'none'}"
            )
        return [
            f for f in files if (not keys or f.key in keys) and (not tables or f.table in tables)
        ]

    def _account(
        self,
        run: Run,
        others: Sequence[SourceFile],
        tables: Collection[str],
        keys: Collection[str],
    ) -> None:
        """Count the objects that no format reads; of a full listing, warn of those that are new."""
        if named := [f.key for f in others if f.key in keys]:
            raise UsageError(
                f"no format of this pipeline reads {named[0]!r}: no `include` pattern and no "
                "sniffer takes its name"
            )
        chosen = [f for f in others if not keys and (not tables or f.table in tables)]
        self._unread = outcomes.by_suffix(chosen)
        if not (tables or keys):
            outcomes.warn_of_new(run, others)

    def _named(self, file: SourceFile) -> SourceFile:
        table, problem = "", ""
        if file.folder and not file.problem:
            table, problem = self._table_of(file.folder)
        if (table, problem) == (file.table, ""):
            return file
        return dataclasses.replace(file, table=table, problem=problem or file.problem)

    def _table_of(self, folder: str) -> tuple[str, str]:
        """The table that a folder's files feed, or why there is none."""
        if folder not in self._tables:
            try:
                found = usable_table_name(
                    folder,
                    self.pipeline.protected_tables,
                    transliterate=self.pipeline.transliterate,
                )
                self._tables[folder] = found, ""
            except TableNameError as error:
                self._tables[folder] = "", str(error)
        return self._tables[folder]

    def record(self, run: Run, outcomes: Sequence[Outcome]) -> None:
        """Write what the registry keeps: successes and failures."""
        worth = [o for o in outcomes if o.status in (Status.SUCCESS, Status.FAILED)]
        if worth and not run.dry_run:
            with run.step("record"):
                self.pipeline.record(run, worth)

    def follow(
        self,
        run: Run,
        tables: Iterable[str],
        files: Sequence[SourceFile],
        outcomes: Sequence[Outcome],
    ) -> list[Outcome]:
        """The outcomes after these tables, which lost files, were repaired where the files that
        are left ask for other types, and after what failed before was tried again.

        ``files`` are those of the source.
        """
        done = {o.file.key: o for o in outcomes}
        for number, table in enumerate(() if run.dry_run else dict.fromkeys(tables)):
            failed = [
                o.file
                for o in done.values()
                if o.file.table == table and o.status is Status.FAILED and not o.retryable
            ]
            left = [f for f in files if f.table == table]
            some = failed or sorted(left, key=lambda f: f.size)[:1]
            if not some:
                continue
            workdir = run.workdir / f"after_{number:05d}"
            batch = TableLoad(dataclasses.replace(run, workdir=workdir), table, some)
            result = batch.load() if failed else batch.reconsider()
            self.record(run, result.outcomes)
            done |= {o.file.key: o for o in result.outcomes}
        return list(done.values())

    def reconcile(self, run: Run) -> list[Registered]:
        """Let registrars make up for what earlier runs could not do; warns, never fails."""
        if run.dry_run or not self.pipeline.reconciles:
            return []
        with run.step("reconcile"):
            try:
                tables = _loaded_tables(self.pipeline.history(run))
            except LakefallError as error:
                run.warn(f"registrars were not asked about earlier runs: {error}")
                return []
            answers = self.pipeline.reconcile(run, tables)
        warn_of(run, answers)
        return answers


def usable_table_name(
    folder: str, protected: Collection[str] = (), *, transliterate: bool = True
) -> str:
    """``table_name``, refusing what no file may feed.

    Raises:
        TableNameError: nothing left of the name, a protected table, or one of our own.
    """
    name = naming.table_name(folder, transliterate=transliterate)
    if not name:
        raise TableNameError(
            f"folder {folder!r} gives no table name (no letter or digit in it); rename the folder"
        )
    if name in naming.OWN_TABLES:
        raise TableNameError(
            f"folder {folder!r} would feed {name!r}, which lakefall keeps for itself; "
            "rename the folder"
        )
    if name in protected:
        raise TableNameError(
            f"folder {folder!r} would feed the protected table {name!r}; rename the folder, or "
            "take the table out of sink.protected_tables"
        )
    return name


def by_table(files: Iterable[SourceFile]) -> dict[str, list[SourceFile]]:
    """The files of each table, in the order given."""
    groups: dict[str, list[SourceFile]] = {}
    for file in files:
        groups.setdefault(file.table, []).append(file)
    return groups


def batches(
    run: Run, files: Iterable[SourceFile], schemas: Schemas | None = None, *, part: bool = False
) -> Iterator[TableLoad]:
    """Files that are loaded and committed together: one table each, bounded in bytes."""
    committed: defaultdict[str, list[Contribution]] = defaultdict(list)
    for number, (table, group, apart) in enumerate(_together(run, files)):
        scratch, before = _scratch(run, number), committed[table]
        yield TableLoad(
            scratch, table, group, schemas=schemas, committed=before, apart=apart, part=part
        )


def _together(
    run: Run, files: Iterable[SourceFile]
) -> Iterator[tuple[str, tuple[SourceFile, ...], bool]]:
    """Table, files, and whether they are loaded apart from others: the suspected ones, last."""
    healthy: list[SourceFile] = []
    suspects: list[SourceFile] = []
    for file in files:
        (suspects if unended.suspected(run, file) else healthy).append(file)
    for table, members in by_table(healthy).items():
        yield from ((table, group, False) for group in _groups(members))
    for table, members in by_table(suspects).items():
        yield from ((table, group, True) for group in unended.groups(run, members))


def _groups(files: Iterable[SourceFile]) -> Iterator[tuple[SourceFile, ...]]:
    group: list[SourceFile] = []
    size = 0
    for file in files:
        if group and size + file.size > MAX_BATCH_BYTES:
            yield tuple(group)
            group, size = [], 0
        group.append(file)
        size += file.size
    yield tuple(group)


def load(work: Sequence[TableLoad]) -> Iterator[LoadResult]:
    """Load batch after batch.

    The files of those to come are fetched meanwhile, and while one commits the next is converted.
    """
    files = ((f, partial(b.bring, f)) for b in work if b.table for f in b.files)
    behind = Behind()
    here: TableLoad | None = None
    with Ahead(files) as ahead, _engine(work):
        try:
            for batch in work:
                if behind.batch and (batch.apart or not _apart(behind.batch, batch)):
                    yield behind.take()
                result = batch.prepare(ahead)
                ahead.let_go(batch.files)
                if behind.batch:
                    yield behind.take()
                if result is None and batch is not work[-1]:
                    behind.begin(batch)
                else:
                    # Nothing is left to do meanwhile, and here Ctrl-C ends it.
                    here = batch
                    last = result or batch.commit()
                    here = None
                    yield last
        except (Exception, KeyboardInterrupt) as error:
            if under_way := behind.last(hurry=isinstance(error, KeyboardInterrupt)):
                yield under_way
            elif left := behind.batch or here:
                yield LoadResult(tuple(Outcome(f, Status.SKIPPED, error=LEFT) for f in left.files))
            raise


def _engine(work: Sequence[TableLoad]) -> AbstractContextManager[object]:
    """Held open, so that the tables share one instance of the engine: to make one takes as long as
    to convert a small file."""
    if len(work) < 2:
        return nullcontext()
    run = work[0].run
    return sql.connect(run.pipeline.config.engine, run.spill)


def _apart(one: TableLoad, other: TableLoad) -> bool:
    """Whether two batches can be worked on at the same time."""
    size = sum(f.size for f in (*one.files, *other.files))
    return one.table != other.table and size <= MAX_BATCH_BYTES


def _loaded_tables(entries: Iterable[RegistryEntry]) -> dict[str, datetime]:
    """Tables with rows of a file, and when one of their files was last loaded."""
    tables: dict[str, datetime] = {}
    for entry in entries:
        if entry.status == Status.SUCCESS and entry.table:
            known = tables.get(entry.table, entry.ingested_at)
            tables[entry.table] = max(known, entry.ingested_at)
    return dict(sorted(tables.items()))


def _scratch(run: Run, number: int) -> Run:
    return dataclasses.replace(run, workdir=run.workdir / f"{number:05d}", root=run.workdir)


def _folder_name(run_id: str) -> str:
    """A run id (Airflow's hold colons and slashes) as a name on disk."""
    plain = "".join(c if c.isalnum() or c in "-_." else "_" for c in run_id)[:100]
    return f"{plain}_{secrets.token_hex(3)}"


def _limit(run: Run, decisions: Sequence[Decision], at_most: int) -> list[Decision]:
    """Keep the oldest pending files up to the source's ``max_files_per_run``."""
    limit = min(filter(None, (run.pipeline.max_files_per_run, at_most)), default=0)
    pending = [d for d in decisions if d.pending]
    if not limit or len(pending) <= limit:
        return list(decisions)
    left = {d.file.key for d in pending[limit:]}
    run.warn(f"{len(left)} more files are left to the next run (max_files_per_run: {limit})")
    reason = f"{LEFT_OVER} (max_files_per_run: {limit})"
    return [
        dataclasses.replace(d, pending=False, reason=reason) if d.file.key in left else d
        for d in decisions
    ]


def _leave_large(decisions: Sequence[Decision], large: int) -> list[Decision]:
    sizes: defaultdict[str, int] = defaultdict(int)
    for decision in decisions:
        sizes[decision.file.table] += decision.file.size if decision.pending else 0
    return [
        dataclasses.replace(d, pending=False, reason=LARGE)
        if d.pending and sizes[d.file.table] > large
        else d
        for d in decisions
    ]


def _warn_shared_tables(run: Run, files: Sequence[SourceFile]) -> None:
    folders: dict[str, set[str]] = {}
    for file in files:
        if file.table:
            folders.setdefault(file.table, set()).add(file.folder)
    for table, names in sorted(folders.items()):
        if len(names) > 1:
            run.warn(
                f"folders {', '.join(repr(n) for n in sorted(names))} all feed this table",
                table=table,
            )


def _others(
    decisions: Sequence[Decision], outcomes: Sequence[Outcome], *, interrupted: bool
) -> list[Outcome]:
    """Outcomes for what was listed but not loaded."""
    done = {o.file.key for o in outcomes}
    others: list[Outcome] = []
    for decision in decisions:
        if decision.file.key in done:
            continue
        if decision.pending:
            error = "interrupted before it was loaded" if interrupted else "not reached"
            others.append(Outcome(decision.file, Status.SKIPPED, error=error))
        elif decision.reason == UNCHANGED:
            others.append(Outcome(decision.file, Status.UNCHANGED))
        else:
            others.append(Outcome(decision.file, Status.SKIPPED, error=decision.reason))
    return others
