"""The client on a real Trino: what goes wrong is told apart, what is interrupted is cancelled."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakefall.contract.errors import CatalogUnreachableError
from lakefall_plugins.trino_client import client as clients
from lakefall_plugins.trino_client.client import Client
from lakefall_plugins.trino_client.connection import TrinoConnection
from lakefall_plugins.trino_client.errors import (
    TrinoCatalogError,
    TrinoLostError,
    TrinoQueryError,
    TrinoRefusedError,
    TrinoStartingError,
    TrinoTlsError,
    TrinoUnreachableError,
)
from lakefall_plugins.trino_client.sql import identifier, literal

from .servers import Servers
from .trino_support import House, source

SLOW = (
    "SELECT count(*) FROM UNNEST(sequence(1, 10000)) a(x) "
    "CROSS JOIN UNNEST(sequence(1, 10000)) b(y) CROSS JOIN UNNEST(sequence(1, 9999)) c(z)"
)
CHARACTERS = st.sampled_from("'\"\\;-/*\n\r\0") | st.characters(exclude_categories=["Cs"])
TEXTS = st.text(CHARACTERS, min_size=1, max_size=30)


@pytest.fixture
def url(servers: Servers) -> str:
    return servers.env["TRINO_URL"]


def connect(url: str, **options: object) -> Client:
    return Client(TrinoConnection.model_validate({"url": url, **options}))


def state_of(servers: Servers, mark: str) -> tuple[str, str]:
    """State and error of the one statement that holds a mark."""
    rows = servers.trino(
        "SELECT state, error_code FROM system.runtime.queries "
        f"WHERE query LIKE '%{mark}%' AND query NOT LIKE '%runtime.queries%'"
    )
    return (str(rows[0][0]), str(rows[0][1])) if rows else ("", "")


def wait_for(servers: Servers, mark: str, *states: str) -> tuple[str, str]:
    end = time.monotonic() + 30
    while (found := state_of(servers, mark))[0] not in states:
        assert time.monotonic() < end, found
        time.sleep(0.2)
    return found


def test_any_text_comes_back(url: str) -> None:
    client = connect(url)

    @settings(max_examples=15, deadline=None)
    @given(st.lists(TEXTS, min_size=1, max_size=30))
    def there_and_back(texts: list[str]) -> None:
        listed = ", ".join(map(literal, texts))
        names = [f"{t} {i}" for i, t in enumerate(texts)]
        row = ", ".join(
            f"{literal(t)} AS {identifier(n)}" for t, n in zip(texts, names, strict=True)
        )
        answer = client.execute(f"SELECT ARRAY[{listed}] AS l, {row}")
        assert answer.rows[0][0] == texts
        assert list(answer.rows[0][1:]) == texts
        assert [name for name, _ in answer.columns[1:]] == names

    there_and_back()


def test_nobody_answers() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    began = time.monotonic()
    for ask in (lambda c: c.execute("SELECT 1"), lambda c: c.version()):
        with pytest.raises(TrinoUnreachableError, match="refused") as raised:
            ask(connect(f"http://127.0.0.1:{port}"))
        assert raised.value.retryable
        assert isinstance(raised.value, CatalogUnreachableError)
    assert time.monotonic() - began < 10


def test_a_server_that_hangs_is_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hanging = connect(f"http://127.0.0.1:{silent.getsockname()[1]}", request_timeout="300ms")
        began = time.monotonic()
        with pytest.raises(TrinoUnreachableError, match="in time"):
            hanging.execute("SELECT 1")
        assert time.monotonic() - began < 5


@pytest.fixture
def answering() -> Iterator[tuple[str, list[bytes]]]:
    """A server that gives every request the answers of a list, one after the other."""
    answers: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65_536)
                connection.sendall(answers[0] if len(answers) == 1 else answers.pop(0))

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}", answers
    listener.close()


def answer(status: str, body: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        ("401 Unauthorized", "", TrinoRefusedError, "credentials"),
        ("403 Forbidden", "", TrinoRefusedError, "credentials"),
        ("503 Service Unavailable", "", TrinoStartingError, "starting"),
        ("502 Bad Gateway", "", TrinoUnreachableError, "502"),
        ("404 Not Found", "", TrinoUnreachableError, "not as Trino does"),
        ("200 OK", "<html>hello</html>", TrinoUnreachableError, "not as Trino does"),
    ],
)
def test_answers_that_are_no_answer(
    answering: tuple[str, list[bytes]], status: str, body: str, kind: type[Exception], words: str
) -> None:
    address, answers = answering
    answers.append(answer(status, body))
    with pytest.raises(kind, match=words) as raised:
        connect(address).execute("SELECT 1")
    assert type(raised.value) is kind


def test_a_server_that_is_starting(answering: tuple[str, list[bytes]]) -> None:
    address, answers = answering
    answers.append(answer("200 OK", '{"nodeVersion": {"version": "476"}, "starting": true}'))
    with pytest.raises(TrinoStartingError):
        connect(address).version()


def test_faults_of_the_statement_and_of_the_catalog(url: str) -> None:
    with pytest.raises(TrinoQueryError, match="_NOT_FOUND") as raised:
        connect(url).execute("SELECT * FROM lakehouse.no_such_table_here")
    assert not raised.value.retryable
    with pytest.raises(TrinoCatalogError, match="nowhere"):
        connect(url, catalog="nowhere").execute("SHOW SCHEMAS")
    with pytest.raises(TrinoTlsError, match="verify"):
        connect(url.replace("http:", "https:")).version()
    with pytest.raises(TrinoQueryError, match="time limit") as slow:
        connect(url, statement_timeout="1s").execute(SLOW)
    assert slow.value.retryable
    assert int(connect(url).version()) > 400


def test_ctrl_c_cancels_the_statement(servers: Servers, url: str) -> None:
    mark = f"interrupted {time.time_ns()}"
    code = (
        "import sys\n"
        "from lakefall_plugins.trino_client.client import Client\n"
        "from lakefall_plugins.trino_client.connection import TrinoConnection\n"
        "Client(TrinoConnection(url=sys.argv[1])).execute(sys.argv[2])\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, url, f"{SLOW} -- {mark}"],
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    wait_for(servers, mark, "RUNNING")
    process.send_signal(signal.SIGINT)
    assert process.wait(20) != 0
    assert wait_for(servers, mark, "FAILED", "FINISHED") == ("FAILED", "USER_CANCELED")


class Cut:
    """A way to Trino that breaks off for good (or for a while) once an answer matches."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.target = (parts.hostname or "", parts.port or 80)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.cut_at = b""
        """Requests that hold this are passed on; nothing comes back from then on."""
        self.cut = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if self.cut:
                near.close()
                continue
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        far = socket.create_connection(self.target)
        threading.Thread(target=self._back, args=(far, near), daemon=True).start()
        armed = False
        while data := self._read(near):
            # One request a connection here: the client's addresses lead past this way otherwise.
            far.sendall(data)
            armed = armed or bool(self.cut_at and self.cut_at in data)
        far.close()

    def _back(self, far: socket.socket, near: socket.socket) -> None:
        while data := self._read(far):
            if self.cut:
                break
            with_own = data.replace(b"%d" % self.target[1], b"%d" % self.port)
            try:
                near.sendall(with_own if len(with_own) == len(data) else data)
            except OSError:
                break
        near.close()

    @staticmethod
    def _read(end: socket.socket) -> bytes:
        try:
            return end.recv(65_536)
        except OSError:
            return b""

    def close(self) -> None:
        self.listener.close()


def test_a_lost_server_leaves_the_outcome_open(
    servers: Servers, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection breaks while the statement runs; nobody can say whether it was done."""
    monkeypatch.setattr(clients, "_CANCEL_SECONDS", 0.5)
    mark = f"lost {time.time_ns()}"
    way = Cut(url)

    def cut() -> None:
        wait_for(servers, mark, "RUNNING")
        way.cut = True

    thread = threading.Thread(target=cut)
    thread.start()
    try:
        with pytest.raises((TrinoLostError, TrinoUnreachableError)) as raised:
            Client(TrinoConnection(url=way.url, request_timeout=2)).execute(f"{SLOW} -- {mark}")
        assert isinstance(raised.value, TrinoLostError), raised.value
    finally:
        thread.join()
        way.close()
        for (query_id,) in servers.trino(
            f"SELECT query_id FROM system.runtime.queries WHERE query LIKE '%{mark}%' "
            "AND state = 'RUNNING' AND query NOT LIKE '%runtime.queries%'"
        ):
            servers.trino(f"CALL system.runtime.kill_query(query_id => '{query_id}')")


def test_a_merge_whose_answer_was_lost_is_found_and_not_repeated(
    servers: Servers, url: str, namespace: str, tmp_path: Path
) -> None:
    house = House(tmp_path, {"url": url, "namespace": namespace})
    house.load(source("orders/a.csv"), [("id", "INTEGER")], "SELECT 1")
    client, sent = house.sink.lake.client, []
    execute = client.execute

    def losing(text: str) -> object:
        found = execute(text)
        if text.startswith("MERGE"):
            sent.append(text)
            raise TrinoLostError("the connection broke", found.query_id)
        return found

    client.execute = losing  # type: ignore[method-assign,assignment]
    outcome = house.load(source("orders/a.csv", "e2", minute=1), [("id", "INTEGER")], "SELECT 2")
    assert len(sent) == 1
    assert (outcome.rows_deleted, outcome.rows_loaded) == (1, 1)
    assert house.ask("SELECT id FROM orders") == [(2,)]


def test_a_merge_that_was_never_done_is_tried_again(
    servers: Servers, url: str, namespace: str, tmp_path: Path
) -> None:
    house = House(tmp_path, {"url": url, "namespace": namespace})
    house.load(source("orders/a.csv"), [("id", "INTEGER")], "SELECT 1")
    client, sent = house.sink.lake.client, []
    execute = client.execute

    def losing(text: str) -> object:
        if text.startswith("MERGE"):
            sent.append(text)
            if len(sent) == 1:
                raise TrinoLostError("the connection broke", "20200101_000000_00000_never")
        return execute(text)

    client.execute = losing  # type: ignore[method-assign,assignment]
    house.load(source("orders/a.csv", "e2", minute=1), [("id", "INTEGER")], "SELECT 2")
    assert len(sent) == 2
    assert house.ask("SELECT id FROM orders") == [(2,)]
