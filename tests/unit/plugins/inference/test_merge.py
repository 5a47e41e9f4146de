"""Types from the first rows alone: only where these are of one mind, and with what is assumed."""

from __future__ import annotations

from pathlib import Path

import pytest
from threshold_support import Infer, inferer, side_by_side, table

from lakefall.contract.values import Assumed

SAMPLE = 3
REST = ["", "x", "7"]
"""What the first rows do not show."""


@pytest.fixture
def quick(tmp_path: Path) -> Infer:
    run = inferer(tmp_path)

    def infer(*columns: list[str], **options: object) -> object:
        key = ["k"] * max(map(len, columns))
        text = side_by_side([*columns, key])
        return run(text, **{"sample_rows": SAMPLE, "quick": True, **options})

    return infer  # type: ignore[return-value]


CLEAR = [
    (["5", "6", "7"], "INTEGER"),
    (["5", "", "7"], "INTEGER"),
    (["5000000000", "6", "7"], "BIGINT"),
    (["1.5", "2", "NULL"], "DOUBLE"),
    (["2024-01-15", "2024-01-16", "2024-01-17"], "DATE"),
    (["2024-01-15T10:30:00", "2024-01-16", "2024-01-17"], "TIMESTAMP"),
    (["0", "1", "yes"], "BOOLEAN"),
]


@pytest.mark.parametrize(("values", "type_"), CLEAR)
def test_what_first_rows_say_without_exception_is_assumed(
    quick: Infer, values: list[str], type_: str
) -> None:
    schema = quick([*values, *REST])
    column = schema.columns[0]
    assert schema.assumed == Assumed(("c0",))
    assert (column.type, column.nullable) == (type_, True)
    assert column.evidence[-1] == "all others are checked as they are written"


OPEN = {
    "a misfit": [*"12345678", "x", "9"],
    "day or month": ["01/02/2024", "03/04/2024"] * 5,
}


@pytest.mark.parametrize("values", OPEN.values(), ids=OPEN)
def test_what_first_rows_leave_open_takes_all_rows(quick: Infer, values: list[str]) -> None:
    schema = quick([*values, values[0]], sample_rows=len(values))
    assert schema.assumed is None
    assert "checked as they are written" not in " ".join(schema.columns[0].evidence)


@pytest.mark.parametrize("first", [["a", "b", "c"], ["5", "007", "7"]], ids=str)
def test_texts_assume_nothing(quick: Infer, first: list[str]) -> None:
    assert quick([*first, "5"]).assumed == Assumed(())


def test_a_column_without_values_is_assumed_to_have_none(quick: Infer) -> None:
    schema = quick(["", "", "NULL", "5"], ["1", "2", "3", "4"])
    assert schema.assumed == Assumed(("c1",), ("c0",))
    assert schema.columns[0].type == "VARCHAR"


def test_an_empty_column_of_a_known_type_is_of_that_type(quick: Infer) -> None:
    schema = quick(["", "", "", "2024-01-15"], table=table(c0="DATE %Y-%m-%d", c1="VARCHAR"))
    assert (schema.columns[0].type, schema.assumed) == ("DATE", Assumed(("c0",)))


def test_nothing_is_assumed_where_the_sample_is_all(quick: Infer) -> None:
    assert quick(["5", "6", "7"]).assumed is None


@pytest.mark.parametrize("options", [{"quick": False}, {"verify": "sample"}], ids=str)
def test_nothing_is_assumed_unless_asked(quick: Infer, options: dict[str, object]) -> None:
    assert quick(["5", "6", "7", "8"], **options).assumed is None


def test_a_table_that_would_have_to_widen_takes_all_rows(quick: Infer) -> None:
    values = ["1.5", "2.5", "3.5", "4"]
    assert quick(values, table=table(c0="INTEGER", c1="VARCHAR")).assumed is None
    known = quick(["1", "2", "3", "4"], table=table(c0="BIGINT", c1="VARCHAR"))
    assert (known.assumed, known.columns[0].type) == (Assumed(("c0",)), "BIGINT")


FILES = [
    (("1", "2", "3", "4"), ("5", "6", "7", "8"), Assumed(("c0",))),
    (("1", "2", "3", "4"), ("5.5", "6", "7", "8"), None),
    (("1", "2", "3", "4"), ("", "", "", "8"), None),
    (("a", "b", "c", "d"), ("", "", "", "8"), None),
    (("1", "2", "3", "4"), ("x", "y", "z", "8"), None),
]


@pytest.mark.slow
@pytest.mark.parametrize(("one", "other", "expected"), FILES)
def test_files_have_to_be_of_one_mind(
    tmp_path: Path, one: tuple[str, ...], other: tuple[str, ...], expected: Assumed | None
) -> None:
    texts = [side_by_side([list(values), ["k"] * 4]) for values in (one, other)]
    assert inferer(tmp_path)(*texts, sample_rows=SAMPLE, quick=True).assumed == expected
