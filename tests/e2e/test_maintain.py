"""`lakefall maintain` on real servers: both sinks, and Trino reads the right rows after each."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lakefall.contract.values import Maintained
from lakefall_plugins.sinks.iceberg.sink import IcebergSink
from lakefall_plugins.sinks.trino.sink import TrinoSink

from .iceberg_support import Lakehouse
from .servers import Servers
from .trino_support import House, source

ID = [("id", "INTEGER")]
FILES = 6
EXPECTED = {f"orders/{i}.csv": i + 1 for i in range(FILES)}
FEW = 3
"""Of the tables that Trino fills, at some seconds a file."""
EXPECTED_FEW = {f"orders/{i}.csv": i + 1 for i in range(FEW)}
EAGER: dict[str, Any] = {"keep_snapshots_for": 0, "keep_snapshots": 1, "grace": 0}
SHORT = {
    "iceberg.expire_snapshots_min_retention": "0s",
    "iceberg.remove_orphan_files_min_retention": "0s",
}
"""Session properties under which Trino lets everything expire."""


@pytest.fixture
def iceberg(
    servers: Servers, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> House:
    """Without the ten minutes that a lost answer is waited for: none is lost here."""
    from lakefall_plugins.sinks.iceberg.catalog import RestHome

    monkeypatch.setattr(RestHome, "settles", 0.0)
    catalog = {
        "type": "rest",
        "uri": servers.env["ICEBERG_REST_URI"],
        "s3": {"endpoint_url": servers.env["S3_ENDPOINT_URL"]},
    }
    return House(tmp_path, {"catalog": catalog, "namespace": namespace}, IcebergSink)


@pytest.fixture
def trino(servers: Servers, namespace: str, tmp_path: Path) -> House:
    return House(tmp_path, {"url": servers.env["TRINO_URL"], "namespace": namespace})


def fill(house: House, *, times: int = 1) -> None:
    files = FEW if house.sink_class is TrinoSink else FILES
    for version in range(1, times + 1):
        for i in range(files):
            house.load(
                source(f"orders/{i}.csv", f"e{version}", minute=version),
                ID,
                f"SELECT {i} FROM range({i + 1})",
                rejects=[(i, "", "short", "x")],
            )


def maintain(house: House, table: str, *, dry_run: bool = False, **options: Any) -> Maintained:
    chosen = House(house.folder, {**house.options, "maintenance": options}, house.sink_class)
    run = dataclasses.replace(chosen.run(), dry_run=dry_run)
    done: Maintained = (
        chosen.sink.maintain(run, table)
        if house.sink_class is IcebergSink
        else chosen.sink.maintain(run=run, table=table)
    )
    return done


class Reader:
    """Trino's view of a namespace."""

    def __init__(self, servers: Servers, namespace: str) -> None:
        self.servers, self.namespace = servers, namespace

    def rows(self, sql: str) -> list[list[Any]]:
        return self.servers.trino(sql.replace("FROM ", f'FROM iceberg."{self.namespace}".'))

    def counts(self, table: str = "orders") -> dict[str, int]:
        rows = self.rows(f"SELECT _source_file, count(*) FROM {table} GROUP BY 1")
        return {str(key): int(number) for key, number in rows}

    def files(self, table: str = "orders", content: int = 0) -> int:
        ((number,),) = self.rows(f'SELECT count(*) FROM "{table}$files" WHERE content = {content}')
        return int(number)

    def snapshots(self, table: str = "orders") -> int:
        ((number,),) = self.rows(f'SELECT count(*) FROM "{table}$snapshots"')
        return int(number)


@pytest.fixture
def reader(servers: Servers, namespace: str) -> Reader:
    return Reader(servers, namespace)


def objects(servers: Servers, namespace: str, table: str = "orders") -> set[str]:
    """Everything stored for a table, without the metadata files of the catalog."""
    location = servers.catalog().load_table((namespace, table)).location()
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    pages = servers.s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [found["Key"] for page in pages for found in page.get("Contents", ())]
    return {f"s3://{bucket}/{k}" for k in keys if not k.endswith(("/", ".metadata.json"))}


def named(servers: Servers, namespace: str, table: str = "orders") -> set[str]:
    """Everything that the table's snapshots name."""
    found = servers.catalog().load_table((namespace, table))
    paths: set[str] = set()
    for snapshot in found.metadata.snapshots:
        paths.add(snapshot.manifest_list)
        properties = snapshot.summary.additional_properties
        paths |= {v for k, v in properties.items() if k.startswith("lakefall.") and "location" in k}
        for manifest in snapshot.manifests(found.io):
            paths.add(manifest.manifest_path)
            paths |= {e.data_file.file_path for e in manifest.fetch_manifest_entry(found.io)}
    return paths


# --- sink iceberg on REST ---


def test_trino_reads_what_was_merged(iceberg: House, reader: Reader) -> None:
    fill(iceberg)
    for table in ("orders", "_ingest_registry", "_ingest_rejects"):
        done = maintain(iceberg, table)
        assert (done.files_after, done.left, done.error) == (1, (), "")
        assert reader.files(table) == 1
    assert reader.counts() == EXPECTED
    assert reader.rows("SELECT sum(id) FROM orders") == [[sum(i * (i + 1) for i in range(FILES))]]
    assert len(reader.rows("SELECT line FROM _ingest_rejects")) == FILES
    outcome = iceberg.load(source("orders/3.csv", "e2", minute=2), ID, "SELECT 9")
    assert outcome.rows_deleted == 4
    assert reader.counts() == {**EXPECTED, "orders/3.csv": 1}
    assert iceberg.sink.forget(iceberg.run(), ["orders/5.csv"]) == 6
    assert "orders/5.csv" not in reader.counts()
    assert [r.key for r in iceberg.sink.stored_rejects("", "")] == [
        f"orders/{i}.csv" for i in (0, 1, 2, 4)
    ]


def test_rows_that_trino_deleted_stay_deleted(
    iceberg: House, reader: Reader, servers: Servers, namespace: str
) -> None:
    fill(iceberg)
    table = f'iceberg."{namespace}".orders'
    servers.trino(f"DELETE FROM {table} WHERE _source_file = 'orders/4.csv'")
    servers.trino(f"UPDATE {table} SET id = 77 WHERE _source_file = 'orders/2.csv' AND id = 2")
    maintain(iceberg, "orders")
    servers.trino(f"DELETE FROM {table} WHERE _source_file = 'orders/0.csv'")
    expected = {k: n for k, n in EXPECTED.items() if k[7] not in "04"}
    assert reader.counts() == expected
    assert reader.files(content=1) == 1
    maintain(iceberg, "orders")
    assert reader.counts() == expected
    assert reader.files(content=1) == 0
    assert reader.rows("SELECT count(*) FROM orders WHERE id = 77") == [[3]]
    iceberg.load(source("orders/2.csv", "e2", minute=2), ID, "SELECT 9")
    assert reader.counts() == {**expected, "orders/2.csv": 1}


def test_columns_that_trino_added_and_widened(
    iceberg: House, reader: Reader, servers: Servers, namespace: str
) -> None:
    fill(iceberg)
    table = f'iceberg."{namespace}".orders'
    servers.trino(f"ALTER TABLE {table} ADD COLUMN late varchar")
    servers.trino(f"ALTER TABLE {table} ALTER COLUMN id SET DATA TYPE bigint")
    servers.trino(f"ALTER TABLE {table} RENAME COLUMN late TO later")
    servers.trino(f"INSERT INTO {table} (id, later, _source_file) VALUES (99999999999, 'x', 'y')")
    maintain(iceberg, "orders")
    assert reader.files() == 1
    assert reader.counts() == {**EXPECTED, "y": 1}
    assert reader.rows("SELECT max(id), count(later) FROM orders") == [[99999999999, 1]]


def test_expiry_removes_every_object_that_nobody_names(
    iceberg: House, reader: Reader, servers: Servers, namespace: str
) -> None:
    fill(iceberg, times=3)
    assert reader.snapshots() == 3 * FILES
    would = maintain(iceberg, "orders", dry_run=True, **EAGER)
    before = objects(servers, namespace)
    assert before == named(servers, namespace)
    done = maintain(iceberg, "orders", **EAGER)
    assert would == done
    assert (done.snapshots_expired, reader.snapshots()) == (3 * FILES, 1)
    left = objects(servers, namespace)
    assert done.files_removed == len(before - left) + 1, "and its own list of files"
    assert {p for p in named(servers, namespace) if not p.endswith(".json")} == left
    assert reader.counts() == EXPECTED
    assert maintain(iceberg, "orders", **EAGER).files_removed == 0
    iceberg.sink.lake.catalog.drop_table((namespace, "_ingest_registry"))
    iceberg.sink.rebuild_registry(iceberg.run())
    files = [source(f"orders/{i}.csv", "e3", minute=3) for i in range(FILES)]
    assert {d.pending for d in iceberg.sink.pending(iceberg.run(), files)} == {False}


def test_a_tag_of_trino_is_kept(
    iceberg: House, reader: Reader, servers: Servers, namespace: str
) -> None:
    fill(iceberg)
    found = servers.catalog().load_table((namespace, "orders"))
    tagged = found.current_snapshot().snapshot_id
    found.manage_snapshots().create_tag(tagged, "audit").commit()
    fill(iceberg, times=2)
    maintain(iceberg, "orders", **EAGER)
    assert reader.rows(f"SELECT count(*) FROM orders FOR VERSION AS OF {tagged}") == [[21]]
    assert reader.counts() == EXPECTED


def test_old_metadata_files_go_on_their_own(
    iceberg: House, servers: Servers, namespace: str
) -> None:
    """The catalog keeps as many as the table's property says, and the present one."""
    properties = {"write.metadata.previous-versions-max": "3"}
    house = House(iceberg.folder, {**iceberg.options, "table_properties": properties}, IcebergSink)
    fill(house)
    location = servers.catalog().load_table((namespace, "orders")).location()
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    listed = servers.s3().list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/metadata/")
    kept = [f["Key"] for f in listed["Contents"] if f["Key"].endswith(".metadata.json")]
    assert len(kept) <= 4


# --- beside other writers ---


def replace_often(lakehouse: Lakehouse, number: int) -> None:
    from lakefall.contract.values import Status
    from lakefall.run.runner import Runner

    for version in range(1, 5):
        for i in range(3):
            lakehouse.put(
                f"orders/{number}-{i}.csv", "id,v\n" + f"{i},{10 + version}\n" * (10 * i + version)
            )
        keys = [f"orders/{number}-{i}.csv" for i in range(3)]
        report = Runner(lakehouse.pipeline()).run(keys=keys)
        wrong = [o for o in report.outcomes if o.status is not Status.SUCCESS]
        assert not wrong, wrong


def maintain_often(lakehouse: Lakehouse) -> None:
    from lakefall.run.maintenance import maintain as work
    from lakefall.run.runner import Runner
    from lakefall_plugins.sinks.iceberg.catalog import RestHome

    RestHome.settles = 0.0  # as in `iceberg`
    while not (lakehouse.folder / "stop").exists():
        for done in work(Runner(lakehouse.pipeline())):
            assert not done.error, done


def test_loads_and_maintenance_at_once(
    servers: Servers, namespace: str, tmp_path: Path, reader: Reader
) -> None:
    context = multiprocessing.get_context("forkserver")
    options = {"maintenance": {"keep_snapshots_for": 0, "keep_snapshots": 3, "grace": "10m"}}
    lakehouse = Lakehouse(servers, tmp_path, namespace, options=options)
    lakehouse.put("orders/0-0.csv", "id,v\n7,7\n")
    lakehouse.run()
    writers = [context.Process(target=replace_often, args=(lakehouse, n)) for n in range(2)]
    keeper = context.Process(target=maintain_often, args=(lakehouse,))
    for child in (*writers, keeper):
        child.start()
    for child in writers:
        child.join(240)
    (tmp_path / "stop").touch()
    keeper.join(120)
    assert [child.exitcode for child in (*writers, keeper)] == [0, 0, 0]
    expected = {f"orders/{n}-{i}.csv": 10 * i + 4 for n in range(2) for i in range(3)}
    assert reader.counts() == expected
    assert reader.rows("SELECT min(v), max(v) FROM orders") == [[14, 14]]
    assert {p for p in objects(servers, namespace) if "/data/" in p} >= {
        p for p in named(servers, namespace) if p.endswith(".parquet")
    }


def die_before_the_commit(lakehouse: Lakehouse) -> None:
    from lakefall.run.maintenance import maintain as work
    from lakefall.run.runner import Runner
    from lakefall_plugins.sinks.iceberg.maintenance import maintain as maintenance

    maintenance.commit = lambda _: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[attr-defined]
    list(work(Runner(lakehouse.pipeline())))


def test_a_maintenance_that_dies_leaves_the_table_as_it_was(
    servers: Servers,
    namespace: str,
    tmp_path: Path,
    reader: Reader,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from lakefall.run.maintenance import maintain as work
    from lakefall.run.runner import Runner
    from lakefall_plugins.sinks.iceberg.catalog import RestHome

    lakehouse = Lakehouse(servers, tmp_path, namespace)
    for i in range(4):
        lakehouse.put(f"orders/{i}.csv", "id\n" + f"{i}\n" * (i + 1))
    lakehouse.run()
    snapshots = reader.snapshots()
    context = multiprocessing.get_context("forkserver")
    child = context.Process(target=die_before_the_commit, args=(lakehouse,))
    child.start()
    child.join(120)
    assert child.exitcode == -signal.SIGKILL
    expected = {f"orders/{i}.csv": i + 1 for i in range(4)}
    assert (reader.counts(), reader.snapshots()) == (expected, snapshots)
    files = {p for p in named(servers, namespace) if p.endswith(".parquet")}
    leftover = {p for p in objects(servers, namespace) if p.endswith(".parquet")} - files
    assert leftover
    monkeypatch.setattr(RestHome, "settles", 0.0)
    done = list(work(Runner(lakehouse.pipeline())))
    assert [d.error for d in done] == [""] * len(done)
    assert not leftover & objects(servers, namespace)
    assert (reader.counts(), reader.files()) == (expected, 1)


# --- sink trino ---


def test_trino_merges_and_every_row_stays(trino: House, reader: Reader) -> None:
    fill(trino)
    before = reader.snapshots()
    would = maintain(trino, "orders", dry_run=True)
    assert (would.files_before, would.files_after, would.files_merged) == (FEW, None, FEW)
    assert reader.snapshots() == before
    for table in ("orders", "_ingest_registry", "_ingest_rejects"):
        done = maintain(trino, table)
        assert (done.files_after, done.error, done.left) == (1, "", ())
        assert reader.files(table) == 1
        assert reader.files(table, content=1) == 0
    assert done.files_removed is None
    assert reader.counts() == EXPECTED_FEW
    files = [source(f"orders/{i}.csv") for i in range(FEW)]
    assert {d.pending for d in trino.sink.pending(run=trino.run(), files=files)} == {False}
    outcome = trino.load(source("orders/2.csv", "e2", minute=2), ID, "SELECT 9")
    assert outcome.rows_deleted == 3
    assert reader.counts() == {**EXPECTED_FEW, "orders/2.csv": 1}
    snapshots = reader.snapshots()
    maintain(trino, "orders")
    assert reader.snapshots() == snapshots + 1
    maintain(trino, "orders")
    assert reader.snapshots() == snapshots + 1, "nothing to do, nothing done"
    assert reader.counts() == {**EXPECTED_FEW, "orders/2.csv": 1}


def test_a_retention_that_trino_refuses_is_told_and_the_rest_goes_on(
    trino: House, reader: Reader
) -> None:
    fill(trino)
    done = maintain(trino, "orders", keep_orphans_for="1d")
    assert (done.files_after, done.error) == (1, "")
    (sentence,) = done.left
    assert sentence.startswith("files that no snapshot names: Trino: Retention specified (1.00d)")
    assert "raise maintenance.keep_orphans_for" in sentence
    assert reader.counts() == EXPECTED_FEW


def test_a_file_that_is_not_committed_yet_is_no_orphan_however_short_snapshots_are_kept(
    trino: House, reader: Reader, servers: Servers, namespace: str
) -> None:
    house = trino.with_options(session_properties=SHORT)
    fill(house)
    location = servers.catalog().load_table((namespace, "orders")).location()
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    key = f"{prefix}/data/of-a-write-under-way.parquet"
    servers.s3().put_object(Bucket=bucket, Key=key, Body=b"PAR1")
    done = maintain(house, "orders", keep_snapshots_for=0, keep_snapshots=1)
    assert (done.left, done.error) == ((), "")
    assert f"s3://{bucket}/{key}" in objects(servers, namespace)
    assert reader.counts() == EXPECTED_FEW


def test_a_table_that_lies_where_another_one_lay_is_searched_for_no_orphans(
    iceberg: House, trino: House, reader: Reader, servers: Servers, namespace: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Catalogs give a table the place of its name, which the one that was renamed has as well."""
    from lakefall_plugins.sinks.trino import maintenance

    monkeypatch.setattr(maintenance, "_duration", lambda _: "0s")
    fill(iceberg)
    servers.trino(f'ALTER TABLE iceberg."{namespace}".orders RENAME TO orders_2024')
    fill(iceberg.with_options())
    house = trino.with_options(session_properties=SHORT)
    done = maintain(house, "orders")
    assert reader.counts("orders_2024") == reader.counts() == EXPECTED
    assert done.error == ""
    assert "may be those of a table that was renamed" in done.left[-1]


def test_snapshots_expire_through_trino(
    trino: House, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lakefall_plugins.sinks.trino import maintenance

    monkeypatch.setattr(maintenance, "_MARGIN", 0)
    house = trino.with_options(session_properties=SHORT)
    fill(house, times=2)
    number = reader.snapshots()
    options = {"keep_snapshots_for": 0, "keep_snapshots": 3}
    would = maintain(house, "orders", dry_run=True, **options)
    assert reader.snapshots() == number
    assert would.snapshots_expired == number - 3
    done = maintain(house, "orders", **options)
    assert (done.left, done.error) == ((), "")
    assert number - 3 <= (done.snapshots_expired or 0) <= number - 1
    assert reader.snapshots() <= 4
    assert reader.counts() == EXPECTED_FEW
    assert house.sink.rebuild_registry(run=house.run()) == FEW
    files = [source(f"orders/{i}.csv", "e2", minute=2) for i in range(FEW)]
    assert {d.pending for d in house.sink.pending(run=house.run(), files=files)} == {False}


def test_trino_leaves_snapshots_that_know_what_it_cannot_keep(
    iceberg: House, trino: House, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lakefall_plugins.sinks.trino import maintenance

    monkeypatch.setattr(maintenance, "_MARGIN", 0)
    fill(iceberg, times=2)
    number = reader.snapshots()
    house = trino.with_options(session_properties=SHORT)
    options = {"keep_snapshots_for": 0, "keep_snapshots": 1}
    done = maintain(house, "orders", **options)
    assert done.snapshots_expired == 0
    assert "`registry rebuild` needs" in done.left[0]
    assert reader.snapshots() == number + 1
    house.sink.rebuild_registry(run=house.run())
    files = [source(f"orders/{i}.csv", "e2", minute=2) for i in range(FILES)]
    assert {d.pending for d in iceberg.sink.pending(iceberg.run(), files)} == {False}


def test_the_sinks_maintain_one_table_in_turns(
    iceberg: House, trino: House, reader: Reader
) -> None:
    fill(iceberg)
    maintain(trino, "orders")
    iceberg.load(source("orders/1.csv", "e2", minute=2), ID, "SELECT 9")
    trino.load(source("orders/2.csv", "e2", minute=2), ID, "SELECT 9")
    expected = {**EXPECTED, "orders/1.csv": 1, "orders/2.csv": 1}
    assert reader.counts() == expected
    maintain(iceberg, "orders", **EAGER)
    assert (reader.counts(), reader.files(), reader.files(content=1)) == (expected, 1, 0)
    trino.load(source("orders/3.csv", "e2", minute=2), ID, "SELECT 9")
    iceberg.load(source("orders/4.csv", "e2", minute=2), ID, "SELECT 9")
    maintain(trino, "orders")
    expected |= {"orders/3.csv": 1, "orders/4.csv": 1}
    assert reader.counts() == expected
    files = [source("orders/0.csv"), source("orders/4.csv", "e2", minute=2)]
    for house in (iceberg, trino):
        assert house.sink.rebuild_registry(run=house.run()) == FILES
        found = house.sink.pending(run=house.run(), files=files)
        assert [d.pending for d in found] == [False, False]


# --- the command ---


@pytest.mark.parametrize("sink", ["iceberg", "trino"])
def test_the_command(
    servers: Servers,
    namespace: str,
    tmp_path: Path,
    reader: Reader,
    capsys: pytest.CaptureFixture[str],
    sink: str,
) -> None:
    from lakefall import cli

    lakehouse = Lakehouse(servers, tmp_path, namespace)
    for i in range(3):
        lakehouse.put(f"orders/{i}.csv", f"id\n{i}\n")
    lakehouse.run()
    path = str(lakehouse.file)
    sets: list[str] = []
    if sink == "trino":
        trino: Mapping[str, str] = {"use": "trino", "url": servers.env["TRINO_URL"]}
        sets = ["--set", f"sink={json.dumps({**trino, 'namespace': namespace})}"]
    assert cli._code(["maintain", path, *sets, "--json", "--table", "orders"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert (told["table"], told["files_before"], told["files_after"]) == ("orders", 3, 1)
    assert reader.counts() == {f"orders/{i}.csv": 1 for i in range(3)}
    assert cli._code(["maintain", path, *sets]) == 0
    assert "_ingest_registry" in capsys.readouterr().out
