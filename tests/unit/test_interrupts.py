"""Ctrl-C is Ctrl-C, whatever became of it on its way."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_runner import Script, pipeline

from lakefall.cli import main
from lakefall.common import interrupts
from lakefall.contract.values import Status
from lakefall.run.runner import Runner


@pytest.fixture(autouse=True)
def watched() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupts.watch()
    yield
    signal.signal(signal.SIGINT, before)


def lose() -> None:
    """Ctrl-C, and code that turns it into an error of its own."""
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        raise OSError(39, "Directory not empty") from None


class Losing(Script):
    """Turns Ctrl-C into another error, in one step of one file or table."""

    def __init__(self, *keys: str, at: tuple[str, str]) -> None:
        super().__init__(*keys)
        self.at = at

    def asked(self, step: str, subject: str = "") -> None:
        super().asked(step, subject)
        if (step, subject) == self.at:
            lose()


@pytest.mark.parametrize(
    ("at", "done"),
    [
        (("sniff", "b/1.csv"), ["a/1.csv"]),
        (("convert", "b/1.csv"), ["a/1.csv"]),
        (("sniff", "c/1.csv"), ["a/1.csv", "b/1.csv"]),
        (("load", "c/1.csv"), ["a/1.csv", "b/1.csv"]),
    ],
)
def test_an_error_after_ctrl_c_is_an_interruption(
    tmp_path: Path, at: tuple[str, str], done: list[str]
) -> None:
    script = Losing("a/1.csv", "b/1.csv", "c/1.csv", at=at)
    report = Runner(pipeline(script, tmp_path)).run()
    assert report.interrupted
    assert [o.file.key for o in report.outcomes if o.status is Status.SUCCESS] == done
    others = [o for o in report.outcomes if o.file.key not in done]
    assert {o.status for o in others} == {Status.SKIPPED}
    assert all("interrupted" in o.error for o in others)
    assert [o.file.key for o in script.recorded] == done


def test_ctrl_c_after_the_last_load_is_one(tmp_path: Path) -> None:
    script = Losing("a/1.csv", at=("history", ""))
    report = Runner(pipeline(script, tmp_path, reconciling=True)).run()
    assert report.interrupted
    assert [o.status for o in report.outcomes] == [Status.SUCCESS]
    assert not [call for call in script.calls if call.startswith("reconcile")]


def test_without_ctrl_c_an_error_is_an_error(tmp_path: Path) -> None:
    script = Script("one/a.csv", "two/a.csv")
    assert not Runner(pipeline(script, tmp_path)).run().interrupted
    assert not interrupts.settle()


def test_other_threads_end_what_they_began() -> None:
    with pytest.raises(OSError, match="not empty"):
        lose()
    with pytest.raises(KeyboardInterrupt):
        interrupts.check()
    went_on: list[bool] = []
    thread = threading.Thread(target=lambda: (interrupts.check(), went_on.append(True)))
    thread.start()
    thread.join()
    assert went_on == [True]
    assert interrupts.settle()
    interrupts.check()


def test_a_handler_of_others_stays() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    interrupts.watch()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    assert not interrupts.settle()


def test_a_command_that_lost_it_leaves_with_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("lakefall.cli.app.app", lambda **_: lose())
    with pytest.raises(SystemExit) as left:
        main([])
    assert left.value.code == 130
    assert capsys.readouterr().err == "lakefall: interrupted\n"


def test_a_process_that_hangs_in_a_library_is_ended() -> None:
    """The thread holds the interpreter: no code of Python's runs meanwhile."""
    hang = (
        "import ctypes\n"
        "from lakefall.common.interrupts import ended_after\n"
        "with ended_after(1):\n"
        "    ctypes.PyDLL(None).sleep(60)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", hang], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 1
    assert "line 4" in done.stderr, "what it did when it hung"


def test_work_that_ends_in_time_ends_no_process() -> None:
    with interrupts.ended_after(0.2):
        pass
    time.sleep(0.4)
