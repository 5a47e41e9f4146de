"""Options of every sink that keeps Iceberg tables."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from lakefall.plugin import SinkOptions


def _null_is_a_word(value: object) -> object:
    """YAML reads a bare ``null`` as nothing."""
    return "null" if value is None else value


class LakeOptions(SinkOptions):
    """What happens to tables and files, wherever the tables are."""

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
