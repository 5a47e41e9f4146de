"""The specification's requirements, each by its id, where no server is needed to see it.

FR-1 (buckets), FR-9 (Airflow tasks) and FR-11 (Superset) need servers; what of FR-9 can be seen
here is that files do not depend on one another.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from .lakes import EmbeddedLake, Lake

SPEC_REGISTRY = [
    "file_key",
    "etag",
    "table_name",
    "row_count",
    "status",
    "error_message",
    "ingested_at",
    "dag_run_id",
]


def test_fr_2_new_and_modified_files_are_noticed(lake: Lake) -> None:
    lake.put("t/a.csv", "id,name\n11,x\n")
    lake.put("t/b.csv", "id,name\n12,y\n")
    lake.run()
    lake.put("t/b.csv", "id,name\n13,z\n")
    lake.put("t/c.csv", "id,name\n14,w\n")
    assert lake.run().statuses() == {
        "t/a.csv": "unchanged",
        "t/b.csv": "success",
        "t/c.csv": "success",
    }
    assert lake.column("t", "id") == ["11", "13", "14"]


def test_fr_2_only_csv_files_are_taken(lake: Lake) -> None:
    lake.put("t/a.csv", "id,name\n11,x\n")
    lake.put("t/readme.txt", "no table in here")
    lake.put("t/a.parquet", b"PAR1")
    assert list(lake.run().statuses()) == ["t/a.csv"]


def test_fr_3_the_first_folder_is_the_table(lake: Lake) -> None:
    lake.put("customers/file.csv", "id,name\n11,x\n")
    lake.put("customers/2024/q1/deep.csv", "id,name\n12,y\n")
    run = lake.run()
    assert {o["table"] for o in run.objects} == {"customers"}
    assert lake.row_counts("customers") == {
        "customers/file.csv": 1,
        "customers/2024/q1/deep.csv": 1,
    }


@pytest.mark.parametrize(
    "delimiter", [",", ";", "\t", "|"], ids=["comma", "semicolon", "tab", "pipe"]
)
def test_fr_4_the_delimiter_is_detected(lake: Lake, delimiter: str) -> None:
    lines = [["id", "name", "note"], ["11", "Ann", "a b"], ["12", "Bob", "c"], ["13", "Cy", "d"]]
    lake.put("t/a.csv", "".join(delimiter.join(line) + "\n" for line in lines))
    lake.run()
    assert lake.rows("t", "id") == lines[1:]


@pytest.mark.parametrize(
    ("type_name", "values", "stored"),
    [
        ("VARCHAR", ["abc", "de f", "x1"], ["abc", "de f", "x1"]),
        ("INTEGER", ["42", "-7", "0"], ["42", "-7", "0"]),
        ("BIGINT", ["9999999999", "-2147483649", "5"], ["9999999999", "-2147483649", "5"]),
        ("DOUBLE", ["3.14", "-0.5", "1.2e10"], ["3.14", "-0.5", "12000000000.0"]),
        ("BOOLEAN", ["true", "NO", "Yes"], ["true", "false", "true"]),
        ("DATE", ["2024-01-15", "1999-12-31", "2024-02-29"], None),
        (
            "DATE",
            ["15/01/2024", "31/12/1999", "29/02/2024"],
            ["2024-01-15", "1999-12-31", "2024-02-29"],
        ),
        (
            "DATE",
            ["01/15/2024", "12/31/1999", "02/29/2024"],
            ["2024-01-15", "1999-12-31", "2024-02-29"],
        ),
        (
            "TIMESTAMP",
            ["2024-01-15T10:30:00Z", "2024-01-15T10:30:00", "2024-01-15 10:30:00.25"],
            ["2024-01-15 10:30:00", "2024-01-15 10:30:00", "2024-01-15 10:30:00.25"],
        ),
    ],
    ids=[
        "varchar",
        "integer",
        "bigint",
        "double",
        "boolean",
        "date",
        "date-dmy",
        "date-mdy",
        "timestamp",
    ],
)
def test_fr_5_types_are_inferred(
    lake: Lake, type_name: str, values: list[str], stored: list[str] | None
) -> None:
    lake.put("t/a.csv", "id,v\n" + "".join(f"{i},{v}\n" for i, v in enumerate(values)))
    run = lake.run()
    assert lake.types("t") == {"id": "INTEGER", "v": type_name}
    assert lake.column("t", "v") == (values if stored is None else stored)
    assert run.of("t/a.csv")["cells_nulled"] == 0


def test_fr_6_namespace_and_table_are_created(lake: Lake) -> None:
    lake.put("products/catalog.csv", "sku,price\nA-1,1.5\nB-2,2.5\n")
    assert not lake.exists("products")
    lake.run()
    assert lake.exists("products")
    assert lake.types("products") == {"sku": "VARCHAR", "price": "DOUBLE"}


def test_fr_7_new_columns_are_added(lake: Lake) -> None:
    lake.put("t/a.csv", "id,name\n11,x\n")
    lake.run()
    lake.put("t/b.csv", "id,name,score\n12,y,1.5\n")
    run = lake.run()
    assert run.of("t/b.csv")["columns_added"] == ["score"]
    assert lake.types("t") == {"id": "INTEGER", "name": "VARCHAR", "score": "DOUBLE"}
    assert lake.rows("t", "id") == [["11", "x", None], ["12", "y", "1.5"]]


def test_fr_8_a_file_replaces_its_own_rows_only(lake: Lake) -> None:
    lake.put("t/a.csv", "id,name\n11,x\n12,y\n")
    lake.put("t/b.csv", "id,name\n13,z\n")
    lake.run()
    lake.put("t/a.csv", "id,name\n17,new\n")
    outcome = lake.run().of("t/a.csv")
    assert (outcome["rows_loaded"], outcome["rows_deleted"]) == (1, 2)
    assert lake.rows("t", "id") == [["13", "z"], ["17", "new"]]


def test_fr_9_one_files_failure_stops_no_other(lake: Lake) -> None:
    lake.put("a/good.csv", "id,name\n11,x\n")
    lake.put("b/bad.csv", b"")
    lake.put("b/good.csv", "id,name\n12,y\n")
    lake.put("c/good.csv", "id,name\n13,z\n")
    run = lake.run(ok=False)
    assert run.code == 1
    assert run.statuses() == {
        "a/good.csv": "success",
        "b/bad.csv": "failed",
        "b/good.csv": "success",
        "c/good.csv": "success",
    }
    assert [lake.column(t, "id") for t in "abc"] == [["11"], ["12"], ["13"]]


def test_fr_10_the_registry_is_a_table_with_the_specifications_columns_first(lake: Lake) -> None:
    lake.put("t/a.csv", "id,name\n11,x\n")
    lake.run()
    (row,) = lake.registry()
    assert list(row)[: len(SPEC_REGISTRY)] == SPEC_REGISTRY
    types = lake.types("_ingest_registry")
    assert [types[c] for c in SPEC_REGISTRY if c != "row_count"] == [
        *["VARCHAR"] * 5,
        "TIMESTAMP",
        "VARCHAR",
    ]
    assert types["row_count"] in ("INTEGER", "BIGINT")
    assert (row["file_key"], row["table_name"], row["row_count"], row["status"]) == (
        "t/a.csv",
        "t",
        1,
        "success",
    )
    assert row["etag"] and row["dag_run_id"] and not row["error_message"]


def test_fr_10_unchanged_content_is_not_ingested_again_even_when_touched(lake: Lake) -> None:
    lake.put("t/a.csv", "id,name\n11,x\n")
    lake.run()
    snapshots = lake.snapshots("t")
    lake.put("t/a.csv", "id,name\n11,x\n")
    assert lake.run().statuses() == {"t/a.csv": "unchanged"}
    assert lake.snapshots("t") == snapshots
    assert len(lake.registry()) == 1


def test_fr_12_audit_columns_are_in_every_row(lake: Lake) -> None:
    before = datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=1)
    lake.put("t/a.csv", "id,name\n11,x\n12,y\n")
    lake.put("t/b.csv", "id,name\n13,z\n")
    lake.run()
    after = datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=1)
    rows = lake.query(
        "SELECT id, _source_file, _ingested_at::VARCHAR AS at, typeof(_ingested_at) AS kind, "
        "typeof(_source_file) AS source_kind FROM lakehouse.t ORDER BY id"
    )
    assert [r["_source_file"] for r in rows] == ["t/a.csv", "t/a.csv", "t/b.csv"]
    assert {(r["kind"], r["source_kind"]) for r in rows} == {("TIMESTAMP", "VARCHAR")}
    assert all(before <= datetime.fromisoformat(r["at"]) <= after for r in rows)


def test_fr_13_large_files_warn_and_load(lake: Lake) -> None:
    lake.configure(source={"warn_above": "1KB"})
    lake.put("t/small.csv", "id,name\n11,x\n")
    lake.put("t/large.csv", "id,name\n" + "12,yyyyyyyyyyyyyyyy\n" * 100)
    run = lake.run()
    assert run.of("t/large.csv")["rows_loaded"] == 100
    warnings = [
        line for line in run.stderr.splitlines() if "warn_above" in line or "larger" in line
    ]
    assert any("t/large.csv" in line for line in warnings), run.stderr
    assert not any("t/small.csv" in line for line in warnings), run.stderr


def test_nfr_1_a_scan_of_1000_objects_takes_less_than_10_seconds(lake: Lake) -> None:
    """The requirement itself is a time: on a busy machine the best of three is judged.

    The one file loaded besides is part of what is timed.
    """
    lake.configure(source={"max_files_per_run": 1})
    for number in range(1000):
        lake.put(f"t{number % 10}/f{number}.csv", f"id,name\n{number},x\n")
    for _ in range(3):
        began = time.monotonic()
        run = lake.start_run().wait()
        seconds = time.monotonic() - began
        assert run.code == 0
        statuses = [o["status"] for o in run.objects]
        assert (len(statuses), statuses.count("success")) == (1000, 1)
        if seconds < 10.0:
            break
    assert seconds < 10.0


def test_nfr_2_a_repeated_run_changes_nothing(lake: Lake) -> None:
    lake.put("t/a.csv", "id,name\n11,x\n12\n13,y\n14,z\n15,w\n")
    lake.put("u/b.csv", "id,name\n11,x\n")
    lake.run()
    state = [lake.rows("t"), lake.rejects(), lake.registry(), lake.snapshots("t")]
    for _ in range(2):
        assert set(lake.run().statuses().values()) == {"unchanged"}
    assert [lake.rows("t"), lake.rejects(), lake.registry(), lake.snapshots("t")] == state


def test_nfr_3_the_table_sales_is_never_touched(lake: Lake) -> None:
    lake.put("sales/a.csv", "id,name\n11,x\n")
    outcome = lake.run(ok=False).of("sales/a.csv")
    assert outcome["status"] == "failed"
    assert "sales" in outcome["error"] and "protected" in outcome["error"]
    assert not lake.exists("sales")


def test_nfr_4_the_sample_proposes_and_all_rows_decide(lake: Lake) -> None:
    """NFR-4 reads 1,000 rows; the design proves the proposal on all of them."""
    lake.put("few/a.csv", "id,v\n" + "".join(f"{i},{i * 7}\n" for i in range(1500)) + "1500,x\n")
    texts = "".join(f"{i},text\n" for i in range(1000, 2000))
    lake.put("many/a.csv", "id,v\n" + "".join(f"{i},{i * 7}\n" for i in range(1000)) + texts)
    run = lake.run()
    assert lake.types("few")["v"] == "INTEGER"
    assert run.of("few/a.csv")["cells_nulled"] == 1
    (reject,) = lake.rejects("--table", "few")
    assert (reject["line"], reject["column"], reject["text"]) == (1502, "v", "x")
    assert lake.types("many")["v"] == "VARCHAR"
    assert run.of("many/a.csv")["cells_nulled"] == 0


def test_nfr_4_ambiguous_columns_fall_back_to_varchar(lake: Lake) -> None:
    values = ["11", "2", "x", "2024-01-01", "true", "", "y", "3.5", "z", "w"]
    lake.put("t/a.csv", "id,v\n" + "".join(f"{i},{v}\n" for i, v in enumerate(values)))
    lake.run()
    assert lake.types("t")["v"] == "VARCHAR"
    assert lake.column("t", "v") == [v or None for v in values]


@pytest.mark.parametrize(
    ("folder", "table"),
    [
        ("Customers", "customers"),
        ("order-items", "order_items"),
        ("a b  c", "a_b_c"),
        ("9lives", "_9lives"),
        ("My Data!", "my_data"),
        ("_private", "_private"),
    ],
)
def test_nfr_5_table_names_are_sanitised(lake: Lake, folder: str, table: str) -> None:
    lake.put(f"{folder}/a.csv", "id,name\n11,x\n")
    outcome = lake.run().of(f"{folder}/a.csv")
    assert outcome["table"] == table
    assert lake.row_counts(table) == {f"{folder}/a.csv": 1}


def test_nfr_5_two_folders_of_one_table_share_it_with_a_warning(embedded: EmbeddedLake) -> None:
    embedded.put("My Data/a.csv", "id,name\n11,x\n")
    embedded.put("my_data/b.csv", "id,name\n12,y\n")
    run = embedded.run()
    assert embedded.column("my_data", "id") == ["11", "12"]
    assert "My Data" in run.stderr and "my_data" in run.stderr


def test_column_names_are_sanitised(lake: Lake) -> None:
    """ "Column Name Sanitisation" of the specification, its example included."""
    lake.put("t/a.csv", "Order ID  #,2nd Name,__x__,Größe,A-B\n11,a,b,c,d\n")
    lake.run()
    assert list(lake.types("t")) == ["order_id", "col_2nd_name", "x", "grosse", "a_b"]
