"""A table's metadata: its schema, changed as a plan says, and what its snapshots say of loads."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING

from lakefall.contract.errors import PlanOutdatedError, StorageDamagedError, TableError
from lakefall.contract.values import Change
from lakefall.tabular import nested
from lakefall_plugins.sinks.iceberg.damage import is_missing, read
from lakefall_plugins.sinks.lake import comments, names, types
from lakefall_plugins.sinks.lake.plan import Field, Shape, iceberg_type
from lakefall_plugins.sinks.lake.versions import Version, from_micros, parse

if TYPE_CHECKING:
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table, Transaction
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.snapshots import Snapshot
    from pyiceberg.types import IcebergType, NestedField

    from lakefall.contract.run import Run
    from lakefall.contract.values import TablePlan

SIDECARS = (names.FILES_LOCATION, names.KEPT_LOCATION, names.EXPIRED_LOCATION)
"""Snapshot properties that name an object of ours."""


_RESERVED = "__duckdb_field_id"
"""What the engine takes for the id of a struct, not for a field of it."""


def parse_type(iceberg: str, ids: Iterator[int] | None = None) -> IcebergType:
    """PyIceberg's object for a type's name.

    Args:
        ids: of what is in a nested type (``lakefall.tabular.nested.field_ids``).

    Raises:
        TableError: Iceberg has no such type.
    """
    from pydantic import ValidationError
    from pyiceberg.types import NestedField

    if nested.is_nested(iceberg):
        return _nested_type(iceberg, ids or count(2))
    try:
        return NestedField(field_id=1, name="x", type=iceberg, required=False).field_type
    except (ValidationError, ValueError) as error:
        raise TableError(f"Iceberg has no type {iceberg!r}") from error


def _nested_type(type_name: str, ids: Iterator[int]) -> IcebergType:
    from pyiceberg.types import ListType, MapType, NestedField, StructType

    there = [(name, kind, next(ids)) for name, kind in nested.inner(type_name)]
    if any(not name or "." in name or name == _RESERVED for name, _, _ in there):
        raise TableError(f"a field in a column of type {type_name} has no name, or one with a dot")
    of = [parse_type(types.to_iceberg(kind, _unknown), ids) for _, kind, _ in there]
    if type_name.endswith("[]"):
        return ListType(there[0][2], of[0], element_required=False)
    if type_name.startswith("MAP("):
        return MapType(there[0][2], of[0], there[1][2], of[1], value_required=False)
    return StructType(
        *(
            NestedField(field_id=i, name=name, field_type=kind, required=False)
            for (name, _, i), kind in zip(there, of, strict=True)
        )
    )


def _unknown(type_name: str) -> str:
    raise TableError(f"Iceberg has no type {type_name!r} within a column")


def type_name(kind: IcebergType) -> str:
    """The name of a column's type, of a nested one without its ids."""
    from pyiceberg.types import ListType, MapType, StructType

    if isinstance(kind, StructType):
        return nested.struct_of((f.name, _name_within(f.field_type)) for f in kind.fields)
    if isinstance(kind, ListType):
        return nested.list_of(_name_within(kind.element_type))
    if isinstance(kind, MapType):
        return nested.map_of(_name_within(kind.key_type), _name_within(kind.value_type))
    return str(kind)


def _name_within(kind: IcebergType) -> str:
    return types.from_iceberg(type_name(kind))


def nested_ids(kind: IcebergType) -> tuple[int, ...]:
    """Ids of what is in a type (``lakefall.tabular.nested.field_ids``)."""
    from pyiceberg.types import ListType, MapType, StructType

    there: tuple[NestedField, ...] = ()
    if isinstance(kind, StructType):
        there = kind.fields
    elif isinstance(kind, ListType):
        there = (kind.element_field,)
    elif isinstance(kind, MapType):
        there = kind.key_field, kind.value_field
    own = tuple(field.field_id for field in there)
    return own + tuple(i for field in there for i in nested_ids(field.field_type))


def shape_of(table: Table, name: str) -> Shape:
    """The table as planning sees it."""
    snapshot = table.current_snapshot()
    return Shape(
        name,
        tuple(
            Field(f.name, type_name(f.field_type), f.field_id, f.required, nested_ids(f.field_type))
            for f in table.schema().fields
        ),
        # The sink `trino` can write comments only.
        {**comments.properties({f.name: f.doc for f in table.schema().fields}), **table.properties},
        table.metadata.last_column_id,
        str(snapshot.snapshot_id) if snapshot else "",
        bool(table.spec().fields),
    )


def schema_of(columns: Sequence[tuple[str, str, bool]]) -> Schema:
    """The schema of a new table of our own: name, Iceberg type and NOT NULL of each column."""
    from pyiceberg.schema import Schema
    from pyiceberg.types import NestedField

    return Schema(
        *(
            NestedField(field_id=i, name=n, field_type=parse_type(t), required=r)
            for i, (n, t, r) in enumerate(columns, start=1)
        )
    )


def _fields(run: Run, plan: TablePlan) -> list[tuple[str, str, tuple[int, ...]]]:
    """Name, Iceberg type and ids (its own, then those in it) of every column of the data files."""
    columns = [
        (c.name, iceberg_type(run, c.type), (c.field_id, *c.nested_ids)) for c in plan.columns
    ]
    audit_ids = {names.SOURCE_FILE: plan.source_file_id, names.INGESTED_AT: plan.ingested_at_id}
    return columns + [(n, t, (audit_ids[n],)) for n, t in names.AUDIT_TYPES.items()]


def _ids(field: NestedField) -> tuple[int, ...]:
    return field.field_id, *nested_ids(field.field_type)


def new_schema(run: Run, plan: TablePlan) -> Schema:
    """The schema of a table that is to be made."""
    from pyiceberg.schema import Schema
    from pyiceberg.types import NestedField

    return Schema(
        *(
            NestedField(
                field_id=ids[0],
                name=name,
                field_type=parse_type(kind, iter(ids[1:])),
                required=False,
            )
            for name, kind, ids in _fields(run, plan)
        )
    )


def stage(run: Run, transaction: Transaction, plan: TablePlan, *, created: bool) -> tuple[str, ...]:
    """Stage the plan's changes of schema and properties; the names of the columns added."""
    added = plan.columns_added if created else _stage_columns(run, transaction, plan)
    _stage_properties(run, transaction, plan)
    return tuple(name for name in added if name not in names.AUDIT_TYPES)


def _stage_columns(run: Run, transaction: Transaction, plan: TablePlan) -> tuple[str, ...]:
    fields = {f.name: f for f in transaction.table_metadata.schema().fields}
    wanted = _fields(run, plan)
    kept = {ids[0] for _, _, ids in wanted}
    changes = {c.name: c.change for c in plan.columns}
    gone = {n for n, f in fields.items() if f.field_id not in kept} if plan.rebuild else set()
    added: list[str] = []
    with transaction.update_schema() as update:
        for name in sorted(gone):
            update.delete_column((name,))
        for name, kind, ids in wanted:
            if name not in fields or name in gone:
                update.add_column((name,), parse_type(kind))
                if name not in gone:
                    added.append(name)
            elif changes.get(name) is Change.WIDEN and fields[name].field_id == ids[0]:
                if not types.promotes(str(fields[name].field_type), kind):
                    continue
                update.update_column((name,), field_type=parse_type(kind))
    if gone.intersection(name for name, _, _ in wanted):
        # A column of another type stands where the one before stood.
        order = [name for name, _, _ in wanted]
        with transaction.update_schema() as update:
            update.move_first(order[0])
            for name, before in zip(order[1:], order, strict=False):
                update.move_after(name, before)
    return tuple(added)


def _stage_properties(run: Run, transaction: Transaction, plan: TablePlan) -> None:
    properties = transaction.table_metadata.properties
    wanted: dict[str, str] = {}
    before: dict[str, str | None] = {}
    for column in plan.columns:
        implied = types.from_iceberg(iceberg_type(run, column.type))
        if column.format:
            wanted[names.format_property(column.name)] = column.format
            before[names.format_property(column.name)] = column.from_format
        if column.type not in (implied, "TIMESTAMP(6)"):
            wanted[names.type_property(column.name)] = column.type
    if plan.rebuild:
        kept = {n for n in properties if n in wanted}
        stale = [n for n in names.stale_properties(properties, set()) if n not in kept]
        if stale:
            transaction.remove_properties(*stale)
    for name, value in wanted.items():
        if not plan.rebuild and properties.get(name, value) not in (value, before.get(name)):
            raise PlanOutdatedError(
                f"table {plan.table!r} was given {name}={properties[name]!r} meanwhile"
            )
    new = {n: v for n, v in wanted.items() if properties.get(n) != v}
    if new:
        transaction.set_properties(new)


def relocation(run: Run, plan: TablePlan, metadata: TableMetadata) -> dict[int, int]:
    """The ids of columns that other writers' columns have pushed aside: planned -> to be.

    A column that the plan adds gets the next free id, or that of the same column where another
    writer has added it meanwhile. The data files stay as they are, but for their footers.

    Raises:
        PlanOutdatedError: the column is of another type there.
    """
    there = {f.name: f for f in metadata.schema().fields}
    changes = {c.name: c.change for c in plan.columns}
    free = metadata.last_column_id
    ids: dict[int, int] = {}
    for name, kind, planned in _fields(run, plan):
        if name not in there:
            if name in changes and changes[name] is not Change.ADD:
                raise PlanOutdatedError(f"column {name!r} left table {plan.table!r} meanwhile")
            chosen = tuple(range(free + 1, free + 1 + len(planned)))
            free += len(planned)
        elif changes.get(name) is Change.ADD and type_name(there[name].field_type) != kind:
            raise PlanOutdatedError(
                f"column {name!r} of table {plan.table!r} is {there[name].field_type} meanwhile"
            )
        else:
            chosen = _ids(there[name])
        if len(chosen) != len(planned):
            raise PlanOutdatedError(f"column {name!r} of table {plan.table!r} changed meanwhile")
        ids |= {one: other for one, other in zip(planned, chosen, strict=True) if one != other}
    return ids


def verify(
    run: Run, transaction: Transaction, plan: TablePlan, ids: Mapping[int, int] | None = None
) -> None:
    """Compare the staged schema with the plan that the data files were written for.

    ``ids`` are those that the files got instead of the planned ones.

    Raises:
        PlanOutdatedError: a column has another id or type.
    """
    schema = transaction.table_metadata.schema()
    found = {_ids(f): (f.name, type_name(f.field_type)) for f in schema.fields}
    for name, kind, planned in _fields(run, plan):
        field_ids = tuple((ids or {}).get(i, i) for i in planned)
        if found.get(field_ids) != (name, kind):
            raise PlanOutdatedError(
                f"column {name!r} of table {plan.table!r} was planned as {kind} with id "
                f"{field_ids[0]}, the table has {found.get(field_ids)} there now"
            )


def find_commit(table: Table, commit_id: str) -> Snapshot | None:
    """The snapshot that a load committed."""
    for snapshot in reversed(table.metadata.snapshots):
        if property_of(snapshot, names.COMMIT_ID) == commit_id:
            return snapshot
    return None


def versions(table: Table) -> Iterator[Version]:
    """Every version that the table's snapshots know, newest first."""
    for snapshot in reversed(table.metadata.snapshots):
        yield from versions_of(snapshot, table)


def latest(table: Table, keys: Collection[str], since: datetime) -> dict[str, Version]:
    """The newest version of these keys that was committed since then."""
    wanted = set(keys)
    found: dict[str, Version] = {}
    for snapshot in reversed(table.metadata.snapshots):
        if _committed(snapshot) < since:
            break
        for version in versions_of(snapshot, table):
            if version.key in wanted and version.committed >= since:
                found.setdefault(version.key, version)
    return found


def reach_back(table: Table, since: datetime) -> bool:
    """Whether every snapshot that was committed since then is still there."""
    snapshot = table.current_snapshot()
    while snapshot is not None:
        if _committed(snapshot) < since:
            return True
        if snapshot.parent_snapshot_id is None:
            # Expiry may take the parent's id away, too: only the first one has no number.
            return (snapshot.sequence_number or 0) <= 1
        snapshot = table.metadata.snapshot_by_id(snapshot.parent_snapshot_id)
    return table.current_snapshot() is None


def _committed(snapshot: Snapshot) -> datetime:
    """Rounded up: a commit was not before what happened earlier in the same millisecond."""
    return from_micros((snapshot.timestamp_ms + 1) * 1000)


def versions_of(snapshot: Snapshot, table: Table) -> Iterator[Version]:
    """Every version that one snapshot of a table knows."""
    for name, location in (
        (names.FILES, names.FILES_LOCATION),
        (names.KEPT, names.KEPT_LOCATION),
    ):
        text = property_of(snapshot, name)
        if path := property_of(snapshot, location):
            text = _note(path, table)
        yield from parse(text, _committed(snapshot), property_of(snapshot, names.RUN_ID))


def _note(path: str, table: Table) -> str:
    """The text of an object of ours; ``''`` where it is gone."""

    def work() -> str:
        with table.io.new_input(path).open() as stream:
            return stream.read().decode()

    try:
        return read(work, path, table.name()[-1])
    except StorageDamagedError as error:
        if not is_missing(error):
            raise
        return ""


def property_of(snapshot: Snapshot, name: str) -> str:
    """A property of a snapshot's summary; ``''`` where it has none."""
    return str(snapshot.summary[name] or "") if snapshot.summary is not None else ""


def objects_of(metadata: TableMetadata, of: Iterable[Snapshot]) -> set[str]:
    """Objects beside the data that belong to snapshots: our notes, and statistics."""
    some = list(of)
    ids = {s.snapshot_id for s in some}
    notes = (property_of(s, name) for s in some for name in SIDECARS)
    statistics = (*metadata.statistics, *metadata.partition_statistics)
    return {path for path in notes if path} | {
        s.statistics_path for s in statistics if s.snapshot_id in ids
    }
