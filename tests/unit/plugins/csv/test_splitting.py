"""Splitting a sample, against CPython's csv module."""

from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from lakefall_plugins.formats.csv.sniffing.splitting import Way, split

CELL = st.text(alphabet='ab1 ,;"\n', max_size=8)


@given(
    rows=st.lists(st.lists(CELL, min_size=2, max_size=4), min_size=1, max_size=6),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_well_formed_text_is_split_as_the_csv_module_does(
    rows: list[list[str]], quoting: int
) -> None:
    stream = io.StringIO()
    csv.writer(stream, quoting=quoting, lineterminator="\n").writerows(rows)  # type: ignore[arg-type]
    found = split(stream.getvalue(), Way(",", '"'))
    assert [list(row.cells) for row in found.rows] == rows
    assert (found.misplaced, found.open_end) == (0, False)


@given(rows=st.lists(st.lists(CELL, min_size=2, max_size=3), min_size=1, max_size=5))
def test_rows_know_their_physical_line(rows: list[list[str]]) -> None:
    stream = io.StringIO()
    csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    text = stream.getvalue()
    starts = [row.line for row in split(text, Way(",", '"')).rows]
    sizes = [1 + sum(cell.count("\n") for cell in row) for row in rows]
    assert starts == [sum(sizes[:i]) for i in range(len(rows))]


def test_misplaced_quotes_are_counted() -> None:
    found = split('a,"b"c\n"d",e\n', Way(",", '"'))
    assert (found.quoted, found.misplaced) == (1, 1)
    assert found.rows[0].cells == ("a", '"b"c')


def test_a_cell_that_the_sample_cuts_is_dropped_with_its_row() -> None:
    text = 'a,b\n1,"x\ny'
    assert len(split(text, Way(",", '"'), truncated=True).rows) == 1
    whole = split(text, Way(",", '"'))
    assert whole.open_end
    assert whole.rows[1].cells == ("1", "x\ny")


def test_protected_cells_hold_a_delimiter_or_a_line_end() -> None:
    assert split('"a,b","c\nd","e"\n', Way(",", '"')).protected == 2


def test_backslash() -> None:
    found = split('"a \\" b",c\n', Way(",", '"', "\\"))
    assert (found.quoted, found.misplaced) == (1, 0)
