"""Work that detection takes: on the public files, and on files of 64 KB of every habit."""

from __future__ import annotations

import json
import statistics
import tempfile
from pathlib import Path
from random import Random
from time import process_time

from benchmarks.detection import habits_of_cells  # noqa: F401 -- registers its habits
from benchmarks.detection.detectors import lakefall
from benchmarks.detection.habits import HABITS
from benchmarks.detection.score import line, table
from benchmarks.detection.tables import DIALECT_SETS

BYTES = 64_000
TRIES = 3


def times(bench: Path) -> None:
    """Milliseconds of CPU after import: the best of three tries of each file."""
    table("CPU", "files", "median ms", "worst ms", "the worst")
    public = [path for folder in DIALECT_SETS for path in _public(bench / folder)]
    _report("public files", {path.name: _milliseconds(path) for path in public})
    with tempfile.TemporaryDirectory() as folder:
        _report("64 KB of each habit", {name: _of_habit(name, Path(folder)) for name in HABITS})


def _public(folder: Path) -> list[Path]:
    labels = (folder / "labels.jsonl").read_text(encoding="utf-8").splitlines()
    paths = (folder / json.loads(label)["path"] for label in labels)
    return [path for path in paths if path.read_bytes().strip()]


def _report(name: str, found: dict[str, float]) -> None:
    worst = max(found, key=lambda key: found[key])
    median = statistics.median(found.values())
    line(name, len(found), f"{median:.1f}", f"{found[worst]:.1f}", worst)


def _of_habit(name: str, folder: Path) -> float:
    path = folder / "file.csv"
    count = 50
    raw = HABITS[name](Random(name), count).data
    while len(raw) < BYTES and count < 20_000:
        count = min(20_000, 1 + int(count * min(8, 1.1 * BYTES / len(raw))))
        raw = HABITS[name](Random(name), count).data
    path.write_bytes(raw)
    return _milliseconds(path)


def _milliseconds(path: Path) -> float:
    lakefall(str(path))
    tries = []
    for _ in range(TRIES):
        began = process_time()
        lakefall(str(path))
        tries.append(process_time() - began)
    return 1000 * min(tries)
