"""Processes that outlive the command that started them, found again by pid and start time."""

from __future__ import annotations

import json
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .errors import StackError

TAIL_LINES = 25


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, and as whom (``user`` only where this process is root)."""

    arguments: Sequence[str | Path]
    folder: Path
    env: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM


@dataclass(frozen=True, slots=True)
class Identity:
    """A process: pids are used again, a pid with its start time is not."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Identity | None:
        """The process that has this pid now; None where there is none, or only its corpse."""
        started = _started(pid)
        return None if started is None else cls(pid, started)

    @property
    def alive(self) -> bool:
        alive = Identity.of(self.pid) == self
        if not alive:
            # After looking: it may have died just then, and who asks the kernel takes a corpse for
            # a process.
            _reap(self.pid)
        return alive


class Process:
    """One server's process: its pid file and its log."""

    def __init__(self, name: str, pid_file: Path, log: Path) -> None:
        self.name = name
        self.pid_file = pid_file
        self.log = log

    @property
    def identity(self) -> Identity | None:
        """The running process; None when it is down."""
        try:
            told = json.loads(self.pid_file.read_text("utf-8"))
            found = Identity(int(told["pid"]), str(told["started"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            return None
        return found if found.alive else None

    def start(self, command: Command) -> None:
        """Start it in a session of its own; the log of the run before is kept as ``.old``.

        Raises:
            StackError: it could not be executed.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.old"))
        with self.log.open("wb") as log:
            try:
                process = subprocess.Popen(
                    command.arguments,
                    cwd=command.folder,
                    env={**server_environment(), **command.env},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    user=command.user,
                    group=group_of(command.user),
                    extra_groups=None if command.user is None else [],
                )
            except OSError as error:
                raise StackError(f"{self.name} cannot be started: {error}") from error
        process.returncode = 0  # it outlives us: no complaint when the object goes
        identity = Identity.of(process.pid)
        if identity is None:
            raise StackError(f"{self.name} ended at once\n{self.tail()}")
        written = self.pid_file.with_suffix(".new")
        written.write_text(json.dumps(asdict(identity)), "utf-8")
        written.replace(self.pid_file)

    def stop(self, stop_signal: signal.Signals, seconds: float) -> None:
        """Ask its process group to end, then kill what is left of its session. Does nothing when
        it is down.

        Raises:
            StackError: it is there even after SIGKILL.
        """
        identity = self.identity
        if identity is not None:
            # Before its parent is gone: some children form groups of their own.
            session = _session(identity.pid)
            if stop_signal == signal.SIGKILL:
                _kill(session)
            _signal(identity.pid, stop_signal)
            if not _gone(identity, seconds):
                _signal(identity.pid, signal.SIGKILL)
                if not _gone(identity, 10):
                    raise StackError(f"{self.name} (pid {identity.pid}) does not end")
            _signal(identity.pid, signal.SIGKILL)  # workers that outlived their master
            _kill(session)
        self.pid_file.unlink(missing_ok=True)

    def tail(self) -> str:
        """The last lines of the log, indented, after its path."""
        try:
            lines = self.log.read_text("utf-8", "replace").splitlines()[-TAIL_LINES:]
        except FileNotFoundError:
            lines = []
        return "\n".join([f"the end of {self.log}:", *(f"    {line[:500]}" for line in lines)])


def outside() -> dict[str, str]:
    """Our environment without Python's own variables, which belong to this interpreter."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "VIRTUAL_ENV"))
    }


def server_environment() -> dict[str, str]:
    """The same without what would lead a server astray: profiles, addresses, proxies."""
    kept = {
        name: value
        for name, value in outside().items()
        if not name.startswith(("AWS_", "TRINO_", "SUPERSET_"))
    }
    return {**kept, "NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}


def wait_until(
    done: Callable[[], bool], seconds: float, *, broken: Callable[[], str | None]
) -> None:
    """Poll ``done``.

    Raises:
        StackError: ``broken`` says why it cannot come true, or the time is over.
    """
    end = time.monotonic() + seconds
    while not done():
        why = broken()
        if why is None and time.monotonic() > end:
            why = f"not ready after {seconds:.0f} s"
        if why is not None:
            raise StackError(why)
        time.sleep(0.15)


def _session(leader: int) -> list[Identity]:
    """The processes of a session, its leader not among them."""
    listed = subprocess.run(["ps", "-eo", "pid=,sess="], capture_output=True, text=True, check=True)
    pairs = (map(int, line.split()) for line in listed.stdout.splitlines())
    found = (Identity.of(pid) for pid, session in pairs if session == leader != pid)
    return [identity for identity in found if identity is not None]


def _kill(processes: Sequence[Identity]) -> None:
    for identity in processes:
        if identity.alive:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(identity.pid, signal.SIGKILL)


def _started(pid: int) -> str | None:
    stat = Path(f"/proc/{pid}/stat")
    if not Path("/proc/self/stat").exists():  # no Linux
        listed = subprocess.run(
            ["ps", "-o", "stat=,lstart=", "-p", str(pid)],
            capture_output=True,
            text=True,
            check=False,
        )
        state, _, started = listed.stdout.strip().partition(" ")
        return None if not started or state.startswith("Z") else started
    try:
        # The command's name stands in parentheses and may hold anything: count from its end.
        fields = stat.read_text("utf-8", "replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text("utf-8").strip()
    return None if fields[0] in "ZX" else f"{boot}/{fields[19]}"


def _reap(pid: int) -> None:
    """Where it is a child of this process, let its corpse go."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _gone(identity: Identity, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while identity.alive:
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def _signal(group: int, what: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, what)


def group_of(user: str | None) -> int | None:
    """The user's own group."""
    return None if user is None else pwd.getpwnam(user).pw_gid
