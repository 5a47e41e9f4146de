"""After an option changed, what was rejected gets a second chance."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lakefall.cli import main
from lakefall.cli.parameters import open_pipeline
from lakefall.contract.run import Run
from lakefall.contract.values import SourceFile, Status
from lakefall.plugin_loading.pipeline import Pipeline
from lakefall.run import planning, retry_rejected
from lakefall.run.runner import Runner

Command = Callable[..., tuple[int, list[dict[str, Any]], str]]
"""Exit code, objects of ``--json``, everything that was told."""
PIPELINE = """\
version: 1
name: chances
source: {use: folder, path: "${HOME_OF_TEST}/in"}
sniffer: {use: csv}
reader: {use: csv}
type_inferer: {use: threshold, number_formats: ["1234.5"]}
sink: {use: iceberg, max_nulled: 50%, catalog: {type: sqlite, warehouse: "${HOME_OF_TEST}/lake"}}
cache: {dir: "${HOME_OF_TEST}/cache"}
"""
GOOD = "".join(f"{i},{i},x\n" for i in range(11, 31))
NULLS = 'type_inferer.null_values=["", "n.a."]'
GROUPED = 'type_inferer.number_formats=["1234.5", "1,234.5"]'
FIXED = "sink.on_type_conflict=null"
FILL = "reader.short_records=fill"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four files of which two have rejects: cells in both, a record in one."""
    monkeypatch.setenv("HOME_OF_TEST", str(tmp_path))
    (tmp_path / "p.yaml").write_text(PIPELINE)
    for key, text in {
        "t/cells.csv": f"id,n,note\n{GOOD}41,n.a.,x\n42,n.a.,x\n43,unknown,x\n",
        "t/record.csv": f"id,n,note\n{GOOD}51,7\n52,n.a.,x\n",
        "t/clean.csv": f"id,n,note\n{GOOD}",
        "u/clean.csv": f"id,n,note\n{GOOD}",
    }.items():
        put(tmp_path, key, text)
    assert not Runner(opened(tmp_path)).run().failed
    return tmp_path


def put(folder: Path, key: str, text: str) -> None:
    path = folder / "in" / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def opened(folder: Path, *sets: str) -> Any:
    return open_pipeline(folder / "p.yaml", list(sets))


@pytest.fixture
def command(folder: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    def run(name: str, *words: str) -> tuple[int, list[dict[str, Any]], str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main([name, str(folder / "p.yaml"), *words])
        told = capsys.readouterr()
        lines = told.out.splitlines() if "--json" in words else []
        code = left.value.code
        assert isinstance(code, int)
        return code, [json.loads(line) for line in lines], told.out + told.err

    return run


def numbers(folder: Path, key: str) -> list[int | None]:
    with Runner(opened(folder)).start() as run:
        query = f"SELECT n FROM t WHERE _source_file = '{key}' AND id > 40 ORDER BY id"
        found: list[int | None] = run.pipeline.query(run, query)["n"].to_pylist()
        return found


def test_what_is_rejected_is_counted_by_file(folder: Path) -> None:
    with Runner(opened(folder)).start() as run:
        found = retry_rejected.rejected(run)
        assert {k: (r.table, r.rows, r.cells) for k, r in found.items()} == {
            "t/cells.csv": ("t", 0, 3),
            "t/record.csv": ("t", 1, 1),
        }
        assert set(retry_rejected.rejected(run, tables=("u",))) == set()
        assert set(retry_rejected.rejected(run, keys=("t/record.csv", "t/clean.csv"))) == {
            "t/record.csv"
        }


@pytest.mark.slow
def test_only_files_with_rejects_are_loaded_again_and_what_is_won_is_told(folder: Path) -> None:
    report = retry_rejected.retry(Runner(opened(folder, NULLS, FILL)))
    assert {o.file.key: o.status for o in report.run.outcomes} == {
        "t/cells.csv": Status.SUCCESS,
        "t/record.csv": Status.SUCCESS,
    }
    assert {
        c.key: (c.rows_won, c.rows_left, c.cells_won, c.cells_left) for c in report.chances
    } == {
        "t/cells.csv": (0, 0, 2, 1),
        "t/record.csv": (1, 0, 1, 0),
    }
    assert numbers(folder, "t/record.csv") == [7, None]
    with Runner(opened(folder)).start() as run:
        assert set(retry_rejected.rejected(run)) == {"t/cells.csv"}


@pytest.mark.slow
def test_the_plan_says_the_same_before_and_writes_nothing(folder: Path) -> None:
    planned = planning.plan(Runner(opened(folder, NULLS, FILL)), rejected=True)
    with Runner(opened(folder)).start() as run:
        assert set(retry_rejected.rejected(run)) == {"t/cells.csv", "t/record.csv"}
    done = retry_rejected.retry(Runner(opened(folder, NULLS, FILL)))
    assert {f.chance for f in planned.files} == set(done.chances)
    assert {f.decision.reason for f in planned.files} == {
        "0 records rejected and 3 values NULL",
        "1 records rejected and 1 values NULL",
    }


def test_a_plan_of_second_chances_lists_the_source_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[list[SourceFile]] = []
    discover = Pipeline.discover

    def counted(pipeline: Pipeline, run: Run, hints: Any = None) -> list[SourceFile]:
        listed.append(discover(pipeline, run, hints))
        return listed[-1]

    monkeypatch.setattr(Pipeline, "discover", counted)
    planned = planning.plan(Runner(opened(folder, NULLS)), rejected=True)
    assert len(planned.files) == 2
    assert len(listed) == 1


@pytest.mark.slow
def test_a_wider_format_of_numbers_wins_cells_of_a_table_that_exists(folder: Path) -> None:
    put(folder, "t/grouped.csv", f'id,n,note\n{GOOD}61,"1,234",x\n')
    Runner(opened(folder)).run()
    assert numbers(folder, "t/grouped.csv") == [None]
    planned = planning.plan(
        Runner(opened(folder, GROUPED, FIXED)), ("t",), ("t/grouped.csv",), rejected=True
    )
    assert planned.files[0].table_plan
    assert planned.files[0].table_plan.notes == (
        "column 'n' of 't' is read as 1,234.5 from now on",
    )
    report = retry_rejected.retry(Runner(opened(folder, GROUPED, FIXED)), keys=("t/grouped.csv",))
    assert [(c.key, c.cells_won, c.cells_left) for c in report.chances] == [("t/grouped.csv", 1, 0)]
    assert numbers(folder, "t/grouped.csv") == [1234]
    put(folder, "t/later.csv", f'id,n,note\n{GOOD}62,"5,678",x\n')
    Runner(opened(folder)).run()
    assert numbers(folder, "t/later.csv") == [5678]


@pytest.mark.slow
def test_options_that_win_nothing_change_nothing(folder: Path) -> None:
    planned = planning.plan(Runner(opened(folder)), rejected=True)
    assert not planned.changes
    report = retry_rejected.retry(Runner(opened(folder)))
    assert not any(c.changes for c in report.chances)
    assert report.run.count(Status.SUCCESS) == 2


@pytest.mark.slow
def test_options_that_lose_say_so(folder: Path) -> None:
    report = retry_rejected.retry(Runner(opened(folder, "reader.on_misfit=reject")))
    found = {c.key: (c.rows_won, c.cells_won) for c in report.chances}
    assert found["t/cells.csv"] == (-3, 3)


def test_files_that_changed_or_went_are_left_alone(folder: Path) -> None:
    put(folder, "t/cells.csv", "id,n,note\n1,5,x\n")
    (folder / "in" / "t" / "record.csv").unlink()
    report = retry_rejected.retry(Runner(opened(folder, NULLS)))
    assert report.run.outcomes == ()
    assert report.left == (
        "t/cells.csv: changed in the source; the next run loads it",
        "t/record.csv: gone from the source; its rejects stay",
    )
    planned = planning.plan(Runner(opened(folder, NULLS)), rejected=True)
    assert planned.files == ()
    assert planned.warnings == report.left


@pytest.mark.slow
def test_a_file_that_fails_now_keeps_its_rows_and_wins_nothing(folder: Path) -> None:
    strict = "reader.on_misfit=fail"
    planned = planning.plan(Runner(opened(folder, strict)), rejected=True)
    assert planned.failed
    assert [f.chance for f in planned.files] == [None, None]
    report = retry_rejected.retry(Runner(opened(folder, strict)))
    assert report.run.failed
    assert report.chances == ()
    assert len(numbers(folder, "t/cells.csv")) == 3


# --- commands ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_retry_tells_records_and_values_won(command: Command) -> None:
    code, objects, _ = command("retry", "--rejected", "--json", "--set", NULLS, "--set", FILL)
    assert code == 0
    assert [
        (o["key"], o["rows_won"], o["rows_left"], o["cells_won"], o["cells_left"]) for o in objects
    ] == [("t/cells.csv", 0, 0, 2, 1), ("t/record.csv", 1, 0, 1, 0)]
    assert list(objects[0])[-5:] == ["error", "rows_won", "rows_left", "cells_won", "cells_left"]


@pytest.mark.slow
def test_retry_as_a_table(command: Command) -> None:
    code, _, output = command("retry", "--rejected", "--set", NULLS, "--set", FILL)
    assert code == 0
    assert "values won" in output
    assert (
        "won 1 records and 3 values in 2 of 2 files; 0 records and 1 values stay rejected" in output
    )


def test_retry_without_rejects_says_so(command: Command) -> None:
    code, _, output = command("retry", "--rejected", "--table", "u")
    assert code == 0
    assert "nothing to load again: no file with rejects" in output
    assert command("retry", "--rejected", "--table", "u", "--json")[:2] == (0, [])


@pytest.mark.slow
@pytest.mark.parametrize("words", [[], ["--table", "t"], ["t/cells.csv", "--table", "t"]])
def test_retry_wants_keys_or_rejected(command: Command, words: list[str]) -> None:
    code, _, output = command("retry", *words)
    assert code == 1
    assert "name the keys of the files, or pass --rejected" in output


@pytest.mark.slow
def test_plan_says_what_would_be_won(command: Command) -> None:
    code, objects, _ = command("plan", "--rejected", "--json", "--set", NULLS)
    assert code == 2
    assert [(o["key"], o["cells_won"], o["cells_left"]) for o in objects] == [
        ("t/cells.csv", 2, 1),
        ("t/record.csv", 1, 0),
    ]
    code, _, output = command("plan", "--rejected", "--set", NULLS)
    assert code == 2
    assert "would win 0 records and 2 values; 0 and 1 would stay rejected" in output
    assert "would win 0 records and 3 values in 2 of 2 files" in output
    assert command("plan", "--rejected")[0] == 0
    assert command("plan", "--rejected", "--set", "reader.on_misfit=fail")[0] == 1
    assert "rows_won" not in command("plan", "--json", "--table", "u")[1][0]
