"""The type UUID."""

from __future__ import annotations

from collections.abc import Iterable

from typing_extensions import override

from lakefall.contract.plugin import NoOptions
from lakefall.contract.types import TypeCandidate, TypePlugin, TypeSettings

HEX = "[0-9a-fA-F]"
PATTERN = f"{HEX}{{8}}(?:-{HEX}{{4}}){{3}}-{HEX}{{12}}"


class Uuid(TypePlugin[NoOptions]):
    """Universally unique identifiers as RFC 9562 writes them: 8-4-4-4-12 hexadecimal digits."""

    name = "uuid"

    @override
    def candidates(self, settings: TypeSettings) -> Iterable[TypeCandidate]:
        yield TypeCandidate(
            type="UUID",
            order=700,
            iceberg="uuid",
            duckdb="UUID",
            parse=_parse,
            telltale=lambda text: f"(strlen({text}) = 36)",
            examples=(
                "123e4567-e89b-12d3-a456-426614174000",
                "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
            ),
            counter_examples=(
                "123e4567e89b12d3a456426614174000",
                "{123e4567-e89b-12d3-a456-426614174000}",
                "123e4567-e89b-12d3-a456-42661417400",
                "123e4567-e89b-12d3-a456-42661417400g",
                "",
            ),
        )


def _parse(text: str) -> str:
    return (
        f"CASE WHEN strlen({text}) = 36 AND regexp_full_match({text}, '{PATTERN}')"
        f" THEN try_cast({text} AS UUID) END"
    )
