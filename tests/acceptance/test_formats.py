"""What every format goes through: the same records as JSON lines, Parquet, a workbook and a member
of an archive, which feed one table.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from .lakes import EmbeddedLake, Lake
from .server_lakes import IcebergLake
from .test_crash import KILLER, crash_everywhere

Record = Mapping[str, Any]
MANY = [{"id": n, "name": "more", "day": date(2024, 3, n)} for n in range(21, 31)]
A: Sequence[Record] = [
    {"id": 11, "name": "00501", "day": date(2024, 1, 31)},
    {"id": 12, "name": None, "day": None},
    *MANY,
]
B: Sequence[Record] = [
    {"id": 11, "name": "ann; may", "day": date(2024, 2, 29), "paid": 2.5},
    {"id": 13, "name": "é", "day": None, "paid": None},
    *({**each, "paid": 0.25} for each in MANY),
]


def jsonl(records: Sequence[Record], *, broken: bool = False) -> bytes:
    lines = [json.dumps(r, default=str, ensure_ascii=False) for r in records]
    return "\n".join([*lines, *(['{"id": 99'] if broken else [])]).encode()


def parquet(records: Sequence[Record], *, broken: bool = False) -> bytes:
    """Without a broken record: Parquet knows none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"id": pa.int32(), "name": pa.string(), "day": pa.date32(), "paid": pa.float64()}
    schema = pa.schema([(name, kinds[name]) for name in records[0]])
    made = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(records), schema=schema), made)
    return made.getvalue()


def excel(records: Sequence[Record], *, broken: bool = False) -> bytes:
    """Broken is a cell: a record of a sheet always has its columns."""
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.title = "May"
    book.active.append(list(records[0]))
    for record in records:
        book.active.append(list(record.values()))
    if broken:
        cell = book.active.cell(len(records) + 1, 2, "#N/A")
        cell.data_type = "e"
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def zipped(records: Sequence[Record], *, broken: bool = False) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([list(records[0]), *(list(r.values()) for r in records)])
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("in/x.csv", text.getvalue() + ("99\r\n" if broken else ""))
    return made.getvalue()


MAKERS: dict[str, Callable[..., bytes]] = {
    "jsonl": jsonl,
    "parquet": parquet,
    "xlsx": excel,
    "zip": zipped,
}
REJECTS = {"jsonl": (13, ""), "xlsx": (13, "name"), "zip": (14, "")}
"""Place and column of the broken record in 12 records."""


def prepared(lake: Lake) -> None:
    pytest.importorskip("python_calamine")
    lake.configure(sniffer=[{"use": name} for name in ("csv", "jsonl", "parquet", "excel")])


def key(name: str) -> str:
    return f"t/{name}.{name}"


def put(lake: Lake, records: Sequence[Record], **how: Any) -> None:
    for name, make in MAKERS.items():
        lake.put(key(name), make(records, **how))


def rows(lake: Lake, name: str) -> list[Record]:
    """The rows of one file, as PyIceberg reads them."""
    found = lake.read(f"SELECT * FROM lakehouse.t WHERE _source_file = '{key(name)}' ORDER BY id")
    audit = ("_source_file", "_ingested_at")
    return [{k: v for k, v in row.items() if k not in audit} for row in found]


def written(records: Sequence[Record], columns: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The same records as ``rows`` has them: days are text; all of these columns."""
    days = [{**r, "day": str(r["day"]) if r["day"] else None} for r in records]
    return [{name: day.get(name) for name in columns or day} for day in days]


def test_formats_replace_evolve_and_a_b_a(lake: Lake) -> None:
    prepared(lake)
    put(lake, A)
    assert set(lake.run().statuses().values()) == {"success"}
    assert lake.types("t") == {"id": "INTEGER", "name": "VARCHAR", "day": "DATE"}
    for name in MAKERS:
        assert rows(lake, name) == written(A), name
    assert set(lake.run().statuses().values()) == {"unchanged"}

    # Another version, with one more column and with what cannot be loaded.
    put(lake, B, broken=True)
    ran = lake.run()
    for name in MAKERS:
        outcome = ran.of(key(name))
        place, column = REJECTS.get(name, (0, "-"))
        counts = [outcome[n] for n in ("rows_rejected", "cells_nulled", "rows_deleted")]
        assert counts == [column == "", column == "name", len(A)], name
        expected = written(B)
        if column == "name":
            expected[-1]["name"] = None
        assert rows(lake, name) == expected, name
        found = [(r["line"], r["column"]) for r in lake.rejects() if r["key"] == key(name)]
        assert found == ([(place, column)] if place else []), name
    assert lake.types("t")["paid"] == "DOUBLE"

    put(lake, A)
    lake.run()
    for name in MAKERS:
        assert rows(lake, name) == written(A, ["id", "name", "day", "paid"]), name
    assert lake.rejects() == []
    latest = {r["file_key"]: (r["status"], r["row_count"]) for r in lake.registry()}
    assert latest == {key(name): ("success", len(A)) for name in MAKERS}


def test_formats_nested_columns(lake: Lake) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    prepared(lake)
    made = io.BytesIO()
    values = {"id": [1, 2], "where": [{"lat": 1.5, "tags": ["a", None]}, None]}
    pq.write_table(pa.table(values), made)
    lake.put("t/a.parquet", made.getvalue())
    lake.run()
    found = [row["where"] for row in lake.read('SELECT id, "where" FROM lakehouse.t ORDER BY id')]
    as_text = '{"lat":1.5,"tags":["a",null]}'
    assert found == [as_text if lake.types("t")["where"] == "VARCHAR" else values["where"][0], None]
    if isinstance(lake, IcebergLake):
        # Another engine finds them by the ids in the data file.
        query = f'SELECT id, "where".lat, "where".tags FROM iceberg.{lake.namespace}.t ORDER BY id'
        assert lake.servers.trino(query) == [[1, 1.5, ["a", None]], [2, None, None]]


def test_formats_retry_rebuild_and_forget(embedded: EmbeddedLake) -> None:
    prepared(embedded)
    put(embedded, A)
    embedded.run()
    # Half of a file: the old rows stay, a retry says the same, the whole one is loaded again.
    for name, make in MAKERS.items():
        whole = make(B)
        embedded.put(key(name), b"[" + whole[:40] if name == "jsonl" else whole[: len(whole) // 2])
    assert set(embedded.run(ok=False).statuses().values()) == {"failed"}
    assert embedded.cli("retry", embedded.pipeline, *map(key, MAKERS)).code == 1
    for name in MAKERS:
        assert rows(embedded, name) == written(A), name
    put(embedded, B)
    embedded.run()
    done = embedded.cli("rebuild", embedded.pipeline, "t")
    assert done.code == 0, done.stderr
    for name in MAKERS:
        assert rows(embedded, name) == written(B), name
    assert set(embedded.run().statuses().values()) == {"unchanged"}
    assert embedded.cli("forget", embedded.pipeline, key("jsonl")).code == 0
    assert rows(embedded, "jsonl") == []


def test_formats_sniff_infer_clean_and_plan(embedded: EmbeddedLake) -> None:
    prepared(embedded)
    put(embedded, B)
    how = ("--pipeline", embedded.pipeline, "--json")
    formats = {"xlsx": "excel", "zip": "csv"}
    for name in MAKERS:
        path = embedded.path(key(name))
        (sniffed,) = embedded.cli("sniff", path, *how).objects
        assert sniffed.get("format", "csv") == formats.get(name, name)
        (inferred,) = embedded.cli("infer", path, *how).objects
        assert [(c["name"], c["type"]) for c in inferred["columns"]] == [
            *(("id", "INTEGER"), ("name", "VARCHAR"), ("day", "DATE"), ("paid", "DOUBLE"))
        ]
        (cleaned,) = embedded.cli("clean", path, "--out", embedded.folder / "clean", *how).objects
        with Path(cleaned["out"]).open(newline="", encoding="utf-8") as stream:
            found = list(csv.DictReader(stream))
        assert [float(r["id"]) for r in found] == [r["id"] for r in B]
        assert [(r["name"] or None, r["day"][:10]) for r in found] == [
            (r["name"], str(r["day"] or "")) for r in B
        ]
    planned = embedded.plan()
    assert "id" in planned.output and "DOUBLE" in planned.output, planned.output
    assert not embedded.exists("t")


def test_formats_killed_where_their_files_are_read(embedded: EmbeddedLake) -> None:
    """At the other steps every format is like CSV (``test_crash``)."""
    prepared(embedded)
    put(embedded, A)
    embedded.listen(KILLER)
    embedded.run()
    put(embedded, B, broken=True)
    crash_everywhere(embedded, 0, groups=1, kept=r"^(sniff|open|convert|load)\.finished")
