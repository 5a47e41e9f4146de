"""The sink `iceberg`: where the work of its hooks is done."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lakefall.contract.errors import LakefallError
from lakefall.contract.plugin import hookimpl
from lakefall.contract.values import (
    Check,
    Converted,
    Decision,
    Loaded,
    Maintained,
    Repaired,
    SourceFile,
    TablePlan,
)
from lakefall_plugins.sinks.iceberg import catalog, load, registry
from lakefall_plugins.sinks.iceberg.catalog import Lake
from lakefall_plugins.sinks.iceberg.commit import sweep
from lakefall_plugins.sinks.iceberg.errors import translating
from lakefall_plugins.sinks.iceberg.metadata import parse_type, shape_of
from lakefall_plugins.sinks.iceberg.options import IcebergOptions
from lakefall_plugins.sinks.iceberg.query import query
from lakefall_plugins.sinks.iceberg.registry import Registry
from lakefall_plugins.sinks.iceberg.rejects import Rejects
from lakefall_plugins.sinks.lake import names
from lakefall_plugins.sinks.lake.plan import Shape
from lakefall_plugins.sinks.lake.sink import LakeSink

if TYPE_CHECKING:
    import pyarrow as pa

    from lakefall.contract.run import Run


class IcebergSink(LakeSink[IcebergOptions]):
    """Load into Apache Iceberg tables through a catalog, one commit per table and batch."""

    name = "iceberg"
    accept = staticmethod(parse_type)
    packages = ("pyiceberg",)
    extra = "iceberg"
    registry: Registry
    rejects: Rejects

    def __init__(self, options: IcebergOptions) -> None:
        super().__init__(options)
        self.lake = Lake(options)
        self.registry = Registry(self.lake)
        self.rejects = Rejects(self.lake)

    @contextmanager
    def translating(self, subject: str, run: Run | None = None) -> Iterator[None]:
        if run is not None:
            self.lake.cache = run.pipeline.config.cache.dir
        with translating(subject, self.lake.home.secrets):
            yield

    def shape(self, table: str) -> Shape | None:
        found = self.lake.seen(table)
        return None if found is None else shape_of(found, table)

    def decide(
        self, files: Sequence[SourceFile], digest: Callable[[str], str]
    ) -> Sequence[Decision]:
        return self.registry.decide(files, self.lake.tables(), digest)

    def commit(self, run: Run, plan: TablePlan, files: Sequence[Converted]) -> Loaded:
        sweep(self.lake)
        with run.step("rejects", table=plan.table):
            self.rejects.replace(run, files)
        run.emit("load.rejects_written", table=plan.table)
        return load.load(self.lake, self.registry, run, plan, files)

    def delete_rows(self, table: str, keys: Collection[str]) -> int:
        return registry.delete_rows(self.lake, table, keys)

    def found_rows(self, run: Run) -> int:
        return registry.rebuild_registry(self.lake, self.registry, run)

    def names(self) -> tuple[Collection[str], Sequence[str]]:
        return self.lake.tables(), self.lake.data_tables()

    @hookimpl
    def maintain(self, run: Run, table: str) -> Maintained:
        # Few commands need it, and it takes as long to import as all else of the sink.
        from lakefall_plugins.sinks.iceberg.maintenance.maintain import Subject, maintain

        options = self.options
        if table == options.registry_table:
            # Its rows are sorted when they are read.
            subject = Subject(table, "file_key", in_order=False)
        elif table == options.rejects_table:
            subject = Subject(table, "file_key")
        else:
            subject = Subject(table, names.SOURCE_FILE)
        with self.translating(f"table {table!r}", run):
            return maintain(self.lake, run, subject, options.maintenance)

    @hookimpl
    def repair(self, run: Run, table: str, drop: bool) -> Repaired:
        from lakefall_plugins.sinks.iceberg.maintenance.repair import repair

        with self.translating(f"table {table!r}", run):
            if table == self.options.registry_table:
                if not run.dry_run:
                    self.found_rows(run)
                return Repaired(table)
            return repair(self.lake, self.registry, run, table, drop=drop)

    @hookimpl
    def query(self, run: Run, sql: str) -> pa.Table:
        with self.translating("query"):
            return query(self.lake, run, sql)

    @hookimpl
    def check(self) -> Iterable[Check]:
        with self.translating("sink iceberg"):
            return [*catalog.check(self.lake), *self._check_files()]

    def _check_files(self) -> Iterator[Check]:
        from lakefall_plugins.sinks.iceberg.maintenance.repair import refuse_damaged

        there, fed = self.names()
        own = {self.options.registry_table, self.options.rejects_table}.intersection(there)
        damaged = 0
        for name in (*fed, *sorted(own)):
            try:
                with self.translating(f"table {name!r}"):
                    table = self.lake.find(name)
                    if table is not None:
                        refuse_damaged(self.lake, table)
            except LakefallError as error:
                damaged += 1
                yield Check(f"files of table {name}", ok=False, message=str(error))
        if there and not damaged:
            message = f"of {len(fed) + len(own)} tables are all there"
            yield Check("files of the tables", ok=True, message=message)
