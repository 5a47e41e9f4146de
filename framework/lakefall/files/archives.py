"""Archives: ``.zip`` and ``.tar`` with any compression become one plain file a member.

No member is written under its own name, so that none can reach out of the folder. An archive with
a name that tries to is refused as a whole all the same: who made it is not to be trusted. Links
and devices hold no bytes; they are left out.
"""

from __future__ import annotations

import io
import re
import stat
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from lakefall.contract.errors import ArchiveError, UnsafeKeyError
from lakefall.contract.values import LocalFile
from lakefall.files import compression
from lakefall.files.compression import ARCHIVES, BLOCK, Meter, sound, stem, suffix_of
from lakefall.files.options import ArchiveLimits
from lakefall.files.selection import PARTIAL

if TYPE_CHECKING:
    import tarfile
    import zipfile

METHODS = {9: "Deflate64", 14: "LZMA", 93: "Zstandard", 95: "XZ", 98: "PPMd"}
"""What other programs pack members of a zip with. LZMA could be read, in memory without bounds."""
STORED, DEFLATED, BZIP2 = 0, 8, 12
DIRECTORY_BYTES, HEADER_BYTES = 512, 4096
"""Bytes that the directory of a zip and the headers of a tar may take for each member that is
allowed: the libraries hold them in memory."""
MOST_HEADERS = 100
"""Reads of headers before one member of a tar: a long name and its extended headers are a few. The
library calls itself for each of them."""
LONGEST_NAME = 1000


@dataclass(frozen=True, slots=True)
class Expanded:
    """The plain files that one stored file holds."""

    files: tuple[LocalFile, ...]
    """One for a plain or compressed file; one a member, in the archive's order."""
    warnings: tuple[str, ...] = ()
    """One line for each member that is left out, and why."""


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    """As written in the archive."""
    blocks: Callable[[], Iterator[bytes]]
    folder: bool = False
    no_file: str = ""
    """What it is, where it holds no bytes: a link, a device."""
    sealed: str = ""
    """Why it cannot be unpacked."""


def is_archive(name: str) -> bool:
    return bool(_archive_suffix(name))


def expand(
    local: LocalFile, folder: Path, limits: ArchiveLimits, takes: Callable[[str], bool]
) -> Expanded:
    """The stored file's plain files, in ``folder``.

    ``takes`` says whether a format takes a file of this name, without folders and compression
    suffix. Members that hold no input are left out: hidden ones quietly, others with a warning.

    Raises:
        ArchiveError: damaged, cut short or beyond the limits; a member that a format takes is
            encrypted or packed in a way that cannot be read; no format takes any.
        UnsafeKeyError: a member's name is absolute or leads out of the archive.
        StorageFullError: no space for the files.
    """
    key = local.file.key
    if not is_archive(key):
        return Expanded((compression.expand(local, folder, limits),))
    content, written = Meter(local, limits), Meter(local, limits)
    files: dict[str, LocalFile] = {}
    left_out: list[str] = []
    warnings: list[str] = []
    try:
        for number, member in enumerate(_members(local, limits)):
            if number == limits.members:
                raise ArchiveError(
                    f"{key}: more than {limits.members:,} members (max_archive_members); split "
                    "it, or raise the limit, if it is meant to"
                )
            name = _safe_name(key, member.name)
            if member.folder or _is_hidden(member.name):
                continue
            if reason := _reason(member, takes):
                left_out.append(name)
                warnings.append(f"member {name} is left out: {reason}")
                continue
            if member.sealed:
                raise ArchiveError(f"{key}: member {name} is {member.sealed}")
            blocks = content.counted(member.blocks())
            if name in files:
                warnings.append(f"another member is called {name}, too; both are loaded")
            while name in files:
                name = f"#{number + 1}/{name}"
            if suffix := suffix_of(name):
                inner = compression.decompressed(Stream(blocks), suffix)
                blocks = written.counted(inner)
            target = compression.scratch(local, folder, number)
            size = compression.write(sound(blocks, f"{key}: member {name}"), target, key)
            files[name] = replace(local, path=target, size=size, member=name)
        if not files:
            raise ArchiveError(_nothing_to_load(key, left_out))
    except BaseException:
        for file in files.values():
            file.path.unlink(missing_ok=True)
        raise
    return Expanded(tuple(files.values()), tuple(warnings))


def shown(name: str) -> str:
    """A member's name in characters that can be printed, others as escapes."""

    def one(character: str) -> str:
        if character.isprintable():
            return character
        if "\udc80" <= character <= "\udcff":  # a byte that is not UTF-8
            return f"\\x{ord(character) - 0xDC00:02x}"
        return character.encode("unicode_escape").decode()

    cut = name if len(name) <= LONGEST_NAME else f"...{name[-LONGEST_NAME:]}"
    return "".join(map(one, cut))


# --- which members count ---


def _archive_suffix(name: str) -> str:
    lower = name.lower()
    return next((suffix for suffix in ARCHIVES if lower.endswith(suffix)), "")


def _parts(name: str) -> list[str]:
    """Also programs on Windows that write its own separator."""
    return [part for part in re.split(r"[/\\]", name) if part not in ("", ".")]


def _safe_name(key: str, name: str) -> str:
    absolute = re.match(r"[/\\]|[A-Za-z]:[/\\]", name)
    if absolute or ".." in _parts(name):
        problem = "has an absolute path" if absolute else "leads out of the archive"
        raise UnsafeKeyError(
            f"{key}: member {shown(name)} {problem}; nothing of this archive is loaded"
        )
    return shown("/".join(_parts(name)))


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in _parts(name))


def _reason(member: _Member, takes: Callable[[str], bool]) -> str:
    """Why a member holds no input; ``''`` for one that is loaded."""
    base = (_parts(member.name) or [""])[-1]
    if member.no_file:
        return f"{member.no_file}, which holds no bytes of its own"
    if is_archive(base):
        return "an archive inside the archive; put it beside this one"
    if PARTIAL(base):
        return "a partial or a lock file"
    return "" if takes(stem(base)) else "no format of this pipeline reads it"


def _nothing_to_load(key: str, left_out: list[str]) -> str:
    kinds = Counter(PurePosixPath(n).suffix.lower() or "without a suffix" for n in left_out)
    holds = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common(5))
    more = f" and {len(kinds) - 5} other kinds" if len(kinds) > 5 else ""
    return f"{key}: no member that a format of this pipeline reads: {holds or 'no file'}{more}"


# --- the members of an archive ---


def _members(local: LocalFile, limits: ArchiveLimits) -> Iterator[_Member]:
    suffix = _archive_suffix(local.file.key)
    try:
        if suffix == ".zip":
            yield from _zip_members(local.path, limits)
        else:
            with local.path.open("rb") as source:
                blocks = compression.decompressed(source, ARCHIVES[suffix])
                stream = Stream(Meter(local, limits).counted(blocks))
                yield from _tar_members(stream, limits)
    except Exception as error:
        compression.raise_if_damage(error, local.file.key)
        raise


class _ZipFile(io.BufferedReader):
    """A file that hands out no more in one piece than ``longest`` bytes."""

    longest = BLOCK

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > self.longest:
            raise ValueError("its directory is longer than that of the members allowed")
        return super().read(size)


def _zip_members(path: Path, limits: ArchiveLimits) -> Iterator[_Member]:
    import zipfile

    with _ZipFile(io.FileIO(path)) as file:
        file.longest = max(BLOCK, DIRECTORY_BYTES * limits.members)
        with zipfile.ZipFile(file) as archive:
            _refuse_overlaps(archive.infolist())
            for info in archive.infolist():
                name = info.orig_filename
                # The upper half is the mode of Unix where it was made there.
                link = stat.S_ISLNK(info.external_attr >> 16)
                yield _Member(
                    name,
                    partial(_zip_blocks, archive, info),
                    folder=name.endswith(("/", "\\")),
                    no_file="a link" if link else "",
                    sealed=_sealed(info),
                )


def _refuse_overlaps(infos: Iterable[zipfile.ZipInfo]) -> None:
    """No program writes members that share bytes, other than to make a bomb of a few."""
    end = 0
    for info in sorted(infos, key=lambda i: i.header_offset):
        if info.header_offset < end:
            raise ValueError(f"member {shown(info.orig_filename)} overlaps another one")
        end = info.header_offset + 30 + info.compress_size


def _sealed(info: zipfile.ZipInfo) -> str:
    if info.flag_bits & 1:
        return "encrypted; put it there without a password"
    if info.compress_type in (STORED, DEFLATED, BZIP2):
        return ""
    method = METHODS.get(info.compress_type, f"method {info.compress_type}")
    return f"packed with {method}, which is not read; pack it with Deflate"


def _zip_blocks(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    packed = copy(info)
    # The library stops at the size in the header, with the checksum of what it read until then.
    packed.file_size = 1 << 62
    del packed.CRC
    if info.compress_type == BZIP2:  # it expands in one piece all that it read: 1 MiB to 20 GB
        packed.compress_type = STORED
    size = checksum = 0
    with archive.open(packed) as stream:
        suffix = ".bz2" if info.compress_type == BZIP2 else ""
        for block in compression.decompressed(stream, suffix):
            size, checksum = size + len(block), zlib.crc32(block, checksum)
            yield block
    if (size, checksum) != (info.file_size, info.CRC):
        raise ValueError(
            f"it holds {size:,} bytes with the checksum {checksum:08x}, "
            f"its header says {info.file_size:,} and {info.CRC:08x}"
        )


class Stream:
    """Blocks as a file that is read once, forwards."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._block = memoryview(b"")
        self._position = 0
        self.headers_left: int | None = None
        """Bytes that may still be read as headers; None while members are read."""
        self.headers = 0
        """Reads since the last member."""
        self.last = b""
        """What was read last."""

    def tell(self) -> int:
        return self._position

    def seek(self, position: int) -> int:
        """Skip bytes."""
        if position < self._position:
            raise ValueError("its members overlap")
        while part := self._take(min(position - self._position, BLOCK)):
            del part
        return self._position

    def read(self, size: int) -> bytes:
        if self.headers_left is not None:
            self.headers_left -= size
            self.headers += 1
            if self.headers > MOST_HEADERS:
                raise ValueError("too many headers stand before one member")
            if self.headers_left < 0:
                raise ValueError("its headers are longer than those of the members allowed")
        self.last = b"".join(self._parts(size))
        return self.last

    def _parts(self, size: int) -> Iterator[memoryview]:
        while part := self._take(size):
            size -= len(part)
            yield part

    def _take(self, size: int) -> memoryview:
        if size and not self._block:
            self._block = memoryview(next(self._blocks, b""))
        part, self._block = self._block[:size], self._block[size:]
        self._position += len(part)
        return part


def _tar_members(stream: Stream, limits: ArchiveLimits) -> Iterator[_Member]:
    import tarfile

    left = stream.headers_left = max(BLOCK, HEADER_BYTES * limits.members)
    tar = tarfile.TarFile(fileobj=stream, encoding="utf-8", errors="surrogateescape")  # type: ignore[arg-type]
    while info := tar.next():
        tar.members.clear()  # type: ignore[attr-defined]  # it would keep all headers
        left, stream.headers_left, stream.headers = stream.headers_left, None, 0
        yield _Member(
            info.name,
            partial(_tar_blocks, tar, info),
            folder=info.isdir(),
            no_file="" if info.isreg() else "a link" if info.islnk() or info.issym() else "no file",
        )
        stream.headers_left = left
    stream.headers_left = None
    # The library takes a damaged header, and a file that is cut off between two members, for
    # the end as well.
    if len(stream.last) < tarfile.BLOCKSIZE or any(stream.last):
        raise EOFError("no header where one has to be, and no end mark")
    while rest := stream.read(BLOCK):
        if any(rest):
            raise ValueError("something follows its end mark")


def _tar_blocks(tar: tarfile.TarFile, info: tarfile.TarInfo) -> Iterator[bytes]:
    member = tar.extractfile(info)
    while member and (block := member.read(BLOCK)):
        yield block
