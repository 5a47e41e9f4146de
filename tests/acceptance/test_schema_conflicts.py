"""Files of one table that disagree about a column, in both orders."""

from __future__ import annotations

import random

import pytest

from .lakes import Lake, Row
from .server_lakes import ServerLake

SAMPLES = {
    "BOOLEAN": ["true", "no"],
    "INTEGER": ["15", "16"],
    "BIGINT": ["9999999999", "9999999998"],
    "DOUBLE": ["1.5", "2.5"],
    "DATE": ["2024-01-15", "2024-01-16"],
    "TIMESTAMP": ["2024-01-15T10:30:00", "2024-01-15T11:30:00"],
    "VARCHAR": ["abc", "def"],
}
STORED = {
    **SAMPLES,
    "BOOLEAN": ["true", "false"],
    "TIMESTAMP": ["2024-01-15 10:30:00", "2024-01-15 11:30:00"],
}
FITS: dict[tuple[str, str], list[str | None]] = {
    # what the table's type takes of another type's texts, one by one
    ("BIGINT", "INTEGER"): ["15", "16"],
    ("DOUBLE", "INTEGER"): ["15.0", "16.0"],
    ("DOUBLE", "BIGINT"): ["9999999999.0", "9999999998.0"],
    ("TIMESTAMP", "DATE"): ["2024-01-15 00:00:00", "2024-01-16 00:00:00"],
}
WIDENED = {("INTEGER", "BIGINT"): "BIGINT"}
"""Of the promotions that Iceberg allows (int to long, float to double, decimal precision), the
specification's types know this one."""


ON_SERVERS = {
    # in place, with rows and rejects for what does not fit; a precision that a date has not
    "INTEGER": ("BIGINT", "VARCHAR"),
    "TIMESTAMP": ("DATE", "INTEGER"),
}
"""Second types that the server lakes see: which of the others fits is decided before the sink."""
REPAIRED_ON_SERVERS = ("DOUBLE", "VARCHAR")
"""Another type than the table's, once from numbers and once from text."""


def file(values: list[str], start: int = 11) -> str:
    return "id,v\n" + "".join(f"{i},{v}\n" for i, v in enumerate(values, start=start))


def two_files(lake: Lake, first: list[str], second: list[str], *, ok: bool = True) -> Row:
    """Load two files of one table in two runs; the second one's outcome."""
    lake.put("t/a.csv", file(first))
    lake.run()
    lake.put("t/b.csv", file(second, start=51))
    return lake.run(ok=ok).of("t/b.csv")


@pytest.mark.parametrize("old", list(SAMPLES))
def test_schema_conflict_of_two_types_in_two_runs(lake: Lake, old: str) -> None:
    """Under ``on_type_conflict: widen``: widened where Iceberg allows it, text for VARCHAR, and
    otherwise value by value: what the table's type takes is stored, the rest is NULL and kept in
    the rejects.

    One table for each type that the second file brings.
    """
    lake.configure(sink={"on_type_conflict": "widen"})
    types = ON_SERVERS[old] if isinstance(lake, ServerLake) else tuple(SAMPLES)
    for new in types:
        lake.put(f"{new}/a.csv", file(SAMPLES[old]))
    lake.run()
    for new in types:
        lake.put(f"{new}/b.csv", file(SAMPLES[new], start=51))
    run = lake.run()
    rejects = lake.rejects()
    for new in types:
        table = new.lower()
        stored = stored_of(old, new)
        assert lake.types(table)["v"] == WIDENED.get((old, new), old), new
        assert lake.column(table, "v") == [*STORED[old], *stored], new
        assert run.of(f"{new}/b.csv")["cells_nulled"] == stored.count(None), new
        lost = [r["text"] for r in rejects if r["table"] == table]
        assert lost == SAMPLES[new][: stored.count(None)], new


def stored_of(old: str, new: str) -> list[str | None]:
    """What becomes of the second file's values."""
    if old == new or (old, new) in WIDENED:
        return list(STORED[new])
    if old == "VARCHAR":
        return list(SAMPLES[new])
    return list(FITS.get((old, new), [None, None]))


def test_schema_conflict_is_told_in_the_plan(lake: Lake) -> None:
    lake.put("t/a.csv", file(["15", "16"]))
    lake.run()
    lake.put("t/b.csv", file(["abc", "def"], start=51))
    plan = lake.plan()
    assert plan.code == 2
    assert "INTEGER" in plan.output and "VARCHAR" in plan.output


@pytest.mark.parametrize("old", ["INTEGER", "DATE"])
def test_schema_conflict_is_repaired_as_if_both_files_had_come_at_once(
    lake: Lake, old: str
) -> None:
    """One table for each type that the second file brings, and one that had both at once."""
    types = REPAIRED_ON_SERVERS if isinstance(lake, ServerLake) else tuple(SAMPLES)
    for new in types:
        lake.put(f"{new}/a.csv", file(SAMPLES[old]))
        lake.put(f"{new}_once/a.csv", file(SAMPLES[old]))
        lake.put(f"{new}_once/b.csv", file(SAMPLES[new], start=51))
    lake.run()
    for new in types:
        lake.put(f"{new}/b.csv", file(SAMPLES[new], start=51))
    run = lake.run()
    for new in types:
        table = new.lower()
        assert lake.types(table) == lake.types(f"{table}_once"), new
        assert lake.column(table, "v") == lake.column(f"{table}_once", "v"), new
        assert run.of(f"{new}/b.csv")["cells_nulled"] == 0, new
    assert lake.rejects() == []
    assert {o["status"] for o in lake.run().objects} == {"unchanged"}


ARRIVING = [*SAMPLES.values(), ["0", "1"], ["1"], ["yes"], ["10.50", "3"], ["13/02/2024"], [""], []]


def test_schema_law_of_arrival_on_servers(server_lake: ServerLake) -> None:
    """Random files, new, replaced, deleted and returning, are what one run of them makes.

    The same law as in ``tests/unit/test_arrival_order.py``, on each server's table. No table loses
    all of its files: then it keeps its types until a value says otherwise.
    """
    lake, chance = server_lake, random.Random(13)
    lake.configure(source={"on_source_deleted": "delete", "max_delete_fraction": "100%"})
    there: dict[str, str] = {}
    for _ in range(3):
        for key in (f"t{n}/{name}.csv" for n in range(3) for name in "ab"):
            draw = chance.random()
            other = key.replace("/a", "/x").replace("/b", "/a").replace("/x", "/b")
            if key in there and other in there and draw < 0.25:
                lake.delete(key)
                del there[key]
            elif draw < 0.75:
                there[key] = file(chance.choice(ARRIVING), start=chance.randrange(100))
                lake.put(key, there[key])
        lake.run()
    for key, content in there.items():
        lake.put(f"once_{key}", content)
    lake.run()
    for table in {key.partition("/")[0] for key in there}:
        assert lake.types(table) == lake.types(f"once_{table}"), table
        assert lake.rows(table) == lake.rows(f"once_{table}"), table


def test_schema_rows_stand_for_files_that_are_gone(lake: Lake) -> None:
    """Files that the source has no more while their tables' types change; as in
    ``tests/unit/test_gone_files.py``, on each server's table."""
    first = {"numbers": ["15", "16"], "days": ["13/02/2024", "14/02/2024"]}
    second = {"numbers": ["1.5", "2.5"], "days": ["abc", "def"]}
    for table, values in first.items():
        lake.put(f"{table}/a.csv", file(values))
    lake.run()
    for table, values in second.items():
        lake.delete(f"{table}/a.csv")
        lake.put(f"{table}/b.csv", file(values, start=51))
    lake.run()
    assert [lake.types(table)["v"] for table in first] == ["DOUBLE", "VARCHAR"]
    assert lake.column("numbers", "v") == ["15.0", "16.0", "1.5", "2.5"]
    assert lake.column("days", "v") == ["13/02/2024", "14/02/2024", "abc", "def"]
    assert {o["status"] for o in lake.run().objects} == {"unchanged"}


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_schema_conflict_of_files_pending_together_is_decided_together(
    lake: Lake, order: str
) -> None:
    """Whichever is older: a text among the integers makes the new table's column text."""
    data = {"a": file(["15", "16"]), "b": file(["abc", "def"], start=51)}
    for name in order:
        lake.put(f"t/{name}.csv", data[name])
    run = lake.run()
    assert lake.types("t")["v"] == "VARCHAR"
    assert lake.column("t", "v") == ["15", "16", "abc", "def"]
    assert all(o["cells_nulled"] == 0 for o in run.objects)


def test_schema_widening_keeps_old_rows_and_takes_new_ones(lake: Lake) -> None:
    outcome = two_files(lake, ["15", "16"], ["2147483648", "-5"])
    assert lake.types("t")["v"] == "BIGINT"
    assert lake.column("t", "v") == ["15", "16", "2147483648", "-5"]
    assert (outcome["cells_nulled"], outcome["columns_added"]) == (0, [])


@pytest.mark.parametrize("spelling", ["null", None], ids=["quoted", "bare"])
def test_schema_conflict_null_never_widens(lake: Lake, spelling: str | None) -> None:
    """``on_type_conflict: null`` is the specification's letter: existing columns retain theirs.

    Bare ``null`` is no text in YAML, but it is what people write and what the docs show.
    """
    lake.configure(sink={"on_type_conflict": spelling})
    outcome = two_files(lake, ["15", "16"], ["2147483648", "17"])
    assert lake.types("t")["v"] == "INTEGER"
    assert lake.column("t", "v") == ["15", "16", None, "17"]
    assert (outcome["rows_loaded"], outcome["cells_nulled"]) == (2, 1)
    (reject,) = lake.rejects()
    assert (reject["line"], reject["column"], reject["text"]) == (2, "v", "2147483648")


def test_schema_conflict_reject_sets_the_rows_aside(lake: Lake) -> None:
    lake.configure(sink={"on_type_conflict": "reject"})
    outcome = two_files(lake, ["15", "16"], ["abc", "17", "def"])
    assert lake.column("t", "v") == ["15", "16", "17"]
    assert (outcome["rows_loaded"], outcome["rows_rejected"], outcome["cells_nulled"]) == (1, 2, 0)
    assert [r["line"] for r in lake.rejects()] == [2, 4]


def test_schema_conflict_fail_fails_the_file(lake: Lake) -> None:
    lake.configure(sink={"on_type_conflict": "fail"})
    outcome = two_files(lake, ["15", "16"], ["abc", "def"], ok=False)
    assert outcome["status"] == "failed"
    assert "v" in outcome["error"] and "INTEGER" in outcome["error"]
    assert lake.column("t", "v") == ["15", "16"]
    assert lake.run().of("t/b.csv")["status"] == "skipped"


def test_schema_conflict_fail_spares_the_other_files(lake: Lake) -> None:
    lake.configure(sink={"on_type_conflict": "fail"})
    lake.put("t/a.csv", file(["15", "16"]))
    lake.run()
    lake.put("t/b.csv", file(["abc", "def"], start=51))
    lake.put("t/c.csv", file(["17", "18"], start=71))
    run = lake.run(ok=False)
    assert run.statuses() == {"t/a.csv": "unchanged", "t/b.csv": "failed", "t/c.csv": "success"}
    assert lake.column("t", "v") == ["15", "16", "17", "18"]


def test_schema_freeze_refuses_new_columns_and_changes_nothing(lake: Lake) -> None:
    lake.put("t/a.csv", "id,name\n11,x\n")
    lake.run()
    lake.configure(sink={"schema": "freeze"})
    lake.put("t/b.csv", "id,name,extra\n12,y,z\n")
    outcome = lake.run(ok=False).of("t/b.csv")
    assert outcome["status"] == "failed"
    assert "extra" in outcome["error"] and "freeze" in outcome["error"]
    assert list(lake.types("t")) == ["id", "name"]
    assert lake.rows("t") == [["11", "x"]]


def test_schema_freeze_takes_files_that_fit_and_fewer_columns(lake: Lake) -> None:
    lake.put("t/a.csv", "id,name\n11,x\n")
    lake.run()
    lake.configure(sink={"schema": "freeze"})
    lake.put("t/b.csv", "id,name\n12,y\n")
    lake.put("t/c.csv", "name,id\nz,13\n")
    lake.run()
    assert lake.rows("t", "id") == [["11", "x"], ["12", "y"], ["13", "z"]]


def test_schema_freeze_does_not_widen(lake: Lake) -> None:
    """Undefined by name; a frozen schema keeps its types, so the value is judged by them."""
    lake.put("t/a.csv", file(["15", "16"]))
    lake.run()
    lake.configure(sink={"schema": "freeze"})
    lake.put("t/b.csv", file(["2147483648", "17"], start=51))
    lake.run(ok=False)
    assert lake.types("t")["v"] == "INTEGER"


def test_schema_max_new_columns_bounds_evolution(lake: Lake) -> None:
    lake.configure(sink={"max_new_columns": 2})
    lake.put("t/a.csv", "id,name\n11,x\n")
    lake.run()
    lake.put("t/b.csv", "id,name,c,d,e\n12,y,5,6,7\n")
    lake.put("t/c.csv", "id,name,c,d\n13,y,5,6\n")
    run = lake.run(ok=False)
    assert run.of("t/b.csv")["status"] == "failed"
    assert "max_new_columns" in run.of("t/b.csv")["error"]
    assert run.of("t/c.csv")["status"] == "success"
    assert list(lake.types("t")) == ["id", "name", "c", "d"]


def test_schema_evolution_and_widening_and_replacement_are_one_commit(lake: Lake) -> None:
    """A reader never sees the table between two of them."""
    lake.put("t/a.csv", file(["15", "16"]))
    lake.run()
    before = lake.snapshots("t")
    lake.put("t/a.csv", "id,v,extra\n11,2147483648,x\n12,5,y\n")
    lake.run()
    assert lake.types("t") == {"id": "INTEGER", "v": "BIGINT", "extra": "VARCHAR"}
    assert lake.rows("t", "id") == [["11", "2147483648", "x"], ["12", "5", "y"]]
    added = [s for s in lake.snapshots("t") if s not in before]
    assert 1 <= len(added) <= 2  # an overwrite may be a delete and an append of one transaction


def test_schema_columns_that_differ_in_spelling_are_one(lake: Lake) -> None:
    lake.put("t/a.csv", "ID,Full Name\n11,x\n")
    lake.run()
    lake.put("t/b.csv", "full_name,id\ny,12\n")
    assert lake.run().of("t/b.csv")["columns_added"] == []
    assert lake.rows("t", "id") == [["11", "x"], ["12", "y"]]
