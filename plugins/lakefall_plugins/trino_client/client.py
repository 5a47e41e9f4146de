"""Statements to Trino: sent, waited for, cancelled; errors in our own words.

Two properties of Trino's protocol matter here. A statement starts to run when its first answer is
fetched, not when it is posted, so that posting again after a lost answer runs nothing twice. And
fetching an answer again gives the same answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lakefall.contract.errors import MissingExtraError
from lakefall_plugins.trino_client.errors import TrinoStartingError, translated

if TYPE_CHECKING:
    from lakefall_plugins.trino_client.connection import TrinoConnection

SOURCE = "lakefall"
"""What Trino shows as the statements' source."""
_ATTEMPTS = 3
_CANCEL_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a statement answered."""

    query_id: str
    columns: tuple[tuple[str, str], ...]
    """Name and Trino's type: ``("id", "integer")``."""
    rows: Sequence[Sequence[Any]]
    """Python values: ``datetime``, ``Decimal``, ``UUID`` … as the official client maps them."""
    count: int
    """Rows that an INSERT, DELETE, MERGE or CREATE TABLE AS wrote; 0 for other statements."""


class Client:
    """One user's statements to one server. Connects on first use."""

    def __init__(self, options: TrinoConnection, schema: str = "") -> None:
        self.options = options
        self.schema = schema
        """Schema that unqualified names belong to."""

    @property
    def where(self) -> str:
        """The server, for messages."""
        return f"Trino at {self.options.url}"

    @cached_property
    def _http(self) -> Any:
        _trino()
        import requests

        session = requests.Session()
        session.verify = self.options.certificates
        return session

    @cached_property
    def _session(self) -> Any:
        options = self.options
        limit = f"{max(1, round(options.statement_timeout))}s"
        return _trino().client.ClientSession(
            user=options.user,
            catalog=options.catalog,
            schema=self.schema or None,
            source=SOURCE,
            properties={"query_max_run_time": limit, **options.session_properties},
            timezone="UTC",
        )

    def _request(self) -> Any:
        options, client = self.options, _trino()
        auth = None
        if options.password is not None:
            secret = options.password.get_secret_value()
            auth = client.auth.BasicAuthentication(options.user, secret)
        elif options.jwt is not None:
            auth = client.auth.JWTAuthentication(options.jwt.get_secret_value())
        return client.client.TrinoRequest(
            options.host,
            options.port,
            self._session,
            self._http,
            options.scheme,
            auth,
            _ATTEMPTS,
            options.request_timeout,
        )

    def execute(self, sql: str) -> Answer:
        """Run one statement to its end.

        Whatever ends the waiting early (Ctrl-C, a lost connection) cancels the statement in Trino.

        Raises:
            TrinoUnreachableError, TrinoStartingError: nothing was done.
            TrinoLostError: it is not known whether it was done.
            TrinoTlsError, TrinoRefusedError, TrinoCatalogError.
            TrinoConflictError: another writer committed first.
            TrinoQueryError: Trino refused or gave up the statement.
        """
        request = self._request()
        query = _trino().client.TrinoQuery(request, sql)
        try:
            rows = list(query.execute())
        except BaseException as error:
            running = self._cancel(query, request.next_uri)
            known = translated(error, self.where, running) if isinstance(error, Exception) else None
            if known is None:
                raise
            raise known from error
        columns = tuple((c["name"], c["type"]) for c in query.columns or ())
        return Answer(query.query_id, columns, rows, query.update_count or 0)

    def _cancel(self, query: Any, uri: str | None) -> str:
        """End a statement that may be running; its id, ``''`` when it never began."""
        if uri is None or query.finished:
            return ""
        with suppress(Exception):
            self._http.delete(uri, timeout=_CANCEL_SECONDS)
        return str(query.query_id)

    def rows(self, sql: str) -> Sequence[Sequence[Any]]:
        """The rows of a query."""
        return self.execute(sql).rows

    def version(self) -> str:
        """Trino's version, such as ``476``. Asks nobody for credentials.

        Raises:
            TrinoUnreachableError, TrinoStartingError, TrinoTlsError.
        """
        _trino()
        try:
            answer = self._http.get(
                f"{self.options.url.rstrip('/')}/v1/info", timeout=self.options.request_timeout
            )
            answer.raise_for_status()
            found = answer.json()
            version, starting = str(found["nodeVersion"]["version"]), bool(found["starting"])
        except Exception as error:
            known = translated(error, self.where, "")
            if known is None:
                raise
            raise known from error
        if starting:
            raise TrinoStartingError(f"{self.where} is still starting; try again in a minute")
        return version

    def close(self) -> None:
        """Give the connections back. The client can be used again."""
        if "_http" in self.__dict__:
            self._http.close()


def _trino() -> Any:
    try:
        import trino
        import trino.auth
        import trino.client
    except ImportError as error:
        raise MissingExtraError(
            f"Trino needs {error.name}; pip install 'lakefall[trino]'"
        ) from error
    return trino
