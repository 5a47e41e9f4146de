"""The type inferer ``threshold``: propose on the first rows, prove on all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from lakefall import naming
from lakefall.config.units import Share
from lakefall.errors import PluginError
from lakefall.model import Column, Records, Schema, TableState
from lakefall.plugin import Options, Plugin, Stage, hookimpl
from lakefall.run import Run
from lakefall.sql import connect
from lakefall.types import TypeCandidate, TypeSettings
from lakefall_plugins.inference.choosing import FALLBACK, Chooser, ColumnRule
from lakefall_plugins.inference.counting import Counter
from lakefall_plugins.inference.explaining import Verdict, ambiguous, explain, subject
from lakefall_plugins.inference.survey import Survey
from lakefall_plugins.inference.tally import total
from lakefall_plugins.types.layouts import COMMON, SPECIFIED, Layout, expand


def _date_format(text: str) -> str:
    if text != COMMON:
        Layout(text)
    return text


class ThresholdOptions(Options):
    """How types are chosen, and what is set beforehand."""

    sample_rows: int = Field(default=1000, ge=1)
    """Rows on which types are proposed."""
    threshold: Share = Field(default=0.9, gt=0)
    """Share of a column's values that must parse as a type."""
    choose: Literal["best", "first"] = "best"
    """Of the types that reach the threshold: the one that parses the most, if no value bars it;
    or the first (the letter of the specification)."""
    verify: Literal["all", "sample"] = "all"
    """Prove the proposed types on all rows, or trust the first rows."""
    leading_zeros: Literal["text", "number"] = "text"
    """What 00501 is: text, which makes its whole column text, or a number."""
    null_values: tuple[str, ...] = ("", "NULL", "null", "\\N")
    """Texts that stand for no value, in columns that are not text."""
    date_formats: tuple[Annotated[str, AfterValidator(_date_format)], ...] = Field(
        default=(*SPECIFIED, COMMON), min_length=1
    )
    """Formats of dates, preferred first, in the letters of strptime: %Y %y %m %d %b %B. A date
    with a time of day after it is a timestamp in the same format. `common` stands for other usual
    ones: 2024/01/15, 2024.01.15, 15.01.2024, 15-01-2024, 01-15-2024, and months by name in any
    place; day first, unless the format before it is month first. Without `common` the list is
    the letter of the specification."""
    two_digit_years: bool = False
    """Read dates with years of two digits as well, in the same formats: 69 to 99 are 19.., others
    20.. (POSIX)."""
    boolean: Literal["words_and_digits", "words"] = "words_and_digits"
    """What a boolean is: true, false, yes, no, 1 and 0 (the specification), or the words alone, so
    that a column of 0 and 1 is INTEGER."""
    columns: Mapping[str, str] = Field(default_factory=dict)
    """Column name, sanitised or as in the header, to a type: no inference for these."""


class ThresholdInferer(Plugin[ThresholdOptions]):
    """Proposes types on the first rows and proves them on every row."""

    name = "threshold"
    stage = Stage.TYPE_INFERER

    def settings(self) -> TypeSettings:
        """What every type is told."""
        options = self.options
        return TypeSettings(
            date_formats=expand(options.date_formats, two_digit_years=options.two_digit_years),
            leading_zeros=options.leading_zeros,
            boolean=options.boolean,
        )

    def null_values(self) -> tuple[str, ...]:
        """Texts that stand for no value, in columns that are not text."""
        return self.options.null_values

    @hookimpl
    def infer(self, run: Run, records: Sequence[Records], table: TableState | None) -> Schema:
        """Types for the columns of files that will be loaded together.

        Raises:
            FormatConflictError: a file contradicts the date format of the table's column.
            PluginError: ``columns`` names a type that no type plugin reads.
        """
        rules = Rules(self, run, table)
        headers = [self._names(run, each) for each in records]
        sources: dict[str, str] = {}
        for each, names in zip(records, headers, strict=True):
            for name, cell in zip(names, each.header, strict=True):
                sources.setdefault(name, cell)
        column_rules = {name: rules.rule(name, cell) for name, cell in sources.items()}
        chooser = rules.chooser()
        with ExitStack() as stack:
            connection = stack.enter_context(
                connect(
                    run.pipeline.config.engine,
                    run.workdir,
                    chooser.readings,
                    columns=max(len(each.header) for each in records),
                )
            )
            surveys = [
                Survey(
                    Counter(connection, each, chooser.readings, self.options.null_values),
                    chooser,
                    names,
                    column_rules,
                    self.options.sample_rows,
                    verify=self.options.verify == "all",
                )
                for each, names in zip(records, headers, strict=True)
            ]
            alone = [survey.verdicts() for survey in surveys]
            verdicts = {
                name: together(
                    name,
                    [(s, v[name]) for s, v in zip(surveys, alone, strict=True) if name in v],
                    chooser,
                )
                for name in sources
            }
            verdicts = with_misfits(verdicts, surveys, chooser)
            return Schema(
                tuple(
                    self._column(name, cell, surveys, verdicts[name], chooser)
                    for name, cell in sources.items()
                )
            )

    def _names(self, run: Run, records: Records) -> tuple[str, ...]:
        return naming.column_names(records.header, transliterate=run.pipeline.transliterate)

    def _column(
        self,
        name: str,
        source_name: str,
        surveys: Sequence[Survey],
        verdict: Verdict,
        chooser: Chooser,
    ) -> Column:
        reading = None if verdict.reading is None else chooser.readings[verdict.reading]
        return Column(
            name=name,
            source_name=source_name,
            type=reading.type if reading else FALLBACK,
            nullable=(
                any(name not in survey.names for survey in surveys)
                or verdict.seen.sampled
                or verdict.seen.empty > 0
                or (verdict.reading is not None and not verdict.tally.fits_all(verdict.reading))
            ),
            format=reading.format if reading else "",
            evidence=explain(verdict, chooser, several=len(surveys) > 1),
            ambiguous=ambiguous(verdict, chooser),
        )


class Rules:
    """What the options and the table say about columns, with the readings that this needs."""

    def __init__(self, inferer: ThresholdInferer, run: Run, table: TableState | None) -> None:
        self._options = inferer.options
        self._pipeline = run.pipeline
        self._settings = inferer.settings()
        self._existing = {c.name: c for c in table.columns} if table else {}
        self._readings = [r for r in run.pipeline.types(self._settings) if r.type != FALLBACK]
        self._proposed = range(len(self._readings))

    def chooser(self) -> Chooser:
        """For all columns, once every rule was asked for."""
        return Chooser(
            tuple(self._readings),
            self._proposed,
            self._options.threshold,
            first=self._options.choose == "first",
        )

    def rule(self, name: str, source_name: str) -> ColumnRule:
        """What holds for one column."""
        wished = self._options.columns.get(name, self._options.columns.get(source_name))
        if wished is not None:
            return self._forced(wished.strip().upper(), name)
        column = self._existing.get(name)
        if column is None:
            return ColumnRule()
        if column.type == FALLBACK:
            return ColumnRule(text="the table's type")
        try:
            return ColumnRule(existing=self._reading(column.type, column.format))
        except PluginError:
            # No plugin here reads the table's type: the sink decides what becomes of it.
            return ColumnRule()

    def _forced(self, type_name: str, name: str) -> ColumnRule:
        if type_name == FALLBACK:
            return ColumnRule(text="set by type_inferer.columns")
        column = self._existing.get(name)
        existing = None
        if column is not None and column.type == type_name:
            existing = self._reading(type_name, column.format)
        known = [i for i in self._proposed if self._readings[i].type == type_name]
        readings = known or [self._reading(type_name, "")]
        if existing is not None:
            readings = [existing, *(r for r in readings if r != existing)]
        return ColumnRule(tuple(readings), existing)

    def _reading(self, type_name: str, date_format: str) -> int:
        """The place of a type's reading, which is added where inference would not propose it."""
        found: TypeCandidate = self._pipeline.type_for(type_name, date_format, self._settings)
        for place, reading in enumerate(self._readings):
            if (reading.type, reading.format) == (found.type, found.format):
                return place
        self._readings.append(found)
        return len(self._readings) - 1


def together(name: str, votes: Sequence[tuple[Survey, Verdict]], chooser: Chooser) -> Verdict:
    """One verdict from those of several files; where they disagree, their counts are added up."""
    rule = votes[0][1].rule
    heard = [(survey, v) for survey, v in votes if v.tally.filled]
    seen = total(v.seen for _, v in votes)
    readings = {v.reading for _, v in heard}
    if len(readings) <= 1:
        tally = total(v.tally for _, v in votes)
        reading = next(iter(readings)) if readings else chooser.choose(tally, rule)
        return Verdict(rule, reading, tally, seen)
    tallies = [(survey, survey.full(name)) for survey, _ in heard]
    tally = total(each for _, each in tallies)
    reading = chooser.choose(tally, rule)
    if reading is None:
        return Verdict(rule, reading, tally, seen)
    formats = {
        survey.key: chooser.readings[better].written
        for survey, each in tallies
        if (better := chooser.better_format(each, reading)) is not None
    }
    if formats:
        chosen = chooser.readings[reading].written
        note = ", ".join(f"{key} is written as {found}" for key, found in formats.items())
        return Verdict(rule, None, tally, seen, f"{note}, the other files as {chosen}")
    tally = total(survey.compared(name, each, reading) for survey, each in tallies)
    return Verdict(rule, reading, tally, seen)


def with_misfits(
    verdicts: Mapping[str, Verdict], surveys: Sequence[Survey], chooser: Chooser
) -> dict[str, Verdict]:
    """The verdicts with the first value, over the files in order, that their evidence shows."""
    found = dict(verdicts)
    for sampled in (False, True):
        wanted = {
            name: reading
            for name, verdict in verdicts.items()
            if verdict.tally.sampled is sampled
            and (reading := subject(verdict, chooser)) is not None
        }
        for survey in surveys:
            here = {name: reading for name, reading in wanted.items() if name in survey.names}
            for name, spot in survey.first_misfits(here, sampled=sampled).items():
                found[name] = replace(found[name], misfit=spot)
                del wanted[name]
    return found
