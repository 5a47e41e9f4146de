"""``on_source_deleted: delete`` on a bucket: what goes, and what a doubtful answer keeps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lakefall.config.loader import open_pipeline
from lakefall.contract.errors import SourceMissingError
from lakefall.contract.values import Status
from lakefall.run.planning import plan
from lakefall.run.report import RunReport
from lakefall.run.runner import Runner
from lakefall_plugins.sources.s3.client import Bucket

from .faults import Fault, faulty, times
from .servers import Servers

PIPELINE = """
source:
  use: s3
  bucket: {bucket}
  endpoint_url: {endpoint}
  on_source_deleted: delete
  max_attempts: 1
sink: {{use: iceberg, catalog: {{type: sqlite, warehouse: {folder}/lake}}}}
cache: {{dir: {folder}/cache}}
"""


class Lake:
    """A bucket, and an embedded catalog that it feeds."""

    def __init__(self, servers: Servers, bucket: str, folder: Path) -> None:
        self.client, self.bucket = servers.s3(), bucket
        self.endpoint = servers.env["S3_ENDPOINT_URL"]
        self.pipeline = folder / "pipeline.yaml"
        self.pipeline.write_text(
            PIPELINE.format(bucket=bucket, endpoint=self.endpoint, folder=folder)
        )

    def put(self, *keys: str) -> None:
        for key in keys:
            self.client.put_object(Bucket=self.bucket, Key=key, Body=b"id,name\n1,ann\n2,bob\n")

    def remove(self, *keys: str) -> None:
        for key in keys:
            self.client.delete_object(Bucket=self.bucket, Key=key)

    def runner(self, *sets: str) -> Runner:
        return Runner(open_pipeline(self.pipeline, sets=sets))

    def run(self, *sets: str, **how: Any) -> RunReport:
        return self.runner(*sets).run(**how)

    def keys(self) -> list[str]:
        with self.runner().start() as run:
            sql = "SELECT DISTINCT _source_file AS k FROM t ORDER BY 1"
            return [row["k"] for row in run.pipeline.query(run, sql).to_pylist()]


@pytest.fixture
def lake(servers: Servers, bucket: str, tmp_path: Path) -> Iterator[Lake]:
    made = Lake(servers, bucket, tmp_path)
    made.put("t/a.csv", "t/b c.csv", "t/ü.csv")
    assert made.run().count(Status.SUCCESS) == 3
    yield made


def deleted(report: RunReport) -> list[tuple[str, int]]:
    return [(o.file.key, o.rows_deleted) for o in report.outcomes if o.status is Status.DELETED]


def test_an_object_that_is_gone_takes_its_rows_along(lake: Lake) -> None:
    lake.remove("t/ü.csv")
    assert [f.decision.file.key for f in plan(lake.runner()).files if f.gone] == ["t/ü.csv"]
    assert deleted(lake.run(dry_run=True)) == []
    assert len(lake.keys()) == 3
    assert deleted(lake.run()) == [("t/ü.csv", 2)]
    assert lake.keys() == ["t/a.csv", "t/b c.csv"]
    lake.put("t/ü.csv")
    assert lake.run().count(Status.SUCCESS) == 1
    assert len(lake.keys()) == 3


def test_a_bucket_that_was_emptied_deletes_nothing(lake: Lake) -> None:
    lake.remove(*lake.keys())
    report = lake.run()
    assert deleted(report) == []
    assert "3 of its 3 files are gone from the source" in report.warnings[0]
    assert len(lake.keys()) == 3
    assert len(deleted(lake.run("source.max_delete_fraction=100%"))) == 3


def test_a_bucket_that_is_gone_deletes_nothing(lake: Lake) -> None:
    # Its keys answer 404 too: only the listing tells.
    with pytest.raises(SourceMissingError):
        lake.run("source.bucket=no-such-bucket", "source.max_delete_fraction=1")
    assert len(lake.keys()) == 3


def test_a_bucket_that_goes_after_the_listing_deletes_nothing(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reach(self: Bucket) -> None:
        raise SourceMissingError("the bucket does not exist")

    lake.remove("t/ü.csv")
    monkeypatch.setattr(Bucket, "reach", reach)
    report = lake.run()
    assert report.warnings == (
        "source s3: nothing that is gone from it was deleted: the bucket does not exist",
    )
    assert len(lake.keys()) == 3


def test_another_bucket_deletes_nothing_of_this_one(lake: Lake, servers: Servers) -> None:
    with servers.bucket() as other:
        servers.s3().put_object(Bucket=other, Key="t/a.csv", Body=b"id,name\n1,ann\n")
        report = lake.run(f"source.bucket={other}", "source.max_delete_fraction=1")
    assert deleted(report) == []
    assert len(lake.keys()) == 3


def test_a_listing_that_misses_an_object_deletes_nothing(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Bucket.list

    def short(self: Bucket) -> Iterator[Any]:
        return (item for item in whole(self) if item["Key"] != "t/a.csv")

    monkeypatch.setattr(Bucket, "list", short)
    report = lake.run()
    assert len(report.outcomes) == 2
    assert (deleted(report), report.warnings) == ([], ())
    assert len(lake.keys()) == 3


@pytest.mark.parametrize("status", [403, 500])
def test_an_object_that_cannot_be_asked_for_is_not_gone(lake: Lake, status: int) -> None:
    lake.remove("t/ü.csv")
    with faulty(lake.endpoint) as proxy:
        proxy.fault = times(9, Fault(status), method="HEAD")
        report = lake.run(f"source.endpoint_url={proxy.url}")
    assert deleted(report) == []
    assert report.warnings[0].startswith("source s3: nothing that is gone from it was deleted: ")
    assert len(lake.keys()) == 3
