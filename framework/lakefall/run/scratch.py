"""Scratch folders: one a run, gone when the run is, also when it died."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lakefall.contract.errors import StorageFullError


@contextmanager
def scratch(cache: Path, run_id: str) -> Iterator[Path]:
    """A folder of its own for a run.

    Each run holds a lock beside its folder as long as it lives; a folder whose lock is free
    belongs to a run that was killed, and is removed here.

    Raises:
        StorageFullError: the folder cannot be made.
    """
    runs = cache / "runs"
    try:
        runs.mkdir(parents=True, exist_ok=True)
        folder, lock = runs / run_id, runs / f"{run_id}.lock"
        with _alone(cache):
            _remove_dead(runs)
            handle = lock.open("w")
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
        handle.close()


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Between a lock file's making and its locking it looks like that of a dead run."""
    with (cache / "runs.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _remove_dead(runs: Path) -> None:
    for lock in runs.glob("*.lock"):
        try:
            with lock.open("r+") as handle:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(runs / lock.stem, ignore_errors=True)
                lock.unlink(missing_ok=True)
        except OSError:
            continue  # alive, or removed by another run at this moment
