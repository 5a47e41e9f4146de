"""What a task's log says: what ``lakefall run`` shows, and what ``lakefall plan`` would."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lakefall.airflow.step_values import Closing
from lakefall.common.printable import VisibleLog
from lakefall.contract.plugin import hookimpl
from lakefall.contract.values import Event, Format, Schema
from lakefall.run.outcomes import with_key

MOST_REJECTS = 20
"""Rejects that a log names; `lakefall rejects` shows all."""


class Told:
    """Listener: warnings, dialects, columns with their evidence, and rejects with their lines."""

    def __init__(self, log: VisibleLog) -> None:
        self._log = log

    @hookimpl
    def event(self, event: Event) -> None:
        where = event.key or event.table
        detail = event.detail
        if event.name == "warning":
            message = str(detail.get("message", ""))
            self._log.warning("%s", with_key(where, message) if where else message)
        elif event.name == "sniff.finished":
            self._sniffed(where, detail.get("format"))
        elif event.name == "infer.finished":
            self._inferred(where, detail.get("schema"))
        elif event.name == "convert.finished":
            self._converted(where, detail.get("rejects"))

    def _sniffed(self, key: str, found: object) -> None:
        if isinstance(found, Format):
            self._log.info("%s: %s", key, found.describe())
            for sentence in found.evidence:
                self._log.info("  %s", sentence)

    def _inferred(self, table: str, schema: object) -> None:
        if isinstance(schema, Schema):
            self._log.info("%s: %s columns", table, f"{len(schema.columns):,}")
            for column in schema.columns:
                self._log.info("  %s %s  %s", column.name, column.type, "; ".join(column.evidence))

    def _converted(self, key: str, rejects: object) -> None:
        if isinstance(rejects, Path):
            for line in rejected(rejects):
                self._log.info("%s: %s", key, line)


def rejected(path: Path) -> Iterator[str]:
    """The first rejects of a file: where and why, without the cell."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        total = file.metadata.num_rows
        first = next(file.iter_batches(MOST_REJECTS, columns=["line", "column", "reason"]), None)
    for reject in first.to_pylist() if first is not None else ():
        column = f", column {reject['column']}" if reject["column"] else ""
        yield f"reject on line {reject['line']}{column}: {reject['reason']}"
    if total > MOST_REJECTS:
        yield f"and {total - MOST_REJECTS:,} more rejects, which `lakefall rejects` shows"


def told_of(closing: Closing) -> Iterator[str]:
    """A run in a few lines."""
    counts = ", ".join(f"{n} {status}" for status, n in closing.counts.items())
    yield f"{counts or 'no files'}; {closing.rows_loaded:,} rows"
    for table, rows in closing.tables.items():
        yield f"{table}: {rows:,} rows"
    for key, missed in closing.rejects.items():
        yield f"{key}: {missed:,} records and cells did not reach the table as they were"
    for key in closing.gone:
        yield f"{key}: vanished or changed after it was listed; the next run takes what is there"
    for key, reason in closing.failed.items():
        yield f"failed: {with_key(key, reason)}"
