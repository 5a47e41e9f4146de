"""Fetched objects, kept on this machine between runs and shared by its processes.

An entry is one file, ``files/<digest of where it came from, key and ETag>``. It is made by giving
a whole file in a run's scratch folder a second name, so there is never half an entry, whoever is
killed; and it is used by the same way back, so that eviction takes a name away and no bytes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from hashlib import sha256
from pathlib import Path

from lakefall.common import locks

_KEEP = 0.9
"""Share of the limit that eviction leaves, so that the next file does not bring the next one."""
_COUNTED = ".bytes"
_LOCK = ".lock"
_DRAFT = ".copy-"


class ObjectCache:
    """Files by origin, key and ETag up to ``max_size`` bytes; the least recently used goes first.

    Only a cache: what is missing, damaged or cannot be written costs a second download.
    """

    def __init__(self, folder: Path, max_size: int) -> None:
        self.folder = folder / "files"
        self.max_size = max_size

    def entry(self, origin: str, key: str, etag: str) -> Path:
        """Where a version of a file is kept. Other origins with equal keys are kept elsewhere."""
        parts = (origin, key, etag)
        # Lengths keep ("a", "bc") and ("ab", "c") apart.
        text = "".join(f"{len(p)}:{p}" for p in parts)
        return self.folder / sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:40]

    def take(self, entry: Path, size: int, target: Path) -> bool:
        """Give an entry the name ``target`` too; whether there was one of that size."""
        try:
            if entry.stat().st_size != size:
                entry.unlink()
                return False
            _name_too(entry, target)
            os.utime(entry)
        except OSError:
            # Evicted at this moment at the latest: what was taken of it is no use unless whole.
            with contextlib.suppress(OSError):
                if target.stat().st_size == size:
                    return True
                target.unlink()
            return False
        return True

    def put(self, path: Path, entry: Path) -> None:
        """Keep a whole file, and make room for it."""
        with contextlib.suppress(OSError):
            size = path.stat().st_size
            if size > self.max_size:
                return
            self.folder.mkdir(parents=True, exist_ok=True)
            with locks.exclusive(self.folder / _LOCK):
                if entry.exists():
                    return  # another process was faster
                # Counted first: a process killed in between leaves a count that is too high,
                # which the next look at the folder corrects.
                total = self._counted() + size
                self._count(total)
                if total > self.max_size:
                    self._evict(size)
                _name_too(path, entry)

    def _evict(self, coming: int) -> None:
        """Remove what was not used for the longest time."""
        kept: list[tuple[float, int, Path]] = []
        with os.scandir(self.folder) as scan:
            for item in scan:
                if item.name.startswith(_DRAFT):
                    Path(item.path).unlink()  # whoever made it held the lock, and died
                elif not item.name.startswith("."):
                    status = item.stat(follow_symlinks=False)
                    kept.append((status.st_mtime, status.st_size, Path(item.path)))
        total = sum(size for _, size, _ in kept) + coming
        limit = self.max_size if total <= self.max_size else int(self.max_size * _KEEP)
        for _, size, path in sorted(kept):
            if total <= max(limit, coming):
                break
            path.unlink(missing_ok=True)
            total -= size
        self._count(total)

    def _counted(self) -> int:
        """Bytes kept, as counted; so many that they are looked at where there is no count."""
        try:
            return int((self.folder / _COUNTED).read_text())
        except (OSError, ValueError):
            return self.max_size + 1

    def _count(self, total: int) -> None:
        (self.folder / _COUNTED).write_text(str(total))


def _name_too(path: Path, name: Path) -> None:
    """A second name for a file; a copy where the file system has no second names."""
    try:
        os.link(path, name)
    except FileNotFoundError:
        raise
    except OSError:
        handle, draft = tempfile.mkstemp(dir=name.parent, prefix=_DRAFT)
        try:
            with path.open("rb") as source, os.fdopen(handle, "wb") as out:
                shutil.copyfileobj(source, out, 1 << 20)
            Path(draft).replace(name)
        finally:
            Path(draft).unlink(missing_ok=True)
