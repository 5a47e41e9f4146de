"""Numbers, booleans and identifiers against Python's own int, float, decimal and uuid."""

from __future__ import annotations

import decimal
import json
import re
from decimal import ROUND_DOWN, InvalidOperation
from decimal import Decimal as PyDecimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from types_support import PLAIN, Parse, one

from lakefall.contract.plugin import NoOptions
from lakefall.contract.types import TypeCandidate, TypeSettings
from lakefall_plugins.types.boolean import Boolean
from lakefall_plugins.types.decimal import Decimal, DecimalOptions
from lakefall_plugins.types.json import Json
from lakefall_plugins.types.numbers import (
    BEYOND_BIGINT,
    LEADING_ZERO,
    Bigint,
    Double,
    Integer,
)
from lakefall_plugins.types.uuid import Uuid

ZEROS = TypeSettings(leading_zeros="number")
NUMBER = re.compile(r"-?[0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]+)?")


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


@pytest.mark.slow
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
    vetoes = {sign.name: sign.holds for sign in (*integer.signs, *bigint.signs)}
    as_type = {"type": "", "order": 0, "iceberg": "", "duckdb": ""}
    zero = TypeCandidate(**as_type, parse=vetoes[LEADING_ZERO])  # type: ignore[arg-type]
    beyond = TypeCandidate(**as_type, parse=vetoes[BEYOND_BIGINT])  # type: ignore[arg-type]
    assert parse(zero, texts) == [
        bool(NUMBER.fullmatch(t) and re.match("-?0[0-9]", t)) for t in texts
    ]
    assert parse(beyond, texts) == [
        bool(re.fullmatch("-?[0-9]+", t)) and as_whole(t, 64, zeros=True) is None for t in texts
    ]


def test_leading_zeros_as_numbers_bar_nothing() -> None:
    assert not one(Integer(NoOptions()), ZEROS).signs


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


def test_booleans_are_four_words_where_digits_are_numbers(parse: Parse) -> None:
    candidate = one(Boolean(NoOptions()), TypeSettings(boolean="words"))
    assert parse(candidate, ["true", "No", "1", "0"]) == [True, False, None, None]


@given(values=st.lists(st.uuids(), min_size=1, max_size=50))
@settings(deadline=None, max_examples=20)
def test_uuids_come_back(parse: Parse, values: list[UUID]) -> None:
    texts = [f(str(v)) for v in values for f in (str.lower, str.upper)]
    found = [UUID(v) for v in parse(one(Uuid(NoOptions())), texts)]
    assert found == [v for v in values for _ in range(2)]


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


def as_json(text: str) -> str | None:
    """The text, where Python takes it for an object or an array of RFC 8259."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        value = json.loads(text, parse_constant=refuse)
    except ValueError:
        return None
    return text.rstrip() if isinstance(value, (dict, list)) and text[:1] in "{[" else None


@given(
    values=st.lists(json_values, max_size=20),
    escaped=st.booleans(),
    texts=st.lists(st.text('{}[]",:\\ntrue 01.-eNaIfy/*', max_size=12), max_size=40),
)
@settings(deadline=None, max_examples=100)
def test_json_is_what_python_takes_for_it(
    parse: Parse, values: list[Any], escaped: bool, texts: list[str]
) -> None:
    texts = [*texts, *(json.dumps(v, ensure_ascii=escaped) for v in values)]
    assert parse(one(Json(NoOptions())), texts) == [as_json(t) for t in texts]


def test_half_a_character_is_no_json(parse: Parse) -> None:
    """Python lets a lone surrogate pass, which no UTF-8 text can hold."""
    assert parse(one(Json(NoOptions())), ['["\\ud83d\\ude00"]', '["\\ud83d"]']) == [
        '["\\ud83d\\ude00"]',
        None,
    ]
