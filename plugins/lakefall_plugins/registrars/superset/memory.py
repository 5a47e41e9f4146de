"""Which datasets were found in order, so that a run without news asks for none of them."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from lakefall_plugins.registrars.superset.api import Api, Dataset


class Memory:
    """Table -> the dataset and the load that were compared last.

    A dataset that was in order stays so until the table is loaded or the dataset is changed.
    Only a cache: without it, every table is compared once more.
    """

    def __init__(self, path: Path, entries: dict[str, str]) -> None:
        self._path = path
        self._known = entries
        self._now: dict[str, str] = {}

    @classmethod
    def load(cls, cache: Path, api: Api) -> Memory:
        """What is remembered of one schema."""
        options = api.options
        place = (options.url, options.database, options.catalog, api.schema)
        name = sha256(json.dumps(place).encode()).hexdigest()[:16]
        path = cache / f"superset-{name}.json"
        try:
            entries = {str(k): str(v) for k, v in json.loads(path.read_text("utf-8")).items()}
        except (OSError, ValueError, AttributeError):
            entries = {}
        return cls(path, entries)

    def knows(self, dataset: Dataset, loaded: datetime) -> bool:
        """Whether the dataset was in order after this load, and nobody changed it since."""
        return self._known.get(dataset.table) == _state(dataset, loaded)

    def keep(self, dataset: Dataset, loaded: datetime) -> None:
        """The dataset is in order."""
        self._now[dataset.table] = _state(dataset, loaded)

    def save(self) -> None:
        """Write what was kept; all else is forgotten."""
        if self._now == self._known:
            return
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle, draft = tempfile.mkstemp(dir=self._path.parent, prefix=self._path.stem)
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as out:
                    json.dump(self._now, out)
                Path(draft).replace(self._path)
            finally:
                Path(draft).unlink(missing_ok=True)


def _state(dataset: Dataset, loaded: datetime) -> str:
    return f"{dataset.id} {dataset.changed} {loaded.isoformat()}"
