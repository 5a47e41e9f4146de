"""Maintaining one table: data files merged and snapshots expired in one commit, files deleted.

The commit adds a snapshot with an id of its own. Loads that commit meanwhile win: data files that
they replaced are left alone, and the rest is committed on the table as it is then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lakefall.contract.errors import TableError
from lakefall.contract.values import Maintained
from lakefall_plugins.sinks.iceberg.commit import (
    abandon,
    bring_files,
    commit,
    stage_replacement,
    sweep,
    turn,
    until_committed,
)
from lakefall_plugins.sinks.iceberg.damage import entries_of, manifests_of
from lakefall_plugins.sinks.iceberg.maintenance import compaction, expiry, orphans
from lakefall_plugins.sinks.iceberg.maintenance.expiry import ExpiredFiles
from lakefall_plugins.sinks.iceberg.maintenance.orphans import Orphans
from lakefall_plugins.sinks.iceberg.maintenance.repair import refuse_damaged
from lakefall_plugins.sinks.iceberg.metadata import SIDECARS, find_commit, versions_of
from lakefall_plugins.sinks.iceberg.reading import Reader, list_parts, rows_by
from lakefall_plugins.sinks.iceberg.writing import Writer, put
from lakefall_plugins.sinks.lake import names, versions
from lakefall_plugins.sinks.lake.versions import to_micros

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile, ManifestFile
    from pyiceberg.table import Table, Transaction
    from pyiceberg.table.snapshots import Snapshot

    from lakefall.contract.run import Run
    from lakefall_plugins.sinks.iceberg.catalog import Lake
    from lakefall_plugins.sinks.iceberg.maintenance.compaction import Group
    from lakefall_plugins.sinks.iceberg.options import IcebergMaintenance
    from lakefall_plugins.sinks.iceberg.reading import Part
    from lakefall_plugins.sinks.iceberg.writing import NewFiles
    from lakefall_plugins.sinks.lake.versions import Version

_FEW_MANIFESTS = 10
"""As many as loads leave behind until they merge them."""
_MANIFEST_BYTES = 8 << 20
"""Size up to which manifests are merged (Iceberg's ``commit.manifest.target-size-bytes``)."""


@dataclass(frozen=True, slots=True)
class Merged:
    """A group, and the data files that its rows were written to."""

    group: Group
    files: Sequence[DataFile] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """What one attempt does."""

    merged: tuple[Merged, ...]
    """Groups of which every data file is still as it was."""
    lost: int
    """Data files of the others."""
    dropped: frozenset[DataFile]
    """Delete files that take rows from no data file any more."""
    gone: tuple[Snapshot, ...]
    """Snapshots that expire."""
    unnamed: frozenset[str]
    """Files that only those name."""
    carried: frozenset[str]
    """Manifests that the commit will keep, as far as that can be foreseen."""
    crowded: bool
    """The snapshot has more manifests than it needs."""
    before: int
    """Data files."""

    def __bool__(self) -> bool:
        return bool(self.merged or self.dropped or self.gone or self.crowded)

    @property
    def inputs(self) -> list[DataFile]:
        return [p.file for m in self.merged for p in m.group.parts]

    @property
    def outputs(self) -> list[DataFile]:
        return [f for m in self.merged for f in m.files]


def find_change(
    table: Table,
    parts: Sequence[Part],
    groups: Sequence[Merged],
    options: IcebergMaintenance,
    now: datetime,
) -> Change:
    """The change of these groups, whose data files may be gone, and of what has expired."""
    from pyiceberg.manifest import ManifestContent

    there = {p.identity for p in parts}
    merged = tuple(m for m in groups if all(p.identity in there for p in m.group.parts))
    lost = sum(len(m.group.parts) for m in groups if m not in merged)
    replaced = {p.identity for m in merged for p in m.group.parts}
    needed = {d for p in parts if p.identity not in replaced for d in p.deletes}
    snapshot = table.current_snapshot()
    manifests = manifests_of(table, snapshot) if snapshot is not None else []
    data = [m for m in manifests if m.content == ManifestContent.DATA]
    dropped = frozenset(_deletes(manifests, table) - needed)
    packed = 1 + sum(m.manifest_length for m in data) // _MANIFEST_BYTES
    crowded = len(data) > _FEW_MANIFESTS + packed
    # A single manifest of which nothing changes is not written anew.
    carried = {m.manifest_path for m in data if not merged and len(data) == 1}
    gone = _expired(table, options, now)
    if len(gone) == 1 and not (merged or dropped or crowded):
        # The commit adds a snapshot: nothing would be won.
        gone = ()
    unnamed: set[str] = set()
    if gone:
        inputs = {p.file.file_path for m in merged for p in m.group.parts}
        inputs |= {d.file_path for d in dropped}
        unnamed = expiry.files_of(table, gone, inputs)
        for listed in expiry.waiting(table, gone):
            unnamed.update(listed.files)
    return Change(
        merged,
        lost,
        dropped,
        gone,
        frozenset(unnamed),
        frozenset(carried),
        crowded,
        len(parts),
    )


def expires(table: Table) -> bool:
    """Whether the table's owner lets its snapshots expire (Iceberg's ``gc.enabled``)."""
    return table.properties.get("gc.enabled", "true").lower() != "false"


def _expired(table: Table, options: IcebergMaintenance, now: datetime) -> tuple[Snapshot, ...]:
    if not expires(table):
        return ()
    rule = expiry.Rule(options.keep_snapshots_for, options.keep_snapshots)
    return tuple(expiry.expired(table.metadata, rule, to_micros(now) // 1000))


def _deletes(manifests: Iterable[ManifestFile], table: Table) -> set[DataFile]:
    from pyiceberg.manifest import ManifestContent

    return {
        entry.data_file
        for m in manifests
        if m.content == ManifestContent.DELETES
        for entry in entries_of(m, table.io, table.name()[-1])
    }


_FORMAT = 2


@dataclass(frozen=True, slots=True)
class Subject:
    """A table, and the column that says which file a row is of."""

    name: str
    key: str
    """Text column by which rows are replaced."""
    in_order: bool = True
    """Whether the rows of a key shall lie together."""


def maintain(lake: Lake, run: Run, subject: Subject, options: IcebergMaintenance) -> Maintained:
    """Maintain a table; a dry run only looks.

    Raises:
        CommitConflictError: other writers kept winning.
        ConservationError: rows are missing in a merged data file; nothing was changed.
    """
    if not run.dry_run:
        sweep(lake)
    table = lake.find(subject.name)
    if table is None:
        return Maintained(subject.name, left=("there is no such table any more",))
    if refusal := _refusal(table, subject):
        return Maintained(subject.name, left=(refusal,))
    try:
        parts = list_parts(lake, table, (subject.key,))
    except TableError as error:
        return Maintained(subject.name, left=(str(error),))
    refuse_damaged(lake, table)
    # A load that does not find its snapshot any more would commit its files a second time.
    kept = max(options.keep_snapshots_for, lake.doubt)
    options = options.model_copy(update={"keep_snapshots_for": kept})
    groups = compaction.plan(parts, subject.key, options.small_file, options.target_file)
    task = _Task(lake, run, subject, options, table, parts)
    return task.foresee(groups) if run.dry_run else task.work(groups)


def _refusal(table: Table, subject: Subject) -> str:
    """Why a table is left alone; ``''`` where it is not."""
    version = table.metadata.format_version
    if version != _FORMAT:
        return f"it has Iceberg's format version {version}; only version {_FORMAT} is maintained"
    if any(spec.fields for spec in table.specs().values()):
        return "it is or was partitioned; files feed unpartitioned tables"
    if subject.key not in table.schema().column_names:
        return f"it has no column {subject.key}, so no file feeds it"
    return ""


@dataclass(slots=True)
class _Task:
    lake: Lake
    run: Run
    subject: Subject
    options: IcebergMaintenance
    table: Table
    """As it was in the beginning."""
    parts: Sequence[Part]
    used: set[str] = field(default_factory=set)
    """Paths that the last attempt's snapshot names."""
    live: Collection[str] | None = None
    """Keys with rows; None before that is asked for."""
    orphans: Orphans = field(default_factory=Orphans)
    done: Change | None = None
    """What the last attempt changed; None where the table is gone."""

    # --- looking ---

    def foresee(self, groups: Sequence[Group]) -> Maintained:
        now = datetime.now(UTC)
        would = find_change(self.table, self.parts, [Merged(g) for g in groups], self.options, now)
        listed = expiry.waiting(self.table, self.table.metadata.snapshots)
        if would.gone:
            listed.append(ExpiredFiles("", now, tuple(would.unnamed - would.carried)))
        due = expiry.due(listed, self.options.grace, now)
        number = sum(g.files_after(self.options.target_file) for g in groups)
        removed = sum(len(s.files) + 1 for s in due) + len(self._find_orphans().paths)
        return self._answer(would, number, removed, listed, now)

    # --- doing ---

    def work(self, groups: Sequence[Group]) -> Maintained:
        removed = self._delete_due(self.table)
        removed += orphans.remove(self.table, self._find_orphans())
        with bring_files(self.lake, self.subject.name, lambda: self.used) as new_files:
            merged = [Merged(g, self._written(new_files, g)) for g in groups]
            until_committed(
                lambda: self._attempt(new_files, merged),
                self.lake.options.commit_timeout,
                f"table {self.subject.name!r}",
            )
        after = self.lake.find(self.subject.name) if self.done else self.table
        if self.done is None or after is None:
            return Maintained(self.subject.name, left=("it was dropped meanwhile",))
        removed += self._delete_due(after) if self.done else 0
        listed = expiry.waiting(after, after.metadata.snapshots)
        number = len(self.done.outputs)
        return self._answer(self.done, number, removed, listed, datetime.now(UTC))

    def _delete_due(self, table: Table) -> int:
        """Delete files that have waited long enough; their number."""
        if not expires(table):
            return 0
        listed = expiry.waiting(table, table.metadata.snapshots)
        due = expiry.due(listed, self.options.grace, datetime.now(UTC))
        return expiry.delete(table, due)

    def _find_orphans(self) -> Orphans:
        if expires(self.table):
            self.orphans = orphans.find(self.lake, self.subject.name, self.options.grace)
        return self.orphans

    def _written(self, new_files: NewFiles, group: Group) -> Sequence[DataFile]:
        key, target = self.subject.key, self.options.target_file if group.rolls else 0
        writer = Writer(new_files, self.table.metadata, self.table.io, key, target)
        reader = Reader.of(self.table)
        return compaction.rewrite(group, reader, writer, key, in_order=self.subject.in_order)

    def _attempt(self, new_files: NewFiles, merged: Sequence[Merged]) -> None:
        from lakefall_plugins.sinks.iceberg.pyiceberg_internals import StagedChange

        with turn(self.lake, self.subject.name):
            table = self.lake.find(self.subject.name)
            if table is None:
                self.done = None
                return
            if find_commit(table, new_files.load_id) is not None:
                new_files.found_again = True
                return
            self.used.clear()
            parts = list_parts(self.lake, table, (self.subject.key,))
            self.done = find_change(table, parts, merged, self.options, datetime.now(UTC))
            if not self.done:
                return
            transaction = StagedChange(table)
            try:
                self._stage(new_files, transaction, table, self.done)
            except BaseException:
                abandon(transaction)
                raise
            new_files.aim(transaction.table_metadata)
            self.lake.remember(self.subject.name, commit(transaction))

    def _stage(
        self, new_files: NewFiles, transaction: Transaction, table: Table, done: Change
    ) -> None:
        metadata, io = table.metadata, table.io
        properties = {names.COMMIT_ID: new_files.load_id, names.RUN_ID: self.run.run_id}
        expired = ""
        if done.gone:
            properties |= versions.kept_properties(
                self._known(table, done), lambda text: new_files.note(text, metadata, io)
            )
            expired = new_files.begin("json", metadata, io)
            properties[names.EXPIRED_LOCATION] = expired
        self.used.update(f.file_path for f in done.outputs)
        self.used.update(p for n in SIDECARS if (p := properties.get(n)))
        named = stage_replacement(transaction, done.inputs, done.outputs, done.dropped, properties)
        if done.gone:
            put(expiry.listing(done.unnamed - named), expired, io, self.subject.name)
            from lakefall_plugins.sinks.iceberg.pyiceberg_internals import stage_expiry

            stage_expiry(transaction, [s.snapshot_id for s in done.gone])

    def _known(self, table: Table, done: Change) -> list[Version]:
        """What the snapshots that expire know of files which have rows, or never had any."""
        known: dict[str, Version] = {}
        gone = {s.snapshot_id for s in done.gone}
        newer: set[str] = set()
        for snapshot in reversed(table.metadata.snapshots):
            for version in versions_of(snapshot, table):
                if snapshot.snapshot_id in gone and version.key not in newer:
                    known[version.key] = version
                newer.add(version.key)
        if not known:
            return []
        if self.live is None:
            self.live = rows_by(self.table, self.parts, self.subject.key)
        return [v for v in known.values() if v.rows == 0 or v.key in self.live]

    # --- telling ---

    def _answer(
        self, done: Change, number: int, removed: int, listed: Sequence[ExpiredFiles], now: datetime
    ) -> Maintained:
        return Maintained(
            self.subject.name,
            files_before=done.before,
            files_after=done.before - len(done.inputs) + number,
            files_merged=len(done.inputs),
            bytes_rewritten=sum(m.group.size for m in done.merged),
            snapshots_expired=len(done.gone),
            files_removed=removed,
            left=tuple(self._left(done, listed, now)),
        )

    def _left(self, done: Change, listed: Sequence[ExpiredFiles], now: datetime) -> Iterator[str]:
        if done.lost:
            yield f"{done.lost:,} data files: somebody else replaced them meanwhile"
        others = sum(p.file.file_format.name != "PARQUET" for p in self.parts)
        if others:
            yield f"{others:,} data files that are no Parquet"
        if not expires(self.table):
            yield "its snapshots: the table's property gc.enabled is false"
        if self.orphans.left:
            yield self.orphans.left
        due = expiry.due(listed, self.options.grace, now)
        waiting = [s for s in listed if s not in due]
        if waiting:
            last = max(s.since for s in waiting) + timedelta(seconds=self.options.grace)
            yield (
                f"{sum(len(s.files) for s in waiting):,} files that only expired snapshots named: "
                f"maintenance after {last:%Y-%m-%d %H:%M} UTC deletes them"
            )
