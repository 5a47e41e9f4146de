"""Airflow, in the environment of its own that it needs, or one line that says how to get it."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from celery_support import Celery, running

from stack import Stack

ROOT = Path(__file__).resolve().parents[2]
DAGS = ROOT / "airflow" / "dags"
INSIDE = Path(__file__).with_name("inside.py")
VARIABLE = "LAKEFALL_AIRFLOW_PYTHON"
MISSING = (
    f"no Airflow: `stack/bootstrap` installs what it needs, and {VARIABLE} names the Python of the "
    "environment that it is in, with lakefall's own requirements"
)
TIME_LIMIT = 500
CONNECTION_SECRET = "k3pt-in-the-connection"
VARIABLE_SECRET = "k3pt-in-the-environment"


@dataclass(frozen=True)
class Airflow:
    """The real one, one process a call."""

    python: str
    home: Path
    secrets: tuple[str, ...] = (CONNECTION_SECRET, VARIABLE_SECRET)
    root: Path = ROOT

    def call(self, command: str, pipelines: Path, **options: Any) -> Any:
        """What a command of ``inside.py`` answers."""
        answer = self.home / "answer.json"
        done = subprocess.run(
            [self.python, str(INSIDE), command, str(answer), json.dumps(options)],
            env=self.environ(pipelines),
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-10_000:] + done.stderr[-10_000:]
        (self.home / "output.log").write_text(done.stdout + done.stderr)
        return json.loads(answer.read_text())

    def environ(self, pipelines: Path) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW")}
        return {
            **kept,
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.home}/airflow.db",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.home / "logs"),
            "AIRFLOW_CONN_LAKE": json.dumps(
                {
                    "conn_type": "generic",
                    "schema": "lakehouse",
                    "password": CONNECTION_SECRET,
                }
            ),
            "WITNESS_TOKEN": VARIABLE_SECRET,
            "LAKEFALL_PIPELINES": str(pipelines),
            "PYTHONPATH": f"{ROOT / 'framework'}:{ROOT / 'plugins'}",
            "PYTHONDONTWRITEBYTECODE": "1",
        }


@pytest.fixture(scope="session")
def python() -> str:
    """Airflow's Python."""
    found = os.environ.get(VARIABLE, "")
    if not found:
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    return found


@pytest.fixture(scope="session")
def database(python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty metadata database, made once for all processes of a test run."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    made = shared / "airflow-empty"
    with (shared / "airflow-empty.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (made / "done").exists():
            made.mkdir(exist_ok=True)
            environ = Airflow(python, made).environ(made)
            subprocess.run(
                [python, "-m", "airflow", "db", "migrate"],
                env=environ,
                capture_output=True,
                timeout=TIME_LIMIT,
                check=True,
            )
            (made / "done").touch()
    return made / "airflow.db"


@pytest.fixture(scope="module")
def airflow(python: str, database: Path, tmp_path_factory: pytest.TempPathFactory) -> Airflow:
    """Airflow in a home of its own: SQLite, LocalExecutor."""
    home = tmp_path_factory.mktemp("airflow")
    shutil.copy(database, home / "airflow.db")
    return Airflow(python, home)


@pytest.fixture(scope="session")
def celery(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Celery]:
    """Airflow with two Celery workers, beside servers that may be stopped."""
    with running(stack, tmp_path_factory.mktemp("celery")) as celery:
        yield celery
