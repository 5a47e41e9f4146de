"""SQL of a planned column: its value, and which cells of it are misfits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lakefall import naming, sql
from lakefall.model import PlannedColumn, Records, TablePlan, text_column
from lakefall.plugin import Stage
from lakefall.run import Run
from lakefall.types import TypeCandidate

OnMisfit = Literal["null", "reject", "fail"]
TEXT = "VARCHAR"
"""The one type whose columns receive the original text."""


@dataclass(frozen=True, slots=True)
class TypedColumn:
    """One column of the table as this file feeds it."""

    planned: PlannedColumn
    candidate: TypeCandidate
    position: int | None
    """Which column of the file; None when the file lacks it."""
    null_values: tuple[str, ...]
    on_misfit: OnMisfit

    @property
    def name(self) -> str:
        return self.planned.name

    @property
    def text(self) -> str:
        """SQL of the cell as written."""
        return "NULL" if self.position is None else text_column(self.position)

    @property
    def can_misfit(self) -> bool:
        return self.position is not None and self.candidate.type != TEXT

    @property
    def value(self) -> str:
        """SQL of the typed value."""
        if self.position is None:
            return f"CAST(NULL AS {self.candidate.duckdb})"
        if not self.can_misfit:
            return self.text
        return f"CASE WHEN NOT ({self._is_null}) THEN {self.candidate.parse(self._trimmed)} END"

    @property
    def misfit(self) -> str:
        """SQL condition: a cell that is no null token, and does not parse."""
        return f"(NOT ({self._is_null}) AND ({self.candidate.parse(self._trimmed)}) IS NULL)"

    @property
    def reason(self) -> str:
        """Why a misfit is one, for people."""
        layout = f" ({self.planned.format})" if self.planned.format else ""
        return f"not a value of type {self.planned.type}{layout}"

    @property
    def _trimmed(self) -> str:
        return sql.trimmed(self.text) if self.candidate.trim else self.text

    @property
    def _is_null(self) -> str:
        tokens = ", ".join(map(sql.literal, self.null_values))
        known = f" OR {self._trimmed} IN ({tokens})" if tokens else ""
        return f"{self.text} IS NULL{known}"


def typed_columns(
    run: Run, records: Records, plan: TablePlan, on_misfit: OnMisfit
) -> tuple[TypedColumn, ...]:
    """The plan's columns, joined by name to those of the file.

    Args:
        on_misfit: what the reader's options say; a column's plan may be stricter.

    Raises:
        PluginError: no type plugin reads a column's type.
    """
    inferer = run.pipeline.plugin(Stage.TYPE_INFERER)
    settings = inferer.settings()
    null_values: Sequence[str] = inferer.null_values()
    positions = {name: i for i, name in enumerate(naming.column_names(records.header))}
    return tuple(
        TypedColumn(
            planned,
            run.pipeline.type_for(planned.type, planned.format, settings),
            positions.get(planned.name),
            tuple(null_values),
            "reject" if on_misfit == "null" and planned.on_misfit == "reject" else on_misfit,
        )
        for planned in plan.columns
    )
