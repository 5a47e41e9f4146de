"""What the source s3 keeps on this machine, and what it brings into a run."""

from __future__ import annotations

import gzip
import multiprocessing
import os
import resource
import signal
import time
from pathlib import Path

import pytest

from lakefall.contract.errors import StorageFullError, UnsafeKeyError
from lakefall.contract.values import SourceFile
from lakefall.files import compression

from .faults import Fault, faulty, times
from .s3_support import Inbox
from .servers import Servers

CSV = b"a,b\n1,2\n" * 5000


@pytest.fixture
def inbox(servers: Servers, bucket: str, tmp_path: Path) -> Inbox:
    return Inbox(servers, bucket, tmp_path)


def test_a_cached_version_is_not_downloaded_again(inbox: Inbox) -> None:
    inbox.put("t/a.csv", CSV)
    file = inbox.file("t/a.csv")
    with faulty(inbox.servers.env["S3_ENDPOINT_URL"]) as proxy:
        for _ in range(3):
            assert inbox.fetch(file, endpoint_url=proxy.url).path.read_bytes() == CSV
        assert len(proxy.seen) == 1
        inbox.cached()[0].unlink()
        assert inbox.fetch(file, endpoint_url=proxy.url).path.read_bytes() == CSV
        assert len(proxy.seen) == 2
    assert len(inbox.cached()) == 1


def test_another_version_is_another_entry(inbox: Inbox) -> None:
    inbox.put("t/a.csv", b"one")
    inbox.fetch(inbox.file("t/a.csv"))
    inbox.put("t/a.csv", b"two")
    assert inbox.fetch(inbox.file("t/a.csv")).path.read_bytes() == b"two"
    assert len(inbox.cached()) == 2


def test_other_buckets_and_endpoints_share_no_entry(inbox: Inbox) -> None:
    inbox.put("t/a.csv", CSV)
    inbox.fetch(inbox.file("t/a.csv"))
    with inbox.servers.bucket() as name:
        other = Inbox(inbox.servers, name, inbox.folder)
        other.put("t/a.csv", CSV)
        assert other.file("t/a.csv").etag == inbox.file("t/a.csv").etag
        other.fetch(other.file("t/a.csv"))
    with faulty(inbox.servers.env["S3_ENDPOINT_URL"]) as proxy:
        inbox.fetch(inbox.file("t/a.csv"), endpoint_url=proxy.url)
    assert len(inbox.cached()) == 3


def test_eviction_takes_nothing_from_a_run(inbox: Inbox) -> None:
    inbox.max_size = 2 * len(CSV)
    for name in ("a", "b", "c"):
        inbox.put(f"t/{name}.csv", CSV)
    fetched = [inbox.fetch(file) for file in inbox.list()]
    assert len(inbox.cached()) == 1
    assert [f.path.read_bytes() for f in fetched] == [CSV] * 3


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_compressed_files_are_kept_as_stored_and_expanded_for_the_run(
    inbox: Inbox, encoding: str
) -> None:
    more = {"ContentEncoding": encoding} if encoding else {}
    inbox.put("t/a.csv.gz", gzip.compress(CSV), **more)
    inbox.put("t/b.CSV.ZST", compression._zstd().compress(CSV))
    for file in inbox.list():
        local = inbox.fetch(file)
        assert (local.path.read_bytes(), local.size) == (CSV, len(CSV))
    assert sorted(p.stat().st_size for p in inbox.cached()) == sorted(f.size for f in inbox.list())


def test_a_large_file_is_told_with_key_and_size(inbox: Inbox) -> None:
    inbox.put("t/a.csv", CSV)
    inbox.fetch(inbox.file("t/a.csv"), warn_above="10KB")
    (event,) = inbox.listener.events
    assert (event.name, event.key, event.detail["size"]) == ("warning", "t/a.csv", 40_000)
    assert event.detail["message"].startswith("large file: 40,000 bytes, above warn_above (10,000)")
    inbox.fetch(inbox.file("t/a.csv"), warn_above="40KB")
    assert len(inbox.listener.events) == 1


def test_an_object_of_many_parts(inbox: Inbox) -> None:
    client, part = inbox.servers.s3(), os.urandom(5 << 20)
    begun = client.create_multipart_upload(Bucket=inbox.bucket, Key="t/a.csv")["UploadId"]
    told = {"Bucket": inbox.bucket, "Key": "t/a.csv", "UploadId": begun}
    parts = [
        {"PartNumber": n, "ETag": client.upload_part(**told, PartNumber=n, Body=part)["ETag"]}
        for n in (1, 2)
    ]
    client.complete_multipart_upload(**told, MultipartUpload={"Parts": parts})
    file = inbox.file("t/a.csv")
    assert file.etag.endswith("-2")
    assert inbox.fetch(file).path.read_bytes() == part * 2


def test_a_key_that_was_never_listed_is_refused(inbox: Inbox) -> None:
    file = SourceFile("t/../../x.csv", "e", 1, inbox.run().started_at, "t", "t", source="s3")
    with pytest.raises(UnsafeKeyError, match=r"could lead out"):
        inbox.fetch(file)


def fetch_small(inbox: Inbox, file: SourceFile) -> None:
    """In a process that may write no file of 10 KB."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    run = inbox.run()
    with pytest.raises(StorageFullError, match=r"^t/a\.csv: cannot write 40,000 bytes"):
        run.pipeline.fetch(run, file)
    assert list(run.workdir.iterdir()) == []


def test_a_full_disk_is_said(inbox: Inbox) -> None:
    inbox.put("t/a.csv", CSV)
    worker = multiprocessing.get_context("spawn").Process(
        target=fetch_small, args=(inbox, inbox.file("t/a.csv"))
    )
    worker.start()
    worker.join(60)
    assert worker.exitcode == 0
    assert inbox.cached() == []


def fetch(inbox: Inbox, file: SourceFile, url: str, content: bytes) -> None:
    """In a process of its own."""
    assert inbox.fetch(file, endpoint_url=url).path.read_bytes() == content


def test_two_processes_fetch_the_same_object_at_once(inbox: Inbox) -> None:
    content = os.urandom(8_000_000)
    inbox.put("t/a.csv", content)
    file, url = inbox.file("t/a.csv"), inbox.servers.env["S3_ENDPOINT_URL"]
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=fetch, args=(inbox, file, url, content)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [w.exitcode for w in workers] == [0, 0]
    (entry,) = inbox.cached()
    assert entry.read_bytes() == content


def test_a_killed_download_leaves_no_half_entry(inbox: Inbox) -> None:
    inbox.put("t/a.csv", CSV)
    file = inbox.file("t/a.csv")
    with faulty(inbox.servers.env["S3_ENDPOINT_URL"]) as proxy:
        proxy.fault = times(1, Fault(stall_after=20_000), path="a.csv")
        worker = multiprocessing.get_context("spawn").Process(
            target=fetch, args=(inbox, file, proxy.url, CSV)
        )
        worker.start()
        assert proxy.stalled.wait(60)
        time.sleep(0.2)
        worker.kill()
        worker.join(60)
        proxy.go_on.set()
        assert inbox.cached() == []
        assert inbox.fetch(file, endpoint_url=proxy.url).path.read_bytes() == CSV
    assert [p.read_bytes() for p in inbox.cached()] == [CSV]
