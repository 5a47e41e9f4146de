"""Attacks on a lakehouse of one machine: kills, rivals, clocks, full disks."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import yaml
from acceptance.commands import Command, Limits
from acceptance.lakes import EmbeddedLake, Lake

from .oracle import KEYS, Oracle

CALLS = 9_000
"""Calls that a run over a few files makes of the functions below, about."""
LONGEST = 1.2
"""Seconds that such a run takes, about."""
NEW_TABLES = 0.06
"""How often a load that is attacked has also to make a table."""
MOST_FILES = 12
AGENT = '''
import os, signal, sys, threading
from datetime import UTC, datetime, timedelta

PARTS = ("/sinks/iceberg/", "/pyiceberg/catalog/", "/pyiceberg/io/", "/pyiceberg/table/update/")
LEFT = [int(os.environ.get("CHAOS_KILL_AT", "0"))]
KNOWN = {}


def count(frame, event, _):
    """Dies at the N-th call of a function of the sink, or of the library that it writes with."""
    if event != "call":
        return
    counts = KNOWN.get(frame.f_code)
    if counts is None:
        counts = any(part in frame.f_code.co_filename for part in PARTS)
        KNOWN[frame.f_code] = counts
    if counts:
        LEFT[0] -= 1
        if not LEFT[0]:
            os.kill(os.getpid(), signal.SIGKILL)


if LEFT[0]:
    threading.setprofile(count)
    sys.setprofile(count)
if wait := float(os.environ.get("CHAOS_SETTLES", "0")):
    from lakefall_plugins.sinks.iceberg.catalog import RestHome

    RestHome.settles = wait
if ahead := float(os.environ.get("CHAOS_CLOCK", "0")):
    import time_machine

    time_machine.travel(datetime.now(UTC) + timedelta(seconds=ahead), tick=True).start()
'''
"""A plugin file that kills its process at a chosen call, sets its clock, or takes so many seconds
for the 10 minutes after which no server is busy with a dead load's commit any more."""


def enlist(lake: Lake) -> None:
    """Let the lake's commands load the agent."""
    lake.listen("pass")
    listener = lake.folder / "listener.py"
    listener.write_text(AGENT + listener.read_text())


@dataclass
class Killer:
    """Kills loads of one lake; what it does next follows from the seed."""

    lake: Lake
    oracle: Oracle
    chance: Random
    calm: ClassVar[dict[str, str]] = {}
    """Environment of a quiet run."""
    longest: ClassVar[float] = LONGEST

    def kill(self) -> None:
        """SIGKILL at a random moment, or at a chosen call."""
        self._put()
        if self.chance.random() < 0.5:
            self._killed(self.lake.start_run(), self.chance.uniform(0.1, 0.8 * self.longest))
        else:
            at = str(self.chance.randrange(1, CALLS))
            self._died(self.lake.start_run(env={"CHAOS_KILL_AT": at}).wait().code)

    def soak(self, kills: int, until: float) -> None:
        """So many kills of loads with nothing else between, for what they leave behind."""
        while self.oracle.counts["kills"] < kills and time.monotonic() < until:
            self.suffer([self.kill] * 25)

    def suffer(self, attacks: Iterable[Callable[[], None]]) -> None:
        """Attacks, each judged; then a quiet run, judged more strictly."""
        for attack in attacks:
            attack()
            self.oracle.after_attack(attack.__name__)
        self.settle()

    def settle(self) -> None:
        """A quiet run. A file whose process was killed twice while it read it waits for `retry`."""
        result = self.lake.start_run(env=self.calm).wait()
        failed = [o for o in result.objects if o["status"] == "failed"]
        if failed and all("ended without a word" in o["error"] for o in failed):
            keys = [o["key"] for o in failed]
            result = self.lake.cli("retry", self.lake.pipeline, *keys, "--json", env=self.calm)
        assert result.code == 0, result
        self.oracle.after_quiet_run("quiet run")

    def _put(self) -> None:
        """New versions of some files; at times the first file of a new table."""
        there = [*self.oracle.versions]
        self.oracle.put(*self.chance.sample(there, self.chance.choice((1, 1, 2, 3))))
        if self.chance.random() < NEW_TABLES and len(there) < MOST_FILES:
            self.oracle.put(f"new{len(there)}/a.csv")

    def _killed(self, command: Command, seconds: float) -> None:
        process: Any = command.process
        process.join(seconds)
        process.kill()
        process.join()
        self._died(process.exitcode)

    def _died(self, code: int) -> None:
        self.oracle.counts["kills" if code == -signal.SIGKILL else "ended before the kill"] += 1


@dataclass
class Attacker(Killer):
    """Attacks a lake of one machine."""

    lake: EmbeddedLake
    grace: float
    """Seconds that what nobody names stays."""

    @classmethod
    def make(cls, folder: Path, seed: int | str, grace: float = 5.0) -> Attacker:
        lake, chance = EmbeddedLake(folder), Random(seed)
        enlist(lake)
        maintenance = {"grace": f"{grace}s", "keep_snapshots_for": "10s", "keep_snapshots": 1}
        lake.configure(sink={"maintenance": maintenance, "commit_timeout": "30s"})
        # Another host: a cache of its own, the same tables.
        document = yaml.safe_load(lake.pipeline.read_text())
        document["cache"]["dir"] = str(folder / "cache2")
        (folder / "other.yaml").write_text(yaml.safe_dump(document))
        made = cls(lake, Oracle(lake, chance), chance, grace)
        made.oracle.put(*KEYS)
        return made

    # --- attacks ---

    def kill_maintenance(self) -> None:
        at = str(self.chance.randrange(1, CALLS))
        maintain = ("maintain", self.lake.pipeline, "--json")
        self._died(self.lake.start(*maintain, env={"CHAOS_KILL_AT": at}).wait().code)

    def rivals(self) -> None:
        """Two hosts load at once; one of them may be killed, and a maintenance may run beside."""
        self._put()
        first = self.lake.start_run()
        second = self.lake.start("run", self.lake.folder / "other.yaml", "--json")
        others = []
        if self.chance.random() < 0.5:
            others.append(self.lake.start("maintain", self.lake.pipeline, "--json"))
        if self.chance.random() < 0.3:
            self._killed(first, self.chance.uniform(0.2, LONGEST))
        for command in (second, *others):
            command.wait()
        first.process.join()
        self.oracle.counts["rival runs"] += 1

    def clock(self) -> None:
        """A run whose clock is up to an hour ahead or behind."""
        self._put()
        shift = str(self.chance.uniform(-3600, 3600))
        self.lake.start_run(env={"CHAOS_CLOCK": shift}).wait()
        self.oracle.counts["clocks set"] += 1

    def disk(self) -> None:
        """No file may be larger than this: as on a full disk, writes fail anywhere."""
        self._put()
        size = int(2 ** self.chance.uniform(8, 16))
        result = self.lake.start_run(limits=Limits(file_size=size)).wait()
        self.oracle.counts["full disks" if result.code else "disks with room"] += 1

    # --- the round ---

    def round(self, attacks: int = 10) -> None:
        """Some attacks of any kind."""
        kinds: list[Callable[[], None]] = [self.kill] * 12
        kinds += [self.kill_maintenance, self.kill_maintenance, self.rivals, self.clock, self.disk]
        self.suffer(self.chance.choice(kinds) for _ in range(attacks))

    def tidy(self) -> None:
        """After the grace one maintenance, and nothing is left of what nobody names."""
        time.sleep(self.grace + 0.5)
        result = self.lake.cli("maintain", self.lake.pipeline, "--json")
        assert result.code == 0, result
        self.oracle.after_maintenance("maintenance")
        self.oracle.after_attack("maintenance")
