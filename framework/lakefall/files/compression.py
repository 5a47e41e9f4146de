"""Compressed input: ``.gz`` and ``.zst`` files become plain ones, within limits."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from lakefall.contract.errors import ArchiveError, StorageFullError
from lakefall.contract.values import LocalFile

BLOCK = 1 << 20
MAX_RATIO = 500
"""A file that expands further than this is taken for a decompression bomb: real tables compress
1:3 to 1:50, the worst that DEFLATE can reach is 1:1032."""
ALWAYS_ALLOWED = 64 << 20
"""Bytes that any archive may expand to, whatever its ratio: tiny archives of repeated text."""


def stem(name: str) -> str:
    """The name without a compression suffix."""
    lower = name.lower()
    return name.rsplit(".", 1)[0] if lower.endswith((".gz", ".zst")) else name


def expand(local: LocalFile, folder: Path) -> LocalFile:
    """The file itself when it is not compressed, else its expanded copy in ``folder``.

    Raises:
        ArchiveError: damaged, cut short, or beyond ``MAX_RATIO``.
        StorageFullError: no space for the copy.
    """
    name = local.file.key.lower()
    if not name.endswith((".gz", ".zst")):
        return local
    limit = max(ALWAYS_ALLOWED, local.size * MAX_RATIO)
    folder.mkdir(parents=True, exist_ok=True)
    digest = sha256(f"{local.file.key}\0{local.file.etag}".encode()).hexdigest()[:32]
    target = folder / f"{digest}.csv"
    written = 0
    try:
        with _open(local.path, name) as source, target.open("wb") as out:
            for block in _blocks(source, local.file.key):
                written += len(block)
                if written > limit:
                    raise ArchiveError(
                        f"{local.file.key}: {local.size:,} compressed bytes expand to more than "
                        f"{limit:,}; expand it yourself if it is meant to"
                    )
                out.write(block)
    except ArchiveError:
        target.unlink(missing_ok=True)
        raise
    except OSError as error:
        target.unlink(missing_ok=True)
        raise StorageFullError(
            f"{local.file.key}: cannot expand into {folder}: {error.strerror}; make room there"
        ) from error
    return dataclasses.replace(local, path=target, size=written)


@contextmanager
def _open(path: Path, name: str) -> Iterator[IO[bytes]]:
    if name.endswith(".gz"):
        import gzip

        with gzip.open(path, "rb") as stream:
            yield stream  # type: ignore[misc]
    else:
        with _zstd().ZstdFile(path, "rb") as stream:
            yield stream


def _zstd() -> Any:
    """The standard library's module of Python 3.14, or its backport.

    Unlike other bindings it tells a stream that was cut short from one that ended.
    """
    try:
        return import_module("compression.zstd")
    except ModuleNotFoundError:
        return import_module("backports.zstd")


def _blocks(source: IO[bytes], key: str) -> Iterator[bytes]:
    """Blocks of the expanded stream; what the library says about damage becomes ours."""
    import gzip

    while True:
        try:
            block = source.read(BLOCK)
        except (gzip.BadGzipFile, EOFError, zlib.error, _zstd().ZstdError) as error:
            raise ArchiveError(f"{key}: damaged archive ({error}); upload it again") from error
        if not block:
            return
        yield block
