"""What the real Airflow makes of pipeline files: ids, order, schedule, rules, documentation."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

STEPS = [
    "files.download_csv",
    "files.detect_format",
    "files.infer_schema",
    "files.ensure_table",
    "files.evolve_schema",
    "files.ingest_data",
    "files.register_superset_dataset",
    "files.update_registry",
]
TOGETHER = ["group_files", "load_files"]
SCHEDULE = """
schedule:
  cron: "*/5 * * * *"
  start_date: 2024-01-01
  catchup: false
  max_active_runs: 1
  retries: 2
  retry_delay: 30s
  owner: data-engineering
  tags: [lakehouse, iceberg, auto-ingest]
  granularity: GRANULARITY
"""
PIPELINE = """# Files of GRANULARITY that people upload.
#   inbox/orders/a.csv -> orders
version: 1
name: by_GRANULARITY
source: {use: s3, bucket: uploads, endpoint_url: "${STORE:-}"}
sink:
  use: iceberg
  catalog: {type: sqlite, warehouse: "${LAKE}"}
catalog_registrar:
- use: superset
  url: ${SUPERSET_URL}
  username: ${WITNESS_TOKEN}
  password: written-in-the-file
  database: Trino Lakehouse
"""


@pytest.fixture(scope="module")
def pipelines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pipelines")
    for granularity in ("auto", "step", "file", "table"):
        text = (PIPELINE + SCHEDULE).replace("GRANULARITY", granularity)
        (folder / f"{granularity}.yaml").write_text(text)
    (folder / "by_hand.yaml").write_text(PIPELINE.replace("by_GRANULARITY", "by_hand"))
    (folder / "notes.txt").write_text("no pipeline")
    return folder


@pytest.fixture(scope="module")
def parsed(airflow: Any, pipelines: Path) -> Any:
    return airflow.call("parse", pipelines)


def test_every_file_with_a_schedule_is_a_dag_of_the_one_dag_file(parsed: Any) -> None:
    assert parsed["errors"] == {}
    assert parsed["files"] == dict.fromkeys(
        ("by_auto", "by_step", "by_file", "by_table"), "lakefall_dags.py"
    )


@pytest.mark.parametrize("dag_id", ["by_step", "by_file", "by_table"])
def test_the_schedule_is_the_files(parsed: Any, dag_id: str) -> None:
    dag = parsed["dags"][dag_id]
    assert dag["schedule"] == "*/5 * * * *"
    assert dag["start_date"] == "2024-01-01T00:00:00+00:00"
    assert dag["catchup"] is False
    assert dag["max_active_runs"] == 1
    assert dag["tags"] == ["auto-ingest", "iceberg", "lakehouse"]
    for task in dag["tasks"].values():
        assert (task["retries"], task["delay"], task["owner"]) == (2, 30.0, "data-engineering")
    assert {name: p["type"] for name, p in dag["params"].items()} == {
        "table": ["null", "string"],
        "key": ["null", "string"],
        "keys": ["null", "array"],
        "force": "boolean",
        "retry_failed": "boolean",
    }


def test_where_and_how_long_tasks_run_is_the_schedules(airflow: Any, tmp_path: Path) -> None:
    text = (PIPELINE + SCHEDULE).replace("GRANULARITY", "file")
    options = "execution_timeout: 20m\n  pool: small\n  queue: ingest\n  priority: 7\n  owner:"
    (tmp_path / "own.yaml").write_text(text.replace("owner:", options))
    (tmp_path / "plain.yaml").write_text(text.replace("by_file", "plain"))
    dags = airflow.call("parse", tmp_path)["dags"]
    for task in dags["by_file"]["tasks"].values():
        assert (task["timeout"], task["where"]) == (1200, ["small", "ingest", 7])
    for task in dags["plain"]["tasks"].values():
        assert (task["timeout"], task["where"]) == (3600, ["default_pool", "default", 1])


EVENTS = """
  events: {use: sqs, queue_url: "https://sqs.eu-west-1.amazonaws.com/123456789012/files"}"""


@pytest.fixture
def eventful(tmp_path: Path) -> str:
    text = (PIPELINE + SCHEDULE).replace("GRANULARITY", "file")
    (tmp_path / "plain.yaml").write_text(text.replace("by_file", "plain"))
    (tmp_path / "events.yaml").write_text(text.replace("schedule:", f"schedule:{EVENTS}"))
    return text


def test_events_are_an_asset_that_airflows_own_trigger_watches(
    airflow: Any, eventful: str, tmp_path: Path
) -> None:
    bad = eventful.replace("*/5 * *", "99 99 *").replace("by_file", "bad")
    (tmp_path / "cron.yaml").write_text(bad.replace("schedule:", f"schedule:{EVENTS}"))
    parsed = airflow.call("parse", tmp_path)
    assert sorted(parsed["dags"]) == ["by_file", "plain"]
    dag = parsed["dags"]["by_file"]
    assert dag["cron"] == "*/5 * * * *", "the cron stays"
    ((name, trigger, given),) = dag["watchers"]
    assert name == "by_file_events"
    assert trigger == "airflow.providers.amazon.aws.triggers.sqs.SqsSensorTrigger"
    assert given["sqs_queue"] == "https://sqs.eu-west-1.amazonaws.com/123456789012/files"
    assert (given["aws_conn_id"], given["waiter_delay"]) == ("aws_default", 1)
    assert parsed["dags"]["plain"]["watchers"] == []
    told = parsed["errors"]["lakefall_problems.py"]
    assert "schedule: Airflow refuses it: [99 99 * * *]" in told


@pytest.mark.usefixtures("eventful")
def test_events_without_their_packages_are_an_import_error(airflow: Any, tmp_path: Path) -> None:
    """Also where only what the triggerer needs is missing: it would fail there, and no run come."""
    missing = ["airflow.providers.common.messaging", "aiobotocore"]
    parsed = airflow.call("parse", tmp_path, without=missing)
    assert list(parsed["dags"]) == ["plain"]
    told = parsed["errors"]["lakefall_problems.py"]
    line = (tmp_path / "events.yaml").read_text().splitlines().index("schedule:") + 1
    assert f"events.yaml:{line}: schedule.events: needs packages that are missing" in told
    assert (
        "pip install apache-airflow-providers-common-messaging "
        "'apache-airflow-providers-amazon[aiobotocore]'\n" in told
    )


def test_step_has_a_mapped_group_a_file(parsed: Any) -> None:
    tasks = parsed["dags"]["by_step"]["tasks"]
    order = ["scan_bucket", "filter_new_files", *STEPS, "summary"]
    assert list(tasks) == order
    for task, following in pairwise(order):
        assert following in tasks[task]["downstream"]
    # The files themselves go to every step, so that none needs what another host has.
    assert set(tasks["filter_new_files"]["downstream"]) == {*STEPS, "summary"}
    assert [name for name in order if tasks[name]["mapped"]] == STEPS
    assert {n: t["rule"] for n, t in tasks.items() if t["rule"] != "all_success"} == {
        "files.update_registry": "all_done",
        "summary": "all_done",
    }
    assert {n: t["outlets"] for n, t in tasks.items() if t["outlets"]} == {
        "files.ingest_data": ["by_step"]
    }


@pytest.mark.parametrize("granularity", ["file", "table"])
def test_coarser_ones_have_one_mapped_task(parsed: Any, granularity: str) -> None:
    tasks = parsed["dags"][f"by_{granularity}"]["tasks"]
    order = ["scan_bucket", "filter_new_files", f"load_{granularity}", "summary"]
    assert list(tasks) == order
    assert [name for name in order if tasks[name]["mapped"]] == [f"load_{granularity}"]
    assert tasks["summary"]["rule"] == "all_done"
    assert tasks[f"load_{granularity}"]["outlets"] == [f"by_{granularity}"]


def test_auto_has_both_a_group_a_file_and_a_task_for_all_steps(parsed: Any) -> None:
    tasks = parsed["dags"]["by_auto"]["tasks"]
    assert set(tasks) == {"scan_bucket", "filter_new_files", *STEPS, *TOGETHER, "summary"}
    for task, following in pairwise(["scan_bucket", "filter_new_files", *STEPS, "summary"]):
        assert following in tasks[task]["downstream"]
    for task, following in pairwise(["filter_new_files", *TOGETHER, "summary"]):
        assert following in tasks[task]["downstream"]
    assert {name for name in tasks if tasks[name]["mapped"]} == {*STEPS, "load_files"}


def test_the_documentation_says_what_it_does_and_no_secret(parsed: Any, airflow: Any) -> None:
    doc = parsed["dags"]["by_step"]["doc"]
    assert doc.startswith("Files of step that people upload.")
    assert "\n    inbox/orders/a.csv -> orders\n" in doc
    assert "/step.yaml`, one task for each step of a file." in doc
    assert "| `source.bucket` | `uploads` |" in doc
    assert "| `sink.catalog.warehouse` | `${LAKE}`" in doc
    assert "| `source.endpoint_url` | (or what STORE says) |" in doc
    assert "| `catalog_registrar.0.username` | `${WITNESS_TOKEN}` |" in doc
    assert "| `catalog_registrar.0.password` | `***` |" in doc
    assert "schedule" not in doc
    secrets = ("written-in-the-file", *airflow.secrets)
    assert not [s for s in secrets if s in repr(parsed)]


def test_a_broken_file_is_an_import_error_and_the_others_stay(airflow: Any, tmp_path: Path) -> None:
    good = (PIPELINE + SCHEDULE).replace("GRANULARITY", "step")
    (tmp_path / "good.yaml").write_text(good)
    (tmp_path / "broken.yaml").write_text(good.replace("bucket:", "buket:").replace("by_", "b_"))
    (tmp_path / "cron.yaml").write_text(good.replace("*/5 * *", "99 99 *").replace("by_", "c_"))
    (tmp_path / "twin.yaml").write_text(good)
    (tmp_path / "syntax.yaml").write_text("source: [")
    parsed = airflow.call("parse", tmp_path)
    assert list(parsed["dags"]) == ["by_step"]
    assert list(parsed["errors"]) == ["lakefall_problems.py"]
    told = parsed["errors"]["lakefall_problems.py"]
    assert "broken.yaml:5: source.buket: unknown option; did you mean 'bucket'?" in told
    line = good.splitlines().index("schedule:") + 1
    assert f"cron.yaml:{line}: schedule: Airflow refuses it: [99 99 * * *]" in told
    assert f"{tmp_path}/good.yaml is called 'by_step' too" in told
    assert "syntax.yaml:1: not valid YAML" in told


@pytest.mark.parametrize("granularity", ["auto", "step"])
def test_the_shipped_pipelines_are_one_dag_with_the_specifications_values(
    airflow: Any, tmp_path: Path, granularity: str
) -> None:
    for path in (airflow.root / "pipelines").glob("*.yaml"):
        text = path.read_text().replace("granularity: auto", f"granularity: {granularity}")
        (tmp_path / path.name).write_text(text)
    parsed = airflow.call("parse", tmp_path)
    assert parsed["errors"] == {}, "the servers' addresses and secrets are not needed to parse"
    assert list(parsed["dags"]) == ["csv_auto_ingest"]
    dag = parsed["dags"]["csv_auto_ingest"]
    assert (dag["schedule"], dag["start_date"][:10]) == ("*/5 * * * *", "2024-01-01")
    assert (dag["catchup"], dag["max_active_runs"]) == (False, 1)
    assert dag["tags"] == ["auto-ingest", "iceberg", "lakehouse"]
    many = TOGETHER if granularity == "auto" else []
    assert [t for t in dag["tasks"] if t not in many] == [
        *("scan_bucket", "filter_new_files", *STEPS, "summary")
    ]
    for task in dag["tasks"].values():
        assert (task["retries"], task["delay"], task["owner"]) == (2, 30.0, "data-engineering")
    assert "| `catalog_registrar.1.password` | `${SUPERSET_PASSWORD}` |" in dag["doc"]


def test_a_folder_that_is_missing_is_told(airflow: Any, tmp_path: Path) -> None:
    parsed = airflow.call("parse", tmp_path / "nowhere")
    assert parsed["dags"] == {}
    assert "LAKEFALL_PIPELINES" in parsed["errors"]["lakefall_problems.py"]


HEAVY = (
    "duckdb", "numpy", "pyarrow", "pyiceberg", "pandas", "pandera", "boto3", "botocore", "trino",
)  # fmt: skip


def test_parsing_imports_nothing_heavy_and_connects_to_nothing(
    airflow: Any, pipelines: Path
) -> None:
    found = airflow.call("imports", pipelines)
    assert found["dags"] == ["by_auto", "by_file", "by_step", "by_table"]
    assert not {m.partition(".")[0] for m in found["first"]} & set(HEAVY)
    ours = [m for m in found["first"] if m.startswith("lakefall")]
    runs = (
        "lakefall.airflow.tasks",
        "lakefall.airflow.steps",
        "lakefall.plugin_loading.pipeline",
        "lakefall.contract.values",
    )
    assert not set(ours) & set(runs), "what tasks do is imported where they run"
    assert len(found["first"]) - len(ours) < 10, found["first"]
    assert found["again"] == [], "another pipeline imports nothing more"


EMBEDDED = """
version: 1
name: embedded
source: {use: folder, path: INBOX}
sink: {use: iceberg, catalog: {type: sqlite, warehouse: LAKE}}
cache: {dir: CACHE}
schedule: {cron: "0 0 1 1 *", start_date: 2024-01-01, granularity: step}
"""


def test_a_task_imports_nothing_that_its_worker_has_not(airflow: Any, tmp_path: Path) -> None:
    compose = (airflow.root / "docker-compose.yml").read_text()
    (celery,) = re.findall(r"AIRFLOW__CELERY__EXTRA_CELERY_CONFIG: '(.*)'", compose)
    page = (airflow.root / "docs" / "airflow.md").read_text()
    assert f"AIRFLOW__CELERY__EXTRA_CELERY_CONFIG='{celery}'" in page
    text = EMBEDDED
    for name in ("inbox", "lake", "cache"):
        text = text.replace(name.upper(), str(tmp_path / name))
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "embedded.yaml").write_text(text)
    (tmp_path / "inbox" / "orders").mkdir(parents=True)
    (tmp_path / "inbox" / "orders" / "a.csv").write_text("id,at\n1,2024-01-01\n2,2024-02-03\n")
    found = airflow.call("forked", tmp_path / "pipelines", dag_id="embedded", celery=celery)
    assert (found["status"], found["rows"]) == ("success", 2)
    assert found["threads"] == 1, "a fork has none but its own"
    # Airflow's own are the same in every task.
    named = {"lakefall", "lakefall_plugins", "requests", *HEAVY}
    assert [m for m in found["new"] if m.partition(".")[0] in named] == []
    assert found["page"] is None, "nobody reads a DAG's page in a task"


def test_a_worker_makes_only_the_dag_of_its_task(airflow: Any, pipelines: Path) -> None:
    assert airflow.call("one", pipelines, dag_id="by_file") == {"dags": ["by_file"]}


def test_the_example_that_waits_for_a_table_is_a_dag(airflow: Any, tmp_path: Path) -> None:
    page = (airflow.root / "docs" / "airflow.md").read_text()
    (code,) = re.findall(r"```python\n# file: report.py\n(.*?)```", page, re.S)
    (tmp_path / "report.py").write_text(code)
    parsed = airflow.call("parse", tmp_path, folder=str(tmp_path))
    assert parsed["errors"] == {}
    assert "iceberg.lakehouse.orders" in parsed["dags"]["report"]["schedule"]
