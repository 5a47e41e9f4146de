"""Choosing among formats of numbers; types that options set; what quotes say."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError
from threshold_support import DEFAULT, Infer, column, inferer, side_by_side, table

from lakefall.contract.errors import FormatConflictError, PluginError
from lakefall_plugins.inference.threshold import ThresholdOptions
from lakefall_plugins.types.decimal import Decimal
from lakefall_plugins.types.timestamp import TimestampTz

GERMAN = ["1.234,5", "1234.5"]
PLAIN_FIRST = ["1234.5", "1.234,5"]
BOTH_GROUPED = ["1,234.5", "1.234,5"]


@pytest.fixture
def infer(tmp_path: Path) -> Infer:
    return inferer(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "formats", "type_name", "chosen"),
    [
        (["3,5", "1.234,75"], ["1234.5"], "VARCHAR", ""),
        (["3,5", "1.234,75"], GERMAN, "DOUBLE", "1.234,5"),
        (["1.234", "12.345.678"], PLAIN_FIRST, "INTEGER", "1.234,5"),
        (["3.5", "12.25"], GERMAN, "DOUBLE", ""),
        (["5", "6"], PLAIN_FIRST, "INTEGER", ""),
        (["5", "6"], GERMAN, "INTEGER", "1.234,5"),
        (["9.999.999.999"], GERMAN, "BIGINT", "1.234,5"),
        (["$5", "$1,234.50"], ["1234.5", "$1,234.5"], "DOUBLE", "$1,234.5"),
        (["$5", "$1,234"], ["1234.5", "$1,234.5"], "INTEGER", "$1,234.5"),
        (["5", "6"], ["1234.5", "$1,234.5"], "INTEGER", ""),
        (["$5", "€5"], ["1234.5", "$1,234.5", "€1,234.5"], "VARCHAR", ""),
        (["12.5%", "3%"], ["1234.5", "1234.5%"], "DOUBLE", "1234.5%"),
        ([".097", ".12"], ["1234.5", ".5"], "DOUBLE", ".5"),
        (["0.097", "0.12"], ["1234.5", ".5"], "DOUBLE", ""),
        (["00501", "1.234"], GERMAN, "VARCHAR", ""),
    ],
)
@pytest.mark.parametrize("sample_rows", [1, 1000])
def test_one_format_a_column(
    infer: Infer,
    values: list[str],
    formats: list[str],
    type_name: str,
    chosen: str,
    sample_rows: int,
) -> None:
    quoted = [f'"{v}"' for v in values]
    found = column(infer, *quoted, number_formats=formats, sample_rows=sample_rows)
    assert (found.type, found.format, found.ambiguous) == (type_name, chosen, False)


def test_decimals_keep_to_the_format_too(infer: Infer) -> None:
    found = infer('v\n"$1,234.50"\n"$0.05"\n', types=(*DEFAULT, Decimal),
                  number_formats=["1234.5", "$1,234.5"]).columns[0]  # fmt: skip
    assert (found.type, found.format) == ("DECIMAL(18,2)", "$1,234.5")


@pytest.mark.parametrize(
    ("formats", "type_name", "chosen", "rivals"),
    [
        (PLAIN_FIRST, "DOUBLE", "", "1234.5 and 1.234,5"),
        (GERMAN, "INTEGER", "1.234,5", "1.234,5 and 1234.5"),
    ],
)
@pytest.mark.parametrize("sample_rows", [1, 1000])
def test_a_point_before_three_digits_is_ambiguous(
    infer: Infer, formats: list[str], type_name: str, chosen: str, rivals: str, sample_rows: int
) -> None:
    found = column(infer, *["1.234", "12.345"] * 2, number_formats=formats, sample_rows=sample_rows)
    assert (found.type, found.format, found.ambiguous) == (type_name, chosen, True)
    assert found.evidence[1] == (
        f"ambiguous: {rivals} parse the same values; the order of number_formats decides"
    )


def test_it_is_not_ambiguous_where_another_value_settles_it(infer: Infer) -> None:
    found = column(infer, "1.234", "1.5", number_formats=GERMAN)
    assert (found.format, found.ambiguous) == ("", False)
    found = column(infer, '"1,234"', '"1.234,5"', number_formats=BOTH_GROUPED)
    assert (found.type, found.format, found.ambiguous) == ("DOUBLE", "1.234,5", False)


def test_another_file_of_a_new_table_settles_it(infer: Infer) -> None:
    found = infer("v\n1.234\n", 'v\n"3,5"\n', number_formats=PLAIN_FIRST).columns[0]
    assert (found.type, found.format, found.ambiguous) == ("DOUBLE", "1.234,5", False)
    found = infer("v\n5\n", 'v\n"3,5"\n', number_formats=PLAIN_FIRST).columns[0]
    assert (found.type, found.format) == ("DOUBLE", "1.234,5")


def test_files_of_different_formats_make_text(infer: Infer) -> None:
    found = infer("v\n" + "1.5\n" * 30, 'v\n"3,5"\n', number_formats=PLAIN_FIRST).columns[0]
    assert found.evidence == ("VARCHAR: t/b.csv is written as 1.234,5, the other files as 1234.5",)


@pytest.mark.parametrize("sample_rows", [1, 1000])
@pytest.mark.parametrize(
    ("existing", "cells", "told"),
    [
        ("DOUBLE", ['"3,5"', '"1.234,5"'], "read as 1.234,5, but the table's format is 1234.5"),
        ("INTEGER", ['"3,5"', '"1.234,5"'], "read as 1.234,5, but the table's format is 1234.5"),
        ("DOUBLE", ["1.234.567"] * 2, "read as 1.234,5, but the table's format is 1234.5"),
        ("DOUBLE 1.234,5", ["1.5", "2.25"], "read as 1234.5, but the table's format is 1.234,5"),
    ],
)
def test_a_file_that_contradicts_the_tables_numbers_fails_and_names_both(
    infer: Infer, existing: str, cells: list[str], told: str, sample_rows: int
) -> None:
    text = "v\n" + "".join(f"{cell}\n" for cell in cells)
    with pytest.raises(FormatConflictError) as error:
        infer(text, table=table(v=existing), number_formats=GERMAN, sample_rows=sample_rows)
    assert told in str(error.value)


@pytest.mark.parametrize("sample_rows", [1, 1000])
def test_the_tables_format_governs(infer: Infer, sample_rows: int) -> None:
    text = "v\n1.234\n2.345\n"
    found = infer(text, table=table(v="DOUBLE 1.234,5"), sample_rows=sample_rows).columns[0]
    assert (found.type, found.format, found.ambiguous) == ("DOUBLE", "1.234,5", False)
    found = infer(
        text, table=table(v="DOUBLE"), number_formats=GERMAN, sample_rows=sample_rows
    ).columns[0]
    assert (found.type, found.format, found.ambiguous) == ("DOUBLE", "", False)


@pytest.mark.parametrize("sample_rows", [1, 1000])
def test_a_format_that_extends_the_tables_contradicts_nothing(
    infer: Infer, sample_rows: int
) -> None:
    text = "v\n" + "5\n" * 20 + '"1,234"\n'
    found = infer(text, table=table(v="INTEGER"), number_formats=["1234.5", "1,234.5"],
                  sample_rows=sample_rows).columns[0]  # fmt: skip
    assert (found.type, found.format, found.from_format) == ("INTEGER", "1,234.5", "")
    plain = infer("v\n5\n", table=table(v="INTEGER"), number_formats=["1234.5", "1,234.5"])
    assert (plain.columns[0].format, plain.columns[0].from_format) == ("", None)


# --- set by options ------------------------------------------------------------------------------


def test_options_set_a_type_and_its_format(infer: Infer) -> None:
    text = "at,day,price,on\n1705314600,01/02/2024,1.234,2024-01-15T10:30:00Z\n"
    found = infer(
        text,
        types=(*DEFAULT, TimestampTz),
        columns={
            "at": {"type": "timestamp", "format": "%s"},
            "day": {"type": "date", "format": "%m/%d/%Y"},
            "price": {"type": "double", "format": "1.234,5"},
            "on": {"type": "timestamp_tz"},
        },
    ).columns
    assert [(c.type, c.format, c.ambiguous) for c in found] == [
        ("TIMESTAMP", "%s", False),
        ("DATE", "%m/%d/%Y", False),
        ("DOUBLE", "1.234,5", False),
        ("TIMESTAMP WITH TIME ZONE", "", False),
    ]
    assert found[0].evidence == (
        "TIMESTAMP: 1 of 1 value as %s", "set by type_inferer.columns",
    )  # fmt: skip


def test_a_format_that_options_set_may_not_contradict_the_tables(infer: Infer) -> None:
    wish = {"v": {"type": "date", "format": "%m/%d/%Y"}}
    with pytest.raises(FormatConflictError, match="read as %m/%d/%Y, but the table's format is %d"):
        infer("v\n01/25/2024\n", table=table(v="DATE %d/%m/%Y"), columns=wish)


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ({"type": "date", "format": "%Y"}, "type_inferer.columns.v: '%Y' has no month;"),
        ({"type": "double", "format": "x"}, "type_inferer.columns.v: 'x' is no sample"),
        ({"type": "boolean", "format": "%s"}, "columns.v: BOOLEAN knows no format '%s'"),
        ({"type": "money"}, "no type plugin reads MONEY"),
    ],
)
def test_a_format_that_the_type_does_not_know_is_an_error(
    infer: Infer, wish: dict[str, str], told: str
) -> None:
    with pytest.raises(PluginError) as error:
        column(infer, "5", columns={"v": wish})
    assert told in str(error.value)


@pytest.mark.parametrize(
    "options",
    [
        {"number_formats": []},
        {"number_formats": ["1,23"]},
        {"number_formats": ["1234.5"] * 17},
        {"boolean": "digits"},
        {"two_digit_years": "maybe"},
        {"quoted_numbers": "yes"},
        {"columns": {"v": {"type": "date", "form": "x"}}},
        {"columns": {"v": 5}},
    ],
)
def test_options_are_checked(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ThresholdOptions.model_validate(options)


# --- quotes --------------------------------------------------------------------------------------

QUOTED = 'id,zip,price\n1,"10115",1.5\n2,"20095",2.5\n3,"",3\n'


def test_numbers_in_quotes_are_text_by_option(infer: Infer) -> None:
    assert [c.type for c in infer(QUOTED).columns] == ["INTEGER", "INTEGER", "DOUBLE"]
    found = infer(QUOTED, quoted_numbers="text").columns
    assert [c.type for c in found] == ["INTEGER", "VARCHAR", "DOUBLE"]
    assert found[1].evidence[0] == (
        "VARCHAR: numbers that are all in quotes, while other columns are not (quoted_numbers)"
    )


@pytest.mark.parametrize(
    "text",
    [
        'a,b\n"1","2"\n"3","4"\n',
        'a,b\n1,"2"\n2,4\n',
        'a,b\nx,"2024-01-15"\ny,"2024-01-16"\n',
    ],
    ids=["all of the file", "not all of the column", "no numbers"],
)
def test_quotes_that_say_nothing(infer: Infer, text: str) -> None:
    without, with_option = infer(text).columns, infer(text, quoted_numbers="text").columns
    assert [c.type for c in without] == [c.type for c in with_option]


def test_quotes_count_only_where_every_file_has_them(infer: Infer) -> None:
    found = infer(QUOTED, "id,zip,price\n4,30159,1\n", quoted_numbers="text").columns
    assert [c.type for c in found] == ["INTEGER", "INTEGER", "DOUBLE"]


# --- formats that nobody asked for ---------------------------------------------------------------

CERTAIN = [
    ([".5", "-.25", "0.75"], "DOUBLE", ".5"),
    (["0,5", "1,25"], "DOUBLE", "1234,5"),
    (["0,123", "4,567"], "DOUBLE", "1234,5"),
    (["1.234,50", "12"], "DOUBLE", "1.234,5"),
    (["1.234", "12,5"], "DOUBLE", "1.234,5"),
    (["1,234.56", "12"], "DOUBLE", "1,234.5"),
    (["1,234", "12.5"], "DOUBLE", "1,234.5"),
    (["1,234", "1,234,567"], "INTEGER", "1,234.5"),
    (["1.234.567", "12"], "INTEGER", "1.234,5"),
    (["2,147,483,648"], "BIGINT", "1,234.5"),
    (["1 234 567", "12"], "INTEGER", "1 234,5"),
    (["1 234.5", "12"], "DOUBLE", "1 234.5"),
    (["1'234.5", "12"], "DOUBLE", "1'234.5"),
]
UNCERTAIN = [
    ["1,234", "567"],
    ["1,234", "1.234"],
    [*["567"] * 50, "1,234"],
    ["12,5", "1.5"],
    ["12,5", "1,5,6"],
    ["12,5", "12.05.2024"],
    ["1,00,000", "12,345.50"],
    ["007,5", "12,5"],
    ["612 345 678", "912 345 678"],
    ["192.168.100.101", "192.168.100.102"],
]


def test_formats_that_are_certain_need_no_option(infer: Infer) -> None:
    quoted = [[f'"{value}"' for value in values] for values, _, _ in CERTAIN]
    found = infer(side_by_side(quoted)).columns
    assert [(v, c.type, c.format) for (v, _, _), c in zip(CERTAIN, found, strict=True)] == CERTAIN
    letter = infer(side_by_side(quoted), number_formats=["1234.5"]).columns
    assert {c.type for c in letter} == {"VARCHAR"}


def test_formats_that_are_not_certain_are_text(infer: Infer) -> None:
    found = infer(side_by_side([[f'"{v}"' for v in values] for values in UNCERTAIN])).columns
    assert [c.type for c in found] == ["VARCHAR"] * len(UNCERTAIN)
    assert found[0].evidence[0] == (
        "VARCHAR: 2 of 2 values parse as DOUBLE (1234,5 or 1,234.5), but none shows which mark "
        "begins decimals; number_formats says it"
    )


@pytest.mark.slow
def test_one_file_may_show_what_the_other_means(infer: Infer) -> None:
    doubtful, comma, point = (f'v\n"{each}"\n' for each in ("1,234", "12,5", "12.5"))
    for text, format in ((comma, "1234,5"), (point, "1,234.5")):
        (found,) = infer(doubtful, text).columns
        assert (found.type, found.format) == ("DOUBLE", format)
    assert infer(doubtful, doubtful).columns[0].type == "VARCHAR"
