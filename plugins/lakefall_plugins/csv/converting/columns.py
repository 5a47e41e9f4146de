"""SQL of a planned column: its value, and which cells of it are misfits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lakefall import naming
from lakefall.model import PlannedColumn, Records, TablePlan, text_column
from lakefall.plugin import Stage
from lakefall.run import Run
from lakefall.types import TypeCandidate
from lakefall_plugins.types import expressions

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
        return expressions.value(self.candidate, self.text, self.null_values)

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
    names = naming.column_names(records.header, transliterate=run.pipeline.transliterate)
    positions = {name: i for i, name in enumerate(names)}
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
