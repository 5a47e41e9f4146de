"""The type inferer ``threshold``: propose on the first rows, prove on all of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from lakefall.common import naming
from lakefall.common.sql import connect
from lakefall.contract.plugin import Finding, Plugin, Stage, hookimpl
from lakefall.contract.run import Run
from lakefall.contract.types import TypeSettings
from lakefall.contract.values import Assumed, Column, Records, Schema, TableState
from lakefall.tabular.evidence import of_others
from lakefall_plugins.inference.choose import FALLBACK, Chooser, Verdict
from lakefall_plugins.inference.declared import Rules, findings, proposed
from lakefall_plugins.inference.evidence import Survey
from lakefall_plugins.inference.explain import ambiguous, explain
from lakefall_plugins.inference.file_counts import Counter, count_together
from lakefall_plugins.inference.known import Keeper, Known
from lakefall_plugins.inference.merge import assume, kept, proved, with_misfits, with_promise
from lakefall_plugins.inference.options import ThresholdOptions
from lakefall_plugins.types import layouts, number_formats

if TYPE_CHECKING:
    from lakefall.plugin_loading.pipeline import Pipeline


class ThresholdInferer(Plugin[ThresholdOptions]):
    """Proposes types on the first rows and proves them on every row."""

    name = "threshold"
    stage = Stage.TYPE_INFERER

    def settings(self) -> TypeSettings:
        """What every type is asked under."""
        options = self.options
        short = options.two_digit_years
        return TypeSettings(
            date_formats=layouts.expand(options.date_formats, two_digit_years=short),
            unasked=(
                *layouts.unasked(options.date_formats, two_digit_years=short),
                *number_formats.unasked(options.number_formats),
            ),
            leading_zeros=options.leading_zeros,
            exponents=options.exponents,
            boolean=options.boolean,
            number_formats=number_formats.expand(options.number_formats),
            null_values=options.null_values,
        )

    @hookimpl
    def lint(self, pipeline: Pipeline) -> Iterator[Finding]:
        return findings(pipeline, self.options.columns, self.settings())

    @hookimpl
    def infer(
        self,
        run: Run,
        records: Sequence[Records],
        table: TableState | None,
        quick: bool = False,
        known: Mapping[str, str] | None = None,
    ) -> Schema:
        """Types for the columns of files that will be loaded together, and with the ``known``.

        Raises:
            FormatConflictError: a file contradicts the date format of the table's column.
            PluginError: ``columns`` names a type that no type plugin reads, or a format that is
                none of its.
        """
        settings = self.settings()
        keeper = Keeper(proposed(run.pipeline, settings), self.options.null_values)
        files = {} if known is None else {k: keeper.read(text) for k, text in known.items()}
        explained = _explained(files.values(), table)
        others = of_others(files, records)
        rules = Rules(self.options, settings, run.pipeline, table, explained)
        headers = [self._names(run, each) for each in records]
        sources: dict[str, str] = {}
        for each, names in zip(records, headers, strict=True):
            for name, cell in zip(names, each.header, strict=True):
                sources.setdefault(name, cell)
        quoted = self._quoted(records, headers)
        column_rules = {
            name: rules.rule(name, cell, quoted=name in quoted) for name, cell in sources.items()
        }
        before = {name: _votes(name, others.values(), rules) for name in sources}
        chooser = rules.chooser()
        with ExitStack() as stack:
            connection = stack.enter_context(
                connect(
                    run.pipeline.config.engine,
                    run.spill,
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
            count_together(surveys)
            quickly = None
            if quick and self.options.verify == "all":
                quickly = assume(surveys, sources, chooser, before)
            verdicts, assumed = quickly or (proved(surveys, sources, chooser, before), None)
            verdicts = with_misfits(verdicts, surveys, chooser)
            return Schema(
                tuple(
                    self._column(name, cell, surveys, verdicts[name], chooser, assumed=assumed)
                    for name, cell in sources.items()
                ),
                assumed,
                settings,
                {s.counter.records.local.name: s.counter.nulls for s in surveys if s.counter.nulls},
                kept(surveys, verdicts, keeper),
                {s.key: exact for s in surveys if (exact := s.exact())},
                {s.key: s.as_written() for s in surveys},
                tuple(name for name, verdict in verdicts.items() if verdict.unsettled),
            )

    def _names(self, run: Run, records: Records) -> tuple[str, ...]:
        return naming.column_names(records.header, transliterate=run.pipeline.transliterate)

    def _quoted(
        self, records: Sequence[Records], headers: Sequence[Sequence[str]]
    ) -> frozenset[str]:
        """Columns that are quoted in every file that has them, while others are not."""
        if self.options.quoted_numbers != "text":
            return frozenset()
        plain: set[str] = set()
        found: set[str] = set()
        for each, names in zip(records, headers, strict=True):
            positions = each.format.quoted_columns(
                each.local, len(each.columns), self.options.sample_rows
            )
            found.update(names[p] for p in positions)
            plain.update(name for p, name in enumerate(names) if p not in positions)
        return frozenset(found - plain)

    def _column(
        self,
        name: str,
        source_name: str,
        surveys: Sequence[Survey],
        verdict: Verdict,
        chooser: Chooser,
        *,
        assumed: Assumed | None,
    ) -> Column:
        evidence = explain(verdict, chooser, several=len(surveys) > 1)
        reading = None if verdict.reading is None else chooser.readings[verdict.reading]
        return Column(
            name=name,
            source_name=source_name,
            type=reading.type if reading else FALLBACK,
            nullable=(
                any(name not in survey.names for survey in surveys)
                or verdict.seen.sampled
                or verdict.empty > 0
                or (verdict.reading is not None and not verdict.tally.fits_all(verdict.reading))
            ),
            format=reading.format if reading else "",
            evidence=with_promise(evidence, name, assumed),
            ambiguous=ambiguous(verdict, chooser),
            from_format=chooser.replaced(verdict.reading, verdict.rule),
        )


def _explained(
    others: Collection[Mapping[str, Known] | None], table: TableState | None
) -> frozenset[str]:
    """Columns of the table whose type follows from what is known of its files."""
    if table is not None and any(each is None for each in others):
        return frozenset(column.name for column in table.columns)
    return frozenset(name for each in others if each is not None for name in each)


def _votes(
    name: str, others: Collection[Mapping[str, Known] | None], rules: Rules
) -> tuple[Known, ...]:
    """What is known of a column in the table's other files."""
    lost = Known(rules.reading_of(name), 0, lost=True)
    found = (lost if each is None else each.get(name) for each in others)
    return tuple(each for each in found if each is not None)
