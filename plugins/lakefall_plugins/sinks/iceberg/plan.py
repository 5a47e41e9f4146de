"""What planning has to know about a table, read with PyIceberg."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakefall_plugins.sinks.lake import comments
from lakefall_plugins.sinks.lake.plan import Field, Shape

if TYPE_CHECKING:
    from pyiceberg.table import Table


def shape_of(table: Table, name: str) -> Shape:
    """The table as planning sees it."""
    snapshot = table.current_snapshot()
    return Shape(
        name,
        tuple(
            Field(f.name, str(f.field_type), f.field_id, f.required) for f in table.schema().fields
        ),
        # The sink `trino` can write comments only.
        {**comments.properties({f.name: f.doc for f in table.schema().fields}), **table.properties},
        table.metadata.last_column_id,
        str(snapshot.snapshot_id) if snapshot else "",
        bool(table.spec().fields),
    )
