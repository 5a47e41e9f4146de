"""The laws on values: what a text becomes, or why it stays a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from .cells import ON_SERVERS
from .conftest import empty_lake
from .lakes import Lake, Row

FILL = 40
"""Good values beside one odd value: 1 of 41 is well below what the threshold lets through."""


@dataclass(frozen=True)
class Law:
    """One column: its texts, and what must become of it."""

    values: list[str]
    type: str
    stored: list[str | None] | None = None
    """The first values as the table has them; None: as they are written."""
    nulled: int = 0
    quoted: bool = False


def odd(value: str, good: str, type_name: str, stored: str | None, nulled: int = 0) -> Law:
    """One odd value before many good ones."""
    return Law([value, *[good] * FILL], type_name, [stored], nulled)


ISO = "2024-01-15T10:30:00"
LAWS = {
    # integers
    "2-31 minus 1 is an integer": Law(["2147483647", "-2147483648"], "INTEGER"),
    "2-31 is a bigint": Law(["2147483648", "15"], "BIGINT"),
    "minus 2-31 minus 1 is a bigint": Law(["-2147483649", "15"], "BIGINT"),
    "one bigint makes the column bigint": odd("2147483648", "5", "BIGINT", "2147483648"),
    "2-63 minus 1 is a bigint": Law(["9223372036854775807", "-9223372036854775808"], "BIGINT"),
    "one 2-63 bars all numbers": odd("9223372036854775808", "5", "VARCHAR", "9223372036854775808"),
    "one 20-digit integer bars all numbers": odd(
        "12345678901234567890", "5", "VARCHAR", "12345678901234567890"
    ),
    "one negative 20-digit integer bars all numbers": odd(
        "-99999999999999999999", "5", "VARCHAR", "-99999999999999999999"
    ),
    "one 20-digit integer bars doubles too": odd(
        "12345678901234567890", "1.5", "VARCHAR", "12345678901234567890"
    ),
    "20-digit integers are text": Law(["12345678901234567890", "98765432109876543210"], "VARCHAR"),
    "leading zeros are text": Law(["00501", "10001", "02134"], "VARCHAR"),
    "one leading zero bars numbers": odd("00501", "10001", "VARCHAR", "00501"),
    "zero has no leading zero": Law(["0", "7"], "INTEGER"),
    "a fraction below one has no leading zero": Law(["0.5", "-0.25"], "DOUBLE"),
    "beyond 2-53 is exact in bigint": Law(["9007199254740993", "5"], "BIGINT"),
    "plus 5 is no number": Law(["+5"] * 3, "VARCHAR"),
    "1,000 is no number": Law(["1,000"] * 3, "VARCHAR", quoted=True),
    "hexadecimal is no number": Law(["0x1F"] * 3, "VARCHAR"),
    "5 5 is no number": Law(["5 5"] * 3, "VARCHAR"),
    "arabic digits are no number": Law(["٣"] * 3, "VARCHAR"),
    "1e is no number": Law(["1e"] * 3, "VARCHAR"),
    "two signs are no number": Law(["--5"] * 3, "VARCHAR"),
    # doubles
    "2-53 is a double": odd("9007199254740992", "1.5", "DOUBLE", "9007199254740992.0"),
    "2-53 plus 1 is no double": odd("9007199254740993", "1.5", "DOUBLE", None, 1),
    "minus 2-53 minus 1 is no double": odd("-9007199254740993", "1.5", "DOUBLE", None, 1),
    "1e400 is no double": odd("1e400", "1.5", "DOUBLE", None, 1),
    "1e400 alone is text": Law(["1e400", "-1e400"], "VARCHAR"),
    "NaN is no value": odd("NaN", "1.5", "DOUBLE", None),
    "inf is no double": odd("inf", "1.5", "DOUBLE", None, 1),
    "Infinity is no double": odd("Infinity", "1.5", "DOUBLE", None, 1),
    "exponents are doubles": Law(["1e3", "2E-2", "3.5e+1"], "DOUBLE", ["1000.0", "0.02", "35.0"]),
    "doubles are not rounded into integers": Law(
        [*["10.75"] * 5, *["5"] * 95], "DOUBLE", ["10.75"] * 5
    ),
    # booleans
    "0 and 1 are boolean": Law(["0", "1", "1"], "BOOLEAN", ["false", "true", "true"]),
    "0, 1 and a 2 are integer": Law([*["0", "1"] * 50, "2"], "INTEGER"),
    "0 and 1 beside yes and no are boolean": Law(
        ["0", "1", "yes", "NO", "True", "false"],
        "BOOLEAN",
        ["false", "true", "true", "false", "true", "false"],
    ),
    "t is no boolean": odd("t", "true", "BOOLEAN", None, 1),
    "y is no boolean": odd("y", "true", "BOOLEAN", None, 1),
    "on is no boolean": odd("on", "true", "BOOLEAN", None, 1),
    # dates
    "30 February is no date": odd("2024-02-30", "2024-01-15", "DATE", None, 1),
    "a column has one date format": odd("12/25/2024", "25/12/2024", "DATE", None, 1),
    "ambiguous dates follow the configured order": Law(
        ["01/02/2024", "03/04/2024"], "DATE", ["2024-02-01", "2024-04-03"]
    ),
    # timestamps
    "an offset east becomes UTC": Law([ISO + "+02:00"] * 3, "TIMESTAMP", ["2024-01-15 08:30:00"]),
    "an offset west becomes UTC": Law([ISO + "-05:30"] * 3, "TIMESTAMP", ["2024-01-15 16:00:00"]),
    "an offset reaches over the year": Law(
        ["2024-12-31T23:30:00-01:00"] * 3, "TIMESTAMP", ["2025-01-01 00:30:00"]
    ),
    "Z is UTC": Law([ISO + "Z"] * 3, "TIMESTAMP", ["2024-01-15 10:30:00"]),
    "a naive time stays": Law([ISO] * 3, "TIMESTAMP", ["2024-01-15 10:30:00"]),
    "a blank for T": Law(["2024-01-15 10:30:00"] * 3, "TIMESTAMP"),
    "six fractional digits": Law(
        [ISO + ".123456"] * 3, "TIMESTAMP", ["2024-01-15 10:30:00.123456"]
    ),
    "a seventh fractional digit is a misfit": odd(
        ISO + ".1234567", ISO + ".123456", "TIMESTAMP", None, 1
    ),
    "seventh fractional digits alone are text": Law([ISO + ".1234567"] * 3, "VARCHAR"),
    "an ISO date among times is midnight": odd(
        "2024-01-16", ISO, "TIMESTAMP", "2024-01-16 00:00:00"
    ),
    "hour 25 is no time": odd("2024-01-15T25:00:00", ISO, "TIMESTAMP", None, 1),
    "month 13 is no time": odd("2024-13-01T00:00:00", ISO, "TIMESTAMP", None, 1),
    "minute 61 is no time": odd("2024-01-15T10:61:00", ISO, "TIMESTAMP", None, 1),
    # nulls
    "in text only the empty field and backslash N are NULL": Law(
        ["text", "", "NULL", "null", "\\N"], "VARCHAR", ["text", None, "NULL", "null", None]
    ),
    "an empty field is NULL": Law(["5", "", "7"], "INTEGER", ["5", None, "7"]),
    "NULL is NULL": Law(["5", "NULL", "7", "NULL"], "INTEGER", ["5", None, "7", None]),
    "null is NULL": Law(["5", "null", "7", "null"], "INTEGER", ["5", None, "7", None]),
    "backslash N is NULL": Law(["5", "\\N", "7", "\\N"], "INTEGER", ["5", None, "7", None]),
    "nulls take no part in the threshold": Law(
        ["5", "6", "7", *[""] * 97], "INTEGER", ["5", "6", "7", None]
    ),
}


@dataclass(frozen=True)
class Found:
    type: str
    values: list[str | None]
    nulled: int


@pytest.fixture(scope="module")
def columns(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Found]:
    """Each law's column in a table of its own, all loaded by one run."""
    laws = list(LAWS) if request.param == "embedded" else ON_SERVERS["test_value_law"].only
    with empty_lake(request, tmp_path_factory.mktemp("laws")) as lake:
        return found_in(lake, laws)


def found_in(lake: Lake, laws: Sequence[str]) -> dict[str, Found]:
    tables = {law: f"law{number}" for number, law in enumerate(laws)}
    for law, table in tables.items():
        lake.put(f"{table}/a.csv", column_file(LAWS[law].values, quoted=LAWS[law].quoted))
    run = lake.run()
    rows = lake.read(
        " UNION ALL ".join(
            f"SELECT '{t}' AS t, id, typeof(v) AS type, v::VARCHAR AS v FROM lakehouse.{t}"
            for t in tables.values()
        )
        + " ORDER BY t, id"
    )
    return {
        law: Found(
            next(r["type"] for r in rows if r["t"] == table),
            [r["v"] for r in rows if r["t"] == table],
            run.of(f"{table}/a.csv")["cells_nulled"],
        )
        for law, table in tables.items()
    }


@pytest.mark.parametrize("law", list(LAWS))
def test_value_law(columns: dict[str, Found], law: str) -> None:
    expected, found = LAWS[law], columns[law]
    stored = list(expected.values) if expected.stored is None else expected.stored
    assert found.type == expected.type
    assert found.values[: len(stored)] == stored
    assert len(found.values) == len(expected.values)
    assert found.nulled == expected.nulled


def column_file(values: list[str], *, quoted: bool = False) -> str:
    """One column ``v`` beside an ``id`` that counts from 11."""
    mark = '"' if quoted else ""
    lines = (f"{i},{mark}{v}{mark},n\n" for i, v in enumerate(values, start=11))
    return "id,v,note\n" + "".join(lines)


def load(lake: Lake, values: list[str], *, key: str = "t/a.csv") -> Row:
    """Load one column; the outcome."""
    lake.put(key, column_file(values))
    return lake.run().of(key)


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


def test_value_one_leading_zero_after_the_sample_bars_numbers_too(lake: Lake) -> None:
    outcome = load(lake, [*["10001"] * 1500, "00501"])
    assert (lake.types("t")["v"], outcome["cells_nulled"]) == ("VARCHAR", 0)
    assert lake.column("t", "v")[-1] == "00501"


def test_value_leading_zeros_can_be_read_as_numbers(lake: Lake) -> None:
    """``leading_zeros: number`` is the specification's letter."""
    lake.configure(type_inferer={"leading_zeros": "number"})
    load(lake, ["00501", "10001"])
    assert lake.types("t")["v"] == "INTEGER"
    assert lake.column("t", "v") == ["501", "10001"]


@pytest.mark.parametrize("value", ["9007199254740993", "-9007199254740993"])
def test_value_beyond_2_53_is_kept_in_the_rejects(lake: Lake, value: str) -> None:
    load(lake, [value, *["1.5"] * FILL])
    (reject,) = lake.rejects()
    assert (reject["line"], reject["column"], reject["text"]) == (2, "v", value)


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


def test_value_ambiguous_dates_are_called_ambiguous_in_the_evidence(lake: Lake) -> None:
    lake.put("t/a.csv", "id,v\n11,01/02/2024\n12,03/04/2024\n")
    assert "ambiguous" in lake.plan().output


def test_value_ambiguous_dates_over_two_files_the_later_settles_them(lake: Lake) -> None:
    """Month first, as if both files had come at once."""
    load(lake, ["01/02/2024", "03/04/2024"])
    load(lake, ["12/31/2024", "11/30/2024"], key="t/b.csv")
    assert lake.column("t", "v", "v") == ["2024-01-02", "2024-03-04", "2024-11-30", "2024-12-31"]


def test_value_ambiguous_dates_over_two_files_the_later_contradicts_and_fails(lake: Lake) -> None:
    """Where the table's types govern."""
    lake.configure(sink={"on_type_conflict": "widen"})
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


def test_value_blanks_are_trimmed_in_typed_columns_only(lake: Lake) -> None:
    lake.put("t/a.csv", 'id,number,text\n11," 5 "," a "\n12,"7 ","b "\n')
    lake.run()
    assert lake.types("t") == {"id": "INTEGER", "number": "INTEGER", "text": "VARCHAR"}
    assert lake.rows("t", "id") == [["11", "5", " a "], ["12", "7", "b "]]


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


def test_value_an_existing_varchar_column_gets_the_original_text(lake: Lake) -> None:
    load(lake, ["text"])
    load(lake, ["007", " 5 ", "1e3", "2024-01-15", "NULL"], key="t/b.csv")
    rows = lake.query("SELECT v FROM lakehouse.t WHERE _source_file = 't/b.csv' ORDER BY id")
    assert [r["v"] for r in rows] == ["007", " 5 ", "1e3", "2024-01-15", "NULL"]


def test_value_an_existing_type_governs_strictly(lake: Lake) -> None:
    """By the letter of the specification. DuckDB's own cast would make 10.75 an 11 and 00501 a
    501."""
    lake.configure(sink={"on_type_conflict": "null"})
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
