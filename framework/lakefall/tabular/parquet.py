"""Writing typed rows to Parquet files that carry the plan's field ids."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lakefall.common import sql
from lakefall.common.naming import AUDIT_COLUMNS
from lakefall.contract.values import Records, TablePlan
from lakefall.tabular import nested

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from lakefall.tabular.columns import TypedColumn

VECTOR = 2_048
"""Rows that DuckDB works on at a time."""
GROUP_ROWS = 122_880
GROUP_BYTES = 32 << 20
"""Bytes of CSV that one row group may come from: it is held in memory until it is written."""
FILE_BYTES = 512 << 20
"""Size at which a Parquet file is closed and the next begun, and the size of a CSV file from
which on that is done at all: Iceberg's own target."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What the files of one conversion look like."""

    columns: tuple[TypedColumn, ...]
    plan: TablePlan
    source_file: str
    """SQL of the source file's key."""
    ingested_at: datetime
    group_rows: int

    @property
    def audit(self) -> str:
        """SQL of the audit columns."""
        when = self.ingested_at.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
        source_file, ingested_at = AUDIT_COLUMNS
        return f"{self.source_file} AS {source_file}, TIMESTAMP '{when}' AS {ingested_at}"

    @property
    def selection(self) -> str:
        """SQL of the typed columns."""
        return ", ".join(f"{c.value} AS {sql.identifier(c.name)}" for c in self.columns)

    @property
    def options(self) -> str:
        """Of the statement that writes."""
        options = ["FORMAT parquet", "COMPRESSION zstd", f"ROW_GROUP_SIZE {self.group_rows}"]
        if self.field_ids:
            within = {
                c.name: nested.field_ids(
                    c.planned.type, c.planned.field_id, iter(c.planned.nested_ids)
                )
                for c in self.columns
                if c.planned.nested_ids
            }
            ids = [
                f"{sql.literal(name)}: {within.get(name, i)}" for name, i in self.field_ids.items()
            ]
            options.append(f"FIELD_IDS {{{', '.join(ids)}}}")
        return ", ".join(options)

    @property
    def field_ids(self) -> dict[str, int]:
        """Ids by name; empty where the sink has none."""
        ids = {c.name: c.planned.field_id for c in self.columns}
        ids |= dict(
            zip(AUDIT_COLUMNS, (self.plan.source_file_id, self.plan.ingested_at_id), strict=True)
        )
        return ids if all(ids.values()) else {}


def group_rows(records: Records) -> int:
    """Rows of a row group, so that its memory does not depend on how wide the rows are."""
    width = max(1, records.local.size // max(1, records.rows_read))
    return min(GROUP_ROWS, max(VECTOR, GROUP_BYTES // width // VECTOR * VECTOR))


def copy(
    connection: duckdb.DuckDBPyConnection, layout: Layout, relation: str, folder: Path, size: int
) -> None:
    """Let DuckDB write the typed rows of ``relation`` into ``folder``.

    Args:
        relation: SQL of rows of text.
        size: bytes of the CSV file.
    """
    target, options = folder / "part.parquet", layout.options
    if size > FILE_BYTES:
        target = folder / "parts"
        options += f", FILE_SIZE_BYTES {FILE_BYTES}"
    query = (
        f"COPY (SELECT {layout.selection}, {layout.audit} FROM {relation}) "
        f"TO {sql.literal(str(target))} ({options})"
    )
    sql.rows(connection, query)


def write_parts(
    connection: duckdb.DuckDBPyConnection,
    layout: Layout,
    relation: str,
    part: str,
    folder: Path,
    *,
    texts: Sequence[str],
) -> dict[int, tuple[int, ...]]:
    """The same for small files: rows of each ``part``, an integer column, into a folder of its own.

    Not by ``PARTITION_BY``: DuckDB 2.0 mixes up the rows of a part, those of five-line files too.
    What a query hands out is in order.

    Args:
        part: quoted; it is not written, and its rows are next to each other.
        texts: columns of the relation.

    Returns:
        For each part how many rows it has, and in how many of them each of ``texts`` is no NULL.
    """
    import numpy as np
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    filled = "".join(f", {text} IS NOT NULL" for text in texts)
    query = f"SELECT {layout.selection}, {layout.audit}, {part}{filled} FROM {relation}"
    found = sql.table(connection, query)
    width = found.num_columns - 1 - len(texts)
    data = _with_ids(found.select(range(width)), layout.field_ids)
    parts = pc.run_end_encode(found.column(width).combine_chunks())
    numbers, ends = parts.values.to_pylist(), parts.run_ends.to_pylist()
    starts = [0, *ends[:-1]]
    counts = [
        np.add.reduceat(column.to_numpy(), starts, dtype=np.int64).tolist() if ends else []
        for column in found.columns[width + 1 :]
    ]
    for number, start, end in zip(numbers, starts, ends, strict=False):
        place = of_part(folder, number)
        place.mkdir()
        pq.write_table(
            data.slice(start, end - start),
            place / "part.parquet",
            row_group_size=layout.group_rows,
            compression="zstd",
            store_schema=False,
            store_decimal_as_integer=True,
        )
    sizes = [end - start for start, end in zip(starts, ends, strict=False)]
    return dict(zip(numbers, zip(sizes, *counts, strict=True), strict=True))


def _with_ids(table: pa.Table, ids: Mapping[str, int]) -> pa.Table:
    import pyarrow as pa

    fields = [
        field.with_metadata({"PARQUET:field_id": str(ids[field.name])}) if ids else field
        for field in table.schema
    ]
    return pa.Table.from_arrays(table.columns, schema=pa.schema(fields))


def of_part(folder: Path, part: int) -> Path:
    """Where ``write_parts`` puts a part; nothing for a part without rows."""
    return folder / str(part)


@dataclass(frozen=True, slots=True)
class Written:
    """What the footers of the files say."""

    paths: tuple[Path, ...]
    rows: int
    nulls: dict[str, int]
    """NULLs by column; a column whose footer does not tell is missing."""


def row_count(path: Path) -> int:
    """Rows of a file, as its footer says."""
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).num_rows)


def written(folder: Path) -> Written:
    """Read the footers of all files in a folder."""
    import pyarrow.parquet as pq

    paths: list[Path] = []
    rows = 0
    nulls: dict[str, int] = {}
    unknown: set[str] = set()
    for path in sorted(folder.rglob("*.parquet")):
        metadata = pq.read_metadata(path)
        if not metadata.num_rows:
            continue
        paths.append(path)
        rows += metadata.num_rows
        for group in range(metadata.num_row_groups):
            row_group = metadata.row_group(group)
            for position in range(row_group.num_columns):
                column = row_group.column(position)
                name, statistics = column.path_in_schema, column.statistics
                if statistics is None or not statistics.has_null_count:
                    unknown.add(name)
                    continue
                nulls[name] = nulls.get(name, 0) + statistics.null_count
    known = {name: count for name, count in nulls.items() if name not in unknown}
    return Written(tuple(paths), rows, known)


def fresh(folder: Path) -> Path:
    """The folder, empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
