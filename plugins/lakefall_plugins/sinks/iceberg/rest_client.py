"""Requests to a REST catalog, bounded in time and number. Imported on first use."""

from __future__ import annotations

from typing import Any

from pyiceberg.catalog.rest import RestCatalog
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from lakefall_plugins.sinks.iceberg.pyiceberg_internals import RestHooks

_CONNECT_SECONDS = 10.0
_TRIES = 3
_CONNECTIONS = 16
_BUSY = (429, 502, 503, 504)


class Transport(HTTPAdapter):
    """Requests end: each part of an answer has to come within ``timeout`` seconds.

    What only asks (GET, HEAD) is tried again where the connection broke or the server was busy;
    anything else only where the connection could not be made at all, so that it was never sent.
    """

    def __init__(self, timeout: float, verify: bool | str) -> None:
        self.timeout = (min(timeout, _CONNECT_SECONDS), timeout)
        self.verify = verify
        super().__init__(pool_maxsize=_CONNECTIONS, max_retries=_retries())

    def send(self, request: PreparedRequest, **options: Any) -> Response:  # type: ignore[override]
        return super().send(request, **self.bounded(options))

    def bounded(self, options: dict[str, Any]) -> dict[str, Any]:
        """What a session asks for, with our timeout and our idea of certificates."""
        # The environment's certificates stand in ``verify`` where our options name none.
        verify = options.get("verify", True) if self.verify is True else self.verify
        return {**options, "timeout": options.get("timeout") or self.timeout, "verify": verify}


def _retries() -> Retry:
    return Retry(
        total=_TRIES,
        backoff_factor=0.2,
        backoff_jitter=0.1,
        status_forcelist=_BUSY,
        allowed_methods=frozenset({"GET", "HEAD"}),
        respect_retry_after_header=False,
        raise_on_status=False,
    )


class Client(RestHooks, RestCatalog):
    """A REST catalog."""

    def __init__(self, properties: dict[str, str], transport: Transport) -> None:
        self.transport = transport
        super().__init__(properties, transport, transport.verify)

    def prepare_signing(self, adapter: Any) -> None:
        plain, bounded = adapter.send, self.transport.bounded
        adapter.max_retries = _retries()
        adapter.send = lambda request, **options: plain(request, **bounded(options))
