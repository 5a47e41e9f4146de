"""Options of every sink that keeps Iceberg tables."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from lakefall.contract.plugin import Options, SinkOptions
from lakefall.contract.units import Duration, Share, Size

_OWN_NAME = r"^[A-Za-z_][A-Za-z0-9_]{0,127}$"
"""A name is part of a path in the warehouse."""


def _null_is_a_word(value: object) -> object:
    """YAML reads a bare ``null`` as nothing."""
    return "null" if value is None else value


class Maintenance(Options):
    """What `lakefall maintain` does to a table."""

    small_file: Size = Field(default=8_000_000, ge=1)
    """Data files below this size are merged."""
    target_file: Size = Field(default=32_000_000, ge=1)
    """Size of the data files that they are merged into."""
    keep_snapshots_for: Duration = Field(default=7 * 86_400.0, ge=0)
    """How long a snapshot can be read after another one took its place."""
    keep_snapshots: int = Field(default=10, ge=1, le=1_000_000)
    """Latest snapshots that stay, however old they are."""

    @model_validator(mode="after")
    def _check_sizes(self) -> Self:
        if self.target_file < self.small_file:
            raise ValueError(
                f"target_file ({self.target_file:,} bytes) is below small_file "
                f"({self.small_file:,} bytes): what is merged would be merged again each time"
            )
        return self


class LakeOptions(SinkOptions):
    """What happens to tables and files, wherever the tables are."""

    namespace: str = Field(default="lakehouse", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Namespace (schema) of the tables; made on the first load."""
    evolution: Literal["evolve", "freeze"] = Field(default="evolve", alias="schema")
    """`evolve`: new columns are added to the table; `freeze`: they fail the file, and no column is
    widened."""
    max_new_columns: int | None = Field(default=None, ge=0, le=100_000)
    """Columns that one load may add to a table that exists; beyond it the files fail."""
    on_type_conflict: Annotated[
        Literal["repair", "widen", "null", "reject", "fail"], BeforeValidator(_null_is_a_word)
    ] = "repair"
    """When the files of a table together ask for another type of a column: `repair` the table, so
    that types and rows are those that one load of all its files would give, whatever their order:
    the column is widened where Iceberg allows it, else the table is rebuilt from its files in one
    commit; rows stand for files that the source has no more, where they tell the files' values.
    Otherwise the table's type governs: `widen` the column where Iceberg allows it, else as
    `null`; `null` (the letter of the specification): the value becomes NULL and a reject; `reject`:
    the whole record is rejected; `fail`: the file fails."""
    repair_limit: Size = Field(default=10_000_000_000, ge=0)
    """Bytes of source files that a repair may read again; beyond it the file that asks for the
    repair fails, unless its values fit the table as it is."""
    max_nulled: Share | None = None
    """Share of a column's values in one file, from 20 on, that may become NULL because they do not
    parse as its type: where several files decide, a type that loses more in one of them is not
    taken. 1 - `threshold` where it is not set."""
    registry_table: str = Field(default="_ingest_registry", pattern=_OWN_NAME)
    """Table that remembers every processed file."""
    rejects_table: str = Field(default="_ingest_rejects", pattern=_OWN_NAME)
    """Table that keeps every record and cell that did not reach its table."""
    maintenance: Maintenance = Maintenance()
    """How `lakefall maintain` compacts tables and expires their snapshots."""

    @property
    def repairs(self) -> bool:
        """Whether types follow all files of a table."""
        return self.on_type_conflict == "repair" and self.evolution == "evolve"
