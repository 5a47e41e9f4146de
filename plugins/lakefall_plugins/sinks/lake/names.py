"""Names that sinks write into a namespace: audit columns, properties, staging tables."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime

SOURCE_FILE = "_source_file"
INGESTED_AT = "_ingested_at"
AUDIT_TYPES = {SOURCE_FILE: "string", INGESTED_AT: "timestamp"}
"""Iceberg types of the audit columns, in the order of a new table."""

COMMIT_ID = "lakefall.commit"
"""Snapshot property: id of the load, looked for after a commit that may have been done or not."""
RUN_ID = "lakefall.run-id"
FILES = "lakefall.files"
"""Snapshot property: the files of the load (see ``snapshots``)."""
FILES_LOCATION = "lakefall.files-location"
"""Snapshot property: object that holds what is too long for ``FILES``."""
KEPT = "lakefall.kept"
"""Snapshot property of maintenance: what snapshots that it let expire knew of files."""
KEPT_LOCATION = "lakefall.kept-location"
EXPIRED_LOCATION = "lakefall.expired-location"
"""Snapshot property of maintenance: object with the files that nobody names any more."""

_FORMAT = "lakefall.format."
_TYPE = "lakefall.type."

OWN_TABLE_PROPERTIES = {
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "100",
    # Every load adds a manifest, and looks into all of them: keep them few.
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "10",
}
TABLE_PROPERTIES = {
    # The default, truncate(16), cannot tell long keys apart: a replace would read the data.
    f"write.metadata.metrics.column.{SOURCE_FILE}": "full",
    **OWN_TABLE_PROPERTIES,
}


def format_property(column: str) -> str:
    """Table property with the layout of a column's text, such as ``%d/%m/%Y``."""
    return _FORMAT + column


def type_property(column: str) -> str:
    """Table property with a type's name that its Iceberg type does not imply."""
    return _TYPE + column


def stale_properties(properties: Mapping[str, str], columns: set[str]) -> list[str]:
    """Properties of ours about columns that are not among ``columns``."""
    return [
        name
        for name in properties
        for prefix in (_FORMAT, _TYPE)
        if name.startswith(prefix) and name.removeprefix(prefix) not in columns
    ]


STAGING_PREFIX = "_lakefall_staging_"
"""No table that files feed begins with this."""
_STAGING = re.compile(STAGING_PREFIX + r"(\d{14})_[0-9a-f]{12}")
_STAGED_AT = "%Y%m%d%H%M%S"


def new_staging_name(now: datetime) -> str:
    """A name for a staging table that nobody else has; it tells how old the table is."""
    return f"{STAGING_PREFIX}{now.astimezone(UTC).strftime(_STAGED_AT)}_{secrets.token_hex(6)}"


def is_staging(name: str) -> bool:
    return name.startswith(STAGING_PREFIX)


def staged_at(name: str) -> datetime | None:
    """When a staging table was made, UTC; None for other names."""
    found = _STAGING.fullmatch(name)
    return datetime.strptime(found[1], _STAGED_AT).replace(tzinfo=UTC) if found else None
