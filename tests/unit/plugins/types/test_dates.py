"""Dates against Python's strptime."""

from __future__ import annotations

import re
from datetime import date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from types_support import PLAIN, Parse, one

from lakefall.contract.plugin import NoOptions
from lakefall.contract.types import TypeCandidate, TypeSettings
from lakefall_plugins.types.date import Date
from lakefall_plugins.types.layouts import COMMON, SPECIFIED, Layout, expand

FORMATS = ("%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%y", "%y/%m/%d", "%d %m, %Y", "%Y%m%d")
NAMED = ("%d %b %Y", "%B %d, %Y", "%Y-%b-%d", "%d-%b-%y")
date_like = st.tuples(
    st.sampled_from(["", "0", "1", "20", "29", "31", "12", "13", "2024", "0000", "0001", "999"]),
    st.sampled_from("/-.,  "),
    st.sampled_from(["0", "1", "02", "12", "13", "Feb", "february", "31", "031"]),
    st.sampled_from("/-.,  "),
    st.sampled_from(["1", "29", "30", "31", "2023", "2024", "24", "69", "9999", "10000"]),
    st.sampled_from(["", "", "", " ", "x"]),
).map("".join)


def of(date_format: str) -> TypeCandidate:
    return one(Date(NoOptions()), TypeSettings(date_formats=(date_format,)))


def as_date(text: str, date_format: str) -> date | None:
    """As strptime reads it; where the format has a short year, with a long one too."""
    if text != text.strip() or not text.isascii() or "  " in text:
        return None
    for each in (date_format, date_format.replace("%y", "%Y")):
        try:
            return datetime.strptime(text, each).date()
        except ValueError:
            continue
    return None


def write(day: date, date_format: str) -> str:
    # strftime of the C library does not pad years below 1000.
    return day.strftime(date_format.replace("%Y", f"{day.year:04}"))


@pytest.mark.slow
@pytest.mark.parametrize("date_format", FORMATS[:-1])
@given(
    texts=st.lists(date_like, max_size=40),
    dates=st.lists(st.dates(), max_size=20),
    written=st.sampled_from(FORMATS),
)
@settings(deadline=None, max_examples=60)
def test_dates_are_those_of_strptime(
    parse: Parse, date_format: str, texts: list[str], dates: list[date], written: str
) -> None:
    texts = [*texts, *(write(d, written) for d in dates), *(write(d, date_format) for d in dates)]
    assert parse(of(date_format), texts) == [as_date(t, date_format) for t in texts]


def test_a_format_without_separators_wants_two_digits(parse: Parse) -> None:
    found = parse(of("%Y%m%d"), ["20240105", "2024115", "20240230"])
    assert found == [date(2024, 1, 5), None, None]


def test_two_digits_of_a_year_are_those_of_posix(parse: Parse) -> None:
    found = parse(of("%d/%m/%y"), ["1/2/68", "1/2/69", "1/2/00", "1/2/1868"])
    assert [d.year for d in found] == [2068, 1969, 2000, 1868]


# --- months by name ------------------------------------------------------------------------------


def plain(text: str, date_format: str) -> date | None:
    """What the letters and digits of a text say, whatever stands between them."""
    parts = [re.sub("(?i)st|nd|rd|th", "", p) if p[0].isdigit() else p
             for p in re.findall(r"[0-9]+(?:st|nd|rd|th)?|[A-Za-z]+", text)]  # fmt: skip
    parts = [p if p.isdigit() else p[:3] for p in parts]
    if parts and parts[0].lower() in ("mon", "tue", "wed", "thu", "fri", "sat", "sun"):
        parts = parts[1:]
    letters = " ".join(re.findall("%.", date_format)).replace("B", "b")
    return as_date(" ".join(parts), letters)


@st.composite
def named(draw: st.DrawFn, date_format: str) -> tuple[str, date]:
    """A date with its month's name, in one of the ways that people write it."""
    day = draw(st.dates(date(1970, 1, 1), date(2068, 12, 31)))
    month = draw(st.sampled_from(["%b", "%B", "%b."]))
    texts = {"%d": draw(st.sampled_from([f"{day.day:02}", str(day.day)])),
             "%b": draw(st.sampled_from([str.upper, str.title, str.lower]))(day.strftime(month)),
             "%Y": f"{day.year}", "%y": f"{day.year % 100:02}"}  # fmt: skip
    if draw(st.booleans()):
        texts["%d"] = f"{day.day}{draw(st.sampled_from(['th', 'st', 'nd', 'rd']))}"
    letters = re.findall("%.", date_format.replace("%B", "%b"))
    gaps = draw(st.lists(st.sampled_from([" ", "-", "/", ", ", ",", ". "]), min_size=2, max_size=2))
    text = texts[letters[0]] + gaps[0] + texts[letters[1]] + gaps[1] + texts[letters[2]]
    weekday = draw(st.sampled_from(["", "", day.strftime("%A, "), day.strftime("%a ")]))
    return weekday + text, day


@pytest.mark.slow
@pytest.mark.parametrize("date_format", NAMED)
@given(data=st.data())
@settings(deadline=None, max_examples=40)
def test_named_months_in_every_way_that_people_write_them(
    parse: Parse, date_format: str, data: st.DataObject
) -> None:
    written = data.draw(st.lists(named(date_format), min_size=1, max_size=20))
    assert parse(of(date_format), [t for t, _ in written]) == [day for _, day in written]


@pytest.mark.slow
@pytest.mark.parametrize("date_format", NAMED)
@given(
    texts=st.lists(
        st.one_of(date_like, st.text("0129 JanfebSTth.,-/x", max_size=16)), min_size=1, max_size=60
    )
)
@settings(deadline=None, max_examples=60)
def test_whatever_is_taken_for_a_named_month_is_the_day_that_its_parts_say(
    parse: Parse, date_format: str, texts: list[str]
) -> None:
    for text, found in zip(texts, parse(of(date_format), texts), strict=True):
        assert found is None or found == plain(text, date_format)


NO_DATES = (
    *("5 Jann 2024", "5 Xan 2024", "Foo, 5 Jan 2024", "5 Jan", "5 1 2024", "Jan 5 2024"),
    *("5 Jan 24", "31 Feb 2024", "5   -Jan 2024"),
)


@pytest.mark.parametrize("text", NO_DATES)
def test_what_is_no_date_with_a_named_month(parse: Parse, text: str) -> None:
    assert parse(of("%d %b %Y"), [text]) == [None]


# --- formats -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("date_format", "message"),
    [
        ("%Y-%m", "has no day; a date's format has one year"),
        ("%Y-%m-%d %H:%M", "%H is no part of a date"),
        ("%d/%d/%Y", "has no month; "),
        ("%Y-%m-%d%", "ends in a single %"),
    ],
)
def test_a_format_that_is_no_date_is_refused(date_format: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Layout(date_format)


def test_a_tables_format_outlives_the_configuration(parse: Parse) -> None:
    candidate = Date(NoOptions()).for_type("DATE", "%d.%m.%Y", PLAIN)
    assert candidate
    assert parse(candidate, ["05.01.2024", "2024-01-05"]) == [date(2024, 1, 5), None]


@pytest.mark.slow
@given(dates=st.lists(st.dates(), min_size=1, max_size=20))
@settings(deadline=None, max_examples=20)
def test_a_layout_takes_what_it_extends_as_the_same_day(parse: Parse, dates: list[date]) -> None:
    for date_format in expand(("%m/%d/%Y", COMMON), two_digit_years=True):
        for extended in Layout(date_format).extends:
            texts = [write(d, extended) for d in dates]
            assert parse(of(date_format), texts) == parse(of(extended), texts)


@pytest.mark.slow
@given(dates=st.lists(st.dates(), min_size=1, max_size=20))
@settings(deadline=None, max_examples=20)
def test_a_date_without_a_telltale_is_read_by_the_iso_format(
    parse: Parse, dates: list[date]
) -> None:
    for date_format in expand((*SPECIFIED, COMMON), two_digit_years=True)[1:]:
        texts = [write(d, date_format) for d in dates]
        telltale = of(date_format).telltale
        assert telltale
        as_type = {"type": "", "order": 0, "iceberg": "", "duckdb": ""}
        shown = parse(TypeCandidate(**as_type, parse=telltale), texts)  # type: ignore[arg-type]
        iso = parse(of("%Y-%m-%d"), texts)
        assert all(s or i is not None for s, i in zip(shown, iso, strict=True))


def test_common_formats_follow_the_preference_of_those_before_them() -> None:
    day_first = expand((*SPECIFIED, COMMON), two_digit_years=False)
    assert day_first[:3] == SPECIFIED
    assert day_first.index("%d-%m-%Y") < day_first.index("%m-%d-%Y")
    month_first = expand(("%m/%d/%Y", COMMON), two_digit_years=False)
    assert month_first[0] == "%m/%d/%Y"
    assert month_first.index("%m-%d-%Y") < month_first.index("%d-%m-%Y")
    assert expand(("%d.%m.%Y",), two_digit_years=False) == ("%d.%m.%Y",)


def test_years_of_two_digits_come_last_and_those_in_front_at_the_very_end() -> None:
    assert expand(SPECIFIED, two_digit_years=True) == (
        *SPECIFIED, "%d/%m/%y", "%m/%d/%y", "%y-%m-%d",
    )  # fmt: skip
