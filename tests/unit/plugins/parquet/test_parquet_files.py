"""Names, order and counts of a Parquet file; damaged, encrypted and misnamed ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from parquet_support import SNIFFER, local_file, open_file, write

from lakefall.contract.errors import (
    EmptyFileError,
    EncodingError,
    LakefallError,
    StructureError,
    UnsupportedFormatError,
)
from lakefall.contract.values import from_json, to_json
from lakefall.tabular.places import LineMap
from lakefall_plugins.formats.parquet.sniffer import ParquetFormat


def sniff(path: Path) -> ParquetFormat | None:
    return SNIFFER.sniff(None, local_file(path), None)  # type: ignore[arg-type]


def test_columns_are_read_by_position(tmp_path: Path) -> None:
    import pyarrow as pa

    names = ["a", "A", "a", "", "x.y", "q\"uo'te", "c0", "p1", "filename", ""]
    arrays = [pa.array([n, n + 100]) for n in range(len(names))]
    table = pa.Table.from_arrays(arrays, names=names)
    opened = open_file(write(tmp_path / "a.parquet", table))
    assert list(opened.records.header) == names
    assert opened.values == [[n, n + 100] for n in range(len(names))]


def test_rows_keep_the_order_of_the_file_and_their_numbers(tmp_path: Path) -> None:
    numbers = [(n * 7919) % 300_007 for n in range(300_000)]
    opened = open_file(write(tmp_path / "a.parquet", {"n": numbers}, row_group_size=1_000))
    assert opened.values == [numbers]
    places = LineMap.load(opened.records.places)
    assert [places.words(row) for row in (0, 1_000, 299_999)] == ["row 1", "row 1001", "row 300000"]


def test_a_path_is_no_pattern_and_its_folders_are_no_columns(tmp_path: Path) -> None:
    folder = tmp_path / "year=2024" / "[ab]*"
    folder.mkdir(parents=True)
    opened = open_file(write(folder / "a[1].parquet", {"n": [1]}))
    assert (opened.records.header, opened.values) == (("n",), [[1]])


def test_a_file_without_rows_has_its_columns(tmp_path: Path) -> None:
    import pyarrow as pa

    opened = open_file(write(tmp_path / "a.parquet", pa.table({"n": pa.array([], pa.int32())})))
    assert (opened.types, opened.values, opened.records.rows_read) == (["INTEGER"], [[]], 0)


def test_a_file_without_columns_is_empty(tmp_path: Path) -> None:
    import pyarrow as pa

    with pytest.raises(EmptyFileError, match="no columns"):
        open_file(write(tmp_path / "a.parquet", pa.table({})))
    (tmp_path / "b.parquet").touch()
    with pytest.raises(EmptyFileError, match="no bytes"):
        sniff(tmp_path / "b.parquet")


def test_what_the_footer_says(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", {"n": [1, 2, 3], "m": [4, 5, 6]}, row_group_size=2)
    found = sniff(path)
    assert found is not None
    assert (found.rows, found.columns, found.row_groups) == (3, 2, 2)
    assert found.describe().startswith("3 rows of 2 columns, row groups: 2, written by parquet-cpp")
    assert found.fields()["rows"] == 3
    assert from_json(ParquetFormat, to_json(found)) == found


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    text = tmp_path / "a.parquet"
    text.write_text("id,name\n1,x\n")
    with pytest.raises(UnsupportedFormatError, match=r"is no Parquet file.*give it the name"):
        sniff(text)
    other = text.rename(tmp_path / "a.csv")
    assert sniff(other) is None
    assert sniff(write(tmp_path / "data.bin", {"n": [1]})) is not None


def test_text_that_is_no_utf8_fails_the_file_with_its_row(tmp_path: Path) -> None:
    import pyarrow as pa

    raw = pa.array([b"ok"] * 40_000 + [b"\xff\xfe", None], pa.binary())
    bad = pa.StringArray.from_buffers(len(raw), raw.buffers()[1], raw.buffers()[2])
    with pytest.raises(EncodingError, match=r"row 40,001, column 's'.*no UTF-8"):
        open_file(write(tmp_path / "a.parquet", {"n": [0] * len(raw), "s": bad}))
    lists = pa.ListArray.from_arrays([0, len(raw)], bad)
    with pytest.raises(LakefallError, match="UTF"):
        open_file(write(tmp_path / "b.parquet", {"s": lists}))


def test_a_timestamp_beyond_microseconds_fails_the_file(tmp_path: Path) -> None:
    import pyarrow as pa

    path = write(tmp_path / "a.parquet", {"t": pa.array([2**62], pa.timestamp("ms"))})
    with pytest.raises(StructureError, match="out of bounds"):
        open_file(path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "a.parquet"
    columns = {"n": list(range(5_000)), "s": [str(n * 7) for n in range(5_000)]}
    return write(path, columns, compression="none", write_page_checksum=True).read_bytes()


@pytest.mark.parametrize("size", [4, 8, 11, 100, 0.5, -1])
def test_a_file_that_is_cut_short(tmp_path: Path, whole: bytes, size: float) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(whole[: int(size * len(whole)) if size == 0.5 else int(size)])
    with pytest.raises(StructureError, match=r"cut short.*upload it again"):
        sniff(path)


def test_no_damage_goes_unseen(tmp_path: Path, whole: bytes) -> None:
    """Every changed byte of a page with a checksum, and of the footer, is an error of ours or
    changes nothing."""
    path = tmp_path / "a.parquet"
    path.write_bytes(whole)
    expected = open_file(path).values
    for at in range(4, len(whole) - 4, max(1, len(whole) // 40)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        try:
            found = open_file(path)
        except LakefallError:
            continue
        assert found.values == expected, f"byte {at}"


def test_a_footer_with_another_number_of_rows(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    path = write(tmp_path / "a.parquet", {"n": [1] * 77})
    data = path.read_bytes()
    # Thrift writes 77 rows as the zigzag number 154, two bytes: in the file and in its row group.
    length = int.from_bytes(data[-8:-4], "little")
    start = len(data) - 8 - length
    footer = data[start:-8].replace(b"\x9a\x01", b"\x9c\x01")
    assert footer != data[start:-8]
    path.write_bytes(data[:start] + footer + data[-8:])
    assert pq.read_metadata(path).num_rows == 78
    with pytest.raises(StructureError):
        open_file(path)


@pytest.mark.parametrize("plaintext_footer", [True, False])
def test_an_encrypted_file(tmp_path: Path, plaintext_footer: bool) -> None:
    import pyarrow.parquet.encryption as pe

    class Keys(pe.KmsClient):
        def __init__(self, _: Any) -> None:
            pe.KmsClient.__init__(self)

        def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> bytes:
            return key_bytes.hex().encode()

        def unwrap_key(self, wrapped_key: bytes, master_key_identifier: str) -> bytes:
            return bytes.fromhex(wrapped_key.decode())

    config = pe.EncryptionConfiguration(
        footer_key="f", column_keys={"k": ["n"]}, plaintext_footer=plaintext_footer
    )
    properties = pe.CryptoFactory(Keys).file_encryption_properties(pe.KmsConnectionConfig(), config)
    path = write(tmp_path / "a.parquet", {"n": [1], "m": [2]}, encryption_properties=properties)
    with pytest.raises(UnsupportedFormatError, match=r"is encrypted.*without encryption"):
        open_file(path)
