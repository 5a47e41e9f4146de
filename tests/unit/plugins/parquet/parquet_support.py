"""Opening Parquet files without a pipeline file; pyarrow writes them, and is the oracle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from lakefall.common import sql
from lakefall.contract.configuration import Engine
from lakefall.contract.plugin import HeaderLimits
from lakefall.contract.run import Run
from lakefall.contract.values import LocalFile, Records, SourceFile
from lakefall.tabular.conservation import opened
from lakefall_plugins.formats.parquet.reader import ParquetReader, ParquetReaderOptions
from lakefall_plugins.formats.parquet.sniffer import ParquetSniffer, ParquetSnifferOptions

if TYPE_CHECKING:
    import pyarrow as pa

WHEN = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
READER = ParquetReader(ParquetReaderOptions())
SNIFFER = ParquetSniffer(ParquetSnifferOptions())


@dataclass
class Opened:
    records: Records
    table: pa.Table

    @property
    def types(self) -> list[str]:
        return [column.type for column in self.records.columns]

    @property
    def values(self) -> list[list[Any]]:
        return [column.to_pylist() for column in self.table.columns]


def write(path: Path, columns: Mapping[str, Any] | pa.Table, **options: Any) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    pq.write_table(table, path, **options)
    return path


def local_file(path: Path) -> LocalFile:
    size = path.stat().st_size
    return LocalFile(SourceFile(f"t/{path.name}", "e1", size, WHEN, "t", "t"), path, size)


def open_file(path: Path) -> Opened:
    pipeline: Any = SimpleNamespace(
        config=SimpleNamespace(engine=Engine(threads=2)),
        max_rejected=1.0,
        header_limits=HeaderLimits(),
        nulled_limit=None,
        open=READER.open,
    )
    run = Run(pipeline, "run-1", WHEN, path.parent / "scratch")
    local = local_file(path)
    found = SNIFFER.sniff(run, local, None)
    assert found is not None
    records = opened(run, local, found)
    with sql.connect(pipeline.config.engine, run.workdir) as connection:
        return Opened(records, sql.table(connection, f"FROM {records.sql}"))
