"""Choosing a column's type from counts ("Type Inference" of the specification, point 3 and 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lakefall.types import TypeCandidate
from lakefall_plugins.inference.tally import Tally

FALLBACK = "VARCHAR"
ROUNDING = 1e-9
"""What a share such as 0.7 of 10 values may be off in binary."""


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """What is known about a column before its values are looked at."""

    forced: tuple[int, ...] | None = None
    """Readings of the type that the options set for it; inference is bypassed."""
    existing: int | None = None
    """The reading of the type that the table gives it."""
    text: str = ""
    """Why it is text whatever it holds; ``''`` when its values decide."""


@dataclass(frozen=True, slots=True)
class Chooser:
    """The rules that hold for all columns."""

    readings: Sequence[TypeCandidate]
    proposed: Sequence[int]
    """Readings that inference may choose, most specific first."""
    threshold: float
    """Share of a column's values that must parse."""
    first: bool = False
    """The first that qualifies, without vetoes; otherwise the one that parses the most."""

    def choose(self, tally: Tally, rule: ColumnRule) -> int | None:
        """The column's reading; None for text."""
        if rule.text:
            return None
        if rule.forced is not None:
            return self._most(tally, rule.forced)
        best = self._best(tally)
        reached = tally.filled if best is None else tally.fitting(best)
        if rule.existing is not None and tally.fitting(rule.existing) >= reached:
            return rule.existing
        return best

    def tied(self, tally: Tally, reading: int) -> tuple[int, ...]:
        """Other formats of the same type that parse as many values."""
        chosen = self.readings[reading]
        return tuple(
            r
            for r in self.proposed
            if self.readings[r].type == chosen.type
            and self.readings[r].format != chosen.format
            and tally.fits.get(r) == tally.fitting(reading)
        )

    def better_format(self, tally: Tally, reading: int) -> int | None:
        """Another format of the same type that parses more values."""
        chosen = self.readings[reading]
        rivals = [
            r
            for r in self.proposed
            if self.readings[r].type == chosen.type and tally.fitting(r) > tally.fitting(reading)
        ]
        return self._most(tally, rivals)

    def qualifies(self, tally: Tally, reading: int) -> bool:
        """Whether enough of the values parse, and no value bars the type."""
        if self.readings[reading].numeric and tally.barred and not self.first:
            return False
        return 0 < tally.fitting(reading) >= self.threshold * tally.filled - ROUNDING

    def _best(self, tally: Tally) -> int | None:
        qualified = [r for r in self.proposed if self.qualifies(tally, r)]
        if self.first:
            return next(iter(qualified), None)
        return self._most(tally, qualified)

    def _most(self, tally: Tally, readings: Sequence[int]) -> int | None:
        # max keeps the first of equals: the more specific, or the format configured first.
        return max(readings, key=tally.fitting, default=None)
