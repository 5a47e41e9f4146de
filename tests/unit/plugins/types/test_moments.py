"""Timestamps and times of day against Python's datetime and zoneinfo."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from types_support import PLAIN, Parse, one

from lakefall.common.sql import connect
from lakefall.contract.configuration import Engine
from lakefall.contract.plugin import NoOptions
from lakefall.contract.types import TypeCandidate
from lakefall_plugins.types.time import Time
from lakefall_plugins.types.timestamp import Timestamp, TimestampOptions, TimestampTz

TIMESTAMPTZ = "TIMESTAMP WITH TIME ZONE"
ISO = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?"
    r"(?:Z|[+-]\d\d(?::?[0-5]\d)?)?)?",
    re.ASCII,
)
"""CPython takes ``+02:99`` for an offset; ISO 8601 has no such minutes."""
offsets = st.sampled_from(
    ["", "Z", "+02", "-0530", "+05:45", "+14:00", "-23:59", "+24:00", "z", " +02"]
)
moments = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999))
written_moments = st.tuples(moments, st.sampled_from("T "), st.integers(0, 7), offsets).map(
    lambda p: (
        p[0].strftime(f"{p[0].year:04}-%m-%d{p[1]}%H:%M")
        + (p[0].strftime(":%S.%f0")[: 4 + p[2] if p[2] else 3] if p[2] != 7 else "")
        + p[3]
    )
)
strange = st.sampled_from("0129:-+./TZ _xAPMm")


def broken(texts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """One character of each text replaced."""
    return st.tuples(texts, st.integers(0, 30), strange).map(
        lambda p: p[0][: p[1]] + p[2] + p[0][p[1] + 1 :]
    )


long_fractions = moments.map(lambda m: f"{m.year:04}" + m.strftime("-%m-%dT%H:%M:%S.%f") + "1")
iso_like = st.lists(
    st.one_of(
        written_moments, broken(written_moments), long_fractions, st.dates().map(str),
        st.sampled_from(["12/1/2024", "2024-02-30", "29-Feb-2024", ""]),
    ),
    min_size=1,
    max_size=60,
)  # fmt: skip


def as_moment(text: str) -> datetime | None:
    if not ISO.fullmatch(text):
        return None
    fraction = re.search(r"\.(\d+)", text)
    if fraction:
        text = text.replace(fraction[0], f".{fraction[1]:0<6}")
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        return None


@pytest.mark.slow
@given(texts=iso_like)
@settings(deadline=None, max_examples=200)
def test_timestamps_are_those_of_fromisoformat(parse: Parse, texts: list[str]) -> None:
    expected = [m and m.replace(tzinfo=None) for m in map(as_moment, texts)]
    assert parse(one(Timestamp(TimestampOptions())), texts) == expected


@given(texts=iso_like)
@settings(deadline=None, max_examples=100)
def test_timestamps_with_zone_are_those_of_fromisoformat_with_an_offset(
    parse: Parse, texts: list[str]
) -> None:
    expected = [m if m and m.tzinfo else None for m in map(as_moment, texts)]
    assert parse(one(TimestampTz(NoOptions())), texts) == expected


@given(
    moments=st.lists(
        st.datetimes(
            datetime(1975, 1, 1), datetime(2037, 1, 1),
            timezones=st.sampled_from(
                ["Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia", "UTC"]
            ).map(ZoneInfo),
        ),
        min_size=1,
        max_size=30,
    )
)  # fmt: skip
@settings(deadline=None, max_examples=50)
def test_a_moment_written_in_any_zone_is_the_same_moment(
    parse: Parse, moments: list[datetime]
) -> None:
    texts = [m.isoformat() for m in moments]
    expected = [m.astimezone(UTC) for m in moments]
    assert parse(one(TimestampTz(NoOptions())), texts) == expected
    assert parse(one(Timestamp(TimestampOptions())), texts) == [
        m.replace(tzinfo=None) for m in expected
    ]


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kathmandu"])
def test_the_zone_of_the_session_changes_nothing(tmp_path: Path, zone: str) -> None:
    texts = ["2024-01-15T10:30:00+02:00", "2024-01-15T10:30:00Z", "2024-01-15T10:30:00"]
    custom = Timestamp(TimestampOptions()).for_type("TIMESTAMP", "%d/%m/%Y %H:%M:%S", PLAIN)
    assert custom
    with connect(Engine(threads=1), tmp_path) as connection:
        connection.execute(f"SET TimeZone = '{zone}'")

        def ask(candidate: TypeCandidate, *texts: str) -> list[object]:
            rows = ", ".join(f"('{t}')" for t in texts)
            query = f"SELECT {candidate.parse('x')} FROM (VALUES {rows}) t(x)"
            return [row[0] for row in connection.execute(query).fetchall()]

        assert ask(one(Timestamp(TimestampOptions())), *texts) == [
            datetime(2024, 1, 15, 8, 30),
            datetime(2024, 1, 15, 10, 30),
            datetime(2024, 1, 15, 10, 30),
        ]
        assert ask(one(TimestampTz(NoOptions())), *texts[:2]) == [
            datetime(2024, 1, 15, 8, 30, tzinfo=UTC),
            datetime(2024, 1, 15, 10, 30, tzinfo=UTC),
        ]
        assert ask(custom, "15/1/2024 10:30 +02:00", "15/1/2024 10:30") == [
            datetime(2024, 1, 15, 8, 30),
            datetime(2024, 1, 15, 10, 30),
        ]


# --- other layouts -------------------------------------------------------------------------------

CLOCKS = (
    *("%H:%M", "%H:%M:%S", "%H:%M:%S.%f"),
    *(f"%I:%M{seconds}{blank}%p" for seconds in ("", ":%S", ":%S.%f") for blank in ("", " ")),
)
ENDS = re.compile(r" ?(Z|UTC|GMT|(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d\d))?)", re.ASCII)
LAYOUTS = ("%d/%m/%Y", "%m/%d/%Y", "%Y.%m.%d", "%d-%m-%y")


def as_time(text: str) -> time | None:
    if not re.fullmatch(r"[0-9:.]+( ?[AaPp](\.[Mm]\.|[Mm]))?", text) or re.search(r"\.\d{7}", text):
        return None
    if not re.match(r"\d\d?:\d\d(:\d\d(\.|$|[ AaPp])|$|[ AaPp])", text):
        return None
    bare = re.sub(r"([AaPp])\.?([Mm])\.?$", r"\1\2", text)
    for each in CLOCKS:
        with suppress(ValueError):
            return datetime.strptime(bare, each).time()
    return None


def as_written(text: str, date_format: str) -> datetime | None:
    """What Python's strptime makes of a date, a time of day and an offset."""
    parts = re.fullmatch(r"([0-9./-]+)(?:(?:,? {1,2}|T)(.+))?", text, re.ASCII)
    if not parts:
        return None
    clock, offset, rest = time(0), timedelta(0), parts[2]
    if rest is not None:
        end = re.search(ENDS.pattern + "$", rest, re.ASCII)
        if end:
            hours, minutes = int(end[3] or 0), int(end[4] or 0)
            if hours > 23 or minutes > 59:
                return None
            offset = timedelta(hours=hours, minutes=minutes) * (-1 if end[2] == "-" else 1)
        found = as_time(rest[: end.start()] if end else rest)
        if found is None:
            return None
        clock = found
    for each in (date_format, date_format.replace("%y", "%Y")):
        with suppress(ValueError, OverflowError):
            return datetime.combine(datetime.strptime(parts[1], each), clock) - offset
    return None


custom_moments = st.tuples(
    st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29)),
    st.sampled_from(LAYOUTS),
    st.sampled_from([" ", ", ", "T", "  "]),
    st.sampled_from(CLOCKS),
    st.sampled_from(["", "", "Z", " UTC", "+02:00", " -0530", " GMT+4", " CET"]),
).map(
    lambda p: (
        p[0].strftime(p[1].replace("%Y", f"{p[0].year:04}")) + p[2] + p[0].strftime(p[3]) + p[4]
    )
)


@pytest.mark.slow
@pytest.mark.parametrize("date_format", LAYOUTS)
@given(
    texts=st.lists(
        st.one_of(custom_moments, broken(custom_moments), st.dates().map(str)),
        min_size=1,
        max_size=60,
    )
)
@settings(deadline=None, max_examples=80)
def test_moments_of_other_layouts_are_those_of_strptime(
    parse: Parse, date_format: str, texts: list[str]
) -> None:
    layout = f"{date_format} %H:%M:%S"
    candidate = Timestamp(TimestampOptions()).for_type("TIMESTAMP", layout, PLAIN)
    zoned = TimestampTz(NoOptions()).for_type(TIMESTAMPTZ, layout, PLAIN)
    assert candidate
    assert zoned
    expected = [as_written(t, date_format) for t in texts]
    assert parse(candidate, texts) == expected
    with_offset = [
        m.replace(tzinfo=UTC) if m and re.search(ENDS.pattern + "$", t) and ":" in t else None
        for m, t in zip(expected, texts, strict=True)
    ]
    assert parse(zoned, texts) == with_offset


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", datetime(1994, 11, 6, 8, 49, 37)),
        ("6 November 1994, 8:49 pm", datetime(1994, 11, 6, 20, 49)),
        ("06-NOV-1994 08:49:37.5 -0500", datetime(1994, 11, 6, 13, 49, 37, 500000)),
        ("06-NOV-1994", datetime(1994, 11, 6)),
        ("06-NOV-1994 08:49:37 EST", None),
        ("31 Nov 1994 08:49:37", None),
    ],
)
def test_moments_with_the_months_name(parse: Parse, text: str, expected: datetime | None) -> None:
    candidate = Timestamp(TimestampOptions()).for_type("TIMESTAMP", "%d %b %Y %H:%M:%S", PLAIN)
    assert candidate
    assert parse(candidate, [text]) == [expected]


def test_an_offset_may_not_leave_the_years_that_there_are(parse: Parse) -> None:
    candidate = Timestamp(TimestampOptions()).for_type("TIMESTAMP", "%d/%m/%Y %H:%M:%S", PLAIN)
    assert candidate
    assert parse(candidate, ["1/1/0001 0:30+01:00", "31/12/9999 23:30-01:00"]) == [None, None]


# --- epochs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("format", "per_second"), [("%s", 1), ("%Q", 1000)])
@given(moments=st.lists(moments, min_size=1, max_size=30))
@settings(deadline=None, max_examples=30)
def test_epochs_are_numbers_since_1970(
    parse: Parse, format: str, per_second: int, moments: list[datetime]
) -> None:
    candidate = Timestamp(TimestampOptions()).for_type("TIMESTAMP", format, PLAIN)
    assert candidate
    whole = [m.replace(microsecond=0) for m in moments]
    seconds = [(m - datetime(1970, 1, 1)) // timedelta(seconds=1) for m in whole]
    assert parse(candidate, [str(s * per_second) for s in seconds]) == whole


def test_epochs_take_fractions_to_the_microsecond(parse: Parse) -> None:
    seconds = Timestamp(TimestampOptions()).for_type("TIMESTAMP", "%s", PLAIN)
    milliseconds = Timestamp(TimestampOptions()).for_type("TIMESTAMP", "%Q", PLAIN)
    assert seconds
    assert milliseconds
    texts = ["1.000001", "-1.5", "1.0000001"]
    assert parse(seconds, texts) == [
        datetime(1970, 1, 1, 0, 0, 1, 1), datetime(1969, 12, 31, 23, 59, 58, 500000), None,
    ]  # fmt: skip
    assert parse(milliseconds, ["1.001", "1.0001"]) == [datetime(1970, 1, 1, 0, 0, 0, 1001), None]


# --- times of day --------------------------------------------------------------------------------

written_times = st.tuples(st.times(), st.sampled_from(CLOCKS), st.booleans()).map(
    lambda p: p[0].strftime(p[1]).removeprefix("0" if p[2] else "-")
)


@pytest.mark.slow
@given(
    texts=st.lists(
        st.one_of(
            written_times,
            broken(written_times),
            st.text("0123456789:. AaPpMm", max_size=12),
            st.times().map(str),
        ),
        min_size=1,
        max_size=80,
    )
)
@settings(deadline=None, max_examples=200)
def test_times_are_those_of_strptime(parse: Parse, texts: list[str]) -> None:
    assert parse(one(Time(NoOptions())), texts) == [as_time(t) for t in texts]


@pytest.mark.parametrize(
    ("text", "hour", "minute"),
    [
        ("12:00 AM", 0, 0), ("12:59 am", 0, 59), ("1:00 AM", 1, 0), ("11:59 AM", 11, 59),
        ("12:00 PM", 12, 0), ("12:59 p.m.", 12, 59), ("1:00PM", 13, 0), ("11:59 PM", 23, 59),
        ("0:00", 0, 0), ("12:00", 12, 0),
    ],
)  # fmt: skip
def test_noon_and_midnight(parse: Parse, text: str, hour: int, minute: int) -> None:
    assert parse(one(Time(NoOptions())), [text]) == [time(hour, minute)]
