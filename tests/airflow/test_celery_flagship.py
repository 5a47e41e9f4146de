"""The flagship on Celery, started by its own cron: files are dropped, tables rise.

The shipped YAML but for its minutes: `* * * * *`, and one second between tries.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from celery_support import Celery, Ran, until
from e2e.superset_api import superset

DAG, BUCKET = "csv_auto_ingest", "csv-uploads"
DATA = Path(__file__).parents[2] / "examples" / "data"
FILES = {f"{p.parent.name}/{p.name}": p for p in sorted(DATA.glob("*/*.csv"))}
ELECTRICITY = "electricity/iowa-electricity.csv"
TEN_MINUTES = 600
SALES = "order_id,customer,quantity\n1007,Elm Library,3\n1008,Fir Garage,5\n"


@dataclass(frozen=True, slots=True)
class First:
    """What the first upload became."""

    ran: Ran
    seconds: float
    """From the upload to the answer in Trino."""
    tables: dict[str, int]
    registry: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def flagship(celery: Celery) -> Iterator[Celery]:
    """The schedule is on."""
    celery.api.pause(DAG, paused=False)
    yield celery
    celery.api.pause(DAG, paused=True)


@pytest.fixture(scope="module")
def first(flagship: Celery) -> First:
    began = time.monotonic()
    for key, path in FILES.items():
        flagship.put(BUCKET, key, path.read_bytes())
    ran = _loaded(flagship, len(FILES))
    tables = {key.partition("/")[0] for key in FILES}
    counts = {t: sum(flagship.counts("lakehouse", t).values()) for t in sorted(tables)}
    return First(ran, time.monotonic() - began, counts, flagship.registry("lakehouse"))


@pytest.fixture(scope="module")
def second(flagship: Celery, first: First) -> Ran:
    """A changed file, a new column, a deleted and a damaged file, and one that is no text."""
    lines = FILES[ELECTRICITY].read_bytes().splitlines(keepends=True)
    flagship.put(BUCKET, ELECTRICITY, b"".join(lines[:-3]))
    flagship.delete(BUCKET, "airports/airports.csv")
    flagship.put(BUCKET, "airports/more.csv", "iata,name,elevation\nXX1,New field,12.5\n")
    flagship.put(BUCKET, "penguins/damaged.csv", "a,b\n1,2\n3\n4,5,6\n7,8\n")
    flagship.put(BUCKET, "penguins/picture.csv", bytes(range(256)) * 20)
    flagship.put(BUCKET, "sales/mine.csv", "order_id\n1\n")
    flagship.put("lakehouse", "sales_sample.csv", SALES)
    sales = flagship.api.trigger("csv_to_iceberg_pipeline")
    ran = _loaded(flagship, 5)
    assert flagship.api.finished("csv_to_iceberg_pipeline", sales).state == "success"
    return ran


def _loaded(celery: Celery, files: int) -> Ran:
    """The run of the schedule that took so many files, once it is over."""

    def over() -> Ran | None:
        for run in celery.api.runs(DAG):
            if run["state"] in ("success", "failed"):
                ran = celery.api.ran(DAG, run["dag_run_id"])
                if len(ran.of("update_registry")) == files and ran.of("update_registry")[0][
                    "state"
                ] not in ("skipped",):
                    return ran
        return None

    return until(over, TEN_MINUTES, f"a run with {files} files")


def test_ac_2_an_upload_is_queryable_within_ten_minutes(first: First) -> None:
    assert first.ran.kind == "scheduled"
    assert first.ran.state == "success"
    assert first.seconds < TEN_MINUTES
    assert min(first.tables.values()) > 40
    assert first.tables["penguins"] == 344


def test_fr_9_each_file_is_a_chain_of_its_own(first: First) -> None:
    for task in ("download_csv", "ingest_data", "update_registry"):
        assert first.ran.states(task) == dict.fromkeys(FILES, "success")


def test_a_files_steps_ran_on_hosts_that_share_nothing(celery: Celery, first: First) -> None:
    """Both workers took steps of one file; each had to fetch it into a cache of its own."""
    hosts = {
        key: {t["hostname"] for t in first.ran.tasks if t["rendered_map_index"] == key}
        for key in FILES
    }
    assert any(len(each) == 2 for each in hosts.values()), hosts
    for number in (1, 2):
        cache = celery.stack.folder / f"airflow-worker-{number}" / "cache" / "files"
        assert any(p.is_file() and p.stat().st_size > 1000 for p in cache.iterdir())


def test_ac_11_the_registry_has_every_file_with_the_run_that_took_it(first: First) -> None:
    assert {k: r["status"] for k, r in first.registry.items()} == dict.fromkeys(FILES, "success")
    assert {r["dag_run_id"] for r in first.registry.values()} == {first.ran.run_id}
    rows = Counter[str]()
    for row in first.registry.values():
        rows[row["table_name"]] += row["row_count"]
    assert dict(rows) == first.tables


def test_ac_10_every_table_is_a_dataset(celery: Celery, first: First) -> None:
    with superset(celery.servers) as api:
        for table in first.tables:
            assert "_source_file" in api.columns(table, "lakehouse")


def test_each_table_is_an_asset(celery: Celery, first: First) -> None:
    events = celery.api.call("GET", "assets/events", params={"limit": 100})["asset_events"]
    mine = {e["name"]: e["extra"] for e in events if e["source_run_id"] == first.ran.run_id}
    assert set(mine) == {f"iceberg.lakehouse.{table}" for table in first.tables}
    assert mine["iceberg.lakehouse.airports"]["files"] == ["airports/airports.csv"]
    assert mine["iceberg.lakehouse.airports"]["rows_loaded"] == first.tables["airports"]


def test_an_operator_sees_rows_and_rejects_without_a_log(first: First) -> None:
    assert first.ran.summary["counts"] == {"success": len(FILES)}
    assert first.ran.summary["tables"] == first.tables
    # `NA` among the numbers of both is no value; 4 records of one are damaged, and one number is.
    assert first.ran.summary["rejects"] == {"damaged/penguins-raw.csv": 5}


def test_a_log_says_how_a_file_was_read(celery: Celery, first: First) -> None:
    (task,) = [
        t
        for t in first.ran.of("detect_format")
        if t["rendered_map_index"] == "charging_points/irve.csv"
    ]
    log = celery.api.log(DAG, first.ran.run_id, task["task_id"], task["map_index"])
    assert "charging_points/irve.csv: delimiter ';', quote \", cp1252" in log
    (task,) = [
        t
        for t in first.ran.of("ingest_data")
        if t["rendered_map_index"] == "damaged/penguins-raw.csv"
    ]
    log = celery.api.log(DAG, first.ran.run_id, task["task_id"], task["map_index"])
    assert "damaged/penguins-raw.csv: reject on line 6: " in log
    assert "damaged/penguins-raw.csv: success: 344 rows read, 340 loaded, 4 rejected" in log


def test_ac_5_a_changed_file_replaces_its_rows(celery: Celery, first: First, second: Ran) -> None:
    assert second.states("ingest_data")[ELECTRICITY] == "success"
    before = first.tables["electricity"]
    assert celery.counts("lakehouse", "electricity") == {ELECTRICITY: before - 3}


def test_ac_7_a_new_column_and_a_deleted_file_whose_rows_stay(
    celery: Celery, first: First, second: Ran
) -> None:
    assert celery.counts("lakehouse", "airports") == {
        "airports/airports.csv": first.tables["airports"],
        "airports/more.csv": 1,
    }
    (found,) = celery.servers.trino("SELECT count(elevation) FROM lakehouse.airports")
    assert found == [1]
    with superset(celery.servers) as api:
        assert "elevation" in api.columns("airports", "lakehouse")


def test_row_inconsistent_column_count_loads_the_rest(celery: Celery, second: Ran) -> None:
    assert celery.counts("lakehouse", "penguins")["penguins/damaged.csv"] == 2
    rejects = celery.servers.trino(
        "SELECT line, text FROM lakehouse._ingest_rejects "
        "WHERE file_key = 'penguins/damaged.csv' ORDER BY line"
    )
    assert [line for line, _ in rejects] == [3, 4]


def test_a_file_that_fails_fails_the_run_and_no_other_file(celery: Celery, second: Ran) -> None:
    assert second.state == "failed"
    assert second.states("update_registry") == dict.fromkeys(
        (
            *(ELECTRICITY, "airports/more.csv", "penguins/damaged.csv"),
            *("penguins/picture.csv", "sales/mine.csv"),
        ),
        "success",
    )
    assert set(second.summary["failed"]) == {"penguins/picture.csv", "sales/mine.csv"}
    registry = celery.registry("lakehouse")
    assert registry["penguins/picture.csv"]["status"] == "failed"
    assert "binary data" in registry["penguins/picture.csv"]["error_message"]
    assert "protected" in registry["sales/mine.csv"]["error_message"]


def test_ac_12_the_pipeline_of_before_runs_undisturbed(celery: Celery, second: Ran) -> None:
    (found,) = celery.servers.trino(
        "SELECT count(*), count_if(customer IN ('Elm Library', 'Fir Garage')) FROM lakehouse.sales"
    )
    assert found == [8, 2]
    snapshots = celery.servers.trino('SELECT operation FROM lakehouse."sales$snapshots"')
    assert len(snapshots) == 3, "made once, and one for each of its own rows"
