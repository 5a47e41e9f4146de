"""The type BOOLEAN."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from typing_extensions import override

from lakefall.common.sql import literal
from lakefall.contract.plugin import NoOptions
from lakefall.contract.types import Role, Sign, TypeCandidate, TypePlugin, TypeSettings

WORDS = {"true": True, "yes": True, "false": False, "no": False}
DIGITS = {"1": True, "0": False}
CERTAIN = ("true", "false")


class Boolean(TypePlugin[NoOptions]):
    """true/false, yes/no in any case, and 1/0 unless `boolean: words`.

    Zeros alone are a counter that stayed zero, `yes` alone is a remark: both a true and a false
    value are needed, or one of the two words that mean nothing else (wireservice/csvkit#1265).
    """

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
            text=(lambda value: f"CAST(CAST({value} AS INTEGER) AS VARCHAR)") if digits else None,
            signs=tuple(_sign(meaning, truth) for truth in (True, False)),
            examples=("true", "FALSE", "Yes", "no", *(DIGITS if digits else ())),
            counter_examples=(
                *("t", "f", "y", "n", "on", "2", "-1", "01", "1.0", "truee", "yes no"),
                *(() if digits else DIGITS),
            ),
        )


def _sign(meaning: Mapping[str, bool], truth: bool) -> Sign:
    words = [word for word, value in meaning.items() if value is truth or word in CERTAIN]
    listed = ", ".join(map(literal, words))
    name = f"a {str(truth).lower()} value"

    def holds(text: str) -> str:
        return f"(lower({text}) IN ({listed}))"

    return Sign(name, holds, Role.NEEDED, f"there is not {name}")
