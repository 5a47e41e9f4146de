"""Which sheet is read, and where its table lies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl
import pytest
from excel_support import book, open_book

from lakefall.contract.errors import EmptyFileError, NoHeaderError, StructureError

MAY = [["id", "name"], [1, "ann"], [2, "bob"]]
JUNE = [["name", "id"], ["eve", 3]]


def test_title_rows_above_and_totals_below_are_no_records(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        ["Sales report"], ["printed", "2024-05-01"], [],
        ["region", "product", "units", "price"],
        ["north", "pen", 5, 1.5], ["south", "ink", 3, 2.5], [], ["west", "pen", 2, 1.5], [],
        ["Total", None, 10, 5.5], ["Source: the shop"],
    ]  # fmt: skip
    found = open_book(book(tmp_path / "a.xlsx", Sales=rows))
    assert list(found.columns) == ["region", "product", "units", "price"]
    assert found.rows == [
        ("north", "pen", 5, 1.5), ("south", "ink", 3, 2.5), ("west", "pen", 2, 1.5),
    ]  # fmt: skip
    assert found.skipped == {"preamble": 2, "footer": 2, "blank": 3}
    footer = next(each for each in found.records.skipped if each.rule == "footer")
    assert footer.suspicious
    assert footer.first == ("Total | 10 | 5.5", "Source: the shop")
    assert found.places()[-1] == "sheet 'Sales', row 8"


def test_a_total_right_below_the_records_is_one_and_told(tmp_path: Path) -> None:
    rows = [["k", "v"], ["a", 1], ["b", 2], ["Итого", 3]]
    found = open_book(book(tmp_path / "a.xlsx", S=rows))
    assert found.rows[-1] == ("Итого", 3)
    assert "row 4 reads like a total (Итого | 3) and is loaded" in found.records.warnings[0]


def test_merged_header_cells_are_joined(tmp_path: Path) -> None:
    made = openpyxl.Workbook()
    sheet = made.active
    sheet["B1"] = "All the sales of the year"
    sheet.merge_cells("B1:F1")
    for row in (
        [None, "Region", "2023", None, "2024", None],
        [None, None, "units", "price", "units", "price"],
        [None, "north", 1, 1.5, 2, 2.5],
        [None, "south", 3, 3.5, 4, 4.5],
    ):
        sheet.append(row)
    for area in ("B2:B3", "C2:D2", "E2:F2"):
        sheet.merge_cells(area)
    made.save(tmp_path / "a.xlsx")
    found = open_book(tmp_path / "a.xlsx")
    assert list(found.columns) == [
        "Region", "2023 units", "2023 price", "2024 units", "2024 price",
    ]  # fmt: skip
    assert found.rows == [("north", 1, 1.5, 2, 2.5), ("south", 3, 3.5, 4, 4.5)]
    assert (found.format.tables[0].first_row, found.format.tables[0].header_rows) == (2, 2)


def test_years_and_dates_may_be_names(tmp_path: Path) -> None:
    rows = [["country", 2019, 2020], ["DE", 1.5, 2.5], ["FR", 3.5, 4.5]]
    assert list(open_book(book(tmp_path / "a.xlsx", S=rows)).columns) == [
        "country", "2019", "2020",
    ]  # fmt: skip


def test_a_header_that_stands_there_twice_is_no_record(tmp_path: Path) -> None:
    found = open_book(book(tmp_path / "a.xlsx", S=[*MAY, ["id", "name"], [3, "eve"]]))
    assert [row[0] for row in found.rows] == [1, 2, 3]
    assert found.skipped == {"repeated header": 1}


def test_without_header(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", S=[[1, "ann"], [2, "bob"]])
    with pytest.raises(NoHeaderError, match=r"row 1 of sheet 'S' reads like a record"):
        open_book(path)
    assert list(open_book(path, on_missing_header="generate").columns) == ["col_1", "col_2"]
    assert open_book(path, header="absent").rows == [(1, "ann"), (2, "bob")]
    assert open_book(path, header="present").columns == {"1": "INTEGER", "ann": ""}
    texts = book(tmp_path / "b.xlsx", S=[["ann", "x"], ["bob", "x"], ["bob", "y"]])
    assert open_book(texts, header_row=2).rows == [("bob", "y")]
    assert open_book(texts, table=["bob", "x"]).rows == [("bob", "y")]


def test_the_sheet_with_data_is_read_and_others_are_named(tmp_path: Path) -> None:
    path = book(
        tmp_path / "a.xlsx", Empty=[], About=[["Read this first"], ["Ask Ann"]], May=MAY, June=JUNE
    )
    found = open_book(path)
    assert [table.sheet for table in found.format.tables] == ["May"]
    assert found.rows == [(1, "ann"), (2, "bob")]
    assert "not read, but with data: 'About', 'June'" in found.records.warnings[0]
    assert found.skipped == {"other sheet": 4}
    assert found.format.describe().startswith("xlsx workbook, sheet 'May' with header in row 1")


@pytest.mark.parametrize("sheet", ["June", "june", 4])
def test_a_sheet_by_name_or_number(tmp_path: Path, sheet: str | int) -> None:
    path = book(tmp_path / "a.xlsx", A=[["x", "y"], [1, 2]], B=[], May=MAY, June=JUNE)
    found = open_book(path, sheet=sheet)
    assert (found.rows, found.records.warnings) == ([("eve", 3)], ())


def test_hidden_and_missing_and_empty_sheets_have_clear_words(tmp_path: Path) -> None:
    made = openpyxl.Workbook()
    made.active.title = "Seen"
    hidden = made.create_sheet("Secret")
    hidden.sheet_state = "hidden"
    for row in MAY:
        hidden.append(row)
    made.save(tmp_path / "a.xlsx")
    path = tmp_path / "a.xlsx"
    with pytest.raises(EmptyFileError, match=r"no data in 'Seen'; hidden: 'Secret'; .*sheet: NAME"):
        open_book(path)
    assert open_book(path, sheet="Secret").rows == [(1, "ann"), (2, "bob")]
    with pytest.raises(StructureError, match=r"no sheet 'Nope'; it has 'Seen', 'Secret'"):
        open_book(path, sheet="Nope")
    with pytest.raises(StructureError, match=r"no sheet 3; it has 'Seen', 'Secret', numbered"):
        open_book(path, sheet=3)
    with pytest.raises(EmptyFileError, match=r"sheet 'Seen' is empty"):
        open_book(path, sheet="Seen")


def test_all_sheets_are_stacked_and_what_differs_is_said(tmp_path: Path) -> None:
    other = [["id", "nickname"], [9, "zed"], [8, "yan"]]
    path = book(
        tmp_path / "a.xlsx", May=[["Title"], *MAY], June=[*JUNE, ["#N/A", 4.5]], Other=other
    )
    found = open_book(path, sheets="all")
    assert found.columns == {"id": "DOUBLE", "name": ""}
    assert found.rows == [(1, "ann"), (2, "bob"), (3, "eve"), (4.5, None)]
    assert found.places() == [
        "sheet 'May', row 3", "sheet 'May', row 4", "sheet 'June', row 2", "sheet 'June', row 3",
    ]  # fmt: skip
    assert found.rejects[0][:3] == (3, "name", "sheet 'June': the cell holds an error")
    assert found.skipped == {"preamble": 1, "other sheet": 2}
    assert found.records.warnings[0].startswith(
        "sheet 'Other' is not stacked on sheet 'May': its header lacks 'name' and has 'nickname'"
    )
