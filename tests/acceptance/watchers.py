"""``lakefall watch`` as a process, and who tells it of files."""

from __future__ import annotations

import json
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from .commands import Command, Result
from .lakes import Lake


def watching(lake: Lake, *, env: Mapping[str, str] | None = None, **notifier: Any) -> Command:
    """A watcher that has listed the inbox."""
    lake.configure(notifier=[notifier or {"use": "folder"}], watch={"settle": "20ms"})
    port = free_port()
    command = lake.start("watch", lake.pipeline, "--json", "--health-port", str(port), env=env)
    end = time.monotonic() + 30
    while health(port)[0] != 200:
        assert command.alive and time.monotonic() < end, command.err.read_text()
        time.sleep(0.05)
    return command


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def health(port: int, path: str = "/healthz") -> tuple[int, object]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
    except OSError:
        return 0, None


def post(port: int, token: str, event: object) -> object:
    """What the receiver answers to an event."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/",
        json.dumps(event).encode(),
        {"Authorization": f"Bearer {token}"},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)


def ended(
    watcher: Command,
    number: signal.Signals = signal.SIGTERM,
    code: int = 0,
    within: float = 20.0,
) -> Result:
    """It ran until it was told to stop, and stops within so many seconds."""
    assert watcher.alive, watcher.err.read_text()
    watcher.send(number)
    result = watcher.wait(within)
    assert result.code == code, result
    return result
