"""Compressed files: ``.gz``, ``.zst``, ``.bz2`` and ``.xz`` become plain ones, within limits."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from lakefall.contract.errors import ArchiveError, LakefallError, StorageFullError
from lakefall.contract.values import LocalFile
from lakefall.files.options import LIMITS, ArchiveLimits

BLOCK = 1 << 20
ALWAYS_ALLOWED = 64 << 20
"""Bytes that any archive may expand to, whatever its ratio: tiny archives of repeated text."""
MEMORY = 256 << 20
"""Bytes that a decoder of ``.xz`` may ask for: ``xz -9`` needs 65 MiB, a hostile file 4 GiB."""
SUFFIXES = (".gz", ".zst", ".bz2", ".xz")
ARCHIVES = {
    ".zip": "",
    ".tar": "",
    **{f".tar{suffix}": suffix for suffix in SUFFIXES},
    ".tgz": ".gz",
    ".tzst": ".zst",
    ".tbz2": ".bz2",
    ".txz": ".xz",
}
"""Suffix of an archive -> suffix of the compression around it."""


class Readable(Protocol):
    """What is read from: a file, or what another stream expands to."""

    def read(self, size: int, /) -> bytes: ...


def suffix_of(name: str) -> str:
    """The name's compression suffix in lower case; ``''`` for none."""
    lower = name.lower()
    return next((suffix for suffix in SUFFIXES if lower.endswith(suffix)), "")


def stem(name: str) -> str:
    """The name without its compression suffix; an archive keeps its own (``a.tar.gz``)."""
    bare = name[: len(name) - len(suffix_of(name))]
    return name if bare.lower().endswith(".tar") else bare


def expand(local: LocalFile, folder: Path, limits: ArchiveLimits = LIMITS) -> LocalFile:
    """The file itself when it is not compressed, else its expanded copy in ``folder``.

    Raises:
        ArchiveError: damaged, cut short, or beyond the limits.
        StorageFullError: no space for the copy.
    """
    suffix = suffix_of(local.file.key)
    if not suffix:
        return local
    target = scratch(local, folder, 0)
    with local.path.open("rb") as source:
        blocks = Meter(local, limits).counted(decompressed(source, suffix))
        size = write(sound(blocks, local.file.key), target, local.file.key)
    return dataclasses.replace(local, path=target, size=size)


def scratch(local: LocalFile, folder: Path, number: int) -> Path:
    """Where the file's expanded bytes, or those of one of its members, are written."""
    folder.mkdir(parents=True, exist_ok=True)
    digest = sha256(f"{local.file.key}\0{local.file.etag}".encode()).hexdigest()[:32]
    return folder / f"{digest}.{number}.expanded"


class Meter:
    """Counts the bytes that come out of one archive: what its headers say is not believed."""

    def __init__(self, local: LocalFile, limits: ArchiveLimits) -> None:
        by_ratio = max(ALWAYS_ALLOWED, int(local.size * limits.ratio))
        self._left = self._limit = min(by_ratio, limits.size)
        self._option = "max_archive_ratio" if by_ratio < limits.size else "max_archive_size"
        self._local = local

    def counted(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """The same blocks.

        Raises:
            ArchiveError: these and all that were counted before are more than the limit.
        """
        for block in blocks:
            self._left -= len(block)
            if self._left < 0:
                raise ArchiveError(
                    f"{self._local.file.key}: {self._local.size:,} stored bytes expand to more "
                    f"than {self._limit:,} ({self._option}); expand it yourself, or raise the "
                    "limit, if it is meant to"
                )
            yield block


def decompressed(source: Readable, suffix: str) -> Iterator[bytes]:
    """Blocks of what a compressed stream expands to; ``''`` is a plain stream."""
    if suffix == ".gz":
        import gzip

        with gzip.GzipFile(fileobj=source) as stream:  # type: ignore[call-overload]
            yield from _blocks(stream)
    elif suffix == ".bz2":
        import bz2

        yield from _decoded(source, bz2.BZ2Decompressor)
    elif suffix == ".xz":
        import lzma

        yield from _decoded(source, lambda: lzma.LZMADecompressor(memlimit=MEMORY))
    elif suffix == ".zst":
        yield from _decoded(source, _zstd().ZstdDecompressor)
    else:
        yield from _blocks(source)


def _blocks(source: Readable) -> Iterator[bytes]:
    while block := source.read(BLOCK):
        yield block


def _decoded(source: Readable, new_decoder: Callable[[], Any]) -> Iterator[bytes]:
    """Blocks of streams in a row.

    By hand, since the libraries' files take a damaged second stream for the end.
    """
    decoder = new_decoder()
    while True:
        data = b""
        if decoder.eof:
            data = decoder.unused_data
            while not (data := data.lstrip(b"\0")):  # xz pads its streams with zero bytes
                if not (data := source.read(BLOCK)):
                    return
            decoder = new_decoder()
        elif decoder.needs_input and not (data := source.read(BLOCK)):
            raise EOFError("it ends before its end mark")
        if block := decoder.decompress(data, BLOCK):
            yield block


def _zstd() -> Any:
    """The standard library's module of Python 3.14, or its backport.

    Unlike other bindings it tells a stream that was cut short from one that ended.
    """
    try:
        return import_module("compression.zstd")
    except ModuleNotFoundError:
        return import_module("backports.zstd")


def sound(blocks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """The same blocks; what a library says about damage becomes an error of ours.

    Raises:
        ArchiveError: the stream is damaged, or asks for too much memory.
    """
    try:
        yield from blocks
    except Exception as error:
        raise_if_damage(error, name)
        raise


def raise_if_damage(error: Exception, name: str) -> None:
    """Raise ours where a library's error says that an archive is damaged.

    A hostile archive reaches every branch of a parser, with errors of every kind.
    """
    ours = (LakefallError, MemoryError, ImportError, AttributeError, NameError, TypeError)
    if isinstance(error, ours) or getattr(error, "errno", None):
        return
    raise ArchiveError(
        f"{name}: cannot be expanded ({str(error) or type(error).__name__}): it is damaged, or "
        "packed in an unusual way; pack it anew"
    ) from error


def write(blocks: Iterable[bytes], target: Path, name: str) -> int:
    """Write the blocks; how many bytes they were. Nothing stays where that fails.

    Raises:
        StorageFullError: no space.
    """
    size = 0
    try:
        with target.open("wb") as out:
            for block in blocks:
                out.write(block)
                size += len(block)
    except BaseException as error:
        target.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise StorageFullError(
                f"{name}: cannot expand into {target.parent}: {error.strerror}; make room there"
            ) from error
        raise
    return size
