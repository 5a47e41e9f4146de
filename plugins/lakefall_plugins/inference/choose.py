"""Choosing a column's type from counts ("Type Inference" of the specification, point 3 and 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lakefall.contract.types import Role, Sign, TypeCandidate, contradict
from lakefall_plugins.inference.counts import Spot, Tally

FALLBACK = "VARCHAR"
ROUNDING = 1e-9
"""What a share such as 0.7 of 10 values may be off in binary."""
LEAST = 20
"""Values from which on one file alone may refuse a type: a share of fewer says little."""


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """What is known about a column before its values are looked at."""

    forced: tuple[int, ...] | None = None
    """Readings of the type that the options set for it; inference is bypassed."""
    existing: int | None = None
    """The reading of the type that the table gives it, where that governs."""
    table: int | None = None
    """The same where it does not."""
    text: str = ""
    """Why it is text whatever it holds; ``''`` when its values decide."""
    barred: str = ""
    """Why it is no number whatever it holds; ``''`` when its values decide."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A column's type and what it rests on."""

    rule: ColumnRule
    reading: int | None
    """None for text."""
    tally: Tally
    """What the choice rests on."""
    seen: Tally
    """What is known of rows and empty cells; counts more rows where only text was found."""
    note: str = ""
    """Why it is text, where counts alone do not say."""
    misfit: Spot | None = None
    """The first value that does not parse under the reading whose misfits the evidence shows."""
    unsettled: bool = False
    """The counts that are known of the table's other files do not settle it."""

    @property
    def empty(self) -> int:
        """Cells that become NULL: of text, all but the null tokens."""
        return self.seen.empty - (sum(self.seen.tokens.values()) if self.reading is None else 0)


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
    max_nulled: float = 0.1
    """Share of a column's values that a type may lose in one of several files."""

    def choose(self, tally: Tally, rule: ColumnRule, parts: Sequence[Tally] = ()) -> int | None:
        """The column's reading; None for text. ``parts`` are what ``tally`` adds up, by file."""
        if rule.text:
            return None
        if rule.forced is not None:
            return self._most(tally, rule.forced)
        best = self._best(tally, rule, parts)
        reached = tally.filled if best is None else tally.fitting(best)
        if rule.existing is not None and tally.fitting(rule.existing) >= reached:
            return rule.existing
        return best

    def tied(self, tally: Tally, reading: int) -> tuple[int, ...]:
        """Readings that contradict this one and parse as many values; one a format."""
        found: dict[str, int] = {}
        for r in self.rivals(reading):
            if tally.fits.get(r) == tally.fitting(reading):
                found.setdefault(self.readings[r].format, r)
        return tuple(found.values())

    def ambiguous(self, tally: Tally, reading: int) -> tuple[int, ...]:
        """Of those the ones that take some value otherwise."""
        return tuple(
            r for r in self.tied(tally, reading) if tally.differing.get((reading, r), 0) > 0
        )

    def replaced(self, reading: int | None, rule: ColumnRule) -> str | None:
        """The table's format, where the reading takes all of its texts alike and more."""
        existing = rule.table if rule.existing is None else rule.existing
        if reading is None or existing is None:
            return None
        chosen, table = self.readings[reading], self.readings[existing]
        alike = chosen.type == table.type or (chosen.numeric and table.numeric)
        return table.format if alike and table.format in chosen.extends else None

    def better_format(self, tally: Tally, reading: int) -> int | None:
        """A reading that contradicts this one and parses more values."""
        better = [r for r in self.rivals(reading) if tally.fitting(r) > tally.fitting(reading)]
        return self._most(tally, better)

    def rivals(self, reading: int) -> list[int]:
        """Readings of the same type, or numeric like it, that contradict it."""
        chosen = self.readings[reading]
        return [
            r
            for r in self.proposed
            if contradict(self.readings[r], chosen)
            and (
                self.readings[r].type == chosen.type
                or (chosen.numeric and self.readings[r].numeric)
            )
        ]

    def qualifies(self, tally: Tally, reading: int) -> bool:
        """Whether enough of the values parse, and no sign speaks against the type."""
        return self._fits(tally, reading) and self.doubt(tally, reading) is None

    def doubt(self, tally: Tally, reading: int) -> Sign | None:
        """The first sign because of which a reading that fits is not chosen."""
        candidate = self.readings[reading]
        if self.first and not candidate.format:
            # The letter of the specification asks for none.
            return None
        for sign in candidate.signs:
            shown = tally.signs.get(sign.name, 0)
            if (sign.role is Role.NEEDED and not shown) or (sign.role is Role.AGAINST and shown):
                return sign
        return None

    def undecided(self, tally: Tally, rule: ColumnRule) -> tuple[int, ...]:
        """Readings that a single value more may decide for: they fit, nothing speaks against
        them, and only a sign that they need was not seen."""
        if rule.text or rule.forced is not None:
            return ()
        return tuple(
            r
            for r in self._fitting(tally, rule)
            if (doubt := self.doubt(tally, r)) is not None and doubt.role is Role.NEEDED
        )

    def _fits(self, tally: Tally, reading: int) -> bool:
        # Asked of every reading of every column: what rules out most of them comes first.
        if not 0 < tally.fitting(reading) >= tally.filled - self.allowed(tally.filled):
            return False
        return self.first or not (self.readings[reading].numeric and tally.barred)

    def allowed(self, filled: int) -> float:
        """How many of so many values need not parse."""
        return filled - self.threshold * filled + ROUNDING

    def allowed_in_a_file(self, filled: int) -> float:
        """The same of one of several files."""
        return self.max_nulled * filled + ROUNDING

    def _everywhere(self, parts: Sequence[Tally], reading: int) -> bool:
        """Whether every file stays within what a type may lose there."""
        return all(
            part.filled < LEAST
            or part.filled - part.fitting(reading) <= self.allowed_in_a_file(part.filled)
            for part in parts
        )

    def _fitting(self, tally: Tally, rule: ColumnRule, parts: Sequence[Tally] = ()) -> list[int]:
        return [
            r
            for r in self.proposed
            if tally.fits.get(r)
            and self._fits(tally, r)
            and not (rule.barred and self.readings[r].numeric)
            and self._everywhere(parts, r)
        ]

    def _best(self, tally: Tally, rule: ColumnRule, parts: Sequence[Tally]) -> int | None:
        fitting = self._fitting(tally, rule, parts)
        qualified = [r for r in fitting if self.doubt(tally, r) is None]
        if self.first:
            return next(iter(qualified), None)
        best = self._most(tally, qualified)
        if best is not None and self.readings[best].numeric:
            open_to_doubt = [r for r in self.undecided(tally, rule) if self.readings[r].numeric]
            if any(tally.fitting(r) > tally.fitting(best) for r in open_to_doubt):
                # What only they read is a number that may be two: 1,234 among 567 and 890.
                return None
        return best

    def _most(self, tally: Tally, readings: Sequence[int]) -> int | None:
        # max keeps the first of equals: the more specific, or the format configured first.
        return max(readings, key=tally.fitting, default=None)
