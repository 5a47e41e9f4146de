"""One verdict on a column from those of several files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from lakefall_plugins.inference.choosing import Chooser
from lakefall_plugins.inference.explaining import Verdict, subject
from lakefall_plugins.inference.survey import Survey
from lakefall_plugins.inference.tally import total

Vote = tuple[Survey, Verdict]
"""A file, and what it alone would make of a column."""


def votes_on(
    name: str, surveys: Sequence[Survey], verdicts: Sequence[Mapping[str, Verdict]]
) -> list[Vote]:
    """The votes of the files that have the column; ``verdicts`` are those of each file."""
    return [(s, v[name]) for s, v in zip(surveys, verdicts, strict=True) if name in v]


def proved(surveys: Sequence[Survey], names: Iterable[str], chooser: Chooser) -> dict[str, Verdict]:
    """A verdict a column, from all rows of all files.

    Raises:
        FormatConflictError: a column contradicts the format that its table was given.
    """
    alone = [survey.verdicts() for survey in surveys]
    return {name: together(name, votes_on(name, surveys, alone), chooser) for name in names}


def together(name: str, votes: Sequence[Vote], chooser: Chooser) -> Verdict:
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
