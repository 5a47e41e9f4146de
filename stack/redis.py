"""Redis: the queue between Airflow's scheduler and its Celery workers."""

from __future__ import annotations

import shutil
import socket
from contextlib import suppress

from .errors import MissingProgramError
from .processes import Command
from .server import Server


class Redis(Server):
    name = "redis"
    ports = ("redis",)

    def install(self) -> None:
        _program()

    def command(self) -> Command:
        config = self.folder / "redis.conf"
        config.touch(0o600)
        options = {
            "bind": "127.0.0.1",
            "port": self.port,
            "requirepass": self.site.settings.secrets["redis"],
            # What is queued survives a restart.
            "appendonly": "yes",
            "save": '""',
        }
        config.write_text("".join(f"{name} {value}\n" for name, value in options.items()), "utf-8")
        return Command([_program(), config], self.folder)

    @property
    def address(self) -> str:
        """For Celery, with the password."""
        return f"redis://:{self.site.settings.secrets['redis']}@127.0.0.1:{self.port}/0"

    def ready(self) -> bool:
        """It answers, and does not let strangers in."""
        with (
            suppress(OSError),
            socket.create_connection(("127.0.0.1", self.port), timeout=2) as line,
        ):
            line.sendall(b"PING\r\n")
            return line.recv(64).startswith(b"-NOAUTH")
        return False


def _program() -> str:
    found = shutil.which("redis-server")
    if found is None:
        raise MissingProgramError("redis-server", "queues the tasks of Airflow's Celery workers")
    return found
