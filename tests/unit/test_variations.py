"""A small run of the variations; ``python -m benchmarks.variations`` is the large one."""

from __future__ import annotations

import os

import pytest
from benchmarks.variations.running import RIGHT, WRONG, load_groups, outcomes, variation

FILES = int(os.environ.get("LAKEFALL_TEST_EXAMPLES", "25")) // 25 or 1
SEED = int(os.environ.get("LAKEFALL_TEST_SEED", "20260101"))
GROUPS = load_groups()


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
def test_variations_are_read_right_or_refused(group: str) -> None:
    found = list(outcomes(SEED, [group], range(FILES)))
    wrong = [outcome for outcome in found if outcome.result == WRONG]
    assert not wrong, f"seed {SEED}: {wrong[0]}"
    assert sum(outcome.result == RIGHT for outcome in found) >= 0.95 * len(found)


def test_a_file_is_the_same_whenever_it_is_made() -> None:
    one, again = (variation(7, "quotes", "nonnumeric", 3) for _ in range(2))
    assert one == again
    assert one != variation(8, "quotes", "nonnumeric", 3)
