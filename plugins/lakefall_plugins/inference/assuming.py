"""Types from the first rows alone, where whoever converts the rest will prove them.

The answer is the one that all rows give, or none: a reading that fits every value of the first rows
and of the rest is chosen from all rows as well. More specific readings failed in the first rows, so
that they can fit no more values than it; less specific ones lose the tie.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lakefall.contract.values import Assumed
from lakefall_plugins.inference.choosing import Chooser
from lakefall_plugins.inference.explaining import Verdict
from lakefall_plugins.inference.joining import Vote, together, votes_on
from lakefall_plugins.inference.survey import Survey


def assume(
    surveys: Sequence[Survey], names: Iterable[str], chooser: Chooser
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
        verdict = _agreed(name, votes_on(name, surveys, firsts), chooser)
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


def _agreed(name: str, votes: Sequence[Vote], chooser: Chooser) -> Verdict | None:
    """What all files say of a column; None where it takes all rows to say it."""
    rule = votes[0][1].rule
    heard = [(survey, v) for survey, v in votes if v.tally.filled]
    silent = any(v.tally.sampled and not v.tally.filled for _, v in votes)
    if len({v.reading for _, v in heard}) > 1:
        return None
    if any(not survey.is_clear(name, v) for survey, v in heard):
        return None
    if heard and silent and not rule.text:
        # Values further down have a say of their own.
        return None
    if not heard and silent and rule.forced is not None and len(rule.forced) > 1:
        return None
    verdict = together(name, votes, chooser)
    if rule.existing is not None and verdict.reading not in (None, rule.existing):
        # The table would have to widen, or the file contradicts its format.
        return None
    return verdict


def with_promise(evidence: Sequence[str], name: str, assumed: Assumed | None) -> tuple[str, ...]:
    """The evidence, with what is still to be shown."""
    if assumed is None or (name not in assumed.parsing and name not in assumed.empty):
        return tuple(evidence)
    return (*evidence, "all others are checked as they are written")
