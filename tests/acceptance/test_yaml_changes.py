"""Editing the YAML changes the result: nothing else does, and each option really does."""

from __future__ import annotations

from pathlib import Path

import pytest

from .lakes import EmbeddedLake, Lake


def test_yaml_threshold(lake: Lake) -> None:
    """8 of 10 values are integers: text at 0.9, INTEGER with two holes at 0.8."""
    values = [*range(11, 19), "x", "y"]
    data = "id,v\n" + "".join(f"{i},{v}\n" for i, v in enumerate(values))
    lake.put("strict/a.csv", data)
    lake.configure(type_inferer={"threshold": 0.9})
    assert lake.run().of("strict/a.csv")["cells_nulled"] == 0
    assert lake.types("strict")["v"] == "VARCHAR"
    lake.put("loose/a.csv", data)
    lake.configure(type_inferer={"threshold": 0.8})
    assert lake.run().of("loose/a.csv")["cells_nulled"] == 2
    assert lake.types("loose")["v"] == "INTEGER"


def test_yaml_threshold_by_set_on_the_command_line(lake: Lake) -> None:
    values = [*range(11, 19), "x", "y"]
    lake.put("t/a.csv", "id,v\n" + "".join(f"{i},{v}\n" for i, v in enumerate(values)))
    lake.run("--set", "type_inferer.threshold=0.8")
    assert lake.types("t")["v"] == "INTEGER"


def test_yaml_folder(embedded: EmbeddedLake) -> None:
    embedded.put("t/a.csv", "id,name\n11,x\n")
    other = embedded.folder / "elsewhere" / "u"
    other.mkdir(parents=True)
    (other / "b.csv").write_text("id,name\n12,y\n")
    embedded.configure(source={"path": str(other.parent)})
    assert list(embedded.run().statuses()) == ["u/b.csv"]
    assert embedded.exists("u") and not embedded.exists("t")


def test_yaml_folder_relative_to_where(embedded: EmbeddedLake, tmp_path: Path) -> None:
    """``./inbox`` of the shipped file is a folder of the working directory."""
    embedded.put("t/a.csv", "id,name\n11,x\n")
    embedded.run(env={"LAKEFALL_INBOX": "./inbox"}, cwd=embedded.folder)
    assert embedded.exists("t")


def test_yaml_delimiters(lake: Lake) -> None:
    """A list without the comma, taken strictly, reads the same file another way."""
    data = "a,b;c,d\n1,2;3,4\n5,6;7,8\n9,10;11,12\n"
    lake.put("semi/a.csv", data)
    lake.configure(sniffer={"delimiters": [";"], "strict_delimiters": True})
    lake.run()
    assert list(lake.types("semi")) == ["a_b", "c_d"]
    lake.put("comma/a.csv", data)
    lake.configure(sniffer={"delimiters": [","], "strict_delimiters": True})
    lake.run()
    assert list(lake.types("comma")) == ["a", "b_c", "d"]


def test_yaml_null_values(lake: Lake) -> None:
    data = "id,v\n11,5\n12,n/a\n13,7\n"
    lake.put("before/a.csv", data)
    lake.run()
    assert lake.types("before")["v"] == "VARCHAR"
    lake.put("after/a.csv", data)
    lake.configure(type_inferer={"null_values": ["", "n/a"]})
    assert lake.run().of("after/a.csv")["cells_nulled"] == 0
    assert lake.types("after")["v"] == "INTEGER"
    assert lake.column("after", "v") == ["5", None, "7"]


def test_yaml_null_values_replace_the_default_list(lake: Lake) -> None:
    lake.put("t/a.csv", "id,v\n11,5\n12,NULL\n13,7\n")
    lake.configure(type_inferer={"null_values": [""]})
    lake.run()
    assert lake.types("t")["v"] == "VARCHAR"


def test_yaml_date_formats_order(lake: Lake) -> None:
    data = "id,v\n11,01/02/2024\n"
    lake.put("day/a.csv", data)
    lake.run()
    lake.put("month/a.csv", data)
    lake.configure(type_inferer={"date_formats": ["%m/%d/%Y", "%d/%m/%Y"]})
    lake.run()
    assert lake.column("day", "v") == ["2024-02-01"]
    assert lake.column("month", "v") == ["2024-01-02"]


def test_yaml_date_formats_of_ones_own(lake: Lake) -> None:
    data = "id,v\n11,2024 d15 m01\n12,2023 d31 m12\n"
    lake.put("before/a.csv", data)
    lake.run()
    assert lake.types("before")["v"] == "VARCHAR"
    lake.put("after/a.csv", data)
    lake.configure(type_inferer={"date_formats": ["%Y d%d m%m"]})
    lake.run()
    assert lake.types("after")["v"] == "DATE"
    assert lake.column("after", "v") == ["2024-01-15", "2023-12-31"]


def test_yaml_one_tables_override(lake: Lake) -> None:
    """A glob of ``tables:`` reaches the tables it matches and no other."""
    data = "id,v\n" + "".join(f"{i},{i}\n" for i in range(11, 19)) + "19,x\n20,y\n"
    lake.put("legacy_orders/a.csv", data)
    lake.put("orders/a.csv", data)
    lake.configure(tables={"legacy_*": {"type_inferer": {"threshold": 0.7}}})
    lake.run()
    assert lake.types("legacy_orders")["v"] == "INTEGER"
    assert lake.types("orders")["v"] == "VARCHAR"


def test_yaml_one_tables_override_of_dialect_and_encoding(lake: Lake) -> None:
    lake.put("legacy_orders/a.csv", "id;name\n11;Müller, Ö\n".encode("cp1252"))
    lake.configure(tables={"legacy_*": {"sniffer": {"delimiter": ";", "encoding": "cp1252"}}})
    lake.run()
    assert lake.rows("legacy_orders") == [["11", "Müller, Ö"]]


def test_yaml_of_overlapping_overrides_the_later_wins(lake: Lake) -> None:
    data = "id,v\n" + "".join(f"{i},{i}\n" for i in range(11, 19)) + "19,x\n20,y\n"
    lake.put("legacy_orders/a.csv", data)
    lake.configure(
        tables={
            "legacy_*": {"type_inferer": {"threshold": 0.7}},
            "*_orders": {"type_inferer": {"threshold": 0.95}},
        }
    )
    lake.run()
    assert lake.types("legacy_orders")["v"] == "VARCHAR"


def test_yaml_one_columns_override(lake: Lake) -> None:
    """``columns:`` bypasses inference for the columns that it names."""
    data = "id,zip,code\n11,10001,1\n12,20002,0\n"
    lake.put("before/a.csv", data)
    lake.run()
    assert lake.types("before") == {"id": "INTEGER", "zip": "INTEGER", "code": "BOOLEAN"}
    lake.put("after/a.csv", data)
    lake.configure(type_inferer={"columns": {"zip": "varchar", "code": "bigint"}})
    lake.run()
    assert lake.types("after") == {"id": "INTEGER", "zip": "VARCHAR", "code": "BIGINT"}
    assert lake.column("after", "zip") == ["10001", "20002"]


def test_yaml_one_columns_override_of_one_table(lake: Lake) -> None:
    data = "id,zip\n11,10001\n12,20002\n"
    lake.put("customers/a.csv", data)
    lake.put("parcels/a.csv", data)
    lake.configure(tables={"customers": {"type_inferer": {"columns": {"zip": "varchar"}}}})
    lake.run()
    assert lake.types("customers")["zip"] == "VARCHAR"
    assert lake.types("parcels")["zip"] == "INTEGER"


def test_yaml_a_columns_override_that_does_not_fit_makes_rejects(lake: Lake) -> None:
    lake.put("t/a.csv", "id,v\n11,5\n12,six\n")
    lake.configure(type_inferer={"columns": {"v": "integer"}})
    assert lake.run().of("t/a.csv")["cells_nulled"] == 1
    assert lake.column("t", "v") == ["5", None]


def test_yaml_types(lake: Lake) -> None:
    """Types that are not listed are never proposed; ones that are listed besides are."""
    data = "id,v,price\n11,true,1.50\n12,false,22.25\n"
    lake.configure(type_inferer={"types": ["integer", "double"]})
    lake.put("few/a.csv", data)
    lake.run()
    assert lake.types("few") == {"id": "INTEGER", "v": "VARCHAR", "price": "DOUBLE"}


def test_yaml_include(lake: Lake) -> None:
    lake.put("t/a.csv", "id,name\n11,x\n")
    lake.put("t/b.txt", "id,name\n12,y\n")
    lake.configure(source={"include": ["*/**/*.txt"]})
    assert list(lake.run().statuses()) == ["t/b.txt"]


def test_yaml_header_absent(lake: Lake) -> None:
    lake.put("t/a.csv", "city,country\nOslo,Norway\nTurku,Finland\n")
    lake.configure(sniffer={"header": "absent", "on_missing_header": "generate"})
    lake.run()
    assert list(lake.types("t")) == ["col_1", "col_2"]
    assert len(lake.rows("t")) == 3


def test_yaml_header_present(lake: Lake) -> None:
    """Told that there is a header, a file of numbers has one."""
    lake.put("t/a.csv", "2020,2021\n11,12\n13,14\n")
    lake.configure(sniffer={"header": "present"})
    lake.run()
    assert list(lake.types("t")) == ["col_2020", "col_2021"]


def test_yaml_max_files_per_run_takes_the_oldest_first(lake: Lake) -> None:
    lake.configure(source={"max_files_per_run": 2})
    for number in range(11, 16):
        lake.put(f"t/f{number}.csv", f"id,name\n{number},x\n")
    lake.run()
    assert sorted(lake.row_counts("t")) == ["t/f11.csv", "t/f12.csv"]
    lake.run()
    lake.run()
    assert len(lake.row_counts("t")) == 5


def test_yaml_transliterate(lake: Lake) -> None:
    """``transliterate: false`` is the specification's letter."""
    lake.put("t/a.csv", "id,größe\n11,5\n")
    lake.configure(source={"transliterate": False})
    lake.run()
    assert list(lake.types("t")) == ["id", "gr_e"]


def test_yaml_a_permanent_failure_is_tried_again_when_the_options_change(lake: Lake) -> None:
    lake.put("t/a.csv", "11,2.5\n12,3.5\n13,4.5\n")
    lake.run(ok=False)
    assert lake.run().of("t/a.csv")["status"] == "skipped"
    lake.configure(sniffer={"on_missing_header": "generate"})
    assert lake.run().of("t/a.csv")["status"] == "success"


def test_yaml_a_loaded_file_is_not_loaded_again_when_the_options_change(lake: Lake) -> None:
    lake.put("t/a.csv", "id,name\n11,x\n")
    lake.run()
    lake.configure(type_inferer={"threshold": 0.5})
    assert lake.run().statuses() == {"t/a.csv": "unchanged"}


@pytest.mark.parametrize("on_violation", ["reject", "fail"])
def test_yaml_validator(embedded: EmbeddedLake, on_violation: str) -> None:
    """A declarative schema a table: a violated row is a reject, or fails the file."""
    pytest.importorskip("pandera")
    (embedded.folder / "orders.yaml").write_text(
        "schema_type: dataframe\nversion: 0.1.0\ncolumns:\n"
        "  amount:\n    dtype: null\n    nullable: true\n    checks:\n"
        "      greater_than_or_equal_to: 0\n"
        "checks: null\nindex: null\ncoerce: false\nstrict: false\n"
    )
    use = {"use": "pandera", "schema": "./orders.yaml", "on_violation": on_violation}
    embedded.configure(tables={"orders": {"validator": [use]}})
    embedded.put("orders/a.csv", "id,amount\n11,5\n12,-6\n13,7\n")
    embedded.put("other/a.csv", "id,amount\n11,5\n12,-6\n13,7\n")
    run = embedded.run(ok=on_violation == "reject")
    assert embedded.column("other", "amount") == ["5", "-6", "7"]
    if on_violation == "reject":
        assert run.of("orders/a.csv")["rows_rejected"] == 1
        assert embedded.column("orders", "amount") == ["5", "7"]
        (reject,) = embedded.rejects("--table", "orders")
        assert reject["line"] == 3 and "-6" in reject["text"]
    else:
        assert run.of("orders/a.csv")["status"] == "failed"
        assert not embedded.exists("orders")


def test_yaml_what_was_rejected_gets_a_second_chance(lake: Lake) -> None:
    """`plan --rejected` says what `retry --rejected` wins once an option has changed."""
    good = "".join(f"{i},{i}\n" for i in range(11, 31))
    lake.put("t/a.csv", f"id,v\n{good}31,n.a.\n32,unknown\n")
    lake.put("t/b.csv", f"id,v\n{good}33,5\n")
    lake.run()
    assert len(lake.rejects()) == 2
    lake.configure(type_inferer={"null_values": ["", "n.a."]})
    keys = ("key", "rows_won", "rows_left", "cells_won", "cells_left")
    wanted = [("t/a.csv", 0, 0, 1, 1)]
    planned = lake.cli("plan", str(lake.pipeline), "--rejected", "--json")
    assert (planned.code, [tuple(o[k] for k in keys) for o in planned.objects]) == (2, wanted)
    retried = lake.cli("retry", str(lake.pipeline), "--rejected", "--json")
    assert (retried.code, [tuple(o[k] for k in keys) for o in retried.objects]) == (0, wanted)
    (left,) = lake.rejects()
    assert (left["key"], left["text"]) == ("t/a.csv", "unknown")
