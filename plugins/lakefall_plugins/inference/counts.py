"""What is counted about a column, and how all readings and vetoes are counted, in two queries.

To plan an expression costs more than to compute it for a sample, so that readings with a telltale
get a query of their own, where the telltale was seen.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any, ClassVar, Protocol, TypeVar

from lakefall.contract.types import Role, TypeCandidate
from lakefall.contract.values import Places
from lakefall.tabular.expressions import token, trimmed
from lakefall_plugins.inference.options import TOLD_TOKENS

_Key = TypeVar("_Key", bound=Hashable)


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
    alike: tuple[str, ...] = ()
    """One or two texts that all cells of its kind are, if they are that few."""

    @property
    def line(self) -> int:
        """The physical line that the cell's record begins on."""
        from lakefall.tabular.places import LineMap

        return LineMap.load(self.places).line(self.row)


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
    signs: Mapping[str, int] = field(default_factory=dict)
    """Name -> values with a sign that a reading looks for; only those counted."""
    tokens: Mapping[str, int] = field(default_factory=dict)
    """Null tokens that nobody asked for by name -> cells; they count as empty."""
    texts: Mapping[int, int] = field(default_factory=dict)
    """Reading -> values that are written as the reading's ``text`` has them; of one file alone."""
    blank: int = 0
    """Cells that hold no value, and are not NULL: null tokens and blanks; of one file alone."""
    padded: int = 0
    """Values with blanks around them; of one file alone."""
    differing: Mapping[tuple[int, int], int] = field(default_factory=dict)
    """Two readings -> values that they take differently; only those compared."""
    sampled: bool = False
    """Only the first rows were looked at."""
    example: str = ""
    """The first value."""

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
            fits=_sum(self.fits, other.fits),
            vetoes={
                reason: self.vetoes.get(reason, Hits()) + other.vetoes.get(reason, Hits())
                for reason in {**self.vetoes, **other.vetoes}
            },
            signs=_sum(self.signs, other.signs),
            tokens=_sum(self.tokens, other.tokens),
            differing=_sum(self.differing, other.differing),
            sampled=self.sampled or other.sampled,
            example=self.example or other.example,
        )


def _sum(one: Mapping[_Key, int], other: Mapping[_Key, int]) -> dict[_Key, int]:
    return {key: one.get(key, 0) + other.get(key, 0) for key in {**one, **other}}


def total(tallies: Iterable[Tally]) -> Tally:
    """The sum over files."""
    return reduce(Tally.__add__, tallies, Tally())


class Cells(Protocol):
    """Where cells come from. A position is that of a column."""

    held: ClassVar[bool]
    """Whether they lie in memory, so that there is room for the distinct ones, too."""

    def values(self, positions: Sequence[int]) -> str:
        """Common table expressions (``WITH``, too) of which the last one, ``cells``, has a row for
        each cell of these columns: ``row`` among the records, ``k`` the position, ``x`` the text.
        """

    def extent(self, position: int) -> tuple[int, bool]:
        """How many cells the column has, and whether they are its first ones only."""

    def spot(self, position: int, row: int, text: str) -> Spot:
        """The place of a cell."""

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""


@dataclass(frozen=True, slots=True)
class Profiler:
    """What is counted."""

    readings: Sequence[TypeCandidate]
    null_values: Sequence[str]

    def profile(
        self, cells: Cells, positions: Sequence[int], always: Mapping[int, Collection[int]]
    ) -> dict[int, Tally]:
        """Every veto and every reading of some columns, but for those whose telltale is absent.

        Args:
            always: position -> readings that are counted without a telltale too.
        """
        found, hopeful = self._first(cells, positions)
        for position, readings in always.items():
            hopeful.setdefault(position, set()).update(readings)
        return found | self._second(cells, hopeful, found)

    def _first(
        self, cells: Cells, positions: Sequence[int]
    ) -> tuple[dict[int, Tally], dict[int, set[int]]]:
        """Count what has no telltale; for each column the readings whose telltale is there."""
        plain = [i for i, r in enumerate(self.readings) if r.telltale is None]
        telltales = self._telltales()
        vetoes, signs, texts = self._vetoes(), self.signs(plain), self._texts(plain)
        judged = [
            "t <> x",
            *(self.misfit(i) for i in plain),
            *texts.values(),
            *telltales,
            *signs.values(),
            *vetoes.values(),
        ]
        firsts = range(len(judged) - len(vetoes), len(judged))
        counts = [f"min(row) FILTER (j{i}), arg_min(x, row) FILTER (j{i})" for i in firsts]
        counts.append("arg_min(x, row)")
        found: dict[int, Tally] = {}
        for position in positions:
            rows, sampled = cells.extent(position)
            found[position] = Tally(rows=rows, sampled=sampled)
        hopeful: dict[int, set[int]] = {}
        for position, filled, padded, *answer in self._judged(cells, positions, judged, counts):
            numbers = iter(answer)
            fits = {reading: filled - next(numbers) for reading in plain}
            written = {reading: next(numbers) for reading in texts}
            for readings in telltales.values():
                if next(numbers):
                    hopeful.setdefault(position, set()).update(readings)
            shown = {name: next(numbers) for name in signs}
            barred = {reason: next(numbers) for reason in vetoes}
            hits = {}
            for reason, count in barred.items():
                row, text = next(numbers), next(numbers)
                spot = None if row is None else cells.spot(position, row, text)
                hits[reason] = Hits(count, spot)
            found[position] = replace(
                found[position],
                filled=filled,
                padded=padded,
                fits=fits,
                vetoes=hits,
                signs=shown,
                texts=written,
                example=next(numbers),
            )
        for position, counted in self._tokens(cells, found).items():
            told = {token: n for token, n in counted.items() if token in self.told}
            found[position] = replace(found[position], tokens=told, blank=sum(counted.values()))
        return found, hopeful

    def _tokens(self, cells: Cells, tallies: Mapping[int, Tally]) -> dict[int, dict[str, int]]:
        """How often each null token stands in the columns that have empty cells."""
        positions = [p for p, tally in tallies.items() if tally.empty]
        if not (positions and self.null_values):
            return {}
        found: dict[int, dict[str, int]] = {}
        text = trimmed("x")
        query = (
            f"{cells.values(positions)} SELECT k, {text}, count(*) FROM cells"
            f" WHERE {token(text, self.null_values)} GROUP BY ALL ORDER BY ALL"
        )
        for position, each, count in cells.ask(query):
            found.setdefault(position, {})[each] = count
        return found

    @property
    def told(self) -> tuple[str, ...]:
        """The null tokens that are counted by name."""
        return tuple(each for each in TOLD_TOKENS if each in self.null_values)

    def _second(
        self, cells: Cells, hopeful: Mapping[int, set[int]], found: Mapping[int, Tally]
    ) -> dict[int, Tally]:
        """The tallies of columns of which more is to be counted."""
        asked = {p: {r for r in rs if r not in found[p].fits} for p, rs in hopeful.items()}
        asked = {p: readings for p, readings in asked.items() if readings and found[p].filled}
        readings = sorted({r for some in asked.values() for r in some})
        if not readings:
            return {}
        signs, texts = self.signs(readings), self._texts(readings)
        judged = [*(self.misfit(r) for r in readings), *texts.values(), *signs.values()]
        more: dict[int, Tally] = {}
        for position, filled, *answer in self._judged(cells, list(asked), judged):
            numbers = iter(answer)
            fits = {r: filled - next(numbers) for r in readings}
            written = {r: next(numbers) for r in texts}
            shown = {name: next(numbers) for name in signs}
            tally = found[position]
            kept = {r: n for r, n in fits.items() if r in asked[position]}
            more[position] = replace(
                tally,
                fits={**tally.fits, **kept},
                signs={**tally.signs, **shown},
                texts={**tally.texts, **written},
            )
        return more

    def bare(self) -> str:
        """The relation ``bare`` over ``cells``: what is a value, with its trimmed text ``t``."""
        text = trimmed("x")
        return (
            f"bare AS (SELECT row, k, x, {text} AS t FROM cells"
            f" WHERE x IS NOT NULL AND NOT {token(text, self.null_values)})"
        )

    def misfit(self, reading: int) -> str:
        """SQL boolean over ``t``, a trimmed text, and ``x``, the cell."""
        candidate = self.readings[reading]
        return f"({candidate.parse('t' if candidate.trim else 'x')}) IS NULL"

    def _texts(self, readings: Iterable[int]) -> dict[int, str]:
        """Reading -> SQL boolean: the cell is the text of its value."""
        found = {}
        for number in readings:
            reading = self.readings[number]
            if reading.text is not None:
                text = reading.text(reading.parse("t" if reading.trim else "x"))
                found[number] = f"coalesce({text} = x, false)"
        return found

    def _judged(
        self,
        cells: Cells,
        positions: Sequence[int],
        judged: Sequence[str],
        firsts: Sequence[str] = (),
    ) -> list[tuple[Any, ...]]:
        named = ", ".join(f"{each} AS j{i}" for i, each in enumerate(judged))
        texts, n, every, some = "bare", "", "count(*)", "count_if(j{})"
        if cells.held:
            # Each text is judged once.
            texts = "(SELECT min(row) AS row, k, x, t, count(*) AS n FROM bare GROUP BY k, x, t)"
            n, every, some = ", n", "sum(n)::BIGINT", "coalesce(sum(n) FILTER (j{}), 0)::BIGINT"
        counts = [every, *(some.format(i) for i in range(len(judged))), *firsts]
        return cells.ask(
            f"{cells.values(positions)}, {self.bare()},"
            f" judged AS (SELECT row, k, x{n}, {named} FROM {texts})"
            f" SELECT k, {', '.join(counts)} FROM judged GROUP BY k"
        )

    def _telltales(self) -> dict[str, list[int]]:
        """SQL boolean -> the readings that it is a sign of."""
        found: dict[str, list[int]] = {}
        for number, reading in enumerate(self.readings):
            if reading.telltale is not None:
                found.setdefault(reading.telltale("t"), []).append(number)
        return found

    def _vetoes(self) -> dict[str, str]:
        """What bars numbers -> SQL boolean."""
        return self.signs(range(len(self.readings)), roles=(Role.NO_NUMBER,))

    def signs(
        self,
        readings: Iterable[int],
        text: str = "t",
        roles: Collection[Role] = (Role.NEEDED, Role.AGAINST, Role.SAID),
    ) -> dict[str, str]:
        """Name -> SQL boolean of what these readings look for in a text."""
        every = (sign for reading in readings for sign in self.readings[reading].signs)
        return {sign.name: sign.holds(text) for sign in every if sign.role in roles}
