"""Choosing types: the laws of "Choosing" and "Values", on real files read by the reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from threshold_support import DEFAULT, Infer, column, inferer, side_by_side, table

from lakefall.contract.errors import FormatConflictError, PluginError
from lakefall_plugins.inference.threshold import ThresholdOptions
from lakefall_plugins.types.decimal import Decimal


@pytest.fixture
def infer(tmp_path: Path) -> Infer:
    return inferer(tmp_path)


# --- one column ------------------------------------------------------------------------------


CASES = [
    (["0", "1", "1"], "BOOLEAN"),
    (["0", "1", "2"], "INTEGER"),
    (["0", "yes", "1", "NO"], "BOOLEAN"),
    (["-0", "0"], "INTEGER"),
    (["2147483647", "-2147483648"], "INTEGER"),
    (["2147483648", "5"], "BIGINT"),
    (["9223372036854775807", "5"], "BIGINT"),
    (["9223372036854775808", "5"], "VARCHAR"),
    (["12345678901234567890"], "VARCHAR"),
    (["1.5", "2"], "DOUBLE"),
    (["0.5", "0"], "DOUBLE"),
    (["1e400", "1.5"], "VARCHAR"),
    (["nan", "inf"], "VARCHAR"),
    (["00501", "10115"], "VARCHAR"),
    (["9007199254740993", "1.5"], "VARCHAR"),
    (["9007199254740992", "1.5"], "DOUBLE"),
    (["2024-01-15", "2024-02-29"], "DATE"),
    (["2024-02-30", "2023-02-29"], "VARCHAR"),
    (["2024-01-15T10:30:00Z", "2024-01-15 10:30:00+02:00"], "TIMESTAMP"),
    (["2024-01-15T10:30:00.123456", "2024-01-15"], "TIMESTAMP"),
    (["2024-01-15T10:30:00.1234567"], "VARCHAR"),
    (["", "", ""], "VARCHAR"),
    (["NULL", "", r"\N", "null"], "VARCHAR"),
    (["5", "NULL", ""], "INTEGER"),
    ([" 5", "6\t", " 7 "], "INTEGER"),
    (["a", "1"], "VARCHAR"),
]


def test_types_of_the_specification(infer: Infer) -> None:
    found = infer(side_by_side([values for values, _ in CASES])).columns
    assert [(values, c.type) for (values, _), c in zip(CASES, found, strict=True)] == CASES


def test_nine_in_ten_values_are_enough(infer: Infer) -> None:
    nine = column(infer, *map(str, range(2, 11)), "x")
    assert (nine.type, nine.nullable) == ("INTEGER", True)
    assert nine.evidence == (
        "INTEGER: 9 of 10 values",
        "1 value does not parse, first 'x' on line 11",
    )
    assert column(infer, *map(str, range(2, 10)), "x").type == "VARCHAR"


def test_the_threshold_is_an_option(infer: Infer) -> None:
    assert column(infer, "2", "3", "4", "x", threshold=0.75).type == "INTEGER"
    assert column(infer, "2", "3", "4", "x", threshold="76%").type == "VARCHAR"
    assert column(infer, *"2345678", "x", "y", "z", threshold=0.7).type == "INTEGER"


def test_the_type_that_parses_the_most_wins(infer: Infer) -> None:
    ones = ["1"] * 95 + ["2"] * 5
    assert column(infer, *ones).type == "INTEGER"
    assert column(infer, *ones, choose="first").type == "BOOLEAN"


def test_a_leading_zero_bars_numbers(infer: Infer) -> None:
    values = [*map(str, range(100, 200)), "00501"]
    barred = column(infer, *values)
    assert barred.type == "VARCHAR"
    assert barred.evidence == ("VARCHAR: 1 value with a leading zero, first on line 102",)
    assert column(infer, *values, leading_zeros="number").type == "INTEGER"
    assert column(infer, *values, choose="first").type == "INTEGER"


@pytest.mark.parametrize("code", ["32E0134", "5001173E5", "1E5", "5001173e5", "3e02"])
def test_digits_with_an_e_between_them_bar_numbers(infer: Infer, code: str) -> None:
    values = [*["1.5"] * 20, code]
    reason = "VARCHAR: 1 value of digits, E and digits, first on line 22"
    assert column(infer, *values).evidence == (reason,)
    assert column(infer, *values, exponents="number").type == "DOUBLE"


@pytest.mark.parametrize("number", ["1e3", "1.5E3", "1E-5", "1e+06", "-2E5"])
def test_other_exponents_are_numbers(infer: Infer, number: str) -> None:
    assert column(infer, "1.5", number).evidence == ("DOUBLE: 2 of 2 values",)


def test_digits_that_a_double_rounds_are_told(infer: Infer) -> None:
    digits = "0.123456789012345678"
    told = "with more than 17 digits: rounded to the nearest DOUBLE; `decimal` keeps all of them"
    found = column(infer, *["1.5"] * 20, digits, "0.12345678901234567", sample_rows=5)
    assert found.evidence == ("DOUBLE: 22 of 22 values", f"1 value {told}")


@pytest.mark.slow
@pytest.mark.parametrize("first", [["0", "0"], ["1"], ["yes"], ["No", "no"]])
def test_one_truth_value_alone_is_no_boolean(infer: Infer, first: list[str]) -> None:
    alone = "INTEGER" if first[0].isdigit() else "VARCHAR"
    other = {"0": "1", "1": "0", "yes": "no", "No": "YES"}[first[0]]
    assert column(infer, *first).type == alone
    assert column(infer, *first, choose="first").type == "BOOLEAN"
    assert column(infer, *first, other).type == "BOOLEAN"
    assert column(infer, *first * 10, other, sample_rows=3).type == "BOOLEAN"
    a, b = (f"v\n{each}\n" for each in (first[0], other))
    assert infer(a, a).columns[0].type == alone
    for quick in (False, True):
        assert infer(a, b, quick=quick).columns[0].type == "BOOLEAN"
    assert column(infer, "true", "true").type == column(infer, "FALSE").type == "BOOLEAN"


def test_tokens_for_no_value(infer: Infer) -> None:
    found = column(infer, *["5"] * 20, "NA", "-", "", "NA", sample_rows=2)
    assert found.evidence == (
        "INTEGER: 20 of 20 values",
        "4 empty",
        "of the empty ones are 2 'NA', 1 '-' (null_values)",
    )
    text = column(infer, "DE", "NA", "ZA")
    assert (text.type, text.nullable) == ("VARCHAR", False)
    assert column(infer, "5", "NaN", null_values=[""]).type == "VARCHAR"


def test_text_names_the_option_that_would_make_it_typed(infer: Infer) -> None:
    words = column(infer, *["5", "n.a.", "6", "n.a.", "unknown"])
    assert words.evidence[1] == "INTEGER if null_values had 'n.a.', 'unknown'"
    assert column(infer, "5", "6", *"abc").evidence[1:] == ()
    price = column(infer, '"$1,234.50"', "$3")
    assert price.evidence[1] == "'$1,234.50' is a number under number_formats: ['$1,234.5']"
    assert column(infer, '"$1,234.50"', "$3", number_formats=["$1,234.5"]).type == "DOUBLE"
    assert column(infer, "#12", "Room 12").evidence[1:] == ()


def test_a_number_beyond_64_bits_bars_numbers(infer: Infer) -> None:
    barred = column(infer, *["1.5"] * 20, "12345678901234567890")
    assert barred.evidence == ("VARCHAR: 1 value beyond 64 bits, first on line 22",)


def test_a_zip_code_bars_no_dates(infer: Infer) -> None:
    assert column(infer, *["2024-01-15"] * 20, "00501").type == "DATE"


def test_lines_are_physical_lines(infer: Infer) -> None:
    text = 'zip,note\n10115,"two\nlines"\n\n00501,x\n'
    assert infer(text).columns[0].evidence == (
        "VARCHAR: 1 value with a leading zero, first on line 5",
    )


def test_empty_cells_are_counted_and_make_a_column_nullable(infer: Infer) -> None:
    found = column(infer, "5", "", "NULL", "7")
    assert found.nullable
    assert found.evidence == ("INTEGER: 2 of 2 values", "2 empty")
    assert not column(infer, "5", "7").nullable


def test_null_values_are_an_option_and_come_before_the_type(infer: Infer) -> None:
    found = column(infer, "5", "-999", "7", null_values=["-999"])
    assert (found.type, found.nullable) == ("INTEGER", True)
    assert found.evidence == ("INTEGER: 2 of 2 values", "1 empty")
    assert column(infer, "1", "0", "9", null_values=["9"]).type == "BOOLEAN"


def test_decimals_where_they_are_configured(infer: Infer) -> None:
    types = (*DEFAULT, Decimal)
    assert column(infer, "1.50", "2.25", types=types).type == "DECIMAL(18,2)"
    assert column(infer, "1.505", "2.25", types=types).type == "DOUBLE"


# --- all rows --------------------------------------------------------------------------------


def rows(first: str, count: int, *then: str) -> list[str]:
    return [*[first] * count, *then]


def test_the_sample_proposes_and_all_rows_decide(infer: Infer) -> None:
    late = column(infer, *rows("1", 20, "2", "3.5", "x"), sample_rows=10)
    assert late.type == "DOUBLE"
    assert late.evidence[1] == "1 value does not parse, first 'x' on line 24"
    assert column(infer, *rows("5", 20, "00501"), sample_rows=10).type == "VARCHAR"
    assert column(infer, *rows("", 20, "5", "6"), sample_rows=10).type == "INTEGER"
    assert column(infer, *rows("5", 20, "", "NULL", "6"), sample_rows=10).nullable
    assert column(infer, *rows("5", 20, " 6 ", "7"), sample_rows=10).type == "INTEGER"


def test_null_tokens_after_the_sample_are_no_values(infer: Infer) -> None:
    found = column(infer, *rows("5", 20, "-999", "NULL", ""), sample_rows=10,
                   null_values=["", "NULL", "-999"])  # fmt: skip
    assert found.evidence == ("INTEGER: 20 of 20 values", "3 empty")


def test_a_null_token_that_the_type_could_read_is_no_value(infer: Infer) -> None:
    found = column(infer, *rows("5", 20, "-999"), sample_rows=10, null_values=["-999"])
    assert found.evidence == ("INTEGER: 20 of 20 values", "1 empty")


def test_verify_sample_looks_no_further(infer: Infer) -> None:
    found = column(infer, "0", *rows("1", 20, "2", "x"), sample_rows=10, verify="sample")
    assert (found.type, found.nullable) == ("BOOLEAN", True)
    assert found.evidence == ("BOOLEAN: 10 of 10 values in the first 10 rows",)


@pytest.mark.slow
@given(
    values=st.lists(
        st.sampled_from(
            ["0", "1", "2", "-5", "3.5", "00501", "", "NULL", " 7", "2024-01-15", "05/01/2024",
             "25/01/2024", "x", "2147483648", "12345678901234567890", "yes"]
        ),
        min_size=1,
        max_size=40,
    ),
    sample=st.integers(1, 10),
)  # fmt: skip
@settings(deadline=None, max_examples=12)
def test_a_proof_agrees_with_a_full_count(
    tmp_path_factory: pytest.TempPathFactory, values: list[str], sample: int
) -> None:
    """Whatever the first rows propose other than text, all rows have the last word."""
    run = inferer(tmp_path_factory.mktemp("proof"))
    proposed = column(run, *values[:sample])
    proved, whole = column(run, *values, sample_rows=sample), column(run, *values)
    if proposed.type != "VARCHAR" or not any(
        v.strip() not in ("", "NULL") for v in values[:sample]
    ):
        assert (proved.type, proved.format, proved.nullable, proved.ambiguous) == (
            whole.type, whole.format, whole.nullable, whole.ambiguous
        )  # fmt: skip


# --- dates -----------------------------------------------------------------------------------


def test_one_format_a_column(infer: Infer) -> None:
    found = column(infer, "25/01/2024", "01/02/2024")
    assert (found.type, found.format, found.ambiguous) == ("DATE", "%d/%m/%Y", False)
    found = column(infer, "01/25/2024", "01/02/2024")
    assert (found.format, found.ambiguous) == ("%m/%d/%Y", False)
    assert column(infer, "25/01/2024", "01/25/2024").type == "VARCHAR"


def test_the_configured_order_decides_ambiguous_dates(infer: Infer) -> None:
    found = column(infer, "01/02/2024", "03/04/2024")
    assert (found.format, found.ambiguous) == ("%d/%m/%Y", True)
    assert found.evidence[1] == (
        "ambiguous: %d/%m/%Y and %m/%d/%Y parse the same values; the order of date_formats decides"
    )
    turned = column(infer, "01/02/2024", date_formats=["%m/%d/%Y", "%d/%m/%Y"])
    assert (turned.format, turned.ambiguous) == ("%m/%d/%Y", True)


@pytest.mark.parametrize("sample_rows", [1, 1000])
def test_ambiguous_dates_are_settled_by_another_file(infer: Infer, sample_rows: int) -> None:
    day = infer(
        "day,k\n01/02/2024,k\n03/04/2024,k\n",
        "day,k\n01/02/2024,k\n01/25/2024,k\n",
        sample_rows=sample_rows,
    ).columns[0]
    assert (day.type, day.format, day.ambiguous) == ("DATE", "%m/%d/%Y", False)
    assert day.evidence == ("DATE: 4 of 4 values as %m/%d/%Y",)


def test_an_ambiguous_file_beside_a_clear_one_is_not_ambiguous(infer: Infer) -> None:
    day = infer("day\n01/02/2024\n", "day\n25/02/2024\n").columns[0]
    assert (day.format, day.ambiguous) == ("%d/%m/%Y", False)


def test_files_of_different_formats_make_text(infer: Infer) -> None:
    many = "day\n" + "25/01/2024\n" * 30
    day = infer(many, "day\n01/25/2024\n02/03/2024\n").columns[0]
    assert day.type == "VARCHAR"
    assert day.evidence == ("VARCHAR: t/b.csv is written as %m/%d/%Y, the other files as %d/%m/%Y",)


def test_the_tables_format_governs(infer: Infer) -> None:
    day = infer("day\n01/02/2024\n", table=table(day="DATE %m/%d/%Y")).columns[0]
    assert (day.format, day.ambiguous) == ("%m/%d/%Y", False)
    assert day.evidence == ("DATE: 1 of 1 value as %m/%d/%Y", "the table's type")


def test_a_format_that_is_not_configured_any_more_still_governs(infer: Infer) -> None:
    day = infer("day\n01.02.2024\n", table=table(day="DATE %d.%m.%Y")).columns[0]
    assert (day.type, day.format) == ("DATE", "%d.%m.%Y")


@pytest.mark.parametrize("sample_rows", [1, 1000])
def test_a_file_that_contradicts_the_tables_format_fails(infer: Infer, sample_rows: int) -> None:
    with pytest.raises(FormatConflictError) as error:
        infer(
            "day\n01/02/2024\n01/25/2024\n",
            table=table(day="DATE %d/%m/%Y"),
            sample_rows=sample_rows,
        )
    assert str(error.value).startswith("t/a.csv, line 3: column 'day' holds '01/25/2024'")
    assert "%m/%d/%Y" in str(error.value)
    assert "%d/%m/%Y" in str(error.value)


def test_a_few_misfits_do_not_contradict_the_tables_format(infer: Infer) -> None:
    text = "day\n" + "25/01/2024\n" * 9 + "01/25/2024\n"
    assert infer(text, table=table(day="DATE %d/%m/%Y")).columns[0].format == "%d/%m/%Y"


# --- tables and options ----------------------------------------------------------------------


EXISTING = [
    ("INTEGER", ["0", "1"], "INTEGER"),
    ("BIGINT", ["5"], "BIGINT"),
    ("DOUBLE", ["5"], "DOUBLE"),
    ("TIMESTAMP", ["2024-01-15"], "TIMESTAMP"),
    ("INTEGER", ["9999999999"], "BIGINT"),
    ("INTEGER", ["1.5"], "DOUBLE"),
    ("INTEGER", ["abc"], "VARCHAR"),
    ("INTEGER", ["", ""], "INTEGER"),
    ("VARCHAR", ["5"], "VARCHAR"),
    ("TIMESTAMPTZ", ["2024-01-15T10:30:00Z"], "TIMESTAMP"),
]


@pytest.mark.parametrize("sample_rows", [1, 1000])
def test_the_tables_type_is_kept_where_it_parses_as_much(infer: Infer, sample_rows: int) -> None:
    state = table(**{f"c{i}": existing for i, (existing, _, _) in enumerate(EXISTING)})
    text = side_by_side([values for _, values, _ in EXISTING])
    found = infer(text, table=state, sample_rows=sample_rows).columns
    assert [(e, v, c.type) for (e, v, _), c in zip(EXISTING, found, strict=True)] == EXISTING


def test_options_set_a_columns_type(infer: Infer) -> None:
    text = "Zip Code,price,day\n10115,5,x\n20095,6,y\n"
    found = infer(text, columns={"zip_code": "varchar", "price": "double", "day": "date"})
    assert [c.type for c in found.columns] == ["VARCHAR", "DOUBLE", "DATE"]
    assert found.columns[0].evidence == ("VARCHAR: set by type_inferer.columns",)
    assert found.columns[2].evidence[0] == "DATE: 0 of 2 values as %Y-%m-%d"
    assert infer(text, columns={"Zip Code": "VARCHAR"}).columns[0].type == "VARCHAR"


def test_a_set_date_still_finds_its_format(infer: Infer) -> None:
    found = column(infer, "25/01/2024", "x", "y", columns={"v": "date"})
    assert (found.type, found.format) == ("DATE", "%d/%m/%Y")


def test_a_set_type_that_nobody_reads_is_an_error(infer: Infer) -> None:
    with pytest.raises(PluginError, match="no type plugin reads MONEY"):
        column(infer, "5", columns={"v": "money"})


@pytest.mark.parametrize(
    "options",
    [
        {"threshold": 0},
        {"threshold": 1.1},
        {"sample_rows": 0},
        {"date_formats": ["%Y-%m"]},
        {"date_formats": []},
        {"verify": "some"},
        {"types": ["integer"]},
    ],
)
def test_options_are_checked(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ThresholdOptions.model_validate(options)


# --- many files ------------------------------------------------------------------------------


def test_columns_of_all_files_in_order_of_first_appearance(infer: Infer) -> None:
    found = infer("a,b\n5,x\n", "c,a\n2.5,7\n").columns
    assert [(c.name, c.type, c.nullable) for c in found] == [
        ("a", "INTEGER", False),
        ("b", "VARCHAR", True),
        ("c", "DOUBLE", True),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("sample_rows", [1, 1000])
def test_files_that_disagree_are_counted_together(infer: Infer, sample_rows: int) -> None:
    one, two = "v\n" + "5\n" * 20, "v\n" + "1.5\n" * 3
    assert infer(one, two, sample_rows=sample_rows).columns[0].type == "DOUBLE"
    zeros = infer(one, "v\n5\n00501\n", sample_rows=sample_rows).columns[0]
    assert zeros.evidence == ("VARCHAR: 1 value with a leading zero, first on line 3 of t/b.csv",)


def test_an_empty_file_has_no_vote(infer: Infer) -> None:
    found = infer("v,k\n,k\n", "v,k\n5,k\n").columns[0]
    assert (found.type, found.nullable) == ("INTEGER", True)


def test_a_wide_file(infer: Infer) -> None:
    header = ",".join(f"c{i}" for i in range(450))
    line = ",".join("5" if i % 2 else "x" for i in range(450))
    found = infer(f"{header}\n" + f"{line}\n" * 3, sample_rows=2).columns
    assert [c.type for c in found] == ["VARCHAR", "INTEGER"] * 225
