"""A table whose types change although the source has not all of its files any more: the table's own
rows stand for them where they tell the values, else the new file fails and nothing changes.

The oracle is a table that was loaded while all files were there; PyIceberg reads both.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from unit.test_arrival_order import KINDS, Lake, catalog_of, csv, outcome

from lakefall.contract.values import Status
from lakefall.run import table_planning, typed_rows
from lakefall.run.planning import plan

AFTER = ("decimals", "texts")
TOLD = (
    *("integers", "zero", "one", "digits", "long"),
    *("days", "day_first", "month_first", "empty", "no rows"),
)
"""Kinds of a file that is gone for which a repair has to succeed."""


def gone(folder: Path, **sink: object) -> Lake:
    lake = Lake(folder)
    lake.configure(deletes="keep", **sink)
    return lake


@pytest.mark.slow
def test_rows_stand_for_files_that_are_gone_or_the_new_file_fails(tmp_path: Path) -> None:
    """Each kind, gone before another comes: as if both had come at once, or nothing changes."""
    steps, once = gone(tmp_path / "steps"), Lake(tmp_path / "once")
    pairs = {f"t{n}": (a, b) for n, (a, b) in enumerate((a, b) for a in KINDS for b in AFTER)}
    first = {f"{table}/a.csv": csv(a) for table, (a, _) in pairs.items()}
    second = {f"{table}/b.csv": csv(b) for table, (_, b) in pairs.items()}
    once.run(first | second)
    steps.run(first)
    before = {table: steps.table(table) for table in pairs}
    report = steps.run({**dict.fromkeys(first), **second})
    for table, (a, b) in pairs.items():
        found = outcome(report, f"{table}/b.csv")
        if found.status is Status.FAILED:
            assert f"'{table}/a.csv'" in found.error and "cannot be rebuilt" in found.error
            assert steps.table(table) == before[table]
            assert a not in TOLD, found.error
        else:
            assert steps.table(table) == once.table(table), (a, b)
    # What failed is not tried again.
    assert {o.status for o in steps.run().outcomes} == {Status.UNCHANGED, Status.SKIPPED}


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ({"price": " 10"}, "blanks around it"),
        ({"price": "NA"}, "a null token"),
        ({"price": "-0"}, "the text of 0 is another"),
    ],
)
def test_texts_that_rows_do_not_tell_are_not_made_up(
    tmp_path: Path, cells: Mapping[str, str], why: str
) -> None:
    lake = gone(tmp_path)
    rows = "".join(f"r{i},{i}\n" for i in range(30))
    lake.run({"t/jan.csv": f"id,price\nq,{cells['price']}\n{rows}"})
    before = lake.table("t")
    failed = outcome(lake.run({"t/jan.csv": None, "t/feb.csv": csv("texts", 20)}), "t/feb.csv")
    assert failed.status is Status.FAILED and "'t/jan.csv' is gone from the source" in failed.error
    assert "'price'" in failed.error and "INTEGER" in failed.error, why
    assert lake.table("t") == before


@pytest.mark.slow
def test_of_a_file_whose_first_rows_alone_were_looked_at_no_texts_are_made_up(
    tmp_path: Path,
) -> None:
    """Behind the first rows a cell may have had blanks; as a number it is the same."""
    lake = gone(tmp_path)
    many = csv("integers", 600)
    lake.run({"t/jan.csv": many, "u/jan.csv": many})
    report = lake.run(
        {
            "t/jan.csv": None,
            "u/jan.csv": None,
            "t/feb.csv": csv("texts", 600),
            "u/feb.csv": csv("decimals"),
        }
    )
    assert outcome(report, "t/feb.csv").status is Status.FAILED
    assert outcome(report, "u/feb.csv").status is Status.SUCCESS
    assert (lake.types("t"), lake.types("u")) == ("int32", "double")
    assert len(lake.table("u")[1]) == 1803


def test_integers_that_a_double_cannot_hold_are_not_rounded(tmp_path: Path) -> None:
    lake = gone(tmp_path)
    lake.run({"t/jan.csv": f"id,price\nr,{2**53 + 1}\ns,7\n"})
    lake.run({"t/jan.csv": None, "t/feb.csv": csv("decimals", 20)})
    assert str(2**53 + 1) in str(lake.table("t")[1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "second"),
    [("either_first", "month_first"), ("either_first", "day_first"), ("digits", "truths")],
)
def test_texts_are_those_of_the_files_own_reading(tmp_path: Path, first: str, second: str) -> None:
    """A file is loaded beside another one that decides how its texts are read, and is gone."""
    steps, once = gone(tmp_path / "steps"), Lake(tmp_path / "once")
    day = {"t/a.csv": csv(first, 20), "t/b.csv": csv(second, 20)}
    later = {"t/c.csv": csv("texts", 60)}
    once.run(day | later)
    steps.run(day)
    before = steps.table("t")
    report = steps.run({"t/a.csv": None, **later})
    if outcome(report, "t/c.csv").status is Status.SUCCESS:
        assert steps.table("t") == once.table("t")
    else:
        assert steps.table("t") == before


def test_what_changes_while_rows_are_read_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_planning, "RECORDED_WITHIN", 0)
    lake = gone(tmp_path)
    lake.run({"t/jan.csv": csv("integers")})
    read = typed_rows.read

    def and_then(*given: Any) -> Any:
        found = read(*given)
        catalog_of(tmp_path).load_table("lakehouse.t").delete("id = 'r0'")
        return found

    with mock.patch.object(typed_rows, "read", and_then):
        report = lake.run({"t/jan.csv": None, "t/feb.csv": csv("decimals")})
    failed = outcome(report, "t/feb.csv")
    assert (failed.status, failed.retryable) == (Status.FAILED, True)
    assert "changed while its rows were read" in failed.error
    assert len(lake.table("t")[1]) == 2


def test_values_that_were_lost_once_are_not_lost_for_good(tmp_path: Path) -> None:
    """They stand among the rejects, and a repair would need them."""
    lake = gone(tmp_path)
    rows = "".join(f"r{i},{i}\n" for i in range(30))
    lake.run({"t/jan.csv": f"id,price\nq,x\n{rows}"})
    assert lake.types() == "int32"
    failed = outcome(lake.run({"t/jan.csv": None, "t/feb.csv": csv("texts", 20)}), "t/feb.csv")
    assert failed.status is Status.FAILED and "'price'" in failed.error
    assert lake.types() == "int32"


@pytest.mark.slow
def test_rejects_of_files_that_are_gone_stay(tmp_path: Path) -> None:
    lake = gone(tmp_path)
    rows = "".join(f"r{i},{i},{i}\n" for i in range(30))
    lake.run({"t/jan.csv": f"id,n,price\nq,x,7\n{rows}"})
    runner = lake.runner()
    with runner.start() as run:
        before = list(runner.pipeline.stored_rejects(run, "t", "t/jan.csv"))
    assert [r.text for r in before] == ["x"]
    report = lake.run({"t/jan.csv": None, "t/feb.csv": csv("decimals")})
    assert (outcome(report, "t/jan.csv").rows_loaded, lake.types()) == (31, "double")
    with runner.start() as run:
        assert list(runner.pipeline.stored_rejects(run, "t", "t/jan.csv")) == before
    assert {o.status for o in lake.run().outcomes} == {Status.UNCHANGED}


def test_a_file_of_which_records_were_rejected_is_not_made_of_its_rows(tmp_path: Path) -> None:
    """One may have been rejected for a value that another type reads."""
    lake = gone(tmp_path)
    rows = "".join(f"r{i},{i}\n" for i in range(30))
    lake.run({"t/jan.csv": f"id,price\n{rows}too,many,fields\n"})
    failed = outcome(lake.run({"t/jan.csv": None, "t/feb.csv": csv("decimals")}), "t/feb.csv")
    assert failed.status is Status.FAILED and "had rejects" in failed.error
    assert lake.types() == "int32"


def test_a_file_whose_rejects_somebody_removed_is_not_made_of_its_rows(tmp_path: Path) -> None:
    lake = gone(tmp_path)
    rows = "".join(f"r{i},{i}\n" for i in range(30))
    lake.run({"t/jan.csv": f"id,price\nq,x\n{rows}"})
    catalog_of(tmp_path).load_table("lakehouse._ingest_rejects").delete()
    failed = outcome(lake.run({"t/jan.csv": None, "t/feb.csv": csv("decimals")}), "t/feb.csv")
    assert failed.status is Status.FAILED and "had rejects" in failed.error


@pytest.mark.slow
def test_columns_that_only_a_file_has_that_is_gone_stay(tmp_path: Path) -> None:
    steps, once = gone(tmp_path / "steps"), Lake(tmp_path / "once")
    first = {"t/a.csv": "id,only,price\nr,2024-01-15,10\n"}
    second = {"t/b.csv": csv("decimals")}
    once.run(first | second)
    steps.run(first)
    steps.run({"t/a.csv": None, **second})
    assert steps.table("t") == once.table("t")


@pytest.mark.slow
def test_a_file_that_is_gone_comes_back_and_is_the_same(tmp_path: Path) -> None:
    lake = gone(tmp_path)
    lake.run({"t/jan.csv": csv("integers")})
    path = tmp_path / "inbox/t/jan.csv"
    kept = path.rename(tmp_path / "jan.csv")
    lake.run({"t/feb.csv": csv("decimals")})
    repaired = lake.table("t")
    kept.rename(path)
    assert {o.status for o in lake.run().outcomes} == {Status.UNCHANGED}
    again = lake.run({"t/mar.csv": csv("texts")})
    assert outcome(again, "t/mar.csv").status is Status.SUCCESS
    assert (lake.types(), repaired[0]["price"]) == ("string", "double")
    assert "'price': '10'," in str(lake.table("t")[1])


def test_rows_that_somebody_else_changed_stand_for_no_file(tmp_path: Path) -> None:
    lake = gone(tmp_path)
    lake.run({"t/jan.csv": csv("integers")})
    catalog_of(tmp_path).load_table("lakehouse.t").delete("id = 'r0'")
    failed = outcome(lake.run({"t/jan.csv": None, "t/feb.csv": csv("decimals")}), "t/feb.csv")
    assert failed.status is Status.FAILED
    assert "2 rows of 't/jan.csv', of which 3 were loaded" in failed.error


def test_the_plan_says_which_files_are_gone(tmp_path: Path) -> None:
    lake = gone(tmp_path)
    lake.run({"t/jan.csv": csv("integers"), "t/may.csv": csv("integers")})
    lake.put({"t/jan.csv": None, "t/feb.csv": csv("decimals")})
    (found,) = [f for f in plan(lake.runner()).files if f.decision.file.key == "t/feb.csv"]
    assert found.table_plan is not None
    (note,) = [n for n in found.table_plan.notes if "DOUBLE" in n]
    assert "2 files" in note and "1 of them, gone from the source" in note
    assert lake.types() == "int32"


def test_what_is_taken_from_rows_is_proved(tmp_path: Path) -> None:
    """Were a value lost on the way, nothing would be committed."""
    lake = gone(tmp_path)
    lake.run({"t/jan.csv": csv("long")})
    before = lake.table("t")
    lost = mock.patch.object(typed_rows, "_to_load", lambda *_: ("", "'no number'"))
    with lost:
        report = lake.run({"t/jan.csv": None, "t/feb.csv": csv("decimals")})
    failed = outcome(report, "t/feb.csv")
    assert failed.status is Status.FAILED and "do not fit the new types" in failed.error
    assert lake.table("t") == before


def test_a_table_stays_where_rows_would_lose_a_value(tmp_path: Path) -> None:
    """All texts fit the column that the table has; one does not fit what it would become."""
    lake = gone(tmp_path)
    few = "id,price\n" + "".join(f"r{i},{i}\n" for i in range(30)) + "q,zz\n"
    lake.run({"t/a.csv": few, "t/b.csv": csv("texts", 30)})
    assert lake.types() == "string"
    report = lake.run({"t/a.csv": None, "t/b.csv": csv("integers", 10)})
    assert outcome(report, "t/b.csv").status is Status.SUCCESS
    assert lake.types() == "string"
    assert "'price': 'zz'" in str(lake.table("t")[1])
