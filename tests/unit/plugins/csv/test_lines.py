"""Rows to physical lines."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakefall.contract.values import Places
from lakefall.tabular.places import LineMap, LineMapWriter

STEPS = st.lists(st.lists(st.integers(1, 3), max_size=8), max_size=8)


@settings(deadline=None)
@given(STEPS, st.integers(1, 5))
def test_every_row_is_found_again(
    tmp_path_factory: pytest.TempPathFactory, steps: list[list[int]], first: int
) -> None:
    import numpy as np

    path = tmp_path_factory.mktemp("lines") / "map"
    line, lines = first, []
    with LineMapWriter(path) as writer:
        for step in steps:
            block = []
            for lines_of_record in step:
                block.append(line)
                line += lines_of_record
            if all(lines_of_record == 1 for lines_of_record in step):
                writer.run(block[0] if block else line, len(block))
            else:
                writer.append(np.array(block, dtype=np.int64))
            lines += block
    found = LineMap.load(Places(path))
    assert [found.line(row) for row in range(len(lines))] == lines
    assert found.lines(np.arange(len(lines))).tolist() == lines
    breaks = 1 + sum(b - a != 1 for a, b in pairwise(lines))
    assert path.stat().st_size == 16 * (breaks if lines else 0)


def test_no_rows(tmp_path: Path) -> None:
    with LineMapWriter(tmp_path / "map"):
        pass
    with pytest.raises(IndexError):
        LineMap.load(Places(tmp_path / "map")).line(0)
