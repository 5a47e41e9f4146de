"""The hooks that every sink of Iceberg tables answers alike; each says how it does the work."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol, TypeVar

from lakefall.contract.plugin import Plugin, Stage, hookimpl
from lakefall.contract.values import (
    Contribution,
    Converted,
    Decision,
    Loaded,
    Outcome,
    RegistryEntry,
    Schema,
    SourceFile,
    Status,
    StoredReject,
    TablePlan,
    TableState,
)
from lakefall_plugins.sinks.lake import plan as planning
from lakefall_plugins.sinks.lake.options import LakeOptions
from lakefall_plugins.sinks.lake.plan import Accept, Shape
from lakefall_plugins.sinks.lake.registry import Registry, contributions, forget, row_of
from lakefall_plugins.sinks.lake.versions import Version

if TYPE_CHECKING:
    from lakefall.contract.run import Run

L_co = TypeVar("L_co", bound=LakeOptions, covariant=True)


class Rejects(Protocol):
    """What the hooks need of a sink's table of rejects."""

    def drop_replaced(self, current: Collection[Version]) -> None: ...
    def remove(self, keys: Collection[str]) -> None: ...
    def remove_versions(self, versions: Collection[tuple[str, str]]) -> None: ...
    def read(
        self, current: Mapping[str, Version], table_name: str, key: str
    ) -> Iterator[StoredReject]: ...


class LakeSink(Plugin[L_co]):
    """Base of the sinks: which hook asks the registry, the rejects and the tables for what."""

    stage = Stage.SINK
    registry: Registry
    rejects: Rejects
    accept: Accept
    """Takes an Iceberg type's name; raises ``TableError`` where the sink has no such type."""

    # --- how each sink does it ---

    def translating(self, subject: str, run: Run | None = None) -> AbstractContextManager[None]:
        """Around whatever speaks to the lake; errors become the contract's."""
        del subject, run
        return nullcontext()

    @abstractmethod
    def shape(self, table: str) -> Shape | None:
        """The table as planning sees it; None where there is none."""

    @abstractmethod
    def decide(
        self, files: Sequence[SourceFile], digest: Callable[[str], str]
    ) -> Sequence[Decision]:
        """Which files have to be loaded; ``digest`` is of a table's options."""

    @abstractmethod
    def commit(self, run: Run, plan: TablePlan, files: Sequence[Converted]) -> Loaded:
        """Write the files' rejects, then their rows."""

    @abstractmethod
    def delete_rows(self, table: str, keys: Collection[str]) -> int:
        """Delete the rows of these files; how many."""

    @abstractmethod
    def found_rows(self, run: Run) -> int:
        """Make the registry anew out of the tables; how many rows it has."""

    @abstractmethod
    def names(self) -> tuple[Collection[str], Sequence[str]]:
        """All tables of the namespace, as of now; and those that files may feed."""

    # --- hooks ---

    @hookimpl
    def pending(self, run: Run, files: Sequence[SourceFile]) -> Sequence[Decision]:
        with self.translating("registry"):
            return self.decide(files, lambda t: run.for_table(t).pipeline.config.digest)

    @hookimpl
    def describe(self, table: str) -> TableState | None:
        with self.translating(f"table {table!r}"):
            found = self.shape(table)
            return None if found is None else planning.describe(found)

    @hookimpl
    def contributions(self, table: str) -> Sequence[Contribution] | None:
        if not self.options.repairs:
            return None
        with self.translating("registry"):
            return contributions(self.registry.of_table(table))

    @hookimpl
    def prepare(self, run: Run, table: str, schema: Schema, rebuild: bool) -> TablePlan:
        planning.refuse_name(self.options, table)
        with self.translating(f"table {table!r}"):
            shape = self.shape(table)
            return planning.plan_load(
                run, self.options, table, shape, schema, rebuild=rebuild, accept=self.accept
            )

    @hookimpl
    def load(self, run: Run, plan: TablePlan, files: Sequence[Converted]) -> Loaded:
        with self.translating(f"table {plan.table!r}", run):
            loaded = self.commit(run, plan, files)
            run.emit("load.data_committed", table=plan.table, snapshot=loaded.snapshot)
            late = [o.file for o in loaded.outcomes if o.status is Status.SUPERSEDED]
            if late:
                self.rejects.remove_versions({(f.key, f.etag) for f in late})
            if plan.forgets_others:
                # The rows of files that the source does not have any more are gone.
                self.registry.remove_others(plan.table, {f.file.key for f in files})
            return loaded

    @hookimpl
    def record(self, run: Run, outcomes: Sequence[Outcome]) -> bool:
        worth = [o for o in outcomes if o.status in (Status.SUCCESS, Status.FAILED)]
        now = datetime.now(UTC)
        with self.translating("registry", run):
            if worth:
                self.registry.append([row_of(o, run.run_id, now) for o in worth])
            run.emit("record.registry_written")
            done = [o.file for o in worth if o.status is Status.SUCCESS]
            if done:
                versions = [Version(f.key, f.etag, f.modified, now) for f in done]
                self.rejects.drop_replaced(versions)
        return True

    @hookimpl
    def history(self) -> Sequence[RegistryEntry]:
        with self.translating("registry"):
            return self.registry.history()

    @hookimpl
    def stored_rejects(self, table: str, key: str) -> Iterable[StoredReject]:
        return self._stored_rejects(table, key)

    def _stored_rejects(self, table: str, key: str) -> Iterator[StoredReject]:
        with self.translating("rejects"):
            yield from self.rejects.read(self.registry.latest_successes(), table, key)

    @hookimpl
    def forget(self, run: Run, keys: Sequence[str]) -> int:
        with self.translating("forget", run):
            return forget(
                self.registry,
                self.rejects.remove,
                self.delete_rows,
                lambda: self.names()[1],
                set(keys),
            )

    @hookimpl
    def release(self, run: Run, keys: Sequence[str]) -> int:
        with self.translating("registry", run):
            return self.registry.release(set(keys))

    @hookimpl
    def rebuild_registry(self, run: Run) -> int:
        with self.translating("registry", run):
            return self.found_rows(run)

    @hookimpl
    def tables(self) -> Sequence[str]:
        with self.translating("tables"):
            own = {self.options.registry_table, self.options.rejects_table}
            there, fed = self.names()
            return [*fed, *sorted(own.intersection(there))]
