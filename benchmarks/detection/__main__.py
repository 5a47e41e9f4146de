"""Everything about detection, measured on labelled public files next to others.

    python -m benchmarks.detection [--bench FOLDER]

The files and the scorers are not part of this repository: they are read from a folder beside it
(``../shared/bench``), which holds one folder per set with ``labels.jsonl``, and ``score_*.py``.
Detectors that are not installed are left out by name. Both halves of each set are shown: rules
were found on ``a``. The last tables are those of the README.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.detection import column_types, readme, tables, timing

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
    dialects = tables.dialects(bench)
    tables.misses(bench)
    pollock = tables.tables(bench)
    encodings = tables.encodings(bench)
    tables.confidence(bench)
    timing.times(bench)
    types = column_types.main(bench, halves=True, misses=True)
    readme.write(dialects, pollock, encodings, types)
    return 0


if __name__ == "__main__":
    sys.exit(main())
