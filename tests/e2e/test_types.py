"""Every built-in type on both production pipelines, as Trino shows it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from acceptance.server_lakes import IcebergLake, ServerLake, TrinoLake

from lakefall_plugins.sinks.lake import comments

from .servers import Servers

HEADER = "id;flag;bit;price;cost;share;exact;day;born;at;seen;since;key;doc"
EXACT = "1234567890123456789012345678.0123456789"


def options(precision: int = 12) -> dict[str, Any]:
    plain = ["boolean", "integer", "bigint", "double", "date", "timestamp", "varchar"]
    decimal = {"use": "decimal", "precision": precision, "scale": 2}
    return {
        "types": [*plain, decimal, "time", "timestamp_tz", "uuid", "json"],
        "boolean": "words",
        "two_digit_years": True,
        "number_formats": ["1234.5", "1.234,5", "$1,234.5", "1234.5%"],
        "columns": {"since": {"type": "timestamp", "format": "%s"}, "exact": "decimal(38,10)"},
    }


def record(number: int, **cells: str) -> str:
    """A record whose cells are the usual ones of that number from 11 to 30, but for these."""
    usual = {
        "id": f"{number}",
        "flag": "yes" if number % 2 else "no",
        "bit": f"{number % 2}",
        "price": f"-1.2{number},5",
        "cost": f"${number},000.25",
        "share": f"{number}.5%",
        "exact": EXACT,
        "day": f"{number}.01.2024",
        "born": f"28/02/{number + 58}",
        "at": f"9:{number}:07.25 PM",
        "seen": f"2024-01-15T23:{number}:00.000001-02:00",
        "since": f"17000000{number}",
        "key": f"123E4567-e89b-12d3-a456-4266141740{number}",
        "doc": f'{{"n": [{number}, null], "s": "it\'s; é"}}',
    }
    return ";".join("'" + v.replace("'", "''") + "'" for v in (usual | cells).values())


def values(number: int) -> list[Any]:
    """What the record of that number is to Trino."""
    return [
        number,
        bool(number % 2),
        number % 2,
        Decimal(f"-12{number}.50"),
        Decimal(f"{number}000.25"),
        float(f"0.{number}5"),
        Decimal(EXACT),
        date(2024, 1, number),
        date(1900 + number + 58, 2, 28),
        time(21, number, 7, 250_000),
        datetime(2024, 1, 16, 1, number, 0, 1, tzinfo=UTC),
        datetime.fromtimestamp(int(f"17000000{number}"), UTC).replace(tzinfo=None),
        UUID(f"123e4567-e89b-12d3-a456-4266141740{number}"),
        f'{{"n": [{number}, null], "s": "it\'s; é"}}',
    ]


TYPES = {
    "id": "integer",
    "flag": "boolean",
    "bit": "integer",
    "price": "decimal(12,2)",
    "cost": "decimal(12,2)",
    # A hundredth of 11.5 has more digits than the decimal of these options.
    "share": "double",
    "exact": "decimal(38,10)",
    "day": "date",
    "born": "date",
    "at": "time(6)",
    "seen": "timestamp(6) with time zone",
    "since": "timestamp(6)",
    "key": "uuid",
    "doc": "varchar",
}
FORMATS = {
    "price": "1.234,5",
    "cost": "$1,234.5",
    "share": "1234.5%",
    "day": "%d.%m.%Y",
    "born": "%d/%m/%y",
    "since": "%s",
}
BAD = {
    "price": "-1.21,5",
    "cost": "12,000.25",
    "exact": EXACT + "1",
    "born": "29/02/73",
    "at": "13:12 PM",
    "seen": "2024-01-15T24:12:00Z",
    "key": "123e4567e89b12d3a456426614174012",
    "doc": '{"n": NaN}',
}
NAMES = HEADER.split(";")
EMPTY = dict.fromkeys(NAMES[1:], "")
FILE = [record(n) for n in range(11, 31)]
FILE[1] = record(12, **BAD)
FILE[2] = record(13, **EMPTY)
FILE[3] += ";'one too many'"


def csv(records: list[str], header: str = HEADER) -> str:
    return "\n".join((header, *records)) + "\n"


@pytest.fixture(scope="module", params=[IcebergLake, TrinoLake], ids=["iceberg", "trino"])
def lake(
    request: pytest.FixtureRequest, servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerLake]:
    with request.param.on(servers, tmp_path_factory.mktemp("lake")) as lake:
        yield lake


@pytest.fixture(scope="module")
def ten(lake: ServerLake) -> str:
    """A table of ten records that are as they should be."""
    lake.configure(type_inferer=options())
    lake.put("ten/a.csv", csv([record(n) for n in range(11, 21)]))
    lake.run()
    return "ten"


def described(lake: ServerLake, table: str) -> dict[str, str]:
    """Trino's types of the table's own columns."""
    rows = lake.servers.trino(f"SHOW COLUMNS FROM {lake.namespace}.{table}")
    return {row[0]: row[1] for row in rows if row[0] not in ("_source_file", "_ingested_at")}


def stored(lake: ServerLake, table: str, *names: str, where: str = "true") -> list[list[Any]]:
    listed = ", ".join(names or NAMES)
    return lake.servers.trino(
        f"SELECT {listed} FROM {lake.namespace}.{table} WHERE {where} ORDER BY id"
    )


def formats(lake: ServerLake, table: str) -> dict[str, str]:
    """The formats that the table itself keeps: column comments or table properties."""
    kept = dict(lake.servers.trino(f'SELECT * FROM {lake.namespace}."{table}$properties"'))
    for name, _, _, comment in lake.servers.trino(f"SHOW COLUMNS FROM {lake.namespace}.{table}"):
        kept |= comments.properties({name: comment})
    mark = "lakefall.format."
    return {k.removeprefix(mark): v for k, v in kept.items() if k.startswith(mark)}


def test_types_values_and_rejects_are_the_same_in_both_sinks(lake: ServerLake) -> None:
    lake.configure(type_inferer=options())
    lake.put("whole/a.csv", csv(FILE))
    outcome = lake.run().of("whole/a.csv")
    assert (outcome["rows_loaded"], outcome["rows_rejected"]) == (19, 1)
    assert described(lake, "whole") == TYPES
    assert formats(lake, "whole") == FORMATS
    holes = [None if n in BAD else v for n, v in zip(NAMES, values(12), strict=True)]
    expected = [values(11), holes, [13, *[None] * len(EMPTY)], *map(values, range(15, 31))]
    assert stored(lake, "whole") == expected
    rejects = [(r["line"], r["column"], r["text"]) for r in lake.rejects("--table", "whole")]
    assert sorted(rejects)[:-1] == sorted((3, *bad) for bad in BAD.items())
    assert rejects[-1][:2] == (5, "")
    reasons = {r["column"]: r["reason"] for r in lake.rejects("--table", "whole")}
    assert "DECIMAL(12,2)" in reasons["price"] and "1.234,5" in reasons["price"]
    assert "UUID" in reasons["key"] and "JSON" in reasons["doc"]


def test_typed_values_work_in_queries(lake: ServerLake, ten: str) -> None:
    """Trino compares and reckons with them; what is text in Iceberg parses as what it is."""
    found = lake.servers.trino(
        f"SELECT sum(price), max(at), json_extract_scalar(max(doc), '$.n[0]') "
        f"FROM {lake.namespace}.{ten} WHERE key > UUID '123e4567-e89b-12d3-a456-426614174012' "
        "AND seen > TIMESTAMP '2024-01-16 02:14:30 +01:00' AND at >= TIME '21:16:00'"
    )
    expected = sum((values(n)[3] for n in range(16, 21)), Decimal())
    assert found == [[expected, time(21, 20, 7, 250_000), "20"]]


def test_changed_widened_and_new(lake: ServerLake) -> None:
    lake.configure(type_inferer=options(), sink={"on_type_conflict": "widen"})
    lake.put("grown/a.csv", csv(FILE))
    lake.run()
    lake.put("grown/a.csv", csv([record(n) for n in (11, 12)]))
    assert lake.run().of("grown/a.csv")["rows_deleted"] == 19
    assert stored(lake, "grown") == [values(11), values(12)]
    assert lake.rejects("--table", "grown") == []

    lake.configure(type_inferer=options(precision=18))
    new = {"other": "10:30", "ref": "123e4567-e89b-12d3-a456-426614174999", "tags": "[1]"}
    big = [record(n, price="1.234.567.890.123.456,78", id=f"99999999{n}") for n in range(21, 31)]
    extra = ";".join(f"'{v}'" for v in new.values())
    lake.put("grown/b.csv", csv([f"{r};{extra}" for r in big], ";".join((HEADER, *new))))
    outcome = lake.run().of("grown/b.csv")
    assert (outcome["columns_added"], outcome["cells_nulled"]) == (list(new), 0)
    # No value of `cost` asks for more digits.
    grown = {"id": "bigint", "price": "decimal(18,2)"}
    added = {"other": "time(6)", "ref": "uuid", "tags": "varchar"}
    assert described(lake, "grown") == {**TYPES, **grown, **added}
    assert formats(lake, "grown") == FORMATS
    found = stored(lake, "grown", "id", "price", *new)
    assert found[0] == [11, values(11)[3], None, None, None]
    first = [9999999921, Decimal("1234567890123456.78"), time(10, 30), UUID(new["ref"]), "[1]"]
    assert found[2] == first


def test_a_later_file_cannot_contradict_the_tables_format(lake: ServerLake, ten: str) -> None:
    """Where the table's types govern."""
    lake.configure(type_inferer=options(), sink={"on_type_conflict": "widen"})
    lake.put(f"{ten}/b.csv", csv([record(n, day=f"01/{n}/2024") for n in range(13, 23)]))
    outcome = lake.run(ok=False).of(f"{ten}/b.csv")
    assert outcome["status"] == "failed"
    assert "%d.%m.%Y" in outcome["error"] and "%m/%d/%Y" in outcome["error"]


def test_what_is_text_in_iceberg_is_still_judged(lake: ServerLake) -> None:
    """The table remembers that its text is JSON."""
    lake.configure(type_inferer=options())
    lake.put("text/a.csv", csv([record(n) for n in range(11, 31)]))
    lake.run()
    lake.put("text/b.csv", csv([*(record(n) for n in range(11, 30)), record(30, doc="{")]))
    lake.run()
    (reject,) = lake.rejects("--table", "text")
    assert (reject["line"], reject["column"], reject["text"]) == (21, "doc", "{")
    assert json.loads(stored(lake, "text", "doc", where="id = 11")[0][0])["n"] == [11, None]
