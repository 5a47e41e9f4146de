"""Numbers as files write them, against Python's decimal."""

from __future__ import annotations

import re
from decimal import Decimal as PyDecimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from types_support import Parse, one

from lakefall.contract.plugin import NoOptions
from lakefall.contract.types import TypeCandidate, TypeSettings, contradict
from lakefall_plugins.types.decimal import Decimal, DecimalOptions
from lakefall_plugins.types.number_formats import PLAIN, number_format
from lakefall_plugins.types.numbers import Bigint, Double, Integer

PLAIN_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]*)?")
BLANKS = " \u00a0\u202f"
SAMPLES = {
    "1.234,5": (".", ",", "", ""),
    "1,234.5": (",", ".", "", ""),
    "1 234,5": (BLANKS, ",", "", ""),
    "1\u202f234,5": (BLANKS, ",", "", ""),
    "1'234.5": ("'\u2019", ".", "", ""),
    "1234,5": ("", ",", "", ""),
    "$1,234.5": (",", ".", "$", ""),
    "1.234,5 \u20ac": (".", ",", "", "\u20ac"),
    "EUR 1234.5": ("", ".", "EUR", ""),
    "1 234,5 %": (BLANKS, ",", "", "%"),
}
"""Sample -> group, decimal separator, unit before, unit after."""


def as_number(text: str, sample: str) -> PyDecimal | None:
    """The number that a text says, taken apart by hand."""
    group, decimal, before, after = SAMPLES[sample]
    if decimal == "." and not before + after and PLAIN_NUMBER.fullmatch(text):
        return PyDecimal(text)
    sign = ""
    if text.startswith("-"):
        sign, text = "-", text[1:]
    if before:
        if not text.startswith(before):
            return None
        text = text[len(before) :]
        if text[:1] and text[0] in BLANKS:
            text = text[1:]
        if not sign and text.startswith("-"):
            sign, text = "-", text[1:]
    if after:
        if not text.endswith(after):
            return None
        text = text[: -len(after)]
        if text[-1:] and text[-1] in BLANKS:
            text = text[:-1]
    whole, point, fraction = text.partition(decimal)
    groups = re.split(f"[{group}]", whole) if group else [whole]
    if not all(re.fullmatch("[0-9]+", part) for part in groups) or (
        len(whole) > 1 and whole[0] == "0"
    ):
        return None
    if len(groups) > 1 and not (len(groups[0]) <= 3 and all(len(g) == 3 for g in groups[1:])):
        return None
    if point and not re.fullmatch("[0-9]+", fraction):
        return None
    number = PyDecimal(f"{sign}{''.join(groups)}.{fraction or '0'}")
    return number.scaleb(-2) if after == "%" else number


@st.composite
def texts_of(draw: st.DrawFn, sample: str) -> str:
    """A number in the sample's format, or something close to one."""
    written = number_format(sample)
    text = written.write(
        str(draw(st.integers(0, 10 ** draw(st.integers(0, 9))))),
        draw(st.sampled_from(["", "5", "50", "125", "000"])),
        draw(st.sampled_from(["", "", "-"])),
    )
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(text)))
        strange = st.sampled_from(["", "0", ".", ",", " ", "'", "-", "$", "%", "\u202f"])
        text = text[:at] + draw(strange) + text[at + draw(st.integers(0, 1)) :]
    return text


def of(plugin: object, sample: str) -> TypeCandidate:
    return one(plugin, TypeSettings(number_formats=(sample,)))


@pytest.mark.slow
@pytest.mark.parametrize("sample", SAMPLES)
@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_numbers_in_formats_are_what_they_say(
    parse: Parse, sample: str, data: st.DataObject
) -> None:
    several = st.one_of(*(texts_of(s) for s in (sample, sample, *SAMPLES)))
    texts = data.draw(st.lists(several, min_size=1, max_size=40))
    expected = [as_number(t, sample) for t in texts]
    assert parse(of(Double(NoOptions()), sample), texts) == [
        None if n is None else float(n) for n in expected
    ]
    if "%" not in sample:
        decimal = SAMPLES[sample][1]
        whole = [
            None if n is None or decimal in (t if SAMPLES[sample][0] != decimal else "") else int(n)
            for n, t in zip(expected, texts, strict=True)
        ]
        assert parse(of(Bigint(NoOptions()), sample), texts) == whole
        assert parse(of(Integer(NoOptions()), sample), texts) == [
            n if n is not None and -(2**31) <= n < 2**31 else None for n in whole
        ]


@pytest.mark.slow
@pytest.mark.parametrize("sample", SAMPLES)
@given(data=st.data())
@settings(deadline=None, max_examples=30)
def test_decimals_in_formats_are_exact(parse: Parse, sample: str, data: st.DataObject) -> None:
    texts = data.draw(st.lists(texts_of(sample), min_size=1, max_size=40))
    expected = [as_number(t, sample) for t in texts]
    scale = PyDecimal("0.01")
    assert parse(of(Decimal(DecimalOptions()), sample), texts) == [
        n if n is not None and n == n.quantize(scale) else None for n in expected
    ]


def test_a_share_is_rounded_once(parse: Parse) -> None:
    share = of(Double(NoOptions()), "1234.5%")
    assert parse(share, ["12.3%", "0.7 %", "-5%", "12.3"]) == [0.123, 0.007, -0.05, None]


def test_a_point_may_lack_its_zero(parse: Parse) -> None:
    candidate = of(Double(NoOptions()), ".5")
    texts = [".097", "-.5", "0.5", "5", ".", "-.", "5.", ".5e3"]
    assert parse(candidate, texts) == [0.097, -0.5, 0.5, 5.0, None, None, 5.0, 500.0]


# --- which contradict each other -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("one_sample", "other", "contradicting"),
    [
        (PLAIN, "1,234.5", False),
        (PLAIN, ".5", False),
        (PLAIN, "1.234,5", True),
        ("1234,5", "1.234,5", False),
        ("1.234,5", "1,234.5", True),
        (PLAIN, "$1234.5", True),
        ("$1234.5", "$1,234.5", False),
        ("$1234.5", "1234.5%", True),
    ],
)
def test_which_formats_may_share_a_column(one_sample: str, other: str, contradicting: bool) -> None:
    first, second = of(Integer(NoOptions()), one_sample), of(Double(NoOptions()), other)
    assert contradict(first, second) is contradicting
    assert contradict(second, first) is contradicting


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_sample_is_itself_such_a_number(parse: Parse, sample: str) -> None:
    assert parse(of(Double(NoOptions()), sample), [sample]) == [12.345 if "%" in sample else 1234.5]


@pytest.mark.parametrize(
    ("sample", "told"),
    [
        ("1234", "no sample of a number"),
        ("1.234", "no sample of a number"),
        ("1.234.5", "the two differ"),
        ("1_234.5", "grouped by one of"),
        ("1234;5", "decimals begin with"),
        ("-1234.5", "no part of a unit"),
        ("#,##0.0", "no sample of a number"),
    ],
)
def test_what_is_no_sample_is_refused(sample: str, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sample)) as error:
        number_format(sample)
    assert told in str(error.value)


def test_the_configured_order_is_the_candidates_order() -> None:
    setting = TypeSettings(number_formats=("1.234,5", PLAIN, "$1,234.5"))
    plugins = (Integer(NoOptions()), Bigint(NoOptions()), Double(NoOptions()))
    found = sorted((c for p in plugins for c in p.candidates(setting)), key=lambda c: c.order)
    assert [(c.type, c.format) for c in found] == [
        (type_name, form)
        for form in ("1.234,5", "", "$1,234.5")
        for type_name in ("INTEGER", "BIGINT", "DOUBLE")
    ]
    assert [c.order for c in found if not c.format] == [200, 300, 400]
