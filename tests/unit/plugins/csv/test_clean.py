"""Good records as a plain file."""

from __future__ import annotations

from pathlib import Path

import pytest
from reader_support import dialect, open_bytes

from lakefall_plugins.csv.clean import clean


def test_a_damaged_file_becomes_plain(tmp_path: Path) -> None:
    data = 'sep=;\r\nA;a;\r\n1;"";\\N\n2;"x;""y""\n";z\r3\r\n\xff;b,c; d \r\n'
    opened = open_bytes(
        data.encode("cp1252"),
        tmp_path,
        dialect(delimiter=";", encoding="cp1252", preamble_lines=1),
    )
    out = tmp_path / "clean.csv"
    assert clean(opened.records, out) == 3
    text = 'A,a,""\n1,"",\n2,"x;""y""\n",z\nÿ,"b,c", d \n'
    assert out.read_bytes() == text.encode()
    again = open_bytes(out.read_bytes(), tmp_path)
    assert again.plain
    assert again.records.header == ("A", "a", "")
    assert again.rows == opened.rows
    assert [path.name for path in tmp_path.glob(".*")] == []


@pytest.mark.parametrize("rows", [0, 3])
def test_one_column(tmp_path: Path, rows: int) -> None:
    data = b'a,b\n\n\\N\n""\nx\n'.replace(b",b", b"") if rows else b"a\n"
    opened = open_bytes(data, tmp_path, dialect(delimiter=""))
    out = tmp_path / "clean.csv"
    assert clean(opened.records, out) == rows
    assert open_bytes(out.read_bytes(), tmp_path, dialect(delimiter="")).rows == opened.rows


def test_order_is_kept(tmp_path: Path) -> None:
    data = b"a,b\n" + b"".join(b"%d,x\n" % n for n in range(130_000))
    path = tmp_path / "in" / "file.csv"
    path.parent.mkdir()
    opened = open_bytes(data, path.parent)
    out = tmp_path / "clean.csv"
    clean(opened.records, out)
    assert out.read_bytes() == data
