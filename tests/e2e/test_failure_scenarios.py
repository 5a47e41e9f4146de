"""The specification's table "Failure Scenarios" on the production pipelines, faults of the source.

The rows that are about the file itself are in ``acceptance``, which runs on these pipelines too;
servers that stop are in ``test_outages``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from acceptance.server_lakes import IcebergLake, ServerLake, TrinoLake

from .servers import Servers

AFTER_SCAN = """
import boto3
done = FOLDER / "done"
if event.name == "pending.finished" and not done.exists():
    done.touch()
    bucket = os.environ["S3_INGEST_BUCKET"]
    s3 = boto3.client("s3", endpoint_url=os.environ["S3_ENDPOINT_URL"])
    {action}
"""
TOGETHER = """
mine = FOLDER / f"at-{os.getpid()}"
if event.name == "load.started" and not mine.exists():
    mine.touch()
    end = time.monotonic() + 20
    while len(list(FOLDER.glob("at-*"))) < 2 and time.monotonic() < end:
        time.sleep(0.01)
"""


@pytest.fixture(params=[IcebergLake, TrinoLake], ids=["iceberg", "trino"])
def lake(request: pytest.FixtureRequest, servers: Servers, tmp_path: Path) -> Iterator[ServerLake]:
    with request.param.on(servers, tmp_path) as lake:
        yield lake


def test_row_file_deleted_between_scan_and_download_is_recorded_failed(lake: ServerLake) -> None:
    lake.put("t/a.csv", "id,name\n11,x\n")
    lake.put("t/b.csv", "id,name\n12,y\n")
    lake.listen(AFTER_SCAN.format(action='s3.delete_object(Bucket=bucket, Key="t/a.csv")'))
    run = lake.run(ok=False)
    assert run.statuses() == {"t/a.csv": "failed", "t/b.csv": "success"}
    (row,) = lake.registry("t/a.csv")
    assert row["status"] == "failed" and "deleted" in row["error_message"]
    assert lake.column("t", "name") == ["y"]


def test_row_file_overwritten_between_scan_and_download_is_left_to_the_next_run(
    lake: ServerLake,
) -> None:
    """Never the new content under the old ETag."""
    lake.put("t/a.csv", "id,name\n11,x\n")
    put = 's3.put_object(Bucket=bucket, Key="t/a.csv", Body=b"id,name\\n11,changed\\n")'
    lake.listen(AFTER_SCAN.format(action=put))
    assert lake.run(ok=False).of("t/a.csv")["status"] == "failed"
    assert not lake.exists("t")
    assert lake.run().of("t/a.csv")["status"] == "success"
    assert lake.column("t", "name") == ["changed"]


def test_row_bucket_does_not_exist_is_a_clear_error(lake: ServerLake) -> None:
    run = lake.cli("run", lake.pipeline, "--json", env={"S3_INGEST_BUCKET": "no-such-bucket"})
    assert (run.code, run.stdout) == (1, "")
    assert "no-such-bucket" in run.stderr and "does not exist" in run.stderr
    assert lake.tables() == set()


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_row_wrong_keys_are_a_clear_error(lake: ServerLake, name: str) -> None:
    run = lake.cli("run", lake.pipeline, "--json", env={name: "not-the-right-one"})
    assert run.code == 1
    assert lake.bucket in run.stderr and "not-the-right-one" not in run.stderr
    assert lake.servers.env["AWS_SECRET_ACCESS_KEY"] not in run.output
    assert lake.tables() == set()


def test_row_concurrent_runs_lose_nothing(lake: ServerLake) -> None:
    lake.listen(TOGETHER)
    for number in range(4):
        rows = f"1{number},x\n" * 5
        lake.put(f"t/f{number}.csv", f"id,name\n{rows}2{number},bad,row\n")
    runs = [lake.start_run(), lake.start_run()]
    results = [run.wait() for run in runs]
    assert [r.code for r in results] == [0, 0], [r.stdout + r.stderr for r in results]
    assert lake.row_counts("t") == {f"t/f{n}.csv": 5 for n in range(4)}
    assert len(lake.rejects()) == 4
    lake.unlisten()
    assert set(lake.run().statuses().values()) == {"unchanged"}


def test_a_sales_folder_touches_nothing(servers: Servers, lake: ServerLake) -> None:
    """The table that another pipeline owns, in the namespace that it is in."""
    before = servers.trino('SELECT snapshot_id FROM lakehouse."sales$snapshots" ORDER BY 1')
    rows = servers.trino("SELECT count(*) FROM lakehouse.sales")
    lake.put("sales/a.csv", "id,name\n11,x\n")
    lake.put("Sales!/b.csv", "id,name\n12,y\n")
    lake.configure(sink={"namespace": "lakehouse", "registry_table": "_test_registry_a"})
    lake.configure(sink={"rejects_table": "_test_rejects_a"})
    run = lake.cli("run", lake.pipeline, "--json")
    assert run.code == 1
    assert {o["status"] for o in run.objects} == {"failed"}
    assert all("protected" in o["error"] for o in run.objects)
    after = servers.trino('SELECT snapshot_id FROM lakehouse."sales$snapshots" ORDER BY 1')
    assert (after, servers.trino("SELECT count(*) FROM lakehouse.sales")) == (before, rows)
    for name in ("_test_registry_a", "_test_rejects_a"):
        servers.trino(f"DROP TABLE IF EXISTS lakehouse.{name}")
