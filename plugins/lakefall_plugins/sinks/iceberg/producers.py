"""PyIceberg's snapshots of replaced data files, with manifests that stay few.

PyIceberg 0.12 adds two manifests to the list with every replacement, one of which names nothing
but what is gone, and never takes one off it. Imported on first use.
"""

from __future__ import annotations

from typing import TypeVar

from pyiceberg.manifest import (  # noqa: TID253 -- see above
    DataFile,
    ManifestContent,
    ManifestFile,
    ManifestWriterV2,
)
from pyiceberg.partitioning import PartitionSpec  # noqa: TID253
from pyiceberg.table import TableProperties  # noqa: TID253
from pyiceberg.table.snapshots import Operation, Summary  # noqa: TID253
from pyiceberg.table.update.snapshot import (  # noqa: TID253
    _FastAppendFiles,
    _ManifestMergeManager,
    _MergeAppendFiles,
    _OverwriteFiles,
    _SnapshotProducer,
)
from pyiceberg.typedef import EMPTY_DICT  # noqa: TID253
from pyiceberg.utils.properties import property_as_bool, property_as_int  # noqa: TID253

from lakefall_plugins.sinks.iceberg.manifests import is_live

U = TypeVar("U")


class _Tidy(_SnapshotProducer[U]):
    """Knows which of the manifests that it wrote were merged into others before the commit."""

    named: frozenset[str] = frozenset()
    """Manifests of the snapshot, once it is staged."""

    def _process_manifests(self, manifests: list[ManifestFile]) -> list[ManifestFile]:
        found = self._packed(super()._process_manifests(manifests))
        self.named = frozenset(m.manifest_path for m in found)
        return found

    def _packed(self, manifests: list[ManifestFile]) -> list[ManifestFile]:
        return manifests

    @property
    def unused(self) -> set[str]:
        """Manifests that the snapshot does not name, once it is committed."""
        return set(self._written_manifests) - self.named


class Append(_Tidy[_FastAppendFiles], _MergeAppendFiles):
    """Data files added."""


class Overwrite(_Tidy[_OverwriteFiles], _OverwriteFiles):
    """Data files removed and added."""

    def _existing_manifests(self) -> list[ManifestFile]:
        found = super()._existing_manifests()
        return [m for m in found if is_live(m)]

    def _packed(self, manifests: list[ManifestFile]) -> list[ManifestFile]:
        """Merge data manifests under the same table properties as an append does."""
        names, properties = TableProperties, self._transaction.table_metadata.properties
        merges = property_as_bool(
            properties, names.MANIFEST_MERGE_ENABLED, names.MANIFEST_MERGE_ENABLED_DEFAULT
        )
        if not merges:
            return manifests
        count = property_as_int(
            properties, names.MANIFEST_MIN_MERGE_COUNT, names.MANIFEST_MIN_MERGE_COUNT_DEFAULT
        )
        data = [m for m in manifests if m.content == ManifestContent.DATA]
        deletes = [m for m in manifests if m.content == ManifestContent.DELETES]
        return self._merged(data, count or 0) + deletes

    def _merged(self, manifests: list[ManifestFile], count: int) -> list[ManifestFile]:
        """Manifests packed together, the newest ones where there are at least ``count``."""
        names, properties = TableProperties, self._transaction.table_metadata.properties
        size = property_as_int(
            properties,
            names.MANIFEST_TARGET_SIZE_BYTES,
            names.MANIFEST_TARGET_SIZE_BYTES_DEFAULT,
        )
        manager: _ManifestMergeManager[_OverwriteFiles] = _ManifestMergeManager(
            size or 0, count, merge_enabled=True, snapshot_producer=self
        )
        return manager.merge_manifests(manifests)


class Replacement(Overwrite):
    """The same rows in other data files, with manifests as few as their size allows."""

    dropped: frozenset[DataFile] = frozenset()
    """Delete files that take rows from no data file any more."""

    def _packed(self, manifests: list[ManifestFile]) -> list[ManifestFile]:
        data = [m for m in manifests if m.content == ManifestContent.DATA]
        deletes = [m for m in manifests if m.content == ManifestContent.DELETES]
        return self._merged(data, 2) + [left for m in deletes for left in self._without_dropped(m)]

    def _without_dropped(self, manifest: ManifestFile) -> list[ManifestFile]:
        entries = manifest.fetch_manifest_entry(self._io)
        if not any(entry.data_file in self.dropped for entry in entries):
            return [manifest] if entries else []
        with self.new_deletes_writer(self.spec(manifest.partition_spec_id)) as writer:
            for entry in entries:
                if entry.data_file in self.dropped:
                    writer.delete(entry)
                else:
                    writer.existing(entry)
        return [writer.to_manifest_file()]

    def new_deletes_writer(self, spec: PartitionSpec) -> DeletesWriter:
        return DeletesWriter(
            spec, self.schema(), self.new_manifest_output(), self._snapshot_id, self._compression
        )

    def _summary(self, snapshot_properties: dict[str, str] = EMPTY_DICT) -> Summary:
        rows = self._deleted_data_files
        self._deleted_data_files = rows | self.dropped
        try:
            # PyIceberg knows no totals of a replacement, though they are those of an overwrite.
            made = super()._summary(snapshot_properties)
        finally:
            self._deleted_data_files = rows
        return Summary(Operation.REPLACE, **made.additional_properties)


class DeletesWriter(ManifestWriterV2):
    """A manifest of delete files, which PyIceberg cannot write."""

    def content(self) -> ManifestContent:
        return ManifestContent.DELETES

    @property
    def _meta(self) -> dict[str, str]:
        return {**super()._meta, "content": "deletes"}
