"""What is kept of a file's counts for the loads after it, and what that settles.

A table's types are those that one load of all its files would give. The evidence of a column is
small: the reading that the file alone would have, and how many values other readings were seen to
miss. So a sum over files is a matter of bounds: where they settle which reading wins, no other file
is read again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lakefall.contract.types import Role, TypeCandidate
from lakefall_plugins.inference.choose import LEAST, Chooser
from lakefall_plugins.inference.counts import Hits, Tally, total

TEXT = -1
"""Stands for no reading where a number is stored."""


@dataclass(frozen=True, slots=True)
class Known:
    """One column of a file."""

    reading: int | None
    """What the file alone would make of it; None for text."""
    filled: int
    """Values; of ``sampled`` those among the first rows, so that there may be more."""
    misses: Mapping[int, int] = field(default_factory=dict)
    """Reading -> values that do not parse, where it was counted; exact unless ``sampled``."""
    vetoes: Mapping[str, int] = field(default_factory=dict)
    """Reason -> values that bar every numeric type."""
    signs: Mapping[str, int] = field(default_factory=dict)
    """Name -> values with a sign that a reading looks for."""
    sampled: bool = False
    """Only the first rows were counted; all others parse as ``reading``."""
    complete: bool = False
    """Every reading was counted over all rows."""
    proved: bool = True
    """Of ``sampled``: all other values parse as ``reading``."""
    lost: bool = False
    """Nothing was counted: ``reading`` is that of the table's type."""

    def least(self, reading: int) -> int:
        """At least so many values do not parse."""
        if self.lost:
            return 0
        if reading in self.misses:
            return self.misses[reading]
        if self.complete:
            return self.filled
        # A reading is tried where a value is seen that no earlier one reads.
        reads = sum(self.filled - n for r, n in self.misses.items() if r < reading)
        return max(self.filled - reads, 0)

    def most(self, reading: int) -> float:
        """At most so many do not."""
        if self.lost:
            return 0 if self.reading == reading else float("inf")
        if not self.sampled:
            return self.misses.get(reading, self.filled)
        clear = self.proved and self.reading == reading and not self.misses.get(reading)
        return 0 if clear else float("inf")

    def is_text(self) -> bool:
        """Whether its first rows alone make it text, whatever comes after them."""
        if self.lost:
            return self.reading is None
        return self.reading is None and self.sampled and self.filled >= LEAST

    def tally(self) -> Tally:
        """The counts, as far as they go."""
        return Tally(
            rows=self.filled,
            filled=self.filled,
            fits={r: self.filled - n for r, n in self.misses.items()},
            vetoes={reason: Hits(n) for reason, n in self.vetoes.items()},
            signs=self.signs,
        )


def counted(reading: int | None, tally: Tally, *, complete: bool, proved: bool = True) -> Known:
    """What is worth keeping of a file's counts.

    Args:
        reading: what the file alone would make of the column.
        complete: every reading was counted.
        proved: where the first rows were counted, all others parse as ``reading``.
    """
    return Known(
        reading,
        tally.filled,
        {r: tally.filled - n for r, n in tally.fits.items()},
        {reason: hits.count for reason, hits in tally.vetoes.items() if hits.count},
        {name: count for name, count in tally.signs.items() if count},
        sampled=tally.sampled,
        complete=complete and not tally.sampled,
        proved=proved,
    )


def settled(votes: Sequence[Known], chooser: Chooser) -> tuple[bool, int | None]:
    """Whether bounds tell which reading the sum of all counts would choose, and which it is."""
    if any(vote.is_text() for vote in votes):
        return True, None
    every = total(vote.tally() for vote in votes)
    filled = every.filled
    sampled = any(vote.sampled or vote.lost for vote in votes)
    doubts = {r: chooser.doubt(every, r) for r in chooser.proposed}
    open_readings = [
        r
        for r, doubt in doubts.items()
        if not (chooser.readings[r].numeric and every.barred and not chooser.first)
        and (doubt is None or (sampled and doubt.role is Role.NEEDED))
    ]
    most = {r: sum(vote.most(r) for vote in votes) for r in open_readings}
    least = {r: sum(vote.least(r) for vote in votes) for r in open_readings}
    chances = [r for r in open_readings if least[r] <= chooser.allowed(filled) or sampled]
    if not chances:
        return True, None
    certain = [
        r
        for r in chances
        if doubts[r] is None
        and most[r] <= chooser.allowed(filled)
        and all(_within(v, r, chooser) for v in votes)
    ]
    if not certain:
        return False, None
    best = certain[0] if chooser.first else min(certain, key=lambda r: (most[r], r))
    rivals = [r for r in chances if r != best and not any(_beyond(v, r, chooser) for v in votes)]
    if chooser.first:
        beaten = all(r > best for r in rivals)
    else:
        beaten = all((least[r], r) > (most[best], best) for r in rivals)
    # A number that may be two, which the best does not read, leaves the column open.
    doubtful = least[best] > 0 and any(
        doubt is not None and doubt.role is Role.NEEDED
        for r, doubt in doubts.items()
        if chooser.readings[r].numeric and chooser.readings[best].numeric
    )
    alike = all(vote.most(best) <= vote.least(r) for vote in votes for r in chooser.rivals(best))
    return (True, best) if beaten and alike and not doubtful else (False, None)


def _within(vote: Known, reading: int, chooser: Chooser) -> bool:
    """Whether the file certainly allows the type."""
    few = vote.filled < LEAST and not vote.sampled
    return few or vote.most(reading) <= chooser.allowed_in_a_file(vote.filled)


def _beyond(vote: Known, reading: int, chooser: Chooser) -> bool:
    """Whether the file certainly refuses the type."""
    if vote.sampled or vote.filled < LEAST:
        return False
    return vote.least(reading) > chooser.allowed_in_a_file(vote.filled)


# --- as text ---


class Keeper:
    """Evidence as text, and back, under one set of readings."""

    def __init__(self, readings: Sequence[TypeCandidate], null_values: Sequence[str]) -> None:
        listed = [[r.type, r.format, [sign.name for sign in r.signs]] for r in readings]
        text = json.dumps([listed, list(null_values)])
        self._digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        """Counts under other readings say nothing here."""
        self._proposed = range(len(listed))

    def write(self, columns: Mapping[str, Known]) -> str:
        """A file's evidence."""
        # A reading that no values propose, such as that of a table made elsewhere, has no number
        # that lasts: its column stays governed by the table.
        rows = {
            name: _row(known, self._proposed)
            for name, known in columns.items()
            if known.reading is None or known.reading in self._proposed
        }
        return json.dumps(
            {"readings": self._digest, "columns": rows},
            separators=(",", ":"),
            ensure_ascii=False,
        )

    def read(self, text: str) -> dict[str, Known] | None:
        """A file's columns; None where the text was written under other readings."""
        try:
            found: dict[str, Any] = json.loads(text) if text else {}
            if found.get("readings") != self._digest:
                return None
            return {name: _known(row) for name, row in found["columns"].items()}
        except (ValueError, TypeError, KeyError, AttributeError):
            return None


def _row(known: Known, proposed: range) -> list[Any]:
    reading = TEXT if known.reading is None else known.reading
    counted = {r: n for r, n in sorted(known.misses.items()) if r in proposed}
    # Most readings take no value at all: one bit for each of them.
    none = sum(1 << r for r, n in counted.items() if n == known.filled)
    some = [n for pair in counted.items() if pair[1] != known.filled for n in pair]
    flags = known.sampled + 2 * known.complete + 4 * known.proved
    signs = dict(known.signs)
    return [reading, known.filled, flags, f"{none:x}", some, dict(known.vetoes), signs]


def _known(row: list[Any]) -> Known:
    reading, filled, flags, none, some, vetoes, signs = row
    bits = int(none, 16)
    misses = {r: filled for r in range(bits.bit_length()) if bits >> r & 1}
    numbers: Iterable[int] = iter(some)
    return Known(
        None if reading == TEXT else reading,
        filled,
        misses | dict(zip(numbers, numbers, strict=True)),
        dict(vetoes),
        dict(signs),
        sampled=bool(flags & 1),
        complete=bool(flags & 2),
        proved=bool(flags & 4),
    )
