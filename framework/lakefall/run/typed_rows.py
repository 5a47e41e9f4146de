"""Files of a table that the source has no more: their records, as far as its rows tell them.

A table whose types change is made anew from its files. Where one is gone, its rows stand for it: a
column whose type stays is taken as it is, and a column whose type changes where the new type's
values follow from what is stored. For that the file's texts have to be known, which they are of
text, of columns of which every cell was the plain text of its value (``Schema.exact``), and of
integers that only become numbers of another kind.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar, TypeVar

from lakefall.common import naming, sql
from lakefall.contract.errors import TypeConflictError
from lakefall.contract.plugin import Stage
from lakefall.contract.values import (
    Column,
    Contribution,
    Converted,
    FileColumn,
    Format,
    LocalFile,
    Places,
    PlannedColumn,
    Records,
    Schema,
    SourceFile,
    StoredReject,
    TablePlan,
    TableState,
    text_column,
)
from lakefall.tabular import nested
from lakefall.tabular.evidence import FileEvidence, unpack
from lakefall.tabular.places import LineMapWriter
from lakefall.tabular.rejects import RejectWriter
from lakefall.tabular.scratch import Scratch, writing

if TYPE_CHECKING:
    import pyarrow as pa

    from lakefall.contract.run import Run

T = TypeVar("T")

_TEXT = "VARCHAR"
_WHOLE = ("INTEGER", "BIGINT")
_NUMBERS = (*_WHOLE, "DOUBLE", "DECIMAL")
_EXACT = 2**53
"""Up to here a DOUBLE holds every integer (IEEE 754)."""
_MOST_BYTES = 1 << 30
"""Of a file whose rows are read into memory."""
_HOLDS = {
    "BOOLEAN": ("BOOLEAN",),
    "INTEGER": _NUMBERS,
    "BIGINT": _NUMBERS,
    "DOUBLE": ("DOUBLE",),
    "DATE": ("DATE",),
}
"""Type of a file's values -> types of columns that hold them as they are."""


class RowsDoNotTell(Exception):  # noqa: N818 -- an answer, and no fault
    """Why a file's records cannot be told from the table's rows."""


@dataclass(frozen=True, slots=True)
class TypedRows(Format):
    """Rows of a table in place of the file that they came from."""

    reader: ClassVar[str] = ""
    encoding: str = ""
    confidence: float = 1.0
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is known of a file's column besides its rows."""

    have: Column
    """As the table has it."""
    planned: PlannedColumn
    """As it will be."""
    exact: tuple[str, str] | None
    """As in ``Schema``."""
    declared: str
    """The type that the file declared; ``''`` for text."""
    lost: bool
    """Some of its values are NULL because they did not parse."""


def file_of(known: Contribution, table: str) -> SourceFile:
    """The file as it was loaded."""
    return SourceFile(
        key=known.key,
        etag=known.etag,
        size=known.size,
        modified=known.modified or datetime.fromtimestamp(0, UTC),
        folder=known.key.partition("/")[0],
        table=table,
        origin=known.origin,
    )


def with_columns(
    schema: Schema, state: TableState, files: Sequence[Records | Contribution]
) -> Schema:
    """The schema with columns that only files have which are gone, in order of first appearance.

    Args:
        files: all files of the table.
    """
    here = {column.name: column for column in schema.columns}
    there = {column.name: column for column in state.columns}
    columns: dict[str, Column] = {}
    for each in sorted(files, key=_age):
        names = _names(each) if isinstance(each, Contribution) else ()
        found = (here.get(name) or there.get(name) for name in names)
        columns |= {c.name: c for c in found if c is not None and c.name not in columns}
        if isinstance(each, Records):
            columns |= {n: c for n, c in here.items() if n not in columns}
    return dataclasses.replace(schema, columns=tuple(columns.values()))


def in_place_of(
    run: Run, known: Contribution, state: TableState, plan: TablePlan, schema: Schema
) -> Records:
    """The records of a file that is gone, as loading it under the plan would read them.

    Args:
        state: the table as it is; ``plan`` was made against it, so that no load succeeds where its
            rows have changed since.

    Raises:
        RowsDoNotTell: values of a column whose type changes cannot be told from the table's rows.
    """
    if known.size > _MOST_BYTES:
        raise RowsDoNotTell(f"{known.key!r} has {known.size:,} bytes, too many to take them from")
    names = _names(known)
    if not names or naming.column_names(names) != names:
        raise RowsDoNotTell(f"nothing is known of the columns that {known.key!r} had")
    columns = {column.name: column for column in state.columns}
    planned = {column.name: column for column in plan.columns}
    if missing := next((n for n in names if n not in columns or n not in planned), None):
        raise RowsDoNotTell(f"the table has no column {missing!r} of {known.key!r} any more")
    file = file_of(known, plan.table)
    rejects = list(run.pipeline.stored_rejects(run, plan.table, known.key))
    lost = {each.column for each in rejects}
    if _rejects_records(run) and "" in lost:
        lost |= set(names)
    exact = _alike(known, lambda each: each.exact)
    declared = _alike(known, lambda each: each.declared)
    facts = (
        _Facts(columns[n], planned[n], exact.get(n), declared.get(n, ""), n in lost) for n in names
    )
    made = [_cell(run, schema, fact, f"s.t{at}") for at, fact in enumerate(facts)]
    if untold := next((n for n, cell in zip(names, made, strict=True) if cell is None), None):
        raise RowsDoNotTell(
            f"{known.key!r} is gone from the source, and what its values of column {untold!r} "
            f"were does not follow from the {columns[untold].type} that the table holds"
        )
    rows = _rows(run, plan.table, known, names)
    _refuse_large(rows, known, names, columns, planned)
    cells = {name: cell for name, cell in zip(names, made, strict=True) if cell is not None}
    return _records(run, file, rows, rejects, cells)


def _age(each: Records | Contribution) -> tuple[datetime, str]:
    file = each.local.file if isinstance(each, Records) else file_of(each, "")
    return file.modified, file.key


def _names(known: Contribution) -> tuple[str, ...]:
    """All columns of a file, of all members of an archive; none where that is not known."""
    files = unpack([known]).values()
    if any(each.lost for each in files):
        return ()
    return tuple(dict.fromkeys(name for each in files for name in each.names))


def _alike(known: Contribution, what: Callable[[FileEvidence], Mapping[str, T]]) -> dict[str, T]:
    """What is known of columns, where it is the same in all members of an archive."""
    found: dict[str, list[T | None]] = {}
    for each in unpack([known]).values():
        for name in each.names:
            found.setdefault(name, []).append(what(each).get(name))
    first = {name: kinds[0] for name, kinds in found.items() if len(set(kinds)) == 1}
    return {name: kind for name, kind in first.items() if kind is not None}


def _rejects_records(run: Run) -> bool:
    """Whether a value that does not parse may have cost a record, which another type would not."""
    readers = run.pipeline.config.uses.get(Stage.READER, ())
    return any(run.pipeline.on_misfit(use.alias) == "reject" for use in readers)


def _cell(run: Run, schema: Schema, facts: _Facts, value: str) -> tuple[str, str] | None:
    """The type that a column is declared to have, ``''`` for text, and the SQL of its cells; None
    where the new values do not follow from the stored ones, of which ``value`` is the SQL.
    """
    have, planned = facts.have, facts.planned
    same = (have.type, have.format) == (planned.type, planned.format)
    if same or facts.declared == have.type:
        # The latter as the file itself would be read.
        return have.type, value
    if have.type == _TEXT:
        return "", value
    if facts.lost or nested.is_nested(have.type) or nested.is_nested(planned.type):
        return None
    if text := _text(run, schema, facts, value):
        return "", text
    reading = run.pipeline.type_for(planned.type, planned.format, schema.settings)
    alike = have.format in (planned.format, *reading.extends)
    grows = have.type == planned.type or (have.type in _WHOLE and reading.numeric)
    return (have.type, value) if alike and grows else None


def _text(run: Run, schema: Schema, facts: _Facts, value: str) -> str:
    """SQL of the file's texts; ``''`` where they are not known."""
    if facts.exact == ("", ""):
        return f"CAST({value} AS VARCHAR)"
    holders = _HOLDS.get(facts.exact[0], ()) if facts.exact else ()
    if facts.exact is None or facts.have.type.partition("(")[0] not in holders:
        return ""
    reading = run.pipeline.type_for(*facts.exact, schema.settings)
    return reading.text(f"CAST({value} AS {reading.duckdb})") if reading.text else ""


def _rows(run: Run, table: str, known: Contribution, names: Sequence[str]) -> pa.Table:
    """The table's rows of a file, in columns ``t0`` .. ``tN``.

    Raises:
        RowsDoNotTell: they are not all there.
    """
    listed = ", ".join(f"{sql.identifier(name)} AS t{at}" for at, name in enumerate(names))
    source = sql.identifier(naming.AUDIT_COLUMNS[0])
    query = (
        f"SELECT {listed} FROM {sql.identifier(table)} WHERE {source} = {sql.literal(known.key)}"
    )
    rows = run.pipeline.query(run, query)
    if rows.num_rows != known.rows:
        raise RowsDoNotTell(
            f"the table has {rows.num_rows:,} rows of {known.key!r}, of which {known.rows:,} were "
            "loaded: somebody else changed them"
        )
    return rows


def _refuse_large(
    rows: pa.Table,
    known: Contribution,
    names: Sequence[str],
    columns: Mapping[str, Column],
    planned: Mapping[str, PlannedColumn],
) -> None:
    """Refuse an integer that a DOUBLE would round.

    Raises:
        RowsDoNotTell: there is one.
    """
    import pyarrow.compute as pc

    for at, name in enumerate(names):
        if columns[name].type != "BIGINT" or planned[name].type != "DOUBLE":
            continue
        bounds = pc.min_max(rows.column(f"t{at}")).as_py()
        if any(bound is not None and abs(bound) > _EXACT for bound in bounds.values()):
            raise RowsDoNotTell(
                f"{known.key!r} is gone from the source, and has integers beyond 2^53 in column "
                f"{name!r}, which a DOUBLE cannot hold"
            )


def _records(
    run: Run,
    file: SourceFile,
    rows: pa.Table,
    rejects: Sequence[StoredReject],
    cells: Mapping[str, tuple[str, str]],
) -> Records:
    import pyarrow as pa
    import pyarrow.parquet as pq

    scratch = Scratch.of(LocalFile(file, run.workdir, file.size), run.workdir)
    path, lines = scratch.file("rows.parquet"), scratch.file("lines")
    refused = scratch.file("rows-rejects.parquet")
    with writing(file.key, path, lines, refused):
        pq.write_table(rows, path, compression="zstd")
        with LineMapWriter(lines) as writer:
            writer.run(1, rows.num_rows)
        with RejectWriter(refused) as found:
            # Their texts are cut already.
            fields = ("line", "column", "reason", "text")
            found.extend([pa.array([getattr(r, f) for r in rejects]) for f in fields])
    whole = sum(not each.column for each in rejects)
    listed = ", ".join(
        f"{cell} AS {text_column(at)}" for at, (_, cell) in enumerate(cells.values())
    )
    return Records(
        local=LocalFile(file, path, path.stat().st_size),
        format=TypedRows(),
        columns=tuple(FileColumn(name, kind) for name, (kind, _) in cells.items()),
        rows_read=rows.num_rows + whole,
        rows_good=rows.num_rows,
        rows_rejected=whole,
        skipped=(),
        sql=f"(SELECT {listed} FROM {sql.parquet([path])} AS s)",
        rejects=found.result,
        places=Places(lines, unit="row"),
        cells_nulled=len(rejects) - whole,
    )


def refuse_losses(records: Records, converted: Converted, table: str) -> None:
    """The proof: what was taken from rows of the table loses no value on its way back.

    Raises:
        TypeConflictError: one became NULL, or its record was rejected.
    """
    before = (records.rows_rejected, records.cells_nulled)
    after = (converted.rows_rejected, converted.cells_nulled)
    if isinstance(records.format, TypedRows) and before != after:
        raise TypeConflictError(
            f"table {table!r} has to be rebuilt; the source has no more {converted.file.key!r}, "
            "and values that the table holds of it do not fit the new types"
        )
