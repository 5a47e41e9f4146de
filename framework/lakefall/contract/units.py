"""Sizes, durations, shares and paths as people write them in a pipeline file.

Annotated types for plugin options: the option holds a number, the file may say ``8KB``, ``30s``
or ``50%``. What comes from the environment arrives as text, so plain numbers are read from text
too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

_NUMBER_UNIT = re.compile(r"\s*([0-9]{1,30}(?:\.[0-9]{1,30})?)\s*([a-z%]*)\s*", re.IGNORECASE)
_SIZES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12} | {
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
_MILLISECONDS = {"": 1000, "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_PERCENT = {"": 100, "%": 1}
LARGEST = 10**18
"""Bytes of the largest size: more than there is anywhere."""
LONGEST = 36_525 * 86_400
"""Seconds of the longest duration, 100 years: what is added to a date stays one."""


def parse_size(value: object) -> int:
    """Bytes: ``8KB`` is 8,000, ``8KiB`` is 8,192, a plain number is bytes.

    Raises:
        PydanticCustomError: it is no size.
    """
    size = _scaled(value, _SIZES)
    if size is None or size != int(size):
        raise PydanticCustomError("size", "expected a size such as 8KB, 100MB or 1GiB")
    if size > LARGEST:
        raise PydanticCustomError("size", "expected a size of at most 1000000TB")
    return int(size)


def parse_duration(value: object) -> float:
    """Seconds: ``30s``, ``5m``, ``1.5h``, ``2d``, ``200ms``; a plain number is seconds.

    Raises:
        PydanticCustomError: it is no duration.
    """
    milliseconds = _scaled(value, _MILLISECONDS)
    if milliseconds is None:
        raise PydanticCustomError("duration", "expected a duration such as 30s, 5m or 2h")
    if milliseconds > LONGEST * 1000:
        raise PydanticCustomError("duration", "expected a duration of at most 36525d")
    return float(milliseconds / 1000)


def parse_share(value: object) -> float:
    """A part of the whole, 0 to 1: ``50%`` or ``0.5``.

    Raises:
        PydanticCustomError: it is no share.
    """
    percent = _scaled(value, _PERCENT)
    if percent is None or percent > 100:
        raise PydanticCustomError("share", "expected a share such as 50% or 0.5, at most 100%")
    return float(percent / 100)


def _scaled(value: object, units: Mapping[str, int]) -> Decimal | None:
    """The number in the smallest unit, exact; None when it is no such number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    match = _NUMBER_UNIT.fullmatch(str(value))
    unit = match and units.get(match[2].lower())
    return Decimal(match[1]) * unit if match and unit else None


def _beside_pipeline(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder")
    return path if folder is None else Path(folder) / path


_SIZE_TEXT = r"^\s*[0-9]*\.?[0-9]+\s*([KMGT]i?)?[Bb]?\s*$"
_DURATION_TEXT = r"^\s*[0-9]*\.?[0-9]+\s*(ms|s|m|h|d)?\s*$"
_SHARE_TEXT = r"^\s*[0-9]*\.?[0-9]+\s*%?\s*$"

Size = Annotated[
    int,
    BeforeValidator(parse_size),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": LARGEST},
                {"type": "string", "pattern": _SIZE_TEXT},
            ]
        }
    ),
]
"""Bytes."""

Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": LONGEST},
                {"type": "string", "pattern": _DURATION_TEXT},
            ]
        }
    ),
]
"""Seconds."""

Share = Annotated[
    float,
    BeforeValidator(parse_share),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": 1},
                {"type": "string", "pattern": _SHARE_TEXT},
            ]
        }
    ),
]
"""0 to 1."""

ConfigPath = Annotated[Path, AfterValidator(_beside_pipeline)]
"""A file that belongs to the pipeline file, such as a validator's schema: a relative path is
resolved against the pipeline file's folder. (A plain ``Path`` stays relative to the current
directory, as a user types it.)"""
