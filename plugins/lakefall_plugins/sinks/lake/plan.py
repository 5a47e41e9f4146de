"""Planning a load: what happens to the table, with the field ids that the data files will carry.

The same for every sink that keeps Iceberg tables; each says what a table looks like (``Shape``).
Nothing here writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from lakefall.contract.errors import (
    SchemaFrozenError,
    TableError,
    TableNameError,
    TypeConflictError,
)
from lakefall.contract.types import TypeSettings
from lakefall.contract.values import Change, Column, PlannedColumn, Schema, TablePlan, TableState
from lakefall.tabular import nested
from lakefall_plugins.sinks.lake import names, types
from lakefall_plugins.sinks.lake.names import is_staging

if TYPE_CHECKING:
    from lakefall.contract.run import Run
    from lakefall_plugins.sinks.lake.options import LakeOptions

Accept = Callable[[str], object]
"""Takes an Iceberg type's name; raises ``TableError`` where the sink has no such type."""


@dataclass(frozen=True, slots=True)
class Field:
    """A column of a table that exists, audit columns included."""

    name: str
    type: str
    """Iceberg's name: ``int``, ``decimal(18, 2)``."""
    field_id: int
    required: bool = False
    nested_ids: tuple[int, ...] = ()
    """As in ``PlannedColumn``."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What planning has to know about a table that exists."""

    table: str
    fields: tuple[Field, ...]
    properties: Mapping[str, str]
    """Types and formats of columns that Iceberg's types do not tell (``names``)."""
    last_id: int
    """The greatest field id that the table ever gave."""
    snapshot: str = ""
    partitioned: bool = False


def iceberg_type(run: Run, type_name: str) -> str:
    """Iceberg's name of a type, asking the type's plugin where we do not know it."""
    return types.to_iceberg(
        type_name, lambda name: run.pipeline.type_for(name, "", TypeSettings()).iceberg
    )


def _accepted(run: Run, type_name: str, accept: Accept) -> str:
    """The type that a new column gets: JSON text where the sink has no such nested one.

    Raises:
        TableError: the sink has no such type.
    """
    try:
        accept(iceberg_type(run, type_name))
    except TableError:
        if not nested.is_nested(type_name):
            raise
        return nested.JSON
    return type_name


def describe(shape: Shape) -> TableState:
    """The table as it is, audit columns left out."""
    columns = tuple(
        Column(
            name=f.name,
            source_name=f.name,
            type=shape.properties.get(names.type_property(f.name)) or types.from_iceberg(f.type),
            nullable=not f.required,
            format=shape.properties.get(names.format_property(f.name), ""),
        )
        for f in shape.fields
        if f.name not in names.AUDIT_TYPES
    )
    return TableState(shape.table, columns, shape.snapshot)


def refuse_name(options: LakeOptions, table: str) -> None:
    """Keep off tables that no file may feed.

    Raises:
        TableNameError: a protected table, or one of our own.
    """
    if table in (options.registry_table, options.rejects_table) or is_staging(table):
        raise TableNameError(f"{table!r} is lakefall's own table; rename the folder")
    if table in options.protected_tables:
        raise TableNameError(
            f"{table!r} is protected; rename the folder, or take it out of sink.protected_tables"
        )


def plan_load(
    run: Run,
    options: LakeOptions,
    table: str,
    shape: Shape | None,
    schema: Schema,
    *,
    rebuild: bool,
    accept: Accept,
) -> TablePlan:
    """The plan of a load into a table that is made, rebuilt, or kept as far as it fits.

    Raises:
        SchemaFrozenError, TypeConflictError, TableError.
    """
    if shape is None:
        return new_table(run, table, schema, accept)
    if rebuild:
        return rebuilt_table(run, shape, schema, accept)
    return evolved_table(run, options, shape, schema, accept)


def new_table(run: Run, name: str, schema: Schema, accept: Accept) -> TablePlan:
    """Create the table: ids count from 1 in the order of the columns, then the audit columns, then
    what is in nested ones.
    """
    last = len(schema.columns)
    inside = iter(range(last + 3, 1 << 31))
    columns = tuple(
        PlannedColumn(
            c.name,
            kind := _accepted(run, c.type, accept),
            c.format,
            field_id=i,
            change=Change.ADD,
            nested_ids=tuple(islice(inside, nested.count(kind))),
        )
        for i, c in enumerate(schema.columns, start=1)
    )
    return TablePlan(
        name, created=True, columns=columns, source_file_id=last + 1, ingested_at_id=last + 2
    )


def rebuilt_table(run: Run, shape: Shape, schema: Schema, accept: Accept) -> TablePlan:
    """Swap columns and rows: columns of the same type keep their ids, others get new ones."""
    state, ids = describe(shape), _Ids(shape)
    fields = {f.name: f for f in shape.fields}
    columns = []
    for column in schema.columns:
        kind = _accepted(run, column.type, accept)
        field = fields.get(column.name)
        if field is not None and field.type == iceberg_type(run, kind):
            kept = PlannedColumn(column.name, kind, column.format, field.field_id)
            columns.append(replace(kept, nested_ids=field.nested_ids))
        else:
            change = Change.ADD if field is None else Change.REPAIR
            columns.append(replace(ids.added(column, kind), change=change))
    gone = [c.name for c in state.columns if c.name not in {p.name for p in columns}]
    notes = [f"every row of {state.table!r} is replaced"]
    if gone:
        notes.append(f"columns {', '.join(map(repr, gone))} are in no file any more and go")
    return TablePlan(
        state.table,
        created=False,
        columns=tuple(columns),
        source_file_id=ids.audit(names.SOURCE_FILE),
        ingested_at_id=ids.audit(names.INGESTED_AT),
        snapshot=state.snapshot,
        notes=tuple(notes),
        rebuild=True,
    )


def evolved_table(
    run: Run, options: LakeOptions, shape: Shape, schema: Schema, accept: Accept
) -> TablePlan:
    """Union by name: the table's types govern, new columns are added, some are widened.

    Raises:
        SchemaFrozenError, TypeConflictError, TableError.
    """
    state = describe(shape)
    _refuse_shape(state, shape)
    known = {c.name: c for c in state.columns}
    _refuse_new([c.name for c in schema.columns if c.name not in known], options, state)
    mode = options.on_type_conflict
    if mode in ("widen", "repair") and options.evolution == "freeze":
        mode = "null"
    ids = _Ids(shape)
    columns: list[PlannedColumn] = []
    notes: list[str] = []
    for column in schema.columns:
        if column.name not in known:
            columns.append(ids.added(column, _accepted(run, column.type, accept)))
            continue
        planned = _existing(
            run,
            mode,
            known[column.name],
            column,
            table=state.table,
            field_id=ids.known[column.name],
        )
        columns.append(replace(planned, nested_ids=ids.nested[column.name]))
        notes += _note(state.table, planned)
    return TablePlan(
        state.table,
        created=False,
        columns=tuple(columns),
        source_file_id=ids.audit(names.SOURCE_FILE),
        ingested_at_id=ids.audit(names.INGESTED_AT),
        snapshot=state.snapshot,
        notes=tuple(notes),
    )


def _existing(
    run: Run, mode: str, old: Column, new: Column, *, table: str, field_id: int
) -> PlannedColumn:
    have, asked = iceberg_type(run, old.type), iceberg_type(run, new.type)
    wider = new.from_format is not None and new.from_format == old.format
    form = new.format if wider else old.format or (new.format if have == asked else "")
    misfit = "reject" if mode == "reject" else "null"
    kept = PlannedColumn(
        old.name, old.type, form, field_id, from_format=old.format if wider else None
    )
    # A column of 0 and 1 reads as BOOLEAN and fits numbers; one of true and false does not.
    doubtful = asked == "boolean" and have not in ("boolean", "string")
    fits = types.fits(asked, have, new.format)
    widens = mode in ("widen", "repair") and types.promotes(have, asked)
    if mode == "repair" and not widens:
        rewritten = "" not in (old.format, new.format) and old.format != new.format and not wider
        if have == asked and not rewritten:
            return kept
        lossless = fits and not (doubtful or have == asked)
        return replace(kept, change=Change.REPAIR, from_type=new.type, lossless=lossless)
    if fits:
        return replace(kept, on_misfit=misfit if doubtful else "null")
    if widens:
        return replace(kept, type=new.type, change=Change.WIDEN, from_type=old.type)
    if mode == "fail":
        raise TypeConflictError(
            f"column {old.name!r} of table {table!r} is {old.type}, the files' values ask for "
            f"{new.type}; correct the files, choose another on_type_conflict, or "
            f"`lakefall rebuild` the table"
        )
    return replace(kept, change=Change.CONFLICT, from_type=new.type, on_misfit=misfit)


def _note(table: str, column: PlannedColumn) -> Iterator[str]:
    if column.from_format is not None:
        before = f", not only as {column.from_format}" if column.from_format else ""
        yield f"column {column.name!r} of {table!r} is read as {column.format} from now on{before}"
    if column.change is Change.CONFLICT:
        fate = (
            "records with a value that does not parse are rejected"
            if column.on_misfit == "reject"
            else "values that do not parse become NULL and are kept as rejects"
        )
        yield (
            f"column {column.name!r} of {table!r} is {column.type}, the files ask for "
            f"{column.from_type}: {fate}"
        )


def _refuse_new(added: list[str], options: LakeOptions, state: TableState) -> None:
    named = ", ".join(map(repr, added))
    if added and options.evolution == "freeze":
        raise SchemaFrozenError(
            f"table {state.table!r} has no column {named}, and `schema: freeze` forbids to add "
            "any; take the columns out of the files, or set `schema: evolve`"
        )
    if options.max_new_columns is not None and len(added) > options.max_new_columns:
        raise SchemaFrozenError(
            f"the files would add {len(added)} columns to table {state.table!r} ({named}), "
            f"max_new_columns is {options.max_new_columns}; correct the files or raise the limit"
        )
    by_lower = {c.name.lower(): c.name for c in state.columns}
    if clash := [name for name in added if name.lower() in by_lower]:
        raise TableError(
            f"table {state.table!r} has a column {by_lower[clash[0].lower()]!r}, which SQL cannot "
            f"tell from the files' {clash[0]!r}; rename the table's column to lower case"
        )


def _refuse_shape(state: TableState, shape: Shape) -> None:
    """Tables that somebody else made may be of a kind that files cannot feed."""
    if shape.partitioned:
        raise TableError(f"table {state.table!r} is partitioned; files feed unpartitioned tables")
    if required := [c.name for c in state.columns if not c.nullable]:
        raise TableError(
            f"column {required[0]!r} of table {state.table!r} is NOT NULL, which no file can "
            "promise; make it nullable"
        )
    for field in shape.fields:
        asked = names.AUDIT_TYPES.get(field.name, field.type)
        if asked != field.type:
            raise TableError(
                f"column {field.name!r} of table {state.table!r} is {field.type}; "
                f"lakefall keeps {asked} there"
            )


class _Ids:
    """Field ids of a table, and those that its next columns will get."""

    def __init__(self, shape: Shape) -> None:
        self.known = {f.name: f.field_id for f in shape.fields}
        self.nested = {f.name: f.nested_ids for f in shape.fields}
        self.new = iter(range(shape.last_id + 1, 1 << 31))

    def added(self, column: Column, kind: str) -> PlannedColumn:
        """A new column of the table, and what is in it."""
        planned = PlannedColumn(column.name, kind, column.format, next(self.new), change=Change.ADD)
        return replace(planned, nested_ids=tuple(islice(self.new, nested.count(kind))))

    def audit(self, name: str) -> int:
        """An audit column's id; added after the files' columns where the table has none."""
        return self.known[name] if name in self.known else next(self.new)
