"""What a pipeline file says about a Trino registrar."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from lakefall.contract.units import Duration
from lakefall_plugins.trino_client.connection import TrinoConnection


class TrinoRegistrarOptions(TrinoConnection):
    """Options of the registrar `trino`."""

    connection: ClassVar[frozenset[str]] = TrinoConnection.connection | {"table_schema", "wait"}

    table_schema: str = Field(default="", alias="schema")
    """Trino's schema of the tables; empty: the sink's `namespace`."""
    wait: Duration = Field(default=10.0, ge=0, le=86_400)
    """How long a commit may take until Trino sees it (its catalog may keep metadata a while); all
    waiting of a run together."""
