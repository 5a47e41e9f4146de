"""Delimiters of several characters: no reader takes them, so that a file has to be told of them."""

from __future__ import annotations

import re
from collections.abc import Sequence

_RUN = re.compile(r"[|~^#$&@*!:;%+=<>]{2,4}")
_ALONE = 0.05
"""Share of a character's places that may lie outside of the delimiter made of it."""
_LINES = 200


def several_in(text: str, used: str) -> str:
    """The delimiter of several characters that all lines have equally often; ``''`` for none.

    Args:
        text: the sample.
        used: the delimiter of the best reading; one that is no part of the longer one stays.
    """
    lines = [line for line in text.split("\n")[:_LINES] if line.strip()]
    if len(lines) < 2:
        return ""
    runs: list[str] = sorted(dict.fromkeys(_RUN.findall(lines[0])), key=len, reverse=True)
    return next((r for r in runs if (not used or used in r) and _divides(r, used, lines)), "")


def _divides(run: str, used: str, lines: Sequence[str]) -> bool:
    """Whether all lines hold the run equally often, and what it is made of hardly elsewhere."""
    if len({line.count(run) for line in lines}) > 1 or set(run) == {";"}:
        return False
    if any(line.startswith(run) and line.endswith(run) for line in lines):
        return False
    mark = used or run[0]
    everywhere = sum(line.count(mark) for line in lines)
    inside = run.count(mark) * sum(line.count(run) for line in lines)
    return everywhere - inside <= _ALONE * everywhere
