"""The type JSON: objects and arrays, kept as text."""

from __future__ import annotations

from collections.abc import Iterable

from typing_extensions import override

from lakefall.common.sql import literal
from lakefall.contract.plugin import NoOptions
from lakefall.contract.types import TypeCandidate, TypePlugin, TypeSettings

_BLANKS = " \t\n\r"
"""What may stand around a value (RFC 8259)."""


class Json(TypePlugin[NoOptions]):
    """JSON objects and arrays (RFC 8259), kept as text; Iceberg has no type for them."""

    name = "json"

    @override
    def candidates(self, settings: TypeSettings) -> Iterable[TypeCandidate]:
        yield TypeCandidate(
            type="JSON",
            order=800,
            iceberg="string",
            duckdb="VARCHAR",
            parse=_parse,
            telltale=_bracketed,
            examples=('{"a": 1, "b": [true, null]}', "[]", "{}", '[-1.5e3, "x\\u00e9,}"]'),
            counter_examples=(
                *("", "1", "true", "null", '"text"', "{", '{"a": 1', '{"a": 1} x', "{'a': 1}"),
                *('{"a": NaN}', "[Infinity]", "[1,]", '{"a": 1,}', "[01]", "[1.]", '["\t"]'),
                *("// note\n[1]", "[1] /* note */", "{a: 1}", '["\\x"]'),
            ),
        )


def _bracketed(text: str) -> str:
    return f"({text} GLOB '{{*' OR {text} GLOB '\\[*')"


def _parse(text: str) -> str:
    # DuckDB lets NaN, Infinity and a last comma pass; outside of strings they cannot be else.
    bare = f"""regexp_replace({text}, '"(?:[^"\\\\]|\\\\.)*"', '""', 'g')"""
    loose = r"(?i)nan|inf|,\s*[\]}]"
    return (
        f"CASE WHEN {_bracketed(text)} AND json_valid({text})"
        f" AND NOT regexp_matches({bare}, '{loose}') THEN rtrim({text}, {literal(_BLANKS)}) END"
    )
