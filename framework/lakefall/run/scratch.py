"""Scratch folders: one a run, gone when the run is, also when it died."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from lakefall.common import locks
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
    folder, lock = runs / run_id, runs / f"{run_id}.lock"
    with ExitStack() as alive:
        try:
            _remove_dead(runs)
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


def _remove_dead(runs: Path) -> None:
    for lock in runs.glob("*.lock"):
        # Another run may remove the same folder at this moment.
        with suppress(OSError), locks.left_behind(lock) as dead:
            if dead is not None:
                shutil.rmtree(runs / lock.stem, ignore_errors=True)
                lock.unlink(missing_ok=True)
