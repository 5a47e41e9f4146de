"""The stack's machinery: processes, settings, downloads, the commands. No server is needed."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from stack import Stack, StackError
from stack.airflow import AirflowServer, given
from stack.errors import MissingProgramError
from stack.home import Home
from stack.postgres import unlock
from stack.processes import Command, Identity, Process, wait_until
from stack.server import Server, Site
from stack.settings import CELERY, LOCAL, PORTS, Deployment, Settings
from stack.stack import NAMES, SERVERS
from stack.versions import AIRFLOW, POM, SUPERSET, TOOLS, locked, maven

ROOT = Path(__file__).parents[2]
EXPORTED = (
    "S3_ENDPOINT_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_REGION",
    "S3_INGEST_BUCKET",
    "ICEBERG_REST_URI",
    "TRINO_URL",
    "SUPERSET_URL",
    "SUPERSET_USERNAME",
    "SUPERSET_PASSWORD",
)


def quiet(_text: str) -> None:
    pass


def process(folder: Path) -> Process:
    return Process("it", folder / "it.pid", folder / "logs" / "it.log")


def python(folder: Path, code: str) -> Command:
    return Command([sys.executable, "-c", code], folder)


def settle(stack: Stack) -> Settings:
    """Settings as the first start writes them."""
    stack.folder.mkdir(parents=True, exist_ok=True)
    settings = Settings.fresh(port for server in SERVERS for port in server.ports)
    settings.write(stack.folder / "settings.json")
    return settings


# Processes


def test_a_process_is_found_again_and_stopped(tmp_path: Path) -> None:
    process(tmp_path).start(python(tmp_path, "import time; time.sleep(60)"))
    found = process(tmp_path).identity
    assert found is not None
    process(tmp_path).stop(signal.SIGTERM, 5)
    assert not found.alive
    assert process(tmp_path).identity is None
    process(tmp_path).stop(signal.SIGTERM, 5)  # again: nothing to do


def test_only_the_lock_of_a_dead_server_is_removed(tmp_path: Path) -> None:
    lock = tmp_path / "postmaster.pid"
    unlock(tmp_path)
    lock.write_text(f"{os.getpid()}\n/data\n")
    unlock(tmp_path)
    assert lock.exists()
    corpse = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, corpse.pid, os.WEXITED | os.WNOWAIT)
    os.kill(corpse.pid, 0)  # it answers still
    lock.write_text(f"{corpse.pid}\n/data\n")
    unlock(tmp_path)
    assert not lock.exists()
    corpse.wait()


def test_a_pid_that_another_process_has_now_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        told = {"pid": other.pid, "started": "at another time"}
        (tmp_path / "it.pid").write_text(json.dumps(told), "utf-8")
        assert process(tmp_path).identity is None
        process(tmp_path).stop(signal.SIGKILL, 1)
        assert other.poll() is None
        other.kill()


def test_a_corpse_is_no_process(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as other:
        wait_until(lambda: Identity.of(other.pid) is None, 5, broken=lambda: None)


@pytest.mark.parametrize("parent", ["SIG_IGN", "SIG_DFL"])
@pytest.mark.parametrize("group", ["pass", "os.setpgid(0, 0)"])
def test_what_ignores_the_signal_is_killed_with_its_children(
    tmp_path: Path, parent: str, group: str
) -> None:
    code = (
        "import os, pathlib, signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = os.fork()\n"
        f"if not child: {group}\n"
        f"if child: signal.signal(signal.SIGTERM, signal.{parent})\n"
        "if child: pathlib.Path('child').write_text(str(child))\n"
        "time.sleep(60)"
    )
    process(tmp_path).start(python(tmp_path, code))
    told = tmp_path / "child"
    wait_until(lambda: told.exists() and bool(told.read_text()), 5, broken=lambda: None)
    child = Identity.of(int(told.read_text()))
    assert child is not None
    process(tmp_path).stop(signal.SIGTERM, 0.2)
    assert process(tmp_path).identity is None
    wait_until(lambda: not child.alive, 5, broken=lambda: None)


def test_the_log_of_the_run_before_is_kept(tmp_path: Path) -> None:
    for text in ("first", "second"):
        it = process(tmp_path)
        it.start(python(tmp_path, f"print({text!r}, flush=True); import time; time.sleep(60)"))
        wait_until(lambda it=it, text=text: text in it.tail(), 5, broken=lambda: None)
        it.stop(signal.SIGTERM, 5)
    logs = tmp_path / "logs"
    assert (logs / "it.log").read_text() == "second\n"
    assert (logs / "it.log.old").read_text() == "first\n"


class Fake(Server):
    """A server whose behaviour is a line of Python."""

    name = "fake"
    ports = ("s3",)
    code = ""

    def install(self) -> None:
        pass

    def command(self) -> Command:
        return python(self.folder, self.code)

    def ready(self) -> bool:
        return False


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "seconds", "why"),
    [
        ("print('bad port'); raise SystemExit(3)", 60, "it ended"),
        ("print('bad port', flush=True); import time; time.sleep(60)", 3, "not ready after 3 s"),
    ],
    ids=["ends", "hangs"],
)
def test_a_server_that_does_not_get_ready(
    tmp_path: Path, code: str, seconds: float, why: str
) -> None:
    fake = Fake(Site(tmp_path, Home(tmp_path, quiet), Settings.fresh(["s3"])))
    fake.code, fake.ready_seconds = code, seconds  # type: ignore[misc]
    with pytest.raises(StackError, match=rf"fake: {why}\nthe end of .*fake.log:\n +bad port"):
        fake.start()
    assert fake.process.identity is None


# Settings


def test_ports_and_secrets_are_random_and_secret(tmp_path: Path) -> None:
    one, two = settle(Stack(tmp_path / "a")), settle(Stack(tmp_path / "b"))
    assert len(set(one.ports.values())) == len(one.ports)
    assert set(one.ports.values()) <= set(PORTS)
    assert not set(one.secrets.values()) & set(two.secrets.values())
    assert (tmp_path / "a" / "settings.json").stat().st_mode & 0o777 == 0o600
    assert Settings.read(tmp_path / "a" / "settings.json") == one


def test_a_port_that_was_taken_meanwhile_is_changed(tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    before = settle(stack)
    with socket.socket() as other:
        other.bind(("127.0.0.1", before.ports["trino"]))
        other.listen()
        stack._settle(None)
    after = Settings.read(tmp_path / "settings.json")
    assert after is not None
    assert after.ports["trino"] != before.ports["trino"]
    changed = {"trino": after.ports["trino"]}
    assert after == replace(before, ports={**before.ports, **changed})


def test_what_an_older_stack_lacks_is_added_and_the_rest_stays(tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    before = settle(stack)
    some = {name: text for name, text in before.secrets.items() if name.startswith("s3")}
    replace(before, secrets=some).write(tmp_path / "settings.json")
    stack._settle(Deployment(CELERY, 1))
    after = Settings.read(tmp_path / "settings.json")
    assert after is not None
    assert {name: after.ports[name] for name in before.ports} == before.ports
    assert set(after.ports) - set(before.ports) == {"redis", "airflow"}
    assert {name: after.secrets[name] for name in some} == some
    assert set(after.secrets) == set(before.secrets)
    assert after.airflow == Deployment(CELERY, 1)


def test_settings_that_are_none_of_ours(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text("[]", "utf-8")
    with pytest.raises(StackError, match=r"settings.json cannot be read .*; remove its folder"):
        Stack(tmp_path).env()


# Airflow

CORE = ("airflow", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer")


@pytest.mark.parametrize(
    ("deployment", "more"),
    [
        (Deployment(LOCAL), CORE),
        (Deployment(CELERY, 2), ("redis", *CORE, "airflow-worker-1", "airflow-worker-2")),
    ],
    ids=[LOCAL, CELERY],
)
def test_airflow_belongs_to_the_stack_once_it_was_asked_for(
    tmp_path: Path, deployment: Deployment, more: tuple[str, ...]
) -> None:
    stack = Stack(tmp_path)
    stack._settle(None)
    assert "AIRFLOW_URL" not in stack.env()
    stack._settle(deployment)
    assert stack.names == (*NAMES, *more)
    assert [each.name for each in stack.status()] == [*NAMES, *more]
    assert stack.env()["AIRFLOW_URL"].startswith("http://127.0.0.1:")
    stack._settle(None)
    assert stack.names == (*NAMES, *more)


def test_every_airflow_process_knows_the_servers_and_has_a_cache_of_its_own(
    tmp_path: Path,
) -> None:
    stack = Stack(tmp_path)
    mine = given({"AIRFLOW__CORE__PARALLELISM": "3", "AIRFLOW_HOME": "/x", "HOME": "/y"})
    stack._settle(Deployment(CELERY, 2, mine))
    servers = [stack._server(name) for name in stack.names if name.startswith("airflow")]
    environs = [server.environment() for server in servers if isinstance(server, AirflowServer)]
    assert len({environ["LAKEFALL_CACHE"] for environ in environs}) == len(environs) == 6
    for environ in environs:
        assert {name: environ[name] for name in EXPORTED} == {
            name: text for name, text in stack.env().items() if name != "AIRFLOW_URL"
        }
        assert environ["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
        assert environ["AIRFLOW__CORE__PARALLELISM"] == "3"
        assert int(environ["AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT"]) <= 110
        assert environ["AIRFLOW_HOME"] == str(tmp_path / "airflow")


def test_another_arrangement_is_refused_while_the_first_runs(tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    stack._settle(Deployment(CELERY, 2))
    worker = stack._server("airflow-worker-2").process
    worker.start(python(tmp_path, "import time; time.sleep(60)"))
    try:
        with pytest.raises(StackError, match=r"airflow-worker-2 runs.*make stack-down"):
            stack._settle(Deployment(CELERY, 1))
        assert "airflow-worker-2" in stack.names
    finally:
        worker.stop(signal.SIGKILL, 5)
    stack._settle(Deployment(CELERY, 1))
    assert "airflow-worker-2" not in stack.names


# Downloads


def test_prepared_once_by_many(tmp_path: Path) -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        time.sleep(0.1)
        made.append(folder)
        (folder / "it").touch()

    def prepare() -> None:
        assert (Home(tmp_path, quiet).once("tool", "a tool", make) / "it").exists()

    threads = [threading.Thread(target=prepare) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [tmp_path / "tool"]


def test_what_was_interrupted_is_prepared_again(tmp_path: Path) -> None:
    def fails(folder: Path) -> None:
        (folder / "half").touch()
        raise StackError("no network")

    home = Home(tmp_path, quiet)
    with pytest.raises(StackError, match="no network"):
        home.once("tool", "a tool", fails)
    folder = home.once("tool", "a tool", lambda folder: (folder / "whole").touch())
    assert not (folder / "half").exists()
    assert (folder / "whole").exists()


def test_a_missing_program_names_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingProgramError, match=r"no mvn found.*`stack/bootstrap` installs it"):
        Home(tmp_path, quiet).maven("rest", tmp_path)


@pytest.mark.parametrize(
    "lock", [TOOLS, SUPERSET, AIRFLOW, ROOT / "requirements.lock"], ids=lambda path: path.name
)
def test_locks_pin_everything_and_name_no_index(lock: Path) -> None:
    text = lock.read_text("utf-8")
    assert "://" not in text
    assert "--index" not in text
    packages = re.split(r"\n(?! )", text.strip())
    assert [package for package in packages if "--hash=sha256:" not in package] == []
    assert all(re.match(r"[a-z0-9._-]+==\S+", package) for package in packages)


def test_versions_have_one_place() -> None:
    assert maven("trino") == "476"
    assert locked(SUPERSET, "apache-superset") == "6.1.0"
    with pytest.raises(KeyError, match=r"no property nothing.version"):
        maven("nothing")
    assert "repository" not in POM.read_text("utf-8")


# Commands


def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    outside = {name: value for name, value in os.environ.items() if name != "CI"}
    return subprocess.run(
        [sys.executable, "-m", "stack", *arguments],
        cwd=ROOT,
        env={**outside, **env},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_env_exports_what_pipelines_read(tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    settings = settle(stack)
    stack_env = run("env", LAKEFALL_STACK=str(tmp_path))
    assert stack_env.returncode == 0
    assert all(line.startswith("export ") for line in stack_env.stdout.splitlines())
    shell = subprocess.run(
        ["sh", "-c", f"{stack_env.stdout}\nenv"],
        check=False,
        env={},
        capture_output=True,
        text=True,
    )
    seen = dict(line.split("=", 1) for line in shell.stdout.splitlines())
    exported = {name: seen[name] for name in EXPORTED}
    assert exported == stack.env()
    assert set(seen) - set(EXPORTED) <= {"PWD", "SHLVL", "_", "OLDPWD"}
    assert exported["TRINO_URL"] == f"http://127.0.0.1:{settings.ports['trino']}"


def test_status_tells_which_server_is_down(tmp_path: Path) -> None:
    settle(Stack(tmp_path))
    told = run("status", LAKEFALL_STACK=str(tmp_path))
    assert told.returncode == 1
    rows = [line.split() for line in told.stdout.splitlines()]
    assert [row[:2] for row in rows] == [
        ["server", "state"],
        *([server.name, "down"] for server in SERVERS),
    ]


@pytest.mark.parametrize("command", ["status", "env"])
def test_without_a_stack(tmp_path: Path, command: str) -> None:
    told = run(command, LAKEFALL_STACK=str(tmp_path))
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr == f"no stack in {tmp_path}; `make stack-up` starts one\n"


def test_down_without_a_stack_is_no_error(tmp_path: Path) -> None:
    assert run("down", LAKEFALL_STACK=str(tmp_path)).returncode == 0


def test_run_without_servers_is_loud_and_goes_on(tmp_path: Path) -> None:
    nowhere = {"LAKEFALL_STACK_HOME": "/dev/null/nowhere", "TMPDIR": str(tmp_path)}
    exits = [sys.executable, "-c", "print('ran'); raise SystemExit(7)"]
    told = run("run", "--", *exits, **nowhere)
    assert (told.returncode, told.stdout) == (7, "ran\n")
    assert "no folder for downloads" in told.stderr
    loud = [line for line in told.stderr.splitlines() if line.startswith("*** NO SERVERS")]
    assert len(loud) == 1
    assert "stack/bootstrap" in loud[0]
    assert list(tmp_path.iterdir()) == []


def test_run_without_servers_fails_in_ci(tmp_path: Path) -> None:
    nowhere = {"LAKEFALL_STACK_HOME": "/dev/null/nowhere", "TMPDIR": str(tmp_path)}
    told = run("run", "--", sys.executable, "-c", "print('ran')", **nowhere, CI="true")
    assert (told.returncode, told.stdout) == (1, "")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_server(tmp_path: Path) -> None:
    told = run("up", "hive", LAKEFALL_STACK=str(tmp_path))
    assert told.returncode == 1
    assert "no server 'hive'; there are seaweedfs, postgres, rest, trino, superset" in told.stderr
