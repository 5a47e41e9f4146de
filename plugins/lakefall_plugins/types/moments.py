"""Moments: an ISO 8601 date and time, or a date of any layout with a time of day after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from lakefall.common.sql import literal
from lakefall_plugins.types import clock, date
from lakefall_plugins.types.layouts import ISO, YEAR, Layout

TIME_OF_DAY = " %H:%M:%S"
"""What follows the date in the format of a moment."""
ISO_NAME = "ISO 8601"
DATE = f"{YEAR}-[0-9]{{2}}-[0-9]{{2}}"
GLOBS = tuple(f"{date.GLOB}[ T]{hour}:[0-5][0-9]:[0-5][0-9]" for hour in ("[01][0-9]", "2[0-3]"))
"""The common case, naive and to the second; GLOB of a fixed width costs less than a pattern."""
TIME = r"[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
OFFSET = "(?:Z|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)"
FIRST, LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
"""0001-01-01 and the last microsecond of 9999, in microseconds since 1970."""
_BETWEEN = "(?:,? {1,2}|T)"
_PARTS = ("day", *clock.TIME_PARTS, *clock.OFFSET_PARTS)
Wrap = Callable[[str], str]
"""SQL of microseconds since 1970 in UTC -> SQL of the value."""


def within(microseconds: str) -> str:
    """SQL boolean: the moment lies in the years 1 to 9999."""
    return f"{microseconds} BETWEEN {FIRST} AND {LAST}"


def iso_instant(text: str) -> str:
    """SQL of microseconds since 1970 of an ISO text with an offset.

    A cast to TIMESTAMP drops the offset without a word; the cast to TIMESTAMPTZ applies it.
    Microseconds since the epoch do not depend on the session's time zone.
    """
    return f"epoch_us(try_cast({text} AS TIMESTAMPTZ))"


@dataclass(frozen=True)
class Moment:
    """One layout of a date with a time of day after it, such as 15/01/2024 9:05 PM.

    Blanks, a comma and a blank, or a T lie between them. An offset may follow (``+02:00``,
    ``UTC``); the moment is then in UTC.
    """

    layout: Layout

    @property
    def format(self) -> str:
        return self.layout.format + TIME_OF_DAY

    @property
    def extends(self) -> tuple[str, ...]:
        """Formats of dates and moments whose every text this one takes as the same moment."""
        dates = self.layout.extends
        return (self.layout.format, *dates, *(f + TIME_OF_DAY for f in dates))

    def parse(self, wrap: Wrap, *, zoned: bool) -> Callable[[str], str]:
        """The parser; ``zoned`` wants an offset, otherwise a date alone is midnight."""
        day = self.layout.pattern
        whole = f"{day}{_BETWEEN}{clock.TIME} ?{clock.OFFSET}"
        if not zoned:
            whole = f"{day}(?:{_BETWEEN}{clock.TIME}(?: ?{clock.OFFSET})?)?"
        grouped = f"^({day})(?:{_BETWEEN}{clock.TIME_GROUPS} ?{clock.OFFSET_GROUPS})?$"

        def moment(part: Callable[[str], str]) -> str:
            time = f"coalesce({clock.time(part)}, TIME '00:00:00')"
            return f"epoch_us({self.layout.value(part('day'))} + {time} - {clock.offset(part)})"

        def parse(text: str) -> str:
            microseconds = clock.with_parts(text, grouped, _PARTS, moment)
            value = clock.bound(
                microseconds, lambda each: f"CASE WHEN {within(each)} THEN {wrap(each)} END"
            )
            return f"CASE WHEN regexp_full_match({text}, {literal(whole)}) THEN {value} END"

        return parse

    def write(self, time: str) -> str:
        """A moment of this layout."""
        return f"{self.layout.write(2024, 1, 15)} {time}"


def layouts(formats: Sequence[str]) -> Iterator[Moment]:
    """The layouts of moments besides ISO 8601."""
    return (Moment(Layout(f)) for f in formats if f != ISO)


def of_format(format: str) -> Moment | None:
    """The layout of a format that ``Moment.format`` made; None for any other text."""
    day, found, rest = format.partition(TIME_OF_DAY)
    return Moment(Layout(day)) if found and not rest else None
