"""The contract of sinks: the hooks of the tables, the registry and maintenance.

Five verbs are what loading needs (``describe``, ``prepare``, ``load``, ``pending``, ``record``);
``apply``, ``history`` and what follows serve commands and schedulers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from lakefall.contract.plugin import hookspec

if TYPE_CHECKING:
    import pyarrow as pa

    from lakefall.contract.run import Run
    from lakefall.contract.values import (
        Contribution,
        Converted,
        Decision,
        Loaded,
        Maintained,
        Outcome,
        RegistryEntry,
        Repaired,
        Schema,
        SourceFile,
        StoredReject,
        TablePlan,
        TableState,
    )


class SinkHooks:
    """Called on one pipeline's sink; the first answer that is not None counts."""

    @hookspec(firstresult=True)
    def pending(self, run: Run, files: Sequence[SourceFile]) -> Sequence[Decision] | None:
        """Decide for every listed file whether it has to be loaded. Reads only."""

    @hookspec(firstresult=True)
    def describe(self, run: Run, table: str) -> TableState | None:
        """The table as it is now; None when it does not exist."""

    @hookspec(firstresult=True)
    def contributions(self, run: Run, table: str) -> Sequence[Contribution] | None:
        """The files of which the table has rows, as the registry knows them.

        Answered by a sink that lets the types of a table follow all of its files: what ``prepare``
        then calls ``Change.REPAIR`` is done by a load whose plan says ``rebuild`` and ``repair``.
        None where the table's types govern whatever files bring.
        """

    @hookspec(firstresult=True)
    def prepare(self, run: Run, table: str, schema: Schema, rebuild: bool) -> TablePlan | None:
        """Plan the load. Reads only. ``rebuild`` plans to swap all rows and the schema.

        Raises:
            SchemaFrozenError, TypeConflictError, TableNameError, CatalogUnreachableError.
        """

    @hookspec(firstresult=True)
    def apply(self, run: Run, plan: TablePlan) -> bool | None:
        """Create or evolve the table ahead of ``load``, in statements of its own.

        Called only where a scheduler runs the steps one by one. A sink that does this in the
        commit of ``load`` does not answer. Doing it again changes nothing; ``load`` plans anew.

        Raises:
            What ``load`` raises.
        """

    @hookspec(firstresult=True)
    def load(self, run: Run, plan: TablePlan, files: Sequence[Converted]) -> Loaded | None:
        """Create or evolve the table and replace the files' rows, in one commit.

        One load at a time; ``describe`` and ``prepare`` may be asked about other tables meanwhile,
        from another thread.

        Rejects are written first, under key and ETag. A file of which a newer version has been
        committed is left out as SUPERSEDED.

        Raises:
            PlanOutdatedError: the schema moved; plan and convert again.
            CommitConflictError, CatalogUnreachableError.
        """

    @hookspec(firstresult=True)
    def record(self, run: Run, outcomes: Sequence[Outcome]) -> bool | None:
        """Write SUCCESS and FAILED outcomes to the registry, then drop rejects of old versions."""

    @hookspec(firstresult=True)
    def history(self, run: Run) -> Sequence[RegistryEntry] | None:
        """The registry's latest row for every key."""

    @hookspec(firstresult=True)
    def stored_rejects(self, run: Run, table: str, key: str) -> Iterable[StoredReject] | None:
        """Rejects of the versions that the registry holds; ``''`` for every table or key."""

    @hookspec(firstresult=True)
    def forget(self, run: Run, keys: Sequence[str]) -> int | None:
        """Delete the rows, rejects and registry rows of these keys; the number of rows deleted."""

    @hookspec(firstresult=True)
    def release(self, run: Run, keys: Sequence[str]) -> int | None:
        """Make these keys pending again, whatever the registry says; the number of keys found."""

    @hookspec(firstresult=True)
    def rebuild_registry(self, run: Run) -> int | None:
        """Write the registry anew from what the tables themselves say; the number of keys."""

    @hookspec(firstresult=True)
    def tables(self, run: Run) -> Sequence[str] | None:
        """Names of the tables that the sink maintains: those that files feed, and its own.

        A sink that has nothing to maintain answers neither this nor ``maintain``.
        """

    @hookspec(firstresult=True)
    def maintain(self, run: Run, table: str) -> Maintained | None:
        """Merge a table's small data files, let old snapshots expire, delete what only they need.

        ``run`` has the table's options. Rows stay as they are, and so does everything that a
        reader, a running load or ``rebuild_registry`` needs. A dry run (``run.dry_run``) writes
        nothing and answers the same as far as it can be known.

        Raises:
            CommitConflictError, CatalogUnreachableError, StorageUnreachableError.
        """

    @hookspec(firstresult=True)
    def repair(self, run: Run, table: str, drop: bool) -> Repaired | None:
        """Make a table readable again of which files are missing or unreadable; delete nothing.

        Files of the source whose rows are lost become pending. ``drop`` takes a table out of the
        catalog of which no metadata can be read. A dry run (``run.dry_run``) only looks. A sink
        whose server does that itself does not answer.

        Raises:
            StorageDamagedError: no metadata can be read, and not ``drop``. UsageError: there is no
            such table, or no reason to drop it.
        """

    @hookspec(firstresult=True)
    def query(self, run: Run, sql: str) -> pa.Table | None:
        """Answer a read-only DuckDB query over the sink's tables."""
