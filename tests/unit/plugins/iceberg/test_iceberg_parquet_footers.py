"""Field ids exchanged in a Parquet file's footer; the data stay as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lakefall_plugins.sinks.iceberg import parquet_footers as footers

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
IDS = {"id": 1, "name": 2, "at": 400}


def written(path: Path, writer: str) -> Any:
    rows = pa.table({"id": list(range(5000)), "name": [f"n{i}" for i in range(5000)]})
    rows = rows.append_column("at", pa.array([None, 1] * 2500, pa.timestamp("us")))
    if writer == "arrow":
        fields = [f.with_metadata({"PARQUET:field_id": str(IDS[f.name])}) for f in rows.schema]
        parquet.write_table(rows.cast(pa.schema(fields)), path, row_group_size=1000)
        return rows
    import duckdb

    listed = ", ".join(f'"{name}": {i}' for name, i in IDS.items())
    with duckdb.connect() as connection:
        connection.register("rows", rows)
        connection.execute(f"COPY (FROM rows) TO '{path}' (FORMAT parquet, FIELD_IDS {{{listed}}})")
    return rows


def ids_of(path: Path) -> dict[str, int]:
    schema = parquet.ParquetFile(path).schema_arrow
    return {f.name: int(f.metadata[b"PARQUET:field_id"]) for f in schema}


@pytest.mark.parametrize("writer", ["arrow", "duckdb"])
def test_ids_are_exchanged_and_data_kept(tmp_path: Path, writer: str) -> None:
    path, other = tmp_path / "a.parquet", tmp_path / "b.parquet"
    rows = written(path, writer)
    footer = footers.renumbered(footers.of_file(path), {1: 2, 2: 1, 400: 100_000})
    other.write_bytes(path.read_bytes()[: footer.data_size] + footer.tail)
    assert other.stat().st_size == footer.size
    assert ids_of(other) == {"id": 2, "name": 1, "at": 100_000}
    found = parquet.read_table(other)
    assert found.cast(rows.schema).equals(rows)
    assert parquet.ParquetFile(other).metadata.num_row_groups == (
        parquet.ParquetFile(path).metadata.num_row_groups
    )
    assert footers.of_bytes(path.read_bytes()) == footers.of_file(path)
