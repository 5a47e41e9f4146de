"""The type VARCHAR: what every text is, and what a column is when nothing else qualifies."""

from __future__ import annotations

from collections.abc import Iterable

from typing_extensions import override

from lakefall.contract.plugin import NoOptions
from lakefall.contract.types import TypeCandidate, TypePlugin, TypeSettings


class Varchar(TypePlugin[NoOptions]):
    """Text, kept as it is; the fallback."""

    name = "varchar"

    @override
    def candidates(self, settings: TypeSettings) -> Iterable[TypeCandidate]:
        yield TypeCandidate(
            type="VARCHAR",
            order=900,
            iceberg="string",
            duckdb="VARCHAR",
            parse=_parse,
            trim=False,
            examples=("", " a ", "NULL", "00501", "1,5", "line\nbreak", "é"),
        )


def _parse(text: str) -> str:
    return text
