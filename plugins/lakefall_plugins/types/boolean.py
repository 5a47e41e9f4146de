"""The type BOOLEAN."""

from __future__ import annotations

from collections.abc import Iterable

from typing_extensions import override

from lakefall.plugin import NoOptions
from lakefall.types import TypeCandidate, TypePlugin, TypeSettings

TRUE = ("true", "yes", "1")
FALSE = ("false", "no", "0")


class Boolean(TypePlugin[NoOptions]):
    """true/false, yes/no, 1/0 in any case."""

    name = "boolean"

    @override
    def candidates(self, settings: TypeSettings) -> Iterable[TypeCandidate]:
        yield TypeCandidate(
            type="BOOLEAN",
            order=100,
            iceberg="boolean",
            duckdb="BOOLEAN",
            parse=_parse,
            examples=("true", "FALSE", "Yes", "no", "1", "0"),
            counter_examples=("t", "f", "y", "n", "on", "2", "-1", "01", "1.0", "truee", "yes no"),
        )


def _parse(text: str) -> str:
    cases = [f"WHEN '{word}' THEN true" for word in TRUE]
    cases += [f"WHEN '{word}' THEN false" for word in FALSE]
    return f"CASE lower({text}) {' '.join(cases)} END"
