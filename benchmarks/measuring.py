"""Runs one side of a comparison in a process of its own, and measures it.

Seconds count from the end of the imports; CPU and memory are the process's own, disk is what its
cache folder held at most. As a program it is that process: ``python measuring.py JOB`` with a job
in JSON, which prints its figures as JSON.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Figures:
    seconds: float
    cpu: float
    """Seconds."""
    peak_mib: float
    rows: int
    disk: float = 0.0
    """Bytes of scratch files, at most."""
    process: float = 0.0
    """Seconds of the whole process, imports included."""
    profile: Mapping[str, float] = field(default_factory=dict)
    """Seconds by step."""
    machine: float = 0.0
    """Seconds of CPU of the whole machine, the servers' among them."""

    @property
    def cores(self) -> float:
        return self.cpu / self.seconds


@dataclass(frozen=True, slots=True)
class Job:
    """What a process is to do."""

    kind: str
    """``run`` a pipeline, or ``copy`` a file with DuckDB."""
    source: str
    """The pipeline file, or the file to copy."""
    threads: int
    sets: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)


def measure(job: Job) -> Figures:
    """The job in a process of its own.

    Raises:
        SystemExit: it failed; what it said is on standard error.
    """
    began = perf_counter()
    done = subprocess.run(
        [sys.executable, __file__, json.dumps(asdict(job))],
        env={**os.environ, **job.env},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{job.kind} {job.source}: exit code {done.returncode}")
    told = json.loads(done.stdout.splitlines()[-1])
    return Figures(**{**told, "process": perf_counter() - began})


def child(script: str, *words: object) -> dict[str, float]:
    """What a script tells in its last line when it runs as its own child, ``--child WORDS``."""
    done = subprocess.run(
        [sys.executable, script, "--child", *map(str, words)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


def run_job(
    pipeline: Path, threads: int, env: Mapping[str, str], *sets: str, registrars: bool = False
) -> Job:
    """A run of a pipeline file; a cache of its own keeps it cold."""
    more = () if registrars else ("catalog_registrar=[]",)
    return Job("run", str(pipeline), threads, (*sets, *more), env)


def copy_job(source: Path, threads: int) -> Job:
    """DuckDB's own way from CSV to zstd Parquet."""
    return Job("copy", str(source), threads)


def busy() -> float:
    """Seconds of CPU that this machine has spent on anything."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    idle = int(fields[3]) + int(fields[4])
    return (sum(map(int, fields[:8])) - idle) / os.sysconf("SC_CLK_TCK")


def peak_mib() -> float:
    """The most memory that this process has had.

    ``getrusage`` says no less than what its parent had when it began: Linux keeps that across exec.
    """
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024


# --- the process itself ---


def _main(job: Job) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        told = _run(job, folder) if job.kind == "run" else _copy(job, folder)
    print(json.dumps({**told, "peak_mib": peak_mib()}))


def _copy(job: Job, folder: Path) -> dict[str, Any]:
    import duckdb

    with duckdb.connect(config={"threads": job.threads}) as connection:
        began, cpu = perf_counter(), process_time()
        answer = connection.execute(
            f"COPY (SELECT * FROM '{job.source}') TO '{folder / 'out.parquet'}' "
            "(FORMAT parquet, COMPRESSION zstd)"
        ).fetchall()
    return {"seconds": perf_counter() - began, "cpu": process_time() - cpu, "rows": answer[0][0]}


def _run(job: Job, folder: Path) -> dict[str, Any]:
    import boto3  # noqa: F401
    import duckdb  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import pyiceberg.catalog.rest
    import pyiceberg.catalog.sql
    import pyiceberg.io.pyarrow  # noqa: F401
    import trino  # noqa: F401

    from lakefall.config.loader import open_pipeline
    from lakefall.plugin_loading.catalogue import Catalogue
    from lakefall.run.runner import Runner

    Catalogue.default().entries()  # imports every plugin
    cache = folder / "cache"
    sets = [f"engine.threads={job.threads}", f"cache.dir={cache}", *job.sets]
    with Watched(cache) as watched:
        began, cpu, machine = perf_counter(), process_time(), busy()
        report = Runner(open_pipeline(job.source, sets=sets)).run()
        seconds, cpu, machine = perf_counter() - began, process_time() - cpu, busy() - machine
    failed = [o for o in report.outcomes if o.status == "failed"]
    if failed:
        raise SystemExit(f"{failed[0].file.key}: {failed[0].error}")
    return {
        "seconds": seconds,
        "cpu": cpu,
        "machine": machine,
        "rows": sum(o.rows_loaded for o in report.outcomes),
        "disk": watched.most,
        "profile": {s.name: round(s.seconds, 3) for s in report.steps},
    }


class Watched:
    """The bytes that a folder holds at most, looked at ten times a second."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.most = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Watched:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            self.most = max(self.most, _held(self.folder))


def _held(folder: Path) -> int:
    """Bytes on disk; a file with several names counts once."""
    sizes: dict[int, int] = {}
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                status = (Path(path) / name).lstat()
            except FileNotFoundError:
                continue
            sizes[status.st_ino] = status.st_blocks * 512
    return sum(sizes.values())


def command(words: Sequence[str], env: Mapping[str, str]) -> tuple[float, float]:
    """Seconds and peak MiB of a command as a person types it."""
    code = (
        "import json, resource, subprocess, sys, time\n"
        "began = time.perf_counter()\n"
        "done = subprocess.run(sys.argv[1:], capture_output=True)\n"
        "taken = time.perf_counter() - began\n"
        "peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024\n"
        "print(json.dumps([done.returncode, taken, peak]))"
    )
    lakefall = str(Path(sys.executable).parent / "lakefall")
    told = subprocess.run(
        [sys.executable, "-c", code, lakefall, *words],
        env={**os.environ, **env},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    returned, seconds, peak = json.loads(told.stdout)
    if returned:
        raise SystemExit(f"lakefall {' '.join(words)}: exit code {returned}")
    return seconds, peak


if __name__ == "__main__":
    _main(Job(**json.loads(sys.argv[1])))
