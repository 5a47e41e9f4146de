"""The options of the type inferer ``threshold``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from lakefall.contract.plugin import InfererOptions, Options
from lakefall.contract.units import Share
from lakefall_plugins.types.layouts import COMMON, SPECIFIED, Layout
from lakefall_plugins.types.number_formats import MOST, PLAIN, number_format

TOLD_TOKENS = ("NA", "N/A", "#N/A", "NaN", "nan", "None", "-", "--", "?", ".")
"""Null tokens of the defaults that may be a word elsewhere: the evidence counts them by name."""


def _date_format(text: str) -> str:
    if text != COMMON:
        if "%" not in text:
            raise ValueError(f"{text!r} is neither a format such as %d.%m.%Y nor `{COMMON}`")
        Layout(text)
    return text


def _number_format(text: str) -> str:
    if text != COMMON:
        number_format(text)
    return text


class ColumnType(Options):
    """What is set for one column."""

    type: str
    """A type's name: `date`, `decimal(18,2)`."""
    format: str = ""
    """How its values are written, in the words of `date_formats` and `number_formats`."""


class ThresholdOptions(InfererOptions):
    """How types are chosen, and what is set beforehand."""

    sample_rows: int = Field(default=1000, ge=1, le=10_000_000)
    """Rows on which types are proposed."""
    threshold: Share = Field(default=0.9, gt=0)
    """Share of a column's values that must parse as a type."""
    choose: Literal["best", "first"] = "best"
    """Of the types that reach the threshold: the one that parses the most, if no value bars it;
    or the first (the letter of the specification)."""
    verify: Literal["all", "sample"] = "all"
    """Prove the proposed types on all rows, or trust the first rows."""
    leading_zeros: Literal["text", "number"] = "text"
    """What 00501 is: text, which makes its whole column text, or a number."""
    exponents: Literal["signed", "number"] = "signed"
    """What 32E0134 is, digits, an E and digits without a point or a sign: a code, which makes its
    whole column text, or a number. 1.5E3, 1E-5, 1e+6 and 1e3 are numbers."""
    null_values: tuple[str, ...] = ("", "NULL", "null", "\\N", *TOLD_TOKENS)
    """Texts that stand for no value, in columns that are not text; a column of text keeps them."""
    date_formats: tuple[Annotated[str, AfterValidator(_date_format)], ...] = Field(
        default=(*SPECIFIED, COMMON), min_length=1
    )
    """Formats of dates, preferred first, in the letters of strptime: %Y %y %m %d %b %B. A date
    with a time of day after it is a timestamp in the same format. `common` stands for other usual
    ones: 2024/01/15, 2024.01.15, 15.01.2024, 15-01-2024, 01-15-2024, and months by name in any
    place; day first, unless the format before it is month first. Without `common`, and with
    `{use: timestamp, layouts: iso}` among the types, this is the letter of the specification."""
    two_digit_years: bool = False
    """Read dates with years of two digits as well, in the same formats: 69 to 99 are 19.., others
    20.. (POSIX)."""
    boolean: Literal["words_and_digits", "words"] = "words_and_digits"
    """What a boolean is: true, false, yes, no, 1 and 0 (the specification), or the words alone, so
    that a column of 0 and 1 is INTEGER."""
    number_formats: tuple[Annotated[str, AfterValidator(_number_format)], ...] = Field(
        default=(PLAIN, COMMON), min_length=1, max_length=MOST
    )
    """Formats of numbers, preferred first: the number 1234.5 as files may write it. '1.234,5' is a
    decimal comma with points between thousands (also a blank or an apostrophe may be there),
    '1234,5' one without; '$1,234.5' and '1.234,5 €' have a unit, which every value must have;
    '1234.5%' is a share: 12.5% is 0.125. '.5' are plain numbers that may lack the zero. `common`
    stands for '.5', '1234,5', '1,234.5', '1.234,5', '1 234,5', '1 234.5' and '1'234.5', where they
    are certain: no value of digits and marks contradicts the format, and one shows which mark
    begins decimals (12,5 does, 1,234 does not) or has two groups (1,234,567); a column without one
    is text. A column has one format, and a table's column keeps it. Without `common` this is the
    letter of the specification."""
    quoted_numbers: Literal["number", "text"] = "number"
    """What a column is in which every number is in quotes, while other columns are not: judged
    like any other, or text."""
    columns: Mapping[str, ColumnType | str] = Field(default_factory=dict)
    """Column name, sanitised or as in the header, to a type, or to a type with the one format of
    its values: no inference for these. `{type: timestamp, format: "%s"}` are seconds since 1970,
    `"%Q"` milliseconds."""

    def column(self, *names: str) -> ColumnType | None:
        """What is set for the column that has one of these names."""
        found = next((self.columns[name] for name in names if name in self.columns), None)
        return ColumnType(type=found) if isinstance(found, str) else found
