"""A table whose types were assumed from the first rows is the one that all rows would have made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakefall.cli.parameters import open_pipeline
from lakefall.common import sql
from lakefall.contract.values import Outcome
from lakefall.plugin_loading.pipeline import Pipeline
from lakefall.run.runner import Runner
from lakefall_plugins.inference.evidence import Survey

SAMPLE = 4
PIPELINE = f"""\
version: 1
name: quick
source: {{{{use: folder, path: "{{folder}}/in"}}}}
sniffer: {{{{use: csv, header: present}}}}
type_inferer: {{{{use: threshold, sample_rows: {SAMPLE}}}}}
sink: {{{{use: iceberg, catalog: {{{{type: sqlite, warehouse: "{{folder}}/lake"}}}}}}}}
cache: {{{{dir: "{{folder}}/cache"}}}}
"""
CLEAR = {
    "integer": ["5", "17", "-3", ""],
    "double": ["1.5", "2", "1e3", "NULL"],
    "day": ["2024-01-15", "2024-02-29"],
    "moment": ["2024-01-15T10:30:00", "2024-01-15T10:30:00+02:00"],
    "truth": ["yes", "no"],
    "nothing": ["", "NULL"],
    "text": ["a", "b c", "NULL"],
}
LATER = [
    "", " 7 ", "NULL", " null", "x", "007", "9999999999", "99999999999999999999", "1.5", "0",
    "25/12/2024", "2024-13-01", "\\N",
]  # fmt: skip


@st.composite
def columns(draw: st.DrawFn) -> list[str]:
    """Clear first rows, then now and then something else."""
    clear = st.sampled_from(CLEAR[draw(st.sampled_from(sorted(CLEAR)))])
    first = draw(st.lists(clear, min_size=SAMPLE, max_size=SAMPLE))
    rest = draw(st.lists(clear, min_size=20, max_size=20))
    for at, odd in draw(st.lists(st.tuples(st.integers(0, 19), st.sampled_from(LATER)))):
        rest[at] = odd
    return first + rest


class Watched:
    """How a pipeline was asked for records and types, and what its answers assumed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, quick: bool) -> None:
        self.assumed: list[bool] = []
        self.proved: list[bool] = []
        infer, opened = Pipeline.infer, Pipeline.open

        def watched(pipeline: Pipeline, *args: Any, **how: Any) -> Any:
            schema = infer(pipeline, *args, quick=quick and how["quick"])
            self.assumed.append(schema.assumed is not None)
            return schema

        def watched_open(*args: Any, **how: Any) -> Any:
            records = opened(*args, **how)
            self.proved.append(records.proved)
            return records

        monkeypatch.setattr(Pipeline, "infer", watched)
        monkeypatch.setattr(Pipeline, "open", watched_open)


def load(folder: Path, *files: list[list[str]]) -> tuple[list[Outcome], Any, list[Any]]:
    """What became of the files of one table, its rows, and its rejects."""
    (folder / "in" / "t").mkdir(parents=True)
    for name, values in zip("ab", files, strict=False):
        header = ",".join(["row", *(f"c{i}" for i in range(len(values)))])
        rows = [",".join([f"r{n}", *row]) for n, row in enumerate(zip(*values, strict=True))]
        (folder / "in" / "t" / f"{name}.csv").write_text("\n".join([header, *rows, ""]))
    (folder / "p.yaml").write_text(PIPELINE.format(folder=folder))
    runner = Runner(open_pipeline(folder / "p.yaml", []))
    outcomes = sorted(runner.run().outcomes, key=lambda o: o.file.key)
    with runner.start() as run:
        rows = run.pipeline.query(
            run, "SELECT * EXCLUDE (_ingested_at) FROM t ORDER BY _source_file, row"
        )
        rejects = [
            (r.key, r.line, r.column, r.reason, r.text)
            for r in run.pipeline.stored_rejects(run, "t")
        ]
    return outcomes, rows, rejects


def told(outcome: Outcome) -> tuple[Any, ...]:
    return (
        outcome.file.key,
        outcome.status,
        outcome.error,
        outcome.rows_read,
        outcome.rows_loaded,
        outcome.rows_rejected,
        outcome.cells_nulled,
    )


@pytest.mark.slow
@given(st.lists(st.lists(columns(), min_size=2, max_size=2), min_size=1, max_size=2))
@settings(deadline=None, max_examples=15)
def test_quick_types_are_those_of_all_rows(
    tmp_path_factory: pytest.TempPathFactory, files: list[list[list[str]]]
) -> None:
    results = []
    for quick in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            watched = Watched(patch, quick=quick)
            outcomes, rows, rejects = load(tmp_path_factory.mktemp("quick"), *files)
        assert any(watched.assumed) <= quick
        results.append((list(map(told, outcomes)), rows.schema, rows.to_pylist(), rejects))
    assert results[0] == results[1]


def test_a_misfit_further_down_costs_one_more_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(monkeypatch, quick=True)
    (outcome,), rows, rejects = load(tmp_path, [[*"123456789", "x", *"123456789"]])
    assert watched.assumed == [True, False]
    assert (outcome.rows_loaded, outcome.cells_nulled, len(rejects)) == (19, 1, 1)
    assert rows.column("c0").null_count == 1


@pytest.mark.parametrize("truth", ["yes", "0"])
def test_a_sign_that_comes_further_down_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, truth: str
) -> None:
    Watched(monkeypatch, quick=True)
    _, rows, rejects = load(tmp_path, [[*[truth] * 10, "no" if truth == "yes" else "1"]])
    assert str(rows.schema.field("c0").type) == "bool"
    assert not rejects


def test_clear_files_are_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch, quick=True)
    (outcome,), rows, _ = load(tmp_path, [[*"12345", "", *"6789"], ["a"] * 10])
    assert watched.assumed == [True]
    assert watched.proved == [False]
    assert (outcome.rows_loaded, outcome.cells_nulled) == (10, 0)
    assert str(rows.schema.field("c0").type) == "int32"


def test_a_value_under_an_empty_head_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(monkeypatch, quick=True)
    _, rows, _ = load(tmp_path, [["", "", "", "", "", "7"]])
    assert watched.assumed == [True, False]
    assert rows.column("c0").to_pylist() == [None] * 5 + [7]


@given(st.lists(columns(), min_size=2, max_size=2), st.booleans())
@settings(deadline=None, max_examples=12)
def test_what_is_said_of_plain_cells_changes_no_row(
    tmp_path_factory: pytest.TempPathFactory, file: list[list[str]], quick: bool
) -> None:
    """Neither where it is wrong, nor where the first rows alone were looked at."""
    results = []
    for wrong in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            Watched(patch, quick=quick)
            if wrong:
                patch.setattr(sql, "WIDE", 0)
                patch.setattr(Survey, "as_written", lambda survey: survey.names)
            outcomes, rows, rejects = load(tmp_path_factory.mktemp("plain"), file)
        results.append((list(map(told, outcomes)), rows.schema, rows.to_pylist(), rejects))
    assert results[0] == results[1]


@pytest.mark.parametrize(("cell", "plain"), [("17", True), (" 17", False), ("NULL", False)])
def test_a_null_token_is_looked_for_where_one_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cell: str, plain: bool
) -> None:
    queries: list[str] = []
    rows = sql.rows

    def noted(connection: Any, query: str) -> Any:
        queries.append(query)
        return rows(connection, query)

    monkeypatch.setattr(sql, "rows", noted)
    _, found, _ = load(tmp_path, [["5", "6", cell]])
    assert found["c0"].to_pylist() == [5, 6, None if cell == "NULL" else 17]
    (copy,) = (query for query in queries if query.startswith("COPY (SELECT c0"))
    assert ("NULL|null" in copy) is not plain
