"""Airflow with Celery workers, as an operator uses it: through its REST API."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import yaml
from acceptance.lakes import merged
from e2e.servers import Servers
from moto.server import ThreadedMotoServer

from stack import Stack
from stack.settings import CELERY, Deployment

T = TypeVar("T")
REGION = "us-east-1"

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WORKERS = 2
TODAY = datetime.now(UTC).date()
BY_HAND = {
    # Half a year from now, and from today on: Airflow makes up for the last one it missed.
    "cron": f"0 0 1 {(TODAY.month + 5) % 12 + 1} *",
    "start_date": str(TODAY - timedelta(days=1)),
    "retries": 2,
    "retry_delay": "3s",
}
"""For pipelines that only a test starts."""
PAUSE = '''
import time
from pathlib import Path

from lakefall.contract.plugin import NoOptions, Plugin, Stage, hookimpl

FOLDER = Path(__file__).parent


class Pause(Plugin[NoOptions]):
    """Stands still at an event of a table, or of any, for as long as a test wants it to."""

    name = "pause"
    stage = Stage.CATALOG_REGISTRAR

    @hookimpl
    def event(self, event):
        hold = FOLDER / f"hold-{event.name}"
        if hold.exists() and hold.read_text() in ("", event.table):
            (FOLDER / f"reached-{event.name}").touch()
            while hold.exists():
                time.sleep(0.05)
'''


@dataclass(frozen=True, slots=True)
class Ran:
    """A finished run."""

    dag: str
    run_id: str
    state: str
    kind: str
    """``scheduled`` or ``manual``."""
    tasks: tuple[dict[str, Any], ...]
    summary: dict[str, Any]
    """What the closing task returned; empty where it did not come so far."""

    def states(self, task: str) -> dict[str, str]:
        """File -> state of one of its tasks; one that never ran goes by its number."""
        return {t["rendered_map_index"]: t["state"] for t in self.of(task)}

    def of(self, task: str) -> list[dict[str, Any]]:
        """Its task instances."""
        return [t for t in self.tasks if t["task_id"] in (task, f"files.{task}")]


class Api:
    """The REST API, as an administrator."""

    def __init__(self, url: str) -> None:
        import requests

        self.url = url
        self._http = requests.Session()
        self._http.trust_env = False
        token = self._http.get(f"{url}/auth/token", timeout=60).json()["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, **request: Any) -> Any:
        answer = self._http.request(method, f"{self.url}/api/v2/{path}", timeout=60, **request)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json()

    def trigger(self, dag: str, **conf: Any) -> str:
        body = {"logical_date": None, "conf": conf}
        return str(self.call("POST", f"dags/{dag}/dagRuns", json=body)["dag_run_id"])

    def runs(self, dag: str) -> list[dict[str, Any]]:
        """Newest first."""
        found: list[dict[str, Any]] = self.call(
            "GET", f"dags/{dag}/dagRuns", params={"order_by": "-run_after", "limit": 50}
        )["dag_runs"]
        return found

    def state(self, dag: str, run_id: str) -> str:
        return str(self.call("GET", f"dags/{dag}/dagRuns/{quote(run_id)}")["state"])

    def tasks(self, dag: str, run_id: str) -> list[dict[str, Any]]:
        path = f"dags/{dag}/dagRuns/{quote(run_id)}/taskInstances"
        found: list[dict[str, Any]] = []
        while True:
            page = self.call("GET", path, params={"limit": 100, "offset": len(found)})
            found += page["task_instances"]
            if len(found) >= page["total_entries"]:
                return found

    def ran(self, dag: str, run_id: str) -> Ran:
        run = self.call("GET", f"dags/{dag}/dagRuns/{quote(run_id)}")
        tasks = tuple(self.tasks(dag, run_id))
        return Ran(dag, run_id, run["state"], run["run_type"], tasks, self._summary(dag, run_id))

    def _summary(self, dag: str, run_id: str) -> dict[str, Any]:
        path = f"api/v2/dags/{dag}/dagRuns/{quote(run_id)}/taskInstances/summary/xcomEntries"
        answer = self._http.get(f"{self.url}/{path}/return_value", timeout=60)
        value = answer.json()["value"] if answer.ok else {}
        found: dict[str, Any] = json.loads(value) if isinstance(value, str) else value or {}
        return found

    def finished(self, dag: str, run_id: str, seconds: float = 300) -> Ran:
        """The run once it is over."""
        until(lambda: self.state(dag, run_id) in ("success", "failed"), seconds, f"{dag} {run_id}")
        return self.ran(dag, run_id)

    def run(self, dag: str, **conf: Any) -> Ran:
        """Trigger it and wait for its end."""
        return self.finished(dag, self.trigger(dag, **conf))

    def until_task(self, dag: str, run_id: str, task: str, *states: str) -> dict[str, Any]:
        """The first instance of a task once it is in one of these states."""

        def there() -> dict[str, Any] | None:
            for found in self.tasks(dag, run_id):
                if found["task_id"] == task and found["state"] in states:
                    return found
            return None

        return until(there, 120, f"{task} of {dag} {states}")

    def log(self, dag: str, run_id: str, task: str, index: int = -1) -> str:
        """What the last try of a task wrote."""
        path = f"dags/{dag}/dagRuns/{quote(run_id)}/taskInstances/{task}"
        tries = self.call("GET", f"{path}/{index}" if index >= 0 else path)["try_number"]
        told = self.call(
            "GET",
            f"{path}/logs/{tries}",
            params={"map_index": index, "full_content": "true"},
            headers={"Accept": "application/json"},
        )
        lines = [str(line.get("event", "")) for line in told["content"]]
        raised = [e for line in told["content"] for e in line.get("error_detail") or ()]
        return "\n".join([*lines, *(f"{e['exc_type']}: {e['exc_value']}" for e in raised)])

    def pause(self, dag: str, *, paused: bool) -> None:
        self.call("PATCH", f"dags/{dag}", json={"is_paused": paused})


def until(there: Callable[[], T | None], seconds: float, what: str) -> T:
    """The first answer that is worth something."""
    end = time.monotonic() + seconds
    while True:
        if found := there():
            return found
        assert time.monotonic() < end, f"not after {seconds:.0f} s: {what}"
        time.sleep(0.5)


@dataclass(frozen=True, slots=True)
class Celery:
    """The stack with Airflow, and the pipelines that became its DAGs."""

    stack: Stack
    api: Api
    servers: Servers
    home: Path
    queue: Any
    """SQS's client, of a server in this process."""
    queue_url: str
    """What the pipeline `by_event` listens to."""

    @property
    def pipelines(self) -> Path:
        return self.home / "pipelines"

    def put(self, bucket: str, key: str, data: bytes | str) -> None:
        body = data.encode() if isinstance(data, str) else data
        self.servers.s3().put_object(Bucket=bucket, Key=key, Body=body)

    def delete(self, bucket: str, key: str) -> None:
        self.servers.s3().delete_object(Bucket=bucket, Key=key)

    def registry(self, namespace: str) -> dict[str, dict[str, Any]]:
        """The latest row of every file, as Trino tells it."""
        names = ("file_key", "status", "row_count", "error_message", "dag_run_id", "table_name")
        rows = self.servers.trino(
            f"SELECT {', '.join(names)} FROM {namespace}._ingest_registry ORDER BY ingested_at"
        )
        return {row[0]: dict(zip(names, row, strict=True)) for row in rows}

    def counts(self, namespace: str, table: str) -> dict[str, int]:
        """Rows of each file in a table."""
        rows = self.servers.trino(
            f'SELECT _source_file, count(*) FROM {namespace}."{table}" GROUP BY 1'
        )
        return {key: int(number) for key, number in rows}

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """``lakefall`` on this machine, beside Airflow."""
        return subprocess.run(
            [sys.executable, "-m", "lakefall", *arguments],
            env={**os.environ, **self.servers.env, "LAKEFALL_CACHE": str(self.home / "cache")},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    @contextmanager
    def holding(self, event: str, table: str = "") -> Iterator[Callable[[], None]]:
        """Let pipelines with the plugin `pause` stand still at an event; the call waits for it.

        ``table``: of this table only.
        """
        hold, reached = self.pipelines / f"hold-{event}", self.pipelines / f"reached-{event}"
        reached.unlink(missing_ok=True)
        written = self.pipelines / "hold-new"
        written.write_text(table)
        written.rename(hold)

        def wait() -> None:
            until(reached.exists, 120, event)

        try:
            yield wait
        finally:
            hold.unlink(missing_ok=True)

    def recover(self) -> None:
        """Start what is down."""
        for status in self.stack.status():
            if not status.running:
                self.stack.start(status.name)


@contextmanager
def running(stack: Stack, home: Path) -> Iterator[Celery]:
    """Airflow on a stack, with every DAG that these tests need."""
    for name in ("dags", "pipelines"):
        (home / name).mkdir(parents=True)
    for path in (*(ROOT / "airflow" / "dags").glob("*.py"), *(HERE / "dags").glob("*.py")):
        shutil.copy(path, home / "dags")
    (home / "pipelines" / "pause.py").write_text(PAUSE)
    servers = Servers(stack.env())
    sqs = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    sqs.start()
    queue, queue_url = _queue(*sqs.get_host_and_port())
    pipelines = _pipelines(queue_url)
    for name, text in pipelines.items():
        (home / "pipelines" / f"{name}.yaml").write_text(text)
        if name != "csv_auto_ingest":
            servers.s3().create_bucket(Bucket=bucket_of(name))
    variables = {
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
        # How soon a killed worker is missed.
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "25",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
        "LAKEFALL_PIPELINES": str(home / "pipelines"),
        "AIRFLOW_CONN_QUEUE": json.dumps(
            {
                "conn_type": "aws",
                "login": "any",
                "password": "any",
                "extra": {"region_name": REGION, "endpoint_url": queue.meta.endpoint_url},
            }
        ),
    }
    stack.up(airflow=Deployment(CELERY, WORKERS, variables))
    api = Api(stack.env()["AIRFLOW_URL"])
    names = {*pipelines, "csv_to_iceberg_pipeline"}
    until(lambda: names <= {d["dag_id"] for d in api.call("GET", "dags")["dags"]}, 120, "every DAG")
    # Every minute: only while a test looks at it.
    api.pause("csv_auto_ingest", paused=True)
    try:
        yield Celery(stack, api, servers, home, queue, queue_url)
    finally:
        sqs.stop()


def bucket_of(name: str) -> str:
    return name.replace("_", "-")


def _queue(host: str, port: int) -> tuple[Any, str]:
    import boto3

    client = boto3.client(
        "sqs",
        region_name=REGION,
        endpoint_url=f"http://{host}:{port}",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
    return client, client.create_queue(QueueName="files")["QueueUrl"]


def _pipelines(queue_url: str) -> dict[str, str]:
    shipped = {
        sink: yaml.safe_load((ROOT / "pipelines" / file).read_text())
        for sink, file in (
            ("iceberg", "csv_auto_ingest.yaml"),
            ("trino", "csv_auto_ingest_trino.yaml"),
        )
    }
    # The shipped file but for the minutes it lets pass.
    every_minute = {"schedule": {"cron": "* * * * *", "retry_delay": "1s"}}
    pause = {"use": "pause"}
    return {
        "csv_auto_ingest": _text(shipped["iceberg"], every_minute),
        "by_trino": _own(
            shipped["trino"],
            "by_trino",
            schedule={**BY_HAND, "granularity": "step"},
            plugins=["pause.py"],
            catalog_registrar=[pause],
        ),
        "fragile": _own(
            shipped["iceberg"],
            "fragile",
            schedule={**BY_HAND, "granularity": "step"},
            plugins=["pause.py"],
            catalog_registrar=[*shipped["iceberg"]["catalog_registrar"], pause],
        ),
        "by_event": _own(
            shipped["iceberg"],
            "by_event",
            schedule={
                **BY_HAND,
                "granularity": "table",
                "events": {"use": "sqs", "queue_url": queue_url, "conn_id": "queue"},
            },
            catalog_registrar=[],
        ),
        "many": _own(
            shipped["iceberg"],
            "many",
            schedule={**BY_HAND, "granularity": "file"},
            catalog_registrar=[],
        ),
    }


def _own(base: Mapping[str, Any], name: str, **sections: Any) -> str:
    """A pipeline with a bucket and a namespace of its own."""
    own = {"name": name, "source": {"bucket": bucket_of(name)}, "sink": {"namespace": name}}
    return _text(base, own, sections)


def _text(base: Mapping[str, Any], *over: Mapping[str, Any]) -> str:
    document = dict(base)
    for each in over:
        document = merged(document, each)
    return yaml.safe_dump(document, sort_keys=False)
