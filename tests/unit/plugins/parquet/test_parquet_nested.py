"""Structs, lists and maps of Parquet files in Iceberg tables; PyIceberg reads them back."""

from __future__ import annotations

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
    from pyiceberg.table import Table

PIPELINE = """\
version: 1
name: nested
source: {{use: folder, path: {0}/in}}
sniffer: [csv, parquet]
type_inferer: {{use: threshold}}
sink: {{use: iceberg, on_type_conflict: {1}, catalog: {{type: sqlite, warehouse: {0}/lake}}}}
cache: {{dir: {0}/cache}}
"""
DAY = dt.date(2024, 2, 29)


class Lake:
    """One folder of files, and the table that PyIceberg finds in the warehouse."""

    def __init__(self, root: Path, on_conflict: str = "widen") -> None:
        self.root = root
        self.inbox = root / "in" / "t"
        self.inbox.mkdir(parents=True)
        self.pipeline = root / "p.yaml"
        self.pipeline.write_text(PIPELINE.format(root, on_conflict))

    @property
    def runner(self) -> Runner:
        return Runner(open_pipeline(self.pipeline))

    def load(self, status: Status = Status.SUCCESS) -> dict[str, Outcome]:
        """What became of the files that were not unchanged."""
        outcomes = self.runner.run().outcomes
        found = {o.file.key: o for o in outcomes if o.status is not Status.UNCHANGED}
        assert {o.status for o in found.values()} == {status}, found
        return found

    @property
    def table(self) -> Table:
        from pyiceberg.catalog.sql import SqlCatalog

        (database,) = self.root.joinpath("lake").glob("*.db")
        catalog = SqlCatalog("lakefall", uri=f"sqlite:///{database}", warehouse=f"{self.root}/lake")
        return catalog.load_table("lakehouse.t")

    def rows(self, key: str) -> list[dict[str, Any]]:
        found: pa.Table = self.table.scan(row_filter=f"_source_file == '{key}'").to_arrow()
        return found.drop_columns(["_source_file", "_ingested_at"]).to_pylist()

    def type_of(self, column: str) -> str:
        return str(self.table.schema().find_field(column).field_type)

    def rejects(self) -> list[tuple[int, str, str]]:
        with self.runner.start() as run:
            stored = run.pipeline.stored_rejects(run, table="t")
            return sorted((r.line, r.column, r.text) for r in stored)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def nested() -> pa.Table:
    """Rows whose every value a table can have as it is."""
    import pyarrow as pa

    inner = pa.struct([("A b", pa.decimal128(18, 2)), ("days", pa.list_(pa.date32()))])
    return pa.table(
        {
            "id": pa.array([1, 2, 3]),
            "s": pa.array(
                [
                    {"n": 7, "in": {"A b": Decimal("1.50"), "days": [DAY, None]}},
                    None,
                    {"n": None, "in": None},
                ],
                pa.struct([("n", pa.int64()), ("in", inner)]),
            ),
            # Without NULL, of which PyIceberg makes an empty list of structs when it reads.
            "l": pa.array([[{"x": 1.5}, None], [], []], pa.list_(pa.struct([("x", pa.float64())]))),
            "m": pa.array(
                [[("k", [1, None])], None, []], pa.map_(pa.string(), pa.list_(pa.int32()))
            ),
            "z": pa.array(["end", None, ""]),
        }
    )


def test_they_stay_what_they_are(lake: Lake) -> None:
    write(lake.inbox / "a.parquet", nested(), row_group_size=2)
    assert lake.load()["t/a.parquet"].rows_loaded == 3
    assert lake.rows("t/a.parquet") == nested().to_pylist()
    assert lake.type_of("s") == (
        "struct<8: n: optional long, 9: in: optional struct<10: A b: optional decimal(18, 2), "
        "11: days: optional list<date>>>"
    )
    # Others find the columns by the ids in the data files alone.
    (task,) = lake.table.scan().plan_files()
    assert ids_in(task.file.file_path) == {"id": 1, "s": 2, "l": 3, "m": 4, "z": 5} | {
        "n": 8, "in": 9, "A b": 10, "days": 11,
    }  # fmt: skip
    with lake.runner.start() as run:
        found = run.pipeline.query(run, "SELECT id, s, l, m FROM t ORDER BY id").to_pylist()
    assert found == nested().drop_columns(["z"]).to_pylist()


def ids_in(path: str) -> dict[str, int]:
    """Field ids of columns, and of the fields of structs in them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def of(fields: Any) -> dict[str, int]:
        found = {}
        for field in fields:
            found[field.name] = int(field.metadata[b"PARQUET:field_id"])
            if pa.types.is_struct(field.type):
                found |= of(field.type)
        return found

    found = of(pq.read_schema(path.removeprefix("file://")))
    return {name: i for name, i in found.items() if not name.startswith("_")}


def test_values_in_them_follow_the_rules_of_columns(lake: Lake) -> None:
    import pyarrow as pa

    kinds = pa.struct(
        [("u", pa.uint64()), ("b", pa.binary()), ("t", pa.timestamp("ns")), ("i", pa.int8())]
    )
    row = {"u": 2**64 - 1, "b": b"\x00\xff", "t": 1, "i": -5}
    wide = pa.array([[Decimal("9" * 60), None], None], pa.list_(pa.decimal256(60, 0)))
    maps = pa.array([[(1, b"\xfe")], []], pa.map_(pa.int16(), pa.binary()))
    fixed = pa.array([[1, 2], None], pa.list_(pa.int8(), 2))
    columns = {"s": pa.array([row, None], kinds), "w": wide, "m": maps, "f": fixed}
    write(lake.inbox / "a.parquet", columns)
    lake.load()
    text = "1970-01-01 00:00:00.000000001"
    assert lake.rows("t/a.parquet") == [
        {
            "s": {"u": Decimal(2**64 - 1), "b": "00ff", "t": text, "i": -5},
            "w": ["9" * 60, None],
            "m": [(1, "fe")],
            "f": [1, 2],
        },
        {"s": None, "w": None, "m": [], "f": None},
    ]


def test_replaced_evolved_and_back(lake: Lake) -> None:
    import pyarrow as pa

    path = lake.inbox / "a.parquet"
    write(path, nested())
    write(lake.inbox / "b.parquet", nested().slice(0, 1))
    lake.load()
    # Another version, with more columns, nested ones between plain ones.
    more = nested().slice(1).append_column("n1", pa.array([1, 2]))
    more = more.append_column("deep", pa.array([{"y": [DAY]}, None]))
    more = more.append_column("n2", pa.array([True, None]))
    write(path, more)
    assert lake.load()["t/a.parquet"].columns_added == ("n1", "deep", "n2")
    assert lake.rows("t/a.parquet") == more.to_pylist()
    nothing = {"n1": None, "deep": None, "n2": None}
    first = nested().to_pylist()
    assert lake.rows("t/b.parquet") == [first[0] | nothing]
    write(path, nested())
    lake.load()
    assert lake.rows("t/a.parquet") == [row | nothing for row in first]
    # A file without these columns.
    (lake.inbox / "c.csv").write_text("id,z\n9,x\n8,y\n")
    lake.load()
    assert lake.rows("t/c.csv")[0] == dict.fromkeys([*first[0], *nothing]) | {"id": 9, "z": "x"}


def test_files_that_declare_different_ones_are_json_together(lake: Lake) -> None:
    write(lake.inbox / "a.parquet", {"s": [{"x": 1}, None]})
    write(lake.inbox / "b.parquet", {"s": [{"x": 1, "y": [0.5]}]})
    lake.load()
    assert lake.type_of("s") == "string"
    assert [json.loads(row["s"]) for row in lake.rows("t/b.parquet")] == [{"x": 1, "y": [0.5]}]
    assert lake.rows("t/a.parquet") == [{"s": '{"x":1}'}, {"s": None}]


def test_a_table_of_text_takes_them_as_json(lake: Lake) -> None:
    (lake.inbox / "a.csv").write_text('id,s\n1,"{""x"": 2}"\n2,plain\n')
    lake.load()
    write(lake.inbox / "b.parquet", {"id": [3], "s": [{"x": [Decimal("1.10")]}]})
    assert lake.load()["t/b.parquet"].cells_nulled == 0
    assert lake.rows("t/b.parquet") == [{"id": 3, "s": '{"x":[1.1]}'}]


def test_what_the_tables_type_does_not_take_is_a_reject(lake: Lake) -> None:
    write(lake.inbox / "a.parquet", {"id": [1], "s": [{"x": 1}]})
    lake.load()
    write(lake.inbox / "b.parquet", {"id": [2, 3], "s": [None, {"y": 2}]})
    assert lake.load()["t/b.parquet"].cells_nulled == 1
    assert lake.rows("t/b.parquet") == [{"id": 2, "s": None}, {"id": 3, "s": None}]
    assert lake.rejects() == [(2, "s", '{"y":2}')]
    # Text is no value of it either.
    (lake.inbox / "c.csv").write_text("id,s\n4,\n5,word\n6,\n")
    lake.load()
    assert lake.rejects() == [(2, "s", '{"y":2}'), (3, "s", "word")]


def test_on_type_conflict_fail(tmp_path: Path) -> None:
    lake = Lake(tmp_path, on_conflict="fail")
    write(lake.inbox / "a.parquet", {"s": [{"x": 1}]})
    lake.load()
    write(lake.inbox / "b.parquet", {"s": [{"y": 2}]})
    error = lake.load(Status.FAILED)["t/b.parquet"].error
    assert "STRUCT(x BIGINT)" in error
    assert "STRUCT(y BIGINT)" in error


def test_names_that_no_table_can_have_are_json(lake: Lake) -> None:
    import pyarrow as pa

    write(lake.inbox / "a.parquet", {"dot": pa.array([[{"a.b": 1, "c": None}], None])})
    lake.load()
    assert lake.rows("t/a.parquet") == [{"dot": '[{"a.b":1,"c":null}]'}, {"dot": None}]


def test_maintenance_and_rebuild(lake: Lake) -> None:
    for name in "abc":
        write(lake.inbox / f"{name}.parquet", nested())
        lake.load()
    with lake.runner.start() as run:
        run.pipeline.maintain(run, "t")
    assert len(list(lake.table.scan().plan_files())) == 1
    assert lake.rows("t/b.parquet") == nested().to_pylist()
    # A part of a data file goes, the rest is written anew.
    write(lake.inbox / "b.parquet", nested().slice(2))
    lake.load()
    assert lake.rows("t/b.parquet") == nested().slice(2).to_pylist()
    assert lake.rows("t/c.parquet") == nested().to_pylist()


def test_rows_written_anew_keep_the_nulls_among_lists_of_structs(lake: Lake) -> None:
    import pyarrow as pa

    kind = pa.list_(pa.struct([("x", pa.map_(pa.string(), pa.struct([("y", pa.int64())])))]))
    values = pa.array(
        [[{"x": [("k", {"y": 1})]}], None, [], [None], [{"x": None}], [{"x": []}]], kind
    )
    for name in "ab":
        write(lake.inbox / f"{name}.parquet", {"v": values})
        lake.load()
    with lake.runner.start() as run:
        run.pipeline.maintain(run, "t")
        sql = "SELECT v FROM t WHERE _source_file = 't/b.parquet'"
        found = run.pipeline.query(run, sql)["v"].to_pylist()
    assert len(list(lake.table.scan().plan_files())) == 1
    assert found == values.to_pylist()


def test_ids_that_another_writer_took_meanwhile(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow as pa

    from lakefall_plugins.sinks.iceberg import load

    write(lake.inbox / "a.parquet", {"id": [1]})
    lake.load()
    real = load.load

    def late(*args: Any) -> Any:
        with lake.table.update_schema() as update:
            update.add_column("other", kind_of_theirs())
        return real(*args)

    monkeypatch.setattr(load, "load", late)
    more = pa.table({"id": [2], "s": [{"x": [{"y": 5}]}], "n": [3]})
    write(lake.inbox / "b.parquet", more)
    lake.load()
    monkeypatch.undo()
    assert lake.rows("t/b.parquet") == [more.to_pylist()[0] | {"other": None}]
    ids = [ids_in(task.file.file_path) for task in lake.table.scan().plan_files()]
    assert sorted(ids, key=len)[-1] == {"id": 1, "s": 7, "x": 8, "n": 11}
    # And a rebuild swaps columns of other types under their names.
    write(lake.inbox / "a.parquet", {"id": [1], "n": [{"deep": [1.5]}], "s": [{"x": [{"y": 5}]}]})
    (lake.inbox / "b.parquet").unlink()
    assert cli._code(["rebuild", str(lake.pipeline), "t", "--drop-missing"]) == 0
    assert lake.rows("t/a.parquet") == [{"id": 1, "n": {"deep": [1.5]}, "s": {"x": [{"y": 5}]}}]


def kind_of_theirs() -> Any:
    from pyiceberg.types import LongType, NestedField, StructType

    fields = [NestedField(i, f"f{i}", LongType(), required=False) for i in (1, 2)]
    return StructType(*fields)


def test_repair_makes_json_of_different_ones_whatever_came_first(tmp_path: Path) -> None:
    lake = Lake(tmp_path, on_conflict="repair")
    write(lake.inbox / "a.parquet", {"id": [1], "s": [{"x": 1}]})
    lake.load()
    write(lake.inbox / "b.parquet", {"id": [2], "s": [{"y": 2}]})
    lake.load()
    assert (lake.type_of("s"), lake.rejects()) == ("string", [])
    assert [lake.rows(key)[0]["s"] for key in ("t/a.parquet", "t/b.parquet")] == [
        '{"x":1}',
        '{"y":2}',
    ]


def test_keys_that_occur_twice(lake: Lake) -> None:
    """Kept as they are; but the engine makes no such map of other values."""
    import pyarrow as pa

    twice = [[("k", 1), ("k", 2)], [("a", 3)]]
    write(lake.inbox / "a.parquet", {"m": pa.array(twice, pa.map_(pa.string(), pa.int64()))})
    lake.load()
    assert [row["m"] for row in lake.rows("t/a.parquet")] == twice
    write(lake.inbox / "a.parquet", {"m": pa.array(twice, pa.map_(pa.string(), pa.uint8()))})
    error = lake.load(Status.FAILED)["t/a.parquet"].error
    assert "Map keys must be unique" in error
    assert "list of structs" in error
