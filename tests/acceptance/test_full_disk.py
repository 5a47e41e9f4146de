"""Full disk: failed, transient; the old rows stay; no debris after the next run.

A tmpfs of a few megabytes where root may mount one; a limit on the size of files everywhere.
"""

from __future__ import annotations

import gzip
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .lakes import EmbeddedLake, Limits, RunResult

OLD = "id,name\n11,old\n"


class Disk:
    """A small file system of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self._mount("size=2m")

    def grow(self) -> None:
        self._mount("remount,size=200m")

    def _mount(self, options: str) -> None:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.path)]
        subprocess.run(command, check=True, capture_output=True)

    def unmount(self) -> None:
        subprocess.run(["umount", "-l", str(self.path)], check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    path = tmp_path / "disk"
    try:
        small = Disk(path)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a tmpfs needs root; the file-size limit is tested instead")
    yield small
    small.unmount()


def incompressible(megabytes: float) -> bytes:
    """A CSV file of random text that no Parquet file makes much smaller."""
    chance = random.Random(7)
    line = b"%d,%s\n"
    count = int(megabytes * 1_000_000 / 1010)
    return b"id,name\n" + b"".join(
        line % (i, chance.randbytes(500).hex().encode()) for i in range(11, 11 + count)
    )


def full(lake: EmbeddedLake, limits: Limits | None = None) -> RunResult:
    """A run that must fail for want of room, and leave the old rows."""
    run = lake.run(ok=False, limits=limits)
    outcome = run.of("t/a.csv")
    assert outcome["status"] == "failed", outcome
    words = ("room", "space", "too large")
    assert any(w in outcome["error"].lower() for w in words), outcome["error"]
    assert lake.rows("t") == [["11", "old"]]
    return run


def recovered(lake: EmbeddedLake, rows: int) -> None:
    """The next run tries again on its own, succeeds, and nothing is left lying about."""
    assert lake.run().of("t/a.csv")["rows_loaded"] == rows
    runs = lake.cache / "runs"
    assert not runs.exists() or not list(runs.iterdir())
    assert not list((lake.folder / "tmp").iterdir())
    known = set()
    for table in ("t", "_ingest_registry", "_ingest_rejects"):
        if lake.exists(table):
            known |= lake.data_files(table)
    assert {p.resolve() for p in lake.lakehouse.rglob("*.parquet")} == known


def test_full_disk_during_fetch(embedded: EmbeddedLake, disk: Disk) -> None:
    """The scratch folder cannot even take the file."""
    use_cache(embedded, disk)
    embedded.put("t/a.csv", OLD)
    embedded.run()
    data = incompressible(6)
    embedded.put("t/a.csv.gz", gzip.compress(data, 1))
    embedded.put("t/a.csv", data)
    run = full(embedded)
    assert run.of("t/a.csv.gz")["status"] == "failed"
    disk.grow()
    recovered(embedded, data.count(b"\n") - 1)


def test_full_disk_during_conversion(embedded: EmbeddedLake, disk: Disk) -> None:
    """The file fits the scratch folder, its Parquet copy does not fit beside it."""
    use_cache(embedded, disk)
    embedded.put("t/a.csv", OLD)
    embedded.run()
    data = incompressible(1.7)
    embedded.put("t/a.csv", data)
    full(embedded)
    disk.grow()
    recovered(embedded, data.count(b"\n") - 1)


def test_full_disk_during_write_to_the_table(embedded: EmbeddedLake, disk: Disk) -> None:
    """The lakehouse's disk is full; small files still fit once the torn one is gone."""
    embedded.lakehouse = disk.path / "lakehouse"
    embedded.put("t/a.csv", OLD)
    embedded.run()
    data = incompressible(8)
    embedded.put("t/a.csv", data)
    full(embedded)
    disk.grow()
    recovered(embedded, data.count(b"\n") - 1)


def test_full_disk_to_the_last_byte(embedded: EmbeddedLake, disk: Disk) -> None:
    """Not even the registry can be written: the run says so, and nothing is lost by it."""
    embedded.lakehouse = disk.path / "lakehouse"
    embedded.put("t/a.csv", OLD)
    embedded.run()
    embedded.put("t/a.csv", "id,name\n11,new\n12,new\n")
    ballast = disk.path / "ballast"
    with ballast.open("wb", buffering=0) as out:
        try:
            while True:
                out.write(bytes(4096))
        except OSError:
            pass
    result = embedded.start_run().wait()
    assert result.code == 1
    words = ("room", "space", "full")
    assert any(w in result.output.lower() for w in words), result.output
    ballast.unlink()
    assert embedded.rows("t") == [["11", "old"]]
    recovered(embedded, 2)


def test_full_disk_as_a_file_size_limit_during_fetch(embedded: EmbeddedLake) -> None:
    embedded.put("t/a.csv", OLD)
    embedded.run()
    data = incompressible(3)
    embedded.put("t/a.csv", data)
    full(embedded, Limits(file_size=1_000_000))
    recovered(embedded, data.count(b"\n") - 1)


def test_full_disk_as_a_file_size_limit_during_write(embedded: EmbeddedLake) -> None:
    """A file of many columns and few rows is larger as Parquet than as CSV."""
    embedded.put("t/a.csv", OLD)
    embedded.run()
    header = ",".join(["id", "name", *(f"c{i}" for i in range(1500))])
    data = header + "\n" + "\n".join(",".join([str(r), *["x"] * 1501]) for r in (11, 12)) + "\n"
    embedded.put("t/a.csv", data)
    full(embedded, Limits(file_size=100_000))
    recovered(embedded, 2)


def use_cache(lake: EmbeddedLake, disk: Disk) -> None:
    lake.cache = disk.path / "cache"
    lake.configure()
