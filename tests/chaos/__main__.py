"""``make chaos [SEED=N] [MINUTES=10]``: attack until the time is up, and print the counts.

What is attacked, with what and when follows from the seed; which line of a process a kill meets
does not. A law that breaks ends the attack, with the folder that it happened in.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.detection.fuzz import many
from e2e.servers import running

from .embedded import Attacker
from .oracle import kind_of
from .servers import ServerAttacker

SHARES = {"embedded": 0.6, "servers": 0.3, "files": 0.1}
"""Of the time; the soaks run alone."""
SOAK = 500
"""Kills."""
FILES = 50
"""Mutated files at a time."""
SECONDS = 30.0
"""Of work for one of them, however busy the machine is; the benchmark asks for less."""


def embedded(seed: int, until: float, folder: Path) -> Counter[str]:
    attacker = Attacker.make(folder, f"{seed}:embedded")
    with ending(attacker, "embedded"):
        while time.monotonic() < until:
            attacker.round()
    return attacker.oracle.counts


def soak(seed: int, until: float, folder: Path) -> Counter[str]:
    attacker = Attacker.make(folder, f"{seed}:soak")
    with ending(attacker, "soak"):
        attacker.soak(SOAK, until)
    return attacker.oracle.counts


def servers(seed: int, until: float, folder: Path, kills: int = 0) -> Counter[str]:
    there = running()
    if there is None:
        print("servers: none are running; left out", flush=True)
        return Counter()
    with (
        ServerAttacker.on(there, folder, f"{seed}:servers") as attacker,
        ending(attacker, "soak on servers" if kills else "servers"),
    ):
        attacker.soak(kills, until)
        while not kills and time.monotonic() < until:
            attacker.round()
    return attacker.oracle.counts


def server_soak(seed: int, until: float, folder: Path) -> Counter[str]:
    return servers(seed, until, folder, SOAK)


@contextmanager
def ending(attacker: Attacker | ServerAttacker, part: str) -> Iterator[None]:
    """One maintenance after the attacks, before and after which is told what lies there."""
    with telling(attacker.oracle.counts, part):
        yield
        left = Counter(kind_of(path) for path in attacker.oracle.debris())
        print(f"{part}: left before the maintenance: {dict(left)}", flush=True)
        attacker.tidy()


def files(seed: int, until: float, _: Path) -> Counter[str]:
    counts: Counter[str] = Counter()
    with telling(counts, "files"):
        while time.monotonic() < until:
            first = counts["mutated files"]
            for case in many(range(first, first + FILES), seed, None, SECONDS):
                assert not case.problem, f"case {case.number}, {case.origin}: {case.problem}"
                counts["mutated files"] += 1
    return counts


@contextmanager
def telling(counts: Counter[str], part: str) -> Iterator[None]:
    """Prints what was counted, whatever happens."""
    try:
        yield
    finally:
        told = "; ".join(f"{what}: {number:,}" for what, number in sorted(counts.items()))
        print(f"{part}: {told}", flush=True)


PARTS: dict[str, Callable[[int, float, Path], Counter[str]]] = {
    "embedded": embedded,
    "servers": servers,
    "files": files,
    "soak": soak,
    "server_soak": server_soak,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 31))
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--only", choices=list(PARTS))
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.minutes:g} minutes", flush=True)
    broken = 0
    for name in [options.only] if options.only else SHARES:
        share = 1.0 if options.only else SHARES[name]
        folder = Path(tempfile.mkdtemp(prefix=f"chaos-{name}-"))
        try:
            PARTS[name](options.seed, time.monotonic() + options.minutes * 60 * share, folder)
        except AssertionError:
            traceback.print_exc()
            print(f"{name}: a law broke; see {folder}", flush=True)
            broken += 1
    return 1 if broken else 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)
