"""Ctrl-C ends what another thread does, whenever it comes."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lakefall.common import sql
from lakefall.common.waiting import interruptible
from lakefall.contract.configuration import Engine

if TYPE_CHECKING:
    import duckdb

LONG = 30.0
"""Seconds after which a test that waits gives up."""
ENDLESS = "SELECT sum(hash(i)) FROM range(1000000000000) t(i)"


def interrupting(
    monkeypatch: pytest.MonkeyPatch, before: Callable[[], object], *, begins: bool = True
) -> None:
    """Ctrl-C arrives while a thread is being started."""
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        monkeypatch.undo()
        if begins:
            start(thread)
        before()
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted)


def test_interrupt_while_the_thread_starts_stops_its_work(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, stop = threading.Event(), threading.Event()
    ended: list[bool] = []

    def work() -> None:
        begun.set()
        ended.append(stop.wait(LONG))

    interrupting(monkeypatch, lambda: begun.wait(LONG))
    with pytest.raises(KeyboardInterrupt):
        interruptible(work, stop.set)
    assert ended == [True]


def test_interrupt_before_the_thread_began_leaves_nothing_to_wait_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    interrupting(monkeypatch, lambda: None, begins=False)
    with pytest.raises(KeyboardInterrupt):
        interruptible(lambda: asked.append("work"), lambda: asked.append("stop"))
    assert not asked


def test_interrupt_of_a_query_is_no_error_of_the_engine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its connection is busy then, and would say so instead."""
    running = threading.Event()
    with pytest.raises(KeyboardInterrupt), sql.connect(Engine(), tmp_path) as connection:
        interrupting(monkeypatch, lambda: running.wait(0.2))
        sql.rows(connection, ENDLESS)


def test_who_leaves_a_busy_connection_says_why(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), sql.connect(Engine(), tmp_path) as connection:
        thread = threading.Thread(target=lambda: suppressed(connection), daemon=True)
        thread.start()
        thread.join(0.2)
        raise KeyboardInterrupt
    while thread.is_alive():
        connection.interrupt()
        thread.join(0.05)


def suppressed(connection: duckdb.DuckDBPyConnection) -> None:
    import duckdb

    with pytest.raises(duckdb.InterruptException):
        connection.execute(ENDLESS)


def test_what_the_work_raises_is_raised() -> None:
    def work() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interruptible(work, lambda: None)
    assert interruptible(lambda: 7, lambda: None) == 7


STORM = """
import faulthandler, random, signal, time
from lakefall.common import waiting

waiting._AT_ONCE = 1e-5  # it wakes all the time
signal.signal(signal.SIGALRM, signal.default_int_handler)
faulthandler.dump_traceback_later(30, exit=True)
chance = random.Random(1)
for _ in range(300):
    told = []

    def work():
        while not told:
            time.sleep(0.001)

    signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.001, 0.004))
    try:
        waiting.interruptible(work, lambda: told.append(True))
    except KeyboardInterrupt:
        continue
    raise SystemExit("it was not interrupted")
"""


def test_an_interrupt_while_it_wakes_hangs_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STORM], capture_output=True, text=True, check=False, timeout=LONG * 2
    )
    assert done.returncode == 0, done.stderr
