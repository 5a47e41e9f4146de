"""What options and table declare about columns before a value is looked at."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING

from lakefall.contract.errors import PluginError
from lakefall.contract.plugin import Finding
from lakefall.contract.types import TypeCandidate, TypeSettings, without_options
from lakefall.contract.values import TableState
from lakefall_plugins.inference.choose import FALLBACK, Chooser, ColumnRule
from lakefall_plugins.inference.options import ColumnType, ThresholdOptions

if TYPE_CHECKING:
    from lakefall.plugin_loading.pipeline import Pipeline

QUOTED = "numbers that are all in quotes, while other columns are not (quoted_numbers)"


def proposed(pipeline: Pipeline, settings: TypeSettings) -> list[TypeCandidate]:
    """The readings that values may propose, most specific first; all but text."""
    return [r for r in pipeline.types(settings) if r.type != FALLBACK]


class Rules:
    """What the options and the table declare of columns, with the readings that this needs."""

    def __init__(
        self,
        options: ThresholdOptions,
        settings: TypeSettings,
        pipeline: Pipeline,
        table: TableState | None,
        explained: Collection[str] = (),
    ) -> None:
        """``explained``: columns of the table whose type follows from files, and governs none."""
        self._options = options
        self._pipeline = pipeline
        self._settings = settings
        self._existing = {c.name: c for c in table.columns} if table else {}
        self._explained = explained
        self._readings = proposed(pipeline, settings)
        self._proposed = range(len(self._readings))

    def chooser(self) -> Chooser:
        """For all columns, once every rule was asked for."""
        limit = self._pipeline.max_nulled
        return Chooser(
            tuple(self._readings),
            self._proposed,
            self._options.threshold,
            first=self._options.choose == "first",
            max_nulled=1 - self._options.threshold if limit is None else limit,
        )

    def rule(self, name: str, source_name: str, *, quoted: bool = False) -> ColumnRule:
        """What holds for one column.

        Args:
            quoted: every value is in quotes, while those of other columns are not.

        Raises:
            PluginError: no type plugin reads the type that the options set, or not in its format.
        """
        given = self._options.column(name, source_name)
        if given is not None:
            return self._forced(given, name)
        barred = QUOTED if quoted and self._options.quoted_numbers == "text" else ""
        column = self._existing.get(name)
        if column is None:
            return ColumnRule(barred=barred)
        if name in self._explained:
            return ColumnRule(barred=barred, table=self.reading_of(name))
        if column.type == FALLBACK:
            return ColumnRule(text="the table's type")
        try:
            existing = self._reading(column.type, column.format)
        except PluginError:
            # No plugin here reads the table's type: the sink decides what becomes of it.
            return ColumnRule(barred=barred)
        return ColumnRule(existing=existing, barred=barred)

    def reading_of(self, name: str) -> int | None:
        """The reading of a column's type in the table; None for text, and where nobody reads it."""
        column = self._existing.get(name)
        if column is None or column.type == FALLBACK:
            return None
        try:
            return self._reading(column.type, column.format)
        except (PluginError, ValueError):
            return None

    def _forced(self, column: ColumnType, name: str) -> ColumnRule:
        try:
            found = declared_reading(self._pipeline, column, self._settings)
        except (PluginError, ValueError) as error:
            raise PluginError(f"type_inferer.columns.{name}: {error}") from error
        if found.type == FALLBACK:
            return ColumnRule(text="set by type_inferer.columns")
        return self._given(found, name, own_format=bool(column.format))

    def _given(self, found: TypeCandidate, name: str, *, own_format: bool) -> ColumnRule:
        given, type_name = self._place(found), found.type
        column = self._existing.get(name)
        existing = None
        if column is not None and column.type == type_name:
            existing = self._reading(type_name, column.format)
        if own_format:
            return ColumnRule((given,), existing)
        known = [i for i in self._proposed if self._readings[i].type == type_name]
        readings = known or [given]
        if existing is not None:
            readings = [existing, *(r for r in readings if r != existing)]
        return ColumnRule(tuple(readings), existing)

    def _reading(self, type_name: str, format: str) -> int:
        """The place of a type's reading."""
        return self._place(self._pipeline.type_for(type_name, format, self._settings))

    def _place(self, found: TypeCandidate) -> int:
        """The place of a reading, which is added where inference would not propose it."""
        for place, reading in enumerate(self._readings):
            if (reading.type, reading.format) == (found.type, found.format):
                return place
        self._readings.append(found)
        return len(self._readings) - 1


_SHOWN = 3
"""Formats that a message names."""


def declared_reading(
    pipeline: Pipeline, column: ColumnType, settings: TypeSettings
) -> TypeCandidate:
    """The reading that is set for a column.

    Raises:
        PluginError: no type plugin reads the type.
        ValueError: its type knows no such format.
    """
    found = pipeline.type_for(column.type.strip().upper(), column.format, settings)
    if column.format in ("", found.format, found.written):
        return found
    known = _formats(pipeline, found.type, settings)[:_SHOWN]
    remedy = f"write one such as {', '.join(map(repr, known))}, or leave" if known else "leave"
    raise ValueError(f"{found.type} knows no format {column.format!r}; {remedy} `format` out")


def findings(
    pipeline: Pipeline, columns: Mapping[str, ColumnType | str], settings: TypeSettings
) -> Iterator[Finding]:
    """What is wrong with the columns of the options."""
    for name, column in columns.items():
        given = ColumnType(type=column) if isinstance(column, str) else column
        try:
            declared_reading(pipeline, given, settings)
        except PluginError as error:
            yield Finding(("columns", name, "type"), str(error))
        except ValueError as error:
            yield Finding(("columns", name, "format"), str(error))


def _formats(pipeline: Pipeline, type_name: str, settings: TypeSettings) -> list[str]:
    """The formats of a type, whether the pipeline proposes it or not."""
    others = (t.candidates(settings) for t in without_options(pipeline.config.other_types()))
    everything = chain(pipeline.types(settings), chain.from_iterable(others))
    return list(dict.fromkeys(c.format for c in everything if c.type == type_name and c.format))
