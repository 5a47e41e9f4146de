"""The specification's acceptance criteria in their order, where no server is needed.

AC-1 (buckets) and AC-10 (Superset) need servers.
"""

from __future__ import annotations

import pytest

from .lakes import Lake


def test_ac_2_an_uploaded_file_becomes_a_queryable_table(lake: Lake) -> None:
    lake.put("test_table/data.csv", "id,name\n11,Ann\n12,Bob\n")
    lake.run()
    assert lake.query("SELECT count(*) AS n, max(name) AS last FROM lakehouse.test_table") == [
        {"n": 2, "last": "Bob"}
    ]


def test_ac_3_the_schema_matches_the_data(lake: Lake) -> None:
    lake.put(
        "t/a.csv",
        "id,big,price,active,day,at,name\n"
        "11,9999999999,1.5,true,2024-01-15,2024-01-15T10:30:00Z,Ann\n"
        "12,-2147483649,-0.5,no,2024-02-29,2024-02-29T23:59:59.123456+02:00,Bob\n",
    )
    lake.run()
    assert lake.types("t") == {
        "id": "INTEGER",
        "big": "BIGINT",
        "price": "DOUBLE",
        "active": "BOOLEAN",
        "day": "DATE",
        "at": "TIMESTAMP",
        "name": "VARCHAR",
    }
    assert lake.rows("t", "id") == [
        ["11", "9999999999", "1.5", "true", "2024-01-15", "2024-01-15 10:30:00", "Ann"],
        ["12", "-2147483649", "-0.5", "false", "2024-02-29", "2024-02-29 21:59:59.123456", "Bob"],
    ]


def test_ac_4_identical_content_is_skipped(lake: Lake) -> None:
    lake.put("t/a.csv", "id,name\n11,x\n")
    lake.run()
    lake.put("t/a.csv", "id,name\n11,x\n")
    outcome = lake.run().of("t/a.csv")
    assert (outcome["status"], outcome["rows_loaded"]) == ("unchanged", 0)
    assert [r["status"] for r in lake.registry("t/a.csv")] == ["success"]


def test_ac_5_changed_content_replaces_the_old(lake: Lake) -> None:
    lake.put("t/a.csv", "id,name\n11,x\n12,y\n")
    lake.run()
    lake.put("t/a.csv", "id,name\n11,changed\n13,z\n14,w\n")
    lake.run()
    assert lake.rows("t", "id") == [["11", "changed"], ["13", "z"], ["14", "w"]]
    first, second = lake.registry("t/a.csv")
    assert first["etag"] != second["etag"]
    assert (first["row_count"], second["row_count"]) == (2, 3)


def test_ac_6_files_of_a_folder_share_a_table(lake: Lake) -> None:
    for number in range(1, 5):
        lake.put(f"customers/q{number}.csv", f"id,name\n{number},n{number}\n")
    lake.run()
    assert lake.row_counts("customers") == {f"customers/q{n}.csv": 1 for n in range(1, 5)}
    assert lake.column("customers", "name") == ["n1", "n2", "n3", "n4"]


def test_ac_7_added_columns_lose_no_data(lake: Lake) -> None:
    lake.put("t/a.csv", "id,name\n11,x\n12,y\n")
    lake.run()
    lake.put("t/b.csv", "extra,name,id\n2024-01-15,z,13\n")
    lake.run()
    assert lake.types("t") == {"id": "INTEGER", "name": "VARCHAR", "extra": "DATE"}
    assert lake.rows("t", "id") == [["11", "x", None], ["12", "y", None], ["13", "z", "2024-01-15"]]


def test_ac_7_a_file_without_a_column_of_the_table_loads_null_there(lake: Lake) -> None:
    lake.put("t/a.csv", "id,name,score\n11,x,5\n")
    lake.run()
    lake.put("t/b.csv", "name,id\ny,12\n")
    lake.run()
    assert lake.rows("t", "id") == [["11", "x", "5"], ["12", "y", None]]


@pytest.mark.parametrize(
    "delimiter", [",", ";", "\t", "|"], ids=["comma", "semicolon", "tab", "pipe"]
)
def test_ac_8_the_delimiter_is_detected(lake: Lake, delimiter: str) -> None:
    """Quoted delimiters, quoted quotes and quoted line breaks included."""
    d = delimiter
    lake.put(
        "t/a.csv",
        f'id{d}name{d}note\n11{d}"Ann{d} jr"{d}plain\n'
        f'12{d}Bob{d}"say ""hi"""\n13{d}Cy{d}"two\nlines"\n',
    )
    lake.run()
    assert lake.rows("t", "id") == [
        ["11", f"Ann{d} jr", "plain"],
        ["12", "Bob", 'say "hi"'],
        ["13", "Cy", "two\nlines"],
    ]


def test_ac_9_audit_columns_are_in_every_row(lake: Lake) -> None:
    lake.put("t/a.csv", "id,name\n" + "".join(f"{i},n\n" for i in range(3000)))
    lake.run()
    assert lake.query(
        "SELECT count(*) AS n, count(_source_file) AS s, count(_ingested_at) AS i, "
        "count(DISTINCT _source_file) AS files FROM lakehouse.t"
    ) == [{"n": 3000, "s": 3000, "i": 3000, "files": 1}]


def test_ac_11_the_registry_holds_every_processed_file(lake: Lake) -> None:
    lake.put("t/a.csv", "id,name\n11,x\n12,y\n13\n14,z\n15,w\n")
    lake.put("t/empty.csv", "")
    lake.put("sales/x.csv", "id,name\n11,x\n")
    lake.run(ok=False)
    rows = {r["file_key"]: r for r in lake.registry()}
    assert {k: (r["table_name"], r["status"]) for k, r in rows.items()} == {
        "t/a.csv": ("t", "success"),
        "t/empty.csv": ("t", "failed"),
        "sales/x.csv": ("", "failed"),
    }
    assert rows["t/a.csv"]["row_count"] == 4
    assert not rows["t/a.csv"]["error_message"]
    assert rows["t/empty.csv"]["error_message"] and rows["sales/x.csv"]["error_message"]
    assert all(r["etag"] and r["dag_run_id"] for r in rows.values())
    assert len({r["etag"] for r in rows.values()}) == 3


def test_ac_11_every_run_has_an_id_of_its_own(lake: Lake) -> None:
    lake.put("t/a.csv", "id,name\n11,x\n")
    lake.run()
    lake.put("t/a.csv", "id,name\n12,x\n")
    lake.run()
    assert len({r["dag_run_id"] for r in lake.registry()}) == 2


def test_ac_12_a_table_of_another_pipeline_stays_as_it_is(lake: Lake) -> None:
    """Another writer's table is made through a pipeline that does not protect it."""
    lake.configure(sink={"protected_tables": []})
    lake.put("sales/a.csv", "id,name\n11,x\n")
    lake.run()
    before = lake.snapshots("sales")
    lake.configure(sink={"protected_tables": ["sales"]})
    lake.put("sales/b.csv", "id,name\n12,y\n")
    lake.put("Sales!/c.csv", "id,name\n13,z\n")
    run = lake.run(ok=False)
    assert run.of("sales/b.csv")["status"] == run.of("Sales!/c.csv")["status"] == "failed"
    assert lake.snapshots("sales") == before
    assert lake.column("sales", "id") == ["11"]


def test_ac_13_a_file_above_100_mb_warns_and_loads(lake: Lake) -> None:
    """Real size: the default ``warn_above`` is 100 MB, 100,000,000 bytes. Where a row is SQL text,
    most of it are comments."""
    rows, line = min(100_000, lake.many_rows), "11," + "x" * 998 + "\n"
    if rows < 100_000:
        lake.configure(sniffer={"comment": "#"})
    lake.put("t/large.csv", "id,name\n" + ("#" + line) * (100_000 - rows) + line * rows)
    run = lake.run()
    assert run.of("t/large.csv")["rows_loaded"] == rows
    assert any("t/large.csv" in w and "100" in w for w in run.stderr.splitlines()), run.stderr


def test_ac_14_an_empty_source_is_no_error(lake: Lake) -> None:
    run = lake.run()
    assert (run.code, run.objects) == (0, [])


def test_ac_15_table_names_are_sanitised(lake: Lake) -> None:
    lake.put("My Data!/a.csv", "id,name\n11,x\n")
    assert lake.run().of("My Data!/a.csv")["table"] == "my_data"
    assert lake.exists("my_data")
