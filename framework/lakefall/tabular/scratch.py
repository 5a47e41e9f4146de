"""Scratch: the folder of a run, gone when the run is, and the files of a source file in it."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from lakefall.common import locks
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


@contextmanager
def scratch(cache: Path, run_id: str, bury: Callable[[Path], None] | None = None) -> Iterator[Path]:
    """A folder of its own for a run.

    Each run holds a lock beside its folder as long as it lives; a folder whose lock is free
    belongs to a run that was killed, and is removed here, after ``bury`` looked at it.

    Raises:
        StorageFullError: the folder cannot be made.
    """
    runs = cache / "runs"
    folder, lock = runs / run_id, runs / f"{run_id}.lock"
    with ExitStack() as alive:
        try:
            _remove_dead(runs, bury)
            alive.enter_context(locks.new(lock))
            folder.mkdir()
        except OSError as error:
            raise StorageFullError(
                f"cannot make a scratch folder in {runs}: {error.strerror}; "
                "set cache.dir to a folder with room that may be written"
            ) from error
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            lock.unlink(missing_ok=True)


def _remove_dead(runs: Path, bury: Callable[[Path], None] | None) -> None:
    locks.remove_drafts(runs)
    for lock in runs.glob("*.lock"):
        # Another run may remove the same folder at this moment.
        with suppress(OSError), locks.left_behind(lock) as dead:
            if dead is not None:
                if bury is not None:
                    bury(runs / lock.stem)
                shutil.rmtree(runs / lock.stem, ignore_errors=True)
                lock.unlink(missing_ok=True)
