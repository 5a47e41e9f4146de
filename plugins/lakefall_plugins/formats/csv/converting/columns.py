"""SQL of a planned column: its value, and which cells of it are misfits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lakefall.common import naming, sql
from lakefall.contract.plugin import Stage
from lakefall.contract.run import Run
from lakefall.contract.types import TypeCandidate
from lakefall.contract.values import Assumed, PlannedColumn, Records, TablePlan, text_column
from lakefall_plugins.formats.csv.options import OnMisfit
from lakefall_plugins.types import expressions

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
    proving: bool = False
    """Nobody has looked at all of its cells yet: one that does not parse ends the conversion."""
    empty: bool = False
    """The same of a cell that is not NULL."""

    @property
    def name(self) -> str:
        return self.planned.name

    @property
    def text(self) -> str:
        """SQL of the cell as written."""
        return "NULL" if self.position is None else text_column(self.position)

    @property
    def can_misfit(self) -> bool:
        return self.position is not None and self.candidate.type != TEXT and not self.proving

    @property
    def value(self) -> str:
        """SQL of the typed value."""
        if self.position is None:
            return f"CAST(NULL AS {self.candidate.duckdb})"
        if self.empty:
            return f"CASE WHEN {self.text} IS NOT NULL THEN {self._refusal} END"
        if self.candidate.type == TEXT:
            return self.text
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


def typed_columns(
    run: Run,
    records: Records,
    plan: TablePlan,
    on_misfit: OnMisfit,
    assumed: Assumed | None = None,
) -> tuple[TypedColumn, ...]:
    """The plan's columns, joined by name to those of the file.

    Args:
        on_misfit: what the reader's options say; a column's plan may be stricter.
        assumed: what nobody has looked at all cells for yet.

    Raises:
        PluginError: no type plugin reads a column's type.
    """
    inferer = run.pipeline.plugin(Stage.TYPE_INFERER)
    settings = inferer.settings()
    null_values: Sequence[str] = inferer.null_values()
    names = naming.column_names(records.header, transliterate=run.pipeline.transliterate)
    positions = {name: i for i, name in enumerate(names)}
    return tuple(
        TypedColumn(
            planned,
            run.pipeline.type_for(planned.type, planned.format, settings),
            positions.get(planned.name),
            tuple(null_values),
            "reject" if on_misfit == "null" and planned.on_misfit == "reject" else on_misfit,
            proving=assumed is not None and planned.name in assumed.parsing,
            empty=assumed is not None and planned.name in assumed.empty,
        )
        for planned in plan.columns
    )
