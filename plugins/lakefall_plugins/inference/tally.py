"""What was counted about one column: the plain numbers on which the choice rests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce

from lakefall.contract.values import Places


@dataclass(frozen=True, slots=True)
class Spot:
    """A cell worth showing."""

    key: str
    """Of the file."""
    places: Places
    """The file's."""
    row: int
    """Among the good records, from 0."""
    text: str


@dataclass(frozen=True, slots=True)
class Hits:
    """How many values, and the first of them."""

    count: int = 0
    first: Spot | None = None

    def __add__(self, other: Hits) -> Hits:
        return Hits(self.count + other.count, self.first or other.first)


@dataclass(frozen=True, slots=True)
class Tally:
    """One column, counted over all rows of one or more files, or over their first rows."""

    rows: int = 0
    filled: int = 0
    """Cells that hold a value: neither NULL nor empty nor a null token."""
    fits: Mapping[int, int] = field(default_factory=dict)
    """Reading (its place in the list of readings) -> values that parse; only those counted, so
    that a sum over files is the least that parses."""
    vetoes: Mapping[str, Hits] = field(default_factory=dict)
    """Reason -> values that bar every numeric type."""
    differing: Mapping[tuple[int, int], int] = field(default_factory=dict)
    """Two readings -> values that they take differently; only those compared."""
    sampled: bool = False
    """Only the first rows were looked at."""

    @property
    def empty(self) -> int:
        return self.rows - self.filled

    @property
    def barred(self) -> bool:
        return any(hits.count for hits in self.vetoes.values())

    def fitting(self, reading: int) -> int:
        """Values that parse under a reading; 0 where it was not counted."""
        return self.fits.get(reading, 0)

    def fits_all(self, reading: int) -> bool:
        return self.fitting(reading) == self.filled

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            rows=self.rows + other.rows,
            filled=self.filled + other.filled,
            fits={r: self.fitting(r) + other.fitting(r) for r in {**self.fits, **other.fits}},
            vetoes={
                reason: self.vetoes.get(reason, Hits()) + other.vetoes.get(reason, Hits())
                for reason in {**self.vetoes, **other.vetoes}
            },
            differing={
                pair: self.differing.get(pair, 0) + other.differing.get(pair, 0)
                for pair in {**self.differing, **other.differing}
            },
            sampled=self.sampled or other.sampled,
        )


def total(tallies: Iterable[Tally]) -> Tally:
    """The sum over files."""
    return reduce(Tally.__add__, tallies, Tally())
