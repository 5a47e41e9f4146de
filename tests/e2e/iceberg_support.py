"""Pipelines from a folder into the REST catalog, and a proxy that loses answers."""

from __future__ import annotations

import http.client
import json
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from lakefall.cli.parameters import open_pipeline
from lakefall.plugin_loading.pipeline import Pipeline
from lakefall.run.report import RunReport
from lakefall.run.runner import Runner

from .servers import Servers

PASS, LOSE_REQUEST, LOSE_ANSWER, HANG = "pass", "lose request", "lose answer", "hang"
TWICE = "twice"
DONE_THEN = "done, then "
"""What the proxy does: pass on; break off before the server sees it; pass on and break off before
the client hears of it; never answer; deliver twice, which gives the second answer; pass on and
answer with the status behind it. A number is a status that the proxy answers itself."""


@dataclass
class Catalog:
    """A proxy in front of the catalog."""

    target: str
    url: str = ""
    judge: Callable[[str, str], str | int] = lambda method, path: PASS
    seen: list[str] = field(default_factory=list)
    """``METHOD path`` of every request."""

    def commits(self, table: str) -> int:
        return sum(s.startswith("POST") and s.endswith(f"/tables/{table}") for s in self.seen)

    def disturb(self, what: str | int, table: str, number: int = 1) -> None:
        """Do this to the next commits to a table."""
        left = [number]

        def judge(method: str, path: str) -> str | int:
            if method == "POST" and path.endswith(f"/tables/{table}") and left[0]:
                left[0] -= 1
                return what
            return PASS

        self.judge = judge


def json_of(value: object) -> bytes:
    return json.dumps(value).encode()


@contextmanager
def catalog_proxy(target: str) -> Iterator[Catalog]:
    proxy = Catalog(target)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(proxy))
    server.daemon_threads = True
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(proxy: Catalog) -> type[BaseHTTPRequestHandler]:
    parts = urlsplit(proxy.target)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

        def _answer(self) -> None:
            proxy.seen.append(f"{self.command} {self.path.partition('?')[0]}")
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            what = proxy.judge(self.command, self.path.partition("?")[0])
            if what == LOSE_REQUEST:
                self.close_connection = True
                return
            if what == HANG:
                threading.Event().wait(5)
                self.close_connection = True
                return
            if isinstance(what, int):
                self._send(what, {"Content-Type": "application/json"}, b"")
                return
            answer, content = self._ask(body)
            if what == TWICE:
                answer, content = self._ask(body)
            if what == LOSE_ANSWER:
                self.close_connection = True
                return
            if what.startswith(DONE_THEN):
                status = int(what.removeprefix(DONE_THEN))
                error = {"message": "so", "type": "Refused", "code": status}
                self._send(status, {"Content-Type": "application/json"}, json_of({"error": error}))
                return
            self._send(answer.status, dict(answer.getheaders()), content)

        def _ask(self, body: bytes) -> tuple[http.client.HTTPResponse, bytes]:
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
            headers = {k: v for k, v in self.headers.items() if k.lower() != "host"}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            return answer, content

        def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() in ("content-type", "content-encoding"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = do_DELETE = _answer  # noqa: N815 -- the library's names

    return Handler


@dataclass
class Lakehouse:
    """A folder that feeds tables on the REST catalog."""

    servers: Servers
    folder: Path
    namespace: str
    uri: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of the sink, over the usual ones."""
    catalog: Mapping[str, Any] = field(default_factory=dict)
    """Of the sink's catalog, over the usual ones."""

    @property
    def file(self) -> Path:
        """The pipeline file, written as the options are now."""
        self.inbox.mkdir(parents=True, exist_ok=True)
        document = {
            "version": 1,
            "name": "rest",
            "source": {"use": "folder", "path": str(self.inbox)},
            "sniffer": {"use": "csv"},
            "type_inferer": {"use": "threshold"},
            "validator": [],
            "sink": {
                "use": "iceberg",
                "namespace": self.namespace,
                "catalog": {
                    "type": "rest",
                    "uri": self.uri or self.servers.env["ICEBERG_REST_URI"],
                    "s3": {"endpoint_url": self.servers.env["S3_ENDPOINT_URL"]},
                    **self.catalog,
                },
                **self.options,
            },
            "cache": {"dir": str(self.folder / "cache")},
        }
        path = self.folder / "pipeline.yaml"
        # Whole or not at all: several processes read it.
        written = self.folder / f"{uuid.uuid4().hex}.new"
        written.write_text(yaml.safe_dump(document))
        written.replace(path)
        return path

    @property
    def inbox(self) -> Path:
        return self.folder / "inbox"

    def put(self, key: str, text: str) -> None:
        path = self.inbox / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def pipeline(self) -> Pipeline:
        return open_pipeline(self.file, [])

    def run(self, *keys: str) -> RunReport:
        return Runner(self.pipeline()).run(keys=keys)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with Runner(self.pipeline()).start() as run:
            found = run.pipeline.query(run, sql)
        return list(zip(*(c.to_pylist() for c in found.columns), strict=True))

    def table(self, name: str) -> Any:
        return self.servers.catalog().load_table((self.namespace, name))

    def data_files(self, name: str) -> list[str]:
        """Objects in the table's data folder, whether a snapshot names them or not."""
        bucket, _, key = self.table(name).location().removeprefix("s3://").partition("/")
        listed = self.servers.s3().list_objects_v2(Bucket=bucket, Prefix=f"{key}/data/")
        keys = [found["Key"] for found in listed.get("Contents", ())]
        return [key for key in keys if not key.endswith("/")]  # Arrow leaves marks of folders
