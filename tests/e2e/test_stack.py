"""The stack itself: what it makes, what survives, what is gone after it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack import Stack
from stack.seaweedfs import BUCKETS
from stack.stack import NAMES

from .servers import VARIABLES, Servers

ROOT = Path(__file__).parents[2]
FEW = ("seaweedfs", "rest")
RUNNING = ("seaweedfs", "postgres", "rest")  # in the order of their needs


@pytest.fixture
def own(servers: Servers, tmp_path: Path) -> Iterator[Stack]:
    """A second stack, beside the one that the tests talk to: without Trino and Superset."""
    stack = Stack(tmp_path / "own")
    try:
        yield stack
    finally:
        stack.remove()


def client(stack: Stack) -> Servers:
    return Servers(stack.env())


def pids(stack: Stack) -> dict[str, int | None]:
    return {each.name: each.pid for each in stack.status() if each.running}


def processes_of(folder: Path) -> list[str]:
    """Command lines that name the folder."""
    listed = subprocess.run(
        ["ps", "-eo", "args", "-ww"], capture_output=True, text=True, check=True
    )
    return [line for line in listed.stdout.splitlines() if str(folder) in line]


def test_what_the_stack_makes(servers: Servers) -> None:
    buckets = {bucket["Name"] for bucket in servers.s3().list_buckets()["Buckets"]}
    assert {"csv-uploads", "lakehouse", "lakehouse-warehouse"} == set(BUCKETS)
    assert set(BUCKETS) <= buckets
    [[rows]] = servers.trino("SELECT count(*) FROM iceberg.lakehouse.sales")
    assert rows == 6
    assert set(VARIABLES) == set(servers.env)


def test_superset_has_the_database(servers: Servers) -> None:
    import requests

    url, session = servers.env["SUPERSET_URL"], requests.Session()
    session.trust_env = False
    who = {"username": servers.env["SUPERSET_USERNAME"], "provider": "db"}
    login = session.post(
        f"{url}/api/v1/security/login",
        json={**who, "password": servers.env["SUPERSET_PASSWORD"]},
        timeout=60,
    )
    headers = {"Authorization": f"Bearer {login.json()['access_token']}"}
    listed = session.get(f"{url}/api/v1/database/", headers=headers, timeout=60).json()["result"]
    assert [each["backend"] for each in listed if each["database_name"] == "Trino Lakehouse"] == [
        "trino"
    ]


def test_data_survive_a_stop_and_a_crash(own: Stack) -> None:
    own.up(FEW)
    assert set(pids(own)) == set(RUNNING)
    addresses = own.env()
    client(own).s3().put_object(Bucket="csv-uploads", Key="t/a.csv", Body=b"a\n1\n")
    client(own).catalog().create_namespace(("kept",))
    own.down()
    assert pids(own) == {}
    own.up(FEW)
    for name in RUNNING:
        before = pids(own)
        own.stop(name, kill=True)
        assert name not in pids(own)
        own.start(name)
        after = pids(own)
        assert after.pop(name) != before.pop(name)
        assert after == before
    assert own.env() == addresses
    read = client(own).s3().get_object(Bucket="csv-uploads", Key="t/a.csv")["Body"].read()
    assert read == b"a\n1\n"
    assert ("kept",) in client(own).catalog().list_namespaces()


def test_up_twice_changes_nothing(own: Stack) -> None:
    own.up(["seaweedfs"])
    before = pids(own)
    own.up(["seaweedfs"])
    assert pids(own) == before


def test_the_commands(own: Stack) -> None:
    def told(*arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "stack", *arguments]
        env = {**os.environ, "LAKEFALL_STACK": str(own.folder)}
        run = subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, check=False)
        return run.returncode, run.stdout.decode()

    code, table = told("up", "seaweedfs")
    assert code == 0
    assert "seaweedfs  ready" in table
    assert told("status") == (1, table)  # the others are down
    assert told("down") == (0, "")
    assert pids(own) == {}
    assert told("remove") == (0, "")
    assert not own.folder.exists()


def test_no_server_listens_beyond_this_machine(own: Stack) -> None:
    own.up(FEW)
    sockets = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
    listening = [
        fields[1].split(":")
        for path in sockets
        if path.exists()
        for line in path.read_text().splitlines()[1:]
        if (fields := line.split())[3] == "0A"
    ]
    ports = set(own._site.settings.ports.values())
    ours = {(address, int(port, 16)) for address, port in listening if int(port, 16) in ports}
    assert len(ours) >= 8
    # 127.0.0.1, and the same as an IPv6 address.
    assert {address for address, _ in ours} <= {"0100007F", "0000000000000000FFFF00000100007F"}


def test_the_table_bucket_refuses_a_leading_underscore(own: Stack) -> None:
    from pyiceberg.catalog.rest import RestCatalog
    from pyiceberg.exceptions import BadRequestError
    from pyiceberg.schema import Schema

    own.up(["seaweedfs"])
    bucket = own.table_bucket()
    catalog = RestCatalog(
        "own",
        uri=bucket.uri,
        warehouse=bucket.warehouse,
        credential=bucket.credential,
        **{"oauth2-server-uri": bucket.oauth2_server_uri},
    )
    catalog.create_namespace("space")
    catalog.create_table("space.plain", Schema())
    with pytest.raises(BadRequestError, match="must start with a letter"):
        catalog.create_table("space._registry", Schema())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run_leaves_nothing_behind(servers: Servers, tmp_path: Path, number: int) -> None:
    ready = tmp_path / "ready"
    code = f"import pathlib, time; pathlib.Path({str(ready)!r}).touch(); time.sleep(120)"
    command = [sys.executable, "-m", "stack", "run", "--only", "seaweedfs", "--", sys.executable]
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with subprocess.Popen(
        [*command, "-c", code], cwd=ROOT, env={**os.environ, "TMPDIR": str(temporary)}
    ) as running:
        end = time.monotonic() + 60
        while not ready.exists() and time.monotonic() < end and running.poll() is None:
            time.sleep(0.1)
        assert processes_of(temporary)
        running.send_signal(number)
        assert running.wait(60) == 130
    assert processes_of(temporary) == []
    assert list(temporary.iterdir()) == []


def test_run_gives_the_command_its_stack(servers: Servers, tmp_path: Path) -> None:
    code = (
        "import os; from stack import Stack; "
        "assert Stack().env()['S3_ENDPOINT_URL'] == os.environ['S3_ENDPOINT_URL']; "
        "raise SystemExit(5)"
    )
    command = [sys.executable, "-m", "stack", "run", "--only", "seaweedfs", "--", sys.executable]
    told = subprocess.run([*command, "-c", code], cwd=ROOT, timeout=90, check=False)
    assert told.returncode == 5


def test_names() -> None:
    assert NAMES == ("seaweedfs", "postgres", "rest", "trino", "superset")
