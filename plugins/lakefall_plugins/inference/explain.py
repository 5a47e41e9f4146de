"""Sentences for people: why a column has its type."""

from __future__ import annotations

from collections.abc import Iterator

from lakefall.contract.types import Role
from lakefall_plugins.inference.choose import FALLBACK, Chooser, Verdict
from lakefall_plugins.inference.counts import Spot, Tally
from lakefall_plugins.types.number_formats import sample_of

SHOWN = 40
"""Characters of a value that a sentence shows."""


def ambiguous(verdict: Verdict, chooser: Chooser) -> bool:
    """Whether another format parses as many values, and only the configured order decided."""
    return bool(_rivals(verdict, chooser))


def subject(verdict: Verdict, chooser: Chooser) -> int | None:
    """The reading whose first misfit the evidence shows; None where it shows none."""
    tally, reading = verdict.tally, verdict.reading
    if reading is not None:
        return None if tally.fits_all(reading) else reading
    if verdict.rule.text or verdict.note or not tally.filled:
        return None
    if _barred(verdict, chooser) or _only_barred(tally, chooser):
        return None
    best = max(chooser.proposed, key=tally.fitting, default=None)
    return best if best is not None and tally.fitting(best) else None


def explain(verdict: Verdict, chooser: Chooser, *, several: bool) -> tuple[str, ...]:
    """The evidence of one column; ``several`` names the file of each line."""
    return tuple(_sentences(verdict, chooser, several=several))


def _sentences(verdict: Verdict, chooser: Chooser, *, several: bool) -> Iterator[str]:
    tally = verdict.tally
    if verdict.reading is not None:
        yield from _typed(verdict, verdict.reading, chooser, several=several)
    elif verdict.rule.text or verdict.note:
        yield f"{FALLBACK}: {verdict.rule.text or verdict.note}"
    elif not tally.filled:
        yield f"{FALLBACK}: no value"
    else:
        yield from _text(verdict, chooser, several=several)
    if verdict.rule.forced is not None:
        yield "set by type_inferer.columns"
    if verdict.empty:
        yield f"{verdict.empty:,} empty{_scope(verdict.seen)}"
    if verdict.reading is not None and verdict.seen.tokens:
        listed = ", ".join(f"{n:,} {_quoted(t)}" for t, n in verdict.seen.tokens.items())
        yield f"of the empty ones are {listed} (null_values)"


def _typed(verdict: Verdict, reading: int, chooser: Chooser, *, several: bool) -> Iterator[str]:
    tally, chosen = verdict.tally, chooser.readings[reading]
    how = f" as {chosen.format}" if chosen.format else ""
    fits = tally.fitting(reading)
    yield f"{chosen.type}: {fits:,} of {_values(tally.filled)}{how}{_scope(tally)}"
    if fits < tally.filled:
        count = tally.filled - fits
        do = "does" if count == 1 else "do"
        yield f"{_values(count)} {do} not parse{_first(verdict.misfit, several, text=True)}"
    for sign in chosen.signs:
        if sign.role is Role.SAID and (count := tally.signs.get(sign.name, 0)):
            yield f"{_values(count)} with {sign.name}: {sign.meaning}{_scope(tally)}"
    if verdict.rule.existing == reading:
        yield "the table's type"
    if rivals := _rivals(verdict, chooser):
        formats = " and ".join([chosen.written, *(chooser.readings[r].written for r in rivals)])
        option = "number_formats" if chosen.numeric else "date_formats"
        yield f"ambiguous: {formats} parse the same values; the order of {option} decides"


def _text(verdict: Verdict, chooser: Chooser, *, several: bool) -> Iterator[str]:
    tally = verdict.tally
    scope = _scope(tally)
    if _barred(verdict, chooser):
        yield f"{FALLBACK}: {verdict.rule.barred}"
        return
    if _only_barred(tally, chooser):
        for reason, hits in tally.vetoes.items():
            if hits.count:
                first = _first(hits.first, several)
                yield f"{FALLBACK}: {_values(hits.count)} {reason}{first}{scope}"
        return
    best = max(chooser.proposed, key=tally.fitting, default=None)
    if best is None or not tally.fitting(best):
        yield f"{FALLBACK}: no other type fits any of {_values(tally.filled)}{scope}"
        if (sample := sample_of(tally.example.strip())) is not None:
            yield f"{_quoted(tally.example)} is a number under number_formats: [{sample!r}]"
        return
    found, share = tally.fitting(best), f"{chooser.threshold:.0%}"
    doubt = chooser.doubt(tally, best)
    if doubt is not None and found >= chooser.threshold * tally.filled:
        alike = [chooser.readings[r] for r in chooser.proposed if tally.fitting(r) == found]
        wider = {r.format for r in alike for other in alike if other.format in r.extends}
        formats = " or ".join(dict.fromkeys(r.format for r in alike if r.format not in wider))
        parse = "parses" if found == 1 else "parse"
        yield (
            f"{FALLBACK}: {found:,} of {_values(tally.filled)} {parse} as "
            f"{chooser.readings[best].type}{f' ({formats})' if formats else ''}{scope}, "
            f"but {doubt.meaning}"
        )
        return
    other = _first(verdict.misfit, several, text=True)
    yield (
        f"{FALLBACK}: {found:,} of {_values(tally.filled)} parse as "
        f"{chooser.readings[best].type}, fewer than {share}{scope}; the others{other}"
    )
    if not several and verdict.misfit and verdict.misfit.alike and doubt is None:
        texts = ", ".join(map(_quoted, verdict.misfit.alike))
        yield f"{chooser.readings[best].type} if null_values had {texts}"


def _barred(verdict: Verdict, chooser: Chooser) -> bool:
    """Whether the column would be numeric if the rule did not bar it."""
    return bool(verdict.rule.barred) and any(
        chooser.readings[r].numeric and chooser.qualifies(verdict.tally, r)
        for r in chooser.proposed
    )


def _only_barred(tally: Tally, chooser: Chooser) -> bool:
    """Whether the column would be numeric if nothing barred it."""
    barred = sum(hits.count for hits in tally.vetoes.values())
    return not chooser.first and any(
        barred + tally.fitting(r) >= chooser.threshold * tally.filled
        for r in chooser.proposed
        if barred and chooser.readings[r].numeric
    )


def _rivals(verdict: Verdict, chooser: Chooser) -> tuple[int, ...]:
    governed = verdict.rule.existing == verdict.reading
    if verdict.reading is None or governed or not verdict.tally.filled:
        return ()
    rivals = chooser.ambiguous(verdict.tally, verdict.reading)
    allowed = verdict.rule.forced
    return rivals if allowed is None else tuple(r for r in rivals if r in allowed)


def _first(spot: Spot | None, several: bool, *, text: bool = False) -> str:
    if spot is None:
        return ""
    shown = f" {_quoted(spot.text)}" if text else ""
    return f", first{shown} on line {spot.line:,}" + (f" of {spot.key}" if several else "")


def _quoted(text: str) -> str:
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "…")


def _values(count: int) -> str:
    return "1 value" if count == 1 else f"{count:,} values"


def _scope(tally: Tally) -> str:
    return f" in the first {tally.rows:,} rows" if tally.sampled else ""
