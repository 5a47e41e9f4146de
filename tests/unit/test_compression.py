import bz2
import gzip
import lzma
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lakefall.contract.errors import ArchiveError
from lakefall.contract.values import LocalFile, SourceFile
from lakefall.files import compression
from lakefall.files.options import ArchiveLimits

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
        ("t/a.csv.bz2", bz2.compress),
        ("t/a.Csv.Bz2", lambda c: bz2.compress(c[:1000]) + bz2.compress(c[1000:])),
        ("t/a.csv.xz", lzma.compress),
        ("t/a.csv.xz", lambda c: lzma.compress(c[:1000]) + bytes(8) + lzma.compress(c[1000:])),
        ("t/a.csv.gz", lambda c: gzip.compress(c) + bytes(512)),
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
        ("t/a.csv.bz2", bz2.compress(CONTENT)[:-20]),
        ("t/a.csv.bz2", b"no bzip2 at all"),
        ("t/a.csv.xz", lzma.compress(CONTENT)[:-20]),
        ("t/a.csv.xz", b"no xz at all"),
        ("t/a.csv.xz", b""),
        # The libraries' own files end quietly at a second stream that is damaged.
        ("t/a.csv.bz2", bz2.compress(CONTENT) + b"X" + bz2.compress(CONTENT)[1:]),
        ("t/a.csv.xz", lzma.compress(CONTENT) + b"X" + lzma.compress(CONTENT)[1:]),
        ("t/a.csv.gz", gzip.compress(CONTENT) + b"X" + gzip.compress(CONTENT)[1:]),
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


def test_decoders_do_not_take_memory_without_bounds(tmp_path: Path) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 30}]
    greedy = local(tmp_path, "t/a.csv.xz", lzma.compress(CONTENT, filters=filters))
    with pytest.raises(ArchiveError, match="emory"):
        compression.expand(greedy, tmp_path / "out")


def test_the_limits_can_be_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "ALWAYS_ALLOWED", 0)
    packed = local(tmp_path, "t/a.csv.gz", gzip.compress(CONTENT))
    ratio = len(CONTENT) / packed.size
    out = tmp_path / "out"
    for limits in (ArchiveLimits(ratio=ratio + 0.1), ArchiveLimits(1000, size=len(CONTENT))):
        assert compression.expand(packed, out, limits).size == len(CONTENT)
    for limits, option in (
        (ArchiveLimits(ratio=ratio - 0.1), "max_archive_ratio"),
        (ArchiveLimits(1000, size=len(CONTENT) - 1), "max_archive_size"),
    ):
        with pytest.raises(ArchiveError, match=option):
            compression.expand(packed, out, limits)


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("a.csv", "a.csv"),
        ("a.csv.gz", "a.csv"),
        ("A.CSV.Bz2", "A.CSV"),
        ("a.csv.xz", "a.csv"),
        ("a.zip", "a.zip"),
        ("a.tar.gz", "a.tar.gz"),
        ("a.tgz", "a.tgz"),
        (".gz", ""),
    ],
)
def test_stem(name: str, stem: str) -> None:
    assert compression.stem(name) == stem
