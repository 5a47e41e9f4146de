"""What a person sees of a run in Airflow's web interface, in a real browser."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from celery_support import Celery, Ran
from e2e.browser import CHROMIUM, DRIVER, browser, picture, until_shown, until_text

MISSING = "no chromium or no chromedriver: `stack/bootstrap` installs them"
DAG = "fragile"
STEPS = (
    "download_csv",
    "detect_format",
    "infer_schema",
    "ensure_table",
    "evolve_schema",
    "ingest_data",
    "register_superset_dataset",
    "update_registry",
)


@pytest.fixture(scope="module")
def ran(celery: Celery) -> Ran:
    """A good file and one that is no text."""
    table = f"t_{uuid.uuid4().hex[:8]}"
    celery.put(DAG, f"{table}/good.csv", "id,name\n1,x\n")
    celery.put(DAG, f"{table}/picture.csv", bytes(range(256)) * 20)
    return celery.api.run(DAG)


@pytest.fixture(scope="module")
def page(celery: Celery, ran: Ran) -> Iterator[Any]:
    """The run's page, with every task group open."""
    if not (CHROMIUM and DRIVER):
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    with browser() as driver:
        driver.get(f"{celery.api.url}/dags/{DAG}/runs/{quote(ran.run_id, safe='')}")
        until_shown(driver, "scan_bucket", "Task Instances")
        _press(driver, "Expand all task groups")
        yield driver


def _press(driver: Any, label: str) -> None:
    from selenium.webdriver.common.by import By

    driver.find_element(By.CSS_SELECTOR, f"button[aria-label^='{label}']").click()


def test_the_grid_names_every_task_its_file_and_its_state(page: Any, ran: Ran) -> None:
    text = until_shown(page, *STEPS, "filter_new_files", "summary", "good.csv", "picture.csv")
    assert picture(page, "airflow-grid").stat().st_size > 10_000
    lines = text.splitlines()
    files = {key.rpartition("/")[2]: key for key in ran.states("update_registry")}
    assert set(files) == {"good.csv", "picture.csv"}

    def state(task: str, file: str) -> str:
        """The list of task instances: task, file and state on a line each."""
        places = [n for n, line in enumerate(lines) if line == f"files.{task}"]
        (found,) = [lines[n + 2] for n in places if lines[n + 1] == files[file]]
        return found

    assert state("ingest_data", "good.csv") == "Success"
    assert state("detect_format", "picture.csv") == "Failed"
    assert state("update_registry", "picture.csv") == "Success"


def test_the_graph_shows_the_tasks_in_their_states(page: Any, ran: Ran) -> None:
    expected = {"scan_bucket": "success", "filter_new_files": "success", "summary": "failed"}

    def boxes(text: str) -> dict[str, str]:
        """What stands in a box of the graph: a name, an operator, a state on a line each."""
        lines = text.splitlines()
        found = {name: lines[n + 2] for n, name in enumerate(lines[:-2]) if lines[n + 1] == "@task"}
        return {name: found.get(name, "") for name in expected}

    _press(page, "Show Graph")
    # The names stand beside the graph before it is drawn, and it is drawn before it has states.
    text = until_text(
        page, lambda text: boxes(text) == expected and all(step in text for step in STEPS)
    )
    assert boxes(text) == expected
    assert picture(page, "airflow-graph").stat().st_size > 10_000
