"""What the process may use of its machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lakefall.common import sql
from lakefall.contract.configuration import Engine
from lakefall.contract.errors import MemoryLimitError, as_foreseen

GIB = 1 << 30


def groups(folder: Path, membership: str, files: dict[str, str]) -> tuple[Path, Path]:
    """A process' control groups as Linux tells them."""
    proc, root = folder / "cgroup", folder / "groups"
    proc.write_text(membership)
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return proc, root


@pytest.mark.parametrize(
    ("membership", "files"),
    [
        ("0::/pod/app\n", {"pod/app/cpu.max": "150000 100000\n", "pod/app/memory.max": "4096"}),
        # The narrowest of all groups around it.
        (
            "0::/pod/app\n",
            {
                "pod/cpu.max": "100000 100000",
                "pod/app/cpu.max": "max 100000",
                "pod/memory.max": "4096",
            },
        ),
        # A container that sees its own group as the root, while its path is the host's.
        ("0::/docker/1a2b\n", {"cpu.max": "100000 100000\n", "memory.max": "4096\n"}),
        (
            "4:memory:/docker/1a2b\n2:cpu,cpuacct:/docker/1a2b\n0::/\n",
            {
                "cpu,cpuacct/cpu.cfs_quota_us": "50000\n",
                "cpu,cpuacct/cpu.cfs_period_us": "100000\n",
                "memory/docker/1a2b/memory.limit_in_bytes": "4096\n",
            },
        ),
    ],
)
def test_the_limits_of_a_container_count(
    tmp_path: Path, membership: str, files: dict[str, str]
) -> None:
    where = groups(tmp_path, membership, files)
    quota = 2 if "150000 100000\n" in files.values() else 1
    assert sql.processors(*where) == min(quota, len(os.sched_getaffinity(0)))
    assert sql.memory(*where) == 4096


@pytest.mark.parametrize("text", ["max 100000", "", "x y", "-1"])
def test_without_a_limit_the_machine_counts(tmp_path: Path, text: str) -> None:
    where = groups(tmp_path, "0::/a\nnonsense", {"a/cpu.max": text, "a/memory.max": text})
    assert sql.processors(*where) == len(os.sched_getaffinity(0))
    assert sql.memory(*where) == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_the_engine_never_takes_more_than_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql, "processors", lambda: 3)
    monkeypatch.setattr(sql, "memory", lambda: GIB)
    assert [sql.threads_of(Engine(threads=n)) for n in (0, 2, 200)] == [3, 2, 3]
    assert sql.memory_of(Engine(memory_limit="100MB")) == 100_000_000
    assert sql.memory_of(Engine(memory_limit="900GB")) == int(0.8 * GIB)
    assert sql.memory_of(Engine(memory_limit="100MB"), 2_000) == 100_000_000 + 2_000 * (128 << 10)
    assert sql.memory_of(Engine(), 100_000) == int(0.8 * GIB)


def test_the_engine_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql, "processors", lambda: 1)
    monkeypatch.setattr(sql, "memory", lambda: 500 << 20)
    with sql.connect(Engine(threads=8, memory_limit="2GB"), tmp_path) as connection:
        settings = "SELECT current_setting('threads'), current_setting('memory_limit')"
        assert sql.rows(connection, settings) == [(1, "400.0 MiB")]


def test_too_little_memory_is_told_as_such(tmp_path: Path) -> None:
    import duckdb

    with (
        pytest.raises(duckdb.Error) as caught,
        sql.connect(Engine(threads=1, memory_limit="10MB"), tmp_path) as connection,
    ):
        sql.rows(connection, "SELECT list(range) FROM range(10_000_000)")
    found = as_foreseen(caught.value)
    assert isinstance(found, MemoryLimitError) and not found.retryable
    assert "raise engine.memory_limit" in str(found) and "\n" not in str(found)
