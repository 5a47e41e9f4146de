"""Scratch files of one source file: their names, and what happens when writing one fails."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from lakefall.contract.errors import StorageFullError
from lakefall.contract.values import LocalFile

_FULL = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}
_FULL_TEXTS = ("no space left", "file too large", "disk quota", "could not write")


@dataclass(frozen=True, slots=True)
class Scratch:
    """Where the files of one source file lie; equal content has equal names."""

    folder: Path
    stem: str

    @classmethod
    def of(cls, local: LocalFile, workdir: Path) -> Scratch:
        digest = sha256(f"{local.name}\0{local.file.etag}".encode()).hexdigest()[:32]
        return cls(workdir, digest)

    def file(self, suffix: str) -> Path:
        return self.folder / f"{self.stem}.{suffix}"


@contextmanager
def writing(key: str, *paths: Path) -> Iterator[None]:
    """While these files are written: none of them survives an error.

    Raises:
        StorageFullError: no space left, or a file-size limit reached.
    """
    import duckdb

    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except (OSError, duckdb.Error) as error:
        _remove(paths)
        if not _is_full(error):
            raise
        raise StorageFullError(
            f"{key}: cannot write to {paths[0].parent}: {error}; make room there"
        ) from error
    except BaseException:
        _remove(paths)
        raise


def _remove(paths: tuple[Path, ...]) -> None:
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _is_full(error: Exception) -> bool:
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    text = str(error).lower()
    return any(sign in text for sign in _FULL_TEXTS)
