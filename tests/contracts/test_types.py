"""The built-in types keep the laws that third-party types are held to."""

from __future__ import annotations

from dataclasses import replace

from lakefall.contract.types import TypeSettings
from lakefall.testing import TypeContract
from lakefall_plugins.types.boolean import Boolean
from lakefall_plugins.types.date import Date
from lakefall_plugins.types.decimal import Decimal
from lakefall_plugins.types.json import Json
from lakefall_plugins.types.layouts import COMMON, SPECIFIED, expand
from lakefall_plugins.types.numbers import Bigint, Double, Integer
from lakefall_plugins.types.time import Time
from lakefall_plugins.types.timestamp import Timestamp, TimestampTz
from lakefall_plugins.types.uuid import Uuid
from lakefall_plugins.types.varchar import Varchar

AS_NUMBERS = TypeSettings(leading_zeros="number")
FORMATS = TypeSettings(
    number_formats=(
        "1.234,5",
        "1234.5",
        "1 234.5",
        "1'234,5",
        "$1,234.5",
        "1234,5 EUR",
        "1.234,5%",
        ".5",
    )
)
ALL_LAYOUTS = TypeSettings(expand((*SPECIFIED, COMMON), two_digit_years=True))


class TestBoolean(TypeContract):
    plugin = Boolean


class TestBooleanWords(TypeContract):
    plugin = Boolean
    settings = TypeSettings(boolean="words")


class TestInteger(TypeContract):
    plugin = Integer


class TestIntegerWithZeros(TypeContract):
    plugin = Integer
    settings = AS_NUMBERS


class TestBigint(TypeContract):
    plugin = Bigint


class TestBigintWithZeros(TypeContract):
    plugin = Bigint
    settings = AS_NUMBERS


class TestDouble(TypeContract):
    plugin = Double


class TestDoubleWithZeros(TypeContract):
    plugin = Double
    settings = AS_NUMBERS


class TestDecimal(TypeContract):
    plugin = Decimal


class TestWideDecimal(TypeContract):
    plugin = Decimal
    options = {"precision": 38, "scale": 38}


class TestWholeDecimal(TypeContract):
    plugin = Decimal
    options = {"precision": 5, "scale": 0}


class TestIntegerInFormats(TypeContract):
    plugin = Integer
    settings = FORMATS


class TestBigintInFormats(TypeContract):
    plugin = Bigint
    settings = FORMATS


class TestDoubleInFormats(TypeContract):
    plugin = Double
    settings = FORMATS


class TestDoubleWithZerosInFormats(TypeContract):
    plugin = Double
    settings = replace(FORMATS, leading_zeros="number")


class TestDecimalInFormats(TypeContract):
    plugin = Decimal
    settings = FORMATS


class TestWideDecimalInFormats(TypeContract):
    plugin = Decimal
    options = {"precision": 38, "scale": 38}
    settings = FORMATS


class TestDate(TypeContract):
    plugin = Date


class TestWrittenDate(TypeContract):
    plugin = Date
    settings = TypeSettings(date_formats=("%d.%m.%y", "%d %b %Y", "%B %d, %Y", "%Y%m%d"))


class TestDateInEveryLayout(TypeContract):
    plugin = Date
    settings = ALL_LAYOUTS


class TestTime(TypeContract):
    plugin = Time


class TestTimestamp(TypeContract):
    plugin = Timestamp


class TestTimestampInEveryLayout(TypeContract):
    plugin = Timestamp
    settings = ALL_LAYOUTS


class TestTimestampInIsoAlone(TypeContract):
    plugin = Timestamp
    options = {"layouts": "iso"}
    settings = ALL_LAYOUTS


class TestTimestampTz(TypeContract):
    plugin = TimestampTz


class TestTimestampTzInEveryLayout(TypeContract):
    plugin = TimestampTz
    settings = ALL_LAYOUTS


class TestUuid(TypeContract):
    plugin = Uuid


class TestJson(TypeContract):
    plugin = Json


class TestVarchar(TypeContract):
    plugin = Varchar
