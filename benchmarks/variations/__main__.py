"""Variations of kinds of files that detection has to read right, or to refuse.

    python -m benchmarks.variations [GROUP ...] [--count 20] [--seed N] [--only PART] [--show N]

Prints the seed, a line for each miss, and a table: how many of each kind are right, refused and
silently wrong, and how often a confidence above 0.9 was right. ``--show`` prints one file.
"""

from __future__ import annotations

import argparse
import secrets
import sys
from collections import Counter

from benchmarks.variations.running import (
    KINDS,
    REFUSED,
    RIGHT,
    SURE,
    WRONG,
    Outcome,
    load_groups,
    outcomes,
    variation,
)


def main() -> int:
    groups = load_groups()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="*", help=f"of {', '.join(groups)}; all by default")
    parser.add_argument("--count", type=int, default=20, help="files of each kind")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--only", default="", help="kinds whose name holds this")
    parser.add_argument("--show", type=int, default=None, help="print the file of this number")
    options = parser.parse_args()
    seed = secrets.randbelow(10**9) if options.seed is None else options.seed
    print(f"seed {seed}")
    chosen = options.groups or groups
    if options.show is not None:
        _show(seed, chosen, options.only, options.show)
        return 0
    found = []
    for outcome in outcomes(seed, chosen, range(options.count), options.only):
        found.append(outcome)
        if outcome.result != RIGHT:
            place = f"{outcome.group}: {outcome.kind} {outcome.number}"
            print(f"{outcome.result}, {place}, {outcome.confidence:.2f}: {outcome.what[:300]}")
    print(table(found))
    return int(any(outcome.result == WRONG for outcome in found))


def _show(seed: int, groups: list[str], only: str, number: int) -> None:
    for group in groups:
        for name in KINDS[group]:
            if only in name:
                print(f"--- {group}: {name} {number}")
                print(variation(seed, group, name, number).data.decode("utf-8", "replace"))


def table(found: list[Outcome]) -> str:
    """What became of the files, a line a kind."""
    kinds = dict.fromkeys((outcome.group, outcome.kind) for outcome in found)
    lines = [
        "",
        "| group | kind | files | right | refused | silently wrong |",
        "|---|---|" + "---|" * 4,
    ]
    for group, name in kinds:
        counts = Counter(o.result for o in found if (o.group, o.kind) == (group, name))
        lines.append(_line(group, name, counts))
    lines.append(_line("**all**", "", Counter(o.result for o in found)))
    sure = [o for o in found if o.confidence > SURE]
    right = sum(o.result == RIGHT for o in sure)
    share = f"{right} of {len(sure)} above {SURE} right" if sure else "none is sure"
    slowest = max(found, key=lambda o: o.seconds, default=None)
    slow = f"; slowest {1000 * slowest.seconds:.0f} ms, {slowest.kind}" if slowest else ""
    return "\n".join([*lines, "", f"confidence: {share}{slow}"])


def _line(group: str, name: str, counts: Counter[str]) -> str:
    cells = [group, name, counts.total(), counts[RIGHT], counts[REFUSED], counts[WRONG]]
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    sys.exit(main())
