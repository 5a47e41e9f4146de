"""Everything about detection, measured on labelled public files next to others.

    python -m benchmarks.detection [--bench FOLDER]

The files and the scorers are not part of this repository: they are read from a folder beside it
(``../shared/bench``), which holds one folder per set with ``labels.jsonl``, and ``score_*.py``.
Detectors that are not installed are left out by name. ``column_types.py`` adds the inference
of types. Both halves of each set are shown: rules were found on ``a``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.detection import tables, timing

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bench", type=Path, default=ROOT.parent / "shared" / "bench")
    bench = parser.parse_args().bench.resolve()
    if not (bench / "score_dialect.py").exists():
        print(
            f"SKIPPED: no benchmark data in {bench}; name its folder with --bench", file=sys.stderr
        )
        return 0
    sys.path.insert(0, str(bench))
    tables.dialects(bench)
    tables.misses(bench)
    tables.tables(bench)
    tables.encodings(bench)
    tables.confidence(bench)
    timing.times(bench)
    return types(bench)


def types(bench: Path) -> int:
    """The inference of types, where its benchmark is there."""
    path = Path(__file__).parent / "column_types.py"
    if not path.exists():
        return 0
    command = [sys.executable, str(path), "--bench", str(bench), "--halves"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, check=False, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
