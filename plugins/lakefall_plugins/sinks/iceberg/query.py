"""Read-only SQL over the tables, answered by DuckDB.

Every table that the statement may mean becomes a view over its data files, read by field id, so
that columns that were added, widened or dropped read as the table's schema says. Then the engine
loses its access to everything else: files, extensions, settings. What a statement may name is
checked before, on the tree that the engine's own parser makes of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lakefall.common import sql as quoting
from lakefall.contract.errors import UsageError
from lakefall_plugins.sinks.iceberg.metadata import type_name
from lakefall_plugins.sinks.lake import types

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa
    from pyiceberg.io import FileIO
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import FileScanTask, Table

    from lakefall.contract.run import Run
    from lakefall_plugins.sinks.iceberg.catalog import Lake

PROTOCOL = "lakefall"
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
"""Data files never change."""


class RemoteFiles:
    """Data files on S3 that one query may read: through PyIceberg's storage, no extension needed.

    The engine is given names of our own, ``lakefall://N``, and the file system opens those data
    files and nothing else, whatever a statement asks for.
    """

    def __init__(self) -> None:
        self.paths: dict[str, tuple[FileIO, DataFile]] = {}

    def add(self, io: FileIO, file: DataFile) -> str:
        """The name under which the engine reads a data file."""
        path = f"{PROTOCOL}://{len(self.paths)}/{file.file_path.rpartition('/')[2]}"
        self.paths[path] = io, file
        return path

    def file_system(self) -> Any:
        """What the engine is given; it asks for one that ``fsspec`` knows."""
        from fsspec import AbstractFileSystem

        files = self.paths

        class DataFiles(AbstractFileSystem):  # type: ignore[misc]
            protocol = PROTOCOL
            cachable = False

            def open(self, path: str, mode: str = "rb", **_: Any) -> Any:
                if mode != "rb":
                    raise PermissionError(path)
                io, file = self._known(path)
                return io.new_input(file.file_path).open()

            def info(self, path: str, **_: Any) -> dict[str, Any]:
                size = self._known(path)[1].file_size_in_bytes
                return {"name": path, "size": size, "type": "file"}

            def glob(self, path: str, **_: Any) -> list[str]:
                return [path] if path in files else []

            def exists(self, path: str, **_: Any) -> bool:
                return path in files

            def modified(self, path: str) -> datetime:
                self._known(path)
                return _LONG_AGO

            def _known(self, path: str) -> tuple[FileIO, DataFile]:
                if path not in files:
                    raise FileNotFoundError(path)
                return files[path]

        return DataFiles()


_ROW_SOURCES = frozenset(
    [
        "generate_series",
        "histogram",
        "histogram_values",
        "json_each",
        "json_tree",
        "range",
        "repeat",
        "repeat_row",
        "summary",
        "unnest",
    ]
)
"""Functions that stand where a table may. The engine's others read files, settings, secrets, logs,
the state of the process, or run SQL of their own."""
_REFUSED = re.compile(
    r"__internal.*|.*secret.*|current_setting|currval|getenv|getvariable|nextval|pg_sleep|"
    r"setval|sleep_ms|write_log"
)
"""Functions of values that tell of the process or change it."""
_CATALOG = frozenset({"columns", "schemata", "tables"})
"""What may be read of ``information_schema``."""
_LISTS = frozenset({'"tables"', "__show_tables_expanded"})
"""What ``SHOW`` may list."""
_EXPLAIN = re.compile(r"\s*EXPLAIN\b(\s*\([\w\s,]*\))?(\s+ANALYZE\b)?", re.IGNORECASE)


def query(lake: Lake, run: Run, sql: str) -> pa.Table:
    """The answer to one SELECT.

    Raises:
        UsageError: another kind of statement, several, or SQL that is wrong.
    """
    import duckdb

    remote = RemoteFiles()
    with quoting.connect(run.pipeline.config.engine, run.workdir / "query") as connection:
        try:
            select = _select(connection, sql)
            tables = sorted(lake.tables())
            _refuse_foreign(connection, select, lake.namespace, tables)
            named = [name for name in tables if _mentions(sql, name)]
            _register(connection, lake, named, remote)
            return quoting.table(connection, sql)
        except duckdb.CatalogException as error:
            known = ", ".join(tables) if tables else "none yet"
            raise UsageError(
                f"{_first_line(error)} (tables of {lake.namespace}: {known})"
            ) from error
        except duckdb.PermissionException as error:
            raise UsageError(
                f"a query reads the tables of {lake.namespace} and nothing else: "
                f"{_first_line(error)}"
            ) from error
        except duckdb.Error as error:
            raise UsageError(f"the query failed: {error}") from error


def _select(connection: duckdb.DuckDBPyConnection, sql: str) -> str:
    """The one SELECT that a statement is, or explains."""
    kind = _kind(connection, sql)
    if kind == "EXPLAIN":
        # EXPLAIN ANALYZE runs what it explains, and the data files may be opened by then.
        sql = _EXPLAIN.sub("", sql, count=1)
        kind = _kind(connection, sql)
    if kind != "SELECT":
        raise UsageError(f"expected a SELECT, found {kind}; a query reads and changes nothing")
    return sql


def _refuse_foreign(
    connection: duckdb.DuckDBPyConnection, sql: str, namespace: str, tables: Collection[str]
) -> None:
    """Refuse what is neither a table nor a function of values: the engine parses, nothing runs."""
    [(text,)] = quoting.rows(connection, f"SELECT json_serialize_sql({quoting.literal(sql)})")
    tree = json.loads(text)
    if tree["error"]:
        raise UsageError(f"the query cannot be checked: {tree['error_message']}")
    own = {name.lower() for name in tables}
    views = "SELECT view_name FROM duckdb_views() WHERE internal"
    inside = {str(name).lower() for (name,) in quoting.rows(connection, views)} - own
    for node in _nodes(tree):
        kind, schema = node.get("type"), str(node.get("schema_name", "")).lower()
        name = str(node.get("table_name", "")).lower()
        function = str(node.get("function_name", "")).lower()
        if kind == "TABLE_FUNCTION":
            function = str(node["function"].get("function_name", "")).lower()
            foreign = function not in _ROW_SOURCES
        elif kind == "BASE_TABLE" and schema == "information_schema":
            foreign = name not in _CATALOG
        elif kind == "BASE_TABLE":
            foreign = schema not in ("", namespace.lower()) or name in inside
        elif kind == "SHOW_REF":
            foreign = node.get("show_type") == "SHOW_SPECIAL" and name not in _LISTS
        else:
            foreign = bool(_REFUSED.fullmatch(function))
        if foreign:
            raise UsageError(
                f"a query reads the tables of {namespace} and nothing else: it may not use "
                f"{function or '.'.join(filter(None, (schema, name)))!r}"
            )


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object of a parsed statement."""
    if isinstance(tree, dict):
        yield tree
    for value in tree.values() if isinstance(tree, dict) else tree:
        if isinstance(value, dict | list):
            yield from _nodes(value)


def _kind(connection: duckdb.DuckDBPyConnection, sql: str) -> str:
    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        raise UsageError(f"expected one SELECT, found {len(statements)} statements")
    return statements[0].type.name


def _mentions(sql: str, table: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(table)}(?!\w)", sql, re.IGNORECASE) is not None


def _register(
    connection: duckdb.DuckDBPyConnection, lake: Lake, named: list[str], remote: RemoteFiles
) -> None:
    schema = quoting.identifier(lake.namespace)
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    connection.execute(f"SET schema = {quoting.literal(schema)}")
    connection.register_filesystem(remote.file_system())
    paths: list[str] = []
    for name in named:
        table = lake.find(name)
        if table is not None:
            paths += _view(connection, table, f"{schema}.{quoting.identifier(name)}", remote)
    listed = ", ".join(map(quoting.literal, paths))
    connection.execute(f"SET allowed_paths = [{listed}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET python_enable_replacements = false")
    connection.execute("SET lock_configuration = true")


def _view(
    connection: duckdb.DuckDBPyConnection, table: Table, name: str, remote: RemoteFiles
) -> list[str]:
    """Make the table readable; the files that reading it opens.

    Columns are found by their ids, what is in nested ones by its name.
    """
    tasks = list(table.scan().plan_files())
    columns = [
        (f.field_id, f.name, types.to_duckdb(type_name(f.field_type)))
        for f in table.schema().fields
    ]
    if any(kind is None for _, _, kind in columns) or not _plain(tasks):
        rows = table.scan().to_arrow()
        connection.register(f"arrow {name}", rows)
        connection.execute(
            f"CREATE TABLE {name} AS SELECT * FROM {quoting.identifier(f'arrow {name}')}"
        )
        return []
    if not tasks:
        empty = ", ".join(f"NULL::{kind} AS {quoting.identifier(n)}" for _, n, kind in columns)
        connection.execute(f"CREATE VIEW {name} AS SELECT {empty} WHERE false")
        return []
    fields = ", ".join(
        f"{i}: {{name: {quoting.literal(n)}, type: {quoting.literal(str(kind))}, "
        "default_value: NULL}"
        for i, n, kind in columns
    )
    paths = [
        _local(t.file.file_path) if _is_local(t.file.file_path) else remote.add(table.io, t.file)
        for t in tasks
    ]
    rows = quoting.parquet(paths, f"schema = MAP {{{fields}}}")
    connection.execute(f"CREATE VIEW {name} AS SELECT * FROM {rows}")
    return paths


def _plain(tasks: list[FileScanTask]) -> bool:
    """Whether every data file is Parquet without row-level deletes."""
    return all(not t.delete_files and t.file.file_format.name == "PARQUET" for t in tasks)


def _is_local(path: str) -> bool:
    return path.startswith(("/", "file:/"))


def _local(path: str) -> str:
    return path.removeprefix("file://") if path.startswith("file:") else path


def _first_line(error: Any) -> str:
    return str(error).partition("\n")[0]
