"""PyIceberg's REST client with what it lacks: timeouts, bounded retries, connections kept.

Imported on first use: everything here needs PyIceberg.
"""

from __future__ import annotations

from typing import Any

from pyiceberg.catalog.rest import RestCatalog, TableResponse  # noqa: TID253 -- see above
from pyiceberg.catalog.rest.auth import AuthManager, NoopAuthManager  # noqa: TID253
from pyiceberg.io import FileIO  # noqa: TID253
from pyiceberg.io.pyarrow import PyArrowFileIO  # noqa: TID253
from pyiceberg.table import StagedTable  # noqa: TID253
from pyiceberg.typedef import EMPTY_DICT, Properties  # noqa: TID253
from requests import PreparedRequest, Response, Session  # noqa: TID253
from requests.adapters import HTTPAdapter  # noqa: TID253
from urllib3.util.retry import Retry

_CONNECT_SECONDS = 10.0
_TRIES = 3
_CONNECTIONS = 16
_BUSY = (429, 502, 503, 504)
_S3 = ("s3://", "s3a://", "s3n://")
_IO_PROPERTIES = ("s3.", "client.")


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


class Client(RestCatalog):
    """A REST catalog."""

    def __init__(self, properties: dict[str, str], transport: Transport) -> None:
        self._transport = transport
        self._ios: dict[tuple[tuple[str, str], ...], FileIO] = {}
        super().__init__("lakefall", **properties)

    def _create_legacy_oauth2_auth_manager(self, session: Session) -> AuthManager:
        # Called before the session is used first: already the token needs a timeout.
        session.mount("http://", self._transport)
        session.mount("https://", self._transport)
        if not (self.properties.get("credential") or self.properties.get("token")):
            return NoopAuthManager()
        return super()._create_legacy_oauth2_auth_manager(session)

    def _init_sigv4(self, session: Session) -> None:
        super()._init_sigv4(session)
        signing = session.get_adapter(self.uri)
        assert isinstance(signing, HTTPAdapter)  # noqa: S101 -- made by the line before
        signing.max_retries = _retries()
        transport, plain = self._transport, signing.send

        def send(request: PreparedRequest, **options: Any) -> Response:
            return plain(request, **transport.bounded(options))

        signing.send = send  # type: ignore[assignment]

    def _load_file_io(
        self, properties: Properties = EMPTY_DICT, location: str | None = None
    ) -> FileIO:
        """One for all tables that are reached alike, so that connections are used again."""
        merged = {**self.properties, **properties}
        if "py-io-impl" in merged or not (location or "").startswith(_S3):
            return super()._load_file_io(properties, location)
        chosen = {k: str(v) for k, v in merged.items() if k.startswith(_IO_PROPERTIES)}
        key = tuple(sorted(chosen.items()))
        if key not in self._ios:
            self._ios[key] = _S3FileIO(chosen, self._transport.verify)
        return self._ios[key]

    def _response_to_staged_table(
        self, identifier_tuple: tuple[str, ...], table_response: TableResponse
    ) -> StagedTable:
        """A new table's files are reached as they will be: PyIceberg goes by the metadata file,
        which is not written yet."""
        staged = super()._response_to_staged_table(identifier_tuple, table_response)
        place, given = table_response.metadata.location, table_response
        vended = self._resolve_storage_credentials(given.storage_credentials, place)
        staged.io = self._load_file_io(
            {**given.metadata.properties, **given.config, **vended}, place
        )
        return staged


class _S3FileIO(PyArrowFileIO):
    """S3 where a small object is one request, and a large one a multipart upload."""

    def __init__(self, properties: dict[str, str], verify: bool | str) -> None:
        self._authorities = verify if isinstance(verify, str) else ""
        super().__init__(properties)

    def _initialize_s3_fs(self, netloc: str | None) -> Any:
        from pyarrow.fs import S3FileSystem

        made = super()._initialize_s3_fs(netloc)
        # PyIceberg has no property for these.
        _, (arguments,) = made.__reduce__()
        return S3FileSystem._reconstruct(
            {
                **arguments,
                "allow_delayed_open": True,
                # In the background Arrow queues a whole file in memory, whatever is flushed.
                "background_writes": False,
                "tls_ca_file_path": self._authorities or arguments["tls_ca_file_path"],
            }
        )
