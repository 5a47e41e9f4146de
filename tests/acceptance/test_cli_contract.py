"""What scripts rely on: names, order and kinds of every ``--json`` object, and exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .lakes import OUTCOME_KEYS, REPOSITORY, EmbeddedLake, Lake

SNIFF_KEYS = [
    "path",
    "delimiter",
    "quotechar",
    "escapechar",
    "encoding",
    "has_header",
    "preamble_lines",
    "line_terminator",
    "confidence",
]
REJECT_KEYS = ["key", "table", "etag", "line", "column", "reason", "text"]
COLUMN_KEYS = ["name", "source_name", "type", "nullable", "evidence"]
COMMANDS = [
    "run",
    "plan",
    "sniff",
    "infer",
    "clean",
    "lint",
    "schema",
    "explain",
    "status",
    "rejects",
    "retry",
    "forget",
    "registry",
    "rebuild",
    "maintain",
    "query",
    "plugins",
]


# --- run --json ---


def test_cli_run_json_has_the_promised_keys_in_order(lake: Lake) -> None:
    lake.put("t/a.csv", "id,name\n11,x\n\n12\n13,y\n14,z\n15,z\n16,z\n")
    outcome = lake.run().of("t/a.csv")
    assert list(outcome) == OUTCOME_KEYS
    seconds = outcome.pop("seconds")
    assert isinstance(seconds, float) and seconds >= 0
    assert outcome == {
        "key": "t/a.csv",
        "table": "t",
        "status": "success",
        "rows_read": 6,
        "rows_loaded": 5,
        "rows_rejected": 1,
        "lines_skipped": outcome["lines_skipped"],
        "lines_skipped_by_rule": {"blank": outcome["lines_skipped"]},
        "cells_nulled": 0,
        "rows_deleted": 0,
        "columns_added": outcome["columns_added"],
        "error": "",
    }
    assert outcome["lines_skipped"] >= 1
    assert outcome["columns_added"] in ([], ["id", "name"])


def test_cli_run_json_statuses(lake: Lake) -> None:
    lake.put("t/same.csv", "id,name\n11,x\n")
    lake.run()
    lake.put("t/new.csv", "id,name\n12,y\n")
    lake.put("t/bad.csv", b"")
    lake.put("root.csv", "id,name\n13,z\n")
    assert lake.run(ok=False).statuses() == {
        "t/same.csv": "unchanged",
        "t/new.csv": "success",
        "t/bad.csv": "failed",
        "root.csv": "skipped",
    }


def test_cli_run_json_a_failure_is_an_outcome_with_an_error(lake: Lake) -> None:
    lake.put("t/bad.csv", b"")
    run = lake.run(ok=False)
    outcome = run.of("t/bad.csv")
    assert (run.code, list(outcome)) == (1, OUTCOME_KEYS)
    assert isinstance(outcome["error"], str) and outcome["error"]


def test_cli_run_json_prints_nothing_else_on_stdout(lake: Lake) -> None:
    """Warnings and progress go to standard error."""
    lake.put("t/a.csv", "id,name\n11,x\nragged\n12,y\n13,z\n")
    lake.put("root.csv", "id,name\n13,z\n")
    run = lake.run()
    assert len(run.objects) == 2
    assert run.stderr


# --- sniff --json, infer --json ---


def test_cli_run_profile_says_where_the_time_went(lake: Lake) -> None:
    lake.put("t/a.csv", "id,name\n11,x\n")
    result = lake.cli("run", lake.pipeline, "--json", "--profile")
    assert result.code == 0
    outcome, profile = result.objects
    assert outcome["key"] == "t/a.csv"
    steps = {s["step"]: s for s in profile["profile"]}
    assert {"scan", "fetch", "sniff", "infer", "convert", "load", "record"} <= set(steps)
    assert steps["fetch"]["bytes"] == len("id,name\n11,x\n")
    assert sum(s["seconds"] for s in steps.values()) == pytest.approx(profile["seconds"], rel=0.02)


def test_cli_sniff_json(embedded: EmbeddedLake) -> None:
    path = embedded.folder / "a.csv"
    path.write_bytes(b'id;name\r\n11;"Ann; jr"\r\n12;Bob\r\n13;Cy\r\n')
    result = embedded.cli("sniff", path, "--json")
    (found,) = result.objects
    assert result.code == 0
    assert list(found) == SNIFF_KEYS
    confidence = found.pop("confidence")
    assert isinstance(confidence, float) and 0 < confidence <= 1
    assert found.pop("encoding").lower().replace("_", "-") in ("utf-8", "ascii")
    assert found == {
        "path": str(path),
        "delimiter": ";",
        "quotechar": '"',
        "escapechar": "",
        "has_header": True,
        "preamble_lines": 0,
        "line_terminator": "\r\n",
    }


def test_cli_sniff_json_of_several_files_and_a_broken_one(embedded: EmbeddedLake) -> None:
    folder = embedded.folder
    (folder / "a.csv").write_text("id,name\n11,x\n12,y\n")
    (folder / "empty.csv").write_text("")
    (folder / "b.csv").write_text("id\tname\n11\tx\n12\ty\n")
    names = ["a.csv", "empty.csv", "absent.csv", "b.csv"]
    result = embedded.cli("sniff", *names, "--json")
    assert [o["path"] for o in result.objects] == names
    first, empty, absent, last = result.objects
    assert (first["delimiter"], last["delimiter"]) == (",", "\t")
    for broken in (empty, absent):
        assert set(broken) == {"path", "error"} and broken["error"]
    assert result.code == 1


def test_cli_sniff_json_of_a_single_column(embedded: EmbeddedLake) -> None:
    (embedded.folder / "a.csv").write_text("name\nAnn\nBob\n")
    (found,) = embedded.cli("sniff", "a.csv", "--json").objects
    assert found["delimiter"] == ""


def test_cli_sniff_json_with_a_pipelines_options(embedded: EmbeddedLake) -> None:
    embedded.configure(tables={"legacy": {"sniffer": {"delimiter": "|", "encoding": "cp1252"}}})
    (embedded.folder / "a.csv").write_text("a|b;c\n1|2;3\n4|5;6\n")
    args = ("sniff", "a.csv", "--json", "--pipeline", embedded.pipeline, "--table", "legacy")
    (found,) = embedded.cli(*args).objects
    assert (found["delimiter"], found["encoding"]) == ("|", "cp1252")


def test_cli_infer_json(embedded: EmbeddedLake) -> None:
    (embedded.folder / "a.csv").write_text(
        "Order ID,price,zip,at\n11,1.5,10001,2024-01-15T10:30:00\n12,,00501,2024-01-16T10:30:00\n"
        + "13,2.5,10001,2024-01-17T10:30:00\n" * 20
    )
    result = embedded.cli("infer", "a.csv", "--json")
    (found,) = result.objects
    assert result.code == 0
    assert list(found) == ["path", "columns"]
    assert found["path"] == "a.csv"
    assert all(list(c) == COLUMN_KEYS for c in found["columns"])
    assert [(c["name"], c["source_name"], c["type"], c["nullable"]) for c in found["columns"]] == [
        ("order_id", "Order ID", "INTEGER", False),
        ("price", "price", "DOUBLE", True),
        ("zip", "zip", "VARCHAR", False),
        ("at", "at", "TIMESTAMP", False),
    ]
    evidence = json.dumps(found["columns"][2]["evidence"])
    assert "leading zero" in evidence and "line 3" in evidence


def test_cli_infer_json_of_several_files_and_a_broken_one(embedded: EmbeddedLake) -> None:
    (embedded.folder / "a.csv").write_text("id,name\n11,x\n12,y\n")
    (embedded.folder / "empty.csv").write_text("")
    names = ["empty.csv", "a.csv", "absent.csv"]
    result = embedded.cli("infer", *names, "--json")
    assert [o["path"] for o in result.objects] == names
    assert [set(o) for o in result.objects] == [
        {"path", "error"},
        {"path", "columns"},
        {"path", "error"},
    ]
    assert result.code == 1


def test_cli_infer_json_with_a_pipelines_options(embedded: EmbeddedLake) -> None:
    embedded.configure(tables={"t": {"type_inferer": {"columns": {"zip": "varchar"}}}})
    (embedded.folder / "a.csv").write_text("id,zip\n11,10001\n12,20002\n")
    args = ("infer", "a.csv", "--json", "--pipeline", embedded.pipeline, "--table", "t")
    (found,) = embedded.cli(*args).objects
    assert [c["type"] for c in found["columns"]] == ["INTEGER", "VARCHAR"]
    (found,) = embedded.cli("infer", "a.csv", "--json").objects
    assert [c["type"] for c in found["columns"]] == ["INTEGER", "INTEGER"]


# --- rejects --json, query --json, status ---


def test_cli_rejects_json(lake: Lake) -> None:
    lake.put("t/a.csv", "id,name\n11,x\nragged\n12,y\n13,z\n")
    lake.put("u/b.csv", "id,v\n" + "".join(f"{i},5\n" for i in range(11, 41)) + "41,odd\n")
    lake.run()
    rejects = lake.rejects()
    assert all(list(r) == REJECT_KEYS for r in rejects)
    etags = {r["file_key"]: r["etag"] for r in lake.registry()}
    ragged, odd = rejects
    assert ragged.pop("reason") and odd.pop("reason")
    ragged["text"] = ragged["text"].rstrip("\n")
    assert ragged == {
        "key": "t/a.csv",
        "table": "t",
        "etag": etags["t/a.csv"],
        "line": 3,
        "column": "",
        "text": "ragged",
    }
    assert odd == {
        "key": "u/b.csv",
        "table": "u",
        "etag": etags["u/b.csv"],
        "line": 32,
        "column": "v",
        "text": "odd",
    }
    assert [r["key"] for r in lake.rejects("--table", "u")] == ["u/b.csv"]
    assert [r["key"] for r in lake.rejects("--file", "t/a.csv")] == ["t/a.csv"]


def test_cli_query_json(lake: Lake) -> None:
    lake.put("t/a.csv", "id,name,price,ok,day\n11,x,1.5,true,2024-01-15\n12,,,no,2024-01-16\n")
    lake.run()
    rows = lake.query(
        "SELECT id, name, price, ok, day::VARCHAR AS day FROM lakehouse.t ORDER BY id"
    )
    assert rows == [
        {"id": 11, "name": "x", "price": 1.5, "ok": True, "day": "2024-01-15"},
        {"id": 12, "name": None, "price": None, "ok": False, "day": "2024-01-16"},
    ]
    assert lake.query("SELECT id FROM lakehouse.t WHERE id > 100") == []


def test_cli_query_json_dates_times_and_odd_values(lake: Lake) -> None:
    """Dates and times are ISO 8601 texts: JSON has no kind for them."""
    lake.put("t/a.csv", 'id,day,at,name\n11,2024-01-15,2024-01-15T10:30:00Z,"two\nlines ""é"""\n')
    lake.run()
    (row,) = lake.query('SELECT day, "at", name FROM lakehouse.t')
    assert row["day"] == "2024-01-15"
    assert row["at"].replace(" ", "T").startswith("2024-01-15T10:30:00")
    assert row["name"] == 'two\nlines "é"'


def test_cli_query_takes_names_with_and_without_namespace(lake: Lake) -> None:
    lake.put("t/a.csv", "id,name\n11,x\n")
    lake.run()
    assert (
        lake.query("SELECT id FROM t") == lake.query("SELECT id FROM lakehouse.t") == [{"id": 11}]
    )


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM lakehouse.t",
        "INSERT INTO lakehouse.t (id) VALUES (5)",
        "DROP TABLE lakehouse.t",
        "DROP VIEW lakehouse.t",
        "COPY (SELECT 1) TO '{out}'",
        "SELEC 1",
        "SELECT * FROM lakehouse.no_such_table",
        "SELECT 1; DROP TABLE lakehouse.t",
    ],
)
def test_cli_query_refuses_what_is_no_read_only_query(embedded: EmbeddedLake, sql: str) -> None:
    embedded.put("t/a.csv", "id,name\n11,x\n")
    embedded.run()
    out = embedded.folder / "out.csv"
    result = embedded.cli("query", embedded.pipeline, sql.format(out=out), "--json")
    assert result.code == 1 and result.stderr
    assert not out.exists()
    assert embedded.rows("t") == [["11", "x"]]


def test_cli_status_shows_the_latest_state_of_every_file(lake: Lake) -> None:
    lake.put("t/a.csv", "id,name\n11,x\n")
    lake.put("t/b.csv", b"")
    lake.run(ok=False)
    lake.put("t/a.csv", "id,name\n11,x\n12,y\n")
    lake.run()
    result = lake.cli("status", lake.pipeline, "--json")
    found = {o["key"]: o for o in result.objects}
    assert {k: o["status"] for k, o in found.items()} == {"t/a.csv": "success", "t/b.csv": "failed"}
    assert result.code == 0
    shown = lake.cli("status", lake.pipeline)
    assert "t/a.csv" in shown.output and "t/b.csv" in shown.output


# --- plan ---


def test_cli_plan_exit_codes(lake: Lake) -> None:
    """0 nothing to do, 2 changes, 1 error."""
    assert lake.plan().code == 0
    lake.put("t/a.csv", "id,name\n11,x\n")
    assert lake.plan().code == 2
    lake.run()
    assert lake.plan().code == 0
    lake.put("t/bad.csv", b"")
    assert lake.plan().code == 1


def test_cli_plan_writes_nothing(embedded: EmbeddedLake) -> None:
    embedded.put("t/a.csv", "id,name\n11,x\n")
    embedded.plan()
    assert not embedded.exists("t") and not embedded.exists("_ingest_registry")
    assert not list(embedded.lakehouse.rglob("*.parquet"))


def test_cli_plan_shows_dialect_types_evidence_change_and_rows_replaced(lake: Lake) -> None:
    lake.put("t/a.csv", "id,zip\n11,10001\n12,10002\n13,10003\n")
    lake.run()
    lake.put("t/a.csv", "id;zip;extra\n11;501;x\n2147483648;10002;y\n")
    lake.put("u/b.csv", "id,zip\n11,00501\n12,10002\n")
    plan = lake.plan()
    assert plan.code == 2
    for words in ("t/a.csv", "u/b.csv", ";", "extra", "BIGINT", "leading zero", "3"):
        assert words in plan.output, plan.output


def test_cli_plan_json(lake: Lake) -> None:
    lake.put("t/a.csv", "id,name\n11,x\n")
    lake.put("t/bad.csv", b"")
    result = lake.plan("--json")
    assert [o.get("key", o.get("path")) for o in result.objects] == ["t/a.csv", "t/bad.csv"]


# --- clean ---


def test_cli_clean_writes_utf_8_commas_and_the_rejects_beside(embedded: EmbeddedLake) -> None:
    path = embedded.folder / "dirty.csv"
    path.write_bytes(
        'sep=;\r\nid;name\r\n11;Müller, "Jo"\r\nragged\r\n12;"a;b"\r\n'.encode("cp1252")
    )
    out = embedded.folder / "out"
    result = embedded.cli("clean", path, "--out", out)
    assert result.code == 0, result.stderr
    text = (out / "dirty.csv").read_bytes().decode("utf-8")
    import csv
    import io

    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        ["id", "name"],
        ["11", 'Müller, "Jo"'],
        ["12", "a;b"],
    ]
    beside = [p for p in out.iterdir() if p.name != "dirty.csv"]
    assert len(beside) == 1 and "ragged" in beside[0].read_text()


def test_cli_clean_of_a_broken_file_goes_on_with_the_others(embedded: EmbeddedLake) -> None:
    (embedded.folder / "empty.csv").write_text("")
    (embedded.folder / "good.csv").write_text("id,name\n11,x\n")
    result = embedded.cli("clean", "empty.csv", "good.csv", "--out", embedded.folder / "out")
    assert result.code == 1
    assert "empty.csv" in result.output
    assert (embedded.folder / "out" / "good.csv").exists()


# --- lint, schema, explain, plugins ---


def test_cli_lint_of_good_pipelines(embedded: EmbeddedLake) -> None:
    assert embedded.cli("lint", embedded.pipeline).code == 0
    assert embedded.cli("lint", REPOSITORY / "pipelines" / "local.yaml").code == 0


def test_cli_schema_is_a_json_schema(embedded: EmbeddedLake) -> None:
    result = embedded.cli("schema")
    assert result.code == 0
    document = json.loads(result.stdout)
    assert "$schema" in document
    assert "treshold" not in result.stdout and "threshold" in result.stdout


def test_cli_explain_says_where_each_option_came_from(embedded: EmbeddedLake) -> None:
    embedded.configure(
        type_inferer={"threshold": 0.8}, tables={"legacy_*": {"sniffer": {"delimiter": ";"}}}
    )
    plain = embedded.cli("explain", "pipeline.yaml", "orders")
    legacy = embedded.cli("explain", "pipeline.yaml", "legacy_orders")
    assert plain.code == legacy.code == 0
    assert "threshold" in plain.output and "pipeline.yaml:" in plain.output
    assert "default" in plain.output
    assert "legacy_*" in legacy.output and "legacy_*" not in plain.output


def test_cli_explain_hides_secrets(embedded: EmbeddedLake) -> None:
    embedded.configure(sink={"catalog": {"properties": {"s3.secret-access-key": "hunter2"}}})
    commands: tuple[tuple[str | Path, ...], ...] = (
        ("explain", embedded.pipeline, "t"),
        ("lint", embedded.pipeline),
    )
    for command in commands:
        assert "hunter2" not in embedded.cli(*command).output


def test_cli_plugins(embedded: EmbeddedLake) -> None:
    result = embedded.cli("plugins", "list", "--json")
    assert result.code == 0
    names = {(o["stage"], o["name"]) for o in result.objects}
    assert {
        ("source", "folder"),
        ("sniffer", "csv"),
        ("sniffer", "stdlib"),
        ("type_inferer", "threshold"),
        ("type", "boolean"),
        ("type", "integer"),
        ("type", "bigint"),
        ("type", "double"),
        ("type", "date"),
        ("type", "timestamp"),
        ("type", "varchar"),
        ("type", "decimal"),
        ("type", "uuid"),
        ("validator", "pandera"),
        ("sink", "iceberg"),
    } <= names
    described = embedded.cli("plugins", "describe", "threshold")
    assert described.code == 0 and "leading_zeros" in described.output


# --- usage ---


@pytest.mark.parametrize("command", COMMANDS)
def test_cli_wrong_usage_exits_1_on_every_command(embedded: EmbeddedLake, command: str) -> None:
    result = embedded.cli(command, "--no-such-option")
    assert result.code == 1
    assert "--no-such-option" in result.output
    assert result.stdout == ""


@pytest.mark.parametrize("args", [[], ["no-such-command"], ["run"], ["query", "x.yaml"]])
def test_cli_missing_arguments_exit_1(embedded: EmbeddedLake, args: list[str]) -> None:
    assert embedded.cli(*args).code == (0 if not args else 1) or not args


@pytest.mark.parametrize("command", COMMANDS)
def test_cli_help_exits_0(embedded: EmbeddedLake, command: str) -> None:
    result = embedded.cli(command, "--help")
    assert result.code == 0
    assert command in result.output


@pytest.mark.parametrize(
    "args",
    [
        ["run", "{p}", "--file", "t/absent.csv"],
        ["run", "{p}", "--table", "absent"],
        ["run", "{p}", "--set", "sink.nmespace=x"],
        ["run", "{p}", "--set", "no-equals-sign"],
        ["forget", "{p}", "t/absent.csv"],
        ["retry", "{p}", "t/absent.csv"],
        ["rebuild", "{p}", "absent"],
        ["maintain", "{p}", "--table", "absent"],
        ["plugins", "describe", "absent"],
        ["explain", "absent.yaml", "t"],
    ],
    ids=" ".join,
)
def test_cli_what_does_not_exist_is_an_error(embedded: EmbeddedLake, args: list[str]) -> None:
    embedded.put("t/a.csv", "id,name\n11,x\n")
    embedded.run()
    words = [str(embedded.pipeline) if a == "{p}" else a for a in args]
    result = embedded.cli(*words)
    assert result.code == 1, result
    assert result.stderr


def test_cli_shipped_pipeline_in_a_real_process(tmp_path: Path) -> None:
    """``pipelines/local.yaml`` as it is, through the interpreter, with nothing preloaded."""
    inbox = tmp_path / "inbox" / "t"
    inbox.mkdir(parents=True)
    (inbox / "a.csv").write_text("id,name\n11,x\n12,y\n")
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    env.pop("LAKEFALL_INBOX", None)
    env.pop("LAKEFALL_LAKEHOUSE", None)
    pipeline = REPOSITORY / "pipelines" / "local.yaml"

    def lakefall(*args: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from lakefall.cli import main; main()", *args]
        return subprocess.run(
            command, cwd=tmp_path, env={**env, **more}, capture_output=True, text=True, check=False
        )

    ran = lakefall("run", str(pipeline), "--json")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert json.loads(ran.stdout)["status"] == "success"
    assert (tmp_path / "lakehouse").is_dir()
    asked = lakefall("query", str(pipeline), "SELECT count(*) AS n FROM lakehouse.t", "--json")
    assert (asked.stdout, asked.stderr) == ('{"n": 2}\n', "") or json.loads(asked.stdout) == {
        "n": 2
    }
    moved = lakefall("plan", str(pipeline), LAKEFALL_LAKEHOUSE=str(tmp_path / "other"))
    assert moved.returncode == 2, moved.stderr
