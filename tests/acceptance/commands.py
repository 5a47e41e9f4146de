"""``lakefall`` commands as processes of their own.

Each is forked from a server that has already imported everything: exit codes, signals and crashes
are real, and the imports are paid once.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import resource
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

import lakefall
import lakefall_plugins

Row = dict[str, Any]

LIBRARIES = [
    "pytest",  # a child imports the parent's main module anew
    "yaml",
    "duckdb",
    "pyarrow.parquet",
    "boto3",
    "botocore.parsers",
    "requests",
    "trino",
    "pyiceberg.catalog.rest",
    "pyiceberg.catalog.sql",
    "pyiceberg.io.pyarrow",
    "pyiceberg.avro.decoder_fast",
    "sqlalchemy.dialects.sqlite",
    "sqlite3",
    "rich.console",
    "rich.table",
    "typer._adapters",
    "fsspec.core",
    "encodings.utf_8_sig",
]
TIME_LIMIT = 120.0
"""Seconds after which a command counts as hanging."""


@dataclass(frozen=True, slots=True)
class Result:
    """A finished command."""

    args: tuple[str, ...]
    code: int
    """The exit code; ``-N`` when signal N ended the process."""
    stdout: str
    stderr: str

    @property
    def objects(self) -> list[Row]:
        """Standard output as one JSON object a line; anything else there is an error."""
        objects = [json.loads(line) for line in self.stdout.splitlines()]
        assert all(isinstance(o, dict) for o in objects), self.stdout
        return objects

    @property
    def output(self) -> str:
        """Everything that was said, on whichever stream, blanks and line breaks squeezed."""
        return " ".join((self.stdout + "\n" + self.stderr).split())


@dataclass(frozen=True, slots=True)
class RunResult(Result):
    """A finished ``run --json``."""

    def of(self, key: str) -> Row:
        """The outcome of one file."""
        found = [o for o in self.objects if o["key"] == key]
        assert len(found) == 1, f"{len(found)} outcomes for {key!r}:\n{self.stdout}{self.stderr}"
        return found[0]

    def statuses(self) -> dict[str, str]:
        return {o["key"]: o["status"] for o in self.objects}


@dataclass(frozen=True, slots=True)
class Limits:
    """What the machine refuses to a command."""

    file_size: int = 0
    """Bytes that one file may have; 0 for no limit."""


@dataclass
class Command:
    """A command that may still be running."""

    args: tuple[str, ...]
    process: Any
    out: Path
    err: Path

    @property
    def alive(self) -> bool:
        return bool(self.process.is_alive())

    def send(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    def wait(self, timeout: float = TIME_LIMIT) -> Result:
        self.process.join(timeout)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
            raise AssertionError(
                f"{self.args} was still running after {timeout} s\n{self.err.read_text()}"
            )
        result = Result(
            self.args,
            int(self.process.exitcode),
            self.out.read_text(encoding="utf-8"),
            self.err.read_text(encoding="utf-8"),
        )
        assert "Traceback (most recent call last)" not in result.stderr, result.stderr
        told = result.stdout + result.stderr
        steering = sorted({c for c in told if c != "\n" and not c.isprintable()})
        assert not steering, f"{self.args} wrote {steering} to the terminal:\n{told!r}"
        return result


def _command(
    args: Sequence[str], env: Mapping[str, str], cwd: str, out: str, err: str, limits: Limits
) -> None:
    """The child's whole life."""
    # What the server imported is not looked through again: that would copy every page of it.
    gc.freeze()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    for number, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        (2, err, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
    ):
        os.dup2(os.open(path, flags, 0o600), number)
    # multiprocessing may have replaced the streams.
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if limits.file_size:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limits.file_size, limits.file_size))
    sys.argv = ["lakefall", *args]
    from lakefall.cli import main

    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1 if end.code else 0
    except BaseException:  # noqa: BLE001 -- the parent judges the traceback
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def ours() -> list[str]:
    """Every module of the framework and its plugins; what cannot be imported is left out."""
    packages = [lakefall, lakefall_plugins]
    found = [m for p in packages for m in walk_packages(p.__path__, f"{p.__name__}.")]
    return [module.name for module in found if not module.name.endswith("__main__")]


@cache
def _forkserver() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*ours(), *LIBRARIES])
    return context


def start_command(
    words: tuple[str, ...],
    env: Mapping[str, str],
    cwd: Path,
    out: Path,
    err: Path,
    limits: Limits | None = None,
) -> Command:
    """Start ``lakefall WORDS`` without waiting for it."""
    process = _forkserver().Process(
        target=_command,
        args=(words, dict(env), str(cwd), str(out), str(err), limits or Limits()),
    )
    process.start()
    return Command(words, process, out, err)
