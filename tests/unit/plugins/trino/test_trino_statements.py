"""The SQL that is sent: names, values, batches."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakefall.common import sql
from lakefall.contract.configuration import Engine
from lakefall.contract.errors import ConservationError, TableError, UsageError
from lakefall_plugins.sinks.lake import comments, types
from lakefall_plugins.sinks.trino import statements
from lakefall_plugins.sinks.trino.query import _single
from lakefall_plugins.sinks.trino.statements import Definition, Removal, TargetColumn
from lakefall_plugins.trino_client.sql import identifier, literal, pieces

COLUMNS = (TargetColumn("id", "int"), TargetColumn('a"b', "string"))
EPOCH = "TIMESTAMP '1970-01-01 00:00:00.000000'"


def test_names_and_texts_are_quoted() -> None:
    assert identifier('a"b') == '"a""b"'
    assert literal("it's\\") == "'it''s\\'"
    with pytest.raises(TableError, match="surrogate"):
        literal("\ud800")
    with pytest.raises(TableError, match="no characters"):
        identifier("")


def test_the_specifications_table() -> None:
    columns = [
        Definition("file_key", "string", required=True),
        Definition("n", "decimal(18, 2)", comment="it's"),
    ]
    assert statements.create_table('"c"."s"."t"', columns) == (
        'CREATE TABLE IF NOT EXISTS "c"."s"."t" (\n'
        '    "file_key" VARCHAR NOT NULL,\n'
        "    \"n\" DECIMAL(18,2) COMMENT 'it''s'\n"
        ")\nWITH (\n    format = 'PARQUET'\n)"
    )


def test_a_merge_names_its_keys_and_its_doubts() -> None:
    text = statements.merge(
        "t", COLUMNS, "x", ["id"], [Removal(("k'1",), EPOCH, EPOCH)], stamp="at"
    )
    assert "t.\"id\" IN ('k''1')" in text
    assert statements.OVERTAKEN in text
    assert text.count("MERGE") == 1
    bare = statements.merge("t", COLUMNS, "x", ["id"], [Removal(("k",), EPOCH, EPOCH)], prune=False)
    assert " IN (" not in bare
    assert statements.OVERTAKEN not in bare


def test_pieces_hold_all_and_stay_short() -> None:
    texts = [f"key-{i:03d}" for i in range(100)]
    groups = list(pieces(texts, 200))
    assert [t for g in groups for t in g] == texts
    assert max(len(", ".join(map(literal, g))) for g in groups) <= 200
    assert list(pieces(["x" * 999], 10)) == [["x" * 999]]


def _batches(folder: Path, query: str, rows: int, length: int) -> list[statements.Batch]:
    with sql.connect(Engine(threads=1), folder) as connection:
        return list(statements.batches(connection, query, rows, length))


def test_batches_are_bounded_in_rows_and_length(tmp_path: Path) -> None:
    found = _batches(tmp_path, "SELECT '(' || i || ')' FROM range(5000) t(i)", 500, 100_000)
    assert [b.rows for b in found] == [500] * 10
    assert ", ".join(b.text for b in found) == ", ".join(f"({i})" for i in range(5000))
    found = _batches(tmp_path, "SELECT repeat('ü', 40) FROM range(10)", 500, 250)
    assert [b.rows for b in found] == [3, 3, 3, 1]
    assert max(len(b.text.encode()) for b in found) <= 250


def test_a_row_that_is_too_long_is_named(tmp_path: Path) -> None:
    query = "SELECT if(i = 1234, repeat('x', 500), 'x') FROM range(2000) t(i)"
    with pytest.raises(statements.RowTooLongError) as raised:
        _batches(tmp_path, query, 500, 400)
    assert raised.value.row == 1234


def test_columns_that_a_file_lacks_are_null_and_strange_ones_refused(tmp_path: Path) -> None:
    with sql.connect(Engine(threads=1), tmp_path) as connection:
        # The folder's name is no column, although Hive's partitions are called so.
        path = tmp_path / "day=1" / "a.parquet"
        path.parent.mkdir()
        connection.execute(f"COPY (SELECT 1::INTEGER AS id) TO '{path}' (FORMAT parquet)")
        query = statements.of_parquet(connection, [path], COLUMNS)
        assert connection.execute(query).fetchall() == [("(1, NULL)",)]
        with pytest.raises(ConservationError, match="id"):
            statements.of_parquet(connection, [path], COLUMNS[1:])


LITERALS = [
    ("decimal(18, 2)", "1.5::DECIMAL(18,2)", "DECIMAL '1.50'"),
    ("decimal(38, 38)", "0.5::DECIMAL(38,38)", "DECIMAL '.5" + "0" * 37 + "'"),
    ("time", "TIME '09:05:00'", "TIME '09:05:00'"),
    ("time", "TIME '23:59:59.999999'", "TIME '23:59:59.999999'"),
    ("timestamptz", "'2024-01-15 10:30:00.5+02:00'::TIMESTAMPTZ",
     "TIMESTAMP '2024-01-15 08:30:00.5 UTC'"),
    ("uuid", "'123E4567-E89B-12D3-A456-426614174000'::UUID",
     "UUID '123e4567-e89b-12d3-a456-426614174000'"),
    ("string", """'{"it''s": [1]}'""", """'{"it''s": [1]}'"""),
]  # fmt: skip


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu"])
def test_values_become_literals_of_their_type(tmp_path: Path, zone: str) -> None:
    columns = [TargetColumn(f"c{i}", iceberg) for i, (iceberg, _, _) in enumerate(LITERALS)]
    path = tmp_path / "a.parquet"
    with sql.connect(Engine(threads=1), tmp_path) as connection:
        cells = ", ".join(f"{value} AS c{i}" for i, (_, value, _) in enumerate(LITERALS))
        nulls = ", ".join(f"NULL AS c{i}" for i in range(len(LITERALS)))
        connection.execute(
            f"COPY (SELECT {cells} UNION ALL SELECT {nulls}) TO '{path}' (FORMAT parquet)"
        )
        connection.execute(f"SET TimeZone = '{zone}'")
        query = statements.of_parquet(connection, [path], columns)
        assert connection.execute(query).fetchall() == [
            (f"({', '.join(text for _, _, text in LITERALS)})",),
            (f"({', '.join(['NULL'] * len(LITERALS))})",),
        ]


def test_types_there_and_back() -> None:
    for iceberg in ("int", "long", "decimal(38, 3)", "time", "timestamptz", "uuid", "binary"):
        assert types.from_trino(types.to_trino(iceberg)) == iceberg
    for strange in ("decimal(39, 0)", "list<int>", "fixed[3]"):
        with pytest.raises(TableError, match="no type"):
            types.to_trino(strange)


def test_a_comment_keeps_a_persons_words() -> None:
    said = comments.write("Of all shops", format="%d/%m/%Y")
    assert said == 'Of all shops\nlakefall: {"format": "%d/%m/%Y"}'
    assert comments.read(said) == {"format": "%d/%m/%Y"}
    assert comments.write(said, format=None) == "Of all shops"
    assert comments.write("", format="%d") == 'lakefall: {"format": "%d"}'
    assert comments.read("see lakefall: the docs") == {}
    assert comments.write("see lakefall: the docs", type="X").startswith("see lakefall: the docs\n")


@pytest.mark.parametrize(
    "text",
    [
        "select 1",
        " (SELECT 1)",
        "-- a\n/* b */ WITH x AS (SELECT 1) TABLE x ;",
        "VALUES 1",
        "SHOW TABLES",
    ],
)
def test_statements_that_read(text: str) -> None:
    assert not _single(text).endswith(";")


@pytest.mark.parametrize(
    "text",
    ["", ";", "INSERT INTO t VALUES 1", "/* SELECT */ DROP TABLE t", "EXPLAIN ANALYZE DELETE"],
)
def test_statements_that_do_not(text: str) -> None:
    with pytest.raises(UsageError, match="expected a SELECT"):
        _single(text)
