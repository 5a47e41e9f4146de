from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from lakefall.cli.rows import names, objects, plain


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (1.5, 1.5),
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
        ("é", "é"),
        (Decimal("1.10"), "1.10"),
        (date(2024, 1, 15), "2024-01-15"),
        (datetime(2024, 1, 15, 10, 30, tzinfo=UTC), "2024-01-15T10:30:00+00:00"),
        (time(10, 30), "10:30:00"),
        (b"\x00\xff", "00ff"),
        ([Decimal(1), None], [1, None]),
        ({"a": date(2024, 1, 15)}, {"a": "2024-01-15"}),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (timedelta(seconds=90), "0:01:30"),
    ],
)
def test_every_kind_of_value_fits_json(value: object, expected: object) -> None:
    assert plain(value) == expected
    json.dumps(plain(value), allow_nan=False)


def test_a_name_that_stands_twice_stays_two_columns() -> None:
    import pyarrow as pa

    table = pa.table([[1], [2], [3], [4]], names=["a", "a", "a_2", "a"])
    assert names(table) == ["a", "a_3", "a_2", "a_4"]
    assert list(objects(table)) == [{"a": 1, "a_3": 2, "a_2": 3, "a_4": 4}]


def test_nanoseconds_are_cut_to_microseconds() -> None:
    import pyarrow as pa

    table = pa.table({"t": pa.array([1_700_000_000_000_000_123], pa.timestamp("ns", "UTC"))})
    assert list(objects(table)) == [{"t": "2023-11-14T22:13:20+00:00"}]


def test_no_rows() -> None:
    import pyarrow as pa

    assert list(objects(pa.table({"a": pa.array([], pa.int64())}))) == []
