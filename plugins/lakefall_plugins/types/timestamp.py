"""The types TIMESTAMP and TIMESTAMP WITH TIME ZONE, to the microsecond.

A text is an ISO 8601 date and time, or a date of any layout with a time of day after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from typing_extensions import override

from lakefall.common.sql import literal
from lakefall.contract.plugin import NoOptions
from lakefall.contract.types import TypeCandidate, TypePlugin, TypeSettings
from lakefall_plugins.types import time
from lakefall_plugins.types.date import FAMILY, GLOB
from lakefall_plugins.types.layouts import ISO, YEAR, Layout
from lakefall_plugins.types.options import TimestampOptions

ZONED = "TIMESTAMP WITH TIME ZONE"
EPOCHS = {"%s": 1_000_000, "%Q": 1_000}
"""Formats of numbers since 1970 in UTC, only for columns that the options give them: seconds (as
in strftime of glibc) and milliseconds; microseconds of each."""
_TIME_OF_DAY = " %H:%M:%S"
"""What follows the date in the format of a moment."""
_ISO_NAME = "ISO 8601"
_DATE = f"{YEAR}-[0-9]{{2}}-[0-9]{{2}}"
_GLOBS = tuple(f"{GLOB}[ T]{hour}:[0-5][0-9]:[0-5][0-9]" for hour in ("[01][0-9]", "2[0-3]"))
"""The common case, naive and to the second; GLOB of a fixed width costs less than a pattern."""
_TIME = r"[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
_OFFSET = "(?:Z|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)"
_FIRST, _LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
"""0001-01-01 and the last microsecond of 9999, in microseconds since 1970."""
_BETWEEN = "(?:,? {1,2}|T)"
_PARTS = ("day", *time.TIME_PARTS, *time.OFFSET_PARTS)
Wrap = Callable[[str], str]
"""SQL of microseconds since 1970 in UTC -> SQL of the value."""


class Timestamp(TypePlugin[TimestampOptions]):
    """Date and time of day: ISO 8601, or a configured date's layout; offsets become UTC."""

    name = "timestamp"

    @override
    def candidates(self, settings: TypeSettings) -> Iterable[TypeCandidate]:
        yield _iso()
        if self.options.layouts == "iso":
            return
        for position, moment in enumerate(_moments(settings), start=601):
            yield _candidate(moment, position)

    @override
    def for_type(self, type_name: str, format: str, settings: TypeSettings) -> TypeCandidate | None:
        if type_name not in ("TIMESTAMP", "TIMESTAMP(6)"):
            return None
        if format in EPOCHS:
            return _epoch(format)
        moment = _of_format(format, settings)
        return _candidate(moment, 601) if moment else _iso()


class TimestampTz(TypePlugin[NoOptions]):
    """Date, time of day and offset from UTC, as the same moment in UTC."""

    name = "timestamp_tz"

    @override
    def candidates(self, settings: TypeSettings) -> Iterable[TypeCandidate]:
        yield _zoned_iso()
        for position, moment in enumerate(_moments(settings), start=551):
            yield _zoned(moment, position)

    @override
    def for_type(self, type_name: str, format: str, settings: TypeSettings) -> TypeCandidate | None:
        if type_name not in (ZONED, "TIMESTAMP_TZ", "TIMESTAMPTZ"):
            return None
        moment = _of_format(format, settings)
        return _zoned(moment, 551) if moment else _zoned_iso()


def _naive(microseconds: str) -> str:
    return f"make_timestamp({microseconds})"


def _aware(microseconds: str) -> str:
    return f"make_timestamptz({microseconds})"


# --- a date with a time of day ---


def _within(microseconds: str) -> str:
    """SQL boolean: the moment lies in the years 1 to 9999."""
    return f"{microseconds} BETWEEN {_FIRST} AND {_LAST}"


def _iso_instant(text: str) -> str:
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
        return self.layout.format + _TIME_OF_DAY

    @property
    def extends(self) -> tuple[str, ...]:
        """Formats of dates and moments whose every text this one takes as the same moment."""
        dates = self.layout.extends
        return (self.layout.format, *dates, *(f + _TIME_OF_DAY for f in dates))

    def parse(self, wrap: Wrap, *, zoned: bool) -> Callable[[str], str]:
        """The parser; ``zoned`` wants an offset, otherwise a date alone is midnight."""
        day = self.layout.pattern
        whole = f"{day}{_BETWEEN}{time.TIME} ?{time.OFFSET}"
        if not zoned:
            whole = f"{day}(?:{_BETWEEN}{time.TIME}(?: ?{time.OFFSET})?)?"
        grouped = f"^({day})(?:{_BETWEEN}{time.TIME_GROUPS} ?{time.OFFSET_GROUPS})?$"

        def moment(part: Callable[[str], str]) -> str:
            clock = f"coalesce({time.time_of_day(part)}, TIME '00:00:00')"
            return f"epoch_us({self.layout.value(part('day'))} + {clock} - {time.offset(part)})"

        def parse(text: str) -> str:
            microseconds = time.with_parts(text, grouped, _PARTS, moment)
            value = time.bound(
                microseconds, lambda each: f"CASE WHEN {_within(each)} THEN {wrap(each)} END"
            )
            return f"CASE WHEN regexp_full_match({text}, {literal(whole)}) THEN {value} END"

        return parse

    def write(self, clock: str) -> str:
        """A moment of this layout."""
        return f"{self.layout.write(2024, 1, 15)} {clock}"


def _moments(settings: TypeSettings) -> Iterator[Moment]:
    """The layouts of moments besides ISO 8601."""
    others = (f for f in settings.date_formats if f != ISO)
    return (Moment(Layout(f, f in settings.unasked)) for f in others)


def _of_format(format: str, settings: TypeSettings) -> Moment | None:
    """The layout of a format that ``Moment.format`` made; None for any other text."""
    day, found, rest = format.partition(_TIME_OF_DAY)
    return Moment(Layout(day, day in settings.unasked)) if found and not rest else None


# --- TIMESTAMP ---


def _iso() -> TypeCandidate:
    return TypeCandidate(
        type="TIMESTAMP",
        order=600,
        iceberg="timestamp",
        duckdb="TIMESTAMP",
        parse=_parse_iso,
        layout=_ISO_NAME,
        family=FAMILY,
        extends=(ISO,),
        examples=(
            "2024-01-15T10:30:00Z",
            "2024-01-15 10:30:00",
            "2024-01-15T10:30",
            "2024-01-15",
            "2024-01-15T10:30:00.123456",
            "2024-01-15T10:30:00.5+02:00",
            "2024-01-15 10:30:00-0530",
            "2024-01-15T10:30:00+02",
            "1969-12-31 23:59:59.999999",
        ),
        counter_examples=(
            *("2024-01-15T10:30:00.1234567", "2024-01-15T10:30:00.", "2024-01-15T10"),
            *("2024-02-30T10:30:00", "2024-01-15T24:00:00", "2024-01-15T23:59:60"),
            *("2024-01-15T10:30:00+24:00", "2024-01-15T10:30:00+02:60", "2024-01-15Z"),
            *("2024-01-15T10:30:00 UTC", "2024-01-15 10:30:00 Europe/Berlin", "epoch"),
            *("2024-1-5 10:30:00", "2024/01/15 10:30:00", "10:30:00", "20240115T103000"),
            *("0000-01-01T00:00:00", "0001-01-01T00:00:00+05:00", "infinity", ""),
            *("9999-12-31T23:59:59-05:00", "2024-01-15  10:30:00", "2024-01-15 10:30:00 "),
        ),
    )


def _parse_iso(text: str) -> str:
    naive = f"try_cast({text} AS TIMESTAMP)"
    instant = _iso_instant(text)
    return (
        f"CASE WHEN {text} < '0001' OR {text} >= ':' OR strlen({text}) < 10 THEN NULL"
        f" WHEN {text} GLOB '{_GLOBS[0]}' OR {text} GLOB '{_GLOBS[1]}' THEN {naive}"
        f" WHEN regexp_full_match({text}, '{_DATE}(?:{_TIME})?') THEN {naive}"
        f" WHEN regexp_full_match({text}, '{_DATE}{_TIME}{_OFFSET}')"
        f" AND {_within(instant)} THEN {_naive(instant)} END"
    )


def _candidate(moment: Moment, order: int) -> TypeCandidate:
    return TypeCandidate(
        type="TIMESTAMP",
        order=order,
        iceberg="timestamp",
        duckdb="TIMESTAMP",
        parse=moment.parse(_naive, zoned=False),
        format=moment.format,
        family=FAMILY,
        extends=moment.extends,
        telltale=moment.layout.telltale,
        examples=(
            moment.layout.write(2024, 1, 15),
            *(moment.write(t) for t in ("9:05", "21:05:07", "09:05:07.25 PM", "12:00 a.m.")),
            *(moment.write(t) for t in ("21:05Z", "21:05 +02:00", "9:05 PM GMT-3")),
        ),
        counter_examples=(
            moment.layout.write(2023, 2, 29) + " 10:30",
            *(moment.write(t) for t in ("24:00", "10:60", "13:05 PM", "0:05 AM", "10", "10:30:")),
            *(moment.write(t) for t in ("10:30 XM", "10:30 +24:00", "10:30 CET", "10:30x")),
            *("10:30", "", "infinity", "now"),
        ),
    )


def _epoch(format: str) -> TypeCandidate:
    def parse(text: str) -> str:
        # Nineteen digits and six more decimals fit 38.
        number = f"CAST({text} AS DECIMAL(25,6)) * {EPOCHS[format]}"
        moment = f"CAST({number} AS BIGINT)"
        digits = len(str(EPOCHS[format])) - 1
        pattern = rf"-?[0-9]{{1,15}}(?:\.[0-9]{{1,{digits}}})?"
        return (
            f"CASE WHEN regexp_full_match({text}, '{pattern}')"
            f" THEN CASE WHEN {_within(moment)} THEN {_naive(moment)} END END"
        )

    return TypeCandidate(
        type="TIMESTAMP",
        order=699,
        iceberg="timestamp",
        duckdb="TIMESTAMP",
        parse=parse,
        format=format,
        family=FAMILY,
        examples=("0", "1705314600", "1705314600.25", "-1"),
        counter_examples=("", "1e9", "2024-01-15", "999999999999999", "0x10", "1_000"),
    )


# --- TIMESTAMP WITH TIME ZONE ---


def _zoned_iso() -> TypeCandidate:
    return TypeCandidate(
        type=ZONED,
        order=550,
        iceberg="timestamptz",
        duckdb=ZONED,
        parse=_parse_zoned,
        layout=_ISO_NAME,
        family=FAMILY,
        telltale=lambda text: f"({text} GLOB '[0-9][0-9][0-9][0-9]-*:*[0-9CTZ]')",
        examples=(
            "2024-01-15T10:30:00Z",
            "2024-01-15T10:30:00.5+02:00",
            "2024-01-15 10:30:00-0530",
            "2024-01-15T10:30+02",
            "2024-01-15 10:30:00 UTC",
            "2024-01-15 10:30:00.123456 GMT",
        ),
        counter_examples=(
            *("2024-01-15T10:30:00", "2024-01-15", "2024-01-15T10:30:00.1234567Z"),
            *("2024-02-30T10:30:00Z", "2024-01-15T24:00:00Z", "2024-01-15T23:59:60Z"),
            *("2024-01-15T10:30:00+24:00", "2024-01-15T10:30:00+02:60", "2024-01-15Z"),
            *("2024-01-15 10:30:00 CET", "2024-01-15 10:30:00 Europe/Berlin", "epoch", ""),
            *("0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", "10:30:00Z"),
        ),
    )


def _parse_zoned(text: str) -> str:
    # DuckDB knows more names of zones than are meant here, and drops none of these two.
    instant = _iso_instant(text)
    return (
        f"CASE WHEN regexp_full_match({text}, '{_DATE}{_TIME}(?:{_OFFSET}| ?(?:UTC|GMT))')"
        f" AND {_within(instant)} THEN {_aware(instant)} END"
    )


def _zoned(moment: Moment, order: int) -> TypeCandidate:
    return TypeCandidate(
        type=ZONED,
        order=order,
        iceberg="timestamptz",
        duckdb=ZONED,
        parse=moment.parse(_aware, zoned=True),
        format=moment.format,
        family=FAMILY,
        extends=tuple(f for f in moment.extends if f.endswith(_TIME_OF_DAY)),
        telltale=moment.layout.telltale,
        examples=tuple(
            moment.write(t) for t in ("9:05Z", "21:05:07.25 +02:00", "9:05 PM GMT-3", "9:05 UTC")
        ),
        counter_examples=(
            moment.layout.write(2024, 1, 15),
            moment.layout.write(2023, 2, 29) + " 10:30Z",
            *(moment.write(t) for t in ("10:30", "24:00Z", "10:30 CET", "10:30 +24:00", "Z")),
            "",
        ),
    )
