"""The built-in types against Python's own int, float, decimal and datetime."""

from __future__ import annotations

import decimal
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import ROUND_DOWN, InvalidOperation
from decimal import Decimal as PyDecimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakefall.config.model import Engine
from lakefall.plugin import NoOptions
from lakefall.sql import connect
from lakefall.types import TypeCandidate, TypeSettings
from lakefall_plugins.types.boolean import Boolean
from lakefall_plugins.types.date import Date, pattern
from lakefall_plugins.types.decimal import Decimal, DecimalOptions
from lakefall_plugins.types.numbers import Bigint, Double, Integer
from lakefall_plugins.types.timestamp import Timestamp
from lakefall_plugins.types.uuid import Uuid

Parse = Callable[[TypeCandidate, Sequence[str]], list[Any]]
PLAIN = TypeSettings()
ZEROS = TypeSettings(leading_zeros="number")
NUMBER = re.compile(r"-?[0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]+)?")
ISO = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d(?::?\d\d)?)?)?", re.ASCII
)


@pytest.fixture(scope="module")
def parse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parse]:
    import pyarrow as pa

    scratch: Path = tmp_path_factory.mktemp("engine")
    with connect(Engine(threads=1), scratch) as connection:

        def run(candidate: TypeCandidate, texts: Sequence[str]) -> list[Any]:
            connection.register("cells", pa.table({"x": pa.array(texts, pa.string())}))
            answer = connection.sql(f"SELECT {candidate.parse('x')} AS v FROM cells")
            return list(answer.to_arrow_table()["v"].to_pylist())

        yield run


def one(plugin: Any, options: TypeSettings = PLAIN) -> TypeCandidate:
    return next(iter(plugin.candidates(options)))


# --- numbers ---------------------------------------------------------------------------------

digits = st.text("0123456789", min_size=1, max_size=22)
near_limits = st.sampled_from([2**31, 2**53, 2**63, 10**15, 10**18]).flatmap(
    lambda n: st.integers(n - 3, n + 3)
)
whole = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    near_limits.map(str),
    near_limits.map(lambda n: str(-n)),
    digits,
    digits.map("-{}".format),
)
fractions = st.tuples(whole, st.text("0123456789", max_size=20)).map(".".join)
exponents = st.tuples(
    st.one_of(whole, fractions), st.sampled_from("eE"), st.integers(-420, 420).map(str)
).map("".join)
odd = st.text("0123456789+-.eE_ x\tnaif", max_size=8)
numbers = st.lists(st.one_of(whole, fractions, exponents, odd), min_size=1, max_size=60)


def as_whole(text: str, bits: int, *, zeros: bool) -> int | None:
    if not re.fullmatch("-?[0-9]+", text):
        return None
    if not zeros and re.match("-?0[0-9]", text):
        return None
    value = int(text)
    return value if -(2 ** (bits - 1)) <= value < 2 ** (bits - 1) else None


def as_double(text: str, *, zeros: bool) -> float | None:
    if not NUMBER.fullmatch(text) or (not zeros and re.match("-?0[0-9]", text)):
        return None
    exact, value = PyDecimal(text), float(text)
    if value in (float("inf"), float("-inf")) or (value == 0 and exact != 0):
        return None
    plain = not re.search("[eE]", text)
    return None if plain and abs(int(exact)) > 2**53 else value


@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize(("plugin", "bits"), [(Integer, 32), (Bigint, 64)])
@given(texts=numbers)
@settings(deadline=None, max_examples=60)
def test_whole_numbers_are_pythons(
    parse: Parse, plugin: Any, bits: int, zeros: bool, texts: list[str]
) -> None:
    candidate = one(plugin(NoOptions()), ZEROS if zeros else PLAIN)
    assert parse(candidate, texts) == [as_whole(t, bits, zeros=zeros) for t in texts]


@pytest.mark.parametrize("zeros", [False, True])
@given(texts=numbers)
@settings(deadline=None, max_examples=150)
def test_doubles_are_pythons(parse: Parse, zeros: bool, texts: list[str]) -> None:
    candidate = one(Double(NoOptions()), ZEROS if zeros else PLAIN)
    assert parse(candidate, texts) == [as_double(t, zeros=zeros) for t in texts]


@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=50))
@settings(deadline=None)
def test_every_double_that_python_writes_with_an_exponent_comes_back(
    parse: Parse, values: list[float]
) -> None:
    texts = [f"{v:.17e}" for v in values]
    assert parse(one(Double(NoOptions())), texts) == values


@given(texts=numbers, precision=st.integers(1, 38), data=st.data())
@settings(deadline=None, max_examples=100)
def test_decimals_are_exact(
    parse: Parse, texts: list[str], precision: int, data: st.DataObject
) -> None:
    scale = data.draw(st.integers(0, precision))

    def expected(text: str) -> PyDecimal | None:
        if not re.fullmatch(r"-?(0|[1-9][0-9]*)(\.[0-9]*)?", text):
            return None
        value = PyDecimal(text)
        if value.adjusted() >= precision - scale and value != 0:
            return None
        try:
            rounded = value.quantize(PyDecimal(1).scaleb(-scale), rounding=ROUND_DOWN)
        except InvalidOperation:
            return None
        return rounded if rounded == value else None

    options = DecimalOptions(precision=precision, scale=scale)
    with decimal.localcontext(prec=100):
        assert parse(one(Decimal(options)), texts) == [expected(t) for t in texts]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("DECIMAL(10,4)", "DECIMAL(10,4)"),
        ("DECIMAL(38, 0)", "DECIMAL(38,0)"),
        ("DECIMAL(39,0)", None),
        ("DECIMAL(5,6)", None),
        ("DECIMAL", None),
    ],
)
def test_decimal_of_a_table_brings_its_own_parameters(name: str, found: str | None) -> None:
    candidate = Decimal(DecimalOptions()).for_type(name, "", PLAIN)
    assert (candidate.type if candidate else None) == found


def test_decimal_options_are_checked() -> None:
    with pytest.raises(ValueError, match="scale 3 is larger than precision 2"):
        DecimalOptions(precision=2, scale=3)


# --- vetoes ----------------------------------------------------------------------------------


@given(texts=numbers)
@settings(deadline=None, max_examples=60)
def test_vetoes_name_zip_codes_and_long_numbers(parse: Parse, texts: list[str]) -> None:
    integer, bigint = one(Integer(NoOptions())), one(Bigint(NoOptions()))
    assert integer.veto
    assert bigint.veto
    as_type = {"type": "", "order": 0, "iceberg": "", "duckdb": ""}
    zero = TypeCandidate(**as_type, parse=integer.veto)  # type: ignore[arg-type]
    beyond = TypeCandidate(**as_type, parse=bigint.veto)  # type: ignore[arg-type]
    assert parse(zero, texts) == [
        bool(NUMBER.fullmatch(t) and re.match("-?0[0-9]", t)) for t in texts
    ]
    assert parse(beyond, texts) == [
        bool(re.fullmatch("-?[0-9]+", t)) and as_whole(t, 64, zeros=True) is None for t in texts
    ]


def test_leading_zeros_as_numbers_bar_nothing() -> None:
    assert one(Integer(NoOptions()), ZEROS).veto is None


# --- booleans, identifiers ---------------------------------------------------------------------


@given(
    texts=st.lists(
        st.text("trufalseyno10 TRUFALSEYNO\u017f\u212a", max_size=6), min_size=1, max_size=60
    )
)
@settings(deadline=None, max_examples=60)
def test_booleans_are_six_words(parse: Parse, texts: list[str]) -> None:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    texts = [*texts, *words, *(w.upper() for w in words)]
    assert parse(one(Boolean(NoOptions())), texts) == [
        words.get(t.lower()) if t.isascii() else None for t in texts
    ]


@given(values=st.lists(st.uuids(), min_size=1, max_size=50))
@settings(deadline=None, max_examples=20)
def test_uuids_come_back(parse: Parse, values: list[UUID]) -> None:
    texts = [f(str(v)) for v in values for f in (str.lower, str.upper)]
    found = [UUID(v) for v in parse(one(Uuid(NoOptions())), texts)]
    assert found == [v for v in values for _ in range(2)]


# --- dates and times ---------------------------------------------------------------------------

FORMATS = ("%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%y", "%d %b %Y", "%B %d, %Y", "%Y%m%d")
date_like = st.tuples(
    st.sampled_from(["", "0", "1", "20", "29", "31", "12", "13", "2024", "0000", "0001", "999"]),
    st.sampled_from("/-.,  "),
    st.sampled_from(["0", "1", "02", "12", "13", "Feb", "february", "31", "031"]),
    st.sampled_from("/-.,  "),
    st.sampled_from(["1", "29", "30", "31", "2023", "2024", "24", "69", "9999", "10000"]),
    st.sampled_from(["", "", "", " ", "x"]),
).map("".join)


def as_date(text: str, date_format: str) -> date | None:
    if text != text.strip() or not text.isascii() or "  " in text:
        return None
    if "%b" in date_format and re.search("[a-z]{4}", text, re.IGNORECASE):
        return None
    try:
        return datetime.strptime(text, date_format).date()
    except ValueError:
        return None


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
    candidate = one(Date(NoOptions()), TypeSettings(date_formats=(date_format,)))
    texts = [*texts, *(write(d, written) for d in dates), *(write(d, date_format) for d in dates)]
    assert parse(candidate, texts) == [as_date(t, date_format) for t in texts]


def write(day: date, date_format: str) -> str:
    # strftime of the C library does not pad years below 1000.
    return day.strftime(date_format.replace("%Y", f"{day.year:04}"))


def test_a_format_without_separators_wants_two_digits(parse: Parse) -> None:
    candidate = one(Date(NoOptions()), TypeSettings(date_formats=("%Y%m%d",)))
    assert parse(candidate, ["20240105", "2024115", "20240230"]) == [date(2024, 1, 5), None, None]


@pytest.mark.parametrize(
    ("date_format", "message"),
    [
        ("%Y-%m", "must hold one day"),
        ("%Y-%m-%d %H:%M", "%H is no part of a date"),
        ("%d/%d/%Y", "must hold one month"),
        ("%Y-%m-%d%", "ends in a single %"),
    ],
)
def test_a_format_that_is_no_date_is_refused(date_format: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        pattern(date_format)


def test_a_tables_format_outlives_the_configuration(parse: Parse) -> None:
    candidate = Date(NoOptions()).for_type("DATE", "%d.%m.%Y", PLAIN)
    assert candidate
    assert parse(candidate, ["05.01.2024", "2024-01-05"]) == [date(2024, 1, 5), None]


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
broken_moments = st.tuples(
    written_moments, st.integers(0, 30), st.sampled_from("0129:-+.TZ _x")
).map(lambda p: p[0][: p[1]] + p[2] + p[0][p[1] + 1 :])
long_fractions = moments.map(lambda m: f"{m.year:04}" + m.strftime("-%m-%dT%H:%M:%S.%f") + "1")


def as_timestamp(text: str) -> datetime | None:
    if not ISO.fullmatch(text):
        return None
    fraction = re.search(r"\.(\d+)", text)
    if fraction:
        text = text.replace(fraction[0], f".{fraction[1]:0<6}")
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        return None


@given(
    texts=st.lists(
        st.one_of(written_moments, broken_moments, long_fractions, st.dates().map(str), date_like),
        min_size=1,
        max_size=60,
    )
)
@settings(deadline=None, max_examples=200)
def test_timestamps_are_those_of_fromisoformat(parse: Parse, texts: list[str]) -> None:
    assert parse(one(Timestamp(NoOptions())), texts) == [as_timestamp(t) for t in texts]


def test_timestamps_in_every_zone_of_the_session(parse: Parse, tmp_path: Path) -> None:
    candidate = one(Timestamp(NoOptions()))
    with connect(Engine(threads=1), tmp_path) as connection:
        connection.execute("SET TimeZone = 'America/New_York'")
        answer = connection.execute(
            f"SELECT {candidate.parse('x')} FROM (VALUES ('2024-01-15T10:30:00+02:00'),"
            " ('2024-01-15T10:30:00Z'), ('2024-01-15T10:30:00')) t(x)"
        ).fetchall()
    assert [row[0] for row in answer] == [
        datetime(2024, 1, 15, 8, 30),
        datetime(2024, 1, 15, 10, 30),
        datetime(2024, 1, 15, 10, 30),
    ]
