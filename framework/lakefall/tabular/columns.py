"""SQL of a planned column: its value, and which cells of it are misfits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lakefall.common import naming, sql
from lakefall.contract.errors import HeaderLimitError
from lakefall.contract.plugin import OnMisfit
from lakefall.contract.run import Run
from lakefall.contract.types import TypeCandidate
from lakefall.contract.values import (
    PlannedColumn,
    Records,
    Schema,
    TablePlan,
    TypeSettings,
    text_column,
)
from lakefall.tabular import expressions, nested

TEXT = "VARCHAR"
"""The one type whose columns receive the original text."""
REFUSED = "lakefall: no value of its column's type"
"""What the engine says where a cell ends a conversion that proves."""


@dataclass(frozen=True, slots=True)
class TypedColumn:
    """One column of the table as this file feeds it."""

    planned: PlannedColumn
    candidate: TypeCandidate
    position: int | None
    """Which column of the file; None when the file lacks it."""
    null_values: tuple[str, ...]
    on_misfit: OnMisfit
    declared: str = ""
    """The type that the file declares for it; ``''`` for text."""
    proving: bool = False
    """Nobody has looked at all of its cells yet: one that does not parse ends the conversion."""
    empty: bool = False
    """The same of a cell that is not NULL."""
    plain: bool = False
    """Neither blanks nor null tokens are looked for (``Schema.as_written``), and a cell that does
    not parse as it stands ends the conversion."""

    @property
    def name(self) -> str:
        return self.planned.name

    @property
    def text(self) -> str:
        """SQL of the cell as written; of a typed one, as the engine writes it."""
        if self.position is None:
            return "NULL"
        return cell_text(text_column(self.position), self.declared)

    @property
    def kept(self) -> bool:
        """The file's own type is the table's, or it is nested and the table's is text: nothing is
        parsed.
        """
        return self.declared == self.planned.type or (
            nested.is_nested(self.declared) and self.planned.type in (TEXT, nested.JSON)
        )

    @property
    def can_misfit(self) -> bool:
        return not (
            self.position is None
            or self.candidate.type == TEXT
            or self.proving
            or self.plain
            or self.kept
        )

    @property
    def value(self) -> str:
        """SQL of the typed value."""
        if self.position is None:
            return f"CAST(NULL AS {self.candidate.duckdb})"
        if self.kept and self.declared == self.planned.type:
            return f"CAST({text_column(self.position)} AS {self.candidate.duckdb})"
        if self.empty:
            return f"CASE WHEN {self.text} IS NOT NULL THEN {self._refusal} END"
        if self.candidate.type == TEXT or self.kept:
            return self.text
        return self._parsed

    @property
    def _parsed(self) -> str:
        if self.plain:
            parsed = self.candidate.parse(self.text)
            return f"CASE WHEN {self.text} IS NOT NULL THEN coalesce({parsed}, {self._refusal}) END"
        value = expressions.value(self.candidate, self.text, self.null_values)
        if not self.proving:
            return value
        # A type that does not trim knows no null tokens.
        tokens = self.null_values if self.candidate.trim else ()
        token = expressions.token(expressions.trimmed(self.text), tokens)
        return (
            f"CASE WHEN {self.text} IS NOT NULL THEN coalesce({value}, "
            f"CASE WHEN NOT {token} THEN {self._refusal} END) END"
        )

    @property
    def _refusal(self) -> str:
        """SQL that ends the query; the engine evaluates it for no other cell."""
        return f"CAST(error({sql.literal(REFUSED)} || {self.text}[:0]) AS {self.candidate.duckdb})"

    @property
    def misfit(self) -> str:
        """SQL condition: a cell that is no null token, and does not parse."""
        return expressions.misfit(self.candidate, self.text, self.null_values)

    @property
    def reason(self) -> str:
        """Why a misfit is one, for people."""
        layout = f" ({self.planned.format})" if self.planned.format else ""
        return f"not a value of type {self.planned.type}{layout}"


def check_header(run: Run, name: str, header: Sequence[str]) -> None:
    """Whether a file's header is within the limits; cheap, so that a reader asks before it reads
    the rows.

    Args:
        name: what errors call the file.

    Raises:
        HeaderLimitError: it is not.
    """
    limits = run.pipeline.header_limits
    if len(header) > limits.columns:
        raise HeaderLimitError(
            f"{name}: {len(header):,} columns; max_columns is {limits.columns:,}. Is this file a "
            "table? If it is meant to have that many, raise sink.max_columns"
        )
    longest = max(range(len(header)), key=lambda at: len(header[at]), default=0)
    if header and len(header[longest]) > limits.name:
        raise HeaderLimitError(
            f"{name}: the name of column {longest + 1:,} has {len(header[longest]):,} characters "
            f"({header[longest][:40]!r}...); max_name_length is {limits.name:,}. Give it a shorter "
            "name, or raise sink.max_name_length"
        )


def typed_columns(
    run: Run, records: Records, plan: TablePlan, schema: Schema, on_misfit: OnMisfit
) -> tuple[TypedColumn, ...]:
    """The plan's columns, joined by name to those of the file.

    Args:
        schema: what the types rest on; its settings are those that the values are read under.
        on_misfit: what the reader's options say; a column's plan may be stricter.

    Raises:
        PluginError: no type plugin reads a column's type.
    """
    names = naming.column_names(records.header, transliterate=run.pipeline.transliterate)
    positions = {name: i for i, name in enumerate(names)}
    assumed = schema.assumed
    columns = []
    for planned in plan.columns:
        position = positions.get(planned.name)
        declared = "" if position is None else records.columns[position].type
        columns.append(
            TypedColumn(
                planned,
                _candidate(run, planned, declared, schema.settings),
                position,
                () if declared else schema.settings.null_values,
                "reject" if on_misfit == "null" and planned.on_misfit == "reject" else on_misfit,
                declared,
                proving=assumed is not None and planned.name in assumed.parsing,
                empty=assumed is not None and planned.name in assumed.empty,
            )
        )
    return tuple(columns)


def as_plain(
    columns: Sequence[TypedColumn], schema: Schema, files: Sequence[str]
) -> tuple[TypedColumn, ...]:
    """The columns, with less SQL for those whose cells stand in all these files as they are read.

    Half of it has to be planned, which is most of the work for a small file, and a large part for
    a wide one. Where a cell is not so after all, the conversion has to be repeated.

    Args:
        files: their names (``LocalFile.name``).
    """
    known = [set(schema.as_written.get(name, ())) for name in files]

    def plain(column: TypedColumn) -> bool:
        unread = column.declared or column.empty
        return not unread and all(column.name in each for each in known)

    return tuple(replace(each, plain=True) if plain(each) else each for each in columns)


def _candidate(
    run: Run, planned: PlannedColumn, declared: str, settings: TypeSettings
) -> TypeCandidate:
    if nested.is_nested(planned.type):
        # No text is a value of such a type.
        engine = planned.type
        return TypeCandidate(engine, 0, "", engine, lambda _: f"CAST(NULL AS {engine})")
    if declared and declared != planned.type:
        # What the engine writes of a typed value is plain, whatever the column's texts are.
        return run.pipeline.type_for(planned.type, "", TypeSettings())
    return run.pipeline.type_for(planned.type, planned.format, settings)


def cell_text(value: str, declared: str) -> str:
    """SQL of a cell's text, given that of its value and its declared type; JSON of a nested one."""
    if nested.is_nested(declared):
        return nested.json_text(declared, value)
    return f"CAST({value} AS VARCHAR)" if declared not in ("", TEXT) else value
