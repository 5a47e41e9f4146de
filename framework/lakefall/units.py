"""Quantities as people write them in a pipeline file."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")


def seconds(value: Any) -> Any:
    """``30s``, ``5m``, ``1.5h``, ``2d``, ``250ms`` as seconds; anything else as it is.

    Raises:
        ValueError: a text that is no duration.
    """
    if not isinstance(value, str):
        return value
    found = _DURATION.fullmatch(value.strip())
    if found is None:
        raise ValueError(f"{value!r} is no duration; write 30s, 5m, 2h or 1d")
    return float(found[1]) * _SECONDS[found[2]]


Duration = Annotated[
    float, BeforeValidator(seconds, json_schema_input_type=str | float), Field(ge=0)
]
"""Seconds, written as ``30s``, ``5m``, ``2h``, ``1d``."""
