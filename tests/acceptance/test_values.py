"""The laws on values: what a text becomes, or why it stays a text."""

from __future__ import annotations

import pytest

from .lakes import Lake, Row

FILL = 40
"""Good values beside one odd value: 1 of 41 is well below what the threshold lets through."""


def load(lake: Lake, values: list[str], *, key: str = "t/a.csv", quoted: bool = False) -> Row:
    """Load one column ``v`` beside an ``id`` that counts from 11; the outcome."""
    mark = '"' if quoted else ""
    lake.put(
        key,
        "id,v,note\n" + "".join(f"{i},{mark}{v}{mark},n\n" for i, v in enumerate(values, start=11)),
    )
    return lake.run().of(key)


def odd(lake: Lake, good: str, value: str) -> tuple[str, str | None, int]:
    """(type, what the odd value became, cells nulled) of one value among many good ones."""
    outcome = load(lake, [value, *[good] * FILL])
    return lake.types("t")["v"], lake.column("t", "v")[0], outcome["cells_nulled"]


# --- integers ---


def test_value_2_31_is_the_border_between_integer_and_bigint(lake: Lake) -> None:
    lake.put("fits/a.csv", "v,n\n2147483647,x\n-2147483648,y\n")
    lake.put("above/a.csv", "v,n\n2147483648,x\n1,y\n")
    lake.put("below/a.csv", "v,n\n-2147483649,x\n1,y\n")
    lake.run()
    assert [lake.types(t)["v"] for t in ("fits", "above", "below")] == [
        "INTEGER",
        "BIGINT",
        "BIGINT",
    ]
    assert lake.column("fits", "v", "n") == ["2147483647", "-2147483648"]


def test_value_one_bigint_among_integers_makes_the_column_bigint(lake: Lake) -> None:
    assert odd(lake, "5", "2147483648") == ("BIGINT", "2147483648", 0)


def test_value_2_63_is_the_border_of_bigint(lake: Lake) -> None:
    values = ["9223372036854775807", "-9223372036854775808"]
    load(lake, values)
    assert lake.types("t")["v"] == "BIGINT"
    assert lake.column("t", "v") == values


@pytest.mark.parametrize(
    "value", ["9223372036854775808", "12345678901234567890", "-99999999999999999999"]
)
def test_value_one_20_digit_integer_keeps_the_whole_column_text(lake: Lake, value: str) -> None:
    """Neither BIGINT nor DOUBLE holds it; one such value bars every numeric type."""
    assert odd(lake, "5", value) == ("VARCHAR", value, 0)


def test_value_20_digit_integers_are_text(lake: Lake) -> None:
    values = ["12345678901234567890", "98765432109876543210"]
    load(lake, values)
    assert lake.types("t")["v"] == "VARCHAR"
    assert lake.column("t", "v") == values


def test_value_leading_zeros_are_text(lake: Lake) -> None:
    values = ["00501", "10001", "02134"]
    load(lake, values)
    assert lake.types("t")["v"] == "VARCHAR"
    assert lake.column("t", "v") == values


def test_value_one_leading_zero_bars_numbers_for_the_column(lake: Lake) -> None:
    assert odd(lake, "10001", "00501") == ("VARCHAR", "00501", 0)


def test_value_one_leading_zero_after_the_sample_bars_numbers_too(lake: Lake) -> None:
    outcome = load(lake, [*["10001"] * 1500, "00501"])
    assert (lake.types("t")["v"], outcome["cells_nulled"]) == ("VARCHAR", 0)
    assert lake.column("t", "v")[-1] == "00501"


def test_value_zero_and_fractions_below_one_have_no_leading_zero(lake: Lake) -> None:
    lake.put("i/a.csv", "id,v\n11,0\n12,7\n")
    lake.put("d/a.csv", "id,v\n11,0.5\n12,-0.25\n")
    lake.run()
    assert (lake.types("i")["v"], lake.types("d")["v"]) == ("INTEGER", "DOUBLE")


def test_value_leading_zeros_can_be_read_as_numbers(lake: Lake) -> None:
    """``leading_zeros: number`` is the specification's letter."""
    lake.configure(type_inferer={"leading_zeros": "number"})
    load(lake, ["00501", "10001"])
    assert lake.types("t")["v"] == "INTEGER"
    assert lake.column("t", "v") == ["501", "10001"]


@pytest.mark.parametrize("value", ["+5", "1,000", "0x1F", "5 5", "٣", "1e", "--5"])
def test_value_that_only_looks_like_a_number_is_none(lake: Lake, value: str) -> None:
    load(lake, [value] * 3, quoted=True)
    assert lake.types("t")["v"] == "VARCHAR"
    assert lake.column("t", "v") == [value] * 3


# --- doubles ---


def test_value_2_53_is_the_largest_integer_that_double_takes(lake: Lake) -> None:
    assert odd(lake, "1.5", "9007199254740992")[0] == "DOUBLE"
    assert lake.query("SELECT max(v) = 9007199254740992 AS same FROM lakehouse.t") == [
        {"same": True}
    ]


@pytest.mark.parametrize("value", ["9007199254740993", "-9007199254740993"])
def test_value_beyond_2_53_is_refused_by_double(lake: Lake, value: str) -> None:
    assert odd(lake, "1.5", value) == ("DOUBLE", None, 1)
    (reject,) = lake.rejects()
    assert (reject["line"], reject["column"], reject["text"]) == (2, "v", value)


def test_value_beyond_2_53_stays_exact_in_bigint(lake: Lake) -> None:
    values = ["9007199254740993", "5"]
    load(lake, values)
    assert lake.types("t")["v"] == "BIGINT"
    assert lake.column("t", "v") == values


def test_value_1e400_is_refused_by_double(lake: Lake) -> None:
    assert odd(lake, "1.5", "1e400") == ("DOUBLE", None, 1)


def test_value_1e400_alone_is_text(lake: Lake) -> None:
    load(lake, ["1e400", "-1e400"])
    assert lake.types("t")["v"] == "VARCHAR"


@pytest.mark.parametrize("value", ["NaN", "inf", "Infinity", "-inf"])
def test_value_not_a_number_is_no_double(lake: Lake, value: str) -> None:
    assert odd(lake, "1.5", value) == ("DOUBLE", None, 1)


def test_value_exponents_are_doubles_not_integers(lake: Lake) -> None:
    load(lake, ["1e3", "2E-2", "3.5e+1"])
    assert lake.types("t")["v"] == "DOUBLE"
    assert [float(v) for v in lake.column("t", "v")] == [1000.0, 0.02, 35.0]


def test_value_doubles_are_not_rounded_into_integers(lake: Lake) -> None:
    outcome = load(lake, [*["5"] * 95, *["10.75"] * 5])
    assert (lake.types("t")["v"], outcome["cells_nulled"]) == ("DOUBLE", 0)
    assert lake.column("t", "v")[-1] == "10.75"


# --- booleans ---


def test_value_0_and_1_alone_are_boolean(lake: Lake) -> None:
    load(lake, ["0", "1", "1"])
    assert lake.types("t")["v"] == "BOOLEAN"
    assert lake.column("t", "v") == ["false", "true", "true"]


def test_value_0_1_and_a_2_are_integer(lake: Lake) -> None:
    outcome = load(lake, [*["0", "1"] * 50, "2"])
    assert (lake.types("t")["v"], outcome["cells_nulled"]) == ("INTEGER", 0)


def test_value_0_and_1_beside_yes_and_no_are_boolean(lake: Lake) -> None:
    load(lake, ["0", "1", "yes", "NO", "True", "false"])
    assert lake.types("t")["v"] == "BOOLEAN"
    assert lake.column("t", "v") == ["false", "true", "true", "false", "true", "false"]


def test_value_0_and_1_in_one_file_and_yes_no_in_another_are_boolean(lake: Lake) -> None:
    lake.put("t/a.csv", "id,v\n11,0\n12,1\n")
    lake.put("t/b.csv", "id,v\n13,yes\n14,no\n")
    lake.run()
    assert lake.types("t")["v"] == "BOOLEAN"
    assert lake.column("t", "v") == ["false", "true", "true", "false"]


def test_value_0_and_1_in_one_file_and_integers_in_another_are_integer(lake: Lake) -> None:
    """Pending together, they are decided together."""
    lake.put("t/a.csv", "id,v\n11,0\n12,1\n")
    lake.put("t/b.csv", "id,v\n13,2\n14,3\n")
    run = lake.run()
    assert lake.types("t")["v"] == "INTEGER"
    assert lake.column("t", "v") == ["0", "1", "2", "3"]
    assert all(o["cells_nulled"] == 0 for o in run.objects)


@pytest.mark.parametrize("value", ["t", "y", "on", "truee"])
def test_value_other_words_are_no_booleans(lake: Lake, value: str) -> None:
    assert odd(lake, "true", value) == ("BOOLEAN", None, 1)


# --- dates ---


def test_value_impossible_dates_are_refused(lake: Lake) -> None:
    assert odd(lake, "2024-01-15", "2024-02-30") == ("DATE", None, 1)


def test_value_a_column_has_one_date_format(lake: Lake) -> None:
    """Day first wins by count; the one month-first value is a misfit, not another format."""
    assert odd(lake, "25/12/2024", "12/25/2024") == ("DATE", None, 1)


def test_value_ambiguous_dates_follow_the_configured_order(lake: Lake) -> None:
    load(lake, ["01/02/2024", "03/04/2024"])
    assert lake.column("t", "v") == ["2024-02-01", "2024-04-03"]


def test_value_ambiguous_dates_are_called_ambiguous_in_the_evidence(lake: Lake) -> None:
    lake.put("t/a.csv", "id,v\n11,01/02/2024\n12,03/04/2024\n")
    assert "ambiguous" in lake.plan().output


def test_value_ambiguous_dates_over_two_files_the_later_contradicts_and_fails(lake: Lake) -> None:
    load(lake, ["01/02/2024", "03/04/2024"])
    lake.put("t/b.csv", "id,v,note\n21,12/31/2024,n\n22,11/30/2024,n\n")
    outcome = lake.run(ok=False).of("t/b.csv")
    assert outcome["status"] == "failed"
    assert "%d/%m/%Y" in outcome["error"] and "%m/%d/%Y" in outcome["error"]
    assert lake.column("t", "v") == ["2024-02-01", "2024-04-03"]


def test_value_ambiguous_dates_over_two_files_the_later_is_ambiguous_too(lake: Lake) -> None:
    """The first file decided day first; the second must not be read month first."""
    load(lake, ["25/12/2024", "03/04/2024"])
    load(lake, ["05/06/2024"], key="t/b.csv")
    assert lake.column("t", "v", "v") == ["2024-04-03", "2024-06-05", "2024-12-25"]


def test_value_ambiguous_dates_keep_the_tables_choice_under_another_order(lake: Lake) -> None:
    """The choice is the table's: another configured order does not turn later files around."""
    load(lake, ["25/12/2024"])
    lake.configure(type_inferer={"date_formats": ["%m/%d/%Y", "%d/%m/%Y"]})
    load(lake, ["05/06/2024"], key="t/b.csv")
    assert lake.column("t", "v", "v") == ["2024-06-05", "2024-12-25"]


def test_value_ambiguous_dates_of_files_pending_together_are_decided_together(lake: Lake) -> None:
    lake.put("t/a.csv", "id,v\n11,01/02/2024\n")
    lake.put("t/b.csv", "id,v\n12,12/31/2024\n")
    lake.run()
    assert lake.column("t", "v") == ["2024-01-02", "2024-12-31"]


# --- timestamps ---


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ("2024-01-15T10:30:00+02:00", "2024-01-15 08:30:00"),
        ("2024-01-15T10:30:00-05:30", "2024-01-15 16:00:00"),
        ("2024-01-15T10:30:00Z", "2024-01-15 10:30:00"),
        ("2024-01-15T10:30:00", "2024-01-15 10:30:00"),
        ("2024-01-15 10:30:00", "2024-01-15 10:30:00"),
        ("2024-01-15T10:30:00.123456", "2024-01-15 10:30:00.123456"),
        ("2024-12-31T23:30:00-01:00", "2025-01-01 00:30:00"),
    ],
)
def test_value_timestamps_offsets_become_utc_and_naive_values_stay(
    lake: Lake, value: str, stored: str
) -> None:
    load(lake, [value] * 3)
    assert lake.types("t")["v"] == "TIMESTAMP"
    assert lake.column("t", "v") == [stored] * 3


def test_value_a_seventh_fractional_digit_is_a_misfit(lake: Lake) -> None:
    value = "2024-01-15T10:30:00.1234567"
    assert odd(lake, "2024-01-15T10:30:00.123456", value) == ("TIMESTAMP", None, 1)


def test_value_seventh_fractional_digits_alone_are_text(lake: Lake) -> None:
    value = "2024-01-15T10:30:00.1234567"
    load(lake, [value] * 3)
    assert lake.types("t")["v"] == "VARCHAR"
    assert lake.column("t", "v") == [value] * 3


def test_value_iso_dates_among_timestamps_are_midnight(lake: Lake) -> None:
    good = "2024-01-15T10:30:00"
    assert odd(lake, good, "2024-01-16") == ("TIMESTAMP", "2024-01-16 00:00:00", 0)


@pytest.mark.parametrize(
    "value", ["2024-01-15T25:00:00", "2024-13-01T00:00:00", "2024-01-15T10:61:00"]
)
def test_value_impossible_times_are_refused(lake: Lake, value: str) -> None:
    assert odd(lake, "2024-01-15T10:30:00", value) == ("TIMESTAMP", None, 1)


# --- blanks and nulls ---


def test_value_blanks_are_trimmed_in_typed_columns_only(lake: Lake) -> None:
    lake.put("t/a.csv", 'id,number,text\n11," 5 "," a "\n12,"7 ","b "\n')
    lake.run()
    assert lake.types("t") == {"id": "INTEGER", "number": "INTEGER", "text": "VARCHAR"}
    assert lake.rows("t", "id") == [["11", "5", " a "], ["12", "7", "b "]]


@pytest.mark.parametrize("token", ["", "NULL", "null", "\\N"])
def test_value_null_tokens_are_null_in_typed_columns_and_no_rejects(lake: Lake, token: str) -> None:
    outcome = load(lake, ["5", token, "7", token, token])
    assert lake.types("t")["v"] == "INTEGER"
    assert lake.column("t", "v") == ["5", None, "7", None, None]
    assert (outcome["cells_nulled"], outcome["rows_rejected"]) == (0, 0)
    assert lake.rejects() == []


def test_value_null_tokens_in_varchar_only_unquoted_empty_and_backslash_n(lake: Lake) -> None:
    load(lake, ["text", "", "NULL", "null", "\\N"])
    assert lake.types("t")["v"] == "VARCHAR"
    assert lake.column("t", "v") == ["text", None, "NULL", "null", None]


def test_value_quoted_empty_in_varchar_is_the_empty_text(lake: Lake) -> None:
    lake.put("t/a.csv", 'id,v\n11,text\n12,""\n13,\n14,"\\N"\n')
    lake.run()
    assert lake.column("t", "v") == ["text", "", None, "\\N"]


def test_value_quoted_empty_in_a_typed_column_is_null_and_no_reject(lake: Lake) -> None:
    lake.put("t/a.csv", 'id,v\n11,5\n12,""\n13,7\n')
    outcome = lake.run().of("t/a.csv")
    assert lake.types("t")["v"] == "INTEGER"
    assert lake.column("t", "v") == ["5", None, "7"]
    assert outcome["cells_nulled"] == 0


def test_value_an_empty_column_is_varchar(lake: Lake) -> None:
    lake.put("t/a.csv", "id,v,name\n11,,x\n12,,y\n")
    lake.run()
    assert lake.types("t")["v"] == "VARCHAR"
    assert lake.column("t", "v") == [None, None]


def test_value_a_typed_column_takes_no_part_in_nulls_threshold(lake: Lake) -> None:
    """The share counts non-null values: 3 integers among 97 empty cells are INTEGER."""
    load(lake, [*["5", "6", "7"], *[""] * 97])
    assert lake.types("t")["v"] == "INTEGER"


def test_value_an_existing_varchar_column_gets_the_original_text(lake: Lake) -> None:
    load(lake, ["text"])
    load(lake, ["007", " 5 ", "1e3", "2024-01-15", "NULL"], key="t/b.csv")
    rows = lake.query("SELECT v FROM lakehouse.t WHERE _source_file = 't/b.csv' ORDER BY id")
    assert [r["v"] for r in rows] == ["007", " 5 ", "1e3", "2024-01-15", "NULL"]


def test_value_an_existing_type_governs_strictly(lake: Lake) -> None:
    """DuckDB's own cast would make 10.75 an 11 and 00501 a 501."""
    load(lake, ["5", "6"])
    values = ["10.75", "7", "t", "1e3", "8"]
    outcome = load(lake, values, key="t/b.csv")
    rows = lake.query("SELECT v FROM lakehouse.t WHERE _source_file = 't/b.csv' ORDER BY id")
    assert [r["v"] for r in rows] == [None, 7, None, None, 8]
    assert outcome["cells_nulled"] == 3
    assert [(r["line"], r["text"]) for r in lake.rejects()] == [
        (2, "10.75"),
        (4, "t"),
        (5, "1e3"),
    ]
