"""Requests to Superset's REST API under a login that is renewed when it is lost.

A write needs three things at once: the Bearer token (15 minutes by default), a CSRF token, and
the session cookie that came with it. Each of them can be lost on its own: an expired token is
answered with 401, one of another secret key with 422, a lost cookie with 400, and a request that
Superset takes for a browser's with a redirect to the login page.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lakefall.contract.errors import LakefallError, MissingExtraError

if TYPE_CHECKING:
    import requests

    from lakefall_plugins.registrars.superset.options import SupersetOptions

LOGIN = "/api/v1/security/login"
CSRF = "/api/v1/security/csrf_token/"
_CONNECTION = re.compile(r"^(<[^>]*>|HTTPS?Connection(Pool)?\([^)]*\)): ")
"""What urllib3 puts before the reason."""
_SHOWN = 300
"""Characters of an answer that a message quotes."""


class SupersetError(LakefallError):
    """Superset cannot do now what it was asked for."""

    retryable = True

    def __init__(self, message: str, *, whole: bool = False) -> None:
        super().__init__(message)
        self.whole = whole
        """It would be the same with every other table."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What Superset said."""

    status: int
    body: Mapping[str, Any]
    """``{}`` where it was no JSON object."""
    text: str = ""

    @property
    def message(self) -> str:
        """Its own words, shortened."""
        said = self.body.get("message", self.body.get("msg", self.body.get("errors", "")))
        if isinstance(said, dict):
            said = "; ".join(str(v) for some in said.values() for v in _listed(some))
        elif isinstance(said, list):
            said = "; ".join(str(e.get("message", e)) if isinstance(e, dict) else e for e in said)
        return " ".join(str(said).split())[:_SHOWN]


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


class Session:
    """One user's requests. Logs in on first use; usable again after ``close``."""

    def __init__(self, options: SupersetOptions) -> None:
        self.options = options
        self.requests = 0
        """How many were sent."""
        self._http: requests.Session | None = None
        self._token = ""
        self._csrf = ""

    @property
    def where(self) -> str:
        """The server, for messages."""
        return f"Superset at {self.options.url}"

    def get(
        self, path: str, query: Mapping[str, Any] | None = None, *, expect: Collection[int] = ()
    ) -> Answer:
        """Read. ``query`` is Superset's ``q``; statuses in ``expect`` are no errors.

        Raises:
            SupersetError: no answer, or another one than 2xx and those expected.
        """
        return self._call("GET", path, query, None, expect)

    def write(
        self, method: str, path: str, body: Mapping[str, Any], *, expect: Collection[int] = ()
    ) -> Answer:
        """Write; as ``get``.

        There is always a body: a bodiless request with a stale token is taken for a browser's.
        """
        return self._call(method, path, None, body, expect)

    def version(self) -> str:
        """Superset's version, which it tells everybody; ``''`` where it does not.

        Raises:
            SupersetError: nothing answers, or not in a healthy way.
        """
        response = self._send("GET", "/version", None, None)
        answer = _answer(response)
        if answer.status >= 500:
            self._judge(response, answer)
        return str(answer.body.get("version_string") or "")

    def login(self) -> None:
        """Get a new token.

        Raises:
            SupersetError: no answer, or the user is refused.
        """
        options = self.options
        body = {
            "username": options.username,
            "password": options.password.get_secret_value(),
            "provider": options.provider,
            "refresh": False,
        }
        self._token = self._csrf = ""
        response = self._send("POST", LOGIN, None, body)
        answer = _answer(response)
        if answer.status == 401:
            raise SupersetError(
                f"{self.where} refuses user {options.username!r} (HTTP 401); check username, "
                f"password and provider ({options.provider})",
                whole=True,
            )
        if answer.status == 500:
            raise SupersetError(
                f"{self.where} fails at the login (HTTP 500); see its log, and check provider "
                f"({options.provider})",
                whole=True,
            )
        self._judge(response, answer)
        self._token = str(answer.body.get("access_token") or "")
        if not self._token:
            raise self._no_superset()

    def close(self) -> None:
        """Give the connections back."""
        if self._http is not None:
            self._http.close()

    # --- one request ---

    def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None,
        body: Mapping[str, Any] | None,
        expect: Collection[int],
    ) -> Answer:
        if not self._token:
            self.login()
        if body is not None and not self._csrf:
            self._csrf = str(self._call("GET", CSRF, None, None, ()).body.get("result") or "")
        response = self._send(method, path, query, body)
        if _session_lost(response):
            self.login()
            if body is not None:
                self._csrf = str(self._call("GET", CSRF, None, None, ()).body.get("result") or "")
            response = self._send(method, path, query, body)
        answer = _answer(response)
        if answer.status not in expect:
            self._judge(response, answer)
        return answer

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None,
        body: Mapping[str, Any] | None,
    ) -> requests.Response:
        http, requests = self._open()
        # Referer: Superset compares it with the host where it answers under https.
        headers = {"Accept": "application/json", "Referer": self.options.url}
        if body is not None and self._csrf:
            headers["X-CSRFToken"] = self._csrf
        for again in (True, False) if method == "GET" else (False,):
            self.requests += 1
            try:
                return http.request(
                    method,
                    self.options.url + path,
                    params=None if query is None else {"q": json.dumps(query)},
                    json=body,
                    headers=headers,
                    auth=self._authorize,
                    timeout=self.options.timeout,
                    allow_redirects=False,
                )
            except requests.Timeout as error:
                raise SupersetError(
                    f"{self.where} did not answer within {self.options.timeout:g} s "
                    f"({method} {path}); look whether it, and the Trino it asks, hang, or raise "
                    "`timeout`",
                    whole=True,
                ) from error
            except requests.RequestException as error:
                # A kept connection may have been closed meanwhile.
                if not (again and isinstance(error, requests.ConnectionError)):
                    raise SupersetError(
                        f"{self.where} cannot be reached ({_reason(error)}); start it, or correct "
                        "`url`; a later run makes up for it",
                        whole=True,
                    ) from error
        raise AssertionError("unreachable")

    def _open(self) -> tuple[requests.Session, Any]:
        try:
            import requests
        except ImportError as error:
            raise MissingExtraError(
                "Superset needs requests; pip install 'lakefall[superset]'"
            ) from error
        if self._http is None:
            self._http = requests.Session()
            self._http.verify = self.options.certificates
        return self._http, requests

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """As a function, so that no password of a ``.netrc`` takes the token's place."""
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    # --- answers ---

    def _judge(self, response: requests.Response, answer: Answer) -> None:
        """Raise for everything but success."""
        status, path = answer.status, urlsplit(response.url).path
        if 200 <= status < 300:
            if not answer.body:
                raise self._no_superset()
            return
        what = f"(HTTP {status} to {response.request.method} {path})"
        said = f": {answer.message}" if answer.message else ""
        if 300 <= status < 400:
            target = urlsplit(response.headers.get("Location", ""))
            raise SupersetError(
                f"{self.where} redirects to {target._replace(query='', fragment='').geturl()!r} "
                f"{what}; correct `url`: https, the host, a prefix",
                whole=True,
            )
        if status in (401, 403):
            raise SupersetError(
                f"{self.where} does not let user {self.options.username!r} do this {what}{said}; "
                "give the user the right to write datasets, and make it an owner of this one",
                whole=status == 401,
            )
        if status == 404 and not answer.body:
            raise self._no_superset()
        if status == 429 or status >= 500:
            raise SupersetError(
                f"{self.where} cannot answer now {what}; see its log; a later run makes up for it",
                whole=True,
            )
        raise SupersetError(f"{self.where} refuses {what}{said}")

    def _no_superset(self) -> SupersetError:
        return SupersetError(
            f"{self.options.url} answers, but not as Superset does; correct `url`", whole=True
        )


def _answer(response: requests.Response) -> Answer:
    try:
        body = response.json()
    except ValueError:
        body = None
    return Answer(response.status_code, body if isinstance(body, dict) else {}, response.text)


def _session_lost(response: requests.Response) -> bool:
    status = response.status_code
    if status == 401 or 300 <= status < 400:
        return True
    if status == 422:
        # The token's library says `msg`, Superset itself `message`.
        return "msg" in _answer(response).body
    return status == 400 and "CSRF" in response.text


def _reason(error: BaseException) -> str:
    """The innermost cause in one line: urllib3 wraps it several times."""
    inner: Any = error
    while True:
        wrapped = getattr(inner, "reason", None) or next(iter(getattr(inner, "args", ())), None)
        if not isinstance(wrapped, BaseException):
            break
        inner = wrapped
    return _CONNECTION.sub("", " ".join(str(inner).split()))[:_SHOWN]
