"""The notifier ``webhook``: an object store sends what happened by HTTP."""

from __future__ import annotations

import hmac
import socket
import threading
import time
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Gt, Le
from pydantic import ConfigDict, Field, SecretStr

from lakefall.contract.errors import LakefallError
from lakefall.contract.plugin import Options, Plugin, Stage, hookimpl
from lakefall.contract.units import Duration, Size
from lakefall_plugins.notifiers.events import MessageError, buckets_of, hints_of

if TYPE_CHECKING:
    from http.server import ThreadingHTTPServer

    from lakefall.contract.hints import Hints
    from lakefall.contract.run import Run

_AT_ONCE = 32
"""Requests that are read at one time; others wait to be accepted."""
_LOOK = 0.25


class ReceiverError(LakefallError):
    """The address cannot be listened on."""

    retryable = True


class WebhookOptions(Options):
    """Where it listens, and what it takes."""

    # A refused value may hold a secret.
    model_config = ConfigDict(hide_input_in_errors=True)

    port: int = Field(ge=1, le=65_535)
    """Port that it listens on."""
    token: SecretStr = Field(min_length=16)
    """What senders show: `Authorization: Bearer TOKEN`. At least 16 characters."""
    host: str = "127.0.0.1"
    """Address that it listens on. What comes from other machines is not encrypted: put a proxy
    with TLS before it."""
    max_body: Annotated[Size, Gt(0), Le(16_000_000)] = 256_000
    """A larger request is refused unread."""
    max_rate: int = Field(default=500, ge=1, le=100_000)
    """Requests in a second; more are refused (429). A sender that does not try again loses them;
    the listing finds what they told of."""
    timeout: Duration = Field(default=5.0, gt=0, le=300)
    """How long a sender may be silent."""


class Webhook(Plugin[WebhookOptions]):
    """Receives the events of S3, MinIO and SeaweedFS by HTTP.

    POST to any path. The answer says how many files are hinted at; what is sent while the watcher
    is down is found by the listing at its start. `{"keys": ["orders/a.csv"]}` is taken too.
    """

    name = "webhook"
    stage = Stage.NOTIFIER

    @hookimpl
    def notify(self, run: Run, hints: Hints) -> None:
        """Listen until the end.

        Raises:
            ReceiverError: the port is taken, or the address is not this machine's.
        """
        try:
            server = _server(self.options, run, hints)
        except OSError as error:
            where = f"{self.options.host}:{self.options.port}"
            raise ReceiverError(f"cannot listen on {where}: {error.strerror or error}") from error
        with server:
            thread = threading.Thread(target=server.serve_forever, args=(_LOOK,), daemon=True)
            thread.start()
            hints.begun()
            hints.stopped.wait()
            server.shutdown()


class _Rate:
    """At most so many in a second, by a bucket of tokens."""

    def __init__(self, rate: int) -> None:
        self._rate, self._left = rate, float(rate)
        self._at = time.monotonic()
        self._lock = threading.Lock()

    def admits(self) -> bool:
        with self._lock:
            now = time.monotonic()
            self._left = min(self._rate, self._left + (now - self._at) * self._rate)
            self._at = now
            if self._left < 1:
                return False
            self._left -= 1
            return True


def _server(options: WebhookOptions, run: Run, hints: Hints) -> ThreadingHTTPServer:
    from http import HTTPStatus
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    expected = f"Bearer {options.token.get_secret_value()}".encode()
    rate, buckets = _Rate(options.max_rate), buckets_of(run.pipeline)
    free = threading.BoundedSemaphore(_AT_ONCE)

    class Receiver(BaseHTTPRequestHandler):
        timeout = options.timeout

        def do_POST(self) -> None:
            refusal = self._refusal()
            if refusal is not None:
                self._answer(refusal)
                return
            try:
                found = hints_of(self.rfile.read(self._length()), buckets)
            except MessageError as error:
                run.warn(f"a message was refused: {error}")
                self._answer(HTTPStatus.BAD_REQUEST)
            else:
                hints.tell(found)
                self._answer(HTTPStatus.OK, len(found))

        def _refusal(self) -> HTTPStatus | None:
            if not rate.admits():
                return HTTPStatus.TOO_MANY_REQUESTS
            shown = self.headers.get("Authorization", "").encode("latin-1", "replace")
            if not hmac.compare_digest(shown, expected):
                return HTTPStatus.UNAUTHORIZED
            if self._length() < 0:
                return HTTPStatus.LENGTH_REQUIRED
            if self._length() > options.max_body:
                return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            return None

        def _length(self) -> int:
            text = self.headers.get("Content-Length", "")
            return int(text) if text.isascii() and text.isdecimal() and len(text) < 15 else -1

        def _answer(self, status: HTTPStatus, told: int = 0) -> None:
            # An unread body would be taken for the next request.
            self.close_connection = True
            body = f'{{"hints": {told}}}\n'.encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """What strangers send is written nowhere."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128
        address_family = socket.AF_INET6 if ":" in options.host else socket.AF_INET

        def process_request(self, request: Any, client_address: Any) -> None:
            if free.acquire(timeout=options.timeout):
                super().process_request(request, client_address)
            else:
                self.shutdown_request(request)

        def process_request_thread(self, request: Any, client_address: Any) -> None:
            try:
                super().process_request_thread(request, client_address)
            finally:
                free.release()

        def handle_error(self, *_args: object) -> None:
            """A sender went away, or sent no HTTP."""

    return Server((options.host, options.port), Receiver)
