"""Loading: the one transaction that evolves a table and replaces files' rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lakefall.contract.errors import PlanOutdatedError
from lakefall.contract.values import Change, Loaded, Outcome, Status
from lakefall_plugins.sinks.iceberg import schema, snapshots
from lakefall_plugins.sinks.iceberg.journals import turn
from lakefall_plugins.sinks.iceberg.publish import Publication, constant, describe
from lakefall_plugins.sinks.iceberg.removal import OfKeys, Removal, removal_of
from lakefall_plugins.sinks.iceberg.retries import until_committed
from lakefall_plugins.sinks.iceberg.survey import rows_by, survey
from lakefall_plugins.sinks.iceberg.transaction import (
    abandon,
    commit,
    publishing,
    stage_rows,
    storage,
)
from lakefall_plugins.sinks.lake import names, versions
from lakefall_plugins.sinks.lake.versions import Version

if TYPE_CHECKING:
    from pathlib import Path

    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table, Transaction

    from lakefall.contract.run import Run
    from lakefall.contract.values import Converted, TablePlan
    from lakefall_plugins.sinks.iceberg.catalog import Lake
    from lakefall_plugins.sinks.iceberg.registry import Registry


def load(
    lake: Lake, registry: Registry, run: Run, plan: TablePlan, files: Sequence[Converted]
) -> Loaded:
    """Commit the files' rows and the plan's schema together.

    Raises:
        PlanOutdatedError: the table's schema is not what the plan was made for.
        CommitConflictError: other writers kept winning.
    """
    used: set[str] = set()
    with publishing(lake, plan.table, lambda: used) as publication:
        task = _Load(lake, registry, run, plan, tuple(files), publication, used)
        with run.step("write", table=plan.table) as told:
            told.update(bytes=task.bring())
        with run.step("commit", table=plan.table):
            return until_committed(
                task.attempt, lake.options.commit_timeout, f"table {plan.table!r}"
            )


@dataclass(slots=True)
class _Load:
    lake: Lake
    registry: Registry
    run: Run
    plan: TablePlan
    files: tuple[Converted, ...]
    publication: Publication
    used: set[str]
    """Paths that the last attempt's snapshot names."""
    current: tuple[Converted, ...] = ()
    """The files of the last attempt that no newer version supersedes."""
    removed: Counter[str] = field(default_factory=Counter)
    """Rows that the last attempt removed, by key."""
    added: tuple[str, ...] = ()
    created: bool = False
    brought: bool = False
    """The data files are where the table is."""

    def bring(self) -> int:
        """Bring the files before it is this load's turn: nobody waits for an upload then.

        Where the table is not there any more, or other columns have come, ``attempt`` finds out.
        Returns how many bytes were brought.
        """
        table = self.lake.seen(self.plan.table)
        if table is None or self.plan.rebuild:
            return 0
        paths = [path for converted in self.files for path in converted.paths]
        with suppress(PlanOutdatedError):
            ids = schema.relocation(self.run, self.plan, table.metadata)
            self.publication.copies(paths, table.metadata, table.io, ids)
            self.brought = True
        return _bytes_of(paths) if self.brought else 0

    def attempt(self) -> Loaded:
        with turn(self.lake, self.plan.table) as changed:
            return self._attempt(self.lake.since(self.plan.table, changed))

    def _attempt(self, table: Table | None) -> Loaded:
        if table is not None:
            mine = snapshots.find_commit(table, self.publication.load_id)
            if mine is not None:
                self.publication.found_again = True
                return self._loaded(str(mine.snapshot_id))
        self._check_base(table)
        self._drop_superseded(table)
        if not self.current:
            return self._loaded("")
        transaction = self._begin(table)
        try:
            self._stage(transaction, table)
        except BaseException:
            abandon(transaction)
            raise
        self.publication.aim(transaction.table_metadata)
        done = commit(transaction)
        self.lake.remember(self.plan.table, done)
        committed = done.current_snapshot()
        return self._loaded(str(committed.snapshot_id) if committed else "")

    def _check_base(self, table: Table | None) -> None:
        if table is None and not self.plan.created:
            raise PlanOutdatedError(f"table {self.plan.table!r} was dropped meanwhile")
        if self.plan.rebuild and table is not None:
            snapshot = table.current_snapshot()
            if self.plan.snapshot != (str(snapshot.snapshot_id) if snapshot else ""):
                raise PlanOutdatedError(f"table {self.plan.table!r} was loaded meanwhile")

    def _drop_superseded(self, table: Table | None) -> None:
        self.used.clear()
        if self.plan.rebuild or table is None:
            self.current = self.files
            return
        keys = [f.file.key for f in self.files]
        known = [snapshots.latest(table, keys, self.run.started_at)]
        if not snapshots.reach_back(table, self.run.started_at):
            # Somebody expired snapshots since: the registry remembers longer.
            known.append(self.registry.latest_successes(keys, self.plan.table))
        self.current = tuple(
            f
            for f in self.files
            if not any(
                versions[f.file.key].supersedes(f.file, self.run.started_at)
                for versions in known
                if f.file.key in versions
            )
        )

    def _begin(self, table: Table | None) -> Transaction:
        from lakefall_plugins.sinks.iceberg.staged import StagedChange, StagedTable

        if table is not None:
            return StagedChange(table)
        self.lake.make_namespace()
        made = self.lake.catalog.create_table_transaction(
            self.lake.identifier(self.plan.table),
            schema.new_schema(self.run, self.plan),
            properties={**names.TABLE_PROPERTIES, **self.lake.options.table_properties},
        )
        return StagedTable(made._table)  # type: ignore[arg-type]

    def _stage(self, transaction: Transaction, table: Table | None) -> None:
        self.created = table is None
        ids: dict[int, int] = {}
        if table is not None and not self.plan.rebuild:
            ids = schema.relocation(self.run, self.plan, table.metadata)
        self.added = schema.stage(self.run, transaction, self.plan, created=table is None)
        schema.verify(self.run, transaction, self.plan, ids)
        added = self._data_files(transaction, ids)
        removal = self._removal(table)
        self.used.update(f.file_path for f in removal.rest)
        properties = versions.properties(
            self.publication.load_id,
            self.run.run_id,
            [self._version(f) for f in self.current],
            lambda text: self._note(text, transaction),
        )
        stage_rows(transaction, removal, added, properties)

    def _note(self, text: str, transaction: Transaction) -> str:
        metadata = transaction.table_metadata
        path = self.publication.note(text, metadata, storage(transaction))
        self.used.add(path)
        return path

    def _data_files(self, transaction: Transaction, ids: dict[int, int]) -> list[DataFile]:
        metadata, io = transaction.table_metadata, storage(transaction)
        brought = [(path, c.file.key) for c in self.current for path in c.paths]
        paths = [path for path, _ in brought]
        with self.run.step("write", table=self.plan.table) as told:
            copies = self.publication.copies(paths, metadata, io, ids)
            told.update(bytes=0 if self.brought else _bytes_of(paths))
        found: list[DataFile] = []
        for (_, key), (path, footer) in zip(brought, copies, strict=True):
            file = describe(metadata, path, footer, constant({names.SOURCE_FILE: key}))
            if file.record_count:
                found.append(file)
        self.used.update(f.file_path for f in found)
        return found

    def _removal(self, table: Table | None) -> Removal:
        self.removed = Counter()
        if table is None:
            return Removal()
        parts = survey(self.lake, table, (names.SOURCE_FILE,))
        if self.plan.rebuild:
            self.removed = rows_by(table, parts, names.SOURCE_FILE)
            return Removal([p.file for p in parts])
        keys = frozenset(f.file.key for f in self.current)
        removal = removal_of(self.publication, table, parts, OfKeys(names.SOURCE_FILE, keys))
        self.removed = removal.gone
        return removal

    def _version(self, converted: Converted) -> Version:
        file = converted.file
        rejected = converted.rows_rejected + converted.cells_nulled
        return Version(
            file.key,
            file.etag,
            file.modified,
            converted.ingested_at,
            converted.rows_loaded,
            rejected,
            file.size,
            origin=file.origin,
        )

    def _loaded(self, snapshot: str) -> Loaded:
        current = {f.file.key for f in self.current}
        widened = tuple(c.name for c in self.plan.columns if c.change is Change.WIDEN)
        return Loaded(
            self.plan.table,
            created=self.created and bool(snapshot),
            columns_added=self.added if snapshot else (),
            columns_widened=widened if snapshot else (),
            snapshot=snapshot,
            outcomes=tuple(self._outcome(f, f.file.key in current) for f in self.files),
        )

    def _outcome(self, converted: Converted, committed: bool) -> Outcome:
        return Outcome(
            converted.file,
            Status.SUCCESS if committed else Status.SUPERSEDED,
            rows_read=converted.rows_read,
            rows_loaded=converted.rows_loaded if committed else 0,
            rows_rejected=converted.rows_rejected,
            skipped=converted.skipped,
            cells_nulled=converted.cells_nulled,
            rows_deleted=self.removed[converted.file.key] if committed else 0,
            columns_added=self.added if committed else (),
            error="" if committed else "a newer version of the file was loaded by another run",
            warnings=converted.warnings,
        )


def _bytes_of(paths: Sequence[Path]) -> int:
    return sum(path.stat().st_size for path in paths)
