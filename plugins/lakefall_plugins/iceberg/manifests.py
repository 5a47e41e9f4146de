"""Which data files a table has, each manifest read once: manifests never change."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyiceberg.io import FileIO
    from pyiceberg.manifest import DataFile, ManifestFile
    from pyiceberg.table import Table

_KEPT = 20_000
"""Data files of which a process remembers what their manifests say."""
_AT_ONCE = 8


class Manifests:
    """The data files of tables' current snapshots."""

    def __init__(self) -> None:
        self._known: dict[str, Sequence[DataFile]] = {}

    def files(self, table: Table) -> Sequence[tuple[DataFile, bool]]:
        """Every data file, with whether delete files may take rows from it."""
        from pyiceberg.manifest import ManifestContent

        snapshot = table.current_snapshot()
        if snapshot is None:
            return []
        manifests = snapshot.manifests(table.io)
        if any(m.content == ManifestContent.DELETES for m in manifests):
            return [(t.file, bool(t.delete_files)) for t in table.scan().plan_files()]
        self._learn(manifests, table.io)
        return [(file, False) for m in manifests for file in self._known[m.manifest_path]]

    def _learn(self, manifests: Sequence[ManifestFile], io: FileIO) -> None:
        unknown = [m for m in manifests if m.manifest_path not in self._known]
        if not unknown:
            return
        if sum(map(len, self._known.values())) > _KEPT:
            wanted = {m.manifest_path for m in manifests}
            self._known = {path: f for path, f in self._known.items() if path in wanted}
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            read = pool.map(lambda m: [e.data_file for e in m.fetch_manifest_entry(io)], unknown)
            self._known.update(zip((m.manifest_path for m in unknown), read, strict=True))
