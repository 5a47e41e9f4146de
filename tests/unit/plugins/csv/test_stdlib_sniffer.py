"""The plugin ``stdlib``: the letter of the specification, with its limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakefall.contract.errors import EmptyFileError, LowConfidenceError, NoHeaderError
from lakefall_plugins.formats.csv.dialect import Dialect
from lakefall_plugins.formats.csv.stdlib_sniffer import StdlibSnifferOptions, sniff_with_stdlib


def sniff(folder: Path, raw: bytes, **options: object) -> Dialect:
    path = folder / "file.csv"
    path.write_bytes(raw)
    return sniff_with_stdlib(path, StdlibSnifferOptions.model_validate(options), "a/file.csv")


def test_a_plain_file(tmp_path: Path) -> None:
    found = sniff(tmp_path, b"id;price\n1;2.5\n2;3.5\n3;4.5\n")
    assert (found.delimiter, found.has_header, found.encoding) == (";", True, "utf-8")


def test_only_the_listed_delimiters_count(tmp_path: Path) -> None:
    with pytest.raises(LowConfidenceError, match=r"a/file\.csv: csv\.Sniffer: "):
        sniff(tmp_path, b"id^price\n1^2.5\n2^3.5\n")


def test_all_text_has_no_header_for_it(tmp_path: Path) -> None:
    raw = b"town,country\nOxford,England\nParis,France\nBonn,Germany\n"
    with pytest.raises(NoHeaderError, match=r"sniffer\.header"):
        sniff(tmp_path, raw)
    assert not sniff(tmp_path, raw, on_missing_header="generate").has_header
    assert sniff(tmp_path, raw, header="present").has_header


def test_only_the_first_8_kb_are_read(tmp_path: Path) -> None:
    raw = b"id,price\n" + b"1,2.5\n" * 3000 + "é".encode("cp1252")
    assert sniff(tmp_path, raw).encoding == "utf-8"


@pytest.mark.parametrize(
    ("raw", "encoding"), [(b"\xef\xbb\xbf", "utf-8-sig"), (b"", "utf-8"), (b"\xe9", "cp1252")]
)
def test_encoding(tmp_path: Path, raw: bytes, encoding: str) -> None:
    assert sniff(tmp_path, raw + b"id,price\n1,2.5\n2,3.5\n", header="present").encoding == encoding


def test_empty(tmp_path: Path) -> None:
    with pytest.raises(EmptyFileError, match=r"a/file\.csv"):
        sniff(tmp_path, b"\n")
