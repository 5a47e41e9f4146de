"""Many empty lines are counted in bulk and not held; the records around them are right."""

from __future__ import annotations

from pathlib import Path

import pytest
from reader_support import open_bytes, open_path

from lakefall_plugins.formats.csv.options import CsvSnifferOptions
from lakefall_plugins.formats.csv.reading import repair
from lakefall_plugins.formats.csv.sniffing import dialect, sample

ROWS = b"".join(b"%d,name %d,x\n" % (n, n) for n in range(1_500))


@pytest.mark.parametrize(
    ("end", "footer"),
    [
        (b"", 0),
        (b"\n" * 500, 0),
        (b",,\n" * 500, 500),
        (b"\r\n" * 300 + b",,\r\n" * 200, 200),
        (b"\n\n" + b" , ,\n" * 299 + b",,", 300),
        (b"\nSource: a register\n" + b"\n" * 400, 401),
        (b'"","",""\n' * 500, 0),
    ],
)
def test_the_footer_is_the_same_whether_its_lines_are_looked_at_or_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: bytes, footer: int
) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(b"id,name,mark\n" + ROWS + end)
    for many in (1 << 30, 16):
        monkeypatch.setattr(sample, "_MANY", many)
        assert dialect.detect(path, CsvSnifferOptions()).footer_lines == footer


def test_of_many_empty_lines_few_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """32 MB of them became as many objects: 5 GB."""
    path = tmp_path / "file.csv"
    path.write_bytes(b"id,name,mark\n" + ROWS + b",,\n" * 700_000)
    looked = 0
    real = dialect.tail

    def tail(*args: object) -> str:
        nonlocal looked
        text: str = real(*args)  # type: ignore[arg-type]
        looked += len(text)
        return text

    monkeypatch.setattr(dialect, "tail", tail)
    found = dialect.detect(path, CsvSnifferOptions())
    assert found.footer_lines == 700_000
    assert looked <= sample.FIRST_TAIL
    opened = open_path(path, tmp_path, found)
    assert len(opened.rows) == 1_500
    assert [(s.rule, s.lines) for s in opened.records.skipped] == [("footer", 700_000)]


def test_blank_lines_are_not_taken_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[list[str]] = []
    real = repair._Repair.record

    def record(self: repair._Repair, row: list[str], *rest: object) -> bool:
        taken.append(row)
        return real(self, row, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(repair._Repair, "record", record)
    data = b'a,b\n1,2\n\n\n3\n\n"4\n\n",5\n' + b"\n" * 3_000 + b"6,7\n"
    opened = open_bytes(data, tmp_path)
    assert opened.rows == [("1", "2"), ("4\n\n", "5"), ("6", "7")]
    assert opened.lines == [2, 7, 3_010]
    assert [(s.rule, s.lines) for s in opened.records.skipped] == [("blank", 3_003)]
    assert taken == [["3"]]


def test_a_file_with_megabytes_of_blank_lines_is_read_as_it_is(tmp_path: Path) -> None:
    """To DuckDB they are one line, which is longer than it takes by default."""
    opened = open_bytes(b"a,b\n1,2\n" + b"\n" * 3_000_000 + b"3,4\n", tmp_path)
    assert opened.rows == [("1", "2"), ("3", "4")]
    assert opened.records.scan is not None and opened.records.scan.path.name == "file.csv"
    assert opened.lines == [2, 3_000_003]
