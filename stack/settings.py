"""What one stack keeps between commands: its ports and its credentials."""

from __future__ import annotations

import base64
import json
import random
import secrets
import socket
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from .errors import StackError

# Below the range that systems take for outgoing connections, so that a port is still free when
# its server is started again.
PORTS = range(20_000, 32_000)
SECRETS = (
    *("s3_key", "s3_secret", "postgres", "superset", "superset_key"),
    *("redis", "airflow_key", "airflow_jwt"),
)
FERNET = "airflow_fernet"
CELERY, LOCAL = EXECUTORS = ("celery", "local")


@dataclass(frozen=True, slots=True)
class Deployment:
    """How Airflow runs its tasks."""

    executor: str
    """``celery``: workers, with PostgreSQL and Redis. ``local``: in the scheduler's own
    processes, with SQLite; enough for a laptop."""
    workers: int = 0
    variables: Mapping[str, str] = field(default_factory=dict)
    """For Airflow's processes, over those that the stack gives them."""

    def alike(self, other: Deployment) -> bool:
        """Whether the same servers belong to both."""
        return (self.executor, self.workers) == (other.executor, other.workers)

    @property
    def class_name(self) -> str:
        return {CELERY: "CeleryExecutor", LOCAL: "LocalExecutor"}[self.executor]


@dataclass(frozen=True, slots=True)
class Settings:
    ports: Mapping[str, int]
    secrets: Mapping[str, str]
    airflow: Deployment | None = None

    def url(self, port: str) -> str:
        return f"http://127.0.0.1:{self.ports[port]}"

    @classmethod
    def fresh(cls, ports: Iterable[str]) -> Settings:
        """Free ports and random credentials."""
        return cls(free_ports(ports), _fresh_secrets())

    def completed(self, ports: Iterable[str], taken: Iterable[str] = ()) -> Settings:
        """With ports and credentials for what has none yet, and others for those ``taken``."""
        wanted = [name for name in ports if name not in self.ports or name in set(taken)]
        return replace(
            self,
            ports={**self.ports, **free_ports(wanted)},
            secrets={**_fresh_secrets(), **self.secrets},
        )

    @classmethod
    def read(cls, path: Path) -> Settings | None:
        """None where no stack was started.

        Raises:
            StackError: the file is not one of ours.
        """
        try:
            told = json.loads(path.read_text("utf-8"))
            airflow = dict(told).get("airflow")
            return cls(told["ports"], told["secrets"], Deployment(**airflow) if airflow else None)
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise StackError(f"{path} cannot be read ({error}); remove its folder") from error

    def write(self, path: Path) -> None:
        new = path.with_suffix(".new")
        new.touch(0o600)  # before there is anything to read
        new.write_text(json.dumps(asdict(self), indent=2), "utf-8")
        new.replace(path)


def _fresh_secrets() -> dict[str, str]:
    fernet = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return {**{name: secrets.token_hex(16) for name in SECRETS}, FERNET: fernet}


def free_ports(names: Iterable[str]) -> dict[str, int]:
    """A port for each name, none of them in use now.

    Raises:
        StackError: there are not enough.
    """
    found: dict[str, int] = {}
    candidates = iter(random.sample(PORTS, len(PORTS)))
    with ExitStack() as bound:
        for name in names:
            for port in candidates:
                listening = bound.enter_context(socket.socket())
                try:
                    listening.bind(("127.0.0.1", port))
                except OSError:
                    continue
                found[name] = port
                break
            else:
                raise StackError(f"no free port left in {PORTS.start}-{PORTS.stop}")
    return found


def is_free(port: int) -> bool:
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
