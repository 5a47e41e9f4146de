"""One file's columns: proposed on the first rows, proved on all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from lakefall.common import sql
from lakefall.contract.errors import FormatConflictError
from lakefall.contract.types import Role, contradict
from lakefall_plugins.inference.choose import Chooser, ColumnRule, Verdict
from lakefall_plugins.inference.counts import Spot, Tally
from lakefall_plugins.inference.file_counts import Counter
from lakefall_plugins.inference.known import Known, counted


@dataclass(frozen=True, slots=True)
class Survey:
    """A file, and how its columns are to be judged."""

    counter: Counter
    chooser: Chooser
    names: tuple[str, ...]
    """Column names by position."""
    rules: Mapping[str, ColumnRule]
    sample_rows: int
    verify: bool
    """Prove on all rows; otherwise the first ones decide."""
    _known: dict[int, Tally] = field(default_factory=dict)
    """The first rows, counted once."""
    _whole: dict[int, Tally] = field(default_factory=dict)
    """All rows of the columns that had to be counted again."""
    _every: dict[int, Tally] = field(default_factory=dict)
    """Every reading over all rows, where it was counted."""
    _alone: dict[str, Verdict] = field(default_factory=dict)
    """Each column as this file alone would have it, once that was asked for."""

    @property
    def key(self) -> str:
        return self.counter.records.local.name

    def verdicts(self) -> dict[str, Verdict]:
        """Each column as this file alone would have it.

        Raises:
            FormatConflictError: a column contradicts the format that its table was given.
        """
        positions = range(len(self.names))
        first = self._first_tallies()
        proofs = self._proofs(first) if self.verify else {}
        open_again = [p for p in proofs if not self._settled(p, first[p], proofs[p])]
        full = self._profile(open_again)
        self._whole.update(full)
        verdicts = {
            self.names[p]: self._verdict(p, full.get(p), proofs.get(p), first[p]) for p in positions
        }
        for name, verdict in verdicts.items():
            self._check_format(name, verdict)
        self._alone.update(verdicts)
        return verdicts

    def first(self) -> dict[str, Verdict]:
        """Each column as the first rows alone would have it."""
        tallies = self._first_tallies()
        found = {self.names[p]: self._verdict(p, None, None, t) for p, t in tallies.items()}
        self._alone.update(found)
        return found

    def is_clear(self, name: str, verdict: Verdict) -> bool:
        """Whether the first rows give a verdict without exception and without a rival."""
        reading, tally = verdict.reading, verdict.tally
        alone = reading is None or tally.fits_all(reading)
        if not tally.sampled:
            return alone
        # Text, too, has rivals: `yes` alone is text until there is a `no`.
        contenders = self._contenders(self.names.index(name), tally)
        return alone and tuple(contenders) == (() if reading is None else (reading,))

    def full(self, name: str) -> Tally:
        """A column with every reading counted, over all rows unless the first ones decide."""
        position = self.names.index(name)
        if position not in self._every:
            everything = range(len(self.chooser.readings))
            found = self.counter.profile([position], self._scope, {position: everything})
            self._every.update(found)
        return self._every[position]

    def kept(self, name: str, chosen: int | None) -> Known:
        """What is worth keeping of a column whose reading in the table is ``chosen``."""
        position, alone = self.names.index(name), self._alone[name]
        every = self._every.get(position)
        tally = every or self._whole.get(position) or self._known[position]
        proved = self.verify and (alone.tally.sampled is False or alone.reading == chosen)
        return counted(alone.reading, tally, complete=every is not None, proved=proved)

    def exact(self) -> dict[str, tuple[str, str]]:
        """As in ``Schema``; of a file of which the first rows are not all nothing is known."""
        found = {}
        for position, name in enumerate(self.names):
            tally, reading = self._known[position], self._alone[name].reading
            if tally.sampled or tally.blank:
                continue
            if not tally.filled:
                found[name] = ("", "")
            elif reading is not None and tally.texts.get(reading) == tally.filled:
                candidate = self.chooser.readings[reading]
                found[name] = candidate.type, candidate.format
        return found

    def as_written(self) -> tuple[str, ...]:
        """As in ``Schema``. Of a file of which the first rows are not all nothing is said, unless
        it is wide and its types rest on them as well."""
        wide = len(self.names) > sql.WIDE
        found = []
        for position, name in enumerate(self.names):
            first, verdict = self._known[position], self._alone[name]
            reading, tally = verdict.reading, verdict.tally
            looked = not first.sampled or (wide and tally.sampled)
            fits = not tally.filled if reading is None else tally.fits_all(reading)
            if looked and fits and not (first.blank or first.padded):
                found.append(name)
        return tuple(found)

    def compared(self, name: str, tally: Tally, reading: int) -> Tally:
        """The tally of a column, with what readings that contradict ``reading`` take otherwise."""
        position = self.names.index(name)
        tied = [reading, *self.chooser.tied(tally, reading)]
        found = self.counter.differing({position: tied}, self._scope)
        return replace(tally, differing={**tally.differing, **found[position]})

    def first_misfits(self, wanted: Mapping[str, int], *, sampled: bool) -> dict[str, Spot]:
        """The first value of each column that does not parse under a reading."""
        places = {self.names.index(name): reading for name, reading in wanted.items()}
        found = self.counter.first_misfits(places, self.sample_rows if sampled else 0)
        return {self.names[position]: spot for position, spot in found.items()}

    def _first_tallies(self) -> Mapping[int, Tally]:
        if not self._known:
            self._known.update(self._profile(range(len(self.names)), self.sample_rows))
        return self._known

    def learn(self, first: Mapping[int, Tally]) -> None:
        """Take counts of the first rows that were made for several files at once."""
        self._known.update(self._compared(dict(first), self.sample_rows))

    @property
    def _scope(self) -> int:
        return 0 if self.verify else self.sample_rows

    def _profile(self, positions: Sequence[int], limit: int = 0) -> dict[int, Tally]:
        """The columns counted, and where readings are tied, what they take differently."""
        tallies = self.counter.profile(positions, limit, {p: self.asked(p) for p in positions})
        return self._compared(tallies, limit)

    def _compared(self, tallies: dict[int, Tally], limit: int) -> dict[int, Tally]:
        leaders = {p: self.chooser.choose(t, self._rule(p)) for p, t in tallies.items()}
        tied = {
            p: [leader, *self._rivals(p, tallies[p], leader)]
            for p, leader in leaders.items()
            if leader is not None
        }
        for position, differing in self.counter.differing(tied, limit).items():
            tallies[position] = replace(tallies[position], differing=differing)
        return tallies

    def asked(self, position: int) -> tuple[int, ...]:
        """The readings that options and table name for a column."""
        rule = self._rule(position)
        return (*(rule.forced or ()), *(() if rule.existing is None else (rule.existing,)))

    def _proofs(self, first: Mapping[int, Tally]) -> dict[int, Tally]:
        wanted = {p: self._contenders(p, t) for p, t in first.items() if t.sampled}
        told = {s.name for r in self.chooser.readings for s in r.signs if s.role is Role.SAID}
        # A sign that the first rows show needs no second look.
        seen = {p: {s for s, n in first[p].signs.items() if n and s not in told} for p in wanted}
        proofs = self.counter.prove(wanted, seen)
        return {p: replace(t, signs={**first[p].signs, **t.signs}) for p, t in proofs.items()}

    def _contenders(self, position: int, tally: Tally) -> Sequence[int]:
        """The reading that leads, and what else has to be counted beside it."""
        rule = self._rule(position)
        leader = self.chooser.choose(tally, rule)
        if not tally.filled:
            return ()
        undecided = self.chooser.undecided(tally, rule)
        if leader is None:
            return undecided
        beside = [*self._rivals(position, tally, leader)]
        if rule.existing is not None:
            beside.append(rule.existing)
        return tuple(dict.fromkeys([leader, *beside, *undecided]))

    def _rivals(self, position: int, tally: Tally, leader: int) -> tuple[int, ...]:
        """Readings that may make the choice ambiguous; none where the table has made it."""
        governed = self._rule(position).existing == leader
        return () if governed else self.chooser.tied(tally, leader)

    def _settled(self, position: int, first: Tally, proof: Tally) -> bool:
        """Whether all rows give what the first ones gave."""
        rule = self._rule(position)
        leader = self.chooser.choose(first, rule)
        if rule.text:
            return True
        if not first.filled:
            return not proof.filled
        if leader is not None and not proof.fits_all(leader):
            return False
        # What lies behind the first rows may show the sign that a reading needs.
        return self.chooser.choose(proof, rule) == leader

    def _verdict(
        self, position: int, full: Tally | None, proof: Tally | None, first: Tally
    ) -> Verdict:
        rule = self._rule(position)
        if full is not None:
            return Verdict(rule, self.chooser.choose(full, rule), full, full)
        if proof is None:
            return Verdict(rule, self.chooser.choose(first, rule), first, first)
        leader = self.chooser.choose(first, rule)
        return Verdict(rule, leader, proof if leader is not None else first, proof)

    def _check_format(self, name: str, verdict: Verdict) -> None:
        existing, reading = verdict.rule.existing, verdict.reading
        if existing is None or reading is None or reading == existing:
            return
        table, file = self.chooser.readings[existing], self.chooser.readings[reading]
        if not contradict(table, file):
            return
        alike = table.type == file.type or (table.numeric and file.numeric)
        if not (alike or verdict.tally.fitting(existing)):
            # Another type altogether, of which the table's reading takes nothing for a value.
            return
        found = self.first_misfits({name: existing}, sampled=not self.verify)
        spot = found.get(name)
        where = f"{self.key}, line {spot.line}" if spot else self.key
        text = f"holds {spot.text!r}; " if spot else ""
        raise FormatConflictError(
            f"{where}: column {name!r} {text}its values read as {file.written}, but the table's "
            f"format is {table.written}. Write the file in the table's format, give it a table of "
            "its own, or, where the table's format was a wrong guess, `lakefall rebuild` the table"
        )

    def _rule(self, position: int) -> ColumnRule:
        return self.rules[self.names[position]]
