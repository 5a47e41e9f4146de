"""What `infer` says about a file is what `run` makes of it."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakefall.cli.parameters import open_pipeline
from lakefall.contract.values import Column
from lakefall.run import single_file
from lakefall.run.runner import Runner

PIPELINE = """\
version: 1
name: truth
source: {{use: folder, path: "{folder}/in"}}
sniffer: {{use: csv, header: present}}
type_inferer:
  use: threshold
  sample_rows: 10
  types:
    [boolean, integer, bigint, decimal, double, date, time, timestamp, timestamp_tz, uuid, json]
  two_digit_years: true
  number_formats: ["1234.5", "1.234,5", "$1,234.5", "1234.5%"]
sink: {{use: iceberg, catalog: {{type: sqlite, warehouse: "{folder}/lake"}}}}
cache: {{dir: "{folder}/cache"}}
"""
KINDS = {
    "digits": ["0", "1", "1", "0"],
    "integer": ["5", "17", "-3", "2147483647"],
    "bigint": ["9999999999", "5"],
    "double": ["1.5", "2", "1e3"],
    "money": ["1.50", "2.25"],
    "grouped": ["1.234,5", "3,5", "7"],
    "dollar": ["$5", "$1,234.50"],
    "share": ["12.5%", "3%"],
    "doubtful": ["1.234", "5.678"],
    "day": ["25/12/2024", "01/02/2024"],
    "month": ["12/25/2024", "01/02/2024"],
    "short": ["1/2/03", "4/5/06"],
    "named": ["7 May 2018", "8-Jun-2019"],
    "clock": ["9:05 PM", "21:05"],
    "moment": ["2024-01-15T10:30:00", "2024-01-15"],
    "zoned": ["2024-01-15T10:30:00Z", "2024-01-15T10:30:00+02:00"],
    "custom": ["25/12/2024 9:05", "26/12/2024 21:05:07"],
    "uuid": ["123e4567-e89b-12d3-a456-426614174000"],
    "json": ['{"a": 1}', "[]"],
    "zip": ["10115", "00501"],
    "text": ["a", "1,2"],
}
ODD = ["", "", " 7 ", "NULL", "x", "12345678901234567890", "0", "25/12/2024", "1,5"]


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    """Rows of a table whose columns are mostly of one kind each."""
    rows = draw(st.integers(1, 40))
    columns = []
    for kind in draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=3, max_size=12)):
        values = [draw(st.sampled_from(KINDS[kind])) for _ in range(rows)]
        for _ in range(draw(st.integers(0, max(1, rows // 8)))):
            values[draw(st.integers(0, rows - 1))] = draw(st.sampled_from(ODD))
        columns.append(values)
    return [list(row) for row in zip(*columns, strict=True)]


def written(table: list[list[str]]) -> str:
    """The table as a CSV file; a column in front keeps rows from being blank lines."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["row", *(f"c{i}" for i in range(len(table[0])))])
    writer.writerows([[f"r{number}", *row] for number, row in enumerate(table)])
    return stream.getvalue()


def misfits(column: Column) -> int:
    """Values that the evidence calls misfits."""
    found = re.search(r"^([\d,]+) values? do(?:es)? not parse", "\n".join(column.evidence), re.M)
    return int(found[1].replace(",", "")) if found else 0


@pytest.mark.slow
@given(table=tables())
@settings(deadline=None, max_examples=8)
def test_the_table_is_what_infer_said(
    tmp_path_factory: pytest.TempPathFactory, table: list[list[str]]
) -> None:
    folder = tmp_path_factory.mktemp("truth")
    (folder / "in" / "t").mkdir(parents=True)
    path = folder / "in" / "t" / "a.csv"
    path.write_text(written(table))
    (folder / "p.yaml").write_text(PIPELINE.format(folder=folder))
    runner = Runner(open_pipeline(folder / "p.yaml", []))
    with runner.start(dry_run=True) as run:
        said = single_file.infer(run, path, "t").columns
    (outcome,) = runner.run().outcomes
    with runner.start() as run:
        state = run.pipeline.describe(run, "t")
        values = run.pipeline.query(run, "SELECT * FROM t")
    assert state
    assert [(c.name, c.type, c.format) for c in state.columns] == [
        (c.name, c.type, c.format) for c in said
    ]
    assert outcome.cells_nulled == sum(map(misfits, said))
    for column in said:
        nulls = values.column(column.name).null_count
        empty = re.search(r"^([\d,]+) empty", "\n".join(column.evidence), re.M)
        if column.type != "VARCHAR":
            assert nulls == misfits(column) + (int(empty[1]) if empty else 0)
            assert column.nullable or not nulls
