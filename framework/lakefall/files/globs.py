"""Patterns over the keys of a source: ``*/**/*.csv``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

Matcher = Callable[[str], bool]


def matcher(patterns: Iterable[str]) -> Matcher:
    """A test whether a ``/``-separated key matches one of the patterns, in any case.

    ``*`` and ``?`` stay inside one folder, ``**/`` stands for any number of folders, also none:
    ``*/**/*.csv`` matches ``t/a.csv`` and ``t/2024/a.CSV``, but not ``a.csv``. ``[ab]`` is one of
    the characters, ``[!ab]`` any other.
    """
    # Always false without patterns: a branch that can match nothing.
    expression = "|".join(f"(?:{_translate(p)})" for p in patterns) or "(?!)"
    compiled = re.compile(expression, re.IGNORECASE | re.DOTALL)
    return lambda key: compiled.fullmatch(key) is not None


def _translate(pattern: str) -> str:
    out: list[str] = []
    rest = pattern
    while rest:
        if rest.startswith("**/"):
            out.append("(?:[^/]+/)*")
            rest = rest[3:]
        elif rest.startswith("**"):
            out.append(".*")
            rest = rest[2:]
        elif found := re.match(r"\[(!?)(\]?[^\]/]*)\]", rest):
            inside = re.sub(r"([\\^\[\]&~|])", r"\\\1", found[2])
            out.append(f"[{'^/' if found[1] else ''}{inside}]")
            rest = rest[found.end() :]
        else:
            out.append({"*": "[^/]*", "?": "[^/]"}.get(rest[0], re.escape(rest[0])))
            rest = rest[1:]
    return "".join(out)
