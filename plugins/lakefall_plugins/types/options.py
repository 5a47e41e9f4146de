"""Options of the types that have some."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from lakefall.contract.plugin import Options

MOST_DIGITS = 38


class DecimalOptions(Options):
    """Which decimals inference proposes."""

    precision: int = Field(default=18, ge=1, le=MOST_DIGITS)
    """Digits in all."""
    scale: int = Field(default=2, ge=0, le=MOST_DIGITS)
    """Digits after the point."""

    @model_validator(mode="after")
    def _scale_fits(self) -> DecimalOptions:
        if self.scale > self.precision:
            raise ValueError(f"scale {self.scale} is larger than precision {self.precision}")
        return self


class TimestampOptions(Options):
    """Which layouts of timestamps inference proposes."""

    layouts: Literal["dates", "iso"] = "dates"
    """`dates`: ISO 8601, and every format of `date_formats` with a time of day after it; `iso`:
    ISO 8601 alone (the letter of the specification)."""
