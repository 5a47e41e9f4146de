"""The sink `trino`: where the work of its hooks is done."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from lakefall.contract.plugin import hookimpl
from lakefall.contract.values import (
    Check,
    Converted,
    Decision,
    Loaded,
    Maintained,
    SourceFile,
    TablePlan,
)
from lakefall_plugins.sinks.lake.plan import Shape
from lakefall_plugins.sinks.lake.sink import LakeSink
from lakefall_plugins.sinks.lake.types import to_trino
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


class TrinoSink(LakeSink[TrinoOptions]):
    """Load into Iceberg tables with nothing but SQL, sent to Trino.

    Structs, lists and maps become JSON: Trino 476 has such literals, but it writes the names within
    a ROW type without quotes (`row(A b integer)`), so that a table's type could not be read back.
    """

    name = "trino"
    accept = staticmethod(to_trino)
    packages = ("trino",)
    extra = "trino"
    registry: Registry
    rejects: Rejects

    def __init__(self, options: TrinoOptions) -> None:
        super().__init__(options)
        self.lake = Lakehouse(options)
        self.registry = Registry(self.lake)
        self.rejects = Rejects(self.lake)

    def shape(self, table: str) -> Shape | None:
        return self.lake.shape(table)

    def decide(
        self, files: Sequence[SourceFile], digest: Callable[[str], str]
    ) -> Sequence[Decision]:
        return self.registry.decide(files, digest)

    def commit(self, run: Run, plan: TablePlan, files: Sequence[Converted]) -> Loaded:
        sweep(self.lake, run)
        return load.load(self.registry, self.rejects, run, plan, files)

    def delete_rows(self, table: str, keys: Collection[str]) -> int:
        return registry.delete_rows(self.lake, table, keys)

    def found_rows(self, run: Run) -> int:
        return registry.rebuild_registry(self.lake, self.registry, run)

    def names(self) -> tuple[Collection[str], Sequence[str]]:
        return self.lake.tables(fresh=True), self.lake.data_tables()

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
