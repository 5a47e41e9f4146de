"""Small files converted by one query give what each would give alone, or are left to that."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reader_support import FakePipeline, dialect, local_file, make_run

from lakefall.contract.errors import UnprovedTypesError
from lakefall.contract.run import Run
from lakefall.contract.values import (
    Assumed,
    Converted,
    FileColumn,
    FileScan,
    PlannedColumn,
    Records,
    Schema,
    TablePlan,
)
from lakefall.tabular import joint as together
from lakefall.tabular.conversion import convert
from lakefall_plugins.formats.csv.reader import CsvReader, CsvReaderOptions

COLUMNS = {"n": "INTEGER", "day": "DATE", "note": "VARCHAR"}
PLAN = TablePlan(
    "t",
    True,
    tuple(PlannedColumn(n, t, "", field_id=10 + i) for i, (n, t) in enumerate(COLUMNS.items())),
    source_file_id=9001,
    ingested_at_id=9002,
)
GOOD = st.tuples(
    st.sampled_from(["1", "-20", "", " 7"]),
    st.sampled_from(["2024-01-15", ""]),
    st.sampled_from(["x", "", "ü, y", 'say "hi"', "two\nlines", "\\N", "NULL"]),
)
ANY = st.one_of(
    GOOD,
    st.tuples(
        st.sampled_from(["x", "1.5", "NULL"]), st.sampled_from(["2024-02-30"]), st.just("bad")
    ),
)
Rows = Sequence[tuple[str, ...]]


def text(rows: Rows, line_end: str = "\n") -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=line_end)
    writer.writerows([tuple(COLUMNS), *rows])
    return out.getvalue().encode()


def opened(
    folder: Path, files: Sequence[bytes], pipeline: Any = None, **options: Any
) -> tuple[Run, list[Records]]:
    pipeline = pipeline or FakePipeline()
    run = make_run(folder, pipeline)
    pipeline.on_misfit_option = options.get("on_misfit", "null")
    reader = CsvReader(CsvReaderOptions(**options))
    records = []
    for number, data in enumerate(files):
        path = folder / f"file{number}'s.csv"
        path.write_bytes(data)
        found = dialect(line_terminator="\r\n" if b"\r\n" in data else "\n")
        records.append(reader.open(run, local_file(path), found))
    return run, records


def schema(run: Run, assumed: Assumed | None = None) -> Schema:
    return Schema((), assumed, run.pipeline.settings)  # type: ignore[attr-defined]


def joint(
    run: Run, records: Sequence[Records], plan: TablePlan, assumed: Assumed | None = None
) -> list[Converted]:
    return list(together.convert_together(run, records, plan, schema(run, assumed)).values())


def content(converted: Converted) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    rows = [row for path in converted.paths for row in pq.read_table(path).to_pylist()]
    for row in rows:
        assert row.pop("_ingested_at") == converted.ingested_at.replace(tzinfo=None)
    return rows


def told(converted: Converted) -> Converted:
    return replace(converted, paths=(), ingested_at=None)  # type: ignore[arg-type]


@pytest.mark.slow
@given(files=st.lists(st.lists(ANY, max_size=5), min_size=2, max_size=5), crlf=st.booleans())
@settings(deadline=None, max_examples=25)
def test_files_converted_together_are_as_if_converted_alone(
    tmp_path_factory: pytest.TempPathFactory, files: list[Rows], crlf: bool
) -> None:
    contents = [text(rows, "\r\n" if crlf and n == 0 else "\n") for n, rows in enumerate(files)]
    run, records = opened(tmp_path_factory.mktemp("together"), contents)
    found = joint(run, records, PLAN)
    by_key = {each.local.file.key: each for each in records}
    for each in found:
        rows = content(each)
        alone = convert(run, by_key[each.file.key], PLAN, schema(run))
        assert rows == content(alone)
        assert told(each) == told(alone)
        assert each.rejects is None


@pytest.mark.slow
@given(files=st.lists(st.lists(GOOD, min_size=1, max_size=5), min_size=2, max_size=5))
@settings(deadline=None, max_examples=10)
def test_nothing_is_left_out_where_nothing_has_to_be_told(
    tmp_path_factory: pytest.TempPathFactory, files: list[Rows]
) -> None:
    folder = tmp_path_factory.mktemp("whole")
    run, records = opened(folder, [text(rows) for rows in files])
    found = joint(run, records, PLAN)
    assert [each.file.key for each in found] == [each.local.file.key for each in records]


@pytest.mark.slow
@pytest.mark.parametrize("rows", [5, 40, 4_000])
def test_rows_stay_in_the_order_of_their_file(tmp_path: Path, rows: int) -> None:
    files = [text([(str(i), "", f"{n}") for i in range(rows)]) for n in range(64)]
    run, records = opened(tmp_path, files)
    found = joint(run, records, PLAN)
    assert len(found) == len(files)
    for each in found:
        assert [row["n"] for row in content(each)] == list(range(rows))


EXAMPLES = {
    "BOOLEAN": "true",
    "INTEGER": "1",
    "BIGINT": "5000000000",
    "DOUBLE": "1.5",
    "DECIMAL(9,2)": "1.25",
    "DECIMAL(18,2)": "1.25",
    "DECIMAL(38,2)": "1.25",
    "DATE": "2024-01-15",
    "TIME": "12:30:00",
    "TIMESTAMP(6)": "2024-01-15 12:30:00.123456",
    "TIMESTAMP WITH TIME ZONE": "2024-01-15T12:30:00+01:00",
    "VARCHAR": "x",
    "JSON": '"{""a"": 1}"',
}


def test_every_type_is_written_as_the_engine_writes_it(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    columns = tuple(
        PlannedColumn(f"c{n}", each, "", field_id=n + 1) for n, each in enumerate(EXAMPLES)
    )
    plan = TablePlan("t", True, columns, source_file_id=98, ingested_at_id=99)
    line = ",".join(EXAMPLES.values())
    data = f"{','.join(c.name for c in columns)}\n{line}\n{',' * (len(columns) - 1)}\n".encode()
    run, records = opened(tmp_path, [data, data])
    found = joint(run, records, plan)
    assert len(found) == 2
    alone = convert(run, records[0], plan, schema(run))
    assert content(found[0]) == content(alone)
    together, by_itself = (
        [_described(column) for column in pq.ParquetFile(each.paths[0]).schema]
        for each in (found[0], alone)
    )
    assert together == by_itself


def _described(column: Any) -> tuple[Any, ...]:
    """What a reader of Parquet goes by; that an INTEGER has 32 bits is its default."""
    logical = json.loads(column.logical_type.to_json())
    told = None if logical["Type"] in ("Int", "None") else logical
    return column.name, column.physical_type, column.length, told


def test_types_that_arrow_has_otherwise_are_converted_alone(tmp_path: Path) -> None:
    plan = replace(PLAN, columns=(PlannedColumn("n", "UUID", "", field_id=1),))
    files = [b"n\n123e4567-e89b-12d3-a456-426614174000\n"] * 2
    run, records = opened(tmp_path, files)
    assert not joint(run, records, plan)


def test_field_ids_and_keys_are_written(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    run, records = opened(tmp_path, [text([("1", "", "a")]), text([("2", "", "b")])])
    for each in joint(run, records, PLAN):
        schema = pq.read_schema(each.paths[0])
        ids = {f.name: int(f.metadata[b"PARQUET:field_id"]) for f in schema}
        assert ids == {"n": 10, "day": 11, "note": 12, "_source_file": 9001, "_ingested_at": 9002}
        assert {row["_source_file"] for row in content(each)} == {each.file.key}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (text([("x", "", "")]), "a misfit"),
        (text([("NULL", "", "")]), "a null token"),
        (text([("1", "2024-01-15")]), "a short record"),
        (b"n,day,other\n1,,x\n", "another header"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_a_file_with_something_to_tell_is_left_to_its_own(
    tmp_path: Path, bad: bytes, reason: str
) -> None:
    good = [text([(str(n), "", "")]) for n in range(3)]
    run, records = opened(tmp_path, [good[0], bad, *good[1:]])
    found = joint(run, records, PLAN)
    assert [each.file.key for each in found] == [
        each.local.file.key for n, each in enumerate(records) if n != 1
    ]


@pytest.mark.parametrize("on_misfit", ["reject", "fail"])
def test_misfits_that_reject_records_are_looked_for_one_by_one(
    tmp_path: Path, on_misfit: str
) -> None:
    files = [text([("1", "", "")])] * 2
    run, records = opened(tmp_path, files, on_misfit=on_misfit)
    assert not joint(run, records, PLAN)


def test_validators_see_one_file_at_a_time(tmp_path: Path) -> None:
    pipeline = FakePipeline(validator=lambda batch: [])
    run, records = opened(tmp_path, [text([("1", "", "")])] * 2, pipeline)
    assert not joint(run, records, PLAN)


def test_large_files_go_alone(tmp_path: Path) -> None:
    large = text([("1", "", "x" * 1000)] * 1_100)
    run, records = opened(tmp_path, [large, large])
    assert not joint(run, records, PLAN)


def test_an_assumption_that_fails_is_told_by_the_file_alone(tmp_path: Path) -> None:
    """The query ends without a file's name, so that the framework asks one by one."""
    import duckdb

    run, records = opened(tmp_path, [text([("1", "", "")]), text([("x", "", "")])])
    assumed = Assumed(("n",), ())
    with pytest.raises(duckdb.Error):
        joint(run, records, PLAN, assumed)
    assert not list(run.workdir.glob("*.parts"))
    with pytest.raises(UnprovedTypesError):
        convert(run, records[1], PLAN, schema(run, assumed))


def test_what_the_engine_reads_otherwise_than_counted_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, records = opened(tmp_path, [text([("1", "", "")]), text([("2", "", "")])])
    wrong = [replace(records[0], rows_good=2), records[1]]
    found = joint(run, wrong, PLAN)
    assert [each.file.key for each in found] == [records[1].local.file.key]
    write = together._Group._write
    monkeypatch.setattr(together._Group, "_write", lambda *args: {} if write(*args) else {1: ()})
    assert not joint(run, records, PLAN)


@pytest.mark.parametrize(("limit", "value"), [("MOST_FILES", 2), ("MOST_BYTES", 25)])
def test_no_more_at_once_than_the_limits_allow(
    monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    monkeypatch.setattr(together, limit, value)
    like = SimpleNamespace(size=10)
    files = [
        SimpleNamespace(local=like, rejects=None, columns=(FileColumn("a"),),
                        scan=FileScan("read_csv", Path("x"), "y"), rows_good=1)
        for _ in range(5)
    ]  # fmt: skip
    assert [len(group) for group in together._groups(files)] == [2, 2]  # type: ignore[arg-type]
