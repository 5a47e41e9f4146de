"""The registry's rows, and what they say about a file: one law for every sink that keeps one.

The specification's columns come first, ours after them. The latest row of a key says how the file
stands; ``released`` marks a row whose file is to be tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from lakefall.contract.values import (
    Contribution,
    Decision,
    Outcome,
    RegistryEntry,
    SourceFile,
    Status,
)
from lakefall_plugins.sinks.lake.versions import EPOCH, Version

COLUMNS = (
    ("file_key", "string", True),
    ("etag", "string", True),
    ("table_name", "string", True),
    ("row_count", "int", False),
    ("status", "string", True),
    ("error_message", "string", False),
    ("ingested_at", "timestamp", True),
    ("dag_run_id", "string", True),
    ("rows_loaded", "long", False),
    ("rejected", "long", False),
    ("size", "long", False),
    ("modified", "timestamp", False),
    ("seconds", "double", False),
    ("digest", "string", False),
    ("retryable", "boolean", False),
    ("released", "boolean", False),
    ("origin", "string", False),
    ("evidence", "string", False),
)
_INT_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the registry."""

    file_key: str
    etag: str
    table_name: str
    row_count: int | None
    status: str
    error_message: str | None
    ingested_at: datetime
    dag_run_id: str
    rows_loaded: int | None = None
    rejected: int | None = None
    size: int | None = None
    modified: datetime | None = None
    seconds: float | None = None
    digest: str | None = None
    retryable: bool | None = None
    released: bool | None = None
    origin: str | None = None
    evidence: str | None = None

    def version(self) -> Version:
        return Version(
            self.file_key,
            self.etag,
            self.modified or EPOCH,
            self.ingested_at,
            self.rows_loaded or 0,
            self.rejected or 0,
            self.size or 0,
            self.dag_run_id,
        )


def standing(rows: Iterable[Row]) -> tuple[dict[str, Row], dict[str, Row]]:
    """The latest row and the latest success of every key; ``rows`` are oldest first."""
    latest: dict[str, Row] = {}
    loaded: dict[str, Row] = {}
    for row in rows:
        latest[row.file_key] = row
        if row.status == Status.SUCCESS:
            loaded[row.file_key] = row
    return latest, loaded


def latest_successes(rows: Iterable[Row], table: str = "") -> dict[str, Version]:
    """The version of every key that is in its table, or in this one, as far as the rows know.

    ``rows`` are oldest first.
    """
    return {
        r.file_key: r.version()
        for r in rows
        if r.status == Status.SUCCESS and table in ("", r.table_name)
    }


def contributions(rows: Iterable[Row]) -> list[Contribution]:
    """The files of which a table has rows, by key, as far as its ``rows``, oldest first, know."""
    _, loaded = standing(rows)
    return [
        Contribution(
            key,
            r.etag,
            r.rows_loaded or 0,
            r.size or 0,
            r.evidence or "",
            r.modified,
            r.origin or "",
            r.rejected or 0,
        )
        for key, r in sorted(loaded.items())
    ]


def history(rows: Iterable[Row]) -> list[RegistryEntry]:
    """The latest row of every key, by key, with what its latest success loaded."""
    latest, loaded = standing(rows)
    return [entry_of(latest[key], loaded.get(key)) for key in sorted(latest)]


def decide(
    files: Sequence[SourceFile],
    rows: Iterable[Row],
    tables: Collection[str],
    digest: Callable[[str], str],
) -> tuple[list[Decision], dict[str, Row]]:
    """Which files have to be loaded, and the latest success of every key.

    ``rows`` are oldest first, ``tables`` exist, ``digest`` is of a table's options.
    """
    latest, loaded = standing(rows)
    decisions = [_decide(f, latest.get(f.key), loaded.get(f.key), tables, digest) for f in files]
    return decisions, loaded


def _decide(
    file: SourceFile,
    last: Row | None,
    loaded: Row | None,
    tables: Collection[str],
    digest: Callable[[str], str],
) -> Decision:
    pending, reason = _judge(file, last, loaded, tables, digest)
    if loaded is None:
        return Decision(file, pending, reason)
    return Decision(replace(file, replaces=loaded.etag), pending, reason, loaded.ingested_at)


def believed(decisions: Iterable[Decision], loaded: Mapping[str, Row]) -> dict[str, list[Row]]:
    """By table: the latest successes of files that are left alone because they are unchanged."""
    found: dict[str, list[Row]] = {}
    for decision in decisions:
        row = loaded.get(decision.file.key)
        if not decision.pending and row is not None and row.etag == decision.file.etag:
            found.setdefault(row.table_name, []).append(row)
    return found


def doubted(decisions: Iterable[Decision], found: Mapping[str, str]) -> list[Decision]:
    """The decisions, but for the keys of which the table has another version, whose ETag is given;
    ``''`` where the table does not tell.

    That is so where a process died after its commit and before its row, and the source then went
    back to the version before.
    """
    return [
        replace(
            d,
            file=replace(d.file, replaces=found[d.file.key]),
            pending=True,
            reason="another version was loaded, not recorded",
        )
        if d.file.key in found and not d.pending
        else d
        for d in decisions
    ]


def _judge(
    file: SourceFile,
    last: Row | None,
    loaded: Row | None,
    tables: Collection[str],
    digest: Callable[[str], str],
) -> tuple[bool, str]:
    if last is None:
        return True, "new"
    if last.released:
        return True, "released: to be tried again"
    if last.status == Status.FAILED and last.etag == file.etag:
        return _judge_failed(last, digest(file.table))
    if loaded is None or loaded.etag != file.etag:
        return True, "changed"
    return _judge_loaded(file, loaded, tables)


def _judge_failed(last: Row, digest: str) -> tuple[bool, str]:
    why = last.error_message or ""
    if last.retryable:
        return True, f"failed before, may succeed now: {why}"
    if last.digest != digest:
        return True, f"failed before under other options: {why}"
    return False, f"failed before: {why}"


def _judge_loaded(file: SourceFile, loaded: Row, tables: Collection[str]) -> tuple[bool, str]:
    if file.problem:
        return True, "its folder gives no table any more"
    if file.table not in tables:
        return True, "table is gone"
    if loaded.table_name != file.table:
        return True, f"fed table {loaded.table_name!r} before"
    return False, "unchanged"


def row_of(outcome: Outcome, run_id: str, at: datetime) -> Row:
    """The registry's row for an outcome."""
    file, succeeded = outcome.file, outcome.status is Status.SUCCESS
    return Row(
        file_key=file.key,
        etag=file.etag,
        table_name=file.table,
        # The specification's column is an INTEGER; rows_loaded holds more.
        row_count=outcome.rows_loaded if outcome.rows_loaded <= _INT_MAX else None,
        status=outcome.status.value,
        error_message=outcome.error or None,
        ingested_at=at,
        dag_run_id=run_id,
        rows_loaded=outcome.rows_loaded,
        rejected=outcome.rows_rejected + (outcome.cells_nulled if succeeded else 0),
        size=file.size,
        modified=file.modified,
        seconds=outcome.seconds,
        digest=outcome.digest,
        retryable=outcome.retryable,
        released=False,
        origin=file.origin or None,
        evidence=outcome.evidence or None,
    )


def after(rows: Sequence[Row], recorded: Mapping[str, datetime]) -> list[Row]:
    """New rows, none of them before what is ``recorded`` of its key already.

    The latest row says how a file stands, and the clocks of two hosts, or of one host at two times,
    do not agree on which that is.
    """
    least = timedelta(microseconds=1)
    return [
        replace(r, ingested_at=max(r.ingested_at, recorded[r.file_key] + least))
        if r.file_key in recorded
        else r
        for r in rows
    ]


def row_of_version(
    version: Version, table: str, rows: int, run_id: str, modified: datetime | None, *, same: bool
) -> Row:
    """The row of a key that a registry which is made anew gets from its table.

    ``rows`` are those that the table has; where they are not the ``same`` as the version's, because
    somebody else changed them, the row has no ETag, and the file is loaded again.
    """
    return Row(
        file_key=version.key,
        etag=version.etag if same else "",
        table_name=table,
        row_count=rows,
        status=Status.SUCCESS.value,
        error_message=None,
        ingested_at=version.committed,
        dag_run_id=run_id,
        rows_loaded=rows,
        rejected=version.rejected,
        size=version.size,
        modified=modified,
        released=False,
        origin=version.origin or None,
    )


def entry_of(row: Row, loaded: Row | None) -> RegistryEntry:
    """A key's latest row, and the one of its latest success, as the core knows them."""
    return RegistryEntry(
        key=row.file_key,
        etag=row.etag,
        table=row.table_name,
        status=row.status,
        row_count=row.row_count if row.row_count is not None else row.rows_loaded or 0,
        rejected=row.rejected or 0,
        error=row.error_message or "",
        ingested_at=row.ingested_at,
        run_id=row.dag_run_id,
        size=row.size or 0,
        seconds=row.seconds or 0.0,
        origin=(loaded and loaded.origin) or "",
        loaded_table=loaded.table_name if loaded else "",
        loaded_rows=(loaded and loaded.rows_loaded) or 0,
    )


class Registry(Protocol):
    """What the hooks need of a sink's registry."""

    def rows(self, keys: Collection[str] = ()) -> Sequence[Row]: ...
    def of_table(self, name: str) -> Sequence[Row]: ...
    def history(self) -> Sequence[RegistryEntry]: ...
    def latest_successes(self) -> Mapping[str, Version]: ...
    def append(self, rows: Sequence[Row]) -> None: ...
    def release(self, keys: Collection[str]) -> int: ...
    def remove(self, keys: Collection[str]) -> None: ...
    def remove_others(self, table: str, keys: Collection[str]) -> None: ...


def forget(
    registry: Registry,
    remove_rejects: Callable[[Collection[str]], None],
    delete_rows: Callable[[str, Collection[str]], int],
    data_tables: Callable[[], Iterable[str]],
    keys: Collection[str],
) -> int:
    """Delete rows, then rejects, then registry rows; the number of rows deleted.

    In this order a crash leaves the registry rows, and the same command finishes the work. The keys
    are released first: a version that comes back after a crash is loaded, whatever its row says.
    """
    registry.release(keys)
    tables: dict[str, set[str]] = {}
    for row in registry.rows(keys):
        tables.setdefault(row.table_name, set()).add(row.file_key)
    if unknown := set(keys).difference(*tables.values()):
        for name in data_tables():
            tables.setdefault(name, set()).update(unknown)
    deleted = sum(delete_rows(name, known) for name, known in tables.items() if name)
    remove_rejects(keys)
    registry.remove(keys)
    return deleted
