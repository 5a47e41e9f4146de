"""The sink ``parquet_folder``: Parquet files in a folder, and one JSON file that knows them.

What the JSON file names is in the tables; replacing it is the commit.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakefall.common import sql
from lakefall.contract.plugin import Plugin, SinkOptions, Stage, hookimpl
from lakefall.contract.run import Run
from lakefall.contract.values import (
    Change,
    Check,
    Column,
    Converted,
    Decision,
    Loaded,
    Outcome,
    PlannedColumn,
    RegistryEntry,
    Schema,
    SourceFile,
    Status,
    StoredReject,
    TablePlan,
    TableState,
    from_json,
    to_json,
)

if TYPE_CHECKING:
    import pyarrow as pa

AUDIT_IDS = 1_000_000
"""Ids of the audit columns, above those of all others."""


class ParquetFolderOptions(SinkOptions):
    """Where the folder is."""

    path: Path
    """The folder; it is made when something is loaded."""


class ParquetFolder(Plugin[ParquetFolderOptions]):
    """Keeps tables as Parquet files in a folder, for one writer at a time."""

    name = "parquet_folder"
    stage = Stage.SINK

    # --- what has to be loaded, and into what ---

    @hookimpl
    def pending(self, files: Sequence[SourceFile]) -> Sequence[Decision]:
        known = self._read()["files"]
        return [_decide(file, known.get(file.key)) for file in files]

    @hookimpl
    def describe(self, table: str) -> TableState | None:
        columns = self._read()["tables"].get(table)
        if columns is None:
            return None
        found = (Column(name, name, kind, nullable=True, format=f) for name, kind, f in columns)
        return TableState(table, tuple(found))

    @hookimpl
    def prepare(self, table: str, schema: Schema) -> TablePlan:
        """A column that the table has keeps its type; others are added."""
        state = self.describe(table)
        known = {c.name: c for c in state.columns} if state else {}
        names = list(dict.fromkeys([*known, *(c.name for c in schema.columns)]))
        columns = tuple(
            PlannedColumn(
                name=each.name,
                type=known.get(each.name, each).type,
                format=known.get(each.name, each).format,
                field_id=names.index(each.name) + 1,
                change=Change.KEEP if each.name in known else Change.ADD,
            )
            for each in schema.columns
        )
        return TablePlan(table, state is None, columns, AUDIT_IDS, AUDIT_IDS + 1)

    # --- the commit ---

    @hookimpl
    def load(self, run: Run, plan: TablePlan, files: Sequence[Converted]) -> Loaded:
        catalogue = self._read()
        known = catalogue["tables"].setdefault(plan.table, [])
        known += [[c.name, c.type, c.format] for c in plan.columns if c.change is Change.ADD]
        old = {f.file.key: catalogue["files"].get(f.file.key) for f in files}
        for each in files:
            catalogue["files"][each.file.key] = self._keep(run, plan.table, each)
        self._commit(catalogue)
        for replaced in filter(None, old.values()):
            self._remove(replaced)
        outcomes = tuple(_outcome(f, plan, old[f.file.key]) for f in files)
        return Loaded(plan.table, plan.created, plan.columns_added, (), run.run_id, outcomes)

    def _keep(self, run: Run, table: str, converted: Converted) -> dict[str, Any]:
        """Copy a file's rows and rejects into the folder, under names that nothing has yet."""
        version = f"{converted.file.key}\0{converted.file.etag}\0{run.run_id}"
        stem = self.options.path / table / sha256(version.encode()).hexdigest()[:32]
        stem.parent.mkdir(parents=True, exist_ok=True)
        rows = [
            shutil.copyfile(path, f"{stem}_{number}.parquet")
            for number, path in enumerate(converted.paths)
        ]
        rejects = converted.rejects and shutil.copyfile(converted.rejects, f"{stem}.rejects")
        return {
            "table": table,
            "etag": converted.file.etag,
            "count": converted.rows_loaded,
            "rows": [str(path) for path in rows],
            "rejects": rejects and str(rejects),
        }

    # --- the registry ---

    @hookimpl
    def record(self, run: Run, outcomes: Sequence[Outcome]) -> bool:
        catalogue = self._read()
        for each in outcomes:
            entry = _entry(run, each, catalogue["files"].get(each.file.key))
            catalogue["registry"][each.file.key] = json.loads(to_json(entry))
        self._commit(catalogue)
        return True

    @hookimpl
    def history(self) -> Sequence[RegistryEntry]:
        entries = self._read()["registry"].values()
        return [from_json(RegistryEntry, json.dumps(entry)) for entry in entries]

    @hookimpl
    def stored_rejects(self, table: str, key: str) -> Iterable[StoredReject]:
        import pyarrow.parquet as pq

        for name, file in self._read()["files"].items():
            if file["rejects"] and table in ("", file["table"]) and key in ("", name):
                for row in pq.read_table(file["rejects"]).to_pylist():
                    yield StoredReject(name, file["table"], file["etag"], **row)

    @hookimpl
    def forget(self, keys: Sequence[str]) -> int:
        catalogue = self._read()
        gone = [f for f in (catalogue["files"].pop(key, None) for key in keys) if f]
        for key in keys:
            catalogue["registry"].pop(key, None)
        self._commit(catalogue)
        for file in gone:
            self._remove(file)
        return sum(file["count"] for file in gone)

    # --- questions ---

    @hookimpl
    def query(self, run: Run, sql: str) -> pa.Table:
        return self._query(run, sql)

    def _query(self, run: Run, query: str) -> pa.Table:
        catalogue = self._read()
        with sql.connect(run.pipeline.config.engine, run.workdir) as connection:
            for table in catalogue["tables"]:
                files = [f for f in catalogue["files"].values() if f["table"] == table]
                paths = [path for file in files for path in file["rows"]]
                rows = sql.parquet(paths, "union_by_name = true") if paths else "(SELECT 1) LIMIT 0"
                view = sql.identifier(table)
                connection.execute(f"CREATE OR REPLACE TEMP VIEW {view} AS SELECT * FROM {rows}")
            return sql.table(connection, query)

    @hookimpl
    def check(self) -> Iterable[Check]:
        tables = len(self._read()["tables"])
        yield Check(f"folder {self.options.path}", ok=True, message=f"{tables} tables")

    # --- the JSON file ---

    @property
    def _file(self) -> Path:
        return self.options.path / "catalogue.json"

    def _read(self) -> dict[str, Any]:
        if not self._file.exists():
            return {"tables": {}, "files": {}, "registry": {}}
        found: dict[str, Any] = json.loads(self._file.read_bytes())
        return found

    def _commit(self, catalogue: dict[str, Any]) -> None:
        self.options.path.mkdir(parents=True, exist_ok=True)
        written = self._file.with_suffix(".new")
        written.write_text(json.dumps(catalogue), encoding="utf-8")
        written.replace(self._file)

    def _remove(self, file: dict[str, Any]) -> None:
        for path in filter(None, (*file["rows"], file["rejects"])):
            Path(path).unlink(missing_ok=True)


def _decide(file: SourceFile, known: dict[str, Any] | None) -> Decision:
    if known is None:
        return Decision(file, pending=True, reason="new")
    if known["etag"] != file.etag:
        return Decision(file, pending=True, reason="changed")
    return Decision(file, pending=False, reason="unchanged")


def _outcome(converted: Converted, plan: TablePlan, old: dict[str, Any] | None) -> Outcome:
    return Outcome(
        converted.file,
        Status.SUCCESS,
        rows_read=converted.rows_read,
        rows_loaded=converted.rows_loaded,
        rows_rejected=converted.rows_rejected,
        skipped=converted.skipped,
        cells_nulled=converted.cells_nulled,
        rows_deleted=old["count"] if old else 0,
        columns_added=plan.columns_added,
        warnings=converted.warnings,
    )


def _entry(run: Run, outcome: Outcome, loaded: dict[str, Any] | None) -> RegistryEntry:
    file = outcome.file
    entry = RegistryEntry(
        key=file.key,
        etag=file.etag,
        table=file.table,
        status=outcome.status.value,
        row_count=outcome.rows_loaded,
        rejected=outcome.rows_rejected,
        error=outcome.error,
        ingested_at=datetime.now(UTC),
        run_id=run.run_id,
        size=file.size,
        seconds=outcome.seconds,
        origin=file.origin,
    )
    if loaded is None:
        return entry
    return dataclasses.replace(entry, loaded_table=loaded["table"], loaded_rows=loaded["count"])
