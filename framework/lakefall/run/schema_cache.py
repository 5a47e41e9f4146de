"""Remembers which columns a file was found to have, beside the cached files.

To infer types all rows are read. Where a file's steps run one by one, each in a process of its
own, the first one leaves what it found here; on another machine, where it is not, it is found out
again and is the same.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

import lakefall
from lakefall.common import json_cache
from lakefall.contract.values import Schema, SourceFile, TableState, from_json, to_json
from lakefall.tabular.evidence import FileEvidence, pack

if TYPE_CHECKING:
    from lakefall.contract.run import Run

Known = Mapping[str, FileEvidence] | None
"""The evidence of a table's other files; None where the table's types govern."""
MAX_BYTES = 64_000_000
"""What the remembered schemas may hold; the oldest go first. One of 2,000 columns has 0.5 MB."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What an earlier step found out about a file."""

    schema: Schema
    quick: bool
    """A quick look at the file was enough for it."""


class Schemas:
    """Schemas by file version, options, and the columns of the table that govern them."""

    def __init__(self, cache: Path, max_bytes: int = MAX_BYTES) -> None:
        self.folder = cache / "schemas"
        self.max_bytes = max_bytes

    def recall(
        self, run: Run, file: SourceFile, state: TableState | None, others: Known = None
    ) -> Remembered | None:
        """What was found out about a file that is loaded alone into a table of this state."""
        try:
            return from_json(Remembered, self._entry(run, file, state, others).read_bytes())
        except (OSError, ValidationError):
            return None

    def keep(
        self,
        run: Run,
        file: SourceFile,
        state: TableState | None,
        others: Known,
        found: Remembered,
    ) -> None:
        """Remember it. What cannot be written is found out again when it is needed."""
        json_cache.save(self._entry(run, file, state, others), to_json(found))
        with contextlib.suppress(OSError):
            self._make_room()

    def _entry(self, run: Run, file: SourceFile, state: TableState | None, others: Known) -> Path:
        columns = [[c.name, c.type, c.format] for c in state.columns] if state else None
        parts = [
            lakefall.__version__,
            [file.origin, file.source, file.key, file.etag],
            run.pipeline.config.digest,
            columns,
            None if others is None else sorted((n, pack(e)) for n, e in others.items()),
        ]
        text = json.dumps(parts, ensure_ascii=True)
        return self.folder / f"{sha256(text.encode()).hexdigest()[:40]}.json"

    def _make_room(self) -> None:
        with os.scandir(self.folder) as scan:
            found = [(item.stat(), Path(item.path)) for item in scan]
        total = sum(status.st_size for status, _ in found)
        for status, path in sorted(found, key=lambda each: each[0].st_mtime_ns):
            if total <= self.max_bytes:
                return
            path.unlink(missing_ok=True)
            total -= status.st_size
