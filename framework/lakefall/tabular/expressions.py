"""From a cell's text to its typed value, as SQL: blanks, null tokens, then the type's parser."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lakefall.common.sql import literal
from lakefall.contract.types import TypeCandidate

BLANKS = " \t"
FEW_TOKENS = 4
_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")
"""What a regular expression of the engine (RE2) takes for more than itself."""


def trimmed(text: str) -> str:
    """SQL of a text without blanks around it."""
    return f"trim({text}, {literal(BLANKS)})"


def token(text: str, null_values: Sequence[str]) -> str:
    """SQL boolean: the text is one of the null tokens."""
    if not null_values:
        return "false"
    if len(null_values) <= FEW_TOKENS:
        return f"({text} IN ({', '.join(map(literal, null_values))}))"
    # The engine holds a vector for each text of a list, in each column: hundreds of columns would
    # not fit into the memory limit. Most cells are longer than any token.
    longest = max(len(each.encode()) for each in null_values)
    pattern = "|".join(_SPECIAL.sub(r"\\\g<0>", each) for each in null_values)
    return f"(strlen({text}) <= {longest} AND regexp_full_match({text}, {literal(pattern)}))"


def value(candidate: TypeCandidate, text: str, null_values: Sequence[str]) -> str:
    """SQL of a cell's typed value: NULL for NULL, for a null token, and for a misfit.

    A null token is one also where the type could read it (``-999`` in a column of integers).
    Text (a candidate that does not trim) knows no null tokens.
    """
    if not candidate.trim:
        return candidate.parse(text)
    bare = trimmed(text)
    # Most cells parse as they are; inside a CASE the engine trims only those that do not.
    return (
        f"CASE WHEN {text} IS NULL OR {token(text, null_values)} THEN NULL"
        f" ELSE coalesce({candidate.parse(text)},"
        f" CASE WHEN {bare} <> {text} AND NOT {token(bare, null_values)}"
        f" THEN {candidate.parse(bare)} END) END"
    )


def misfit(candidate: TypeCandidate, text: str, null_values: Sequence[str]) -> str:
    """SQL boolean: the cell says something, and it is no value of the type."""
    typed = value(candidate, text, null_values)
    if not candidate.trim:
        return f"({text} IS NOT NULL AND ({typed}) IS NULL)"
    return f"({text} IS NOT NULL AND ({typed}) IS NULL AND NOT {token(trimmed(text), null_values)})"
