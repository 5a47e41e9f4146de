"""One namespace of a catalog, seen through Trino."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lakefall.common.waiting import Backoff
from lakefall_plugins.sinks.lake import comments, types
from lakefall_plugins.sinks.lake.names import is_staging
from lakefall_plugins.sinks.lake.plan import Field, Shape
from lakefall_plugins.sinks.trino import statements
from lakefall_plugins.sinks.trino.options import TrinoOptions
from lakefall_plugins.sinks.trino.statements import Definition
from lakefall_plugins.trino_client.client import Answer, Client
from lakefall_plugins.trino_client.errors import TrinoCatalogError, TrinoQueryError
from lakefall_plugins.trino_client.sql import literal, qualified

MISSING = ("TABLE_NOT_FOUND", "SCHEMA_NOT_FOUND")
_SNAPSHOT = "current-snapshot-id"


class Lakehouse:
    """Its tables, and what Trino says about them."""

    def __init__(self, options: TrinoOptions) -> None:
        self.options = options
        self.client = Client(options, options.namespace)
        self._known: set[str] | None = None
        """Tables seen to exist. Asked once: what is gone since then shows as an error."""

    def execute(self, sql: str) -> Answer:
        return self.client.execute(sql)

    def name(self, table: str) -> str:
        """The table's full name, quoted."""
        return qualified(self.options.catalog, self.options.namespace, table)

    def tables(self, *, fresh: bool = False) -> set[str]:
        """All tables of the namespace, staging tables included; none where there is none."""
        if fresh or self._known is None:
            rows = self.client.rows(
                f"SELECT table_name FROM {self._about('tables')} "
                f"WHERE table_schema = {literal(self.options.namespace)}"
            )
            self._known = {str(row[0]) for row in rows}
        return set(self._known)

    def data_tables(self) -> list[str]:
        """Tables that files may feed."""
        options = self.options
        own = {options.registry_table, options.rejects_table, *options.protected_tables}
        return sorted(t for t in self.tables() - own if not is_staging(t))

    def has(self, table: str) -> bool:
        return table in self.tables()

    def note(self, table: str, *, there: bool = True) -> None:
        """Remember that a table was made, or is gone."""
        if self._known is not None:
            (self._known.add if there else self._known.discard)(table)

    def make_namespace(self) -> None:
        """Where no table is seen there may be no namespace either."""
        if not self.tables():
            name = qualified(self.options.catalog, self.options.namespace)
            self._make(f"CREATE SCHEMA IF NOT EXISTS {name}", self.has_namespace)

    def has_namespace(self) -> bool:
        return bool(
            self.client.rows(
                f"SELECT 1 FROM {self._about('schemata')} "
                f"WHERE schema_name = {literal(self.options.namespace)}"
            )
        )

    def create(self, table: str, columns: Iterable[Definition]) -> None:
        """CREATE TABLE IF NOT EXISTS."""
        self.make_namespace()
        text = statements.create_table(self.name(table), columns)
        self._make(text, lambda: table in self.tables(fresh=True))
        self.note(table)

    def _make(self, sql: str, is_there: Callable[[], bool]) -> None:
        """Run a CREATE ... IF NOT EXISTS while others may run the same.

        Trino looks first and makes then: of two at the same moment, one is told of an internal
        error, in words that depend on the catalog.
        """
        backoff = Backoff(0.2, 1.0, least=0.5)
        for last in (False, False, True):
            try:
                self.execute(sql)
                return
            except (TrinoQueryError, TrinoCatalogError) as error:
                if is_there():
                    return
                if last or not error.retryable:
                    raise
            backoff.pause()

    def drop(self, table: str) -> None:
        self.execute(f"DROP TABLE IF EXISTS {self.name(table)}")
        self.note(table, there=False)

    def shape(self, table: str) -> Shape | None:
        """The table as planning sees it; None where there is none."""
        properties = self.name(f"{table}$properties")
        try:
            rows = self.client.rows(
                "SELECT ordinal_position, column_name, data_type, is_nullable, comment "
                f"FROM {self._about('columns')} WHERE {self._of(table)} "
                f'UNION ALL SELECT 0, key, NULL, NULL, "value" FROM {properties}'
            )
        except TrinoQueryError as error:
            if error.name not in MISSING:
                raise
            self.note(table, there=False)
            return None
        self.note(table)
        columns = sorted((r for r in rows if r[0]), key=lambda r: int(r[0]))
        notes = {str(r[1]): r[4] for r in columns}
        given = {str(r[1]): str(r[4]) for r in rows if not r[0]}
        return Shape(
            table,
            tuple(
                # Trino does not tell Iceberg's ids, and needs none.
                Field(str(r[1]), types.from_trino(str(r[2])), at, r[3] == "NO")
                for at, r in enumerate(columns, start=1)
            ),
            {**given, **comments.properties(notes)},
            len(columns),
            "" if given.get(_SNAPSHOT) in (None, "none") else given[_SNAPSHOT],
        )

    def columns(self, table: str) -> str:
        """A query for name, type and comment of a table's columns."""
        return (
            f"SELECT column_name, data_type, comment FROM {self._about('columns')} "
            f"WHERE {self._of(table)}"
        )

    def _about(self, what: str) -> str:
        return qualified(self.options.catalog, "information_schema", what)

    def _of(self, table: str) -> str:
        return f"table_schema = {literal(self.options.namespace)} AND table_name = {literal(table)}"
