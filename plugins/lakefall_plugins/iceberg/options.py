"""What a pipeline file says about an Iceberg sink."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from lakefall.config.units import Duration
from lakefall.plugin import Options, SinkOptions


class SqliteCatalog(Options):
    """A catalog for one machine: an SQLite file in the folder that holds the tables."""

    type: Literal["sqlite"] = "sqlite"
    warehouse: Path
    """Folder of the catalog file and the tables; made on the first load."""


class IcebergOptions(SinkOptions):
    """Options of the sink `iceberg`."""

    connection: ClassVar[frozenset[str]] = frozenset({"catalog", "commit_timeout"})

    catalog: SqliteCatalog
    """Where the tables are."""
    namespace: str = Field(default="lakehouse", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Namespace (schema) of the tables; made on the first load."""
    evolution: Literal["evolve", "freeze"] = Field(default="evolve", alias="schema")
    """What new columns do: `evolve` adds them to the table, `freeze` fails the file."""
    max_new_columns: int | None = Field(default=None, ge=0)
    """Columns that one load may add to a table that exists; beyond it the files fail."""
    on_type_conflict: Literal["widen", "null", "reject", "fail"] = "widen"
    """When a file's values do not fit the type of the table's column: `widen` the column where
    Iceberg allows it, else as `null`; `null`: the value becomes NULL and a reject; `reject`: the
    whole record is rejected; `fail`: the file fails."""
    registry_table: str = "_ingest_registry"
    """Table that remembers every processed file."""
    rejects_table: str = "_ingest_rejects"
    """Table that keeps every record and cell that did not reach its table."""
    commit_timeout: Duration = Field(default=120.0, ge=0)
    """How long a commit is tried again while other writers win."""
    table_properties: dict[str, str] = Field(default_factory=dict)
    """Iceberg table properties of new tables, over the built-in ones."""
