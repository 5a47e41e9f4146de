"""Datasets and their columns: the part of Superset's REST API that knows them, and what users set.

``POST /dataset/get_or_create/`` is left alone on purpose: it finds a dataset by its name and
ignores the schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lakefall.common import naming
from lakefall.contract.values import TableState
from lakefall_plugins.registrars.superset.session import Answer, Session, SupersetError

PAGE = 100
"""Superset gives at most this many at once."""
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
            SupersetError: from the server's words, and from a second look.
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


def _by_table(datasets: Iterator[Dataset], catalog: str) -> dict[str, Dataset]:
    """The best dataset for each name: of the catalog itself, rather than of no catalog."""
    found: dict[str, Dataset] = {}
    for dataset in datasets:
        if dataset.catalog not in (catalog, ""):
            continue
        if dataset.table not in found or dataset.catalog == catalog:
            found[dataset.table] = dataset
    return found


_ATTEMPTS = 3
_LENGTH = re.compile(r"^(VARCHAR|TIMESTAMP|TIME)\([0-9]+\)")
_SHOWN = {"JSON": "VARCHAR", "UUID": "UNKNOWN"}
"""JSON is text to Trino; Superset 6.1 has no name for Trino's UUID."""


def is_behind(columns: Sequence[Column], table: TableState) -> bool:
    """Whether the table has other columns, or other types, than the dataset."""
    known = {
        str(c["column_name"]): _plain(str(c.get("type") or ""))
        for c in columns
        if not c.get("expression")
    }
    # A calculated column may have taken the name of a column before the table got it.
    taken = {str(c["column_name"]) for c in columns} - known.keys()
    there = {c.name: _plain(c.type) for c in table.columns if c.name not in taken}
    for name in naming.AUDIT_COLUMNS:
        known.pop(name, None)
    return known != there


def _plain(kind: str) -> str:
    """A type's name as Superset and lakefall both would write it."""
    name = _LENGTH.sub(r"\1", kind.upper().replace(" ", ""))
    return _SHOWN.get(name, name)


def refresh_columns(api: Api, dataset: int, before: Sequence[Column]) -> bool:
    """Take the columns from Trino; what users set on them stays, so do metrics.

    Returns:
        Whether there was anything to take.

    Superset's refresh sets ``filterable`` and ``groupby`` on every column, overwrites a
    description by the column's comment, and turns a calculated column into a plain one when the
    table got a column of that name.

    Raises:
        SupersetError: also when settings are lost; names the columns.
    """
    api.refresh(dataset)
    lost: list[dict[str, Any]] = []
    try:
        for _ in range(_ATTEMPTS):
            after = api.columns(dataset)
            lost = _lost(before, after)
            if not lost:
                return _shape(before) != _shape(after)
            # Another refresh at the same time may add a column in between, which this
            # deletes: look again.
            settings = {c["id"]: c for c in lost}
            api.put_columns(dataset, [settings.get(c["id"], _named(c)) for c in after])
            now = api.columns(dataset)
            if not _lost(before, now) and {c["id"] for c in now} >= {c["id"] for c in after}:
                return _shape(before) != _shape(now)
            api.refresh(dataset)
    except SupersetError as error:
        raise SupersetError(f"{error}; {_names(lost)}", whole=error.whole) from error
    raise SupersetError(
        f"{api.session.where}: somebody changes dataset {dataset} at the same time; {_names(lost)}"
    )


def _shape(columns: Sequence[Column]) -> dict[str, str]:
    return {str(c["column_name"]): str(c.get("type") or "") for c in columns}


def _named(column: Column) -> dict[str, Any]:
    """A column that stays as it is."""
    return {"id": column["id"], "column_name": column["column_name"]}


def _names(lost: Sequence[Column]) -> str:
    listed = ", ".join(str(c["column_name"]) for c in lost) or "none known"
    return f"columns that lost their settings in the refresh: {listed}"


def _lost(before: Sequence[Column], after: Sequence[Column]) -> list[dict[str, Any]]:
    """Columns with the settings that have to be put back."""
    old = {c["id"]: c for c in before}
    lost: list[dict[str, Any]] = []
    for column in after:
        was = old.get(column["id"], {})
        changed = {
            name: was[name]
            for name in SETTINGS
            if was.get(name) not in (None, "") and was[name] != column.get(name)
        }
        if changed:
            lost.append({**_named(column), **changed})
    return lost
