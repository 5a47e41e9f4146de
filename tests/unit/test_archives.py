"""Archives, made here by the standard library, and hostile ones byte by byte."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import shutil
import stat
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lakefall.contract.errors import ArchiveError, LakefallError, UnsafeKeyError
from lakefall.contract.values import LocalFile, SourceFile
from lakefall.files import archives, compression
from lakefall.files.archives import Expanded
from lakefall.files.options import ArchiveLimits

CSV = b"a,b\n1,2\n" * 20_000
LIMITS = ArchiveLimits()
Content = bytes | tarfile.TarInfo


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def takes(name: str) -> bool:
    return name.lower().endswith((".csv", ".tsv"))


def expand(out: Path, key: str, content: bytes, limits: ArchiveLimits = LIMITS) -> Expanded:
    shutil.rmtree(out, ignore_errors=True)
    stored = out.parent / "stored"
    stored.write_bytes(content)
    size = len(content)
    file = SourceFile(key, "e", size, datetime.now(UTC), "t", "t")
    return archives.expand(LocalFile(file, stored, size), out, limits, takes)


def held(expanded: Expanded) -> list[tuple[str, bytes]]:
    for file in expanded.files:
        assert file.size == file.path.stat().st_size
        assert file.name == f"{file.file.key}/{file.member}"
    return [(file.member, file.path.read_bytes()) for file in expanded.files]


def refused(
    out: Path,
    key: str,
    content: bytes,
    match: str,
    error: type[LakefallError] = ArchiveError,
    limits: ArchiveLimits = LIMITS,
) -> None:
    """One clear line, and nothing on disk."""
    with pytest.raises(error, match=match) as caught:
        expand(out, key, content, limits)
    message = str(caught.value)
    assert "\n" not in message
    assert key in message
    assert message.isprintable()
    assert not list(out.glob("*"))
    assert {p.name for p in out.parent.iterdir()} <= {"stored", "out"}


def zipped(
    members: Iterable[tuple[str | zipfile.ZipInfo, bytes]], method: int = zipfile.ZIP_DEFLATED
) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(members: Iterable[tuple[str | tarfile.TarInfo, bytes]], **more: object) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", **more) as archive:
        for name, content in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def raw_zip(*members: tuple[dict[str, int], bytes, bytes]) -> bytes:
    """A zip of ``(fields, name, packed bytes)``, its headers as the fields say."""
    body, directory = b"", b""
    for fields, name, packed in members:
        f = {"flags": 0, "method": 8, "crc": 0, "packed": len(packed), "size": 0} | fields
        offset = f.get("offset", len(body))
        common = struct.pack(
            "<HHHHHLLLHH", 20, f["flags"], f["method"], 0, 33, f["crc"], f["packed"], f["size"],
            len(name), 0,
        )  # fmt: skip
        if "offset" not in f:
            body += b"PK\3\4" + common + name + packed
        directory += b"PK\1\2" + struct.pack("<H", 20) + common
        directory += struct.pack("<HHHLL", 0, 0, 0, 0, offset) + name
    count = len(members)
    end = struct.pack("<HHHHLLH", 0, 0, count, count, len(directory), len(body), 0)
    return body + directory + b"PK\5\6" + end


def deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush()


WRITERS: dict[str, Callable[[list[tuple[str, bytes]]], bytes]] = {
    "t/a.zip": zipped,
    "t/stored.ZIP": lambda m: zipped(m, zipfile.ZIP_STORED),
    "t/bzip2.zip": lambda m: zipped(m, zipfile.ZIP_BZIP2),
    "t/a.tar": tarred,
    "t/pax.tar": lambda m: tarred(m, format=tarfile.PAX_FORMAT),
    "t/gnu.tar": lambda m: tarred(m, format=tarfile.GNU_FORMAT),
    "t/a.tar.gz": lambda m: gzip.compress(tarred(m)),
    "t/a.TGZ": lambda m: gzip.compress(tarred(m)),
    "t/a.tar.bz2": lambda m: bz2.compress(tarred(m)),
    "t/a.tbz2": lambda m: bz2.compress(tarred(m)),
    "t/a.tar.xz": lambda m: lzma.compress(tarred(m)),
    "t/a.txz": lambda m: lzma.compress(tarred(m)),
    "t/a.tar.zst": lambda m: compression._zstd().compress(tarred(m)),
    "t/a.tzst": lambda m: compression._zstd().compress(tarred(m)),
}
each_kind = pytest.mark.parametrize("key", WRITERS)


@each_kind
def test_each_member_becomes_a_file_in_the_order_of_the_archive(out: Path, key: str) -> None:
    long = f"{'folder/' * 20}{'n' * 90}.csv"
    members = [
        ("z.csv", CSV),
        ("deep/er/a.TSV", b"x\ty\n1\t2\n"),
        (long, b"one\n"),
        ("ünï 日本.csv", b"two\n"),
        ("empty.csv", b""),
    ]
    expanded = expand(out, key, WRITERS[key](members))
    assert held(expanded) == members
    assert expanded.warnings == ()
    assert all(f.file.key == key for f in expanded.files)


@each_kind
def test_what_no_format_takes_is_told_and_what_is_hidden_is_not(out: Path, key: str) -> None:
    members = [
        ("a.csv", CSV),
        ("read me.docx", b"PK"),
        ("sub/inner.zip", zipped([("x.csv", CSV)])),
        ("sub/inner.csv.tar.gz", b""),
        ("~$b.csv", b"lock"),
        ("c.csv.part", b"half"),
        ("__MACOSX/._a.csv", b"fork"),
        (".DS_Store", b"store"),
        ("sub/.hidden.csv", b"hidden"),
        (".git/config.csv", b"hidden"),
    ]
    expanded = expand(out, key, WRITERS[key](members))
    assert held(expanded) == members[:1]
    assert sorted(expanded.warnings) == [
        "member c.csv.part is left out: a partial or a lock file",
        "member read me.docx is left out: no format of this pipeline reads it",
        "member sub/inner.csv.tar.gz is left out: an archive inside the archive; "
        "put it beside this one",
        "member sub/inner.zip is left out: an archive inside the archive; put it beside this one",
        "member ~$b.csv is left out: a partial or a lock file",
    ]


@each_kind
def test_compressed_members_are_expanded(out: Path, key: str) -> None:
    members = [
        ("a.csv.gz", gzip.compress(CSV)),
        ("b.CSV.BZ2", bz2.compress(CSV)),
        ("c.csv.xz", lzma.compress(CSV)),
        ("d.csv.zst", compression._zstd().compress(CSV)),
    ]
    assert held(expand(out, key, WRITERS[key](members))) == [(n, CSV) for n, _ in members]


@each_kind
def test_a_damaged_compressed_member_is_named(out: Path, key: str) -> None:
    members = [("good.csv", CSV), ("b/cut.csv.gz", gzip.compress(CSV)[:-9])]
    refused(out, key, WRITERS[key](members), r"member b/cut\.csv\.gz: cannot be expanded")


@each_kind
def test_members_of_one_name_are_files_of_their_own(out: Path, key: str) -> None:
    members = [("a.csv", b"1\n"), ("b.csv", b"2\n"), ("a.csv", b"3\n")]
    with pytest.warns(UserWarning, match="Duplicate") if "zip" in key.lower() else nullcontext():
        content = WRITERS[key](members)
    expanded = expand(out, key, content)
    assert held(expanded) == [*members[:2], ("#3/a.csv", b"3\n")]
    assert len({f.path for f in expanded.files}) == 3
    same = [("#3/a.csv", b"0\n"), ("a.csv", b"1\n"), ("a.csv", b"2\n")]
    assert len({f.member for f in expand(out, "t/a.tar", tarred(same)).files}) == 3
    assert expanded.warnings == ("another member is called a.csv, too; both are loaded",)


@each_kind
def test_an_archive_without_input_says_what_it_holds(out: Path, key: str) -> None:
    members = [("a.docx", b"1"), ("b.DOCX", b"2"), ("c/inner.zip", b"3"), ("d/README", b"4")]
    refused(
        out,
        key,
        WRITERS[key](members),
        r"no member that a format of this pipeline reads: "
        r"2 \.docx, 1 \.zip, 1 without a suffix$",
    )
    refused(out, key, WRITERS[key]([]), "reads: no file$")
    refused(out, key, WRITERS[key]([(".hidden.csv", CSV)]), "reads: no file$")


@each_kind
@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("/etc/evil.csv", "absolute path"),
        ("\\\\server\\evil.csv", "absolute path"),
        ("C:\\evil.csv", "absolute path"),
        ("c:/evil.csv", "absolute path"),
        ("../evil.csv", "leads out"),
        ("a/../../evil.csv", "leads out"),
        ("a\\..\\..\\evil.csv", "leads out"),
        ("..", "leads out"),
        ("../../evil.docx", "leads out"),
    ],
)
def test_a_hostile_path_refuses_the_whole_archive(
    out: Path, key: str, name: str, problem: str
) -> None:
    content = WRITERS[key]([("good.csv", CSV), (name, b"evil"), ("also good.csv", CSV)])
    refused(out, key, content, problem, UnsafeKeyError)


def test_separators_of_windows_that_stay_inside_are_folders(out: Path) -> None:
    content = zipped([("sub\\", b""), ("sub\\a.csv", CSV), ("sub\\.b.csv", CSV), ("s\\c.zip", b"")])
    expanded = expand(out, "t/a.zip", content)
    assert held(expanded) == [("sub/a.csv", CSV)]
    assert len(expanded.warnings) == 1


def test_a_leading_dot_is_no_part_of_a_name(out: Path) -> None:
    folder = tarfile.TarInfo(".")
    folder.type = tarfile.DIRTYPE
    assert held(expand(out, "t/a.tar", tarred([(folder, b""), ("./a.csv", CSV)]))) == [
        ("a.csv", CSV)
    ]


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_links_and_devices_are_left_out(out: Path) -> None:
    members = [
        ("a.csv", CSV),
        (special("soft.csv", tarfile.SYMTYPE, "/etc/passwd"), b""),
        (special("hard.csv", tarfile.LNKTYPE, "a.csv"), b""),
        (special("null.csv", tarfile.CHRTYPE), b""),
        (special("pipe.csv", tarfile.FIFOTYPE), b""),
        ("b.csv", CSV),
    ]
    expanded = expand(out, "t/a.tar", tarred(members))
    assert held(expanded) == [("a.csv", CSV), ("b.csv", CSV)]
    assert [w.split(" is left out: ")[0].split()[-1] for w in expanded.warnings] == [
        "soft.csv", "hard.csv", "null.csv", "pipe.csv",
    ]  # fmt: skip
    link = zipfile.ZipInfo("link.csv")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    expanded = expand(out, "t/a.zip", zipped([("a.csv", CSV), (link, b"/etc/passwd")]))
    assert held(expanded) == [("a.csv", CSV)]
    assert "link.csv is left out: a link" in expanded.warnings[0]


def test_names_that_are_not_text_are_shown_safely(out: Path) -> None:
    crooked = "a\udcff\x1b[31m\u202e\n.csv"
    expanded = expand(out, "t/a.tar", tarred([(crooked, CSV)], errors="surrogateescape"))
    (file,) = expanded.files
    assert file.member == "a\\xff\\x1b[31m\\u202e\\n.csv"
    assert file.member.encode().decode().isprintable()
    content = tarred([("../" + crooked, CSV)], errors="surrogateescape")
    refused(out, "t/a.tar", content, re.escape("../a\\xff"), UnsafeKeyError)
    zero = raw_zip(({"size": 2, "crc": zlib.crc32(b"1\n")}, b"a\0b.csv", deflated(b"1\n")))
    assert held(expand(out, "t/a.zip", zero)) == [("a\\x00b.csv", b"1\n")]
    # Says that its name is UTF-8, and it is not.
    refused(out, "t/a.zip", raw_zip(({"flags": 0x800}, b"\xff.csv", b"")), "cannot be expanded")
    (file,) = expand(out, "t/a.tar", tarred([("n" * 5000 + "/a.csv", CSV)])).files
    assert len(file.member) < 1100
    assert file.member.endswith("n/a.csv")


# --- sealed members ---


def test_an_encrypted_member_is_named_unless_nobody_wants_it(out: Path) -> None:
    sealed = ({"flags": 1, "size": 3}, b"secret.csv", b"x" * 15)
    good = ({"size": 2, "crc": zlib.crc32(b"1\n")}, b"a.csv", deflated(b"1\n"))
    refused(out, "t/a.zip", raw_zip(good, sealed), r"member secret\.csv is encrypted; put")
    sealed = (sealed[0], b"secret.docx", sealed[2])
    expanded = expand(out, "t/a.zip", raw_zip(good, sealed))
    assert held(expanded) == [("a.csv", b"1\n")]
    assert len(expanded.warnings) == 1


@pytest.mark.parametrize(
    ("method", "name"),
    [(9, "Deflate64"), (93, "Zstandard"), (14, "LZMA"), (95, "XZ"), (77, "method 77")],
)
def test_a_member_that_is_packed_in_another_way_is_named(out: Path, method: int, name: str) -> None:
    content = raw_zip(({"method": method, "size": 3}, b"a.csv", b"abc"))
    refused(out, "t/a.zip", content, rf"member a\.csv is packed with {name}")


# --- damage ---


@each_kind
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_a_truncated_archive_is_refused(out: Path, key: str, share: float) -> None:
    content = WRITERS[key]([("a.csv", CSV), ("b.csv", bytes(range(256)) * 500)])
    refused(out, key, content[: int(len(content) * share)], "cannot be expanded")


@pytest.mark.parametrize("key", ["t/a.zip", "t/a.tar", "t/a.tar.gz", "t/a.tar.bz2", "t/a.tar.xz"])
def test_no_archive_at_all_is_refused(out: Path, key: str) -> None:
    for content in (b"", b"no archive at all", b"\x1f\x8b" + b"\xff" * 100, b"PK\5\6"):
        refused(out, key, content, "cannot be expanded")


def test_a_flipped_bit_is_seen(out: Path) -> None:
    content = bytearray(zipped([("a.csv", b"a,b\n1,2\n")], zipfile.ZIP_STORED))
    content[content.index(b"1,2")] ^= 1
    refused(out, "t/a.zip", bytes(content), r"member a\.csv: cannot be expanded \(it holds 8 bytes")
    packed = bytearray(gzip.compress(tarred([("a.csv", CSV)])))
    packed[-8] ^= 1  # the checksum at the very end
    refused(out, "t/a.tar.gz", bytes(packed), "cannot be expanded")


def test_a_tar_is_read_to_its_end_mark_and_nothing_follows(out: Path) -> None:
    content = tarred([("a.csv", b"1\n"), ("b.csv", b"2\n")])
    for cut in (1024, 512, 700):
        refused(out, "t/a.tar", content[:cut], "cannot be expanded")
    broken = bytearray(content)
    broken[1024] ^= 1  # the second header: the library takes it for the end
    refused(out, "t/a.tar", bytes(broken), "no header where one has to be")
    refused(out, "t/a.tar", content + content, "something follows its end mark")
    assert len(expand(out, "t/a.tar", content + bytes(4096)).files) == 2
    assert len(expand(out, "t/a.tar", content[: 4 * 512 + 512]).files) == 2  # one zero block


def test_a_zip_in_the_middle_of_other_bytes(out: Path) -> None:
    content = zipped([("a.csv", CSV)])
    assert held(expand(out, "t/a.zip", b"#!/bin/sh\n" * 10 + content)) == [("a.csv", CSV)]


# --- bombs ---

BOMB = bytes(20 << 20)


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "ALWAYS_ALLOWED", 1 << 20)


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("key", ["t/a.zip", "t/bzip2.zip", "t/a.tar.gz", "t/a.tzst"])
def test_bombs_are_stopped(out: Path, key: str) -> None:
    refused(
        out, key, WRITERS[key]([("good.csv", CSV), ("a.csv", BOMB)]), "max_archive_ratio",
        limits=ArchiveLimits(ratio=50),
    )  # fmt: skip
    refused(
        out, key, WRITERS[key]([("good.csv", CSV), ("a.csv", BOMB)]), "max_archive_size",
        limits=ArchiveLimits(ratio=1e9, size=10_000_000),
    )  # fmt: skip


@pytest.mark.usefixtures("strict")
def test_a_bomb_in_a_member_that_nobody_reads(out: Path) -> None:
    members = [("a.csv", CSV), ("b.docx", BOMB)]
    # A tar is one stream: what lies before a member has to be expanded.
    limits = ArchiveLimits(ratio=50)
    refused(out, "t/a.tar.gz", WRITERS["t/a.tar.gz"](members), "max_archive_ratio", limits=limits)
    assert len(expand(out, "t/a.zip", zipped(members), limits).files) == 1


@pytest.mark.usefixtures("strict")
def test_many_small_members_count_together(out: Path) -> None:
    content = zipped([(f"{n}.csv", bytes(100_000)) for n in range(100)])
    refused(out, "t/a.zip", content, "expand to more than", limits=ArchiveLimits(ratio=10))


@pytest.mark.slow
@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("key", ["t/a.zip", "t/a.tar"])
def test_a_compressed_bomb_inside_an_archive(out: Path, key: str) -> None:
    limits = ArchiveLimits(ratio=50)
    content = WRITERS[key]([("a.csv.gz", gzip.compress(BOMB))])
    refused(out, key, content, "max_archive_ratio", limits=limits)
    # The bytes between two layers count as well: 100 MB of zero bytes behind a short stream.
    content = WRITERS["t/a.zip"]([("a.csv.gz", gzip.compress(b"1\n") + BOMB[: 8 << 20])])
    refused(out, "t/a.zip", content, "max_archive_ratio", limits=limits)


@pytest.mark.usefixtures("strict")
def test_nothing_beyond_the_limit_is_ever_written(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    unlink = Path.unlink

    def watched(path: Path, missing_ok: bool = False) -> None:
        written.append(path.stat().st_size)
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", watched)
    limits = ArchiveLimits(size=5_000_000)
    with pytest.raises(ArchiveError):
        expand(out, "t/a.zip", zipped([("a.csv", BOMB)]), limits)
    assert written
    assert max(written) <= 5_000_000


@pytest.mark.usefixtures("strict")
def test_a_header_that_lies_about_the_size(out: Path) -> None:
    bomb = raw_zip(({"size": 10, "crc": zlib.crc32(bytes(10))}, b"a.csv", deflated(BOMB)))
    # zipfile itself believes the header: it stops after 10 bytes, whose checksum is right.
    assert zipfile.ZipFile(io.BytesIO(bomb)).read("a.csv") == bytes(10)
    refused(out, "t/a.zip", bomb, "max_archive_ratio", limits=ArchiveLimits(ratio=50))
    refused(out, "t/a.zip", bomb, "member a.csv: cannot be expanded", limits=ArchiveLimits(1e6))
    for size in (2, 20):
        lie = raw_zip(
            ({"size": size, "crc": zlib.crc32(b"1,2,3\n")}, b"a.csv", deflated(b"1,2,3\n"))
        )
        refused(out, "t/a.zip", lie, rf"holds 6 bytes with .* header says {size} and")


def test_members_that_share_bytes_are_refused(out: Path) -> None:
    kernel = deflated(b"1\n" * 1000)
    fields = {"size": 2000, "crc": zlib.crc32(b"1\n" * 1000)}
    shared = [(fields | {"offset": 0}, b"a.csv", kernel) for _ in range(50)]
    refused(out, "t/a.zip", raw_zip((fields, b"a.csv", kernel), *shared), "overlaps another one")


@pytest.mark.slow
def test_more_members_than_are_allowed(out: Path) -> None:
    members = [(f"{n}.txt", b"") for n in range(10_000)]
    for key in ("t/a.zip", "t/a.tar.gz"):
        refused(
            out, key, WRITERS[key]([("a.csv", CSV), *members]), r"more than 10,000 members",
        )  # fmt: skip
        assert len(expand(out, key, WRITERS[key]([("a.csv", CSV), *members[1:]])).files) == 1


def test_the_directory_of_a_zip_is_not_read_where_it_is_too_long(out: Path) -> None:
    names = [(f"{'n' * 2000}{n}.txt", b"") for n in range(1000)]
    limits = ArchiveLimits(members=999)
    refused(out, "t/a.zip", zipped(names), "its directory is longer", limits=limits)


def test_headers_of_a_tar_do_not_fill_the_memory(out: Path) -> None:
    info = tarfile.TarInfo("a.csv")
    info.pax_headers = {"comment": "x" * 60_000_000}
    refused(out, "t/a.tar.gz", gzip.compress(tarred([(info, b"1\n")])), "headers are longer")
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 512
    endless = (header.tobuf(tarfile.GNU_FORMAT) + bytes(512)) * 5000
    refused(out, "t/a.tar", endless, "too many headers")


@pytest.mark.usefixtures("strict")
def test_a_sparse_member_is_as_large_as_it_reads(out: Path) -> None:
    """PAX format, version 0.1: one byte at the start, a hole of a terabyte after it."""
    info = tarfile.TarInfo("a.csv")
    info.pax_headers = {
        "GNU.sparse.size": str(1 << 40),
        "GNU.sparse.numblocks": "1",
        "GNU.sparse.map": "0,1",
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
    }
    content = tarred([(info, b"x")], format=tarfile.PAX_FORMAT)
    refused(out, "t/a.tar", content, "max_archive_ratio")
    content = tarred([(replaced(info, "b.csv.gz"), b"x")], format=tarfile.PAX_FORMAT)
    refused(out, "t/a.tar", content, "cannot be expanded")
    info.pax_headers |= {"GNU.sparse.size": "2000", "GNU.sparse.map": "1000,1"}
    content = tarred([(info, b"x")], format=tarfile.PAX_FORMAT)
    assert held(expand(out, "t/a.tar", content)) == [("a.csv", bytes(1000) + b"x" + bytes(999))]


def replaced(info: tarfile.TarInfo, name: str) -> tarfile.TarInfo:
    other = tarfile.TarInfo(name)
    other.pax_headers = info.pax_headers
    return other


def test_an_archive_that_holds_itself_is_opened_once(out: Path) -> None:
    quine = zipped([("r.zip", b"PK")])
    for _ in range(10):
        quine = zipped([("r.zip", quine)])
    refused(out, "t/r.zip", quine, r"reads: 1 \.zip$")


@pytest.mark.slow
@pytest.mark.parametrize("key", ["t/a.zip", "t/bzip2.zip", "t/a.tar.gz", "t/a.tar.xz", "t/a.tar"])
def test_memory_is_bounded(out: Path, key: str) -> None:
    content = WRITERS[key]([("a.csv", BOMB), ("b.csv", BOMB)])
    tracemalloc.start()
    expand(out, key, content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 19 << 20  # 8 of which are the dictionary of xz


# --- what was there before ---


def test_plain_and_compressed_files_are_files_as_ever(out: Path) -> None:
    expanded = expand(out, "t/a.csv", CSV)
    assert [f.path for f in expanded.files] == [out.parent / "stored"]
    (file,) = expand(out, "t/a.csv.gz", gzip.compress(CSV)).files
    assert (file.path.read_bytes(), file.member, file.name) == (CSV, "", "t/a.csv.gz")


@pytest.mark.parametrize("name", ["a.zip", "A.ZIP", "a.tar", "a.tar.gz", "a.tgz", "a.tar.ZST"])
def test_names_of_archives(name: str) -> None:
    assert archives.is_archive(name)


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "azip", "a.xlsx", "a.tar.7z", "zip/a.csv"])
def test_names_of_other_files(name: str) -> None:
    assert not archives.is_archive(name)
