"""A server between client and store that shows faults which the real one cannot be made to show."""

from __future__ import annotations

import http.client
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

ERROR = "<?xml version='1.0'?><Error><Code>{code}</Code><Message>told so</Message></Error>"


@dataclass
class Faulty:
    """Passes requests on, but for those that ``fault`` takes."""

    target: str
    fault: Callable[[str, str], Fault | None] = lambda method, path: None
    """Method and path -> what happens instead; asked for every request."""
    seen: list[str] = field(default_factory=list)
    """``METHOD path`` of every request."""
    url: str = ""
    stalled: threading.Event = field(default_factory=threading.Event)
    """Set when an answer stopped halfway."""
    go_on: threading.Event = field(default_factory=threading.Event)
    """Set it to let such answers end."""


@dataclass(frozen=True)
class Fault:
    """An answer that the store did not give, or its own one cut short."""

    status: int = 0
    code: str = ""
    cut_after: int = -1
    """Bytes of the true answer's body after which the connection breaks."""
    headers: tuple[tuple[str, str], ...] = ()
    stall_after: int = -1
    """Bytes of the true answer's body after which nothing more comes until ``go_on``."""
    lost: bool = False
    """The store does what it is asked, and the connection breaks without an answer."""
    reset_after: int = -1
    """Bytes of the request's body after which the connection breaks; the store hears nothing."""
    body: str = ""
    """Of an answer that the store did not give, in place of the usual one."""


class Server(ThreadingHTTPServer):
    """Says nothing of clients that are gone: they may have been killed."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def faulty(target: str) -> Iterator[Faulty]:
    """A proxy on a free port. The client must sign for the store's own host name."""
    proxy = Faulty(target)
    server = Server(("127.0.0.1", 0), _handler(proxy))
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(proxy: Faulty) -> type[BaseHTTPRequestHandler]:
    parts = urlsplit(proxy.target)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

        def _answer(self) -> None:
            proxy.seen.append(f"{self.command} {self.path}")
            fault = proxy.fault(self.command, self.path)
            if fault is not None and fault.reset_after >= 0:
                self.rfile.read(
                    min(fault.reset_after, int(self.headers.get("Content-Length") or 0))
                )
                self.close_connection = True
                return
            sent = self._body()
            if fault is not None and fault.status:
                self._refuse(fault)
                return
            # Host is passed on as signed: the store checks the signature against it.
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
            connection.putrequest(
                self.command, self.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in self.headers.items():
                if name.lower() not in ("expect", "transfer-encoding", "connection"):
                    connection.putheader(name, value)
            if sent and "Content-Length" not in self.headers:
                connection.putheader("Content-Length", str(len(sent)))
            connection.endheaders(sent or None)
            answer = connection.getresponse()
            body = answer.read()
            if fault is not None and fault.lost:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("connection", "transfer-encoding", "date", "server"):
                    self.send_header(name, value)
            if answer.getheader("Content-Length") is None:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "HEAD":
                return
            if fault is not None and fault.cut_after >= 0:
                self.wfile.write(body[: fault.cut_after])
                self.close_connection = True
                return
            if fault is not None and fault.stall_after >= 0:
                self._stall(body[: fault.stall_after])
                return
            self.wfile.write(body)

        def _body(self) -> bytes:
            if "chunked" not in self.headers.get("Transfer-Encoding", ""):
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            found = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                found += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return found

        def _stall(self, head: bytes) -> None:
            self.wfile.write(head)
            self.wfile.flush()
            proxy.stalled.set()
            proxy.go_on.wait(60)
            self.close_connection = True

        def _refuse(self, fault: Fault) -> None:
            told = ERROR.format(code=fault.code) if fault.status >= 300 else ""
            body = (fault.body or told).encode()
            self.send_response(fault.status)
            kind = "text/html" if fault.body else "application/xml"
            for name, value in (*fault.headers, ("Content-Type", kind)):
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815 -- the library's names

    return Handler


NOT_STORED = Fault(200, headers=(("ETag", '"0123456789abcdef0123456789abcdef"'),))
"""The answer to a PUT whose object the store does not keep."""


def times(number: int, fault: Fault, *, method: str = "GET", path: str = "") -> Any:
    """The same fault for the first ``number`` requests whose path holds ``path``."""
    left = [number]

    def judge(asked: str, where: str) -> Fault | None:
        if asked != method or path not in where or not left[0]:
            return None
        left[0] -= 1
        return fault

    return judge
