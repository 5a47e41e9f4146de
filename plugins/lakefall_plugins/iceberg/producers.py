"""PyIceberg's snapshots of replaced data files, with manifests that stay few.

PyIceberg 0.12 adds two manifests to the list with every replacement, one of which names nothing
but what is gone, and never takes one off it. Imported on first use.
"""

from __future__ import annotations

from pyiceberg.manifest import ManifestContent, ManifestFile  # noqa: TID253 -- see above
from pyiceberg.table import TableProperties  # noqa: TID253
from pyiceberg.table.update.snapshot import (  # noqa: TID253
    _ManifestMergeManager,
    _OverwriteFiles,
)
from pyiceberg.utils.properties import property_as_bool, property_as_int  # noqa: TID253


class Overwrite(_OverwriteFiles):
    """Data files removed and added."""

    def _existing_manifests(self) -> list[ManifestFile]:
        found = super()._existing_manifests()
        return [m for m in found if m.has_added_files() or m.has_existing_files()]

    def _process_manifests(self, manifests: list[ManifestFile]) -> list[ManifestFile]:
        """Merge data manifests under the same table properties as an append does."""
        names, properties = TableProperties, self._transaction.table_metadata.properties
        size = property_as_int(
            properties,
            names.MANIFEST_TARGET_SIZE_BYTES,
            names.MANIFEST_TARGET_SIZE_BYTES_DEFAULT,
        )
        count = property_as_int(
            properties, names.MANIFEST_MIN_MERGE_COUNT, names.MANIFEST_MIN_MERGE_COUNT_DEFAULT
        )
        enabled = property_as_bool(
            properties, names.MANIFEST_MERGE_ENABLED, names.MANIFEST_MERGE_ENABLED_DEFAULT
        )
        manager: _ManifestMergeManager[_OverwriteFiles] = _ManifestMergeManager(
            size or 0, count or 0, enabled, self
        )
        data = [m for m in manifests if m.content == ManifestContent.DATA]
        deletes = [m for m in manifests if m.content == ManifestContent.DELETES]
        return manager.merge_manifests(data) + deletes
