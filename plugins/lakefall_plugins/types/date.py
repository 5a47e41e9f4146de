"""The type DATE: one candidate for each configured format."""

from __future__ import annotations

import re
from collections.abc import Iterable

from typing_extensions import override

from lakefall.plugin import NoOptions
from lakefall.sql import literal
from lakefall.types import TypeCandidate, TypePlugin, TypeSettings

ISO = "%Y-%m-%d"
# Iceberg, Trino and Python know no year 0; a two-digit year is a misfit of %Y.
YEAR = "(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
_D = "[0-9]"
GLOB = f"{_D * 4}-{_D * 2}-{_D * 2}"
"""An ISO date; year 0 is kept out by a comparison with ``0001``."""
_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september",
           "october", "november", "december")  # fmt: skip
_SHORT_MONTHS = tuple(name[:3] for name in _MONTHS)
_DIRECTIVES = {
    "Y": YEAR,
    "y": "[0-9]{2}",
    "m": "[0-9]{1,2}",
    "d": "[0-9]{1,2}",
    "b": f"(?i:{'|'.join(_SHORT_MONTHS)})",
    "B": f"(?i:{'|'.join(_MONTHS)})",
    "%": "%",
}
_PARTS = {"year": "Yy", "month": "mbB", "day": "d"}


class Date(TypePlugin[NoOptions]):
    """Calendar dates in one of the configured formats."""

    name = "date"

    @override
    def candidates(self, settings: TypeSettings) -> Iterable[TypeCandidate]:
        for position, date_format in enumerate(settings.date_formats):
            yield _candidate(date_format, 500 + position)

    @override
    def for_type(self, type_name: str, format: str, settings: TypeSettings) -> TypeCandidate | None:
        if type_name != "DATE":
            return None
        if format:
            # A table keeps the format it was given, also when the configuration drops it.
            return _candidate(format, 500)
        return next(iter(self.candidates(settings)), None)


def pattern(date_format: str) -> str:
    """The regular expression of what a ``strptime`` format accepts.

    Days and months may have one digit, as in ``datetime.strptime``, unless the next directive
    follows without a separator.

    Raises:
        ValueError: a directive that is no part of a date, or year, month or day is missing.
    """
    found = re.findall(r"%(.)", date_format.replace("%%", ""))
    for letter in found:
        if letter not in _DIRECTIVES:
            raise ValueError(f"{date_format!r}: %{letter} is no part of a date; use %Y %m %d %b %B")
    for part, letters in _PARTS.items():
        if sum(found.count(letter) for letter in letters) != 1:
            raise ValueError(f"{date_format!r} must hold one {part}")
    pieces = re.findall(r"%.|[^%]", date_format, re.DOTALL)
    if "".join(pieces) != date_format:
        raise ValueError(f"{date_format!r} ends in a single %")
    return "".join(_piece(pieces, position) for position in range(len(pieces)))


def _piece(pieces: list[str], position: int) -> str:
    piece = pieces[position]
    if not piece.startswith("%"):
        return re.escape(piece)
    beside = pieces[max(position - 1, 0) : position] + pieces[position + 1 : position + 2]
    crowded = any(p.startswith("%") and p != "%%" for p in beside)
    return "[0-9]{2}" if crowded and piece in ("%m", "%d") else _DIRECTIVES[piece[1]]


def _candidate(date_format: str, order: int) -> TypeCandidate:
    guard = literal(pattern(date_format))

    def parse(text: str) -> str:
        loose = (
            f"WHEN regexp_full_match({text}, {guard})"
            f" THEN CAST(try_strptime({text}, {literal(date_format)}) AS DATE) END"
        )
        if date_format != ISO:
            return f"CASE {loose}"
        return f"CASE WHEN {text} < '0001' OR {text} >= ':' THEN NULL {_canonical(text)} {loose}"

    examples, counter_examples = _examples(date_format)
    return TypeCandidate(
        type="DATE",
        order=order,
        iceberg="date",
        duckdb="DATE",
        parse=parse,
        format=date_format,
        examples=examples,
        counter_examples=counter_examples,
    )


def _canonical(text: str) -> str:
    """The common case: two digits each. GLOB of a fixed width costs less than a pattern."""
    return f"WHEN {text} GLOB '{GLOB}' THEN try_cast({text} AS DATE)"


def _examples(date_format: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    def write(year: int, month: int, day: int) -> str:
        texts = {
            "Y": f"{year:04}",
            "y": f"{year % 100:02}",
            "m": f"{month:02}",
            "d": f"{day:02}",
            "b": _SHORT_MONTHS[month - 1].title(),
            "B": _MONTHS[month - 1].title(),
            "%": "%",
        }
        return re.sub(r"%(.)", lambda m: texts[m[1]], date_format)

    good = (write(2024, 1, 15), write(2024, 2, 29), write(1969, 12, 31))
    bad = (write(2023, 2, 29), write(2024, 4, 31), write(2024, 1, 0), write(2024, 1, 45))
    more = (
        f"{good[0]} ",
        f" {good[0]}",
        f"{good[0]}x",
        f"{good[0]} 10:00",
        "",
        "infinity",
        "today",
    )
    return good, (*bad, *more)
