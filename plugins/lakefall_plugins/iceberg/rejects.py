"""The rejects: every record and cell that did not reach its table, by key and ETag."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lakefall import sql
from lakefall.model import StoredReject
from lakefall_plugins.iceberg.filters import at_most, differs, equal, every
from lakefall_plugins.iceberg.own_tables import OwnTable, Staging
from lakefall_plugins.iceberg.snapshots import Version, from_micros
from lakefall_plugins.iceberg.survey import Part, survey
from lakefall_plugins.iceberg.transaction import Removal
from lakefall_plugins.lake.rejects import COLUMNS

if TYPE_CHECKING:
    from lakefall.model import Converted
    from lakefall.run import Run
    from lakefall_plugins.iceberg.catalog import Lake

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
        versions = {(f.file.key, f.file.etag) for f in files}
        if not bringing and self.table.seen() is None:
            return
        local = [(f.file, _as_data_file(run, f)) for f in bringing]

        def stage(staging: Staging) -> bool:
            removal = _removal(survey(self.lake, staging.table, _KEYS), versions, by_etag=True)
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
        by_key = {v.key: v for v in current}

        def stage(staging: Staging) -> bool:
            parts = survey(self.lake, staging.table, _KEYS)
            field_id = staging.table.schema().find_field("modified").field_id
            whole = [p.file for p in parts if _is_replaced(p, by_key, field_id)]
            mixed = [p for p in parts if None in map(p.constant, _KEYS)]
            predicates = [
                every(
                    equal("file_key", v.key),
                    differs("etag", v.etag),
                    at_most("modified", _naive(v.modified)),
                )
                for v in by_key.values()
                if any(p.may_hold("file_key", v.key) for p in mixed)
            ]
            if not (whole or predicates):
                return False
            before = staging.transaction.table_metadata.current_snapshot_id
            if whole:
                staging.stage(Removal(whole))
            for predicate in predicates:
                staging.transaction.delete(predicate)
            return staging.transaction.table_metadata.current_snapshot_id != before

        self.table.change(stage, make=False)

    def remove(self, keys: Collection[str]) -> None:
        """Drop all rejects of these files."""
        self._remove({(key, "") for key in keys}, by_etag=False)

    def remove_versions(self, versions: Collection[tuple[str, str]]) -> None:
        """Drop the rejects of these keys and ETags."""
        self._remove(versions, by_etag=True)

    def _remove(self, versions: Collection[tuple[str, str]], *, by_etag: bool) -> None:
        def stage(staging: Staging) -> bool:
            removal = _removal(survey(self.lake, staging.table, _KEYS), versions, by_etag=by_etag)
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
        fields = tuple(n for n, _, _ in COLUMNS[:7])
        rows = found.scan(row_filter=condition, selected_fields=fields).to_arrow()
        for row in rows.sort_by([("file_key", "ascending"), ("line", "ascending")]).to_pylist():
            version = current.get(row["file_key"])
            if version is not None and version.etag == row["etag"]:
                yield StoredReject(
                    row["file_key"],
                    row["table_name"],
                    row["etag"],
                    row["line"],
                    row["column_name"],
                    row["reason"],
                    row["text"],
                )


def _removal(
    parts: Sequence[Part], versions: Collection[tuple[str, str]], *, by_etag: bool
) -> Removal:
    """Remove rows of these keys, or of these keys and ETags."""
    keys = {k for k, _ in versions}
    whole, mixed = [], []
    for part in parts:
        key, etag = part.constant("file_key"), part.constant("etag")
        if key is None or (by_etag and etag is None):
            mixed.append(part)
        elif (key, etag) in versions if by_etag else key in keys:
            whole.append(part.file)
    if not any(p.may_hold("file_key", key) for p in mixed for key in keys):
        return Removal(whole)
    # A predicate takes whole data files too: leave all of it to predicates.
    return Removal(
        (),
        [
            every(equal("file_key", key), *([equal("etag", etag)] if by_etag else ()))
            for key, etag in sorted(versions)
        ],
    )


def _is_replaced(part: Part, current: Mapping[str, Version], modified_id: int) -> bool:
    """Whether a data file holds nothing but rejects of one older version."""
    version = current.get(part.constant("file_key") or "")
    etag = part.constant("etag")
    latest = (part.file.upper_bounds or {}).get(modified_id)
    if version is None or etag in (None, version.etag) or latest is None:
        return False
    return from_micros(int.from_bytes(latest, "little", signed=True)) <= version.modified


def _naive(moment: datetime) -> str:
    """UTC as ISO text without a zone."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat()


def _as_data_file(run: Run, converted: Converted) -> Path:
    """The file's rejects with the table's columns and field ids."""
    file = converted.file
    target = run.workdir / f"rejects-{uuid.uuid4().hex}.parquet"
    now = _naive(datetime.now(UTC))
    modified = _naive(file.modified)
    values = {
        "file_key": sql.literal(file.key),
        "table_name": sql.literal(file.table),
        "etag": sql.literal(file.etag),
        "line": "line::BIGINT",
        "column_name": "coalesce(\"column\", '')::VARCHAR",
        "reason": "coalesce(reason, '')::VARCHAR",
        "text": "coalesce(\"text\", '')::VARCHAR",
        "dag_run_id": sql.literal(run.run_id),
        "rejected_at": f"{sql.literal(now)}::TIMESTAMP",
        "modified": f"{sql.literal(modified)}::TIMESTAMP",
    }
    select = ", ".join(f"{values[name]} AS {name}" for name, _, _ in COLUMNS)
    ids = ", ".join(f"{name}: {i}" for i, (name, _, _) in enumerate(COLUMNS, start=1))
    with sql.connect(run.pipeline.config.engine, run.workdir / "duckdb") as connection:
        connection.execute(
            f"COPY (SELECT {select} FROM read_parquet({sql.literal(str(converted.rejects))})) "
            f"TO {sql.literal(str(target))} "
            f"(FORMAT parquet, COMPRESSION zstd, FIELD_IDS {{{ids}}})"
        )
    return target
