"""Files that are counted together are judged as if each had been counted alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threshold_support import inferer, side_by_side

from lakefall_plugins.inference import file_counts, threshold

CELLS = st.sampled_from(
    ["0", "1", "2", "-5", "3.5", "007", "", "NULL", " 7", "2024-01-15", "05/01/2024", "25/01/2024"]
)
FILES = st.lists(
    st.lists(st.lists(CELLS, min_size=1, max_size=9), min_size=1, max_size=3),
    min_size=2,
    max_size=4,
)


@pytest.mark.slow
@given(files=FILES, sample=st.integers(1, 10), quick=st.booleans())
@settings(deadline=None, max_examples=12)
def test_a_stack_counts_what_each_file_counts_alone(
    tmp_path_factory: pytest.TempPathFactory, files: list[list[list[str]]], sample: int, quick: bool
) -> None:
    # A column in front keeps rows from being blank lines.
    texts = [side_by_side([["k"] * max(map(len, columns)), *columns]) for columns in files]
    infer = inferer(tmp_path_factory.mktemp("stack"))
    together = infer(*texts, sample_rows=sample, quick=quick)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threshold, "count_together", lambda surveys: None)
        alone = infer(*texts, sample_rows=sample, quick=quick)
    assert together == alone


@pytest.mark.parametrize(
    ("widths", "expected"),
    [([3], []), ([3, 3], [2]), ([3, 2, 3], [2]), ([51, 51], []), ([1] * 65, [64])],
    ids=str,
)
def test_files_of_one_width_are_stacked(widths: list[int], expected: list[int]) -> None:
    class Named:
        def __init__(self, width: int) -> None:
            self.names = tuple(map(str, range(width)))

    stacks = file_counts._stacks([Named(width) for width in widths])  # type: ignore[misc]
    assert [len(stack) for stack in stacks] == expected
