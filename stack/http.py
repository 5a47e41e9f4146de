"""HTTP to servers on this machine, past any proxy that the environment names."""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

from .errors import StackError


def status(url: str, seconds: float = 2) -> int | None:
    """The status that a GET answers; None where nobody does."""
    try:
        return _send("GET", url, None, {}, seconds)[0]
    except (OSError, HTTPException):
        return None


def put(url: str, body: str, seconds: float = 2) -> int | None:
    """The status that a PUT answers; None where nobody does."""
    try:
        return _send("PUT", url, body, {}, seconds)[0]
    except (OSError, HTTPException):
        return None


def get_json(url: str, seconds: float = 2) -> Any:
    """The document behind a URL; None where nobody answers with one."""
    try:
        code, body = _send("GET", url, None, {}, seconds)
        return json.loads(body) if code == 200 else None
    except (OSError, HTTPException, ValueError):
        return None


def trino(url: str, sql: str) -> list[list[Any]]:
    """The rows of a statement.

    Raises:
        StackError: Trino refuses it, or does not answer.
    """
    headers = {"X-Trino-User": "lakefall", "X-Trino-Source": "stack"}
    rows: list[list[Any]] = []
    try:
        answer = json.loads(_send("POST", f"{url}/v1/statement", sql, headers, 60)[1])
        while True:
            if "error" in answer:
                raise StackError(f"Trino refuses {sql!r}: {answer['error']['message']}")
            rows += answer.get("data", ())
            if "nextUri" not in answer:
                return rows
            answer = json.loads(_send("GET", answer["nextUri"], None, headers, 60)[1])
    except (OSError, HTTPException, ValueError) as error:
        raise StackError(f"Trino at {url} does not answer {sql!r}: {error}") from error


def _send(
    method: str, url: str, body: str | None, headers: dict[str, str], seconds: float
) -> tuple[int, bytes]:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)
    try:
        path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        connection.request(method, path, body and body.encode(), headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
