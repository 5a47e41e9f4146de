"""The sink `iceberg`: every hook, and where its work is done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lakefall.contract.plugin import Plugin, Stage, hookimpl
from lakefall.contract.values import (
    Check,
    Contribution,
    Converted,
    Decision,
    Loaded,
    Maintained,
    Outcome,
    RegistryEntry,
    Schema,
    SourceFile,
    Status,
    StoredReject,
    TablePlan,
    TableState,
)
from lakefall_plugins.sinks.iceberg import catalog, load, registry
from lakefall_plugins.sinks.iceberg.catalog import Lake
from lakefall_plugins.sinks.iceberg.commit import sweep
from lakefall_plugins.sinks.iceberg.errors import translating
from lakefall_plugins.sinks.iceberg.maintenance.maintain import Subject, maintain
from lakefall_plugins.sinks.iceberg.metadata import parse_type, shape_of
from lakefall_plugins.sinks.iceberg.options import IcebergOptions
from lakefall_plugins.sinks.iceberg.query import query
from lakefall_plugins.sinks.iceberg.registry import Registry
from lakefall_plugins.sinks.iceberg.rejects import Rejects
from lakefall_plugins.sinks.lake import names, plan
from lakefall_plugins.sinks.lake.registry import contributions, forget, row_of
from lakefall_plugins.sinks.lake.versions import Version

if TYPE_CHECKING:
    import pyarrow as pa

    from lakefall.contract.run import Run


class IcebergSink(Plugin[IcebergOptions]):
    """Load into Apache Iceberg tables through a catalog, one commit per table and batch."""

    name = "iceberg"
    stage = Stage.SINK
    packages = ("pyiceberg",)
    extra = "iceberg"

    def __init__(self, options: IcebergOptions) -> None:
        super().__init__(options)
        self.lake = Lake(options)
        self.registry = Registry(self.lake)
        self.rejects = Rejects(self.lake)

    @contextmanager
    def _translating(self, subject: str, run: Run | None = None) -> Iterator[None]:
        if run is not None:
            self.lake.cache = run.pipeline.config.cache.dir
        with translating(subject, self.lake.home.secrets):
            yield

    @hookimpl
    def pending(self, run: Run, files: Sequence[SourceFile]) -> Sequence[Decision]:
        with self._translating("registry"):
            return self.registry.decide(
                files, self.lake.tables(), lambda t: run.for_table(t).pipeline.config.digest
            )

    @hookimpl
    def describe(self, table: str) -> TableState | None:
        with self._translating(f"table {table!r}"):
            found = self.lake.seen(table)
            return None if found is None else plan.describe(shape_of(found, table))

    @hookimpl
    def contributions(self, table: str) -> Sequence[Contribution] | None:
        if not self.options.repairs:
            return None
        with self._translating("registry"):
            return contributions(self.registry.of_table(table))

    @hookimpl
    def prepare(self, run: Run, table: str, schema: Schema, rebuild: bool) -> TablePlan:
        plan.refuse_name(self.options, table)
        with self._translating(f"table {table!r}"):
            found = self.lake.seen(table)
            shape = None if found is None else shape_of(found, table)
            return plan.plan_load(
                run, self.options, table, shape, schema, rebuild=rebuild, accept=parse_type
            )

    @hookimpl
    def load(self, run: Run, plan: TablePlan, files: Sequence[Converted]) -> Loaded:
        with self._translating(f"table {plan.table!r}", run):
            sweep(self.lake)
            with run.step("rejects", table=plan.table):
                self.rejects.replace(run, files)
            run.emit("load.rejects_written", table=plan.table)
            loaded = load.load(self.lake, self.registry, run, plan, files)
            run.emit("load.data_committed", table=plan.table, snapshot=loaded.snapshot)
            late = [o.file for o in loaded.outcomes if o.status is Status.SUPERSEDED]
            if late:
                self.rejects.remove_versions({(f.key, f.etag) for f in late})
            if plan.rebuild and not plan.repair:
                # The rows of files that the source does not have any more are gone.
                self.registry.remove_others(plan.table, {f.file.key for f in files})
            return loaded

    @hookimpl
    def record(self, run: Run, outcomes: Sequence[Outcome]) -> bool:
        worth = [o for o in outcomes if o.status in (Status.SUCCESS, Status.FAILED)]
        now = datetime.now(UTC)
        with self._translating("registry", run):
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
        with self._translating("registry"):
            return self.registry.history()

    @hookimpl
    def stored_rejects(self, table: str, key: str) -> Iterable[StoredReject]:
        return self._stored_rejects(table, key)

    def _stored_rejects(self, table: str, key: str) -> Iterator[StoredReject]:
        with self._translating("rejects"):
            current = self.registry.latest_successes()
            yield from self.rejects.read(current, table, key)

    @hookimpl
    def forget(self, run: Run, keys: Sequence[str]) -> int:
        with self._translating("forget", run):
            return forget(
                self.registry,
                self.rejects.remove,
                lambda table, some: registry.delete_rows(self.lake, table, some),
                self.lake.data_tables,
                set(keys),
            )

    @hookimpl
    def release(self, run: Run, keys: Sequence[str]) -> int:
        with self._translating("registry", run):
            return self.registry.release(set(keys))

    @hookimpl
    def rebuild_registry(self, run: Run) -> int:
        with self._translating("registry", run):
            return registry.rebuild_registry(self.lake, self.registry, run)

    @hookimpl
    def tables(self) -> Sequence[str]:
        with self._translating("tables"):
            own = {self.options.registry_table, self.options.rejects_table} & self.lake.tables()
            return [*self.lake.data_tables(), *sorted(own)]

    @hookimpl
    def maintain(self, run: Run, table: str) -> Maintained:
        options = self.options
        if table == options.registry_table:
            # Its rows are sorted when they are read.
            subject = Subject(table, "file_key", in_order=False)
        elif table == options.rejects_table:
            subject = Subject(table, "file_key")
        else:
            subject = Subject(table, names.SOURCE_FILE)
        with self._translating(f"table {table!r}", run):
            return maintain(self.lake, run, subject, options.maintenance)

    @hookimpl
    def query(self, run: Run, sql: str) -> pa.Table:
        with self._translating("query"):
            return query(self.lake, run, sql)

    @hookimpl
    def check(self) -> Iterable[Check]:
        with self._translating("sink iceberg"):
            return list(catalog.check(self.lake))
