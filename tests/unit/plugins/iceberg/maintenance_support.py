"""What tests of maintenance share: a lake to maintain, rows to compare, files to count."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iceberg_support import Lakehouse

from lakefall.contract.values import Maintained

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile, ManifestFile
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot

EAGER: dict[str, Any] = {"keep_snapshots_for": 0, "keep_snapshots": 1, "grace": 0}
"""Options under which everything that may go goes at once."""


def empty(basetemp: Path) -> Lakehouse:
    """An empty lake, always at the same place: files of Iceberg name each other by their paths."""
    folder = basetemp / "lake"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return Lakehouse(folder)


def filled(lakehouse: Lakehouse, name: str, load: Callable[[], None]) -> None:
    """Load, or copy what the same loads left in this place when they came first."""
    copy = lakehouse.folder.with_name(f"{lakehouse.folder.name}-{name}")
    assert not any(lakehouse.folder.iterdir()), "only an empty lake is filled"
    if copy.exists():
        shutil.copytree(copy, lakehouse.folder, dirs_exist_ok=True)
    else:
        load()
        shutil.copytree(lakehouse.folder, copy)


def maintaining(lakehouse: Lakehouse, **options: Any) -> Lakehouse:
    return lakehouse.with_options(maintenance=options)


def maintain(
    lakehouse: Lakehouse, table: str = "orders", *, dry_run: bool = False, **options: Any
) -> Maintained:
    chosen = maintaining(lakehouse, **options)
    return chosen.sink.maintain(replace(chosen.run("tidy"), dry_run=dry_run), table)


def table(lakehouse: Lakehouse, name: str = "orders") -> Table:
    found = lakehouse.sink.lake.find(name)
    assert found is not None
    return found


def rows(lakehouse: Lakehouse, name: str = "orders") -> Counter[str]:
    """Every row with all its columns, as text."""
    found = table(lakehouse, name).scan().to_arrow()
    return Counter(str(sorted(row.items(), key=str)) for row in found.to_pylist())


def tree(lakehouse: Lakehouse) -> dict[str, str]:
    """Every file of the warehouse with its content."""
    root = lakehouse.folder / "wh"
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


def stored(lakehouse: Lakehouse, name: str = "orders") -> set[str]:
    """Paths of the table's files, without the metadata files, of which the catalog keeps some."""
    folder = lakehouse.folder / "wh" / "lakehouse" / name
    return {
        str(p) for p in folder.rglob("*") if p.is_file() and not p.name.endswith(".metadata.json")
    }


def named(lakehouse: Lakehouse, name: str = "orders") -> set[str]:
    """Paths that some snapshot of the table names, found by reading all of them.

    A list of files to delete is gone once they are deleted.
    """
    found = table(lakehouse, name)
    everything = named_by(found, found.metadata.snapshots)
    listed = {s.summary["lakefall.expired-location"] for s in found.metadata.snapshots if s.summary}
    return everything - {path for path in listed if path and not Path(path).exists()}


def named_by(found: Table, snapshots: Iterable[Snapshot]) -> set[str]:
    """Paths that these snapshots name."""
    paths: set[str] = set()
    for snapshot in snapshots:
        paths.add(snapshot.manifest_list)
        properties = snapshot.summary.additional_properties if snapshot.summary else {}
        paths |= {v for k, v in properties.items() if k.startswith("lakefall.") and "location" in k}
        for manifest in snapshot.manifests(found.io):
            paths.add(manifest.manifest_path)
            paths |= {e.data_file.file_path for e in manifest.fetch_manifest_entry(found.io)}
    return paths


def data_files(lakehouse: Lakehouse, name: str = "orders") -> list[DataFile]:
    found = table(lakehouse, name)
    return [file for file, _ in lakehouse.sink.lake.manifests.files(found)]


def keys_of(file: DataFile, key: str = "_source_file") -> list[str | None]:
    """The key of each row of a data file, in its order."""
    import pyarrow.parquet as pq

    found: list[str | None] = pq.read_table(file.file_path, columns=[key])[key].to_pylist()
    return found


def delete_positions(lakehouse: Lakehouse, positions: Mapping[str, Sequence[int]]) -> None:
    """Delete rows by position, as other engines do: data file -> positions, from 0."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    found = table(lakehouse)
    path = f"{found.location()}/data/deletes-{len(found.metadata.snapshots)}.parquet"
    pairs = sorted((p, i) for p, some in positions.items() for i in some)
    schema = pa.schema(
        [
            pa.field("file_path", pa.string(), False, {"PARQUET:field_id": "2147483546"}),
            pa.field("pos", pa.int64(), False, {"PARQUET:field_id": "2147483545"}),
        ]
    )
    paths, numbers = ([p for p, _ in pairs], [i for _, i in pairs])
    pq.write_table(pa.table([paths, numbers], schema=schema), path)
    add_deletes(
        found,
        "POSITION_DELETES",
        path,
        record_count=len(pairs),
        file_size_in_bytes=Path(path).stat().st_size,
        lower_bounds={2147483546: pairs[0][0].encode()},
        upper_bounds={2147483546: pairs[-1][0].encode()},
    )


def add_deletes(found: Table, content: str, path: str, **more: Any) -> None:
    """Commit a delete file."""
    from pyiceberg.manifest import (
        DataFile,
        DataFileContent,
        FileFormat,
        ManifestEntry,
        ManifestEntryStatus,
    )
    from pyiceberg.table.snapshots import Operation
    from pyiceberg.table.update.snapshot import _FastAppendFiles
    from pyiceberg.typedef import Record

    from lakefall_plugins.sinks.iceberg.pyiceberg_internals import DeletesWriter

    file = DataFile.from_args(
        content=DataFileContent[content],
        file_path=path,
        file_format=FileFormat.PARQUET,
        partition=Record(),
        spec_id=0,
        **more,
    )

    class AddDeletes(_FastAppendFiles):
        def _process_manifests(self, manifests: list[ManifestFile]) -> list[ManifestFile]:
            output = self.new_manifest_output()
            with DeletesWriter(
                self.spec(0), self.schema(), output, self._snapshot_id, "gzip"
            ) as writer:
                writer.add(
                    ManifestEntry.from_args(
                        status=ManifestEntryStatus.ADDED,
                        snapshot_id=self._snapshot_id,
                        sequence_number=None,
                        file_sequence_number=None,
                        data_file=file,
                    )
                )
            return [*manifests, writer.to_manifest_file()]

    transaction = found.transaction()
    AddDeletes(Operation.DELETE, transaction, found.io).commit()
    transaction.commit_transaction()
