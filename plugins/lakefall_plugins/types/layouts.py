"""How dates are written: ``strptime`` formats as patterns and as SQL.

The letters are those of ``strptime``. Where the month is a name, more is let through than
``strptime`` does, as none of it can be taken for another day: see ``Layout``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from lakefall.common.sql import literal

ISO = "%Y-%m-%d"
# Iceberg, Trino and Python know no year 0; a two-digit year is a misfit of %Y.
YEAR = "(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
SPECIFIED = (ISO, "%d/%m/%Y", "%m/%d/%Y")
"""The formats that the specification names."""
COMMON = "common"
"""Stands in ``date_formats`` for the formats below."""
_COMMON = (
    *("%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y"),
    *("%d %b %Y", "%b %d %Y", "%Y %b %d"),
)
_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september",
           "october", "november", "december")  # fmt: skip
SHORT_MONTHS = tuple(name[:3] for name in _MONTHS)
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTH = f"(?i:{'|'.join(f'{m[:3]}(?:{m[3:]})?' for m in _MONTHS if m != 'may')}|may|sept)"
_SHORT = f"(?i:{'|'.join(SHORT_MONTHS)})"
_WEEKDAY = f"(?i:{'|'.join(f'{d[:3]}(?:{d[3:]})?' for d in _WEEKDAYS)}|tues|thur|thurs)"
_BETWEEN = "[ ,./-]"
_PLAUSIBLE = {"Y": "(?:1[5-9][0-9]{2}|2[01][0-9]{2})"}
"""Years of dates in a format that nobody asked for: part numbers such as 10-05-1042 and versions
such as 6.1.7601 look like days of other ones."""
_BOUNDS = ({"m": "0?1", "d": "0?1"}, {"m": "12", "d": "31"})
"""The first and the last day of any year stand for `always` and `never`: 31.12.9999."""
_TWO_DIGITS = {"m": "[0-9]{2}", "d": "[0-9]{2}"}
"""Versions by calendar have no zeros: 2023.3.4 is no 4 March."""
_CAREFUL_ISO = {"m": "(?:[1-9]|1[0-2])"}
"""ISO dates of other than two digits each. A zero before the month and none before the day is a
registry number: 1634-04-4 is a substance (CAS)."""
_DIRECTIVES = {
    "Y": YEAR,
    "y": f"(?:{YEAR}|[0-9]{{2}})",
    "m": "[0-9]{1,2}",
    "d": "[0-9]{1,2}",
    "b": _MONTH,
    "B": _MONTH,
    "%": "%",
}
_PARTS = {"year": "Yy", "month": "mbB", "day": "d"}
_NAMED = (
    f"^(?:[A-Za-z]{{3,9}}{_BETWEEN}{{1,2}})?(?:[0-9]{{1,4}}(?:[a-z]{{2}})?{_BETWEEN}{{0,3}})?"
    f"{_SHORT}[a-zA-Z]{{0,6}}{_BETWEEN}{{0,3}}[0-9]"
)
"""Near enough to a date with a month's name."""
_LONGEST = 60
"""Bytes of the longest date with a month's name and a time of day, and some more."""


@dataclass(frozen=True)
class Layout:
    """One way to write a date.

    Days and months may have one digit, as in ``datetime.strptime``, unless the next directive
    follows without a separator. A year of ``%y`` may have two digits (69 to 99 are 19.., as in
    POSIX) or four. Where the month is a name, ``%b`` and ``%B`` are alike: in full or short, with
    a dot or without, in any case; blanks, commas, dots, slashes and hyphens between the parts are
    alike; a weekday before it, and the ``th`` of ``5th``, are passed over.

    Raises:
        ValueError: the format has a directive that is no part of a date, or lacks year, month or
            day.
    """

    format: str
    doubted: bool = False
    """Nobody asked for it by name: only what can hardly be anything else than a date is one."""

    def __post_init__(self) -> None:
        found = re.findall(r"%(.)", self.format.replace("%%", ""), re.DOTALL)
        for letter in found:
            if letter not in _DIRECTIVES:
                raise ValueError(
                    f"{self.format!r}: %{letter} is no part of a date; use %Y %y %m %d %b %B"
                )
        for part, letters in _PARTS.items():
            count = sum(found.count(letter) for letter in letters)
            if count != 1:
                raise ValueError(
                    f"{self.format!r} has {count or 'no'} {part}{'s' if count else ''}; a date's "
                    "format has one year (%Y, %y), one month (%m, or its name %b) and one day "
                    "(%d), such as '%d.%m.%Y'"
                )
        if "".join(self._pieces) != self.format:
            raise ValueError(f"{self.format!r} ends in a single %; write %% for a percent sign")

    @property
    def named(self) -> bool:
        """Whether the month is a name."""
        return "%b" in self.format or "%B" in self.format

    @property
    def short_year(self) -> bool:
        """Whether the year may have two digits."""
        return "%y" in self.format

    @property
    def extends(self) -> tuple[str, ...]:
        """Formats whose every text is one of this layout too, and means the same day."""
        formats = [self.format]
        if self.short_year:
            formats.append(self.format.replace("%y", "%Y"))
        if self.named:
            formats += [f.replace("%b", "%B") for f in formats]
            formats += [f.replace("%B", "%b") for f in formats]
        return tuple(dict.fromkeys(f for f in formats if f != self.format))

    @cached_property
    def pattern(self) -> str:
        """The regular expression of a text in this layout, without groups."""
        if not self.doubted or self.named:
            return self._expression(grouped=False)
        careful = _PLAUSIBLE | {"y": f"(?:{_PLAUSIBLE['Y']}|[0-9]{{2}})"}
        bounds = _BOUNDS
        if self.format == ISO:
            careful |= _CAREFUL_ISO
        elif re.match("%[Yy][.]", self.format):
            careful |= _TWO_DIGITS
            bounds = ({"m": "01", "d": "01"}, bounds[1])
        return "(?:" + "|".join(map(self._plain_expression, (careful, *bounds))) + ")"

    def value(self, text: str) -> str:
        """SQL of the DATE of a text that matches ``pattern``; NULL for a day that is none."""
        formats = [self.format]
        if self.named:
            text, formats = self._plain(text)
        if self.short_year:
            formats += [f.replace("%y", "%Y") for f in formats]
        return f"CAST(try_strptime({text}, {_listed(formats)}) AS DATE)"

    def telltale(self, text: str) -> str:
        """SQL boolean that is true for every text in this layout, and for few others."""
        # The engine computes a WHEN only for what has come so far: what is cheap is asked first.
        if self.named:
            return (
                f"CASE WHEN strlen({text}) BETWEEN 6 AND {_LONGEST}"
                f" THEN regexp_matches({text}, '{_NAMED}') ELSE false END"
            )
        found = re.fullmatch(r"%\w([-/. ])%\w\1%\w", self.format)
        if found is None:
            return f"({text} GLOB '*[0-9]*')"
        mark = found[1]
        # ISO dates have a reading of their own.
        first = "[0-9]{1,2}" if mark == "-" else "[0-9]{1,4}"
        near = f"^{first}[{mark}][0-9]{{1,2}}[{mark}][0-9]{{1,4}}([ ,T]|$)"
        return (
            f"CASE WHEN {text} GLOB '[0-9]*{mark}[0-9]*{mark}[0-9]*'"
            f" THEN regexp_matches({text}, '{near}') ELSE false END"
        )

    def of_text(self, text: str) -> str:
        """SQL of the DATE that a text is, NULL for every other text."""
        guard = literal(self.pattern)
        return f"CASE WHEN regexp_full_match({text}, {guard}) THEN {self.value(text)} END"

    def write(self, year: int, month: int, day: int) -> str:
        """A date in this layout."""
        texts = {
            "Y": f"{year:04}",
            "y": f"{year % 100:02}",
            "m": f"{month:02}",
            "d": f"{day:02}",
            "b": SHORT_MONTHS[month - 1].title(),
            "B": _MONTHS[month - 1].title(),
            "%": "%",
        }
        return re.sub(r"%(.)", lambda m: texts[m[1]], self.format)

    @property
    def _pieces(self) -> list[str]:
        return re.findall(r"%.|[^%]", self.format, re.DOTALL)

    def _expression(self, *, grouped: bool) -> str:
        if not self.named:
            return self._plain_expression({})
        return f"(?:{_WEEKDAY}{_BETWEEN}{{1,2}})?" + "".join(self._named(grouped=grouped))

    def _plain_expression(self, others: Mapping[str, str]) -> str:
        """Args:
        others: expressions of directives that differ from the usual ones.
        """
        pieces = self._pieces
        return "".join(_piece(pieces, position, others) for position in range(len(pieces)))

    def _named(self, *, grouped: bool) -> Iterator[str]:
        letters = [p[1] for p in self._pieces if p.startswith("%") and p != "%%"]
        opened = "(" if grouped else "(?:"
        for position, letter in enumerate(letters):
            if position:
                # Digits next to digits need something between them.
                both = {letter, letters[position - 1]}.isdisjoint("bB")
                yield f"{_BETWEEN}{{{1 if both else 0},3}}"
            if letter in "bB":
                # Three letters are enough to know the month.
                yield f"({_SHORT})[a-zA-Z]{{0,6}}" if grouped else _MONTH
            elif letter == "d":
                yield f"{opened}[0-9]{{1,2}})(?i:st|nd|rd|th)?"
            else:
                yield f"{opened}{_DIRECTIVES[letter]})"

    def _plain(self, text: str) -> tuple[str, list[str]]:
        """The text with the parts alone, single blanks between them, and its format."""
        letters = [p[1] for p in self._pieces if p.startswith("%") and p != "%%"]
        parts = " ".join(f"\\{i}" for i in range(1, len(letters) + 1))
        plain = " ".join("%b" if letter in "bB" else f"%{letter}" for letter in letters)
        expression = literal(f"^{self._expression(grouped=True)}$")
        return f"regexp_replace({text}, {expression}, '{parts}')", [plain]


def _piece(pieces: Sequence[str], position: int, others: Mapping[str, str]) -> str:
    piece = pieces[position]
    if not piece.startswith("%"):
        return re.escape(piece)
    if piece[1] in others:
        return others[piece[1]]
    beside = [*pieces[max(position - 1, 0) : position], *pieces[position + 1 : position + 2]]
    crowded = any(p.startswith("%") and p != "%%" for p in beside)
    return "[0-9]{2}" if crowded and piece in ("%m", "%d", "%y") else _DIRECTIVES[piece[1]]


def _listed(formats: Sequence[str]) -> str:
    if len(formats) == 1:
        return literal(formats[0])
    return f"[{', '.join(map(literal, formats))}]"


def expand(formats: Sequence[str], *, two_digit_years: bool) -> tuple[str, ...]:
    """The formats with those that ``common`` stands for, and with years of two digits.

    Of the common ones those come first that agree with the formats before ``common`` on which of
    day and month is first. A year in front is the last that two digits are taken for.

    Raises:
        ValueError: a format is no date's.
    """
    found: list[str] = []
    for each in formats:
        found += _common(found) if each == COMMON else [Layout(each).format]
    if two_digit_years:
        short = [f.replace("%Y", "%y") for f in found if "%Y" in f]
        found += sorted(short, key=lambda f: f.startswith("%y"))
    return tuple(dict.fromkeys(found))


def unasked(formats: Sequence[str], *, two_digit_years: bool) -> tuple[str, ...]:
    """Those of the formats that ``expand`` answers with which ``common`` alone stands for; and ISO,
    of which it wants two digits each, or a year that is likely."""
    if COMMON not in formats:
        return ()
    asked = expand([f for f in formats if f != COMMON], two_digit_years=two_digit_years)
    everything = expand(formats, two_digit_years=two_digit_years)
    return tuple(f for f in everything if f == ISO or f not in asked)


def _common(before: Sequence[str]) -> list[str]:
    month_first = next(
        (f.index("%m") < f.index("%d") for f in before if "%m" in f and f[:2] in ("%m", "%d")),
        False,
    )
    if not month_first:
        return list(_COMMON)
    swap = {"%d-%m-%Y": "%m-%d-%Y", "%m-%d-%Y": "%d-%m-%Y"}
    return [swap.get(f, f) for f in _COMMON]
