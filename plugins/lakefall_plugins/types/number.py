"""What all numbers share: the plain reading, and one in every configured format.

A text in another format than the plain one is turned into it, behind a pattern of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar

from typing_extensions import override

from lakefall.common.sql import literal
from lakefall.contract.plugin import O_co
from lakefall.contract.types import TypeCandidate, TypePlugin, TypeSettings
from lakefall_plugins.types.number_formats import PLAIN, NumberFormat, number_format, places

FAMILY = "number"
MISGROUPED = ("1,23", "1234,567", "1,,234", ",123", "1,234,", "0,123", "1,2345")


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
            told = place.after_plain or written.with_unit
            yield replace(
                found,
                order=place.order(self.order, self.among),
                telltale=found.telltale if told else None,
            )

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
