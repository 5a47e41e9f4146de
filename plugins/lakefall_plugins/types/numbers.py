"""The types INTEGER, BIGINT and DOUBLE, and what bars a column from being a number.

Patterns: "Type Inference" of the specification, with one difference unless ``leading_zeros`` is
``number``: a leading zero makes a text of digits a name (a zip code, a phone number).
"""

from __future__ import annotations

from collections.abc import Callable

from typing_extensions import override

from lakefall.contract.plugin import NoOptions
from lakefall.contract.types import TypeCandidate, TypeSettings
from lakefall_plugins.types.number import Number

LEADING_ZERO = "with a leading zero"
BEYOND_BIGINT = "beyond 64 bits"
EXACT = 2**53
"""Up to here a DOUBLE holds every integer (IEEE 754)."""
LARGEST_DOUBLE = "1.7976931348623157e308"
EXPONENT = "([eE][+-]?[0-9]+)?"
# Fewer characters than this, and no exponent: the value is no smaller than the smallest DOUBLE.
PLAIN_LENGTH = 300


class Integer(Number[NoOptions]):
    """Whole numbers of 32 bits."""

    name = "integer"
    stem = "INTEGER"
    order = 200
    among = 0

    @override
    def plain(self, type_name: str, settings: TypeSettings) -> TypeCandidate | None:
        if type_name != self.stem:
            return None
        return TypeCandidate(
            type="INTEGER",
            order=self.order,
            iceberg="int",
            duckdb="INTEGER",
            parse=_whole("INTEGER", settings),
            veto=leading_zero_veto(settings),
            veto_reason=LEADING_ZERO,
            examples=("0", "-0", "42", "-7", "2147483647", "-2147483648"),
            counter_examples=("2147483648", "-2147483649", *NOT_WHOLE, *_zero_led(settings)),
        )

    @override
    def largest(self, candidate: TypeCandidate) -> str:
        return "2147483647"

    @override
    def fraction(self, candidate: TypeCandidate, *, percent: bool) -> str | None:
        return None if percent else ""


class Bigint(Number[NoOptions]):
    """Whole numbers of 64 bits; contains INTEGER."""

    name = "bigint"
    stem = "BIGINT"
    order = 300
    among = 1

    @override
    def plain(self, type_name: str, settings: TypeSettings) -> TypeCandidate | None:
        if type_name != self.stem:
            return None
        return TypeCandidate(
            type="BIGINT",
            order=self.order,
            iceberg="long",
            duckdb="BIGINT",
            parse=_whole("BIGINT", settings),
            veto=_beyond_bigint,
            veto_reason=BEYOND_BIGINT,
            examples=("0", "-0", "42", "9999999999", "-9223372036854775808", "9223372036854775807"),
            counter_examples=(
                "9223372036854775808",
                "-9223372036854775809",
                "12345678901234567890",
                *NOT_WHOLE,
                *_zero_led(settings),
            ),
        )

    @override
    def largest(self, candidate: TypeCandidate) -> str:
        return "9223372036854775807"

    @override
    def fraction(self, candidate: TypeCandidate, *, percent: bool) -> str | None:
        return None if percent else ""


class Double(Number[NoOptions]):
    """Decimal and scientific numbers of 64 bits; what they cannot hold is refused."""

    name = "double"
    stem = "DOUBLE"
    order = 400
    among = 3

    @override
    def plain(self, type_name: str, settings: TypeSettings) -> TypeCandidate | None:
        if type_name != self.stem:
            return None
        return TypeCandidate(
            type="DOUBLE",
            order=self.order,
            iceberg="double",
            duckdb="DOUBLE",
            parse=_double(settings),
            veto=leading_zero_veto(settings),
            veto_reason=LEADING_ZERO,
            examples=("0", "-0", "0.5", "3.14", "-0.5", "1.2e10", "5.", "1E-3", str(EXACT)),
            counter_examples=(
                *("1e400", "-1e400", "1e-400", str(EXACT + 1), "12345678901234567890"),
                *(".5", "+5", "1_000", "1,5", "1e", "e5", "1e5.5", "nan", "inf", "Infinity"),
                *("0x1F", "5 ", " 5", "5\t", "", "-", "1 000"),
                *_zero_led(settings),
            ),
        )

    @override
    def largest(self, candidate: TypeCandidate) -> str:
        return "12345"

    @override
    def fraction(self, candidate: TypeCandidate, *, percent: bool) -> str | None:
        return "[0-9]+"


NOT_WHOLE = ("10.75", "5.", "1e3", "+5", "1_000", "0x1F", "0b11", "5 ", " 5", "5\n", "", "-", "--5")


def may_be_number(text: str) -> str:
    """SQL boolean: the first character is that of a number, or close to one.

    A cast that fails costs ten times one that succeeds, and this comparison next to nothing.
    """
    return f"({text} >= '-' AND {text} < ':')"


def leading_zero_veto(settings: TypeSettings) -> Callable[[str], str] | None:
    """SQL that is true for a number written with a leading zero, such as ``00501``."""
    if settings.leading_zeros == "number":
        return None

    def veto(text: str) -> str:
        # The comparison is cheap and rules out nearly everything before the pattern is tried.
        return (
            f"((({text} >= '00' AND {text} < '0:') OR ({text} >= '-00' AND {text} < '-0:'))"
            rf" AND regexp_full_match({text}, '-?0[0-9]+(\.[0-9]*)?{EXPONENT}'))"
        )

    return veto


def _beyond_bigint(text: str) -> str:
    # 9223372036854775807 has nineteen digits.
    return (
        f"(strlen({text}) >= 19 AND regexp_full_match({text}, '-?[0-9]+')"
        f" AND try_cast({text} AS BIGINT) IS NULL)"
    )


def _zero_led(settings: TypeSettings) -> tuple[str, ...]:
    return () if settings.leading_zeros == "number" else ("00501", "-007", "00")


def _whole(kind: str, settings: TypeSettings) -> Callable[[str], str]:
    def parse(text: str) -> str:
        value = f"try_cast({text} AS {kind})"
        if settings.leading_zeros == "number":
            return f"CASE WHEN regexp_full_match({text}, '-?[0-9]+') THEN {value} END"
        # A number that reads back as it was written has no blank, sign, point, exponent,
        # underscore, prefix or leading zero: half the price of a pattern.
        return (
            f"CASE WHEN {may_be_number(text)}"
            f" AND (CAST({value} AS VARCHAR) = {text} OR {text} = '-0') THEN {value} END"
        )

    return parse


def _double(settings: TypeSettings) -> Callable[[str], str]:
    any_zeros = settings.leading_zeros == "number"
    whole = "[0-9]+" if any_zeros else "(0|[1-9][0-9]*)"
    short = "[0-9]{1,15}" if any_zeros else "(0|[1-9][0-9]{0,14})"

    def parse(text: str) -> str:
        value = f"try_cast({text} AS DOUBLE)"
        return (
            f"CASE WHEN NOT {may_be_number(text)} THEN NULL"
            rf" WHEN strlen({text}) < {PLAIN_LENGTH}"
            rf" AND regexp_full_match({text}, '-?{short}(\.[0-9]*)?') THEN {value}"
            rf" WHEN regexp_full_match({text}, '-?{whole}(\.[0-9]*)?{EXPONENT}')"
            f" AND {_held(text, value)} THEN {value} END"
        )

    return parse


def _held(text: str, value: str) -> str:
    """SQL that is true when a DOUBLE holds the number: neither infinite, nor gone, nor rounded."""
    return (
        f"abs({value}) <= {LARGEST_DOUBLE}"
        f" AND ({value} <> 0 OR NOT regexp_matches({text}, '^-?[0.]*[1-9]'))"
        f" AND (abs({value}) < {EXACT} OR regexp_matches({text}, '[eE]')"
        f" OR try_cast(split_part({text}, '.', 1) AS BIGINT) BETWEEN -{EXACT} AND {EXACT})"
    )
