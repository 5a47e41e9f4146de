"""``lakefall watch`` as a process: signals, crashes, what it says."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from e2e.servers import Servers

from .lakes import EmbeddedLake, wait_for
from .server_lakes import IcebergLake
from .watchers import ended, free_port, health, post, watching

PROMISED = 10.0
"""Seconds: the promise itself is a time."""


def upload(lake: EmbeddedLake, key: str, text: str = "id,name\n11,ann\n") -> None:
    lake.put(f"{key}.tmp", text)
    lake.path(f"{key}.tmp").rename(lake.path(key))


@pytest.mark.parametrize(
    ("step", "number", "code"),
    [
        ("", signal.SIGTERM, 0),
        ("", signal.SIGINT, 130),
        ("convert", signal.SIGINT, 130),
        ("load", signal.SIGTERM, 0),
    ],
)
def test_a_signal_ends_it_and_leaves_nothing_half_done(
    embedded: EmbeddedLake, step: str, number: signal.Signals, code: int
) -> None:
    if step:
        reached = '(FOLDER / "reached").touch()\n    pause()'
        embedded.listen(f'if event.name == "{step}.started":\n    {reached}')
    watcher = watching(embedded)
    if step:
        upload(embedded, "t/a.csv")
        wait_for(embedded.folder / "reached")
    ended(watcher, number, code, PROMISED)
    assert not embedded.exists("t")
    assert list((embedded.cache / "runs").iterdir()) == []
    embedded.unlisten()
    if step:
        assert embedded.run().statuses() == {"t/a.csv": "success"}


def test_a_signal_while_a_large_table_is_loaded_beside(embedded: EmbeddedLake) -> None:
    """Its run cannot be interrupted: the process ends, and the next one clears up."""
    embedded.listen(
        'if event.name == "load.started":\n    (FOLDER / "reached").touch()\n    pause()'
    )
    embedded.configure(watch={"large": "1B"})
    watcher = watching(embedded)
    upload(embedded, "t/a.csv")
    wait_for(embedded.folder / "reached")
    ended(watcher, within=PROMISED)
    assert not embedded.exists("t")
    embedded.unlisten()
    assert embedded.run().statuses() == {"t/a.csv": "success"}
    assert list((embedded.cache / "runs").iterdir()) == []


def test_a_watcher_killed_after_the_commit_has_done_it_once(embedded: EmbeddedLake) -> None:
    """Between the commit and the registry: the next watcher finds out."""
    reached = '(FOLDER / "reached").touch()\n    pause()'
    embedded.listen(f'if event.name == "record.started":\n    {reached}')
    watcher = watching(embedded)
    upload(embedded, "t/a.csv")
    wait_for(embedded.folder / "reached")
    watcher.send(signal.SIGKILL)
    assert watcher.wait().code == -signal.SIGKILL
    assert embedded.row_counts("t") == {"t/a.csv": 1}
    embedded.unlisten()
    result = embedded.cli("watch", embedded.pipeline, "--once", "--json")
    assert result.code == 0, result
    assert [o["key"] for o in result.objects] in ([], ["t/a.csv"])
    assert embedded.row_counts("t") == {"t/a.csv": 1}
    assert [r["status"] for r in embedded.registry()] == ["success"]


def test_what_it_says(embedded: EmbeddedLake, tmp_path: Path) -> None:
    """A line for each file, at once; failures change the exit code of --once alone."""
    embedded.put("good/a.csv", "id,name\n11,ann\n")
    embedded.put("bad/a.csv", b"\0\0\0\1\2\3" * 50)
    result = embedded.cli("watch", embedded.pipeline, "--once", "--json")
    assert result.code == 1
    statuses = {o["key"]: o["status"] for o in result.objects}
    assert statuses == {"good/a.csv": "success", "bad/a.csv": "failed"}
    watcher = watching(embedded)
    upload(embedded, "good/b.csv", "id,name\n12,bob\n")
    end = time.monotonic() + 30
    while '"good/b.csv"' not in watcher.out.read_text():
        assert time.monotonic() < end
        time.sleep(0.02)
    port = int(watcher.args[watcher.args.index("--health-port") + 1])
    status, found = health(port)
    assert status == 200
    assert isinstance(found, dict) and found["notifiers"] == {"folder": "listens"}
    assert found["files_loaded"] == 1
    assert health(port, "/else")[0] == 404
    result = ended(watcher)
    assert [(o["key"], o["rows_loaded"]) for o in result.objects if o["status"] == "success"] == [
        ("good/b.csv", 1)
    ]


def test_from_the_upload_to_the_row_in_trino(servers: Servers, tmp_path: Path) -> None:
    """What SeaweedFS' webhook sends, into a bucket that nobody lists meanwhile."""
    token, port = "a-token-of-this-test", free_port()
    with IcebergLake.on(servers, tmp_path) as lake:
        watcher = watching(lake, use="webhook", port=port, token=token)
        for key in ("orders/a.csv", "orders/2024/b.csv"):
            lake.put(key, "id,name\n11,ann\n12,bob\n")
            name, path = key.rpartition("/")[2], f"/buckets/{lake.bucket}/{key}"
            message = {"new_entry": {"name": name, "is_directory": False}}
            event = {"event_type": "create", "key": path, "message": message}
            assert post(port, token, event) == {"hints": 1}
        count = f"SELECT count(*) FROM {lake.namespace}.orders"
        end = time.monotonic() + 60
        while not lake.exists("orders") or servers.trino(count) != [[4]]:
            assert watcher.alive and time.monotonic() < end, watcher.err.read_text()
            time.sleep(0.1)
        ended(watcher)
