"""Parquet files through whole pipelines: one table of several formats, rejects, replacing, CLI."""

from __future__ import annotations

import csv
import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from parquet_support import write

from lakefall import cli
from lakefall.config.loader import open_pipeline
from lakefall.contract.values import Outcome, Status
from lakefall.run.runner import Runner

if TYPE_CHECKING:
    import pyarrow as pa

PIPELINE = """\
version: 1
name: mixed
source: {{use: folder, path: {0}/in}}
sniffer: [csv, parquet]
type_inferer: {{use: threshold}}
sink: {{use: iceberg, on_type_conflict: {1}, catalog: {{type: sqlite, warehouse: {0}/lake}}}}
cache: {{dir: {0}/cache}}
"""


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "p.yaml").write_text(PIPELINE.format(tmp_path, "widen"))
    (tmp_path / "in" / "t").mkdir(parents=True)
    return tmp_path / "in" / "t"


def runner(inbox: Path) -> Runner:
    return Runner(open_pipeline(inbox.parents[1] / "p.yaml"))


def load(inbox: Path) -> dict[str, Outcome]:
    """What became of the files that were loaded."""
    found = {
        o.file.key: o for o in runner(inbox).run().outcomes if o.status is not Status.UNCHANGED
    }
    assert {o.status for o in found.values()} == {Status.SUCCESS}, found
    return found


def rows(inbox: Path, key: str, columns: str = "*") -> pa.Table:
    with runner(inbox).start() as run:
        return run.pipeline.query(run, f"SELECT {columns} FROM t WHERE _source_file = '{key}'")


def rejects(inbox: Path) -> list[tuple[str, int, str, str]]:
    with runner(inbox).start() as run:
        stored = run.pipeline.stored_rejects(run, table="t")
        return sorted((r.key, r.line, r.column, r.text) for r in stored)


@pytest.mark.slow
def test_one_table_of_csv_and_parquet(inbox: Path) -> None:
    import pyarrow as pa

    (inbox / "a.csv").write_text("id,day,zip\n1,13/01/2024,00501\n2,14/02/2024,00502\n")
    load(inbox)
    assert str(rows(inbox, "t/a.csv").schema.field("id").type) == "int32"

    # BIGINT widens INTEGER, a DATE needs no format, a new column comes with its own type.
    more = {
        "id": pa.array([2**40, 3]),
        "day": pa.array([dt.date(2024, 3, 4), None]),
        "zip": pa.array(["7", ""]),
        "amount": pa.array([Decimal("1.50"), None], pa.decimal128(21, 2)),
    }
    write(inbox / "b.parquet", more)
    assert load(inbox)["t/b.parquet"].columns_added == ("amount",)
    found = rows(inbox, "t/b.parquet", "id, day, zip, amount")
    assert found.to_pydict() == {name: array.to_pylist() for name, array in more.items()}
    assert [str(f.type) for f in found.schema] == [
        *("int64", "date32[day]", "string", "decimal128(21, 2)")
    ]
    assert rows(inbox, "t/a.csv", "id, day").to_pydict() == {
        "id": [1, 2],
        "day": [dt.date(2024, 1, 13), dt.date(2024, 2, 14)],
    }

    # DOUBLE does not fit: NULL, and a reject with its row.
    write(inbox / "c.pq", {"id": [None, 1.5, 1e300], "zip": [1, 2, 3]})
    assert load(inbox)["t/c.pq"].cells_nulled == 2
    assert rows(inbox, "t/c.pq", "id, zip").to_pydict() == {
        "id": [None] * 3,
        "zip": ["1", "2", "3"],
    }
    assert rejects(inbox) == [("t/c.pq", 2, "id", "1.5"), ("t/c.pq", 3, "id", "1e+300")]

    # Another content replaces rows and rejects; the other files' rows stay.
    write(inbox / "c.pq", {"id": [5], "extra": pa.array([{"x": [1]}])})
    assert load(inbox)["t/c.pq"].columns_added == ("extra",)
    assert rows(inbox, "t/c.pq", "id, extra").to_pydict() == {"id": [5], "extra": [{"x": [1]}]}
    assert rejects(inbox) == []
    assert rows(inbox, "t/b.parquet").num_rows == 2


@pytest.mark.slow
def test_a_repair_of_one_column_widens_another(inbox: Path) -> None:
    import pyarrow as pa

    pipeline = inbox.parents[1] / "p.yaml"
    pipeline.write_text(pipeline.read_text().replace("widen", "repair"))
    (inbox / "a.csv").write_text("id,code\n1,7\n2,8\n")
    load(inbox)
    write(inbox / "b.parquet", {"id": pa.array([2**40, 3]), "code": ["x", "y"]})
    assert load(inbox)["t/b.parquet"].cells_nulled == 0
    found = rows(inbox, "t/b.parquet", "id, code").to_pydict()
    assert found == {"id": [2**40, 3], "code": ["x", "y"]}
    assert rows(inbox, "t/a.csv", "id, code").to_pydict() == {"id": [1, 2], "code": ["7", "8"]}


def test_files_that_come_together_and_one_that_is_damaged(inbox: Path) -> None:
    import pyarrow as pa

    (inbox / "a.csv").write_text("id,moment\n1,2024-01-02 03:04:05\n")
    moment = dt.datetime(2024, 1, 2, 3, 4, 5, 6)
    write(inbox / "b.parquet", {"id": pa.array([2], pa.int16()), "moment": [moment]})
    (inbox / "c.parquet").write_bytes((inbox / "b.parquet").read_bytes()[:-9])
    found = {o.file.key: o for o in runner(inbox).run().outcomes}
    assert [o.status for _, o in sorted(found.items())] == ["success", "success", "failed"]
    assert "cut short" in found["t/c.parquet"].error
    assert not found["t/c.parquet"].retryable
    assert rows(inbox, "t/b.parquet", "id, moment").to_pydict() == {"id": [2], "moment": [moment]}
    assert rows(inbox, "t/a.csv", "id").to_pydict() == {"id": [1]}


def test_commands(inbox: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import pyarrow as pa

    pipeline = str(inbox.parents[1] / "p.yaml")
    values: dict[str, Any] = {"n": pa.array([1, None], pa.int32()), "t": ["a,b", ""]}
    path = str(write(inbox / "a.parquet", values))

    assert cli._code(["sniff", path, "--pipeline", pipeline, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["format"], found["rows"], found["columns"]) == ("parquet", 2, 2)

    assert cli._code(["infer", path, "--pipeline", pipeline, "--json"]) == 0
    columns = json.loads(capsys.readouterr().out)["columns"]
    assert [(c["name"], c["type"], c["evidence"]) for c in columns] == [
        ("n", "INTEGER", ["declared by the file"]),
        ("t", "VARCHAR", ["declared by the file"]),
    ]

    assert cli._code(["clean", path, "--pipeline", pipeline, "--out", str(inbox)]) == 0
    with (inbox / "a.parquet.csv").open(newline="") as stream:
        assert list(csv.reader(stream)) == [["n", "t"], ["1", "a,b"], ["", ""]]
    (inbox / "a.parquet.csv").unlink()
    capsys.readouterr()

    assert cli._code(["plan", pipeline]) == 2
    said = capsys.readouterr()
    assert "parquet: 2 rows of 2 columns" in said.out + said.err
