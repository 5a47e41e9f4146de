"""One verdict on a column from those of several files: from all rows, or from the first ones alone.

From the first rows the answer is the one that all rows give, or none: a reading that fits every
value of the first rows and of the rest is chosen from all rows as well. More specific readings
failed in the first rows, so that they can fit no more values than it; less specific ones lose the
tie. The step that converts the other rows proves it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from lakefall.contract.values import Assumed
from lakefall_plugins.inference.choose import Chooser, ColumnRule, Verdict
from lakefall_plugins.inference.counts import Tally, total
from lakefall_plugins.inference.evidence import Survey
from lakefall_plugins.inference.explain import subject
from lakefall_plugins.inference.known import Keeper, Known, counted, settled

IN_OTHERS = "text in other files of the table"
Vote = tuple[Survey, Verdict]
"""A file, and what it alone would make of a column."""


def votes_on(
    name: str, surveys: Sequence[Survey], verdicts: Sequence[Mapping[str, Verdict]]
) -> list[Vote]:
    """The votes of the files that have the column; ``verdicts`` are those of each file."""
    return [(s, v[name]) for s, v in zip(surveys, verdicts, strict=True) if name in v]


def proved(
    surveys: Sequence[Survey],
    names: Iterable[str],
    chooser: Chooser,
    known: Mapping[str, Sequence[Known]],
) -> dict[str, Verdict]:
    """A verdict a column, from all rows of all files.

    Args:
        known: by column what is known of the table's other files.

    Raises:
        FormatConflictError: a column contradicts the format that its table was given.
    """
    alone = [survey.verdicts() for survey in surveys]
    return {
        name: together(name, votes_on(name, surveys, alone), chooser, known.get(name, ()))
        for name in names
    }


def together(
    name: str, votes: Sequence[Vote], chooser: Chooser, known: Sequence[Known] = ()
) -> Verdict:
    """One verdict from those of several files; where they disagree, their counts are added up."""
    rule = votes[0][1].rule
    filled = [(survey, v) for survey, v in votes if v.tally.filled]
    others = _counting(rule, known)
    seen = total(v.seen for _, v in votes)
    tally = total(v.tally for _, v in votes)
    readings = {v.reading for _, v in filled} | {each.reading for each in others}
    if len(readings) <= 1:
        reading = next(iter(readings)) if readings else chooser.choose(tally, rule)
        every = total([tally, *(each.tally() for each in others)])
        if chooser.choose(every, rule) == reading:
            return Verdict(rule, reading, tally, seen)
        # Together they show a sign that each of them lacks: zeros in one file, ones in another.
    if any(each.is_text() for each in (*others, *_first_rows(filled))):
        return Verdict(rule, None, tally, seen, IN_OTHERS)
    tallies = [(survey, survey.full(name)) for survey, _ in filled]
    parts = [each for _, each in tallies] + [each.tally() for each in others]
    if all(each.complete for each in others):
        reading = chooser.choose(total(parts), rule, parts)
    else:
        here = [
            counted(v.reading, t, complete=True)
            for (_, v), (_, t) in zip(filled, tallies, strict=True)
        ]
        done, reading = settled([*here, *others], chooser)
        if not done:
            at_hand = total(each for _, each in tallies)
            fits = rule.table is not None and chooser.qualifies(at_hand, rule.table)
            return Verdict(rule, rule.table if fits else None, tally, seen, unsettled=True)
    if tallies:
        tally = total(each for _, each in tallies)
    if reading is None:
        return Verdict(rule, reading, tally, seen)
    counts = [(survey.key, each) for survey, each in tallies]
    counts += [("a file loaded before", each.tally()) for each in others if each.complete]
    if formats := _better_formats(counts, reading, chooser):
        chosen = chooser.readings[reading].written
        note = ", ".join(f"{key} is written as {found}" for key, found in formats.items())
        return Verdict(rule, None, tally, seen, f"{note}, the other files as {chosen}")
    if tallies:
        tally = total(survey.compared(name, each, reading) for survey, each in tallies)
    return Verdict(rule, reading, tally, seen)


def _counting(rule: ColumnRule, known: Sequence[Known]) -> list[Known]:
    """Other files that have a say: those with values, where values decide."""
    decided = bool(rule.text) or rule.forced is not None
    return [] if decided else [each for each in known if each.filled or each.lost]


def _better_formats(
    counts: Iterable[tuple[str, Tally]], reading: int, chooser: Chooser
) -> dict[str, str]:
    """By file the format that it is written in, where that contradicts the reading's."""
    found = ((name, chooser.better_format(tally, reading)) for name, tally in counts)
    return {name: chooser.readings[r].written for name, r in found if r is not None}


def _first_rows(votes: Sequence[Vote]) -> list[Known]:
    """What was counted of files whose first rows alone decide so far."""
    sampled = [v for _, v in votes if v.tally.sampled]
    return [counted(v.reading, v.tally, complete=False) for v in sampled]


def kept(
    surveys: Sequence[Survey], verdicts: Mapping[str, Verdict], keeper: Keeper
) -> dict[str, str]:
    """The evidence of each file, by its name."""
    return {
        survey.key: keeper.write(
            {
                name: survey.kept(name, verdicts[name].reading)
                for name in survey.names
                if verdicts[name].rule.forced is None and not verdicts[name].rule.text
            }
        )
        for survey in surveys
    }


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


def assume(
    surveys: Sequence[Survey],
    names: Iterable[str],
    chooser: Chooser,
    known: Mapping[str, Sequence[Known]],
) -> tuple[dict[str, Verdict], Assumed] | None:
    """A verdict a column, and what they rest on.

    None where the first rows leave something open, and where they are all that there is: then
    nothing is assumed.
    """
    firsts = [survey.first() for survey in surveys]
    if not any(verdict.tally.sampled for first in firsts for verdict in first.values()):
        return None
    verdicts: dict[str, Verdict] = {}
    parsing: list[str] = []
    empty: list[str] = []
    for name in names:
        verdict = _agreed(name, votes_on(name, surveys, firsts), chooser, known.get(name, ()))
        if verdict is None:
            return None
        verdicts[name] = verdict
        if not verdict.tally.sampled or verdict.rule.text:
            continue
        if verdict.reading is not None:
            parsing.append(name)
        elif not verdict.tally.filled:
            empty.append(name)
    return verdicts, Assumed(tuple(parsing), tuple(empty))


def _agreed(
    name: str, votes: Sequence[Vote], chooser: Chooser, known: Sequence[Known]
) -> Verdict | None:
    """The verdict of all files on a column; None where it takes all rows to find it."""
    rule = votes[0][1].rule
    filled = [(survey, v) for survey, v in votes if v.tally.filled]
    empty_first = any(v.tally.sampled and not v.tally.filled for _, v in votes)
    readings = {v.reading for _, v in filled}
    others = {each.reading for each in _counting(rule, known)}
    if len(readings | others) > 1 and not (
        len(readings) == 1 and any(each.is_text() for each in known)
    ):
        return None
    if any(not survey.is_clear(name, v) for survey, v in filled):
        return None
    if filled and empty_first and not rule.text:
        # Values further down count as well.
        return None
    if not filled and empty_first and rule.forced is not None and len(rule.forced) > 1:
        return None
    verdict = together(name, votes, chooser, known)
    if rule.existing is not None and verdict.reading not in (None, rule.existing):
        # The table would have to widen, or the file contradicts its format.
        return None
    return verdict


def with_promise(evidence: Sequence[str], name: str, assumed: Assumed | None) -> tuple[str, ...]:
    """The evidence, with what is still to be shown."""
    if assumed is None or (name not in assumed.parsing and name not in assumed.empty):
        return tuple(evidence)
    return (*evidence, "all others are checked as they are written")
