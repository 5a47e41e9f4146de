"""Files that are no workbooks, damaged ones, and those that are made to bring a reader down."""

from __future__ import annotations

import io
import random
import zipfile
from pathlib import Path

import pytest
from excel_support import FILES, MAIN, book, open_book, raw_book

from lakefall.contract.errors import (
    ArchiveError,
    EmptyFileError,
    LakefallError,
    StructureError,
    UnknownFormatError,
    UnsupportedFormatError,
)

ROWS = [["id", "name"], [1, "ann"], [2, "bob"]]


def zipped(**parts: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.xlsx", b"id,name\n1,ann\n", "holds text, such as CSV"),
        ("a.xls", b"<html><table><tr><td>1</td></tr></table></html>", "an HTML page"),
        (
            "a.xls",
            b"<?xml version='1.0'?><Workbook xmlns='urn:schemas-microsoft-com:office:spreadsheet'>",
            "an XML spreadsheet of Excel 2003",
        ),
        ("a.xlsx", zipped(**{"word/document.xml": "<w/>"}), "zip container with 'word/document"),
        ("a.xlsx", b"PK\x03\x04" + bytes(50), "a damaged zip container"),
        ("a.ods", b"%PDF-1.7", "a PDF document"),
        ("~$a.xlsx", b"\x03Ann" + bytes(160), "the lock of a workbook"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "another document of Office"),
    ],
)
def test_what_only_has_the_name_of_a_workbook_is_named(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnsupportedFormatError, match="named like a workbook, but holds") as told:
        open_book(tmp_path / name)
    assert words in str(told.value)


def test_other_names_are_other_formats_and_workbooks_are_known_by_content(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"id\n1\n")
    with pytest.raises(UnknownFormatError):
        open_book(tmp_path / "a.csv")
    made = book(tmp_path / "a.xlsx", S=ROWS).rename(tmp_path / "a.bin")
    assert open_book(made).rows == [(1, "ann"), (2, "bob")]
    (tmp_path / "b.xlsx").write_bytes(b"")
    with pytest.raises(EmptyFileError, match="no bytes"):
        open_book(tmp_path / "b.xlsx")


def test_a_password_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes((FILES / "locked.xlsx").read_bytes())
    with pytest.raises(UnsupportedFormatError, match="protected by a password; save"):
        open_book(tmp_path / "a.xlsx")


def test_damage_is_named(tmp_path: Path) -> None:
    whole = book(tmp_path / "a.xlsx", S=ROWS).read_bytes()
    chance = random.Random(3)
    for _ in range(15):
        content = bytearray(
            whole[: chance.randrange(1, len(whole))] if chance.random() < 0.3 else whole
        )
        for _ in range(chance.randrange(1, 6)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        (tmp_path / "b.xlsx").write_bytes(content)
        try:
            open_book(tmp_path / "b.xlsx")
        except LakefallError as error:
            assert "unforeseen" not in str(error)
    broken = raw_book(tmp_path / "c.xlsx", f"<worksheet xmlns='{MAIN}'><sheetData><row><c><v>")
    with pytest.raises(StructureError, match="damaged workbook"):
        open_book(broken)


def test_a_damaged_xls_is_tried_where_it_ends_nothing(tmp_path: Path) -> None:
    content = bytearray((FILES / "small.xls").read_bytes())
    content[1536:1700] = b"\xff" * 164
    (tmp_path / "a.xls").write_bytes(content)
    with pytest.raises(LakefallError, match=r"damaged workbook|named like a workbook|no data"):
        open_book(tmp_path / "a.xls")


@pytest.mark.parametrize(
    "cells",
    [
        '<row r="1"><c r="A1"><v>1</v></c></row><row r="9"><c r="XFD1048576"><v>2</v></c></row>',
        "<row><c r='A1'><v>1</v></c><c r='xfd1048576'><v>2</v></c></row>",
        '<row r="1"><c><v>1</v></c></row><row r="104857600"><c/><c/><c/><c><v>2</v></c></row>',
    ],
)
def test_a_cell_at_the_end_of_the_sheet_takes_no_memory(tmp_path: Path, cells: str) -> None:
    sheet = f"<worksheet xmlns='{MAIN}'><sheetData>{cells}</sheetData></worksheet>"
    with pytest.raises(UnsupportedFormatError, match="an area of more than 64,000,000 cells"):
        open_book(raw_book(tmp_path / "a.xlsx", sheet))


def test_bombs_are_not_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ALWAYS_ALLOWED", "MAX_RATIO"):
        monkeypatch.setattr(f"lakefall_plugins.formats.excel.workbook.{name}", 500)
    sheet = f"<worksheet xmlns='{MAIN}'><sheetData>{' ' * 7_000_000}</sheetData></worksheet>"
    with pytest.raises(ArchiveError, match=r"bytes expand to 7,00"):
        open_book(raw_book(tmp_path / "a.xlsx", sheet))
    entities = (
        "<!DOCTYPE w [<!ENTITY a 'aaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>]>"
        f"<worksheet xmlns='{MAIN}'><sheetData><row><c t='e'><v>&b;</v></c></row></sheetData>"
        "</worksheet>"
    )
    with pytest.raises(StructureError, match="a document type, which no workbook has"):
        open_book(raw_book(tmp_path / "b.xlsx", entities))


def test_an_ods_sheet_is_read_and_its_bomb_refused(tmp_path: Path) -> None:
    names = ("office", "table", "text")
    spaces = " ".join(f'xmlns:{n}="urn:oasis:names:tc:opendocument:xmlns:{n}:1.0"' for n in names)
    kind = "application/vnd.oasis.opendocument.spreadsheet"

    def ods(path: Path, rows: str, manifest: str = "") -> Path:
        path.write_bytes(
            zipped(
                mimetype=kind,
                **{
                    "META-INF/manifest.xml": f"<manifest type='{kind}'>{manifest}</manifest>",
                    "content.xml": f"<office:document-content {spaces}><office:body>"
                    f'<office:spreadsheet><table:table table:name="T">{rows}</table:table>'
                    "</office:spreadsheet></office:body></office:document-content>",
                },
            )
        )
        return path

    def row(*cells: str, more: str = "") -> str:
        return f"<table:table-row {more}>{''.join(cells)}</table:table-row>"

    def cell(kind: str, value: str, more: str = "") -> str:
        attribute = {"float": "value", "date": "date-value", "string": "ignored"}[kind]
        return (
            f'<table:table-cell office:value-type="{kind}" office:{attribute}="{value}" {more}>'
            f"<text:p>{value}</text:p></table:table-cell>"
        )

    head = row(cell("string", "id"), cell("string", "day"))
    good = row(cell("float", "1"), cell("date", "2024-05-01"))
    padding = row('<table:table-cell table:number-columns-repeated="16384"/>',
                  more='table:number-rows-repeated="1048573"')  # fmt: skip
    found = open_book(ods(tmp_path / "a.ods", head + good + padding))
    assert found.columns == {"id": "INTEGER", "day": "DATE"}
    assert [row[0] for row in found.rows] == [1]
    bomb = row(cell("float", "1", 'table:number-columns-repeated="16384"'),
               more='table:number-rows-repeated="1048573"')  # fmt: skip
    with pytest.raises(StructureError, match="damaged workbook"):
        open_book(ods(tmp_path / "b.ods", head + bomb))
    with pytest.raises(UnsupportedFormatError, match="protected by a password"):
        open_book(ods(tmp_path / "c.ods", head, "<encryption-data/>"))
