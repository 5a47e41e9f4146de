"""Everything about detection, measured on labelled public files next to others.

    python -m benchmarks.detection [--bench FOLDER]

The files and the scorers are not part of this repository: they are read from a folder beside it
(``../shared/bench``), which holds one folder per set with ``labels.jsonl``, and ``score_*.py``.
Detectors that are not installed are left out by name. ``types.py`` adds the inference of types
where it is there. Both halves of each set are shown: rules were found on ``a``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from benchmarks.detection import score, timing

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
    score.dialects(bench)
    score.misses(bench)
    score.tables(bench)
    score.encodings(bench)
    score.confidence(bench)
    timing.times(bench)
    if (Path(__file__).parent / "types.py").exists():
        command = [sys.executable, "-m", "benchmarks.detection.types", "--bench", str(bench)]
        return subprocess.run(command, check=False, cwd=ROOT).returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
