"""The type BOOLEAN."""

from __future__ import annotations

from collections.abc import Iterable

from typing_extensions import override

from lakefall.contract.plugin import NoOptions
from lakefall.contract.types import TypeCandidate, TypePlugin, TypeSettings

WORDS = {"true": True, "yes": True, "false": False, "no": False}
DIGITS = {"1": True, "0": False}


class Boolean(TypePlugin[NoOptions]):
    """true/false, yes/no in any case, and 1/0 unless `boolean: words`."""

    name = "boolean"

    @override
    def candidates(self, settings: TypeSettings) -> Iterable[TypeCandidate]:
        digits = settings.boolean != "words"
        meaning = {**WORDS, **(DIGITS if digits else {})}

        def parse(text: str) -> str:
            cases = (f"WHEN '{word}' THEN {value}" for word, value in meaning.items())
            return f"CASE lower({text}) {' '.join(cases)} END"

        yield TypeCandidate(
            type="BOOLEAN",
            order=100,
            iceberg="boolean",
            duckdb="BOOLEAN",
            parse=parse,
            examples=("true", "FALSE", "Yes", "no", *(DIGITS if digits else ())),
            counter_examples=(
                *("t", "f", "y", "n", "on", "2", "-1", "01", "1.0", "truee", "yes no"),
                *(() if digits else DIGITS),
            ),
        )
