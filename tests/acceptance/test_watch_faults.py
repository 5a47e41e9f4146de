"""``lakefall watch`` on real servers, while what tells it, or what it works with, fails."""

from __future__ import annotations

import json
import signal
import time
import urllib.error
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from chaos.embedded import enlist
from e2e.faults import faulty
from e2e.queues import counted, queue, s3_event, send, server, until
from e2e.servers import Servers

from .lakes import wait_for
from .server_lakes import IcebergLake
from .watchers import ended, free_port, post, watching

TOKEN = "a-token-of-these-tests"
ROWS = "id,name\n11,ann\n12,bob\n"
CHANGED = "id,name\n21,zoe\n"


@pytest.fixture
def s3_lake(servers: Servers, tmp_path: Path) -> Iterator[IcebergLake]:
    with IcebergLake.on(servers, tmp_path) as lake:
        yield lake


def loaded(lake: IcebergLake, table: str, counts: dict[str, int]) -> Callable[[], bool]:
    return lambda: lake.exists(table) and lake.row_counts(table) == counts


def told(lake: IcebergLake, *keys: str) -> str:
    """What S3 sends about these keys."""
    records = [record for key in keys for record in s3_event(key, lake.bucket)["Records"]]
    return json.dumps({"Records": records})


def test_files_that_arrive_while_the_receiver_is_down_are_found(s3_lake: IcebergLake) -> None:
    port = free_port()
    watcher = watching(s3_lake, use="webhook", port=port, token=TOKEN)
    watcher.send(signal.SIGKILL)
    watcher.wait()
    s3_lake.put("t/a.csv", ROWS)
    with pytest.raises(urllib.error.URLError):
        post(port, TOKEN, json.loads(told(s3_lake, "t/a.csv")))
    again = watching(s3_lake, use="webhook", port=port, token=TOKEN)
    until(loaded(s3_lake, "t", {"t/a.csv": 2}))
    ended(again)


def test_files_that_arrive_while_the_queue_is_down_are_found(s3_lake: IcebergLake) -> None:
    """The notifier begins anew when the queue is back, and the source is listed."""
    with faulty(server()) as proxy:
        down = False

        def fault(method: str, path: str) -> None:
            if down:
                raise ConnectionResetError

        proxy.fault = fault
        given = queue()
        told_to = {**given, "endpoint_url": proxy.url}
        watcher = watching(s3_lake, use="sqs", **told_to)
        down = True
        until(lambda: "notifier sqs" in watcher.err.read_text())
        s3_lake.put("t/a.csv", ROWS)  # of which nobody tells
        down = False
        until(loaded(s3_lake, "t", {"t/a.csv": 2}))
        s3_lake.put("t/b.csv", ROWS)
        send(given, told(s3_lake, "t/b.csv"))
        until(loaded(s3_lake, "t", {"t/a.csv": 2, "t/b.csv": 2}))
        until(lambda: counted(given["queue_url"]) == (0, 0))
        ended(watcher)


def test_messages_that_are_doubled_reordered_malformed_large_or_hostile(
    s3_lake: IcebergLake,
) -> None:
    """Nothing is loaded twice, none of them stops the watcher, and no file is lost."""
    given = queue()
    watcher = watching(s3_lake, use="sqs", **given)
    s3_lake.put("t/a.csv", ROWS)
    s3_lake.put("t/b.csv", ROWS)
    hostile = [
        told(s3_lake, "../../../etc/passwd"),
        told(s3_lake, "t/\x1b[31m\x07.csv"),
        told(s3_lake, "t/" + "a" * 5_000 + ".csv"),
        told(s3_lake, "t/\u202ecsv.a", "", "/", "t//c.csv"),
        "x" * 200_000,
        "<html>",
    ]
    send(
        given, *[told(s3_lake, "t/b.csv")] * 3, *hostile, *[told(s3_lake, "t/a.csv", "t/b.csv")] * 3
    )
    until(loaded(s3_lake, "t", {"t/a.csv": 2, "t/b.csv": 2}))
    s3_lake.put("t/c.csv", ROWS)
    send(given, told(s3_lake, "t/c.csv"))
    until(loaded(s3_lake, "t", {"t/a.csv": 2, "t/b.csv": 2, "t/c.csv": 2}))
    ended(watcher)
    assert len(s3_lake.snapshots("t")) <= 3
    assert s3_lake.tables() == {"t", "_ingest_registry"}


def test_an_event_of_what_is_gone_or_changed_again_or_of_somebody_else(
    servers: Servers, s3_lake: IcebergLake
) -> None:
    given = queue()
    watcher = watching(s3_lake, use="sqs", **given)
    with servers.bucket() as other:
        servers.s3().put_object(Bucket=other, Key="foreign/a.csv", Body=ROWS.encode())
        s3_lake.put("gone/a.csv", ROWS)
        s3_lake.delete("gone/a.csv")
        s3_lake.put("t/a.csv", ROWS)
        s3_lake.put("t/a.csv", CHANGED)
        events = [s3_event("foreign/a.csv", other), s3_event("foreign/a.csv", s3_lake.bucket)]
        send(given, *map(json.dumps, events), told(s3_lake, "gone/a.csv", "t/a.csv", "t/a.csv"))
        until(loaded(s3_lake, "t", {"t/a.csv": 1}))
        ended(watcher)
    assert s3_lake.tables() == {"t", "_ingest_registry"}
    assert s3_lake.column("t", "name") == ["zoe"]


@pytest.mark.parametrize("ahead", [600, -600])
def test_the_watchers_clock_and_the_stores_differ_by_minutes(
    s3_lake: IcebergLake, ahead: int
) -> None:
    """S3 itself refuses a client whose clock is more than a quarter of an hour off."""
    enlist(s3_lake)
    port, env = free_port(), {"CHAOS_CLOCK": str(ahead)}
    watcher = watching(s3_lake, env=env, use="webhook", port=port, token=TOKEN)
    for number, text in enumerate((ROWS, CHANGED, ROWS), 1):
        s3_lake.put("t/a.csv", text)
        post(port, TOKEN, json.loads(told(s3_lake, "t/a.csv")))
        until(lambda: watcher.out.read_text().count("success") == number)  # noqa: B023
        assert s3_lake.row_counts("t") == {"t/a.csv": text.count("\n") - 1}
    ended(watcher)
    assert s3_lake.run().statuses() == {"t/a.csv": "unchanged"}


def test_a_watcher_killed_between_the_load_and_the_deletion_of_its_message(
    s3_lake: IcebergLake,
) -> None:
    """The message comes again, and is found to be done."""
    given = {**queue(), "visibility": 10}
    reached = '(FOLDER / "reached").touch()\n    pause()'
    s3_lake.listen(f'if event.name == "record.finished":\n    {reached}')
    watcher = watching(s3_lake, use="sqs", **given)
    s3_lake.put("t/a.csv", ROWS)
    send(given, told(s3_lake, "t/a.csv"))
    wait_for(s3_lake.folder / "reached")
    watcher.send(signal.SIGKILL)
    watcher.wait()
    assert s3_lake.row_counts("t") == {"t/a.csv": 2}
    assert sum(counted(given["queue_url"])) == 1
    s3_lake.unlisten()
    again = watching(s3_lake, use="sqs", **given)
    until(lambda: counted(given["queue_url"]) == (0, 0))
    ended(again)
    assert s3_lake.row_counts("t") == {"t/a.csv": 2}
    assert len(s3_lake.snapshots("t")) == 1


def test_a_slow_catalog_delays_and_loses_nothing(s3_lake: IcebergLake) -> None:
    """The registry is a table of it."""
    uri = s3_lake.servers.env["ICEBERG_REST_URI"]
    with faulty(uri) as rest:
        path = uri.partition("://")[2].partition("/")[2]
        there = {**s3_lake.servers.env, "ICEBERG_REST_URI": f"{rest.url}/{path}".rstrip("/")}
        s3_lake.servers = Servers(there)
        rest.fault = lambda method, path: time.sleep(0.4)
        given = queue()
        watcher = watching(s3_lake, use="sqs", **given)
        for number in range(3):
            s3_lake.put(f"t{number}/a.csv", ROWS)
            send(given, told(s3_lake, f"t{number}/a.csv"))
        for number in range(3):
            until(loaded(s3_lake, f"t{number}", {f"t{number}/a.csv": 2}))
        until(lambda: counted(given["queue_url"]) == (0, 0))
        ended(watcher)


def test_ten_thousand_events_at_once(s3_lake: IcebergLake) -> None:
    """Of few files: each is asked for a few times and loaded once, and nothing is listed."""
    with faulty(s3_lake.servers.env["S3_ENDPOINT_URL"]) as s3:
        s3_lake.servers = Servers({**s3_lake.servers.env, "S3_ENDPOINT_URL": s3.url})
        port = free_port()
        watcher = watching(s3_lake, use="webhook", port=port, token=TOKEN)
        keys = [f"t/{number}.csv" for number in range(20)]
        for key in keys:
            s3_lake.put(key, ROWS)
        s3.seen.clear()
        for start in range(10):
            order = (keys * 50)[start:]
            post(port, TOKEN, json.loads(told(s3_lake, *order)))
        until(loaded(s3_lake, "t", dict.fromkeys(keys, 2)))
        ended(watcher)
        asked = [line for line in s3.seen if f"/{s3_lake.bucket}" in line]
        assert not [line for line in asked if "list-type" in line and "max-keys=1&" not in line]
        assert len(asked) <= 20 * len(keys)
    assert len(s3_lake.snapshots("t")) <= 10


def test_a_table_that_was_dropped_meanwhile_comes_back_whole(s3_lake: IcebergLake) -> None:
    """The event makes it anew, and the next listing brings the files that it had."""
    s3_lake.configure(watch={"reconcile_every": "2s"})
    port = free_port()
    s3_lake.put("t/a.csv", ROWS)
    watcher = watching(s3_lake, use="webhook", port=port, token=TOKEN)
    until(loaded(s3_lake, "t", {"t/a.csv": 2}))
    s3_lake.drop("t")
    s3_lake.put("t/b.csv", ROWS)
    post(port, TOKEN, json.loads(told(s3_lake, "t/b.csv")))
    until(loaded(s3_lake, "t", {"t/a.csv": 2, "t/b.csv": 2}))
    ended(watcher)
