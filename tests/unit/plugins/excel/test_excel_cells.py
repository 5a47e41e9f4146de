"""The cells of workbooks: types, errors, and what openpyxl reads in them as the oracle."""

from __future__ import annotations

import random
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from excel_support import FILES, MAIN, book, open_book, raw_book

from lakefall.contract.errors import ConservationError
from lakefall.tabular.conservation import check_opened


def test_a_column_has_the_type_of_its_cells(tmp_path: Path) -> None:
    rows = [
        ["id", "big", "huge", "part", "ok", "day", "moment", "time", "zip", "mixed", "lasts"],
        [1, 2**40, 2**60, 1.5, True, date(2024, 2, 29), datetime(2024, 1, 1, 9, 30),
         time(13, 45), "00501", 7, timedelta(hours=30)],
        [-2, 5, 1, 2, False, date(1999, 12, 31), datetime(2024, 1, 2), time(0, 0, 1), "1", "x",
         timedelta(seconds=90)],
        [None] * 9 + [date(2024, 5, 1)],
        [3] + [None] * 8 + [2.5],
    ]  # fmt: skip
    found = open_book(book(tmp_path / "a.xlsx", Data=rows))
    assert found.columns == {
        "id": "INTEGER", "big": "BIGINT", "huge": "DOUBLE", "part": "DOUBLE", "ok": "BOOLEAN",
        "day": "DATE", "moment": "TIMESTAMP", "time": "TIME", "zip": "", "mixed": "", "lasts": "",
    }  # fmt: skip
    assert found.rows == [
        (1, 2**40, 2.0**60, 1.5, True, date(2024, 2, 29), datetime(2024, 1, 1, 9, 30),
         time(13, 45), "00501", "7", "30:00:00"),
        (-2, 5, 1.0, 2.0, False, date(1999, 12, 31), datetime(2024, 1, 2), time(0, 0, 1), "1", "x",
         "0:01:30"),
        (*[None] * 9, "2024-05-01", None),
        (3, *[None] * 8, "2.5", None),
    ]  # fmt: skip
    assert found.records.nulls == dict.fromkeys(range(11), 2) | {0: 1, 9: 0}


def test_what_openpyxl_reads_is_what_is_read(tmp_path: Path) -> None:
    chance = random.Random(7)
    kinds: list[Any] = [
        lambda: chance.randrange(-9, 10**6),
        lambda: round(chance.uniform(-1e6, 1e6), 3),
        lambda: chance.choice(["äöü", "a,b", '"', "12", "<&>", "line\nbreak"]),
        lambda: datetime(2020, 1, 1, 1) + timedelta(seconds=chance.randrange(10**8)),
        lambda: chance.random() < 0.5,
    ]
    rows = [[None if chance.random() < 0.2 else kind() for kind in kinds] for _ in range(300)]
    rows = [row for row in rows if any(cell is not None for cell in row)]
    path = book(tmp_path / "a.xlsx", S=[["whole", "part", "text", "moment", "flag"], *rows])
    oracle = list(openpyxl.load_workbook(path).active.iter_rows(min_row=2, values_only=True))
    found = open_book(path)
    assert found.rows == oracle
    assert list(found.columns.values()) == ["INTEGER", "DOUBLE", "", "TIMESTAMP", "BOOLEAN"]
    assert found.places()[-1] == f"sheet 'S', row {len(rows) + 1}"


def test_mixed_kinds_that_come_late_change_the_whole_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakefall_plugins.formats.excel.reading.BLOCK_ROWS", 50)
    rows = [
        ["n", "m"],
        *[[i, date(2024, 1, 1)] for i in range(200)],
        ["?", datetime(2024, 1, 1, 5)],
    ]
    found = open_book(book(tmp_path / "a.xlsx", S=rows))
    assert found.columns == {"n": "", "m": "TIMESTAMP"}
    assert [row[0] for row in found.rows] == [*map(str, range(200)), "?"]
    assert found.rows[0][1] == datetime(2024, 1, 1)


def test_error_cells_of_xlsx_are_null_and_kept_with_sheet_and_row(tmp_path: Path) -> None:
    rows = [
        ["Umsatz", None, None],
        ["Name", "Kurs Wert", "Menge"],
        ["a", 1, 2],
        ["b", "#N/A", 3],
        [None, None, "#REF!"],
        ["c", "#DIV/0!", None],
    ]
    found = open_book(book(tmp_path / "a.xlsx", Kurse=rows))
    assert found.columns == {"Name": "", "Kurs Wert": "INTEGER", "Menge": "INTEGER"}
    assert found.rows == [("a", 1, 2), ("b", None, 3), (None, None, None), ("c", None, None)]
    reason = "sheet 'Kurse': the cell holds an error"
    assert found.rejects == [
        (4, "kurs_wert", reason, "#N/A"),
        (5, "menge", reason, "#REF!"),
        (6, "kurs_wert", reason, "#DIV/0!"),
    ]
    assert (found.records.cells_nulled, found.records.rows_rejected) == (3, 0)


def test_a_column_of_errors_alone_stays(tmp_path: Path) -> None:
    rows = [[None, "a", "b"], ["#N/A", 1, 2], ["#N/A", 3, 4]]
    found = open_book(book(tmp_path / "a.xlsx", S=rows))
    assert list(found.columns) == ["col_1", "a", "b"]
    assert [reject[:2] for reject in found.rejects] == [(2, "col_1"), (3, "col_1")]


@pytest.mark.parametrize("places", [True, False])
def test_cells_are_found_however_the_xml_is_written(tmp_path: Path, places: bool) -> None:
    def cell(place: str, inside: str, more: str = "") -> str:
        return f"<x:c{f' r={place!r}' if places else ''}{more}>{inside}</x:c>"

    text = " t='inlineStr'"
    sheet = (
        f"<x:worksheet xmlns:x='{MAIN}'><x:sheetData><x:row>"
        f"{cell('A1', '<x:is><x:t>id</x:t></x:is>', text)}"
        f"{cell('B1', '<x:is><x:t>sum</x:t></x:is>', text)}</x:row><x:row>"
        f"{cell('A2', '<x:v>1</x:v>')}{cell('B2', '<x:v>#NUM!</x:v>', ' t = ' + repr('e'))}"
        f"</x:row><x:row>{cell('A3', '<x:v>2</x:v>')}{cell('B3', '<x:f>A3*2</x:f>')}"
        "</x:row></x:sheetData></x:worksheet>"
    )
    found = open_book(raw_book(tmp_path / "a.xlsx", sheet))
    assert found.rows == [(1, None), (2, None)]
    assert [(line, column, text) for line, column, _, text in found.rejects] == [
        (2, "sum", "#NUM!")
    ]
    (warning,) = found.records.warnings
    assert "1 formulas have no stored value and are NULL, the first in B3" in warning


@pytest.mark.parametrize("name", ["small.xls", "wrong.xlsx", "none"])
def test_xls_files_are_read_under_any_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes((FILES / "small.xls").read_bytes())
    found = open_book(path)
    assert found.format.kind == "xls"
    assert found.columns == {"id": "INTEGER", "tag": "DATE", "betrag": "DOUBLE", "ok": "BOOLEAN"}
    assert found.rows == [(1, date(2024, 5, 1), 1.5, True), (2, date(2024, 5, 2), 2.0, False)]
    assert found.skipped == {"preamble": 1, "blank": 1}
    assert found.places() == ["sheet 'Mai', row 4", "sheet 'Mai', row 5"]


def test_cells_that_a_reader_sets_null_are_counted_by_the_core(tmp_path: Path) -> None:
    import dataclasses

    found = open_book(book(tmp_path / "a.xlsx", S=[["a", "b"], [1, "#N/A"]]))
    for lie in (0, 2):
        with pytest.raises(ConservationError, match=r"reader 'excel' rejected .* cells"):
            check_opened(dataclasses.replace(found.records, cells_nulled=lie))
