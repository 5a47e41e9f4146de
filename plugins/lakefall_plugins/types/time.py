"""The type TIME: a time of day, to the microsecond; and offsets from UTC, as patterns and as SQL.

A pattern is matched twice at most: as a guard, and to take the parts of a text out. To compile a
pattern costs more than to match it to a sample's texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from typing_extensions import override

from lakefall.common.sql import literal
from lakefall.contract.plugin import NoOptions
from lakefall.contract.types import TypeCandidate, TypePlugin, TypeSettings

_HOURS = "(?:[01]?[0-9]|2[0-3])"
_HALF_HOURS = "(?:0?[1-9]|1[0-2])"
_REST = r":[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
_MARK = r"[AaPp](?:\.[Mm]\.|[Mm])"
TIME = f"(?:{_HALF_HOURS}{_REST} ?{_MARK}|{_HOURS}{_REST})"
"""9:05, 21:05:07.25, 9:05 PM; a time with AM or PM counts hours from 1 to 12. No groups."""
OFFSET = "(?:Z|UTC|GMT|(?:UTC|GMT)?[+-](?:[01]?[0-9]|2[0-3])(?::?[0-5][0-9])?)"
"""``Z``, ``UTC``, ``+02:00``, ``-0530``, ``GMT+2``. No groups."""
TIME_PARTS = ("clock", "mark")
TIME_GROUPS = r"([0-9:.]*[0-9])(?: ?([AaPp])\.?[Mm]\.?)?"
"""The same for a text that is known to match ``TIME``, with a group for each of its parts."""
OFFSET_PARTS = ("sign", "hours", "minutes")
OFFSET_GROUPS = "(?:Z|UTC|GMT)?(?:([+-])([0-9]{1,2}):?([0-9]{2})?)?"
_NOON, _HALF_DAY = "TIME '12:00:00'", "INTERVAL 12 HOUR"


class Time(TypePlugin[NoOptions]):
    """Times of day: 9:05, 21:05:07.25, 9:05 PM."""

    name = "time"

    @override
    def candidates(self, settings: TypeSettings) -> Iterable[TypeCandidate]:
        yield TypeCandidate(
            type="TIME",
            order=540,
            iceberg="time",
            duckdb="TIME",
            parse=_parse,
            telltale=lambda text: f"({text} GLOB '[0-9]*:[0-9][0-9]*')",
            examples=(
                *("9:05", "09:05", "21:05:07", "00:00:00", "23:59:59.999999", "21:05:07.2"),
                *("9:05 PM", "12:00 am", "12:30:15PM", "1:05 p.m.", "09:05:07.25 AM"),
            ),
            counter_examples=(
                *("24:00", "24:00:00", "9:60", "9:05:60", "9:5", "9", "905", "21:05:07."),
                *("21:05:07.1234567", "13:05 PM", "0:05 AM", "9:05 XM", "9:05 P", "9:05  PM"),
                *("9:05:07Z", "9:05+02:00", "-1:00", "2024-01-15 9:05", "", " 9:05", "9:05 "),
            ),
        )


def _parse(text: str) -> str:
    value = with_parts(text, f"^{TIME_GROUPS}$", TIME_PARTS, time_of_day)
    return f"CASE WHEN regexp_full_match({text}, '{TIME}') THEN {value} END"


def with_parts(
    text: str, pattern: str, parts: tuple[str, ...], body: Callable[[Callable[[str], str]], str]
) -> str:
    """SQL that takes a text's parts out once.

    Args:
        pattern: with one group for each of ``parts``; a group that is not there is ``''``.
        body: SQL, given the SQL of a part by its name.
    """
    listed = ", ".join(map(literal, parts))
    found = f"regexp_extract({text}, {literal(pattern)}, [{listed}])"
    return bound(found, lambda each: body(lambda part: f"{each}.{part}"))


def bound(value: str, body: Callable[[str], str]) -> str:
    """SQL that uses a value more than once and computes it once."""
    return f"list_transform([{value}], lambda found: {body('found')})[1]"


def time_of_day(part: Callable[[str], str]) -> str:
    """SQL of the TIME that the parts of ``TIME_GROUPS`` are; NULL without a clock."""
    clock, mark = f"try_cast({part('clock')} AS TIME)", part("mark")
    return (
        f"CASE WHEN {mark} IN ('p', 'P') AND {clock} < {_NOON} THEN {clock} + {_HALF_DAY}"
        f" WHEN {mark} IN ('a', 'A') AND {clock} >= {_NOON} THEN {clock} - {_HALF_DAY}"
        f" ELSE {clock} END"
    )


def offset(part: Callable[[str], str]) -> str:
    """SQL of the parts of ``OFFSET_GROUPS`` as an INTERVAL east of UTC; of UTC itself 0."""

    def number(name: str) -> str:
        return f"coalesce(try_cast({part(name)} AS INTEGER), 0)"

    sign = f"CASE {part('sign')} WHEN '-' THEN -1 ELSE 1 END"
    return f"to_minutes({sign} * (60 * {number('hours')} + {number('minutes')}))"
