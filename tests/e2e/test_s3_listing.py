"""The source s3 lists a bucket as it is."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from pathlib import Path

import pytest

from .faults import faulty
from .s3_support import Inbox
from .servers import Servers


@pytest.fixture
def inbox(servers: Servers, bucket: str, tmp_path: Path) -> Inbox:
    return Inbox(servers, bucket, tmp_path)


def test_an_object_is_listed_as_the_store_has_it(inbox: Inbox) -> None:
    etag = inbox.put("My Orders/2024/Q1.CSV", b"a\n1\n")
    (file,) = inbox.list()
    assert (file.key, file.etag, file.size) == ("My Orders/2024/Q1.CSV", etag.strip('"'), 4)
    assert file.etag == hashlib.md5(b"a\n1\n").hexdigest()
    assert (file.folder, file.table, file.problem) == ("My Orders", "my_orders", "")
    assert (file.source, file.origin) == ("s3", f"s3://{inbox.bucket}")
    assert file.modified.tzinfo is UTC
    head = inbox.servers.s3().head_object(Bucket=inbox.bucket, Key=file.key)
    assert abs((head["LastModified"] - file.modified).total_seconds()) < 1


def test_more_than_a_page_is_listed_oldest_first_without_a_request_an_object(
    inbox: Inbox,
) -> None:
    keys = [f"t{n % 7}/{n:04d}.csv" for n in range(1_050)]
    client = inbox.servers.s3()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda k: client.put_object(Bucket=inbox.bucket, Key=k, Body=b"a\n"), keys))
    with faulty(inbox.servers.env["S3_ENDPOINT_URL"]) as proxy:
        found = inbox.list(endpoint_url=proxy.url)
    assert len(proxy.seen) == 2
    assert sorted(f.key for f in found) == sorted(keys)
    order = [(f.modified, f.key) for f in found]
    assert order == sorted(order)


def test_patterns_choose_in_any_case(inbox: Inbox) -> None:
    taken = ["t/a.csv", "t/b.CSV", "t/deep/er/c.Csv.Gz", "t/d.csv.zst", "root.csv"]
    for key in [*taken, "t/x.txt", "t/.hidden.csv", ".t/a.csv", "t/~$a.csv", "t/a.csv.part"]:
        inbox.put(key)
    assert sorted(inbox.keys()) == sorted(taken)
    assert sorted(inbox.keys(exclude=["T/Deep/**", "*.csv"])) == [
        "t/a.csv",
        "t/b.CSV",
        "t/d.csv.zst",
    ]
    assert inbox.keys(include=["**/*.txt"]) == ["t/x.txt"]
    (root,) = [f for f in inbox.list() if f.key == "root.csv"]
    assert (root.folder, root.table) == ("", "")


def test_young_objects_are_left_to_the_next_run(inbox: Inbox) -> None:
    inbox.put("t/a.csv")
    assert inbox.keys(min_object_age="1h") == []
    assert inbox.keys(min_object_age=0) == ["t/a.csv"]


@pytest.mark.parametrize(
    "key",
    ["t/a b.csv", "t/ü/日本.csv", "t/a+b.csv", "t/50%.csv", "t/%41.csv", "t/a&b=c.csv", "t/'\".csv",
     "t/a?b#c.csv", "t/a;b,c.csv", "t/a..b/c...csv", "t/<x>.csv", "t/😀.csv"],
)  # fmt: skip
def test_any_name_is_listed_and_fetched_as_it_is(inbox: Inbox, key: str) -> None:
    inbox.put(key, key.encode())
    (file,) = inbox.list()
    assert (file.key, file.problem, file.folder) == (key, "", "t")
    assert inbox.fetch(file).path.read_bytes() == key.encode()


def test_a_key_with_control_characters_is_listed_with_its_problem(inbox: Inbox) -> None:
    inbox.put("t/a\nb\x1b[31m.csv")
    (file,) = inbox.list()
    assert file.key == "t/a\nb\x1b[31m.csv"
    assert file.problem == (
        "t/a\\x0ab\\x1b[31m.csv: the key holds control characters; rename the object"
    )


def test_an_empty_folder_of_a_console_is_no_file(inbox: Inbox) -> None:
    inbox.put("t/", b"")
    assert inbox.keys(include=["**"]) == []
