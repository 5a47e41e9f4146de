"""PostgreSQL: a cluster of its own for the REST catalog's tables, with the system's programs."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path

from .errors import MissingProgramError, StackError
from .processes import Command, Identity, group_of, outside
from .server import Server

USER = "iceberg"
DATABASE = "postgres"
SYSTEM_USERS = ("postgres", "nobody")


class Postgres(Server):
    name = "postgres"
    ports = ("postgres",)
    stop_signal = signal.SIGINT  # fast: does not wait for clients

    def install(self) -> None:
        _programs(None)

    def command(self) -> Command:
        data, user = self.data, _user()
        if not (data / "PG_VERSION").exists():
            self._create(data, user)
        unlock(data)
        version = (data / "PG_VERSION").read_text("ascii").strip()
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            # A crash of the machine may lose the last moments, never consistency.
            "synchronous_commit": "off",
        }
        arguments = [part for item in options.items() for part in ("-c", "{}={}".format(*item))]
        program = _programs(version) / "postgres"
        return Command(
            [program, "-D", data, *arguments], data, user=user, stop_signal=self.stop_signal
        )

    def ready(self) -> bool:
        tried = subprocess.run(
            [_programs(None) / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)],
            check=False,
            env=outside(),
        )
        return tried.returncode == 0

    @property
    def jdbc(self) -> str:
        return f"jdbc:postgresql://127.0.0.1:{self.port}/{DATABASE}"

    def sqlalchemy(self, database: str) -> str:
        """The address of a database for SQLAlchemy, with the password."""
        password = self.site.settings.secrets["postgres"]
        return f"postgresql+psycopg2://{USER}:{password}@127.0.0.1:{self.port}/{database}"

    def make_database(self, name: str) -> None:
        """Create it unless it is there."""
        there = self._psql(f"SELECT 1 FROM pg_database WHERE datname = '{name}'")
        if not there.strip():
            self._psql(f'CREATE DATABASE "{name}"')

    def _psql(self, sql: str) -> str:
        tried = subprocess.run(
            [
                *(_programs(None) / "psql", "-h", "127.0.0.1", "-p", str(self.port)),
                *("-U", USER, "-d", DATABASE, "-tAqc", sql),
            ],
            env={**outside(), "PGPASSWORD": self.site.settings.secrets["postgres"]},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if tried.returncode:
            raise StackError(f"postgres: {sql}: {tried.stderr}")
        return tried.stdout

    @property
    def data(self) -> Path:
        """In the stack's folder, or beside it where root's folder hides it from the other user."""
        inside = self.folder / "data"
        if _user() is None or _reachable(self.folder):
            return inside
        name = hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]
        return Path("/var/tmp") / f"lakefall-stack-{name}"

    def remove(self) -> None:
        """Forget the data."""
        shutil.rmtree(self.data, ignore_errors=True)

    def _create(self, data: Path, user: str | None) -> None:
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(0o700)
        password = data.parent / f"{data.name}.password"
        password.touch(0o600)
        password.write_text(self.site.settings.secrets["postgres"], "utf-8")
        if user is not None:
            for path in (data, password):
                shutil.chown(path, user, group_of(user))
        try:
            _run_as(
                user,
                data,
                _programs(None) / "initdb",
                *("--pgdata", data, "--username", USER, "--no-sync"),
                *("--auth", "scram-sha-256", "--pwfile", password),
                *("--encoding", "UTF8", "--locale", "C"),
            )
        finally:
            password.unlink()


def unlock(data: Path) -> None:
    """Remove the lock of a killed server; PostgreSQL does, unless nobody buried the corpse."""
    lock = data / "postmaster.pid"
    try:
        pid = int(lock.read_text("ascii").split()[0])
    except (FileNotFoundError, ValueError, IndexError):
        return
    if Identity.of(pid) is None:
        lock.unlink()


def _run_as(user: str | None, folder: Path, *arguments: str | Path) -> None:
    tried = subprocess.run(
        arguments,
        user=user,
        group=group_of(user),
        extra_groups=None if user is None else [],
        cwd=folder,
        env=outside(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if tried.returncode:
        raise StackError(f"postgres: {arguments[0]} failed:\n{tried.stdout}{tried.stderr}")


def _programs(version: str | None) -> Path:
    """The folder with initdb and postgres; the newest, unless data of a version exist."""
    found = sorted(
        (path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")),
        key=lambda path: int(path.parent.name) if path.parent.name.isdigit() else 0,
    )
    on_path = shutil.which("initdb")
    if not found and on_path:
        found = [Path(on_path).resolve().parent]
    fitting = [path for path in found if path.parent.name == version] or found
    if not fitting:
        raise MissingProgramError("PostgreSQL server", "keeps the tables of the REST catalog")
    return fitting[-1]


def _user() -> str | None:
    """Whom to run as: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    for name in SYSTEM_USERS:
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise StackError(f"PostgreSQL refuses root, and there is no user {' or '.join(SYSTEM_USERS)}")


def _reachable(folder: Path) -> bool:
    """Whether every user may pass through to this folder."""
    return all(path.stat().st_mode & 0o001 for path in (folder, *folder.parents) if path.exists())
