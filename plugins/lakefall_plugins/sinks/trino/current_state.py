"""What the tables say of some files now: the one query before every replacement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lakefall.contract.values import Status
from lakefall_plugins.sinks.lake import names
from lakefall_plugins.sinks.lake.types import from_trino
from lakefall_plugins.sinks.lake.versions import EPOCH, Version
from lakefall_plugins.sinks.trino.lakehouse import MISSING
from lakefall_plugins.trino_client.errors import TrinoQueryError
from lakefall_plugins.trino_client.sql import identifier, literal, literals, pieces

if TYPE_CHECKING:
    from lakefall.contract.values import TablePlan
    from lakefall_plugins.sinks.trino.lakehouse import Lakehouse
    from lakefall_plugins.sinks.trino.registry import Registry

_NOTHING = "CAST(NULL AS varchar)"
_NEVER = "CAST(NULL AS timestamp(6))"


@dataclass(frozen=True, slots=True)
class KeyRows:
    """A key's rows in the table."""

    number: int
    since: datetime | None
    until: datetime | None
    """When they say they were loaded, UTC: least and greatest. None: they do not say."""


@dataclass(slots=True)
class CurrentState:
    """What was there at one moment."""

    there: bool = False
    """Whether the table exists."""
    types: dict[str, str] = field(default_factory=dict)
    """Iceberg's types of its columns."""
    comments: dict[str, str | None] = field(default_factory=dict)
    """Of its columns."""
    comment: str = ""
    """Of the table."""
    rows: dict[str, KeyRows] = field(default_factory=dict)
    versions: dict[str, list[Version]] = field(default_factory=dict)
    """Versions that the registry has as loaded into the table."""
    rejects: set[tuple[str, str]] = field(default_factory=set)
    """Keys and ETags with rejects."""

    def counts(self) -> dict[str, int]:
        return {key: rows.number for key, rows in self.rows.items() if rows.number}

    def unrecorded(self, since: datetime) -> bool:
        """Whether rows were replaced since then by a run that has not recorded it yet."""
        return any(
            rows.until is not None
            and rows.until >= since
            and not any(v.committed >= rows.until for v in self.versions.get(key, ()))
            for key, rows in self.rows.items()
        )


def read_state(
    lake: Lakehouse, registry: Registry, plan: TablePlan, keys: Sequence[str]
) -> CurrentState:
    """What the registry, the table and the rejects have of these keys."""
    try:
        return _read(lake, plan, keys)
    except TrinoQueryError as error:
        if error.name not in (*MISSING, "COLUMN_NOT_FOUND"):
            raise
    # A table is gone that was there, or the registry is an older one, or the table somebody
    # else's, without our columns.
    lake.tables(fresh=True)
    if lake.has(registry.name):
        registry.upgrade()
    shape = lake.shape(plan.table)
    ours = shape is None or {f.name for f in shape.fields} >= set(names.AUDIT_TYPES)
    return _read(lake, plan, keys, ours=ours)


def _read(
    lake: Lakehouse, plan: TablePlan, keys: Sequence[str], *, ours: bool = True
) -> CurrentState:
    seen = CurrentState(there=lake.has(plan.table) and not plan.created)
    for group in pieces(sorted(keys), lake.options.max_statement_chars // 5):
        selects = _selects(lake, plan, seen, group)
        if seen.there and ours:
            selects.append(_count(lake, plan, group))
        if selects:
            for row in lake.client.rows(" UNION ALL ".join(selects)):
                _take(seen, row)
    return seen


def _selects(
    lake: Lakehouse, plan: TablePlan, seen: CurrentState, keys: Sequence[str]
) -> list[str]:
    options, wanted = lake.options, literals(keys)
    selects: list[str] = []
    if lake.has(options.rejects_table):
        selects.append(
            f"SELECT 'reject', file_key, etag, {_NOTHING}, {_NEVER}, {_NEVER}, count(*) "
            f"FROM {lake.name(options.rejects_table)} "
            f"WHERE file_key IN ({wanted}) GROUP BY file_key, etag"
        )
    if not seen.there:
        return selects
    if lake.has(options.registry_table) and not plan.forgets_others:
        selects.append(
            f"SELECT 'version', file_key, max_by(etag, ingested_at), {_NOTHING}, "
            "max(ingested_at), max_by(modified, ingested_at), 0 "
            f"FROM {lake.name(options.registry_table)} WHERE file_key IN ({wanted}) "
            f"AND status = {literal(Status.SUCCESS.value)} "
            f"AND table_name = {literal(plan.table)} GROUP BY file_key"
        )
    if not seen.types:
        selects.append(
            f"SELECT 'column', column_name, data_type, comment, {_NEVER}, {_NEVER}, 0 "
            f"FROM ({lake.columns(plan.table)})"
        )
        selects.append(
            f"SELECT 'comment', '', \"value\", {_NOTHING}, {_NEVER}, {_NEVER}, 0 "
            f"FROM {lake.name(f'{plan.table}$properties')} WHERE key = 'comment'"
        )
    return selects


def _count(lake: Lakehouse, plan: TablePlan, keys: Sequence[str]) -> str:
    key, at = identifier(names.SOURCE_FILE), identifier(names.INGESTED_AT)
    where = f"{key} IS NOT NULL" if plan.rebuild else f"{key} IN ({literals(keys)})"
    return (
        f"SELECT 'rows', {key}, {_NOTHING}, {_NOTHING}, min({at}), max({at}), count(*) "
        f"FROM {lake.name(plan.table)} WHERE {where} GROUP BY {key}"
    )


def _take(seen: CurrentState, row: Sequence[Any]) -> None:
    kind, name, one, two, first, last, number = row
    if kind == "reject":
        seen.rejects.add((name, one))
    elif kind == "column":
        seen.types[name], seen.comments[name] = from_trino(one), two
    elif kind == "comment":
        seen.comment = one or ""
    elif kind == "rows":
        seen.rows[name] = KeyRows(number, _utc(first), _utc(last))
    else:
        version = Version(name, one, _utc(last) or EPOCH, _utc(first) or EPOCH)
        seen.versions.setdefault(name, []).append(version)


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)
