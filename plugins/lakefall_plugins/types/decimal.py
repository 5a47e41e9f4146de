"""The type DECIMAL(precision, scale)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pydantic import Field, model_validator
from typing_extensions import override

from lakefall.plugin import Options
from lakefall.types import TypeCandidate, TypePlugin, TypeSettings
from lakefall_plugins.types.numbers import LEADING_ZERO, leading_zero_veto


class DecimalOptions(Options):
    """Which decimals inference proposes."""

    precision: int = Field(default=18, ge=1, le=38)
    """Digits in all."""
    scale: int = Field(default=2, ge=0, le=38)
    """Digits after the point."""

    @model_validator(mode="after")
    def _scale_fits(self) -> DecimalOptions:
        if self.scale > self.precision:
            raise ValueError(f"scale {self.scale} is larger than precision {self.precision}")
        return self


class Decimal(TypePlugin[DecimalOptions]):
    """Exact decimal numbers; a value that would be rounded is refused."""

    name = "decimal"

    @override
    def candidates(self, settings: TypeSettings) -> Iterable[TypeCandidate]:
        yield _candidate(self.options.precision, self.options.scale, settings)

    @override
    def for_type(self, type_name: str, format: str, settings: TypeSettings) -> TypeCandidate | None:
        match = re.fullmatch(r"DECIMAL\((\d+), ?(\d+)\)", type_name)
        if match is None:
            return None
        precision, scale = int(match[1]), int(match[2])
        if not (1 <= precision <= 38 and scale <= precision):
            return None
        return _candidate(precision, scale, settings)


def _candidate(precision: int, scale: int, settings: TypeSettings) -> TypeCandidate:
    any_zeros = settings.leading_zeros == "number"
    whole = "[0-9]+" if any_zeros else "(0|[1-9][0-9]*)"
    # Zeros beyond the scale say nothing and lose nothing.
    fraction = rf"\.[0-9]{{0,{scale}}}0*" if scale else r"\.0*"
    name = f"DECIMAL({precision},{scale})"

    def parse(text: str) -> str:
        return (
            f"CASE WHEN regexp_full_match({text}, '-?{whole}({fraction})?')"
            f" THEN try_cast({text} AS {name}) END"
        )

    largest = "9" * (precision - scale) or "0"
    return TypeCandidate(
        type=name,
        order=350,
        iceberg=f"decimal({precision},{scale})",
        duckdb=name,
        parse=parse,
        numeric=True,
        veto=leading_zero_veto(settings),
        veto_reason=LEADING_ZERO,
        examples=("0", "-0", largest, f"-{largest}", "0." + "0" * scale),
        counter_examples=(
            *(f"1{'0' * (precision - scale)}", f"0.{'0' * scale}1"),
            *("1e1", ".5", "+5", "1_0", "5 ", " 5", "", "-", "nan"),
            *(() if any_zeros else ("00501",)),
        ),
    )
