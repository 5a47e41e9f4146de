"""The built-in formats keep the laws of sniffers and readers; those of CSV are in test_steps."""

from __future__ import annotations

import functools
import io
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

import pytest

from lakefall.contract.values import Format
from lakefall.testing import Example, ReaderContract, SnifferContract
from lakefall_plugins.formats.excel.options import Table, Workbook
from lakefall_plugins.formats.excel.plugins import ExcelReader, ExcelSniffer
from lakefall_plugins.formats.jsonl.format import JsonObjects
from lakefall_plugins.formats.jsonl.reader import JsonlReader
from lakefall_plugins.formats.jsonl.sniffer import JsonlSniffer
from lakefall_plugins.formats.parquet.reader import ParquetReader
from lakefall_plugins.formats.parquet.sniffer import ParquetFormat, ParquetSniffer

LINES = (
    b'{"id": 1, "name": "ann", "ok": true}\n{"id": 2\n\n{"id": 3, "tags": ["x"], "name": null}\n'
)
LINES_FORMAT = JsonObjects("lines", evidence=("2 of the first 3 lines are objects",))
ARRAY = b'\xef\xbb\xbf[\n {"id": 12345678901234567890123},\n 7\n]'
ARRAY_FORMAT = JsonObjects("array", "utf-8-sig", evidence=("it begins with [",))


class TestJsonlSniffer(SnifferContract):
    plugin = JsonlSniffer
    key = "t/file.jsonl"

    def examples(self) -> Mapping[bytes, Format]:
        return {LINES: LINES_FORMAT, ARRAY: ARRAY_FORMAT}


class TestJsonlReader(ReaderContract):
    plugin = JsonlReader

    def examples(self) -> Sequence[Example]:
        return [
            Example(
                LINES,
                LINES_FORMAT,
                ("id", "name", "ok", "tags"),
                ((1, "ann", True, None), (3, None, None, '["x"]')),
                rejects=(2,),
                types=("INTEGER", "", "BOOLEAN", "JSON"),
                places=(1, 4),
            ),
            Example(
                ARRAY,
                ARRAY_FORMAT,
                ("id",),
                (("12345678901234567890123",),),
                rejects=(3,),
                places=(2,),
            ),
        ]


@functools.cache
def parquet_file() -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(
        {
            "id": pa.array([2**40, None], pa.int64()),
            "price": pa.array([Decimal("1.50"), Decimal("-2.25")], pa.decimal128(9, 2)),
            "day": pa.array([None, date(2024, 2, 29)], pa.date32()),
            "name": ["00501", ""],
            "where": [{"lat": 1.5, "tags": ["a"]}, None],
        }
    )
    made = io.BytesIO()
    pq.write_table(table, made)
    return made.getvalue()


@functools.cache
def parquet_format() -> ParquetFormat:
    import pyarrow.parquet as pq

    writer = pq.ParquetFile(io.BytesIO(parquet_file())).metadata.created_by
    return ParquetFormat(2, 5, 1, writer, evidence=("it begins and ends as Parquet files do",))


class TestParquetSniffer(SnifferContract):
    plugin = ParquetSniffer
    key = "t/file.parquet"

    def examples(self) -> Mapping[bytes, Format]:
        return {parquet_file(): parquet_format()}


class TestParquetReader(ReaderContract):
    plugin = ParquetReader

    def examples(self) -> Sequence[Example]:
        return [
            Example(
                parquet_file(),
                parquet_format(),
                ("id", "price", "day", "name", "where"),
                (
                    (2**40, Decimal("1.50"), None, "00501", {"lat": 1.5, "tags": ["a"]}),
                    (None, Decimal("-2.25"), date(2024, 2, 29), "", None),
                ),
                types=(
                    *("BIGINT", "DECIMAL(9,2)", "DATE", "VARCHAR"),
                    "STRUCT(lat DOUBLE, tags VARCHAR[])",
                ),
                places=(1, 2),
            )
        ]


@functools.cache
def workbook() -> bytes:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "May"
    for row in (
        ("id", "name", "paid", "day"),
        (1, "ann", 2.5, date(2024, 5, 1)),
        (2, "00501", "#N/A", date(2024, 5, 2)),
        (3, "eve", 4.0, None),
    ):
        sheet.append(row)
    sheet["C3"].data_type = "e"
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


EVIDENCE = "sheet 'May': 3 columns hold other kinds of values than their first cell"
BOOK = Workbook("xlsx", (Table("May", 1, 1),), evidence=(EVIDENCE,))


class Excel:
    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("python_calamine")


class TestExcelSniffer(Excel, SnifferContract):
    plugin = ExcelSniffer
    key = "t/file.xlsx"

    def examples(self) -> Mapping[bytes, Format]:
        return {workbook(): BOOK}


class TestExcelReader(Excel, ReaderContract):
    plugin = ExcelReader

    def examples(self) -> Sequence[Example]:
        rows = (
            (1, "ann", 2.5, date(2024, 5, 1)),
            (2, "00501", None, date(2024, 5, 2)),
            (3, "eve", 4.0, None),
        )
        types = ("INTEGER", "", "DOUBLE", "DATE")
        return [
            Example(
                workbook(), BOOK, ("id", "name", "paid", "day"), rows,
                nulled=(3,), types=types, places=(2, 3, 4), key="t/file.xlsx",
            )
        ]  # fmt: skip
