"""The types INTEGER, BIGINT and DOUBLE, what all numbers share, and what bars a column from them.

Patterns: "Type Inference" of the specification, with one difference unless ``leading_zeros`` is
``number``: a leading zero makes a text of digits a name (a zip code, a phone number). A text in
another format than the plain one is turned into it, behind a pattern of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import ClassVar

from typing_extensions import override

from lakefall.common.sql import literal
from lakefall.contract.plugin import NoOptions, O_co
from lakefall.contract.types import Role, Sign, TypeCandidate, TypePlugin, TypeSettings
from lakefall_plugins.types.number_formats import (
    PLAIN,
    NumberFormat,
    is_address,
    is_made_of_digits,
    number_format,
    places,
)

FAMILY = "number"
MISGROUPED = ("1,23", "1234,567", "1,,234", ",123", "1,234,", "0,123", "1,2345")
LEADING_ZERO = "with a leading zero"
BEYOND_BIGINT = "beyond 64 bits"
EXACT = 2**53
"""Up to here a DOUBLE holds every integer (IEEE 754)."""
LARGEST_DOUBLE = "1.7976931348623157e308"
EXPONENT = "([eE][+-]?[0-9]+)?"
EXPONENT_CODE = "of digits, E and digits"
_CODE = "[0-9]+E[0-9]+|[0-9]{2,}e[0-9]+|[0-9]e0[0-9]+"
"""Serial and part numbers such as ``32E0134`` (dust-tt/dust#29259, danielaparker/jsoncons#333). Who
writes numbers with an exponent and no sign writes a point, or one digit and a small ``e``."""
DIGITS = 17
"""As many decimal digits tell any two values of a DOUBLE apart (IEEE 754)."""
# Fewer characters than this, and no exponent: the value is no smaller than the smallest DOUBLE.
PLAIN_LENGTH = 300


class Number(TypePlugin[O_co]):
    """Base of numbers: plain, and in every configured format."""

    stem: ClassVar[str]
    """What the type's name is, or begins with."""
    order: ClassVar[int]
    """Of plain numbers."""
    among: ClassVar[int]
    """Place among the numbers of one format."""

    def plain(self, type_name: str, settings: TypeSettings) -> TypeCandidate | None:
        """The reading of plain numbers; None where the type is another's."""
        raise NotImplementedError

    def largest(self, candidate: TypeCandidate) -> str:
        """The digits of a large whole number of the type."""
        raise NotImplementedError

    def fraction(self, candidate: TypeCandidate, *, percent: bool) -> str | None:
        """The regular expression of the digits after the decimal separator; ``''`` for a type of
        whole numbers, None where a share has no room."""
        raise NotImplementedError

    def cast(self, plain: TypeCandidate, text: str) -> str:
        """SQL of the value of a plain number that has passed its pattern, or has an exponent."""
        return plain.parse(text)

    @property
    def proposed(self) -> str:
        """The name of the type that inference proposes."""
        return self.stem

    @override
    def candidates(self, settings: TypeSettings) -> Iterable[TypeCandidate]:
        for place in places(settings.number_formats):
            written = place.format
            found = self._reading(self.proposed, written, settings)
            if found is None or (place.after_plain and not self._adds(found, written)):
                continue
            # What is preferred to plain numbers is tried on them too.
            hinted = place.after_plain or written.with_unit
            found = replace(
                found,
                order=place.order(self.order, self.among),
                telltale=found.telltale if hinted else None,
            )
            yield _careful(found, written) if written.format in settings.unasked else found

    @override
    def for_type(self, type_name: str, format: str, settings: TypeSettings) -> TypeCandidate | None:
        if not type_name.startswith(self.stem):
            return None
        found = self._reading(type_name, number_format(format), settings)
        if found is None and (plain := self.plain(type_name, settings)) is not None:
            raise ValueError(
                f"{plain.type} has no room for {format!r}, which is a share: 12.5% is 0.125; take "
                "DOUBLE, or a DECIMAL with two digits more after the point"
            )
        return found

    def _adds(self, candidate: TypeCandidate, written: NumberFormat) -> bool:
        """Whether the type has numbers in this format that look otherwise than plain ones."""
        fraction = self.fraction(candidate, percent=written.percent)
        grouped = bool(written.group) and len(self.largest(candidate)) > 3
        pointed = bool(fraction) and (written.leading_point or written.decimal != ".")
        return grouped or pointed or written.with_unit

    def _reading(
        self, type_name: str, written: NumberFormat, settings: TypeSettings
    ) -> TypeCandidate | None:
        plain = self.plain(type_name, settings)
        if plain is None:
            return None
        plain = replace(plain, layout=PLAIN, family=FAMILY, numeric=True)
        if not written.format:
            return plain
        fraction = self.fraction(plain, percent=written.percent)
        if fraction is None:
            return None
        zeros = settings.leading_zeros == "number"
        return self._in_format(plain, written, written.pattern(fraction, zeros=zeros))

    def _in_format(
        self, plain: TypeCandidate, written: NumberFormat, pattern: str
    ) -> TypeCandidate:
        def parse(text: str) -> str:
            number = written.plain(text)
            if written.leading_point:
                return plain.parse(number)
            value = self.cast(plain, number)
            otherwise = f" ELSE {plain.parse(text)}" if written.extends_plain else ""
            guard = f"regexp_full_match({text}, {literal(pattern)})"
            return f"CASE WHEN {guard} THEN {value}{otherwise} END"

        good, bad = self._examples(plain, written)
        return replace(
            plain,
            parse=parse,
            format=written.format,
            layout="",
            extends=written.extends,
            telltale=written.telltale,
            text=None,
            examples=good,
            counter_examples=bad,
        )

    def _examples(
        self, plain: TypeCandidate, written: NumberFormat
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        largest, zero = self.largest(plain), written.write("0")
        good = [zero, written.write(largest), written.write(largest, sign="-")]
        bad = ["", "-", "x", "--0", f"{zero}0x", written.write("0", ".5")]
        (good if self.fraction(plain, percent=written.percent) else bad).append(
            written.write("0", "0")
        )
        for group in written.group[:1]:
            bad += [zero.replace("0", text.replace(",", group)) for text in MISGROUPED]
        if written.with_unit:
            bad += ["0", "1e3", f"{written.prefix}{zero}{written.suffix}"]
        return tuple(good), tuple(bad)


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
            text=as_text,
            signs=leading_zeros(settings),
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
            text=as_text,
            signs=(*leading_zeros(settings), Sign(BEYOND_BIGINT, _beyond_bigint, Role.NO_NUMBER)),
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
    """Decimal and scientific numbers of 64 bits. A decimal becomes the nearest DOUBLE, as
    everywhere; the evidence counts those of more than 17 digits, which `decimal` keeps. Integers
    beyond 2^53, and numbers too large or too small for the type, are refused."""

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
            text=as_text,
            signs=(*leading_zeros(settings), *_exponents(settings), _ROUNDED),
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


def _careful(candidate: TypeCandidate, written: NumberFormat) -> TypeCandidate:
    """A reading in a format that nobody asked for: only where it is certain."""
    proof = literal(written.proof)
    name = f"{candidate.type} {written.format}"
    proved = Sign(
        f"proof of {written.format}",
        lambda text: f"regexp_full_match({text}, {proof})",
        Role.NEEDED,
        "none shows which mark begins decimals; number_formats says it",
    )
    denied = Sign(
        f"other than {name}",
        lambda text: (
            f"(({is_made_of_digits(text)} AND ({candidate.parse(text)}) IS NULL)"
            f" OR {is_address(text)})"
        ),
        Role.AGAINST,
        f"some, of digits and marks too, are none in the format {written.format!r}",
    )
    signs = (*candidate.signs, proved, denied)
    return replace(candidate, signs=signs, telltale=written.careful_telltale)


NOT_WHOLE = ("10.75", "5.", "1e3", "+5", "1_000", "0x1F", "0b11", "5 ", " 5", "5\n", "", "-", "--5")


def as_text(value: str) -> str:
    """SQL of a value as the engine writes it."""
    return f"CAST({value} AS VARCHAR)"


def may_be_number(text: str) -> str:
    """SQL boolean: the first character is that of a number, or close to one.

    A cast that fails costs ten times one that succeeds, and this comparison next to nothing.
    """
    return f"({text} >= '-' AND {text} < ':')"


def leading_zeros(settings: TypeSettings) -> tuple[Sign, ...]:
    """The sign of a number written with a leading zero, such as ``00501``, unless it is one."""
    if settings.leading_zeros == "number":
        return ()

    def holds(text: str) -> str:
        # The comparison is cheap and rules out nearly everything before the pattern is tried.
        return (
            f"((({text} >= '00' AND {text} < '0:') OR ({text} >= '-00' AND {text} < '-0:'))"
            rf" AND regexp_full_match({text}, '-?0[0-9]+(\.[0-9]*)?{EXPONENT}'))"
        )

    return (Sign(LEADING_ZERO, holds, Role.NO_NUMBER),)


def _exponents(settings: TypeSettings) -> tuple[Sign, ...]:
    if settings.exponents == "number":
        return ()
    return (Sign(EXPONENT_CODE, _is_code, Role.NO_NUMBER),)


def _is_code(text: str) -> str:
    # To look for the letter costs a fifth of the pattern.
    return f"(({text} GLOB '[0-9]*[eE][0-9]*') AND regexp_full_match({text}, '{_CODE}'))"


def _is_rounded(text: str) -> str:
    digits = f"trim(regexp_replace({text}, '[eE].*$|[^0-9]', '', 'g'), '0')"
    return f"(CASE WHEN strlen({text}) > {DIGITS} THEN strlen({digits}) > {DIGITS} ELSE false END)"


_ROUNDED = Sign(
    f"more than {DIGITS} digits",
    _is_rounded,
    Role.SAID,
    "rounded to the nearest DOUBLE; `decimal` keeps all of them",
)


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
    coded = settings.exponents != "number"

    def parse(text: str) -> str:
        value = f"try_cast({text} AS DOUBLE)"
        return (
            f"CASE WHEN NOT {may_be_number(text)} THEN NULL"
            rf" WHEN strlen({text}) < {PLAIN_LENGTH}"
            rf" AND regexp_full_match({text}, '-?{short}(\.[0-9]*)?') THEN {value}"
            rf" WHEN regexp_full_match({text}, '-?{whole}(\.[0-9]*)?{EXPONENT}')"
            f"{f' AND NOT {_is_code(text)}' if coded else ''}"
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
