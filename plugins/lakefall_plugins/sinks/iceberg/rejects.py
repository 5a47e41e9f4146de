"""The rejects: every record and cell that did not reach its table, by key and ETag."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakefall.common import sql
from lakefall_plugins.sinks.iceberg.own_tables import OwnTable, Staging
from lakefall_plugins.sinks.iceberg.reading import OfKeys, Part, RowsToRemove, list_parts
from lakefall_plugins.sinks.lake import rejects
from lakefall_plugins.sinks.lake.rejects import COLUMNS
from lakefall_plugins.sinks.lake.versions import Version, from_micros

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.expressions import BooleanExpression

    from lakefall.contract.run import Run
    from lakefall.contract.values import Converted, StoredReject
    from lakefall_plugins.sinks.iceberg.catalog import Lake


# PyIceberg's own constructors are untyped for positional arguments.
def equal(column: str, value: str) -> BooleanExpression:
    from pyiceberg import expressions

    made: Any = expressions.EqualTo
    return made(column, value)  # type: ignore[no-any-return]


def every(*conditions: BooleanExpression) -> BooleanExpression:
    from pyiceberg import expressions

    made: Any = expressions.And
    always = expressions.AlwaysTrue()
    return made(always, always, *conditions)  # type: ignore[no-any-return]


_KEYS = ("file_key", "etag")


class Rejects:
    """Reads and writes ``_ingest_rejects``.

    Each version of a file has data files of its own, so that it is replaced or dropped without
    reading any.
    """

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self.table = OwnTable(lake, lake.options.rejects_table, COLUMNS, full_metrics=_KEYS)

    def replace(self, run: Run, files: Sequence[Converted]) -> None:
        """Put these files' rejects in place of those under the same key and ETag: one commit."""
        bringing = [f for f in files if f.rejects is not None]
        versions = frozenset((f.file.key, f.file.etag) for f in files)
        if not bringing and self.table.seen() is None:
            return
        local = [(f.file, _as_data_file(run, f)) for f in bringing]

        def stage(staging: Staging) -> bool:
            parts = list_parts(self.lake, staging.table, _KEYS)
            removal = staging.remove(parts, OfVersions(versions))
            if not (local or removal):
                return False
            added = [
                staging.copy(path, {"file_key": file.key, "etag": file.etag})
                for file, path in local
            ]
            staging.stage(removal, added)
            return True

        self.table.change(stage, make=bool(bringing))

    def drop_replaced(self, current: Collection[Version]) -> None:
        """Drop rejects of older versions of these files.

        A version that another run is about to commit has a later modified time, and stays.
        """

        def older(staging: Staging) -> RowsToRemove:
            field_id = staging.table.schema().find_field("modified").field_id
            return Replaced(frozenset((v.key, v.etag, v.modified) for v in current), field_id)

        self._remove(older)

    def remove(self, keys: Collection[str]) -> None:
        """Drop all rejects of these files."""
        self._remove(lambda _: OfKeys("file_key", frozenset(keys)))

    def remove_versions(self, versions: Collection[tuple[str, str]]) -> None:
        """Drop the rejects of these keys and ETags."""
        self._remove(lambda _: OfVersions(frozenset(versions)))

    def _remove(self, chosen: Callable[[Staging], RowsToRemove]) -> None:
        def stage(staging: Staging) -> bool:
            parts = list_parts(self.lake, staging.table, _KEYS)
            removal = staging.remove(parts, chosen(staging))
            if removal:
                staging.stage(removal)
            return bool(removal)

        self.table.change(stage, make=False)

    def read(
        self, current: Mapping[str, Version], table_name: str, key: str
    ) -> Iterator[StoredReject]:
        """Rejects of the versions that are in the tables, by file and line."""
        found = self.table.find()
        if found is None:
            return
        wanted = (("table_name", table_name), ("file_key", key))
        condition = every(*(equal(column, value) for column, value in wanted if value))
        rows = found.scan(row_filter=condition, selected_fields=rejects.SHOWN).to_arrow()
        rows = rows.sort_by([("file_key", "ascending"), ("line", "ascending")])
        yield from rejects.current(
            ([row[name] for name in rejects.SHOWN] for row in rows.to_pylist()), current
        )


@dataclass(frozen=True, slots=True)
class OfVersions:
    """Rejects of these keys and ETags."""

    versions: frozenset[tuple[str, str]]

    @property
    def columns(self) -> tuple[str, ...]:
        return _KEYS

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(key for key, _ in self.versions)

    def takes_all(self, part: Part) -> bool:
        return (part.constant("file_key"), part.constant("etag")) in self.versions

    def mask(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        import pyarrow as pa
        import pyarrow.compute as pc

        key, etag = batch.column("file_key"), batch.column("etag")
        # No ETag holds a NUL: the last one tells where the key ends.
        found = pc.binary_join_element_wise(key, etag, pa.scalar("\0", key.type))
        wanted = [f"{k}\0{e}" for k, e in sorted(self.versions)]
        return pc.is_in(found, pa.array(wanted, found.type))


@dataclass(frozen=True, slots=True)
class Replaced:
    """Rejects of older versions of these files."""

    current: frozenset[tuple[str, str, datetime]]
    """Key, ETag and modified time, one of each key."""
    modified_id: int
    """Field id of the column ``modified``."""

    @property
    def columns(self) -> tuple[str, ...]:
        return (*_KEYS, "modified")

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(key for key, _, _ in self.current)

    def takes_all(self, part: Part) -> bool:
        key, etag = part.constant("file_key"), part.constant("etag")
        latest = (part.file.upper_bounds or {}).get(self.modified_id)
        if etag is None or latest is None:
            return False
        newest = from_micros(int.from_bytes(latest, "little", signed=True))
        return any(k == key and e != etag and newest <= at for k, e, at in self.current)

    def mask(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        import pyarrow as pa
        import pyarrow.compute as pc

        keys, etags, modified = zip(*sorted(self.current), strict=True)
        key, etag, at = (batch.column(name) for name in self.columns)
        which = pc.index_in(key, pa.array(keys, key.type))
        other = pc.not_equal(etag, pa.array(etags, etag.type).take(which))
        naive = [moment.astimezone(UTC).replace(tzinfo=None) for moment in modified]
        older = pc.less_equal(at, pa.array(naive, at.type).take(which))
        return pc.fill_null(pc.and_(other, older), False)


def _as_data_file(run: Run, converted: Converted) -> Path:
    """The file's rejects with the table's columns and field ids."""
    file = converted.file
    target = run.workdir / f"rejects-{uuid.uuid4().hex}.parquet"
    values = rejects.values(
        run.run_id,
        sql.literal(file.key),
        sql.literal(file.table),
        sql.literal(file.etag),
        sql.literal(rejects.utc_text(file.modified)),
    )
    select = ", ".join(f"{values[name]} AS {name}" for name, _, _ in COLUMNS)
    ids = ", ".join(f"{name}: {i}" for i, (name, _, _) in enumerate(COLUMNS, start=1))
    with sql.connect(run.pipeline.config.engine, run.spill) as connection:
        connection.execute(
            f"COPY (SELECT {select} FROM {sql.parquet([str(converted.rejects)])}) "
            f"TO {sql.literal(str(target))} "
            f"(FORMAT parquet, COMPRESSION zstd, FIELD_IDS {{{ids}}})"
        )
    return target
