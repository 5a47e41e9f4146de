"""Small JSON files that only save work: one that is missing or damaged is no error."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any


def load(path: Path) -> dict[str, Any]:
    """The object that a file holds; empty where there is none."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def save(path: Path, text: str) -> None:
    """Write a file as a whole or not at all: readers and other writers see no half of it."""
    with suppress(OSError, ValueError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".draft")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as out:
                out.write(text)
            Path(draft).replace(path)
        finally:
            Path(draft).unlink(missing_ok=True)
