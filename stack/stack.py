"""One stack: its servers, started side by side in the order of their needs."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from . import sales
from .airflow import servers_of
from .errors import StackError, StoppedError
from .home import Home
from .postgres import Postgres
from .rest import Rest
from .seaweedfs import SeaweedFS, TableBucket
from .server import Server, Site
from .settings import Deployment, Settings, is_free
from .superset import Superset
from .trino import Trino
from .variables import variables

SERVERS: tuple[type[Server], ...] = (SeaweedFS, Postgres, Rest, Trino, Superset)
NAMES = tuple(server.name for server in SERVERS)
"""Of every stack, needs first; Airflow's come after them where it is wanted."""


@dataclass(frozen=True, slots=True)
class Status:
    """One server now: ``running`` its process, ``ready`` it answers."""

    name: str
    running: bool
    ready: bool
    pid: int | None
    url: str
    log: Path


def complain(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Stack:
    """The servers whose data, logs, ports and pids are in one folder.

    Args:
        folder: by default ``LAKEFALL_STACK``, or ``.stack`` of the project. Stacks in different
            folders run beside each other.
        say: takes the lines that tell of the progress.
    """

    def __init__(
        self, folder: Path | str | None = None, *, say: Callable[[str], None] = complain
    ) -> None:
        named = folder or os.environ.get("LAKEFALL_STACK") or Path(__file__).parents[1] / ".stack"
        self.folder = Path(named).expanduser().absolute()
        self.say = say

    def up(self, only: Iterable[str] = (), *, airflow: Deployment | None = None) -> None:
        """Start what does not run, wait until all of it is ready, make what must be there.

        Args:
            only: names of servers; their needs are started with them. Default: all.
            airflow: Airflow too, which then belongs to the stack. To have fewer workers, or
                another executor, stop it first.

        Raises:
            StackError: a server cannot be had. What this call started is stopped again.
        """
        with self._locked():
            self._settle(airflow)
            wanted = self._with_needs(only)
            started = [name for name in wanted if not self._server(name).process.identity]
            try:
                self._start(wanted)
            except BaseException:
                for name in reversed(started):
                    self._server(name).stop()
                raise

    def down(self) -> None:
        """Stop every server. Data and ports stay for the next start."""
        if self._read() is None:
            return
        with self._locked():
            names = self.names
            with ThreadPoolExecutor(len(names)) as pool:
                # Clients first, and all of them at once.
                done = [pool.submit(self._server(name).stop) for name in reversed(names)]
            for each in done:
                each.result()

    def start(self, name: str) -> None:
        """Start one server again, on its port.

        The REST catalog keeps its dead connections when ``postgres`` was down: start it anew too.
        """
        self._server(name).start()

    def stop(self, name: str, *, kill: bool = False) -> None:
        """Stop one server; with ``kill`` as a crash would."""
        self._server(name).stop(kill=kill)

    def remove(self) -> None:
        """Stop every server and forget the stack: data, logs, ports."""
        self.down()
        if self._read() is not None:
            Postgres(self._site).remove()
        shutil.rmtree(self.folder, ignore_errors=True)

    def status(self) -> list[Status]:
        """Every server; none where the stack was never started."""
        if self._read() is None:
            return []
        found = []
        for server in map(self._server, self.names):
            identity = server.process.identity
            found.append(
                Status(
                    server.name,
                    identity is not None,
                    identity is not None and server.ready(),
                    identity.pid if identity else None,
                    server.url,
                    server.process.log,
                )
            )
        return found

    def env(self) -> Mapping[str, str]:
        """The variables that pipelines read, and ``AIRFLOW_URL`` where the stack has Airflow.

        Raises:
            StackError: the stack was never started.
        """
        settings = self._site.settings
        airflow = {"AIRFLOW_URL": settings.url("airflow")} if settings.airflow else {}
        return {**variables(settings), **airflow}

    def table_bucket(self) -> TableBucket:
        """SeaweedFS' own REST catalog, which refuses names that start with ``_``."""
        return SeaweedFS(self._site).table_bucket()

    def log(self, name: str) -> Path:
        return self._server(name).process.log

    @cached_property
    def home(self) -> Home:
        return Home.default(self.say)

    def _start(self, wanted: tuple[str, ...]) -> None:
        interrupted = threading.Event()
        begun = time.monotonic()
        futures: dict[str, Future[None]] = {}

        def bring_up(name: str) -> None:
            server = self._server(name)
            if not interrupted.is_set():
                server.install()
            for need in server.needs:
                if futures[need].exception() is not None:
                    raise StoppedError(f"{name}: its {need} did not start")
            if interrupted.is_set():
                raise StoppedError(f"{name}: interrupted")
            was_running = server.process.identity is not None
            since = time.monotonic()
            server.start(interrupted.is_set)
            if not was_running:
                now = time.monotonic()
                self.say(f"{name} ready after {now - since:.1f} s {server.url}".rstrip())

        pool = ThreadPoolExecutor(len(wanted))
        try:
            for name in wanted:  # needs come first
                futures[name] = pool.submit(bring_up, name)
            wait(futures.values(), return_when=FIRST_EXCEPTION)
        finally:
            interrupted.set()
            pool.shutdown()
        errors = [error for each in futures.values() if (error := each.exception())]
        # The cause before those it interrupted.
        for error in sorted(errors, key=lambda error: isinstance(error, StoppedError)):
            raise error
        made = self.folder / "sales-made"
        if {"rest", "trino", "seaweedfs"} <= set(wanted) and not made.exists():
            sales.ensure(self._site.settings.url("trino"))
            made.touch()
        self.say(f"the stack is ready after {time.monotonic() - begun:.1f} s")

    def _settle(self, airflow: Deployment | None) -> None:
        """Fresh settings for a new stack; what an older one lacks; other ports where someone took
        ours meanwhile."""
        settings = self._read() or Settings({}, {})
        if airflow is not None:
            if settings.airflow is not None and not settings.airflow.alike(airflow):
                self._refuse_running(servers_of(settings.airflow))
            settings = replace(settings, airflow=airflow)
        every = [port for server in _servers(settings) for port in server.ports]
        running = settings.ports and any(self._server(name).process.identity for name in self.names)
        taken = [
            port
            for port in every
            if not running and port in settings.ports and not is_free(settings.ports[port])
        ]
        settings.completed(every, taken).write(self._settings)

    def _refuse_running(self, servers: Iterable[type[Server]]) -> None:
        for server in servers:
            if self._server(server.name).process.identity:
                raise StackError(
                    f"{server.name} runs, in another arrangement of Airflow; stop it first: "
                    "make stack-down"
                )

    @property
    def _settings(self) -> Path:
        return self.folder / "settings.json"

    def _read(self) -> Settings | None:
        return Settings.read(self._settings)

    @property
    def _site(self) -> Site:
        settings = self._read()
        if settings is None:
            raise StackError(f"no stack in {self.folder}; `make stack-up` starts one")
        return Site(self.folder, self.home, settings)

    @property
    def names(self) -> tuple[str, ...]:
        """The stack's servers, needs first."""
        return tuple(server.name for server in _servers(self._read()))

    def _server(self, name: str) -> Server:
        for server in _servers(self._read()):
            if server.name == name:
                return server(self._site)
        raise StackError(f"no server {name!r}; there are {', '.join(self.names)}")

    def _with_needs(self, only: Iterable[str]) -> tuple[str, ...]:
        servers = _servers(self._read())
        wanted = set(only) or {server.name for server in servers}
        if unknown := wanted - {server.name for server in servers}:
            raise StackError(f"no server {min(unknown)!r}; there are {', '.join(self.names)}")
        for server in reversed(servers):
            if server.name in wanted:
                wanted.update(server.needs)
        return tuple(server.name for server in servers if server.name in wanted)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One start or stop at a time."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o711)  # PostgreSQL's user passes through; what is secret is 0600
        with (self.folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _servers(settings: Settings | None) -> tuple[type[Server], ...]:
    return (*SERVERS, *servers_of(settings.airflow if settings else None))
