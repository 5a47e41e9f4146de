"""What a pipeline file says about an Iceberg sink."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from lakefall.config.units import Duration
from lakefall.plugin import Options, SinkOptions


def _null_is_a_word(value: object) -> object:
    """YAML reads a bare ``null`` as nothing."""
    return "null" if value is None else value


class SqliteCatalog(Options):
    """A catalog for one machine: an SQLite file in the folder that holds the tables."""

    type: Literal["sqlite"] = "sqlite"
    """Which kind of catalog."""
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
    """`evolve`: new columns are added to the table; `freeze`: they fail the file, and no column is
    widened."""
    max_new_columns: int | None = Field(default=None, ge=0)
    """Columns that one load may add to a table that exists; beyond it the files fail."""
    on_type_conflict: Annotated[
        Literal["widen", "null", "reject", "fail"], BeforeValidator(_null_is_a_word)
    ] = "widen"
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
