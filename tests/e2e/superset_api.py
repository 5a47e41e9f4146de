"""Superset as a person's browser uses it: what the tests set up there, and what they look at."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from .servers import Servers


class SupersetApi:
    """An administrator's session."""

    def __init__(self, servers: Servers) -> None:
        import requests

        self.url = servers.env["SUPERSET_URL"]
        self._http = requests.Session()
        login = {
            "username": servers.env["SUPERSET_USERNAME"],
            "password": servers.env["SUPERSET_PASSWORD"],
            "provider": "db",
        }
        token = self._call("POST", "security/login", json=login)["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"
        self._http.headers["Referer"] = self.url
        self._http.headers["X-CSRFToken"] = self._call("GET", "security/csrf_token/")["result"]

    def _call(self, method: str, path: str, **request: Any) -> Any:
        answer = self._http.request(
            method, f"{self.url}/api/v1/{path}", timeout=60, allow_redirects=False, **request
        )
        assert answer.status_code in (200, 201), f"{method} {path}: {answer.text[:500]}"
        return answer.json()

    def close(self) -> None:
        self._http.close()

    def _all(self, kind: str, filters: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        query = json.dumps({"filters": list(filters), "page_size": 100})
        found: list[dict[str, Any]] = self._call("GET", f"{kind}/", params={"q": query})["result"]
        return found

    def add_database(self, name: str, uri: str) -> int:
        body = {"database_name": name, "sqlalchemy_uri": uri, "expose_in_sqllab": True}
        return int(self._call("POST", "database/", json=body)["id"])

    def drop_database(self, database: int) -> None:
        """With its datasets."""
        of_it = [{"col": "database", "opr": "rel_o_m", "value": database}]
        while datasets := self._all("dataset", of_it):
            for dataset in datasets:
                self._call("DELETE", f"dataset/{dataset['id']}")
        self._call("DELETE", f"database/{database}")

    def datasets(self, table: str, schema: str) -> list[dict[str, Any]]:
        """Every dataset of that name and schema."""
        return self._all(
            "dataset",
            [
                {"col": "table_name", "opr": "eq", "value": table},
                {"col": "schema", "opr": "eq", "value": schema},
            ],
        )

    def dataset(self, table: str, schema: str) -> dict[str, Any]:
        """The one dataset of that name and schema, as its editor shows it."""
        found = self.datasets(table, schema)
        assert len(found) == 1, f"{len(found)} datasets of {schema}.{table}"
        shown: dict[str, Any] = self._call("GET", f"dataset/{found[0]['id']}")["result"]
        return shown

    def columns(self, table: str, schema: str) -> dict[str, dict[str, Any]]:
        return {c["column_name"]: c for c in self.dataset(table, schema)["columns"]}

    def change(self, dataset: int, **properties: Any) -> None:
        self._call("PUT", f"dataset/{dataset}", json=properties)

    def drop_dataset(self, dataset: int) -> None:
        self._call("DELETE", f"dataset/{dataset}")

    def rows(self, dataset: int, columns: Sequence[str]) -> list[dict[str, Any]]:
        """What a chart over the dataset shows, unaggregated, ordered by the first column."""
        body = {
            "datasource": {"id": dataset, "type": "table"},
            "queries": [
                {
                    "columns": list(columns),
                    "metrics": [],
                    "orderby": [[columns[0], True]],
                    "row_limit": 10_000,
                }
            ],
            "result_format": "json",
            "result_type": "full",
            "force": True,
        }
        found: list[dict[str, Any]] = self._call("POST", "chart/data", json=body)["result"][0][
            "data"
        ]
        return found


@contextmanager
def superset(servers: Servers) -> Iterator[SupersetApi]:
    api = SupersetApi(servers)
    try:
        yield api
    finally:
        api.close()


@contextmanager
def trino_database(servers: Servers, *, port: int = 0) -> Iterator[str]:
    """The name of a database connection of its own that leads to Trino.

    ``port`` is another one where Trino can be reached: Superset tries a connection out before it
    makes it.
    """
    name = f"Trino {uuid.uuid4().hex[:12]}"
    trino = urlsplit(servers.env["TRINO_URL"])
    with superset(servers) as api:
        database = api.add_database(
            name, f"trino://lakefall@{trino.hostname}:{port or trino.port}/iceberg"
        )
    try:
        yield name
    finally:
        with superset(servers) as api:
            api.drop_database(database)
