"""Which data files a table has, each manifest read once: manifests never change."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from lakefall.contract.errors import TableError

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

    def files(self, table: Table) -> Sequence[tuple[DataFile, frozenset[DataFile]]]:
        """Every data file, with the delete files that may take rows from it.

        Raises:
            TableError: the table has equality deletes, which PyIceberg cannot apply.
        """
        from pyiceberg.manifest import ManifestContent

        snapshot = table.current_snapshot()
        if snapshot is None:
            return []
        manifests = snapshot.manifests(table.io)
        if any(m.content == ManifestContent.DELETES and is_live(m) for m in manifests):
            try:
                tasks = table.scan().plan_files()
            except ValueError as error:
                if "equality deletes" not in str(error):
                    raise
                raise TableError(
                    f"table {table.name()[-1]!r} has equality deletes, which cannot be read here; "
                    "let the engine that wrote them rewrite its data files"
                ) from error
            return [(task.file, frozenset(task.delete_files)) for task in tasks]
        self._learn(manifests, table.io)
        return [(file, frozenset()) for m in manifests for file in self._known[m.manifest_path]]

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


def is_live(manifest: ManifestFile) -> bool:
    """Whether a manifest names files that are there, not only such as were removed."""
    return manifest.has_added_files() or manifest.has_existing_files()
