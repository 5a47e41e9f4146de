"""Run a command with a stack of its own that is gone afterwards, whatever happens."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from .errors import StackError
from .home import Home
from .stack import Stack, complain

LOGS = Path("artifacts/stack-logs")
AIRFLOW_PYTHON = "LAKEFALL_AIRFLOW_PYTHON"
"""Names the Python of the environment that Airflow is in."""


def with_stack(command: Sequence[str], only: Iterable[str] = ()) -> int:
    """The command's exit code; the variables of the stack, and its folder, are in its environment.

    Without servers the command runs all the same, so that tests can skip with their reason; with
    ``CI`` in the environment that is a failure.
    """
    folder = Path(tempfile.mkdtemp(prefix="lakefall-stack-"))
    stack = Stack(folder)
    with _terminated_as_interrupted():
        try:
            try:
                airflow = Home.default(complain).airflow()
                stack.up(only)
            except StackError as error:
                complain(str(error))
                _keep_logs(stack)
                if os.environ.get("CI"):
                    return 1
                complain(
                    "*** NO SERVERS: tests that need them are skipped. "
                    "`stack/bootstrap` installs what is missing. ***"
                )
                return _run(command, {})
            own = {"LAKEFALL_STACK": str(folder), AIRFLOW_PYTHON: str(airflow)}
            code = _run(command, {**stack.env(), **own})
            if code:
                _keep_logs(stack)
            return code
        except KeyboardInterrupt:
            return 130
        finally:
            with _undisturbed():
                stack.remove()


def _run(command: Sequence[str], env: dict[str, str]) -> int:
    """Ctrl-C reaches the command too: it ends on its own, and we wait for that."""
    try:
        process = subprocess.Popen(command, env={**os.environ, **env})
    except OSError as error:
        complain(f"cannot run {command[0]}: {error}")
        return 127
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise


def _keep_logs(stack: Stack) -> None:
    logs = stack.folder / "logs"
    if logs.exists():
        shutil.copytree(logs, LOGS, dirs_exist_ok=True)
        complain(f"the servers' logs: {LOGS}")


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """A second Ctrl-C does not leave servers behind."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (2, 15)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        sys.stderr.flush()
