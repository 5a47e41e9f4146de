"""What options and table say about columns before a value is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakefall.errors import PluginError
from lakefall.model import TableState
from lakefall.types import TypeCandidate, TypeSettings
from lakefall_plugins.inference.choosing import FALLBACK, Chooser, ColumnRule
from lakefall_plugins.inference.options import ColumnType, ThresholdOptions

if TYPE_CHECKING:
    from lakefall.pipeline import Pipeline

QUOTED = "numbers that are all in quotes, while other columns are not (quoted_numbers)"


class Rules:
    """What the options and the table say about columns, with the readings that this needs."""

    def __init__(
        self,
        options: ThresholdOptions,
        settings: TypeSettings,
        pipeline: Pipeline,
        table: TableState | None,
    ) -> None:
        self._options = options
        self._pipeline = pipeline
        self._settings = settings
        self._existing = {c.name: c for c in table.columns} if table else {}
        self._readings = [r for r in pipeline.types(settings) if r.type != FALLBACK]
        self._proposed = range(len(self._readings))

    def chooser(self) -> Chooser:
        """For all columns, once every rule was asked for."""
        return Chooser(
            tuple(self._readings),
            self._proposed,
            self._options.threshold,
            first=self._options.choose == "first",
        )

    def rule(self, name: str, source_name: str, *, quoted: bool = False) -> ColumnRule:
        """What holds for one column.

        Args:
            quoted: every value is in quotes, while those of other columns are not.

        Raises:
            PluginError: no type plugin reads the type that the options set, or not in its format.
        """
        wished = self._options.column(name, source_name)
        if wished is not None:
            return self._forced(wished, name)
        barred = QUOTED if quoted and self._options.quoted_numbers == "text" else ""
        column = self._existing.get(name)
        if column is None:
            return ColumnRule(barred=barred)
        if column.type == FALLBACK:
            return ColumnRule(text="the table's type")
        try:
            existing = self._reading(column.type, column.format)
        except PluginError:
            # No plugin here reads the table's type: the sink decides what becomes of it.
            return ColumnRule(barred=barred)
        return ColumnRule(existing=existing, barred=barred)

    def _forced(self, wished: ColumnType, name: str) -> ColumnRule:
        type_name = wished.type.strip().upper()
        if type_name == FALLBACK:
            return ColumnRule(text="set by type_inferer.columns")
        try:
            given = self._reading(type_name, wished.format)
        except ValueError as error:
            raise PluginError(f"type_inferer.columns.{name}: {error}") from error
        type_name = self._readings[given].type
        if wished.format and self._readings[given].format != wished.format:
            raise PluginError(
                f"type_inferer.columns.{name}: {type_name} knows no format {wished.format!r}"
            )
        column = self._existing.get(name)
        existing = None
        if column is not None and column.type == type_name:
            existing = self._reading(type_name, column.format)
        if wished.format:
            return ColumnRule((given,), existing)
        known = [i for i in self._proposed if self._readings[i].type == type_name]
        readings = known or [given]
        if existing is not None:
            readings = [existing, *(r for r in readings if r != existing)]
        return ColumnRule(tuple(readings), existing)

    def _reading(self, type_name: str, format: str) -> int:
        """The place of a type's reading, which is added where inference would not propose it."""
        found: TypeCandidate = self._pipeline.type_for(type_name, format, self._settings)
        for place, reading in enumerate(self._readings):
            if (reading.type, reading.format) == (found.type, found.format):
                return place
        self._readings.append(found)
        return len(self._readings) - 1
