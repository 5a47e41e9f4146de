"""The specification's acceptance criteria as a user of Trino and Superset sees them.

What can be seen without them is in ``acceptance``, which runs on these pipelines too.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from acceptance.server_lakes import IcebergLake, ServerLake, TrinoLake

from .servers import Servers
from .superset_api import SupersetApi, superset

FIRST = (
    "id,name,price,day,seen_at,active,big\n"
    "7,Ann,1.5,2024-01-15,2024-01-15T10:30:00Z,true,9999999999\n"
    "8,Bob,2.25,2024-01-16,2024-01-16T11:00:00Z,false,9999999998\n"
    "9,Cy,3,2024-01-17,2024-01-17T12:00:00Z,true,9999999997\n"
)
SECOND = FIRST.replace("7,Ann", "17,Dan").replace("8,Bob", "18,Eve").replace("9,Cy", "19,Fay")


@dataclass(frozen=True, slots=True)
class Loaded:
    """Two files of one table, loaded by one run of a production pipeline."""

    lake: ServerLake
    table: str
    superset: SupersetApi

    @property
    def name(self) -> str:
        """The table as Trino is asked for it."""
        return f"{self.lake.namespace}.{self.table}"

    def trino(self, sql: str) -> list[list[Any]]:
        return self.lake.servers.trino(sql)


@pytest.fixture(scope="module", params=[IcebergLake, TrinoLake], ids=["iceberg", "trino"])
def loaded(
    request: pytest.FixtureRequest, servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Loaded]:
    folder, table = tmp_path_factory.mktemp("lake"), f"test_table_{uuid.uuid4().hex[:8]}"
    with request.param.on(servers, folder, registrars=True) as lake, superset(servers) as api:
        lake.put(f"{table}/data.csv", FIRST)
        lake.put(f"{table}/more.csv", SECOND)
        lake.run()
        yield Loaded(lake, table, api)
        api.drop_dataset(api.dataset(table, lake.namespace)["id"])


def test_ac_1_the_buckets_are_made_at_startup(servers: Servers) -> None:
    names = {bucket["Name"] for bucket in servers.s3().list_buckets()["Buckets"]}
    assert {"csv-uploads", "lakehouse", "lakehouse-warehouse"} <= names


def test_ac_2_an_uploaded_csv_is_queryable_in_trino(loaded: Loaded) -> None:
    rows = loaded.trino(f"SELECT id, name FROM {loaded.name} ORDER BY id")
    assert rows == [[7, "Ann"], [8, "Bob"], [9, "Cy"], [17, "Dan"], [18, "Eve"], [19, "Fay"]]


def test_ac_3_types_are_as_the_specification_writes_them(loaded: Loaded) -> None:
    columns = {row[0]: row[1] for row in loaded.trino(f"DESCRIBE {loaded.name}")}
    assert columns == {
        "id": "integer",
        "name": "varchar",
        "price": "double",
        "day": "date",
        "seen_at": "timestamp(6)",
        "active": "boolean",
        "big": "bigint",
        "_source_file": "varchar",
        "_ingested_at": "timestamp(6)",
    }


def test_ac_4_the_specifications_lookup_finds_the_file(loaded: Loaded) -> None:
    key = f"{loaded.table}/data.csv"
    s3 = loaded.lake.servers.s3()
    etag = s3.head_object(Bucket=loaded.lake.bucket, Key=key)["ETag"].strip('"')
    sql = (
        f"SELECT 1 FROM iceberg.{loaded.lake.namespace}._ingest_registry "
        f"WHERE file_key = '{key}' AND etag = '{etag}' AND status = 'success' LIMIT 1"
    )
    assert loaded.trino(sql) == [[1]]
    loaded.lake.put(key, FIRST)
    assert loaded.lake.run().of(key)["status"] == "unchanged"


def test_ac_6_each_file_is_tracked(loaded: Loaded) -> None:
    sql = f"SELECT _source_file, count(*) FROM {loaded.name} GROUP BY 1 ORDER BY 1"
    expected = [[f"{loaded.table}/data.csv", 3], [f"{loaded.table}/more.csv", 3]]
    assert loaded.trino(sql) == expected


def test_ac_9_audit_columns_are_in_every_row(loaded: Loaded) -> None:
    sql = f"SELECT count(*), count(_source_file), count(_ingested_at) FROM {loaded.name}"
    assert loaded.trino(sql) == [[6, 6, 6]]


def test_ac_10_a_new_table_is_a_dataset_of_superset(loaded: Loaded) -> None:
    dataset = loaded.superset.dataset(loaded.table, loaded.lake.namespace)
    assert {"id", "price", "_source_file"} <= {c["column_name"] for c in dataset["columns"]}
    rows = loaded.superset.rows(dataset["id"], ["id", "name"])
    assert [row["id"] for row in rows] == [7, 8, 9, 17, 18, 19]


def test_ac_11_the_registry_has_the_specifications_columns(loaded: Loaded) -> None:
    described = loaded.trino(f"DESCRIBE {loaded.lake.namespace}._ingest_registry")
    assert [tuple(row[:2]) for row in described][:8] == [
        ("file_key", "varchar"),
        ("etag", "varchar"),
        ("table_name", "varchar"),
        ("row_count", "integer"),
        ("status", "varchar"),
        ("error_message", "varchar"),
        ("ingested_at", "timestamp(6)"),
        ("dag_run_id", "varchar"),
    ]
    rows = loaded.trino(
        "SELECT file_key, table_name, row_count, status, error_message "
        f"FROM {loaded.lake.namespace}._ingest_registry ORDER BY 1"
    )
    table = loaded.table
    assert rows == [
        [f"{table}/data.csv", table, 3, "success", None],
        [f"{table}/more.csv", table, 3, "success", None],
    ]


def test_ac_5_and_7_a_changed_file_replaces_its_rows_and_adds_its_column(loaded: Loaded) -> None:
    """The last test of the module: it changes the table that the others read."""
    loaded.lake.put(f"{loaded.table}/more.csv", "id,name,unit\n27,Gil,kg\n")
    outcome = loaded.lake.run().of(f"{loaded.table}/more.csv")
    assert outcome["columns_added"] == ["unit"]
    rows = loaded.trino(f"SELECT id, unit FROM {loaded.name} ORDER BY id")
    assert rows == [[7, None], [8, None], [9, None], [27, "kg"]]
    assert "unit" in loaded.superset.columns(loaded.table, loaded.lake.namespace)
    dataset = loaded.superset.dataset(loaded.table, loaded.lake.namespace)
    assert {"id": 27, "unit": "kg"} in loaded.superset.rows(dataset["id"], ["id", "unit"])
