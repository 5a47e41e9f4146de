"""JSON files through whole pipelines: types, rejects, replacing, other files of the table, CLI."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lakefall import cli
from lakefall.config.loader import open_pipeline
from lakefall.contract.values import Outcome, Status
from lakefall.run.runner import Runner

PIPELINE = """\
version: 1
name: mixed
source: {{use: folder, path: {0}/in}}
sniffer: [csv, jsonl]
type_inferer: {{use: threshold}}
sink: {{use: iceberg, on_type_conflict: widen, catalog: {{type: sqlite, warehouse: {0}/lake}}}}
cache: {{dir: {0}/cache}}
"""


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "p.yaml").write_text(PIPELINE.format(tmp_path))
    (tmp_path / "in" / "t").mkdir(parents=True)
    return tmp_path / "in" / "t"


def runner(inbox: Path) -> Runner:
    return Runner(open_pipeline(inbox.parents[1] / "p.yaml"))


def load(inbox: Path) -> dict[str, Outcome]:
    found = {o.file.key: o for o in runner(inbox).run().outcomes}
    changed = {k: o for k, o in found.items() if o.status is not Status.UNCHANGED}
    assert {o.status for o in changed.values()} == {Status.SUCCESS}, found
    return changed


def rows(inbox: Path, key: str, columns: str) -> Any:
    with runner(inbox).start() as run:
        return run.pipeline.query(run, f"SELECT {columns} FROM t WHERE _source_file = '{key}'")


def rejects(inbox: Path) -> list[tuple[str, int, str, str, str]]:
    with runner(inbox).start() as run:
        stored = run.pipeline.stored_rejects(run, table="t")
        return sorted((r.key, r.line, r.column, r.reason, r.text) for r in stored)


@pytest.mark.slow
def test_one_table_of_csv_and_json(inbox: Path) -> None:
    (inbox / "a.csv").write_text("id,day,ok\n1,13/01/2024,true\n2,14/02/2024,false\n")
    load(inbox)
    big = "123456789012345678901234567890"
    lines = [
        '{"id": 4294967296, "day": "15/03/2024", "ok": true, "tags": ["x", 1.50]}',
        '{"id": 3, "id": 4}',
        '{"id": 5, "amount": 1.5, "ok": null, "big": ' + big + "}",
        "",
        '{"id": 6, "day": "someday", "amount": 2}',
    ]
    (inbox / "b.jsonl").write_text("\n".join(lines))
    outcome = load(inbox)["t/b.jsonl"]
    assert (outcome.rows_read, outcome.rows_loaded, outcome.rows_rejected) == (4, 3, 1)
    assert outcome.columns_added == ("tags", "amount", "big")
    assert [(each.rule, each.lines) for each in outcome.skipped] == [("blank", 1)]
    found = rows(inbox, "t/b.jsonl", "id, ok, tags, amount, big")
    assert [str(field.type) for field in found.schema] == [
        *("int64", "bool", "string", "double", "string")
    ]
    assert found.to_pydict() == {
        "id": [4294967296, 5, 6],
        "ok": [True, None, None],
        "tags": ['["x", 1.50]', None, None],
        "amount": [None, 1.5, 2.0],
        "big": [None, big, None],
    }
    twice = 'the key "id" stands there twice'
    assert ("t/b.jsonl", 2, "", twice, lines[1]) in rejects(inbox)
    assert ("t/b.jsonl", 5, "day", "someday") in [(k, n, c, t) for k, n, c, _, t in rejects(inbox)]

    # Another content, and another layout, replaces rows and rejects; a column is added.
    (inbox / "b.jsonl").write_text('[{"id": 7, "new": {"k": 1}},\n {"id": 8, "tags": null}]')
    assert load(inbox)["t/b.jsonl"].columns_added == ("new",)
    assert rows(inbox, "t/b.jsonl", "id, new").to_pydict() == {
        "id": [7, 8],
        "new": ['{"k": 1}', None],
    }
    assert rejects(inbox) == []
    assert rows(inbox, "t/a.csv", "id").to_pydict() == {"id": [1, 2]}


def test_options_of_the_pipeline(inbox: Path) -> None:
    options = (
        "reader: [{use: jsonl, flatten: 1, infer_strings: false, on_misfit: reject}]\n"
        "tables: {t: {type_inferer: {columns: {n: 'decimal(38,0)', d: date}}}}\n"
    )
    path = inbox.parents[1] / "p.yaml"
    path.write_text(PIPELINE.format(inbox.parents[1]) + options)
    big = "12345678901234567890123456789012345678"
    (inbox / "b.json").write_text(
        f'{{"n": {big}, "a": {{"b": "1"}}, "d": "2024-01-02"}}\n'
        '{"n": 1.5, "a": {"b": "x\\"y"}, "d": "2024-01-03"}\n{"n": 3}\n{"n": -0}\n'
    )
    assert load(inbox)["t/b.json"].rows_rejected == 1
    found = rows(inbox, "t/b.json", "n, a_b")
    assert found.to_pydict() == {
        "n": [Decimal(big), Decimal(3), Decimal(0)],
        "a_b": ["1", None, None],
    }
    [(_, line, _, reason, text)] = rejects(inbox)
    assert (line, text) == (2, '{"n": 1.5, "a.b": "x\\"y", "d": "2024-01-03"}')
    assert "n: not a value of type DECIMAL(38,0): 1.5" in reason


def test_commands(inbox: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline = str(inbox.parents[1] / "p.yaml")
    path = str(inbox / "a.ndjson")
    Path(path).write_text('{"n": 1, "s": "x,y", "j": {"k": [1]}}\n{"n": null, "s": ""}\nnope\n')

    def said(*arguments: str) -> Any:
        assert cli._code([*arguments]) == 0
        return json.loads(capsys.readouterr().out)

    found = said("sniff", path, "--pipeline", pipeline, "--json")
    assert (found["format"], found["layout"]) == ("jsonl", "lines")
    found = said("infer", path, "--pipeline", pipeline, "--json")
    assert [(c["name"], c["type"]) for c in found["columns"]] == [
        *(("n", "INTEGER"), ("s", "VARCHAR"), ("j", "JSON"))
    ]
    out = inbox.parents[1] / "out"
    assert cli._code(["clean", path, "--pipeline", pipeline, "--out", str(out)]) == 0
    [copy] = [each for each in out.iterdir() if "rejects" not in each.name]
    assert copy.read_text() == 'n,s,j\n1,"x,y","{""k"": [1]}"\n,"",\n'
    capsys.readouterr()
    cli._code(["plan", pipeline])
    assert "jsonl: JSON, one object a line" in capsys.readouterr().out
