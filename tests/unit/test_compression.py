import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lakefall.contract.errors import ArchiveError
from lakefall.contract.values import LocalFile, SourceFile
from lakefall.files import compression

zstandard = compression._zstd()
CONTENT = b"a,b\n1,2\n" * 50_000


def local(folder: Path, key: str, content: bytes) -> LocalFile:
    path = folder / "stored"
    path.write_bytes(content)
    size = len(content)
    return LocalFile(SourceFile(key, "e", size, datetime.now(UTC), "t", "t"), path, size)


@pytest.mark.parametrize(
    ("key", "pack"),
    [
        ("t/a.csv.gz", gzip.compress),
        ("t/a.CSV.GZ", lambda c: gzip.compress(c[:1000]) + gzip.compress(c[1000:])),
        ("t/a.csv.zst", zstandard.compress),
        ("t/a.csv.zst", lambda c: zstandard.compress(c[:1000]) + zstandard.compress(c[1000:])),
    ],
)
def test_archives_expand_whole(tmp_path: Path, key: str, pack) -> None:
    expanded = compression.expand(local(tmp_path, key, pack(CONTENT)), tmp_path / "out")
    assert expanded.path.read_bytes() == CONTENT
    assert expanded.size == len(CONTENT)


def test_plain_files_are_left_alone(tmp_path: Path) -> None:
    plain = local(tmp_path, "t/a.csv", CONTENT)
    assert compression.expand(plain, tmp_path / "out") is plain


@pytest.mark.parametrize(
    ("key", "content"),
    [
        ("t/a.csv.gz", gzip.compress(CONTENT)[:-20]),
        ("t/a.csv.gz", b"no gzip at all"),
        ("t/a.csv.gz", b"\x1f\x8b\x08\x00" + b"\xff" * 100),
        ("t/a.csv.zst", b"no zstandard at all"),
        ("t/a.csv.zst", zstandard.compress(CONTENT)[:-20]),
    ],
)
def test_damaged_archives_are_refused_and_leave_nothing(
    tmp_path: Path, key: str, content: bytes
) -> None:
    with pytest.raises(ArchiveError, match=r"t/a\.csv"):
        compression.expand(local(tmp_path, key, content), tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_decompression_bombs_are_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "ALWAYS_ALLOWED", 1 << 20)
    bomb = local(tmp_path, "t/a.csv.zst", zstandard.compress(bytes(200 << 20)))
    with pytest.raises(ArchiveError, match="expand to more than"):
        compression.expand(bomb, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())
