"""Attacks on a lakehouse on servers: faults between lakefall and S3, and the REST catalog."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, ClassVar

from acceptance.server_lakes import IcebergLake
from e2e.faults import NOT_STORED, Fault, Faulty, faulty
from e2e.servers import Servers

from .embedded import Killer, enlist
from .oracle import KEYS, Oracle

HTML = "<html><head><title>It works!</title></head><body>nginx</body></html>"
FAULTS = {
    "answer lost": Fault(lost=True),
    "400": Fault(400, "InvalidRequest"),
    "401": Fault(401, "Unauthorized"),
    "403": Fault(403, "AccessDenied"),
    "429": Fault(429, "TooManyRequests"),
    "500": Fault(500, "InternalError"),
    "502": Fault(502, "BadGateway"),
    "503": Fault(503, "SlowDown"),
    "504": Fault(504, "GatewayTimeout"),
    "body cut short": Fault(cut_after=40),
    "body empty": Fault(cut_after=0),
    "reset while asked": Fault(reset_after=100),
    "HTML, 200": Fault(200, body=HTML),
    "HTML, 502": Fault(502, body=HTML),
    "200, not stored": NOT_STORED,
}


@dataclass
class Faults:
    """Which request meets which fault: the N-th one's follows from the seed and N."""

    seed: str
    counts: Counter[str] = field(default_factory=Counter)
    share: float = 0.0
    """Of requests that meet a fault; 0: none."""
    only: tuple[str, ...] = ()
    """Methods that meet faults; none named: all."""
    burst: int = 0
    """Requests that yet meet the fault of the one before."""
    last: str = ""
    asked: int = 0

    def __call__(self, method: str, path: str) -> Fault | None:
        self.asked += 1
        chance = Random(f"{self.seed}:{self.asked}")
        if not self.share or (self.only and method not in self.only):
            return None
        if self.burst:
            self.burst -= 1
        elif chance.random() < self.share:
            self.last = chance.choice(list(FAULTS))
            self.burst = chance.choice((0, 0, 0, 3, 8))
        else:
            return None
        fault = FAULTS[self.last]
        if fault is NOT_STORED and method != "PUT":
            return None
        self.counts[self.last] += 1
        return fault


@dataclass
class ServerAttacker(Killer):
    """Attacks one lake behind two proxies."""

    lake: IcebergLake
    calm: ClassVar[dict[str, str]] = {"CHAOS_SETTLES": "5"}
    longest: ClassVar[float] = 4.0
    proxies: tuple[Faulty, Faulty]
    faults: tuple[Faults, Faults]

    @classmethod
    @contextmanager
    def on(cls, servers: Servers, folder: Path, seed: int | str) -> Iterator[ServerAttacker]:
        chance = Random(seed)
        with (
            IcebergLake.on(servers, folder) as lake,
            faulty(servers.env["S3_ENDPOINT_URL"]) as s3,
            faulty(servers.env["ICEBERG_REST_URI"]) as rest,
        ):
            oracle = Oracle(lake, chance, secrets=(servers.env["AWS_SECRET_ACCESS_KEY"],))
            faults = Faults(f"{seed}:s3", oracle.counts), Faults(f"{seed}:rest", oracle.counts)
            s3.fault, rest.fault = faults
            path = servers.env["ICEBERG_REST_URI"].partition("://")[2].partition("/")[2]
            lake.servers = Servers(
                {
                    **servers.env,
                    "S3_ENDPOINT_URL": s3.url,
                    "ICEBERG_REST_URI": f"{rest.url}/{path}".rstrip("/"),
                }
            )
            enlist(lake)
            sink = {"commit_timeout": "10s", "maintenance": {"grace": "5s"}}
            lake.configure(sink={**sink, "catalog": {"timeout": "10s"}})
            oracle.put(*KEYS)
            yield cls(lake, oracle, chance, (s3, rest), faults)

    def attack(self) -> None:
        """A run among faults, which may be killed."""
        self._put()
        which = self.chance.randrange(3)
        for number, faults in enumerate(self.faults):
            if which in (number, 2):
                faults.share = self.chance.choice((0.05, 0.2, 0.5))
                faults.only = self.chance.choice(((), ("PUT", "POST", "DELETE"), ("GET", "HEAD")))
        command: Any = self.lake.start_run()
        if self.chance.random() < 0.2:
            self._killed(command, self.chance.uniform(0.5, self.longest))
        else:
            command.wait()
        for faults in self.faults:
            faults.share, faults.burst = 0.0, 0
        self.oracle.after_attack("faults")

    def tidy(self) -> None:
        """When no server can be busy any more, one maintenance, and nothing is left."""
        time.sleep(11)
        result = self.lake.cli("maintain", self.lake.pipeline, "--json", env=self.calm)
        assert result.code == 0, result
        self.oracle.after_maintenance("maintenance")
        self.oracle.after_attack("maintenance")

    def round(self, attacks: int = 4) -> None:
        for _ in range(attacks):
            self.attack()
        self.settle()
        self.oracle.no_secret()
