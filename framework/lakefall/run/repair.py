"""Repairing a table: its types follow all of its files, so that now and then they are read again.

A load finds out that its files and those of the table together ask for other types than the table
has. Then the table is rebuilt from all of them in one commit, and is what one load of all of them
would have made.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from lakefall.common import naming, sql
from lakefall.contract.errors import TypeConflictError, UnrecordedFilesError
from lakefall.contract.values import (
    Change,
    Contribution,
    Records,
    Schema,
    SourceFile,
    TablePlan,
    TableState,
)
from lakefall.tabular.columns import typed_columns
from lakefall.tabular.places import LineMap

if TYPE_CHECKING:
    from lakefall.contract.run import Run

_SHOWN = 3
_SHOWN_CHARACTERS = 40


@dataclasses.dataclass(frozen=True, slots=True)
class Cost:
    """What a repair reads again."""

    files: int
    bytes: int
    gone: int = 0
    """Of these files, how many the source has no more."""

    def __str__(self) -> str:
        return f"{self.files:,} {'file' if self.files == 1 else 'files'} ({self.bytes:,} bytes)"

    @property
    def from_rows(self) -> str:
        """What is said of files that are gone."""
        if not self.gone:
            return ""
        return f", {self.gone:,} of them, gone from the source, from the table's rows"


def cost(
    known: Sequence[Contribution], loading: Collection[str], gone: Sequence[Contribution]
) -> Cost:
    """What the files of the table are that are not loaded anyway."""
    others = [each for each in known if each.key not in loading]
    return Cost(len(others), sum(each.size for each in others), len(gone))


def notes(plan: TablePlan, price: Cost, unsettled: Sequence[str] = ()) -> tuple[str, ...]:
    """The plan's own notes, and what each repaired column becomes or, ``unsettled``, may become."""
    changed = (
        f"column {c.name!r} of {plan.table!r} becomes {c.from_type or c.type}, it was {c.type}: "
        f"all files of the table ask for it, and {price} are loaded again{price.from_rows}"
        for c in plan.repairs
        if c.name not in unsettled
    )
    doubtful = (
        f"column {name!r} of {plan.table!r}: whether its type stays is found out by reading "
        f"{price} again{price.from_rows}"
        for name in unsettled
    )
    return (*plan.notes, *changed, *doubtful)


def kept(plan: TablePlan, why: str) -> TablePlan | None:
    """The plan of a load that leaves the types as they are; None where values would be lost."""
    if not all(c.lossless for c in plan.repairs):
        return None
    columns = tuple(
        dataclasses.replace(c, change=Change.KEEP, from_type="", lossless=False)
        if c.change is Change.REPAIR
        else c
        for c in plan.columns
    )
    left = tuple(
        f"column {c.name!r} of {plan.table!r} stays {c.type}, though its files ask for "
        f"{c.from_type}: {why}"
        for c in plan.repairs
    )
    return dataclasses.replace(plan, columns=columns, notes=(*plan.notes, *left))


def conflict(
    run: Run, plan: TablePlan, schema: Schema, records: Sequence[Records], why: str
) -> TypeConflictError:
    """Why a file cannot be loaded: values would be lost, and the table cannot be rebuilt."""
    column = next(c for c in plan.repairs if not c.lossless)
    setting = f"type_inferer.columns.{column.name}={column.type}"
    lost = [value for each in records for value in _lost(run, plan, schema, each, column.name)]
    shown = f" ({', '.join(lost[:_SHOWN])})" if lost else ""
    return TypeConflictError(
        f"column {column.name!r} of table {plan.table!r} is {column.type}, its files together ask "
        f"for {column.from_type or column.type}{shown}, and the table cannot be rebuilt: {why}. "
        f"`lakefall rebuild PIPELINE {plan.table}` makes it anew from what the source has; "
        f"`--set {setting}` keeps the type, and what does not parse becomes NULL"
    )


def _lost(run: Run, plan: TablePlan, schema: Schema, records: Records, name: str) -> Iterator[str]:
    """The first values of a column that do not parse as its type in the table, with their lines."""
    columns = typed_columns(run, records, plan, schema, "null")
    column = next((c for c in columns if c.name == name), None)
    if column is None or column.position is None or column.kept:
        return
    query = (
        f"SELECT place, {column.text} FROM (SELECT *, row_number() OVER () - 1 AS place FROM "
        f"{records.sql}) WHERE {column.misfit} LIMIT {_SHOWN}"
    )
    places = LineMap.load(records.places)
    engine = run.pipeline.config.engine
    candidates = [column.candidate]
    with sql.connect(engine, run.spill, candidates, columns=len(records.columns)) as connection:
        for row, text in sql.rows(connection, query):
            yield f"{text[:_SHOWN_CHARACTERS]!r} on {places.words(row)} of {records.local.name}"


def about(schema: Schema, state: TableState | None, asked: Collection[str]) -> Schema:
    """The schema of all files, where only these columns' types are in question."""
    given = {c.name: c for c in state.columns if c.name not in asked} if state else {}
    columns = (
        dataclasses.replace(c, type=given[c.name].type, format=given[c.name].format)
        if c.name in given
        else c
        for c in schema.columns
    )
    return dataclasses.replace(schema, columns=tuple(columns))


def files_to_read(
    run: Run, table: str, known: Sequence[Contribution], loading: Collection[str]
) -> tuple[list[SourceFile], list[Contribution], str]:
    """The table's other files as the source has them, those that it has no more, and why they
    cannot be had; ``''`` if so.

    A file that has changed meanwhile is taken as it is now: it is loaded by this run anyway.
    """
    others = {each.key: each for each in known if each.key not in loading}
    listed = {f.key: f for f in run.pipeline.discover(run) if not f.unread}
    found = [dataclasses.replace(listed[key], table=table) for key in others if key in listed]
    gone = [each for key, each in others.items() if key not in listed]
    size = sum(f.size for f in found) + sum(each.size for each in gone)
    limit = run.pipeline.repair_limit
    if size > limit:
        why = f"its other files have {size:,} bytes, more than sink.repair_limit ({limit:,})"
        return [], [], why
    return found, gone, ""


def keys_in(run: Run, table: str) -> set[str | None]:
    """The files that a table has rows of; None among them where it has rows of no file.

    The table itself is asked: the registry's last word on a file may be a failure, whose rows of
    an earlier version are still there, and it knows nothing of rows that others wrote.
    """
    column, name = sql.identifier(naming.AUDIT_COLUMNS[0]), sql.identifier(table)
    return set(run.pipeline.query(run, f"SELECT DISTINCT {column} FROM {name}")[0].to_pylist())


def rows_of_no_file(run: Run, table: str, keys: Collection[str]) -> str:
    """Why rows would be lost if the table were made of these files; ``''`` where none would.

    Raises:
        UnrecordedFilesError: it has rows of other files.
    """
    found = keys_in(run, table)
    if None in found:
        return "it has rows of no file"
    if others := sorted(set(map(str, found)) - set(keys)):
        raise UnrecordedFilesError(
            f"the types of table {table!r} depend on {others[0]!r} too, whose rows it has and "
            "which no run has recorded yet: another run is still at it, or was stopped; the next "
            "run tries again"
        )
    return ""
