"""The sink `trino`: every hook, and where its work is done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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
from lakefall_plugins.sinks.lake import plan
from lakefall_plugins.sinks.lake.registry import contributions, forget, row_of
from lakefall_plugins.sinks.lake.types import to_trino
from lakefall_plugins.sinks.lake.versions import Version
from lakefall_plugins.sinks.trino import load, maintenance, registry
from lakefall_plugins.sinks.trino.lakehouse import Lakehouse
from lakefall_plugins.sinks.trino.options import TrinoOptions
from lakefall_plugins.sinks.trino.query import query
from lakefall_plugins.sinks.trino.registry import Registry
from lakefall_plugins.sinks.trino.rejects import Rejects
from lakefall_plugins.sinks.trino.replace import sweep

if TYPE_CHECKING:
    import pyarrow as pa

    from lakefall.contract.run import Run


class TrinoSink(Plugin[TrinoOptions]):
    """Load into Iceberg tables with nothing but SQL, sent to Trino.

    Structs, lists and maps become JSON: Trino 476 has such literals, but it writes the names within
    a ROW type without quotes (`row(A b integer)`), so that a table's type could not be read back.
    """

    name = "trino"
    stage = Stage.SINK
    packages = ("trino",)
    extra = "trino"

    def __init__(self, options: TrinoOptions) -> None:
        super().__init__(options)
        self.lake = Lakehouse(options)
        self.registry = Registry(self.lake)
        self.rejects = Rejects(self.lake)

    @hookimpl
    def pending(self, run: Run, files: Sequence[SourceFile]) -> Sequence[Decision]:
        return self.registry.decide(files, lambda t: run.for_table(t).pipeline.config.digest)

    @hookimpl
    def describe(self, table: str) -> TableState | None:
        found = self.lake.shape(table)
        return None if found is None else plan.describe(found)

    @hookimpl
    def contributions(self, table: str) -> Sequence[Contribution] | None:
        if not self.options.repairs:
            return None
        return contributions(self.registry.of_table(table))

    @hookimpl
    def prepare(self, run: Run, table: str, schema: Schema, rebuild: bool) -> TablePlan:
        plan.refuse_name(self.options, table)
        shape = self.lake.shape(table)
        return plan.plan_load(
            run, self.options, table, shape, schema, rebuild=rebuild, accept=to_trino
        )

    @hookimpl
    def load(self, run: Run, plan: TablePlan, files: Sequence[Converted]) -> Loaded:
        sweep(self.lake, run)
        loaded = load.load(self.registry, self.rejects, run, plan, files)
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
        return self.registry.history()

    @hookimpl
    def stored_rejects(self, table: str, key: str) -> Iterable[StoredReject]:
        return self._stored_rejects(table, key)

    def _stored_rejects(self, table: str, key: str) -> Iterator[StoredReject]:
        yield from self.rejects.read(self.registry.latest_successes(), table, key)

    @hookimpl
    def forget(self, keys: Sequence[str]) -> int:
        return forget(
            self.registry,
            self.rejects.remove,
            lambda table, some: registry.delete_rows(self.lake, table, some),
            self.lake.data_tables,
            set(keys),
        )

    @hookimpl
    def release(self, keys: Sequence[str]) -> int:
        return self.registry.release(set(keys))

    @hookimpl
    def rebuild_registry(self, run: Run) -> int:
        return registry.rebuild_registry(self.lake, self.registry, run)

    @hookimpl
    def tables(self) -> Sequence[str]:
        own = {self.options.registry_table, self.options.rejects_table}
        there = self.lake.tables(fresh=True)
        return [*self.lake.data_tables(), *sorted(own & there)]

    @hookimpl
    def maintain(self, run: Run, table: str) -> Maintained:
        if not run.dry_run:
            sweep(self.lake, run)
        own = (self.options.registry_table, self.options.rejects_table)
        lake = maintenance.lakehouse(self.options)
        return maintenance.maintain(lake, table, is_own=table in own, dry_run=run.dry_run)

    @hookimpl
    def query(self, sql: str) -> pa.Table:
        return query(self.lake, sql)

    @hookimpl
    def check(self) -> Iterable[Check]:
        return self._check()

    def _check(self) -> Iterator[Check]:
        options = self.options
        subject = f"sink trino ({options.url})"
        version = self.lake.client.version()
        yield Check(subject, ok=True, message=f"Trino {version}, user {options.user}")
        place = f"{options.catalog}.{options.namespace}"
        if not self.lake.has_namespace():
            message = f"{place} is not there yet; the first load makes it"
        else:
            self.lake.tables(fresh=True)
            message = f"{len(self.lake.data_tables())} tables in {place}"
        yield Check(subject, ok=True, message=message)
