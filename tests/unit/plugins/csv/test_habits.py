"""One truth: what the sniffer says of made-up files is what the reader loads, cell by cell."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from benchmarks.detection import habits_of_cells  # noqa: F401 -- registers its habits
from benchmarks.detection.habits import HABITS
from benchmarks.detection.laws import BrokenLawError, Opened, check
from reader_support import open_path

from lakefall_plugins.formats.csv.dialect import Dialect
from lakefall_plugins.formats.csv.options import CsvSnifferOptions
from lakefall_plugins.formats.csv.sniffing.dialect import detect


@pytest.mark.slow
@pytest.mark.parametrize("habit", HABITS)
def test_the_table_that_was_written_is_the_one_that_is_read(tmp_path: Path, habit: str) -> None:
    for seed in range(2):
        chance = Random(f"{habit}/{seed}")
        made = HABITS[habit](chance, chance.choice([6, 12, 40]))
        path = tmp_path / "file.csv"
        path.write_bytes(made.data)
        found = detect(path, CsvSnifferOptions())
        assert (found.has_header, found.preamble_lines) == (made.header, made.preamble)
        opened = open_path(path, tmp_path, found)
        header = [cell.strip() for cell in opened.records.header]
        rows = [[(cell or "").strip(" ") for cell in row] for row in opened.rows]
        expected = [[cell.strip(" ") for cell in row] for row in made.table]
        assert [header, *rows] == (expected if made.header else [header, *expected])
        check(Opened(path, opened.records, opened.rows, opened.rejects))


def opened(folder: Path) -> Opened:
    path = folder / "file.csv"
    path.write_text('a,b\n1,"x\ny"\n3\n\n4,z\n')
    found = open_path(path, folder, detect(path, CsvSnifferOptions(delimiter=",")))
    return Opened(path, found.records, found.rows, found.rejects)


def test_the_laws_hold(tmp_path: Path) -> None:
    check(opened(tmp_path))


ESCAPED = {
    "one of two characters": ("1,x\\\r\n2,y\n", [("1", "x\r"), ("2", "y")]),
    "one of two, and one inside": ("1,x\\\n\\\r\n2,y\n", [("1", "x\n\r"), ("2", "y")]),
    "one of one character": ("1,x\\\r2\n3,y\n", [("1", "x\r2"), ("3", "y")]),
    "before the end of quotes": ('1,"x\r"\n2,y\n', [("1", "x\r"), ("2", "y")]),
    "in a record that is too long": ("1,x,z\\\r\n2,y\n", [("2", "y")]),
}


@pytest.mark.parametrize("case", ESCAPED)
def test_the_laws_hold_where_line_ends_are_escaped(tmp_path: Path, case: str) -> None:
    text, rows = ESCAPED[case]
    path = tmp_path / "file.csv"
    path.write_bytes(f"a,b\n{text}".encode())
    found = open_path(path, tmp_path, Dialect(",", '"', "\\", "utf-8", True, "mixed"))
    assert found.rows == rows
    check(Opened(path, found.records, found.rows, found.rejects))


def test_a_lost_row_breaks_a_law(tmp_path: Path) -> None:
    good = opened(tmp_path)
    with pytest.raises(BrokenLawError, match="good rows"):
        check(Opened(good.path, good.records, good.rows[1:], good.rejects))


def test_a_lost_reject_breaks_a_law(tmp_path: Path) -> None:
    good = opened(tmp_path)
    with pytest.raises(BrokenLawError, match="rejects"):
        check(Opened(good.path, good.records, good.rows, []))


def test_a_lost_line_breaks_a_law(tmp_path: Path) -> None:
    from dataclasses import replace

    good = opened(tmp_path)
    records = replace(good.records, skipped=())
    with pytest.raises(BrokenLawError, match="6 lines, but 5"):
        check(Opened(good.path, records, good.rows, good.rejects))


@pytest.mark.parametrize("cell", [None, "x", "x\ny "])
def test_another_cell_breaks_a_law(tmp_path: Path, cell: str | None) -> None:
    good = opened(tmp_path)
    rows = [("1", cell), *good.rows[1:]]
    with pytest.raises(BrokenLawError):
        check(Opened(good.path, good.records, rows, good.rejects))


def test_a_replaced_character_breaks_a_law(tmp_path: Path) -> None:
    from benchmarks.detection.laws import nothing_is_replaced

    good = opened(tmp_path)
    rows = [("1", "\ufffd"), *good.rows[1:]]
    with pytest.raises(BrokenLawError, match="replaced"):
        nothing_is_replaced(Opened(good.path, good.records, rows, []), ["a,b\n"])
