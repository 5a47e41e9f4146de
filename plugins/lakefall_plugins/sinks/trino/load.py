"""Loading: the schema's changes, then the one commit that replaces files' rows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lakefall.common.waiting import Backoff
from lakefall.contract.errors import PlanOutdatedError
from lakefall.contract.values import Change
from lakefall_plugins.sinks.lake import comments, commits, names, types
from lakefall_plugins.sinks.lake.plan import iceberg_type
from lakefall_plugins.sinks.lake.versions import Version
from lakefall_plugins.sinks.trino import statements
from lakefall_plugins.sinks.trino.commits import commit, snapshot_of, until_committed
from lakefall_plugins.sinks.trino.current_state import CurrentState, read_state
from lakefall_plugins.sinks.trino.lakehouse import MISSING
from lakefall_plugins.sinks.trino.replace import Piece, Rows, Source, delete_insert, replace
from lakefall_plugins.sinks.trino.statements import Definition, Removal, TargetColumn
from lakefall_plugins.trino_client.errors import TrinoCatalogError, TrinoQueryError
from lakefall_plugins.trino_client.sql import identifier, literal, timestamp

if TYPE_CHECKING:
    from lakefall.contract.run import Run
    from lakefall.contract.values import Converted, Loaded, TablePlan
    from lakefall_plugins.sinks.trino.lakehouse import Lakehouse
    from lakefall_plugins.sinks.trino.registry import Registry
    from lakefall_plugins.sinks.trino.rejects import Rejects

_OUTDATED = (
    *MISSING,
    "TABLE_ALREADY_EXISTS",
    "COLUMN_ALREADY_EXISTS",
    "COLUMN_NOT_FOUND",
    "TYPE_MISMATCH",
)
_RECORD_SECONDS = 10.0
"""Seconds that another run, seen to have replaced a file's rows, is given to record it."""
_SETTLE = 5.0
"""Seconds that a run which just committed needs at most to record it."""


def load(
    registry: Registry,
    rejects: Rejects,
    run: Run,
    plan: TablePlan,
    files: Sequence[Converted],
) -> Loaded:
    """Rejects, then the plan's schema, then the files' rows.

    Raises:
        PlanOutdatedError: the table's schema is not what the plan was made for.
        CommitConflictError: other writers kept winning.
        TableError: a row is longer than a statement.
    """
    lake = registry.lake
    task = _Load(lake, registry, rejects, run, plan, tuple(files))
    try:
        return until_committed(task.attempt, lake.options.commit_timeout, f"table {plan.table!r}")
    except (TrinoQueryError, TrinoCatalogError) as error:
        there = plan.table in lake.tables(fresh=True)
        # Of two that create a table at the same moment, one is told of an internal error.
        overtaken = plan.created and not task.created and there and error.retryable
        if not overtaken and getattr(error, "name", "") not in _OUTDATED:
            raise
        raise PlanOutdatedError(f"table {plan.table!r} changed meanwhile ({error})") from error


@dataclass(slots=True)
class _Load:
    lake: Lakehouse
    registry: Registry
    rejects: Rejects
    run: Run
    plan: TablePlan
    files: tuple[Converted, ...]
    current: tuple[Converted, ...] = ()
    """The files of the last attempt that no newer version supersedes."""
    removed: dict[str, int] = field(default_factory=dict)
    """Rows that the last attempt removed, by key."""
    added: tuple[str, ...] = ()
    created: bool = False
    rejects_written: bool = False
    query_id: str = ""
    """Of the statement that committed the rows."""

    def attempt(self) -> Loaded:
        seen = self._look()
        if not self.rejects_written:
            self.rejects.replace(self.run, self.files, seen.rejects)
            self.run.emit("load.rejects_written", table=self.plan.table)
            self.rejects_written = True
        if not self.current:
            return self._loaded()
        source = Source(self.lake, self.run, self._rows())
        if self.plan.created:
            self._create(source)
        elif self.plan.rebuild:
            self._swap(source)
        else:
            self._evolve(seen)
            self._replace(source, seen)
        self.removed = {} if self.plan.created else seen.counts()
        self._remember(seen)
        return self._loaded()

    # --- before ---

    def _look(self) -> CurrentState:
        """What the tables say of these files; files with a newer version are left out."""
        polls = Backoff(0.5, 0.5, _RECORD_SECONDS, least=1.0)
        while True:
            seen = read_state(self.lake, self.registry, self.plan, [f.file.key for f in self.files])
            self._check(seen)
            if self.plan.created or self.plan.forgets_others:
                self.current = self.files
                return seen
            for key, known in seen.versions.items():
                self.registry.saw(key, max(v.committed for v in known))
            started = self.run.started_at
            if not seen.unrecorded(started) or polls.over:
                break
            # Another run replaced rows of a file of ours a moment ago: is its version newer?
            polls.pause()
        keys = {f.file.key for f in self.files}
        self.rejects.clean = (self.rejects.clean - keys) | (keys - {k for k, _ in seen.rejects})
        self.current = commits.not_superseded(self.plan, self.files, seen.versions, started)
        return seen

    def _check(self, seen: CurrentState) -> None:
        table = self.plan.table
        if self.plan.created:
            return
        if not seen.there:
            raise PlanOutdatedError(f"table {table!r} was dropped meanwhile")
        if self.plan.rebuild:
            return
        for column in self._columns():
            name = column.name
            found, planned = seen.types.get(name), self._planned(name)
            if found is None and planned in (Change.ADD, None):
                continue
            if planned is Change.ADD and name not in self.added:
                raise PlanOutdatedError(f"table {table!r} was given a column {name!r} meanwhile")
            widening = planned is Change.WIDEN and types.promotes(found or "", column.iceberg)
            if found != column.iceberg and not widening:
                raise PlanOutdatedError(
                    f"column {name!r} of table {table!r} was planned as {column.iceberg}, "
                    f"it is {found or 'gone'} now"
                )

    def _planned(self, name: str) -> Change | None:
        return next((c.change for c in self.plan.columns if c.name == name), None)

    # --- columns ---

    def _columns(self) -> tuple[TargetColumn, ...]:
        run = self.run
        planned = [TargetColumn(c.name, iceberg_type(run, c.type)) for c in self.plan.columns]
        return (*planned, *(TargetColumn(n, t) for n, t in names.AUDIT_TYPES.items()))

    def _notes(self) -> dict[str, dict[str, str]]:
        """What the comments of the plan's columns have to say."""
        notes: dict[str, dict[str, str]] = {}
        for column in self.plan.columns:
            implied = types.from_iceberg(iceberg_type(self.run, column.type))
            about: dict[str, str] = {}
            if column.format:
                about[comments.FORMAT] = column.format
            if column.type not in (implied, "TIMESTAMP(6)"):
                about[comments.TYPE] = column.type
            if about:
                notes[column.name] = about
        return notes

    def _rows(self) -> Rows:
        return Rows(
            self._columns(),
            tuple(path for f in self.current for path in f.paths),
            tuple(Piece(f.file.key, f.rows_loaded) for f in self.current),
        )

    # --- the table ---

    def _create(self, source: Source) -> None:
        """A new table with its rows in one commit, where its columns need no comments."""
        notes, table, lake = self._notes(), self.plan.table, self.lake
        letter = lake.options.replace == "delete_insert"
        lake.make_namespace()
        comment = self._versions("")
        if notes or letter or not source.rows.number:
            columns = [
                Definition(c.name, c.iceberg, comment=comments.write("", **notes.get(c.name, {})))
                for c in source.rows.columns
            ]
            if not self.created:
                text = statements.create_table(lake.name(table), columns, comment, strict=True)
                commit(lake, table, text)
            self.created = True
            if letter:
                self.query_id = delete_insert(source, table, names.SOURCE_FILE, [])
            elif source.rows.number:
                self._merge(source, [self._removal(f, None) for f in self.current])
        else:
            with source.expression(source.room - len(comment)) as rows:
                text = statements.create_table_as(
                    lake.name(table), source.rows.columns, rows, comment
                )
                self.query_id = commit(lake, table, text)
            self.created = True
        lake.note(table)

    def _evolve(self, seen: CurrentState) -> None:
        table, notes = self.lake.name(self.plan.table), self._notes()
        for column in self._columns():
            name, found = column.name, seen.types.get(column.name)
            about = notes.get(name, {})
            if found is None:
                new = Definition(name, column.iceberg, comment=comments.write("", **about))
                self._change(f"ALTER TABLE {table} ADD COLUMN {new.sql()}")
                if name not in names.AUDIT_TYPES:
                    self.added = (*self.added, name)
                continue
            if found != column.iceberg:
                self._change(
                    f"ALTER TABLE {table} ALTER COLUMN {identifier(name)} "
                    f"SET DATA TYPE {types.to_trino(column.iceberg).upper()}"
                )
            known = comments.read(seen.comments.get(name))
            if any(known.get(k) != v for k, v in about.items()):
                self._comment(name, comments.write(seen.comments.get(name), **about))

    def _replace(self, source: Source, seen: CurrentState) -> None:
        keys = [f.file.key for f in self.current]
        if self.lake.options.replace == "delete_insert":
            self.query_id = delete_insert(source, self.plan.table, names.SOURCE_FILE, keys)
            return
        if source.rows.number or seen.counts():
            self._merge(source, [self._removal(f, seen) for f in self.current])

    def _merge(self, source: Source, removals: Sequence[Removal]) -> None:
        self.query_id = replace(
            source, self.plan.table, [names.SOURCE_FILE], removals, stamp=names.INGESTED_AT
        )

    def _removal(self, file: Converted, seen: CurrentState | None) -> Removal:
        rows = seen.rows.get(file.file.key) if seen else None
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        since, until = (rows.since, rows.until) if rows else (epoch, epoch)
        return Removal((file.file.key,), timestamp(since or epoch), timestamp(until or epoch))

    def _swap(self, source: Source) -> None:
        """All rows and columns for these, in one commit.

        Raises:
            PlanOutdatedError: somebody else committed since the plan was made.
        """
        lake, table = self.lake, self.plan.table
        self._refuse_newer(table, self.plan.snapshot)
        self.added = self.plan.columns_added
        comment = self._versions("")
        with source.expression(source.room - len(comment)) as expression:
            rows = expression or f"({_nothing(source.rows.columns)})"
            text = statements.create_table_as(
                lake.name(table), source.rows.columns, rows, comment, replace=True
            )
            self.query_id = commit(lake, table, text)
        self._let_others_record()
        for name, about in self._notes().items():
            self._comment(name, comments.write("", **about))

    def _refuse_newer(self, table: str, snapshot: str) -> None:
        refs = self.lake.name(f"{table}$refs")
        rows = self.lake.client.rows(f"SELECT snapshot_id FROM {refs} WHERE name = 'main'")
        now = str(rows[0][0]) if rows else ""
        if now != snapshot:
            raise PlanOutdatedError(f"table {table!r} was loaded meanwhile")

    def _let_others_record(self) -> None:
        """Wait for a run that committed between the check and the swap.

        Its rows are gone. Once it has recorded them, what is recorded of the rebuild comes after
        it, and the next run loads its files again.
        """
        snapshots = self.lake.name(f"{self.plan.table}$snapshots")
        rows = self.lake.client.rows(
            f"SELECT count(*) FROM {snapshots} WHERE committed_at > (SELECT max(committed_at) "
            f"FROM {snapshots} WHERE CAST(snapshot_id AS varchar) = {literal(self.plan.snapshot)}) "
            "AND element_at(summary, 'trino_query_id') "
            f"IS DISTINCT FROM {literal(self.query_id)}"
        )
        if rows[0][0]:
            self.run.warn(
                "another run loaded a file during the rebuild; the next run loads it again",
                table=self.plan.table,
            )
            time.sleep(_SETTLE)

    def _comment(self, column: str, text: str) -> None:
        name = f"{self.lake.name(self.plan.table)}.{identifier(column)}"
        self._change(f"COMMENT ON COLUMN {name} IS {literal(text)}")

    def _change(self, text: str) -> None:
        """A change of the table's metadata, again while others change it at the same moment."""
        until_committed(
            lambda: commit(self.lake, self.plan.table, text),
            self.lake.options.commit_timeout,
            f"table {self.plan.table!r}",
        )

    # --- after ---

    def _remember(self, seen: CurrentState) -> None:
        """Say in the table which versions its rows are of, for `registry rebuild`.

        In its comment: a commit to a table writes it once, not once for every commit before.
        """
        if not (self.plan.created or self.plan.rebuild):
            table = self.lake.name(self.plan.table)
            text = self._versions(seen.comment)
            self._change(f"COMMENT ON TABLE {table} IS {literal(text)}")

    def _versions(self, comment: str) -> str:
        """The table's comment with the versions of this load."""
        loaded = (Version.of(f, self.run.run_id) for f in self.current)
        return comments.with_versions(comment, loaded)

    def _loaded(self) -> Loaded:
        return commits.loaded(
            self.plan,
            self.files,
            self.current,
            self.removed,
            self._snapshot(),
            created=self.created,
            added=self.added,
            changed=bool(self.current),
        )

    def _snapshot(self) -> str:
        if not self.query_id:
            return ""
        return snapshot_of(self.lake, self.plan.table, self.query_id)


def _nothing(columns: Sequence[TargetColumn]) -> str:
    listed = ", ".join(
        f"CAST(NULL AS {types.to_trino(c.iceberg)}) AS {identifier(c.name)}" for c in columns
    )
    return f"SELECT {listed} WHERE false"
