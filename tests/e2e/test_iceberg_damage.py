"""A store that keeps not what it was given, and answers not with what it keeps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from lakefall import cli
from lakefall.contract.errors import SinkError
from lakefall.contract.values import Status
from lakefall.run.runner import Runner

from .faults import NOT_STORED, Fault, Faulty, faulty, times
from .iceberg_support import Lakehouse
from .servers import Servers

ROWS = "id,name\n1,ann\n2,bob\n9\n"
TABLES = ("orders", "_ingest_registry", "_ingest_rejects")
MORE = "id,name\n3,eve\n4,joe\n5,kim\n9\n"


@pytest.fixture
def store(servers: Servers) -> Iterator[Faulty]:
    with faulty(servers.env["S3_ENDPOINT_URL"]) as made:
        yield made


@pytest.fixture
def lakehouse(servers: Servers, namespace: str, tmp_path: Path, store: Faulty) -> Lakehouse:
    return Lakehouse(servers, tmp_path, namespace, catalog={"s3": {"endpoint_url": store.url}})


def names(lakehouse: Lakehouse) -> list[str]:
    return [name for (name,) in lakehouse.ask("SELECT name FROM orders ORDER BY id")]


def run_cli(lakehouse: Lakehouse, capsys: pytest.CaptureFixture[str], *args: str) -> dict[str, Any]:
    """A command's one JSON object; nothing but words goes to stderr."""
    command, *rest = args
    code = cli._code([*command.split(), str(lakehouse.file), *rest, "--json"])
    told = capsys.readouterr()
    assert "Traceback" not in told.err
    assert code == 0, told.err
    found: dict[str, Any] = json.loads(told.out)
    return found


def hurt(lakehouse: Lakehouse, path: str, how: str) -> None:
    bucket, _, key = path.removeprefix("s3://").partition("/")
    store = lakehouse.servers.s3()
    whole = store.get_object(Bucket=bucket, Key=key)["Body"].read()
    if how == "cut":
        store.put_object(Bucket=bucket, Key=key, Body=whole[: len(whole) // 2])
    else:
        store.delete_object(Bucket=bucket, Key=key)


@pytest.mark.parametrize(
    ("table", "what"),
    [
        ("orders", "data"),  # the other tables' on a local lakehouse: the code is the same
        *((table, "metadata") for table in TABLES),
    ],
)
def test_damage_is_told_with_table_and_file_and_has_a_way_out(
    lakehouse: Lakehouse, capsys: pytest.CaptureFixture[str], table: str, what: str
) -> None:
    lakehouse.put("orders/a.csv", ROWS)
    lakehouse.run()
    lakehouse.put("orders/b.csv", MORE)
    lakehouse.run()
    found = lakehouse.table(table)
    path = found.metadata_location
    if what == "data":
        path = next(task.file.file_path for task in found.scan().plan_files())
    hurt(lakehouse, path, "gone" if what == "metadata" else "cut")
    with Runner(lakehouse.pipeline()).start() as run:
        (told,) = [c.message for c in run.pipeline.check(run) if not c.ok]
    assert f"table '{table}': {path} is not" in told
    assert f"`lakefall repair PIPELINE {table}`" in told
    lakehouse.put("orders/a.csv", ROWS + "7,zoe\n")
    with suppress(SinkError):  # a registry that cannot be read is the run's own error
        lakehouse.run()
    capsys.readouterr()
    if table == "_ingest_registry":
        assert run_cli(lakehouse, capsys, "registry rebuild")["keys"] >= 1
    else:
        done = run_cli(lakehouse, capsys, "repair", table)
        assert done["metadata"] if what == "metadata" else done["lost"] == [path]
    lakehouse.run()
    assert names(lakehouse) == ["ann", "bob", "eve", "joe", "kim", "zoe"]
    assert lakehouse.ask("SELECT count(*) FROM _ingest_rejects") == [(2,)]
    assert {o.status for o in lakehouse.run().outcomes} == {Status.UNCHANGED}


def test_a_registry_that_the_catalog_tries_to_read_for_ever_is_made_anew(
    lakehouse: Lakehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    """The server gives no answer about a table whose metadata file is cut, for minutes."""
    lakehouse.put("orders/a.csv", ROWS)
    lakehouse.run()
    hurt(lakehouse, lakehouse.table("_ingest_registry").metadata_location, "cut")
    lakehouse.catalog = {**lakehouse.catalog, "timeout": "1s"}
    assert run_cli(lakehouse, capsys, "registry rebuild") == {"keys": 1}
    lakehouse.catalog = {"s3": lakehouse.catalog["s3"]}
    assert [o.status for o in lakehouse.run().outcomes] == [Status.UNCHANGED]


@pytest.mark.parametrize("table", TABLES)
def test_no_commit_names_what_the_store_did_not_keep(
    lakehouse: Lakehouse, store: Faulty, table: str
) -> None:
    """Data file, manifest and manifest list: each PUT is answered with 200."""
    lakehouse.put("orders/a.csv", ROWS)
    assert [o.status for o in lakehouse.run().outcomes] == [Status.SUCCESS]
    lakehouse.put("orders/a.csv", MORE)
    before = lakehouse.table(table).metadata_location
    for what in ("/data/lakefall-", "-m0.avro", "/snap-"):
        once = times(1, NOT_STORED, method="PUT", path=what)
        lost: list[str] = []

        def judge(method: str, path: str, once: Any = once, lost: list[str] = lost) -> Fault | None:
            fault: Fault | None = once(method, path) if f"/{table}/" in path else None
            lost.extend([path.partition("?")[0]] if fault else [])
            return fault

        store.fault = judge
        try:
            error = next(o.error for o in lakehouse.run().outcomes)
        except SinkError as raised:  # of the registry: the run cannot be recorded
            error = str(raised)
        (path,) = lost
        assert f"table '{table}': " in error
        assert f"{path}, the storage said that they are stored, and it is not there" in error
        assert lakehouse.table(table).metadata_location == before, "nothing was committed"
    store.fault = lambda method, path: None
    assert [o.status for o in lakehouse.run().outcomes] == [Status.SUCCESS]
    assert names(lakehouse) == ["eve", "joe", "kim"]
    assert lakehouse.ask("SELECT count(*) FROM _ingest_rejects") == [(1,)]
    assert [o.status for o in lakehouse.run().outcomes] == [Status.UNCHANGED]
