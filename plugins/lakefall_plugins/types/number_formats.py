"""How numbers are written: samples such as ``1.234,5 €`` as patterns and as SQL.

A sample is the number 1234.5 as a file would write it. What stands between 1 and 234 groups
thousands, what stands before 5 is the decimal separator, what stands around is a unit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lakefall.common.sql import literal

PLAIN = "1234.5"
"""How the specification's numbers are written; in a table's format it is ``''``."""
LEADING_POINT = ".5"
"""Plain numbers, of which those below one may lack the zero."""
COMMON = "common"
"""Stands in ``number_formats`` for the formats below."""
_COMMON = (LEADING_POINT, "1234,5", "1,234.5", "1.234,5", "1 234,5", "1 234.5", "1'234.5")
_SAMPLE = re.compile(r"([^0-9]*?)1([^0-9]?)234([^0-9])5([^0-9]*)")
_BLANKS, _APOSTROPHES = " \u00a0\u202f", "'\u2019"
_GROUPS = {"": "", ".": ".", ",": ",", **dict.fromkeys(_BLANKS, _BLANKS),
           **dict.fromkeys(_APOSTROPHES, _APOSTROPHES)}  # fmt: skip
_ANY_BLANK = f"[{_BLANKS}]?"
_MARKS = f".,{_BLANKS}{_APOSTROPHES}"
_FORBIDDEN = set(".,+-'\"\\\u2019\t\r\n")
_UNIT = r"[^\w\s.,+\-'\"\\\u2019#()*/<>=]{1,2}|[A-Z]{3}"
_WITH_UNIT = re.compile(
    rf"-?(?P<prefix>(?:(?:{_UNIT})[{_BLANKS}]?)?)-?[0-9][0-9.,{_BLANKS}{_APOSTROPHES}]*?"
    rf"(?P<suffix>(?:[{_BLANKS}]?(?:{_UNIT}))?)"
)
_MARKS_OF_SAMPLES = (
    ("", "."),
    ("", ","),
    (",", "."),
    (".", ","),
    (" ", ","),
    (" ", "."),
    ("'", "."),
)
MOST = 16
"""Formats that a pipeline may list."""
BEFORE, AFTER = 100, 400
"""Orders of formats that are preferred to plain numbers, and of the others, count from here."""


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """One way to write numbers."""

    sample: str
    group: str
    """Characters that may stand between groups of three digits; ``''`` for none."""
    decimal: str
    """``.`` or ``,``."""
    prefix: str
    suffix: str

    @property
    def format(self) -> str:
        """What a table keeps; ``''`` for plain numbers."""
        return "" if self.sample == PLAIN else self.sample

    @property
    def leading_point(self) -> bool:
        """Whether these are plain numbers but for the zero before a point."""
        return self.sample == LEADING_POINT

    @property
    def percent(self) -> bool:
        """Whether the number counts hundredths."""
        return self.suffix.strip(_BLANKS) == "%"

    @property
    def extends_plain(self) -> bool:
        """Whether plain numbers, those with an exponent too, are of this format."""
        return "" in self.extends

    @property
    def with_unit(self) -> bool:
        """Whether every number has a unit."""
        return bool(self._units)

    @property
    def extends(self) -> tuple[str, ...]:
        """Formats whose every text is one of this too, and the same number."""
        if self.leading_point:
            return ("",)
        if not self.group:
            return ()
        narrower = f"{self.prefix}1234{self.decimal}5{self.suffix}"
        return (number_format(narrower).format,)

    def pattern(self, fraction: str, *, zeros: bool) -> str:
        """The regular expression of a whole text, without groups.

        Args:
            fraction: of the digits after the decimal separator; ``''`` for whole numbers only.
            zeros: a number may begin with zeros without meaning.
        """
        whole = "[0-9]+" if zeros else "(?:0|[1-9][0-9]*)"
        if self.group:
            whole = f"(?:[1-9][0-9]{{0,2}}(?:[{self.group}][0-9]{{3}})+|{whole})"
        if fraction:
            whole += f"(?:{re.escape(self.decimal)}{fraction})?"
        before = re.escape(self.prefix.strip(_BLANKS))
        after = re.escape(self.suffix.strip(_BLANKS))
        sign = f"(?:-?{before}{_ANY_BLANK}|{before}{_ANY_BLANK}-)" if before else "-?"
        return f"{sign}{whole}{f'{_ANY_BLANK}{after}' if after else ''}"

    def plain(self, text: str) -> str:
        """SQL of the plain number that a text of this format is; of a share where it counts
        hundredths."""
        if self.leading_point:
            return rf"regexp_replace({text}, '^(-?)\.([0-9])', '\10.\2')"
        dropped = "".join(sorted({*self.group, *self.prefix, *self.suffix, *self._blanks}))
        turned = f"translate({text}, {literal(self.decimal + dropped)}, '.')"
        return f"({turned} || 'e-2')" if self.percent else turned

    @property
    def proof(self) -> str:
        """The regular expression of numbers that show which mark begins decimals and which one
        groups thousands, without groups: 1,234 shows neither.

        Two groups do as well. Where blanks or apostrophes are between, the first has to be short:
        numbers of persons and telephones are groups of three throughout.
        """
        decimal = re.escape(self.decimal)
        certain = [
            f"[0-9]+{decimal}(?:[0-9]{{1,2}}|[0-9]{{4,}})",
            f"(?:0|[0-9]{{4,}}){decimal}[0-9]+",
        ]
        if self.group:
            most = 3 if self.group in (".", ",") else 2
            certain += [
                f"[0-9]{{1,3}}(?:[{self.group}][0-9]{{3}})+{decimal}[0-9]+",
                f"[0-9]{{1,{most}}}(?:[{self.group}][0-9]{{3}}){{2,}}",
            ]
        return f"-?(?:{'|'.join(certain)})"

    def careful_telltale(self, text: str) -> str:
        """SQL boolean: digits with this format's marks between them, as plain numbers do not have
        them; a date is none."""
        forms = []
        if self.group:
            begins = f"[0-9]{{1,3}}(?:[{self.group}][0-9]{{3}})"
            more = f"(?:{begins}+{re.escape(self.decimal)}[0-9]+|{begins}{{2,}})"
            forms.append(more if self.group == "." else f"{begins}+(?:[.,][0-9]+)?")
        if self.decimal == "," and self.group in ("", "."):
            forms.append("[0-9]+,[0-9]+")
        # A text that begins with no digit is ruled out by a comparison.
        return (
            f"(CASE WHEN {text} < '-' OR {text} >= ':' THEN false"
            f" ELSE regexp_full_match({text}, {literal('-?(?:' + '|'.join(forms) + ')')}) END)"
        )

    def telltale(self, text: str) -> str:
        """SQL boolean: the text is none that plain numbers would read alike."""
        if self.leading_point:
            return f"({text} GLOB '.[0-9]*' OR {text} GLOB '-.[0-9]*')"
        signs = [f"contains({text}, {literal(u)})" for u in self._units]
        if self.decimal == ",":
            signs.append(f"contains({text}, ',')")
        if self.group:
            signs.append(
                f"regexp_matches({text}, {literal(f'[{self.group}][0-9]{{3}}([^0-9]|$)')})"
            )
        return f"({' OR '.join(signs)})" if signs else "true"

    def write(self, digits: str, fraction: str = "", sign: str = "") -> str:
        """A number of this format; ``digits`` before the separator, ``fraction`` after it."""
        if self.leading_point and digits == "0" and fraction:
            return f"{sign}.{fraction}"
        if self.group:
            head = len(digits) % 3
            parts = [digits[:head], *(digits[i : i + 3] for i in range(head, len(digits), 3))]
            digits = self.group[0].join(p for p in parts if p)
        rest = f"{self.decimal}{fraction}" if fraction else ""
        return f"{sign}{self.prefix}{digits}{rest}{self.suffix}"

    @property
    def _units(self) -> list[str]:
        return [u for u in (self.prefix.strip(_BLANKS), self.suffix.strip(_BLANKS)) if u]

    @property
    def _blanks(self) -> str:
        return _BLANKS if self._units else ""


def is_made_of_digits(text: str) -> str:
    """SQL boolean: digits and marks alone, whatever they mean."""
    return rf"regexp_full_match({text}, {literal(f'-?[0-9](?:[0-9{_MARKS}]*[0-9])?')})"


def is_address(text: str) -> str:
    """SQL boolean: an address of IP, version 4, whose every part has three digits."""
    part = "(?:1[0-9]{2}|2[0-4][0-9]|25[0-5])"
    return rf"regexp_full_match({text}, '{part}(?:\.{part}){{3}}')"


def expand(samples: Sequence[str]) -> tuple[str, ...]:
    """The formats with those that ``common`` stands for, once each."""
    found = [f for s in samples for f in (_COMMON if s == COMMON else (s,))]
    return tuple(dict.fromkeys(found))


def unasked(samples: Sequence[str]) -> tuple[str, ...]:
    """Those of them that ``common`` alone stands for. Plain numbers that may lack a zero are read
    as nothing else."""
    return tuple(f for f in expand(samples) if f not in (*samples, LEADING_POINT))


def sample_of(text: str) -> str | None:
    """The format of a number with a unit, as a sample; None for other texts.

    A unit is a sign or two, or three capitals as those of currencies.
    """
    found = _WITH_UNIT.fullmatch(text)
    if found is None or not (found["prefix"] or found["suffix"]):
        return None
    for group, decimal in _MARKS_OF_SAMPLES:
        sample = f"{found['prefix']}1{group}234{decimal}5{found['suffix']}"
        if re.fullmatch(number_format(sample).pattern("[0-9]+", zeros=False), text):
            return sample
    return None


def number_format(sample: str) -> NumberFormat:
    """The format that a sample shows; of ``''`` plain numbers.

    Raises:
        ValueError: it is no such sample.
    """
    sample = sample or PLAIN
    if sample == LEADING_POINT:
        return NumberFormat(sample, "", ".", "", "")
    found = _SAMPLE.fullmatch(sample)
    if found is None:
        raise ValueError(
            f"{sample!r} is no sample of a number; write 1234.5 as the files do: '1.234,5', "
            "'$1,234.5', '1234,5 %'"
        )
    prefix, group, decimal, suffix = found.groups()
    if group not in _GROUPS or decimal not in (".", ",") or group == decimal:
        raise ValueError(
            f"{sample!r}: thousands are grouped by one of . , ' or a blank, decimals begin with "
            ". or , and the two differ"
        )
    if strange := sorted(_FORBIDDEN & {*prefix, *suffix}):
        raise ValueError(f"{sample!r}: {strange[0]!r} is no part of a unit")
    return NumberFormat(sample, _GROUPS[group], decimal, prefix, suffix)


@dataclass(frozen=True, slots=True)
class Place:
    """A format, and where it stands among the configured ones."""

    format: NumberFormat
    rank: int | None
    """Orders before those of plain numbers are below 200, after them above 400; None for plain
    numbers themselves."""

    @property
    def after_plain(self) -> bool:
        """Whether plain numbers are preferred to it."""
        return self.rank is not None and self.rank > AFTER

    def order(self, plain: int, among: int) -> int:
        """A candidate's order: that of plain numbers, or one of the formats' own.

        Args:
            among: the type's place within a format, 0 to 3.
        """
        return plain if self.rank is None else self.rank + among


def places(samples: Sequence[str]) -> Iterator[Place]:
    """The configured formats, preferred first."""
    plain = samples.index(PLAIN) if PLAIN in samples else len(samples)
    for position, sample in enumerate(samples):
        base = BEFORE + 4 * position + 1
        if position > plain:
            base = AFTER + 4 * (position - plain) + 1
        yield Place(number_format(sample), None if position == plain else base)
