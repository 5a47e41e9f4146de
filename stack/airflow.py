"""Airflow in an environment of its own: api-server, scheduler, dag-processor, triggerer, Celery
workers.

Its DAG files are the repository's, its pipelines those in ``pipelines/``; what ``given`` finds in
the environment of whoever starts it goes over that. Everybody who reaches it on loopback is its
administrator.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar

from .errors import StackError
from .home import run
from .http import get_json
from .postgres import Postgres
from .processes import Command
from .redis import Redis
from .server import Server
from .settings import CELERY, Deployment
from .variables import variables
from .versions import HERE

ROOT = HERE.parent
DAGS = ROOT / "airflow" / "dags"
INSIDE = HERE / "in_airflow"
OWN = ("LAKEFALL_PIPELINES", "LAKEFALL_PIPELINES_URL")
DATABASE = "airflow"


def given(environ: Mapping[str, str]) -> dict[str, str]:
    """What a person sets for Airflow."""
    return {
        name: value
        for name, value in environ.items()
        if name.startswith(("AIRFLOW__", "AIRFLOW_CONN_")) or name in OWN
    }


class AirflowServer(Server):
    """One of Airflow's processes."""

    ready_seconds = 120
    #: Words after ``airflow``.
    words: ClassVar[tuple[str, ...]]

    def install(self) -> None:
        self.site.home.airflow()

    def command(self) -> Command:
        return Command(
            [self.site.home.airflow(), "-m", "airflow", *self.words, *self.options()],
            self.folder,
            self.environment(),
        )

    def options(self) -> tuple[str, ...]:
        return ()

    def environment(self) -> dict[str, str]:
        """The same for all of them, but for the folder that is each one's own."""
        settings = self.site.settings
        shared = self.site.folder / Airflow.name
        ours = {
            "AIRFLOW_HOME": str(shared),
            "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__EXECUTOR": self._deployment.class_name,
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{settings.url('airflow')}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__FERNET_KEY": settings.secrets["airflow_fernet"],
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": "lakefall_stack_host.name",
            "AIRFLOW__API__SECRET_KEY": settings.secrets["airflow_key"],
            "AIRFLOW__API__BASE_URL": settings.url("airflow"),
            "AIRFLOW__API_AUTH__JWT_SECRET": settings.secrets["airflow_jwt"],
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(shared / "logs"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self._database,
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            # Seconds until a killed worker is missed; Airflow's own default is 300.
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "90",
            "LAKEFALL_PIPELINES": str(ROOT / "pipelines"),
            # No worker sees the files of another.
            "LAKEFALL_CACHE": str(self.folder / "cache"),
            "STACK_HOST": self.name,
            "PYTHONPATH": os.pathsep.join(
                str(path) for path in (ROOT / "framework", ROOT / "plugins", INSIDE)
            ),
        }
        if self._deployment.executor == CELERY:
            ours["AIRFLOW__CELERY__BROKER_URL"] = Redis(self.site).address
            ours["AIRFLOW__CELERY__RESULT_BACKEND"] = f"db+{self._database}"
            ours["AIRFLOW__CELERY__WORKER_CONCURRENCY"] = "4"
            # Tasks are forked from a process that has imported what they need.
            imports = {"imports": ["lakefall.airflow.preload"]}
            ours["AIRFLOW__CELERY__EXTRA_CELERY_CONFIG"] = json.dumps(imports)
        return {**ours, **variables(settings), **self._deployment.variables}

    @property
    def _deployment(self) -> Deployment:
        deployment = self.site.settings.airflow
        if deployment is None:
            raise StackError("this stack has no Airflow; `make stack-up AIRFLOW=1` adds it")
        return deployment

    @property
    def _database(self) -> str:
        if self._deployment.executor == CELERY:
            return Postgres(self.site).sqlalchemy(DATABASE)
        return f"sqlite:///{self.site.folder / Airflow.name / 'airflow.db'}"

    def _monitored(self, component: str) -> bool:
        """Whether Airflow itself has heard of a component since its process started."""
        health = get_json(f"{Airflow(self.site).url}/api/v2/monitor/health", 10)
        told: Any = (health or {}).get(component) or {}
        heard = told.get(f"latest_{component}_heartbeat")
        if told.get("status") != "healthy" or not heard or not self.process.pid_file.exists():
            return False
        started = self.process.pid_file.stat().st_mtime
        return datetime.fromisoformat(heard).timestamp() >= started


class Airflow(AirflowServer):
    """The api-server, which is the web interface too; brings the database up to date first."""

    name = "airflow"
    ports = ("airflow",)
    needs = ("postgres",)
    words = ("api-server",)

    def options(self) -> tuple[str, ...]:
        return ("--host", "127.0.0.1", "--port", str(self.port), "--workers", "1")

    def start(self, interrupted: Callable[[], bool] = lambda: False) -> None:
        if self.process.identity is None:
            self._migrate()
        super().start(interrupted)

    def _migrate(self) -> None:
        (self.folder / "logs").mkdir(parents=True, exist_ok=True)
        if self._deployment.executor == CELERY:
            Postgres(self.site).make_database(DATABASE)
        python = self.site.home.airflow()
        run([python, "-m", "airflow", "db", "migrate"], self.environment())

    def ready(self) -> bool:
        health = get_json(f"{self.url}/api/v2/monitor/health", 10)
        return bool(health) and health["metadatabase"]["status"] == "healthy"


class Scheduler(AirflowServer):
    name = "airflow-scheduler"
    ports = ()
    needs = ("airflow",)
    words = ("scheduler",)

    def ready(self) -> bool:
        return self._monitored("scheduler")


class DagProcessor(AirflowServer):
    name = "airflow-dag-processor"
    ports = ()
    needs = ("airflow",)
    words = ("dag-processor",)

    def ready(self) -> bool:
        return self._monitored("dag_processor")


class Triggerer(AirflowServer):
    """Watches the queues of `schedule.events`."""

    name = "airflow-triggerer"
    ports = ()
    needs = ("airflow",)
    words = ("triggerer",)

    def options(self) -> tuple[str, ...]:
        # Its logs are in the folder that the api-server reads.
        return ("--skip-serve-logs",)

    def ready(self) -> bool:
        return self._monitored("triggerer")


class Worker(AirflowServer):
    """A Celery worker; ``workers`` makes a class for each."""

    ports = ()
    needs = ("airflow", "redis")
    words = ("celery", "worker")
    # The first asks it to finish its tasks, for as long as they take.
    stop_signal = signal.SIGQUIT

    def options(self) -> tuple[str, ...]:
        return (
            *("--celery-hostname", self.name),
            # All write their logs to one folder, where the api-server reads them.
            *("--skip-serve-logs", "--without-gossip", "--without-mingle"),
        )

    def ready(self) -> bool:
        return f"{self.name} ready." in self.process.log.read_text("utf-8", "replace")


def servers_of(deployment: Deployment | None) -> tuple[type[Server], ...]:
    """Airflow's servers, needs first; none without a deployment."""
    if deployment is None:
        return ()
    core: tuple[type[Server], ...] = (Airflow, Scheduler, DagProcessor, Triggerer)
    if deployment.executor != CELERY:
        return core
    return (Redis, *core, *map(_worker, range(1, deployment.workers + 1)))


def _worker(number: int) -> type[Worker]:
    name = f"airflow-worker-{number}"
    return type(name, (Worker,), {"name": name, "__doc__": Worker.__doc__})
