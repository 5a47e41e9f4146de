"""The type DATE: one candidate for each configured format."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from typing_extensions import override

from lakefall.common.sql import literal
from lakefall.contract.plugin import NoOptions
from lakefall.contract.types import TypeCandidate, TypePlugin, TypeSettings
from lakefall_plugins.types.layouts import ISO, Layout

FAMILY = "date"
"""Of dates, and of timestamps."""
_D = "[0-9]"
GLOB = f"{_D * 4}-{_D * 2}-{_D * 2}"
"""An ISO date; year 0 is kept out by a comparison with ``0001``."""


class Date(TypePlugin[NoOptions]):
    """Calendar dates in one of the configured formats."""

    name = "date"

    @override
    def candidates(self, settings: TypeSettings) -> Iterable[TypeCandidate]:
        for position, date_format in enumerate(settings.date_formats):
            yield _candidate(date_format, 500 + position, doubted=date_format in settings.unasked)

    @override
    def for_type(self, type_name: str, format: str, settings: TypeSettings) -> TypeCandidate | None:
        if type_name != "DATE":
            return None
        if format:
            # A table keeps the format it was given, also when the configuration drops it.
            return _candidate(format, 500, doubted=format in settings.unasked)
        return next(iter(self.candidates(settings)), None)


def _candidate(date_format: str, order: int, *, doubted: bool) -> TypeCandidate:
    layout = Layout(date_format, doubted)
    examples, counter_examples = _examples(layout)
    return TypeCandidate(
        type="DATE",
        order=order,
        iceberg="date",
        duckdb="DATE",
        parse=partial(_iso, layout) if date_format == ISO else layout.of_text,
        format=date_format,
        family=FAMILY,
        extends=layout.extends,
        telltale=None if date_format == ISO else layout.telltale,
        text=lambda value: f"strftime({value}, {literal(date_format)})",
        examples=examples,
        counter_examples=counter_examples,
    )


def _iso(layout: Layout, text: str) -> str:
    """The common case first: two digits each. GLOB of a fixed width costs less than a pattern."""
    return (
        f"CASE WHEN {text} < '0001' OR {text} >= ':' THEN NULL"
        f" WHEN {text} GLOB '{GLOB}' THEN try_cast({text} AS DATE)"
        f" ELSE {layout.of_text(text)} END"
    )


def _examples(layout: Layout) -> tuple[tuple[str, ...], tuple[str, ...]]:
    good = (layout.write(2024, 1, 15), layout.write(2024, 2, 29), layout.write(1969, 12, 31))
    bad = (
        *(layout.write(2023, 2, 29), layout.write(2024, 4, 31)),
        *(layout.write(2024, 1, 0), layout.write(2024, 1, 45)),
    )
    more = (
        f"{good[0]} ",
        f" {good[0]}",
        f"{good[0]}x",
        f"{good[0]} 10:00",
        "",
        "infinity",
        "today",
    )
    return good, (*bad, *more)
