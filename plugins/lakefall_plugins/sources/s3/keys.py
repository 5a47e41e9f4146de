"""Keys of a bucket: any text at all, of which only some are safe as paths."""

from __future__ import annotations

import re

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
"""Unicode's category Cc."""


def problem_of(key: str) -> str:
    """Why a key is not read; ``''`` where nothing speaks against it.

    A key may be up to 1,024 bytes of any Unicode text (Amazon S3 User Guide, "Naming Amazon S3
    objects"). Elsewhere it becomes a path, a line of a log, a cell in a terminal.
    """
    if _CONTROL.search(key):
        return "the key holds control characters; rename the object"
    parts = key.split("/")
    if parts[0] == "":
        return "the key begins with '/'; rename the object"
    if parts[-1] == "":
        return "the key ends with '/', like a folder's; rename the object"
    if "" in parts:
        return "the key has an empty part ('//'); rename the object"
    if "." in parts or ".." in parts:
        return "the key has a part '.' or '..', which could lead out of a folder; rename the object"
    return ""


def folder_of(key: str) -> str:
    """The first part of a key; ``''`` only for a key at the root, ``/`` where the part is empty."""
    first, slash, _ = key.partition("/")
    return (first or slash) if slash else ""


def printable(key: str) -> str:
    """A key with its control characters written as ``\\xNN``."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", key)
