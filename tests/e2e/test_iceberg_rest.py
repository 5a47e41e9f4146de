"""The sink on the real catalog: what Trino reads of it, errors told apart, what `check` finds."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from lakefall.contract.errors import (
    CatalogDeniedError,
    CatalogUnreachableError,
    LakefallError,
    StorageDeniedError,
    StorageUnreachableError,
    UsageError,
)
from lakefall.contract.values import Check, Status
from lakefall.run.runner import Runner
from stack.stack import Stack

from .iceberg_support import Lakehouse, catalog_proxy
from .servers import Servers

ROWS = "id,name\n1,ann\n2,bob\n"


@pytest.fixture
def lakehouse(servers: Servers, namespace: str, tmp_path: Path) -> Lakehouse:
    made = Lakehouse(servers, tmp_path, namespace)
    made.put("orders/a.csv", ROWS)
    return made


def checks(lakehouse: Lakehouse) -> list[Check]:
    with Runner(lakehouse.pipeline()).start() as run:
        return [c for c in run.pipeline.check(run) if "inbox" not in c.subject]


def test_a_new_tables_files_are_written_like_those_of_others(lakehouse: Lakehouse) -> None:
    """PyIceberg's own file access holds an upload of a new table in memory, all of it."""
    lakehouse.run()
    catalog = lakehouse.pipeline()._manager.get_plugin("sink:iceberg").lake.catalog
    there = catalog.load_table((lakehouse.namespace, "orders"))
    new = catalog.create_table_transaction((lakehouse.namespace, "new"), there.schema())
    assert new._table.io is there.io


# --- what others read ---


def test_trino_reads_the_registry_as_the_specification_has_it(lakehouse: Lakehouse) -> None:
    lakehouse.put("orders/bad.csv", "\x00\x01")
    lakehouse.run()
    schema, trino = lakehouse.namespace, lakehouse.servers.trino
    columns = [(row[0], row[1]) for row in trino(f"DESCRIBE {schema}._ingest_registry")]
    assert columns[:8] == [
        ("file_key", "varchar"),
        ("etag", "varchar"),
        ("table_name", "varchar"),
        ("row_count", "integer"),
        ("status", "varchar"),
        ("error_message", "varchar"),
        ("ingested_at", "timestamp(6)"),
        ("dag_run_id", "varchar"),
    ]
    made = trino(f"SHOW CREATE TABLE {schema}._ingest_registry")[0][0]
    required = {line.split()[0] for line in made.splitlines() if "NOT NULL" in line}
    assert required == {"file_key", "etag", "table_name", "status", "ingested_at", "dag_run_id"}
    found = trino(
        f"SELECT etag, status FROM iceberg.{schema}._ingest_registry "
        "WHERE file_key = 'orders/a.csv' AND status = 'success' "
        "ORDER BY ingested_at DESC LIMIT 1"
    )
    assert len(found) == 1
    assert found[0][1] == "success"
    assert trino(f"SELECT id, name FROM {schema}.orders ORDER BY id") == [[1, "ann"], [2, "bob"]]


def test_trino_reads_the_rejects(lakehouse: Lakehouse) -> None:
    lakehouse.put("people/a.csv", "id,name\n" + "".join(f"{i},n\n" for i in range(40)) + "1,2,3\n")
    lakehouse.run()
    schema, trino = lakehouse.namespace, lakehouse.servers.trino
    kinds = {row[0]: row[1] for row in trino(f"DESCRIBE {schema}._ingest_rejects")}
    assert (kinds["file_key"], kinds["line"], kinds["rejected_at"]) == (
        "varchar",
        "bigint",
        "timestamp(6)",
    )
    assert trino(f"SELECT file_key, line FROM {schema}._ingest_rejects") == [["people/a.csv", 42]]


def test_formats_in_comments_of_columns_are_known(lakehouse: Lakehouse) -> None:
    """Tables that SQL made keep a column's format in its comment."""
    schema, trino = lakehouse.namespace, lakehouse.servers.trino
    lakehouse.servers.catalog().create_namespace((schema,))
    trino(
        f"CREATE TABLE {schema}.visits (id integer, "
        """day date COMMENT 'lakefall: {"format": "%d/%m/%Y"}', """
        """at timestamp(6) COMMENT 'of the door; lakefall: {broken', """
        "_source_file varchar, _ingested_at timestamp(6))"
    )
    with Runner(lakehouse.pipeline()).start() as run:
        state = run.pipeline.describe(run, "visits")
    assert state is not None
    assert {c.name: c.format for c in state.columns} == {"id": "", "day": "%d/%m/%Y", "at": ""}
    lakehouse.put("visits/a.csv", "id,day\n1,03/04/2024\n2,05/06/2024\n")
    report = lakehouse.run("visits/a.csv")
    assert report.outcomes[0].status is Status.SUCCESS, report.outcomes
    days = trino(f"SELECT cast(day AS varchar) FROM {schema}.visits ORDER BY id")
    assert days == [["2024-04-03"], ["2024-06-05"]]


def test_a_query_reads_the_tables_and_nothing_else(lakehouse: Lakehouse) -> None:
    lakehouse.run()
    assert lakehouse.ask("SELECT name FROM orders WHERE id = 2") == [("bob",)]
    stray = lakehouse.data_files("orders")[0]
    for other in ("/etc/hostname", "lakefall://1/x.parquet", f"s3://lakehouse-warehouse/{stray}"):
        with pytest.raises(UsageError):
            lakehouse.ask(f"SELECT * FROM orders, read_parquet('{other}')")


def test_the_registry_is_rebuilt_and_files_are_forgotten(lakehouse: Lakehouse) -> None:
    lakehouse.put("orders/b.csv", "id,name\n3,eve\n")
    lakehouse.run()
    lakehouse.servers.catalog().drop_table((lakehouse.namespace, "_ingest_registry"))
    with Runner(lakehouse.pipeline()).start() as run:
        assert run.pipeline.rebuild_registry(run) == 2
    assert {o.status for o in lakehouse.run().outcomes} == {Status.UNCHANGED}
    with Runner(lakehouse.pipeline()).start() as run:
        assert run.pipeline.forget(run, ["orders/b.csv"]) == 1
    assert lakehouse.ask("SELECT id FROM orders ORDER BY id") == [(1,), (2,)]


# --- errors ---


@pytest.mark.parametrize(
    ("status", "expected", "words"),
    [
        (401, CatalogDeniedError, "refuses the credentials"),
        (403, CatalogDeniedError, "forbids"),
        (500, CatalogUnreachableError, "in trouble"),
        (503, CatalogUnreachableError, "in trouble"),
    ],
)
def test_a_catalog_that_refuses(
    lakehouse: Lakehouse, status: int, expected: type[LakefallError], words: str
) -> None:
    lakehouse.catalog = {"token": "hush-hush"}
    with catalog_proxy(lakehouse.servers.env["ICEBERG_REST_URI"]) as proxy:
        proxy.judge = lambda method, path: status
        lakehouse.uri = proxy.url
        with pytest.raises(expected, match=words) as caught:
            lakehouse.run()
    assert "hush" not in str(caught.value)
    assert caught.value.retryable


def test_a_catalog_that_is_not_there(lakehouse: Lakehouse) -> None:
    lakehouse.uri = "http://127.0.0.1:9"
    with pytest.raises(CatalogUnreachableError, match=r"127\.0\.0\.1:9 .*refused"):
        lakehouse.run()


def test_a_catalog_without_tls(lakehouse: Lakehouse) -> None:
    lakehouse.uri = lakehouse.servers.env["ICEBERG_REST_URI"].replace("http:", "https:")
    with pytest.raises(CatalogUnreachableError, match="TLS"):
        lakehouse.run()


@pytest.mark.parametrize(
    ("storage", "expected"),
    [
        ({"access_key_id": "nobody", "secret_access_key": "hush-hush"}, StorageDeniedError),
        ({"endpoint_url": "http://127.0.0.1:9"}, StorageUnreachableError),
    ],
)
def test_a_storage_that_cannot_be_used(
    lakehouse: Lakehouse, storage: dict[str, Any], expected: type[LakefallError]
) -> None:
    lakehouse.run()
    endpoint = {"endpoint_url": lakehouse.servers.env["S3_ENDPOINT_URL"]}
    lakehouse.catalog = {"s3": {**endpoint, **storage}, "timeout": "3s"}
    with pytest.raises(expected) as caught:
        lakehouse.run()
    assert "hush" not in str(caught.value)


# --- check ---


def test_check_finds_everything_and_leaves_nothing(lakehouse: Lakehouse) -> None:
    first = checks(lakehouse)
    assert all(c.ok for c in first), first
    assert any("no namespace" in c.message for c in first)
    assert not lakehouse.servers.catalog().namespace_exists((lakehouse.namespace,))
    lakehouse.run()
    before = lakehouse.data_files("orders")
    again = checks(lakehouse)
    assert all(c.ok for c in again), again
    assert any("can be written" in c.message for c in again)
    assert lakehouse.data_files("orders") == before


def test_check_finds_a_storage_that_refuses(lakehouse: Lakehouse) -> None:
    lakehouse.run()
    endpoint = lakehouse.servers.env["S3_ENDPOINT_URL"]
    keys = {"access_key_id": "nobody", "secret_access_key": "hush-hush"}
    lakehouse.catalog = {"s3": {"endpoint_url": endpoint, **keys}}
    assert [c.ok for c in checks(lakehouse) if c.subject.startswith("storage")] == [False]


@pytest.fixture
def strict(servers: Servers, tmp_path: Path) -> Lakehouse:
    """The object store's own catalog, which takes no names that start with ``_``."""
    found = Stack().table_bucket()
    made = Lakehouse(servers, tmp_path, f"strict_{uuid.uuid4().hex[:12]}", found.uri)
    made.catalog = {
        "warehouse": found.warehouse,
        "credential": found.credential,
        "oauth2_server_uri": found.oauth2_server_uri,
    }
    return made


def test_check_finds_a_catalog_that_refuses_our_names(strict: Lakehouse) -> None:
    found = {c.subject: c for c in checks(strict)}
    refused = found["sink iceberg, registry_table"]
    assert not refused.ok
    assert "sink.registry_table" in refused.message
    assert not found["sink iceberg, rejects_table"].ok
    strict.options = {"registry_table": "ingest_registry", "rejects_table": "ingest_rejects"}
    assert all(c.ok for c in checks(strict))
