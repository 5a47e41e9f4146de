"""Loading: the one transaction that evolves a table and replaces files' rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lakefall.contract.errors import PlanOutdatedError
from lakefall_plugins.sinks.iceberg import metadata
from lakefall_plugins.sinks.iceberg.commit import (
    abandon,
    bring_files,
    commit,
    stage_rows,
    turn,
    until_committed,
)
from lakefall_plugins.sinks.iceberg.reading import OfKeys, Removal, list_parts, removal_of, rows_by
from lakefall_plugins.sinks.iceberg.writing import NewFiles, constant, data_file_of
from lakefall_plugins.sinks.lake import commits, names, versions
from lakefall_plugins.sinks.lake.versions import Version

if TYPE_CHECKING:
    from pathlib import Path

    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table, Transaction

    from lakefall.contract.run import Run
    from lakefall.contract.values import Converted, Loaded, TablePlan
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
    with bring_files(lake, plan.table, lambda: used) as new_files:
        task = _Load(lake, registry, run, plan, tuple(files), new_files, used)
        with run.step("write", table=plan.table) as measured:
            measured.update(bytes=task.bring())
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
    new_files: NewFiles
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
            ids = metadata.relocation(self.run, self.plan, table.metadata)
            self.new_files.copies(paths, table.metadata, table.io, ids)
            self.brought = True
        return _bytes_of(paths) if self.brought else 0

    def attempt(self) -> Loaded:
        with turn(self.lake, self.plan.table) as changed:
            return self._attempt(self.lake.since(self.plan.table, changed))

    def _attempt(self, table: Table | None) -> Loaded:
        if table is not None:
            mine = metadata.find_commit(table, self.new_files.load_id)
            if mine is not None:
                self.new_files.found_again = True
                return self._loaded(str(mine.snapshot_id))
        self._check_base(table)
        self._leave_out_superseded(table)
        if not self.current:
            return self._loaded("")
        transaction = self._begin(table)
        try:
            self._stage(transaction, table)
        except BaseException:
            abandon(transaction)
            raise
        self.new_files.aim(transaction.table_metadata)
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

    def _leave_out_superseded(self, table: Table | None) -> None:
        self.used.clear()
        if self.plan.forgets_others or table is None:
            self.current = self.files
            return
        keys = [f.file.key for f in self.files]
        known = [metadata.latest(table, keys, self.run.started_at)]
        if not metadata.reach_back(table, self.run.started_at):
            # Somebody expired snapshots since: the registry remembers longer.
            known.append(self.registry.latest_successes(keys, self.plan.table))
        merged = {key: [v[key] for v in known if key in v] for key in keys}
        self.current = commits.not_superseded(self.plan, self.files, merged, self.run.started_at)

    def _begin(self, table: Table | None) -> Transaction:
        from lakefall_plugins.sinks.iceberg.pyiceberg_internals import (
            StagedChange,
            StagedCreation,
            table_of,
        )

        if table is not None:
            return StagedChange(table)
        self.lake.make_namespace()
        made = self.lake.catalog.create_table_transaction(
            self.lake.identifier(self.plan.table),
            metadata.new_schema(self.run, self.plan),
            properties={**names.TABLE_PROPERTIES, **self.lake.options.table_properties},
        )
        return StagedCreation(table_of(made))

    def _stage(self, transaction: Transaction, table: Table | None) -> None:
        self.created = table is None
        ids: dict[int, int] = {}
        if table is not None and not self.plan.rebuild:
            ids = metadata.relocation(self.run, self.plan, table.metadata)
        self.added = metadata.stage(self.run, transaction, self.plan, created=table is None)
        metadata.verify(self.run, transaction, self.plan, ids)
        added = self._data_files(transaction, ids)
        removal = self._removal(table)
        self.used.update(f.file_path for f in removal.rest)
        properties = versions.properties(
            self.new_files.load_id,
            self.run.run_id,
            [Version.of(f) for f in self.current],
            lambda text: self._note(text, transaction),
        )
        stage_rows(transaction, removal, added, properties)

    def _note(self, text: str, transaction: Transaction) -> str:
        from lakefall_plugins.sinks.iceberg.pyiceberg_internals import storage

        path = self.new_files.note(text, transaction.table_metadata, storage(transaction))
        self.used.add(path)
        return path

    def _data_files(self, transaction: Transaction, ids: dict[int, int]) -> list[DataFile]:
        from lakefall_plugins.sinks.iceberg.pyiceberg_internals import storage

        now, io = transaction.table_metadata, storage(transaction)
        brought = [(path, c.file.key) for c in self.current for path in c.paths]
        paths = [path for path, _ in brought]
        with self.run.step("write", table=self.plan.table) as measured:
            copies = self.new_files.copies(paths, now, io, ids)
            measured.update(bytes=0 if self.brought else _bytes_of(paths))
        found: list[DataFile] = []
        for (_, key), (path, footer) in zip(brought, copies, strict=True):
            file = data_file_of(now, path, footer, constant({names.SOURCE_FILE: key}))
            if file.record_count:
                found.append(file)
        self.used.update(f.file_path for f in found)
        return found

    def _removal(self, table: Table | None) -> Removal:
        self.removed = Counter()
        if table is None:
            return Removal()
        parts = list_parts(self.lake, table, (names.SOURCE_FILE,))
        if self.plan.rebuild:
            self.removed = rows_by(table, parts, names.SOURCE_FILE)
            return Removal([p.file for p in parts])
        keys = frozenset(f.file.key for f in self.current)
        removal = removal_of(self.new_files, table, parts, OfKeys(names.SOURCE_FILE, keys))
        self.removed = removal.gone
        return removal

    def _loaded(self, snapshot: str) -> Loaded:
        return commits.loaded(
            self.plan,
            self.files,
            self.current,
            self.removed,
            snapshot,
            created=self.created and bool(snapshot),
            added=self.added if snapshot else (),
            changed=bool(snapshot),
        )


def _bytes_of(paths: Sequence[Path]) -> int:
    return sum(path.stat().st_size for path in paths)
