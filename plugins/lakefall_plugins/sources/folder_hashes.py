"""Remembered content hashes of a folder's files, so that an unchanged file is not read again."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from lakefall.common import json_cache

SETTLED_NS = 2_000_000_000
"""A file modified within two seconds (the coarsest clock of a file system, FAT's) of being hashed
may change again without its status showing it; its hash is not remembered."""


def stamp(status: os.stat_result) -> str:
    """What must be equal for the content to be taken as equal. The change time also moves when a
    program sets the modified time back."""
    return f"{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}:{status.st_ino}"


class Hashes:
    """Key -> SHA-256 (hex) of the content that the file had under a certain ``stamp``.

    Only a cache: what is missing, damaged or cannot be written costs a second hashing.
    """

    def __init__(self, path: Path, entries: dict[str, tuple[str, str]]) -> None:
        self._path = path
        self._entries = entries
        self._dirty = False

    @classmethod
    def load(cls, cache: Path, root: Path) -> Hashes:
        """The remembered hashes of one directory."""
        name = sha256(os.fsencode(root)).hexdigest()[:16]
        path = cache / f"hashes-{name}.json"
        entries: dict[str, tuple[str, str]] = {}
        with suppress(ValueError, TypeError):
            entries = {str(k): (str(s), str(h)) for k, (s, h) in json_cache.load(path).items()}
        return cls(path, entries)

    def get(self, key: str, status: os.stat_result) -> str:
        """The hash; ``''`` when it is not known for this status."""
        known, digest = self._entries.get(key, ("", ""))
        return digest if known == stamp(status) else ""

    def put(self, key: str, status: os.stat_result, digest: str) -> None:
        """Remember a hash, once the file has settled."""
        if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) >= SETTLED_NS:
            self._entries[key] = (stamp(status), digest)
            self._dirty = True

    def save(self, keys: Iterable[str]) -> None:
        """Write the entries of these keys; the others are forgotten."""
        kept = {k: self._entries[k] for k in keys if k in self._entries}
        if not self._dirty and len(kept) == len(self._entries):
            return
        json_cache.save(self._path, json.dumps(kept))
