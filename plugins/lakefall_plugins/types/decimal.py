"""The type DECIMAL(precision, scale)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from typing_extensions import override

from lakefall.contract.types import TypeCandidate, TypeSettings
from lakefall_plugins.types.numbers import Number, leading_zeros
from lakefall_plugins.types.options import MOST_DIGITS, DecimalOptions

_NAME = re.compile(r"DECIMAL\((\d+), ?(\d+)\)")


@dataclass(frozen=True, slots=True)
class Digits:
    """What a DECIMAL holds."""

    precision: int
    scale: int

    @property
    def name(self) -> str:
        return f"DECIMAL({self.precision},{self.scale})"

    @property
    def largest(self) -> str:
        """The most that fits before the point."""
        return "9" * (self.precision - self.scale) or "0"


class Decimal(Number[DecimalOptions]):
    """Exact decimal numbers; a value that would be rounded is refused."""

    name = "decimal"
    stem = "DECIMAL"
    order = 350
    among = 2

    @property
    @override
    def proposed(self) -> str:
        return Digits(self.options.precision, self.options.scale).name

    @override
    def plain(self, type_name: str, settings: TypeSettings) -> TypeCandidate | None:
        digits = _digits(type_name)
        return None if digits is None else _plain(digits, settings)

    @override
    def cast(self, plain: TypeCandidate, text: str) -> str:
        return f"try_cast({text} AS {plain.duckdb})"

    @override
    def fraction(self, candidate: TypeCandidate, *, percent: bool) -> str | None:
        digits = _digits(candidate.type)
        room = -1 if digits is None else digits.scale - (2 if percent else 0)
        # Zeros beyond the scale mean nothing and lose nothing.
        return None if room < 0 else f"(?:[0-9]{{1,{room}}}0*|0+)" if room else "0+"

    @override
    def largest(self, candidate: TypeCandidate) -> str:
        digits = _digits(candidate.type)
        return "0" if digits is None else digits.largest


def _digits(type_name: str) -> Digits | None:
    match = _NAME.fullmatch(type_name)
    if match is None:
        return None
    digits = Digits(int(match[1]), int(match[2]))
    fits = 1 <= digits.precision <= MOST_DIGITS and digits.scale <= digits.precision
    return digits if fits else None


def _plain(digits: Digits, settings: TypeSettings) -> TypeCandidate:
    any_zeros = settings.leading_zeros == "number"
    whole = "[0-9]+" if any_zeros else "(0|[1-9][0-9]*)"
    scale, largest = digits.scale, digits.largest
    fraction = rf"\.[0-9]{{0,{scale}}}0*" if scale else r"\.0*"

    def parse(text: str) -> str:
        return (
            f"CASE WHEN regexp_full_match({text}, '-?{whole}({fraction})?')"
            f" THEN try_cast({text} AS {digits.name}) END"
        )

    return TypeCandidate(
        type=digits.name,
        order=Decimal.order,
        iceberg=f"decimal({digits.precision},{scale})",
        duckdb=digits.name,
        parse=parse,
        signs=leading_zeros(settings),
        examples=("0", "-0", largest, f"-{largest}", "0." + "0" * scale),
        counter_examples=(
            *(f"1{'0' * (digits.precision - scale)}", f"0.{'0' * scale}1"),
            *("1e1", ".5", "+5", "1_0", "5 ", " 5", "", "-", "nan"),
            *(() if any_zeros else ("00501",)),
        ),
    )
