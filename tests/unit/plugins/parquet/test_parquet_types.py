"""The types that a file declares are kept, value for value; the rules where a table has none."""

from __future__ import annotations

import datetime as dt
import json
import math
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from parquet_support import Opened, open_file, write

from lakefall.common import sql
from lakefall.contract.configuration import Engine
from lakefall.contract.errors import UnsupportedFormatError
from lakefall.contract.values import text_column
from lakefall.tabular import nested

DAY = dt.date(2024, 2, 29)
MOMENT = dt.datetime(2024, 2, 29, 23, 59, 59, 123456)
ZONED = "TIMESTAMP WITH TIME ZONE"


def kept() -> dict[str, tuple[Any, str]]:
    """Name -> what the file holds, and the type that is declared; the values stay."""
    import pyarrow as pa

    berlin = pa.timestamp("us", "Europe/Berlin")
    return {
        "int8": (pa.array([-128, None, 127], pa.int8()), "INTEGER"),
        "int16": (pa.array([-32768, None, 32767], pa.int16()), "INTEGER"),
        "int32": (pa.array([-(2**31), None, 2**31 - 1], pa.int32()), "INTEGER"),
        "int64": (pa.array([-(2**63), None, 2**63 - 1], pa.int64()), "BIGINT"),
        "uint8": (pa.array([0, None, 255], pa.uint8()), "INTEGER"),
        "uint16": (pa.array([0, None, 65535], pa.uint16()), "INTEGER"),
        "uint32": (pa.array([0, None, 2**32 - 1], pa.uint32()), "BIGINT"),
        "uint64, fitting": (pa.array([0, None, 2**63 - 1], pa.uint64()), "BIGINT"),
        "float16": (pa.array([1.5, None, 65504.0], pa.float16()), "DOUBLE"),
        "float32": (pa.array([0.1, None, -math.inf], pa.float32()), "DOUBLE"),
        "float64": (pa.array([0.1, None, 5e-324], pa.float64()), "DOUBLE"),
        "decimal(9,2)": (pa.array([Decimal("1234567.89"), None, Decimal("-0.01")],
                                  pa.decimal128(9, 2)), "DECIMAL(9,2)"),
        "decimal(38,10)": (pa.array([Decimal("9" * 28 + ".0123456789"), None, Decimal(0)],
                                    pa.decimal128(38, 10)), "DECIMAL(38,10)"),
        "boolean": (pa.array([True, None, False]), "BOOLEAN"),
        "date32": (pa.array([DAY, None, dt.date.min], pa.date32()), "DATE"),
        "date64": (pa.array([DAY, None, dt.date.max], pa.date64()), "DATE"),
        "time, ms": (pa.array([dt.time(1, 2, 3, 4000), None, dt.time.min], pa.time32("ms")),
                     "TIME"),
        "time, us": (pa.array([dt.time(1, 2, 3, 4), None, dt.time.max], pa.time64("us")), "TIME"),
        "timestamp, s": (pa.array([MOMENT.replace(microsecond=0), None, dt.datetime.min],
                                  pa.timestamp("s")), "TIMESTAMP"),
        "timestamp, ms": (pa.array([MOMENT.replace(microsecond=5000), None, dt.datetime.min],
                                   pa.timestamp("ms")), "TIMESTAMP"),
        "timestamp, us": (pa.array([MOMENT, None, dt.datetime.max], pa.timestamp("us")),
                          "TIMESTAMP"),
        "instant, us": (pa.array([MOMENT, None, MOMENT], berlin), ZONED),
        "instant, ms": (pa.array([5, None, -5], pa.timestamp("ms", "UTC")), ZONED),
        "text": (pa.array(["00501", None, ""]), "VARCHAR"),
        "large text": (pa.array(["1", None, "é"], pa.large_string()), "VARCHAR"),
        "dictionary": (pa.array(["true", None, ""]).dictionary_encode(), "VARCHAR"),
        "JSON": (pa.array(["1.10", None, '{"a": [1]}'], pa.json_()), "JSON"),
        "nothing": (pa.nulls(3), "VARCHAR"),
    }  # fmt: skip


def changed() -> dict[str, tuple[Any, str, list[Any]]]:
    """Name -> what the file holds, the type that is declared, and the values that come of it."""
    import pyarrow as pa

    ids = [uuid.UUID(int=7), None, uuid.UUID(int=2**127 + 5)]
    return {
        "UUID": (pa.array([i and i.bytes for i in ids], pa.uuid()), "UUID",
                 [i and str(i) for i in ids]),
        "uint64, too large": (pa.array([0, None, 2**64 - 1], pa.uint64()), "DECIMAL(20,0)",
                              [Decimal(0), None, Decimal(2**64 - 1)]),
        "decimal(60,0)": (pa.array([Decimal("9" * 60), None, Decimal(-1)], pa.decimal256(60, 0)),
                          "VARCHAR", ["9" * 60, None, "-1"]),
        "bytes": (pa.array([b"\x00\xff", None, b""]), "VARCHAR", ["00ff", None, ""]),
        "fixed bytes": (pa.array([b"ab", None, b"\xfe\xed"], pa.binary(2)), "VARCHAR",
                        ["6162", None, "feed"]),
        "time, ns, whole": (pa.array([1000, None, 86_399_999_999_000], pa.time64("ns")), "TIME",
                            [dt.time(0, 0, 0, 1), None, dt.time.max]),
        "time, ns": (pa.array([1, 86_399_000_000_000, 15 * 10**8], pa.time64("ns")), "VARCHAR",
                     ["00:00:00.000000001", "23:59:59.000000000", "00:00:01.500000000"]),
        "timestamp, ns, whole": (pa.array([1000, None, -1000], pa.timestamp("ns")), "TIMESTAMP",
                                 [dt.datetime(1970, 1, 1, 0, 0, 0, 1), None,
                                  dt.datetime(1969, 12, 31, 23, 59, 59, 999999)]),
        "timestamp, ns": (pa.array([10**9 + 1, None, -1], pa.timestamp("ns")), "VARCHAR",
                          ["1970-01-01 00:00:01.000000001", None, "1969-12-31 23:59:59.999999999"]),
        "instant, ns": (pa.array([1, None, 10**9], pa.timestamp("ns", "Asia/Tokyo")), "VARCHAR",
                        ["1970-01-01 00:00:00.000000001+00:00", None,
                         "1970-01-01 00:00:01.000000000+00:00"]),
    }  # fmt: skip


def as_read(opened: Opened) -> dict[str, tuple[str, list[Any]]]:
    return dict(
        zip(opened.records.header, zip(opened.types, opened.values, strict=True), strict=True)
    )


def test_declared_types_are_kept_with_their_values(tmp_path: Path) -> None:
    expected = {name: (declared, array.to_pylist()) for name, (array, declared) in kept().items()}
    for name, (declared, values) in expected.items():
        if declared == ZONED:
            # The same instants, whatever zone they are shown in.
            expected[name] = (declared, [v and v.astimezone(dt.UTC) for v in values])
    arrays = {name: array for name, (array, _) in kept().items()}
    assert as_read(open_file(write(tmp_path / "a.parquet", arrays))) == expected


def test_what_no_table_has_follows_a_rule(tmp_path: Path) -> None:
    arrays = {name: array for name, (array, *_) in changed().items()}
    opened = open_file(write(tmp_path / "a.parquet", arrays))
    assert as_read(opened) == {
        name: (kind, values) for name, (_, kind, values) in changed().items()
    }
    said = opened.records.warnings
    assert "column 'uint64, too large': values beyond BIGINT; it is DECIMAL(20,0)" in said
    assert "column 'instant, ns': digits below the microsecond; it is VARCHAR" in said
    assert not any("whole" in each for each in said)


def test_nested_values_and_their_exact_json(tmp_path: Path) -> None:
    import pyarrow as pa

    inner = pa.struct([('a "b"', pa.decimal128(38, 20)), ("f", pa.float64()), ("t", pa.date32())])
    rows: list[Any] = [
        {'a "b"': Decimal("1.23456789012345678901"), "f": math.nan, "t": DAY},
        None,
        {'a "b"': None, "f": 0.1, "t": None},
    ]
    lists: list[Any] = [[[2**64 - 1], None, []], None, []]
    maps: list[Any] = [[(1, b"\xff"), (2, None)], None, []]
    wide: list[Any] = [[Decimal("9" * 60), None], None, []]
    opened = open_file(
        write(
            tmp_path / "a.parquet",
            {
                "s": pa.array(rows, inner),
                "l": pa.array(lists, pa.list_(pa.list_(pa.uint64()))),
                "m": pa.array(maps, pa.map_(pa.int32(), pa.binary())),
                "w": pa.array(wide, pa.list_(pa.decimal256(60, 0))),
            },
        )
    )
    assert opened.types == [
        'STRUCT("a ""b""" DECIMAL(38,20), f DOUBLE, t DATE)',
        "DECIMAL(20,0)[][]",
        "MAP(INTEGER, VARCHAR)",
        "VARCHAR[]",
    ]
    texts = [nested.json_text(kind, text_column(at)) for at, kind in enumerate(opened.types)]
    with sql.connect(Engine(threads=1), tmp_path) as connection:
        found = sql.rows(connection, f"SELECT {', '.join(texts)} FROM {opened.records.sql}")
    read = [
        [value and json.loads(value, parse_float=Decimal) for value in column]
        for column in zip(*found, strict=True)
    ]
    assert read[0] == [
        {'a "b"': Decimal("1.23456789012345678901"), "f": "nan", "t": "2024-02-29"},
        None,
        {'a "b"': None, "f": Decimal("0.1"), "t": None},
    ]
    assert read[1] == [[[2**64 - 1], None, []], None, []]
    assert read[2] == [{"1": "ff", "2": None}, None, {}]
    assert read[3] == [["9" * 60, None], None, []]


def test_types_that_other_writers_know(tmp_path: Path) -> None:
    import duckdb

    path = tmp_path / "a.parquet"
    duckdb.sql(
        "COPY (SELECT INTERVAL '1 month 3 days 5 hours' AS i, {'a': 1}::VARIANT AS v, "
        f"'12:00:00+02'::TIMETZ AS t) TO '{path}'"
    )
    opened = open_file(path)
    assert opened.types == ["VARCHAR", "JSON", "TIME"]
    assert opened.values == [["1 month 3 days 05:00:00"], ['{"a":1}'], [dt.time(10)]]


def test_timestamps_of_the_old_form(tmp_path: Path) -> None:
    import pyarrow as pa

    old = {"use_deprecated_int96_timestamps": True}
    moments = [dt.datetime(1500, 1, 1), MOMENT, None, dt.datetime.max]
    values = {"a": pa.array(moments, pa.timestamp("us"))}
    opened = open_file(write(tmp_path / "a.parquet", values, **old))
    assert (opened.types, opened.values) == (["TIMESTAMP"], [moments])
    lost = {"a": pa.array([1_000_000_001, None], pa.timestamp("ns"))}
    with pytest.raises(UnsupportedFormatError, match=r"rows 1 to 2, column 'a'.*INT96"):
        open_file(write(tmp_path / "b.parquet", lost, **old))


def test_wide_decimals_stay_in_their_rows(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    numbers = list(range(50_000))
    wide = pa.array(numbers, pa.int64()).cast(pa.decimal256(60, 0))
    path = write(
        tmp_path / "a.parquet", {"n": numbers, "w": wide, "z": numbers}, row_group_size=999
    )
    opened = open_file(path)
    assert opened.values == [numbers, [str(n) for n in numbers], numbers]
    assert pq.read_metadata(path).num_row_groups > 50
