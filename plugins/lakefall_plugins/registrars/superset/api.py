"""The part of Superset's REST API that knows databases, datasets and their columns.

``POST /dataset/get_or_create/`` is left alone on purpose: it finds a dataset by its name and
ignores the schema.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lakefall_plugins.registrars.superset.session import Answer, Session, SupersetError

PAGE = 100
"""Superset gives at most this many at once."""
Column = Mapping[str, Any]
"""A column of a dataset as the API shows it: ``id``, ``column_name``, ``type``, ..."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset as a listing shows it."""

    id: int
    table: str
    catalog: str
    """``''`` means the database's default catalog."""
    changed: str
    """When it was last changed; moves with every change by anybody."""
    virtual: bool
    """A query that somebody saved, no table."""


class TableUnseenError(SupersetError):
    """Superset does not find the table through Trino."""


class Api:
    """Datasets of one schema behind one database connection."""

    def __init__(self, session: Session, schema: str) -> None:
        self.session = session
        self.options = session.options
        self.schema = schema

    @cached_property
    def database(self) -> int:
        """The id of the database connection.

        Raises:
            SupersetError: there is none of that name; names those that there are.
        """
        name = self.options.database
        wanted = [{"col": "database_name", "opr": "eq", "value": name}]
        for found in self._list("/api/v1/database/", ["id", "database_name"], wanted):
            if found["database_name"] == name:
                return int(found["id"])
        names = [
            str(found["database_name"])
            for found in self._list("/api/v1/database/", ["id", "database_name"], [])
        ]
        raise SupersetError(
            f"{self.session.where} has no database {name!r} that user "
            f"{self.options.username!r} may see (there are: {', '.join(names) or 'none'}); make "
            "it under Settings, Database Connections, or correct `database`",
            whole=True,
        )

    def datasets(self) -> dict[str, Dataset]:
        """Every dataset of the schema by its table's name."""
        return _by_table(self._datasets([]), self.options.catalog)

    def find(self, table: str) -> Dataset | None:
        """The dataset of a table."""
        wanted = [{"col": "table_name", "opr": "eq", "value": table}]
        return _by_table(self._datasets(wanted), self.options.catalog).get(table)

    def create(self, table: str) -> int:
        """Make the dataset of a table that has none.

        Returns:
            Its id; where somebody else was faster, that one's.

        Raises:
            TableUnseenError: Trino answers, and does not show the table.
            SupersetError: told apart from the server's words, and from a second look.
        """
        body = {
            "database": self.database,
            "catalog": self.options.catalog,
            "schema": self.schema,
            "table_name": table,
        }
        answer = self.session.write("POST", "/api/v1/dataset/", body, expect=(422,))
        if answer.status != 422:
            return int(answer.body["id"])
        # Whatever the reason is called: another registrar may have made it meanwhile.
        other = self.find(table)
        if other is not None and not other.virtual:
            return other.id
        raise self._why_not(table, answer)

    def columns(self, dataset: int) -> list[Column]:
        """The dataset's columns, calculated ones too."""
        answer = self.session.get(
            f"/api/v1/dataset/{dataset}",
            {"columns": [f"columns.{name}" for name in ("id", "column_name", "type", *SETTINGS)]},
        )
        return list(answer.body["result"]["columns"])

    def refresh(self, dataset: int) -> None:
        """Take the columns from Trino again. Superset resets what users set on some of them.

        Raises:
            SupersetError: Trino does not answer, or the user may not.
        """
        answer = self.session.write("PUT", f"/api/v1/dataset/{dataset}/refresh", {}, expect=(422,))
        if answer.status == 422:
            self.ask_trino()
            raise SupersetError(
                f"{self.session.where} could not refresh dataset {dataset}: {answer.message}"
            )

    def put_columns(self, dataset: int, columns: Sequence[Mapping[str, Any]]) -> None:
        """Change columns. Those that are left out are deleted."""
        self.session.write("PUT", f"/api/v1/dataset/{dataset}", {"columns": list(columns)})

    def ask_trino(self) -> list[str]:
        """The schemas that Superset sees in Trino right now.

        Raises:
            SupersetError: Trino does not answer Superset.
        """
        answer = self.session.get(
            f"/api/v1/database/{self.database}/schemas/",
            {"force": True, "catalog": self.options.catalog},
            expect=(422, 500),
        )
        if answer.status in (422, 500):
            raise SupersetError(
                f"{self.session.where} gets no answer from Trino through database "
                f"{self.options.database!r} ({answer.message or f'HTTP {answer.status}'}); start "
                "Trino, or correct the database's URI and catalog; a later run makes up for it",
                whole=True,
            )
        return [str(name) for name in answer.body["result"]]

    def may_write(self) -> bool:
        """Whether the user may make datasets."""
        answer = self.session.get("/api/v1/dataset/_info", {"keys": ["permissions"]})
        return "can_write" in answer.body.get("permissions", ())

    # --- parts ---

    def _datasets(self, filters: Sequence[Mapping[str, Any]]) -> Iterator[Dataset]:
        wanted: list[Mapping[str, Any]] = [
            {"col": "database", "opr": "rel_o_m", "value": self.database},
            {"col": "schema", "opr": "eq", "value": self.schema},
            *filters,
        ]
        names = ["id", "table_name", "catalog", "kind", "changed_on_utc"]
        for found in self._list("/api/v1/dataset/", names, wanted):
            yield Dataset(
                int(found["id"]),
                str(found["table_name"]),
                str(found.get("catalog") or ""),
                str(found.get("changed_on_utc") or ""),
                found.get("kind") == "virtual",
            )

    def _list(
        self, path: str, columns: Sequence[str], filters: Sequence[Mapping[str, Any]]
    ) -> Iterator[Mapping[str, Any]]:
        page = 0
        while True:
            answer = self.session.get(
                path,
                {
                    "columns": list(columns),
                    "filters": list(filters),
                    "order_column": columns[1],
                    "order_direction": "asc",
                    "page": page,
                    "page_size": PAGE,
                },
            )
            rows = answer.body.get("result", [])
            yield from rows
            page += 1
            if len(rows) < PAGE:
                return

    def _why_not(self, table: str, answer: Answer) -> SupersetError:
        """The reason behind a 422, of which Superset has many."""
        where, name = self.session.where, f"{self.options.catalog}.{self.schema}.{table}"
        if self.find(table) is not None:
            return SupersetError(
                f"{where} has a virtual dataset {self.schema}.{table}, which takes the table's "
                "name; rename it"
            )
        if "could not be found" in answer.message:
            schemas = self.ask_trino()
            missing = "table" if self.schema in schemas else f"schema {self.schema!r}"
            return TableUnseenError(
                f"{where} does not see table {name} through database {self.options.database!r}: "
                f"Trino answers, the {missing} is not there; check `catalog` and `schema`; the "
                "next run tries again"
            )
        if "already exists" in answer.message:
            return SupersetError(
                f"{where} has a dataset for {name} that user {self.options.username!r} may not "
                "see; make the user an owner of it"
            )
        wanted: list[Mapping[str, Any]] = [{"col": "table_name", "opr": "eq", "value": table}]
        names = ["id", "table_name", "schema", "database.database_name"]
        elsewhere = list(self._list("/api/v1/dataset/", names, wanted))
        if elsewhere:
            other = elsewhere[0]
            return SupersetError(
                f"{where} has a dataset {table!r} already, of schema {other.get('schema')!r} in "
                f"database {(other.get('database') or {}).get('database_name')!r}, and could not "
                f"make one for {name}: a Superset that keeps its metadata in SQLite allows a name "
                "once on the whole server; keep them in PostgreSQL or MySQL, or rename that dataset"
            )
        return SupersetError(f"{where} made no dataset for {name}: {answer.message}")


SETTINGS = (
    "verbose_name",
    "description",
    "expression",
    "extra",
    "filterable",
    "groupby",
    "is_active",
    "is_dttm",
    "python_date_format",
    "advanced_data_type",
)
"""What users set on a column."""


def _by_table(datasets: Iterator[Dataset], catalog: str) -> dict[str, Dataset]:
    """The best dataset for each name: of the catalog itself, rather than of no catalog."""
    found: dict[str, Dataset] = {}
    for dataset in datasets:
        if dataset.catalog not in (catalog, ""):
            continue
        if dataset.table not in found or dataset.catalog == catalog:
            found[dataset.table] = dataset
    return found
