"""What a pipeline file says about a Trino sink."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from lakefall.contract.units import Duration
from lakefall_plugins.sinks.lake.options import LakeOptions, Maintenance
from lakefall_plugins.trino_client.connection import TrinoConnection


class TrinoMaintenance(Maintenance):
    """What `lakefall maintain` does to a table."""

    keep_orphans_for: Duration = Field(default=7 * 86_400.0, ge=86_400)
    """How old a file must be that no snapshot names before it is deleted; at least a day. Younger
    ones may belong to a write that has not committed yet. Trino refuses less than its
    `iceberg.remove-orphan-files.min-retention`."""


class TrinoOptions(TrinoConnection, LakeOptions):
    """Options of the sink `trino`."""

    connection: ClassVar[frozenset[str]] = TrinoConnection.connection | {
        "replace",
        "batch_rows",
        "max_statement_chars",
        "commit_timeout",
        "staging_ttl",
        "maintenance",
    }

    replace: Literal["merge", "delete_insert"] = "merge"
    """How a file's rows are replaced: `merge`: in one commit, so that a reader sees the old rows
    or the new; `delete_insert`: by a DELETE and INSERTs, which readers may see half done."""
    batch_rows: int = Field(default=500, ge=1, le=100_000)
    """Rows of one INSERT."""
    max_statement_chars: int = Field(default=1_000_000, ge=10_000, le=100_000_000)
    """Length of a statement that the server takes (its `query.max-length`)."""
    commit_timeout: Duration = Field(default=120.0, ge=0, le=86_400)
    """How long a commit is tried again while other writers win."""
    staging_ttl: Duration = Field(default=86_400.0, gt=0)
    """Age at which a staging table of another machine counts as left behind."""
    maintenance: TrinoMaintenance = TrinoMaintenance()
    """How `lakefall maintain` compacts tables and expires their snapshots."""
