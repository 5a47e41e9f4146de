"""Records to typed Parquet: values, NULLs, rejects, ids, and the proof."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from reader_support import FakePipeline, convert_bytes, dialect

from lakefall.contract.errors import TooManyRejectsError, TypeConflictError, ViolationError
from lakefall.contract.validation import OnViolation, Violation

if TYPE_CHECKING:
    import pyarrow as pa


def test_types_and_nulls(tmp_path: Path) -> None:
    data = (
        b"i,d,day,ts,flag,name\n"
        b"1,1.5,01/02/2024,2024-01-02 03:04:05.123456,true, x \n"
        b' 2 ,NULL,,\\N,"","",\n'
        b'\\N," ",null,2024-01-02T03:04:05,no,NULL\n'
    )
    columns = {
        "i": "INTEGER",
        "d": "DOUBLE",
        "day": "DATE:%d/%m/%Y",
        "ts": "TIMESTAMP",
        "flag": "BOOLEAN",
        "name": "VARCHAR",
    }
    result = convert_bytes(data, tmp_path, columns)
    assert [tuple(row.values()) for row in result.rows] == [
        (1, 1.5, date(2024, 2, 1), datetime(2024, 1, 2, 3, 4, 5, 123456), True, " x "),
        (2, None, None, None, None, ""),
        (None, None, None, datetime(2024, 1, 2, 3, 4, 5), False, "NULL"),
    ]
    assert result.rejects == []


def test_field_ids_and_audit_columns(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    result = convert_bytes(b"a,b\n1,x\n", tmp_path, {"a": "INTEGER", "b": "VARCHAR"})
    schema = pq.read_schema(result.converted.paths[0])
    ids = {field.name: int(field.metadata[b"PARQUET:field_id"]) for field in schema}
    assert ids == {"a": 10, "b": 11, "_source_file": 9001, "_ingested_at": 9002}
    assert schema.field("_ingested_at").type == pa.timestamp("us")


def test_columns_are_joined_by_name(tmp_path: Path) -> None:
    columns = {"b": "INTEGER", "gone": "DATE", "a_b": "VARCHAR"}
    result = convert_bytes(b"A b,unused,B\nx,y,1\n", tmp_path, columns)
    assert result.rows == [{"b": 1, "gone": None, "a_b": "x"}]


def test_misfits_become_null_and_are_kept(tmp_path: Path) -> None:
    data = b'a,b\n1,x\n"7\n7",y\nNULL,z\nabc,2\n,3\n12345678901,4\n'
    result = convert_bytes(data, tmp_path, {"a": "INTEGER", "b": "INTEGER"})
    assert [row["a"] for row in result.rows] == [1, None, None, None, None, None]
    assert sorted((r.line, r.column, r.text) for r in result.rejects) == [
        (2, "b", "x"),
        (3, "a", "7\n7"),
        (3, "b", "y"),
        (5, "b", "z"),
        (6, "a", "abc"),
        (8, "a", "12345678901"),
    ]
    assert result.rejects[0].reason.startswith("not a value of type INTEGER")


def test_misfits_are_found_beside_records_that_were_rejected(tmp_path: Path) -> None:
    data = b"a,b\n1\nx,2\n3,4\n"
    result = convert_bytes(data, tmp_path, {"a": "INTEGER", "b": "INTEGER"})
    assert [(r.line, r.column, r.text) for r in result.rejects] == [(2, "", "1"), (3, "a", "x")]
    assert result.rows == [{"a": None, "b": 2}, {"a": 3, "b": 4}]


def test_misfit_rejects_its_record(tmp_path: Path) -> None:
    data = b'a,b\n1,2\nx,"y,""\n"\n3,z\n'
    for extra in ({"on_misfit": "reject"}, {"conflicts": {"a": "reject", "b": "reject"}}):
        result = convert_bytes(data, tmp_path, {"a": "INTEGER", "b": "INTEGER"}, **extra)
        assert result.rows == [{"a": 1, "b": 2}]
        assert [(r.line, r.column, r.text) for r in result.rejects] == [
            (3, "", 'x,"y,""\n"'),
            (5, "", "3,z"),
        ]
        assert "a: not a value of type INTEGER: x" in result.rejects[0].reason
        assert "; b: " in result.rejects[0].reason


def test_conflicting_column_rejects_where_others_null(tmp_path: Path) -> None:
    columns = {"a": "INTEGER", "b": "INTEGER"}
    data = b"a,b\nx,1\n2,y\nx,y\n"
    result = convert_bytes(data, tmp_path, columns, conflicts={"a": "reject"})
    assert result.rows == [{"a": 2, "b": None}]
    assert [(r.line, r.column) for r in result.rejects] == [(2, ""), (4, ""), (3, "b")]


def test_misfit_fails_the_file(tmp_path: Path) -> None:
    with pytest.raises(TypeConflictError, match="line 3, column 'a': 'x' is not a value"):
        convert_bytes(b"a\n1\nx\n", tmp_path, {"a": "INTEGER"}, on_misfit="fail")
    assert not list((tmp_path / "scratch").rglob("*.parquet"))


def test_too_many_misfit_records(tmp_path: Path) -> None:
    data = b"a\n" + b"1\n" * 10 + b"x\n" * 11
    with pytest.raises(TooManyRejectsError, match="11 of 21"):
        convert_bytes(data, tmp_path, {"a": "INTEGER"}, on_misfit="reject", max_rejected=0.5)


def _below_ten(batch: pa.RecordBatch) -> Iterator[Violation]:
    assert batch.schema.names == ["a", "b"]
    for row, value in enumerate(batch.column("a").to_pylist()):
        if value is not None and value >= 10:
            yield Violation(row, "a", "must be below 10", str(value))
        if value == 12:
            yield Violation(row, "", "twelve is odd")


def test_validators_reject(tmp_path: Path) -> None:
    data = b"a,b\n1,x\n10,y\nz,\n12,q\n"
    pipeline = FakePipeline(validator=_below_ten)
    columns = {"a": "INTEGER", "b": "VARCHAR"}
    result = convert_bytes(data, tmp_path, columns, pipeline=pipeline)
    assert result.rows == [{"a": 1, "b": "x"}, {"a": None, "b": None}]
    assert [(r.line, r.column, r.reason, r.text) for r in result.rejects if not r.column] == [
        (3, "", "a: must be below 10: 10", "10,y"),
        (5, "", "a: must be below 10: 12; twelve is odd", "12,q"),
    ]
    assert [(r.line, r.column) for r in result.rejects if r.column] == [(4, "a")]


def test_validators_fail(tmp_path: Path) -> None:
    def refuse(batch: Any) -> Iterator[Violation]:
        yield Violation(1, "a", "no", action=OnViolation.FAIL)

    with pytest.raises(ViolationError, match="line 3: a: no"):
        convert_bytes(
            b"a\n1\n2\n", tmp_path, {"a": "INTEGER"}, pipeline=FakePipeline(validator=refuse)
        )


def test_rejects_are_told_with_their_first_lines(tmp_path: Path) -> None:
    rows = [b"i,name", *(b"%d,x" % i for i in range(2, 40))]
    rows[3], rows[6], rows[8] = b"ragged", b"bad,x", b"a,b,c"
    result = convert_bytes(b"\n".join(rows), tmp_path, {"i": "INTEGER", "name": "VARCHAR"})
    (warning,), (lost,) = result.converted.warnings, result.converted.lost_values
    assert warning.startswith("2 records rejected and 1 values became NULL, on lines 4, 7, 9;")
    assert lost.startswith("column 'i': 1 value is not a value of type INTEGER and became NULL (")
    assert "'bad' on line 7" in lost
    many = b"i,name\n" + b"1,x\n" * 40 + b"ragged\n" * 15
    (warning,) = convert_bytes(many, tmp_path, {"i": "INTEGER"}).converted.warnings
    assert warning.startswith("15 records rejected, on lines 42, 43, 44, 45, 46, 47, 48, 49,")
    assert "50, 51, ...;" in warning
    assert convert_bytes(b"i\n1\n", tmp_path, {"i": "INTEGER"}).converted.warnings == ()


def test_no_rows_no_file(tmp_path: Path) -> None:
    result = convert_bytes(b"a,b\n", tmp_path, {"a": "INTEGER"})
    assert (result.converted.paths, result.converted.rows_read) == ((), 0)


def test_text_keeps_what_it_is(tmp_path: Path) -> None:
    data = "a;b\n 'x' ;\"\"\n\\N;é\n".encode("cp1252")
    found = dialect(delimiter=";", encoding="cp1252")
    result = convert_bytes(data, tmp_path, {"a": "VARCHAR", "b": "VARCHAR"}, found=found)
    assert [tuple(row.values()) for row in result.rows] == [(" 'x' ", ""), (None, "é")]


@pytest.mark.slow
def test_wide_files(tmp_path: Path) -> None:
    names = [f"n{i}" for i in range(400)]
    data = ",".join(names) + "\n" + ",".join(map(str, range(399))) + ",x\n"
    result = convert_bytes(data.encode(), tmp_path, dict.fromkeys(names, "INTEGER"))
    assert [*result.rows[0].values()] == [*range(399), None]
    assert [(r.column, r.text) for r in result.rejects] == [("n399", "x")]
