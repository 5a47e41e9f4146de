"""Choosing among layouts: usual ones, years of two digits, times, what is ambiguous."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threshold_support import DEFAULT, Infer, column, inferer, side_by_side, table

from lakefall.contract.errors import FormatConflictError
from lakefall.contract.types import TypeCandidate, TypePlugin, TypeSettings
from lakefall_plugins.types.time import Time
from lakefall_plugins.types.timestamp import Timestamp, TimestampTz
from lakefall_plugins.types.varchar import Varchar


@pytest.fixture
def infer(tmp_path: Path) -> Infer:
    return inferer(tmp_path)


COMMON = [
    (["2024/01/15", "2024/12/31"], "DATE", "%Y/%m/%d"),
    (["2024.01.15", "2024.12.31"], "DATE", "%Y.%m.%d"),
    (["15.01.2024", "31.12.2024"], "DATE", "%d.%m.%Y"),
    (["15-01-2024", "31-12-2024"], "DATE", "%d-%m-%Y"),
    (["01-15-2024", "12-31-2024"], "DATE", "%m-%d-%Y"),
    (["7 May 2018", "3. June 2018"], "DATE", "%d %b %Y"),
    (["10-Jun-1991", "02-DEC-1991"], "DATE", "%d %b %Y"),
    (["Apr. 14 2016", "Sept. 3 2016"], "DATE", "%b %d %Y"),
    (["2024 Jan 15", "2024-Dec-31"], "DATE", "%Y %b %d"),
    (["15/01/2024 9:05", "16/01/2024 21:05"], "TIMESTAMP", "%d/%m/%Y %H:%M:%S"),
    (["1/15/2024 9:05 AM", "1/16/2024 9:05 PM"], "TIMESTAMP", "%m/%d/%Y %H:%M:%S"),
    (["2024.01.15 10:30:00", "2024.01.16 10:30"], "TIMESTAMP", "%Y.%m.%d %H:%M:%S"),
    (["Sun 06 Nov 1994 08:49:37 GMT"], "TIMESTAMP", "%d %b %Y %H:%M:%S"),
    (["2024-01-15 10:30"], "TIMESTAMP", ""),
    (["15/01/24", "31/12/24"], "VARCHAR", ""),
    (["20240115", "20241231"], "INTEGER", ""),
    (["10:30:00", "11:30:00"], "VARCHAR", ""),
    (["15|01|2024"], "VARCHAR", ""),
]


def test_usual_layouts_are_read_without_being_named(infer: Infer) -> None:
    found = infer(side_by_side([values for values, _, _ in COMMON])).columns
    assert [(v, c.type, c.format) for (v, _, _), c in zip(COMMON, found, strict=True)] == COMMON


def test_a_year_has_to_be_likely_in_a_format_that_nobody_asked_for(infer: Infer) -> None:
    no_dates = [["6.1.7601"], ["10-05-1042", "12-12-4410"], ["7440-06-4", "1634-04-4"],
                ["2023.3.4", "2022.1.1"]]  # fmt: skip
    found = infer(side_by_side(no_dates)).columns
    assert [c.type for c in found] == ["VARCHAR"] * len(no_dates)
    dates = [["2024/1/5", "2024/1/6"], ["31.12.9999", "1.1.0001"], ["0001-01-01", "1066-10-14"],
             ["2024-1-5"], ["14/10/1066"], ["5 May 1066"]]  # fmt: skip
    assert {c.type for c in infer(side_by_side(dates)).columns} == {"DATE"}
    assert column(infer, "10-05-1042", date_formats=["%d-%m-%Y"]).type == "DATE"


def test_without_common_only_the_formats_that_are_listed_count(infer: Infer) -> None:
    listed = ["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y"]
    found = infer(side_by_side([v for v, _, _ in COMMON]), date_formats=listed).columns
    assert {c.type for c in found[:9]} == {"VARCHAR"}
    assert [c.type for c in found[9:12]] == ["TIMESTAMP", "TIMESTAMP", "VARCHAR"]
    assert column(infer, "15|01|2024", date_formats=["%d|%m|%Y"]).type == "DATE"


def test_the_letter_of_the_specification(tmp_path: Path) -> None:
    """ISO 8601 alone is a timestamp, three formats are dates."""
    letter = [*(t for t in DEFAULT if t is not Timestamp), (Timestamp, {"layouts": "iso"})]
    listed = ["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y"]
    found = inferer(tmp_path)(side_by_side([v for v, _, _ in COMMON]), types=letter,
                              date_formats=listed).columns  # fmt: skip
    expected = {13: "TIMESTAMP", 15: "INTEGER"}
    assert {i: c.type for i, c in enumerate(found) if c.type != "VARCHAR"} == expected


def test_years_of_two_digits_are_an_option(infer: Infer) -> None:
    columns = [["15/01/24", "31/12/99"], ["1/15/24"], ["90.01.31"], ["10-Jun-91"],
               ["5/11/15 17:26", "5/25/15 9:15"], ["29/07/1933", "3/7/14"]]  # fmt: skip
    found = infer(side_by_side(columns), two_digit_years=True).columns
    assert [(c.type, c.format) for c in found] == [
        ("DATE", "%d/%m/%y"),
        ("DATE", "%m/%d/%y"),
        ("DATE", "%y.%m.%d"),
        ("DATE", "%d %b %y"),
        ("TIMESTAMP", "%m/%d/%y %H:%M:%S"),
        ("DATE", "%d/%m/%y"),
    ]
    assert {c.type for c in infer(side_by_side(columns)).columns} == {"VARCHAR"}


def test_a_long_year_is_no_reason_for_a_short_one(infer: Infer) -> None:
    found = column(infer, "25/01/2024", two_digit_years=True)
    assert (found.format, found.ambiguous) == ("%d/%m/%Y", False)


def test_times_and_zones_where_they_are_configured(infer: Infer) -> None:
    types = (*DEFAULT, Time, TimestampTz)
    columns = [["10:30", "9:05 PM"], ["2024-01-15T10:30:00Z"], ["15/01/2024 10:30 UTC"],
               ["2024-01-15T10:30:00Z", "2024-01-15T10:30:00"], ["25:00"]]  # fmt: skip
    found = infer(side_by_side(columns), types=types).columns
    assert [c.type for c in found] == [
        "TIME", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP", "VARCHAR",
    ]  # fmt: skip


def test_zero_and_one_are_integers_where_booleans_are_words(infer: Infer) -> None:
    columns = [["0", "1"], ["true", "no"], ["0", "yes"]]
    found = infer(side_by_side(columns), boolean="words").columns
    assert [c.type for c in found] == ["INTEGER", "BOOLEAN", "VARCHAR"]


# --- telltales -----------------------------------------------------------------------------------

CELLS = ["0", "5", "1.5", "1.234", "3,5", "1.234,5", "$5", "25/01/2024", "01/02/2024", "x", "",
         "01-02-2024", "2024-01-15", "2024-01-15 10:30", "1/2/03", "7 May 2018", "1/2/2024 9:05",
         "9:05", "2024-01-15T10:30Z", "99/12/31", "00501"]  # fmt: skip
OPTIONS = {
    "two_digit_years": True,
    "number_formats": ["1234.5", "1.234,5", "$1,234.5"],
    "threshold": 0.7,
}


def without_telltales(plugin: type[TypePlugin[Any]]) -> type[TypePlugin[Any]]:
    """The same type, whose every reading is tried on every column."""

    class Tried(plugin):  # type: ignore[misc, valid-type]
        def candidates(self, settings: TypeSettings) -> Iterable[TypeCandidate]:
            for candidate in super().candidates(settings):
                yield replace(candidate, telltale=None)

    return Tried


@pytest.mark.slow
@given(
    columns=st.lists(
        st.lists(st.sampled_from(CELLS), min_size=2, max_size=2).flatmap(
            lambda few: st.lists(st.sampled_from(few), min_size=1, max_size=12)
        ),
        min_size=4,
        max_size=20,
    ),
    sample_rows=st.sampled_from([2, 1000]),
)
@settings(deadline=None, max_examples=10)
def test_what_is_not_tried_for_want_of_a_telltale_would_not_be_chosen(
    tmp_path_factory: pytest.TempPathFactory, columns: list[list[str]], sample_rows: int
) -> None:
    run = inferer(tmp_path_factory.mktemp("telltales"))
    quoted = [[f'"{cell}"' for cell in cells] for cells in columns]
    types = (*DEFAULT[:-1], Time, TimestampTz)
    found, expected = (
        run(side_by_side(quoted), types=(*chosen, Varchar), sample_rows=sample_rows, **OPTIONS)
        for chosen in (types, [without_telltales(t) for t in types])
    )
    assert [(c.type, c.format, c.nullable, c.ambiguous) for c in found.columns] == [
        (c.type, c.format, c.nullable, c.ambiguous) for c in expected.columns
    ]


# --- what is ambiguous ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "options", "chosen", "rivals"),
    [
        (["01-02-2024"], {}, "%d-%m-%Y", "%d-%m-%Y and %m-%d-%Y"),
        (
            ["01-02-2024"],
            {"date_formats": ["%m/%d/%Y", "common"]},
            "%m-%d-%Y",
            "%m-%d-%Y and %d-%m-%Y",
        ),
        (
            ["1/2/2024 9:05"],
            {},
            "%d/%m/%Y %H:%M:%S",
            "%d/%m/%Y %H:%M:%S and %m/%d/%Y %H:%M:%S",
        ),
        (["01/02/03"], {"two_digit_years": True}, "%d/%m/%y", "%d/%m/%y and %m/%d/%y and %y/%m/%d"),
    ],
)
@pytest.mark.parametrize("sample_rows", [1, 1000])
def test_the_configured_order_decides_and_the_evidence_says_so(
    infer: Infer,
    values: list[str],
    options: dict[str, object],
    chosen: str,
    rivals: str,
    sample_rows: int,
) -> None:
    found = column(infer, *values * 3, sample_rows=sample_rows, **options)
    assert (found.format, found.ambiguous) == (chosen, True)
    assert found.evidence[1] == (
        f"ambiguous: {rivals} parse the same values; the order of date_formats decides"
    )


@pytest.mark.parametrize("sample_rows", [1, 1000])
def test_formats_that_take_all_values_alike_are_not_ambiguous(
    infer: Infer, sample_rows: int
) -> None:
    found = column(infer, "05/05/2024", "06/06/2024", sample_rows=sample_rows)
    assert (found.format, found.ambiguous) == ("%d/%m/%Y", False)
    found = column(infer, "05/05/2024", "06/07/2024", sample_rows=sample_rows)
    assert (found.format, found.ambiguous) == ("%d/%m/%Y", True)


def test_an_iso_timestamp_and_an_iso_date_contradict_no_table(infer: Infer) -> None:
    found = infer("at\n2024-01-15\n", table=table(at="TIMESTAMP")).columns[0]
    assert found.type == "TIMESTAMP"


@pytest.mark.parametrize("sample_rows", [1, 1000])
@pytest.mark.parametrize(
    ("existing", "cells", "told"),
    [
        (
            "TIMESTAMP %d/%m/%Y %H:%M:%S",
            ["1/2/2024 9:00", "1/25/2024 9:00"],
            "its values read as %m/%d/%Y %H:%M:%S, but the table's format is %d/%m/%Y %H:%M:%S",
        ),
        (
            "TIMESTAMP",
            ["2024/01/15 9:00", "2024/01/16 9:00"],
            "its values read as %Y/%m/%d %H:%M:%S, but the table's format is ISO 8601",
        ),
        (
            "TIMESTAMP %Y/%m/%d %H:%M:%S",
            ["2024-01-15 09:00", "2024-01-16 09:00"],
            "its values read as ISO 8601, but the table's format is %Y/%m/%d %H:%M:%S",
        ),
    ],
)
def test_a_file_that_contradicts_the_tables_moments_fails_and_names_both(
    infer: Infer, sample_rows: int, existing: str, cells: list[str], told: str
) -> None:
    text = "at\n" + "".join(f"{cell}\n" for cell in cells)
    with pytest.raises(FormatConflictError) as error:
        infer(text, table=table(at=existing), sample_rows=sample_rows)
    assert told in str(error.value)
    assert str(error.value).startswith("t/a.csv, line ")


@pytest.mark.slow
def test_two_files_of_a_new_table_are_decided_together(infer: Infer) -> None:
    found = infer("at\n01/02/2024 9:00\n", "at\n01/25/2024 9:00\n").columns[0]
    assert (found.type, found.format, found.ambiguous) == (
        "TIMESTAMP", "%m/%d/%Y %H:%M:%S", False,
    )  # fmt: skip
    found = infer("at\n01/02/2024\n", "at\n03/04/2024\n").columns[0]
    assert (found.format, found.ambiguous) == ("%d/%m/%Y", True)
    found = infer("at\n01/02/2024\n", "at\n03/04/2024 9:00\n").columns[0]
    assert (found.type, found.format, found.ambiguous) == (
        "TIMESTAMP", "%d/%m/%Y %H:%M:%S", True,
    )  # fmt: skip
