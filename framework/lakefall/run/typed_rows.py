"""Files of a table that the source has no more: their records, as far as its rows tell them.

A table whose types change is made anew from its files. Where one is gone, its rows stand for it: a
column whose type stays is taken as it is, and a column whose type changes where the new type's
values follow from what is stored. For that the file's texts have to be known, which they are of
text, of columns of which every cell was the plain text of its value (``Schema.exact``), and of
integers that only become numbers of another kind.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from lakefall.common import naming, sql
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
    TypeSettings,
    text_column,
)
from lakefall.tabular import nested
from lakefall.tabular.columns import TEXT
from lakefall.tabular.evidence import FileEvidence, unpack
from lakefall.tabular.places import LineMapWriter
from lakefall.tabular.rejects import RejectWriter
from lakefall.tabular.scratch import Scratch, writing

if TYPE_CHECKING:
    import pyarrow as pa

    from lakefall.contract.run import Run

T = TypeVar("T")

_WHOLE = ("INTEGER", "BIGINT")
_NUMBERS = (*_WHOLE, "DOUBLE", "DECIMAL")
MOST_BYTES, MOST_CELLS = 256 << 20, 20_000_000
"""Of a file whose rows are read into memory."""


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
class Facts:
    """What is known of a column of a file that is gone."""

    have: Column
    """As the table has it."""
    value: str
    """SQL of its stored values."""
    exact: tuple[str, str] | None
    """As in ``Schema``."""
    declared: str | None
    """The type that the file declared; None for text."""
    lost: bool
    """Some of its values are NULL because they did not parse."""


@dataclass(frozen=True, slots=True)
class Gone:
    """A file that is gone, and what is known of it."""

    file: SourceFile
    """As it was loaded."""
    rows: int
    facts: Mapping[str, Facts]
    """By column, in the order of the table."""
    rejects: Sequence[StoredReject]


def known_of(run: Run, known: Contribution, state: TableState, asked: Collection[str]) -> Gone:
    """What is known of a file that is gone.

    Args:
        asked: columns whose types are in question.

    Raises:
        RowsDoNotTell: not enough, whatever its rows are.
    """
    members = list(unpack([known]).values())
    of_file = {name for each in members for name in each.names}
    names = [column.name for column in state.columns if column.name in of_file]
    if not of_file or any(each.lost for each in members) or known.modified is None:
        raise RowsDoNotTell(f"{known.key!r} is gone from the source, and little is known of it")
    if len(names) < len(of_file) or naming.column_names(names) != tuple(names):
        raise RowsDoNotTell(f"columns of {known.key!r}, which is gone, are no more in the table")
    if known.size > MOST_BYTES or known.rows * len(names) > MOST_CELLS:
        raise RowsDoNotTell(f"{known.key!r} is gone from the source, and has too many rows")
    file = SourceFile(
        key=known.key,
        etag=known.etag,
        size=known.size,
        modified=known.modified,
        folder=known.key.partition("/")[0],
        table=state.table,
        origin=known.origin,
    )
    if any(each.pending for each in run.pipeline.pending(run, [file])):
        raise RowsDoNotTell(f"{known.key!r} is gone from the source, and recorded in no sure way")
    rejects = tuple(run.pipeline.stored_rejects(run, state.table, known.key))
    lost = {each.column for each in rejects}
    if "" in lost or len(rejects) != known.rejected:
        # A record may have been rejected for a value that another type reads.
        raise RowsDoNotTell(f"{known.key!r} is gone from the source, and had rejects")
    columns = {column.name: column for column in state.columns}
    exact = _alike(members, lambda each: each.exact)
    declared = _alike(members, lambda each: each.declared)
    facts = {
        name: Facts(columns[name], f"s.t{at}", exact.get(name), declared.get(name), name in lost)
        for at, name in enumerate(names)
    }
    for name in sorted(asked):
        if name in facts and not _to_infer(run, facts[name])[1]:
            raise RowsDoNotTell(_untold(known.key, facts[name]))
    return Gone(file, known.rows, facts, rejects)


def read(run: Run, gone: Gone) -> Records:
    """The records of a file that is gone, for its types to be found.

    Columns are text, as the file had it or as the engine writes it, where that is read alike.

    Raises:
        RowsDoNotTell: the rows are not all there.
    """
    cells = {name: _to_infer(run, each)[0] for name, each in gone.facts.items()}
    return _records(run, gone, _rows(run, gone), cells)


def under(run: Run, records: Records, gone: Gone, plan: TablePlan, schema: Schema) -> Records:
    """The same records as loading the file under the plan would read them.

    Args:
        plan: made against the table that the rows were read of, so that no load succeeds where
            they have changed since.

    Raises:
        RowsDoNotTell: values of a column whose type changes cannot be told from the table's rows.
    """
    planned = {column.name: column for column in plan.columns}
    cells: dict[str, tuple[str, str]] = {}
    for name, each in gone.facts.items():
        cell = _to_load(run, schema, each, planned[name])
        if cell is None:
            raise RowsDoNotTell(_untold(gone.file.key, each))
        cells[name] = cell
    return dataclasses.replace(records, **_shape(records.local.path, cells))


def _untold(key: str, facts: Facts) -> str:
    return (
        f"{key!r} is gone from the source, and what its values of column {facts.have.name!r} were "
        f"does not follow from the {facts.have.type} that the table holds"
    )


def _alike(
    members: Sequence[FileEvidence], what: Callable[[FileEvidence], Mapping[str, T]]
) -> dict[str, T]:
    """What is known of columns, where it is the same in all members of an archive."""
    found: dict[str, list[T | None]] = {}
    for each in members:
        for name in each.names:
            found.setdefault(name, []).append(what(each).get(name))
    first = {name: kinds[0] for name, kinds in found.items() if len(set(kinds)) == 1}
    return {name: kind for name, kind in first.items() if kind is not None}


def _to_infer(run: Run, facts: Facts) -> tuple[tuple[str, str], bool]:
    """The type that a column is declared to have, ``''`` for text, and the SQL of its cells; and
    whether types are found in them as in the file's own.
    """
    have, value = facts.have, facts.value
    if facts.declared == have.type:
        return (have.type, value), True
    if have.type == TEXT:
        return ("", value), True
    if text := _text(run, facts):
        return ("", text), not facts.lost
    if have.type in _WHOLE and not have.format:
        # But for blanks around it, no other text is such an integer.
        return ("", f"CAST({value} AS VARCHAR)"), not facts.lost
    return (have.type, value), False


def _to_load(
    run: Run, schema: Schema, facts: Facts, planned: PlannedColumn
) -> tuple[str, str] | None:
    """The same for the plan's type; None where its values do not follow from the stored ones."""
    have, value = facts.have, facts.value
    same = (have.type, have.format) == (planned.type, planned.format)
    if same or facts.declared == have.type:
        # The latter as the file itself would be read.
        return have.type, value
    if have.type == TEXT:
        return "", value
    if facts.lost or nested.is_nested(have.type) or nested.is_nested(planned.type):
        return None
    if text := _text(run, facts):
        return "", text
    reading = run.pipeline.type_for(planned.type, planned.format, schema.settings)
    alike = have.format in (planned.format, *reading.extends)
    grows = have.type == planned.type or (have.type in _WHOLE and reading.numeric)
    return (have.type, value) if alike and grows else None


def _text(run: Run, facts: Facts) -> str:
    """SQL of the file's texts; ``''`` where they are not known.

    They are where the column's reading is the one by which each text was that of its value: another
    one may have taken 01/02/2024 for another day. Integers are the same as any plain number.
    """
    have, exact = facts.have, facts.exact
    if exact == ("", ""):
        return f"CAST({facts.value} AS VARCHAR)"
    if exact is None:
        return ""
    plain = exact[0] in _WHOLE and have.type.partition("(")[0] in _NUMBERS and not have.format
    if exact != (have.type, have.format) and not (plain and not exact[1]):
        return ""
    reading = run.pipeline.type_for(*exact, TypeSettings())
    return reading.text(f"CAST({facts.value} AS {reading.duckdb})") if reading.text else ""


def _rows(run: Run, gone: Gone) -> pa.Table:
    """The table's rows of a file, in columns ``t0`` .. ``tN``.

    Raises:
        RowsDoNotTell: they are not all there.
    """
    key, table = gone.file.key, gone.file.table
    listed = ", ".join(f"{sql.identifier(name)} AS t{at}" for at, name in enumerate(gone.facts))
    source = sql.identifier(naming.AUDIT_COLUMNS[0])
    query = f"SELECT {listed} FROM {sql.identifier(table)} WHERE {source} = {sql.literal(key)}"
    rows = run.pipeline.query(run, query)
    if rows.num_rows != gone.rows:
        raise RowsDoNotTell(
            f"the table has {rows.num_rows:,} rows of {key!r}, of which {gone.rows:,} were "
            "loaded: somebody else changed them"
        )
    return rows


def _records(run: Run, gone: Gone, rows: pa.Table, cells: Mapping[str, tuple[str, str]]) -> Records:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file, rejects = gone.file, gone.rejects
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
    return Records(
        local=LocalFile(file, path, path.stat().st_size),
        format=TypedRows(),
        rows_read=rows.num_rows + whole,
        rows_good=rows.num_rows,
        rows_rejected=whole,
        skipped=(),
        rejects=found.result,
        places=Places(lines, unit="row"),
        cells_nulled=len(rejects) - whole,
        **_shape(path, cells),
    )


def _shape(path: Path, cells: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    """Columns and SQL of records, given declared type and SQL of each column."""
    listed = ", ".join(
        f"{cell} AS {text_column(at)}" for at, (_, cell) in enumerate(cells.values())
    )
    return {
        "columns": tuple(FileColumn(name, kind) for name, (kind, _) in cells.items()),
        "sql": f"(SELECT {listed} FROM {sql.parquet([path])} AS s)",
    }


def refuse_losses(records: Records, converted: Converted) -> None:
    """The proof: what was taken from rows of the table loses no value on its way back.

    Raises:
        RowsDoNotTell: one became NULL, or its record was rejected.
    """
    before = (records.rows_rejected, records.cells_nulled)
    after = (converted.rows_rejected, converted.cells_nulled)
    if isinstance(records.format, TypedRows) and before != after:
        raise RowsDoNotTell(
            f"{converted.file.key!r} is gone from the source, and values that the table holds of "
            "it do not fit the new types"
        )
