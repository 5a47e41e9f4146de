"""What this process may use of its machine: processors and memory, within its control groups.

In a container the machine's own numbers are those of the host. Linux tells the container's limits
under ``/sys/fs/cgroup``, as ``cpu.max`` and ``memory.max`` (version 2) or ``cpu.cfs_quota_us`` and
``memory.limit_in_bytes`` (version 1), of the group and of every group around it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PROC, _GROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def processors(proc: Path = _PROC, groups: Path = _GROUPS) -> int:
    """Processors that this process may use, at least one."""
    try:
        found = len(os.sched_getaffinity(0))
    except AttributeError:  # other systems than Linux
        found = os.cpu_count() or 1
    for folder in _folders(proc, groups):
        old = (*_words(folder / "cpu.cfs_quota_us"), *_words(folder / "cpu.cfs_period_us"))
        quota, period = (*(_words(folder / "cpu.max") or old), "", "")[:2]
        if quota.isdecimal() and period.isdecimal() and int(period):
            found = min(found, math.ceil(int(quota) / int(period)))
    return max(1, found)


def memory(proc: Path = _PROC, groups: Path = _GROUPS) -> int:
    """Bytes that this process may have together with those of its control group; 0 where nobody
    says."""
    found = 0
    with suppress(ValueError, OSError, AttributeError):
        found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for folder in _folders(proc, groups):
        for name in ("memory.max", "memory.limit_in_bytes"):
            words = _words(folder / name)
            if words and words[0].isdecimal():
                found = min(found or int(words[0]), int(words[0]))
    return found


def _folders(proc: Path, groups: Path) -> Iterator[Path]:
    """Of this process' control groups and of all around them."""
    with suppress(OSError):
        for line in proc.read_text("utf-8").splitlines():
            _, controllers, path = (line.split(":", 2) + [""] * 2)[:3]
            root = groups / controllers.removeprefix("name=")
            inner = Path(path.lstrip("/"))
            # In a container the path may be the host's, and then only the root is there.
            yield from (root / part for part in (inner, *inner.parents))


def _words(path: Path) -> list[str]:
    with suppress(OSError):
        return path.read_text("utf-8").split()
    return []
