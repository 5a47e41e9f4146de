"""Names of staging tables: which run's they are cannot be told, how old they are can."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime

PREFIX = "_lakefall_staging_"
"""No table that files feed begins with this."""
_NAME = re.compile(PREFIX + r"(\d{14})_[0-9a-f]{12}")
_TIME = "%Y%m%d%H%M%S"


def new_name(now: datetime) -> str:
    """A name that nobody else has."""
    return f"{PREFIX}{now.astimezone(UTC).strftime(_TIME)}_{secrets.token_hex(6)}"


def is_staging(name: str) -> bool:
    return name.startswith(PREFIX)


def made_at(name: str) -> datetime | None:
    """When a staging table was made, UTC; None for other names."""
    found = _NAME.fullmatch(name)
    return datetime.strptime(found[1], _TIME).replace(tzinfo=UTC) if found else None
