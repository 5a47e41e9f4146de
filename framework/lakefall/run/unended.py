"""Files whose load ended without a word: the process was killed, or died, while it read them.

While files are read and converted, a note beside the scratch files of their batch names them. The
notes of a run that is dead are found by whoever removes its scratch: each file in them is suspected
from then on. A suspect is loaded last and by itself, after the outcomes of all others are recorded.
Where that ends without a word again, the file fails for good; a load that ends, however it does,
clears it. What is known is known on this machine, since each host has a cache of its own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from lakefall.common import json_cache
from lakefall.contract.errors import UnendedLoadError

if TYPE_CHECKING:
    from lakefall.contract.run import Run
    from lakefall.contract.values import SourceFile

DEATHS = 2
"""Loads that may end without a word before the file fails; the last of them was of it alone."""
FORGOTTEN_AFTER = 30 * 86_400
"""Seconds after which a death is not held against a file any more."""
TOGETHER = 32
"""Suspects that are loaded together where more than so many were read when their process died: a
commit for each of thousands would take longer than to die once more."""
_NOTE = "being_read.json"


@dataclass(frozen=True, slots=True)
class Suspect:
    """What is known of a file that was read when its process died."""

    deaths: int
    together: int
    """Files that were read at the last of them."""


@contextmanager
def noted(run: Run, files: Sequence[SourceFile]) -> Iterator[None]:
    """While these files are read: a process that dies meanwhile leaves their names."""
    if run.dry_run:
        yield
        return
    note = run.workdir / _NOTE
    around = _read(note)
    text = json.dumps([_name(run, f) for f in files])
    if text != around:
        with suppress(OSError):
            run.workdir.mkdir(parents=True, exist_ok=True)
            note.write_text(text, "utf-8")
    try:
        yield
    finally:
        with suppress(OSError):
            if not around:
                note.unlink(missing_ok=True)
            elif text != around:
                note.write_text(around, "utf-8")


def _read(note: Path) -> str:
    """The note of the step around this one; ``''`` where there is none."""
    with suppress(OSError):
        return note.read_text("utf-8")
    return ""


def collect(cache: Path, dead: Path) -> None:
    """Remember the files that a dead run was reading; ``dead`` is its scratch folder."""
    names: list[str] = []
    for note in dead.rglob(_NOTE):
        with suppress(OSError, ValueError):
            names += [name for name in json.loads(note.read_text("utf-8")) if _is_name(name)]
            note.unlink()
    for name in set(names):
        before = _suspect(cache, name)
        found = {"deaths": (before.deaths if before else 0) + 1, "together": len(set(names))}
        json_cache.save(_path(cache, name), json.dumps(found))


def suspected(run: Run, file: SourceFile) -> Suspect | None:
    """What is held against a file; None where nothing is."""
    return _suspect(_cache(run), _name(run, file))


def groups(run: Run, files: Sequence[SourceFile]) -> Iterator[tuple[SourceFile, ...]]:
    """Suspects that are loaded together: each alone, once few are left."""
    many = [f for f in files if (found := suspected(run, f)) and found.together > TOGETHER]
    yield from (tuple(many[at : at + TOGETHER]) for at in range(0, len(many), TOGETHER))
    yield from ((f,) for f in files if f not in many)


def refuse(run: Run, file: SourceFile) -> None:
    """Whether the file may be read once more.

    Raises:
        UnendedLoadError: too many loads of it did not end. It is forgotten with that, so that it is
            tried again where somebody asks for it.
    """
    found = suspected(run, file)
    if found is None or found.deaths < DEATHS or found.together > 1:
        return
    clear(run, [file])
    raise UnendedLoadError(
        f"{file.key}: {found.deaths} loads of this file ended without a word: the process was "
        "killed while it read it, probably for want of memory. It is not tried again until it "
        "changes; with more memory, or a smaller file, `lakefall retry` does"
    )


def clear(run: Run, files: Sequence[SourceFile]) -> None:
    """The loads of these files ended."""
    if run.dry_run or not (_cache(run) / _FOLDER).is_dir():
        return
    for file in files:
        with suppress(OSError):
            _path(_cache(run), _name(run, file)).unlink(missing_ok=True)


_FOLDER = "unended"


def _cache(run: Run) -> Path:
    return run.pipeline.config.cache.dir


def _name(run: Run, file: SourceFile) -> str:
    """One version of a file in one pipeline."""
    parts = (str(run.pipeline.config.path.absolute()), file.source, file.key, file.etag)
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _is_name(name: object) -> bool:
    """A note may be damaged, and a name becomes a path."""
    return isinstance(name, str) and len(name) == 32 and name.isalnum() and name.isascii()


def _path(cache: Path, name: str) -> Path:
    return cache / _FOLDER / f"{name}.json"


def _suspect(cache: Path, name: str) -> Suspect | None:
    path = _path(cache, name)
    found = json_cache.load(path)
    deaths, together = found.get("deaths"), found.get("together")
    if not isinstance(deaths, int) or not isinstance(together, int):
        return None
    with suppress(OSError):
        if time.time() - path.stat().st_mtime > FORGOTTEN_AFTER:
            path.unlink(missing_ok=True)
            return None
    return Suspect(deaths, together)
