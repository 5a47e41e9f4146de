"""The type TIME: a time of day, to the microsecond."""

from __future__ import annotations

from collections.abc import Iterable

from typing_extensions import override

from lakefall.contract.plugin import NoOptions
from lakefall.contract.types import TypeCandidate, TypePlugin, TypeSettings
from lakefall_plugins.types import clock


class Time(TypePlugin[NoOptions]):
    """Times of day: 9:05, 21:05:07.25, 9:05 PM."""

    name = "time"

    @override
    def candidates(self, settings: TypeSettings) -> Iterable[TypeCandidate]:
        yield TypeCandidate(
            type="TIME",
            order=540,
            iceberg="time",
            duckdb="TIME",
            parse=_parse,
            telltale=lambda text: f"({text} GLOB '[0-9]*:[0-9][0-9]*')",
            examples=(
                *("9:05", "09:05", "21:05:07", "00:00:00", "23:59:59.999999", "21:05:07.2"),
                *("9:05 PM", "12:00 am", "12:30:15PM", "1:05 p.m.", "09:05:07.25 AM"),
            ),
            counter_examples=(
                *("24:00", "24:00:00", "9:60", "9:05:60", "9:5", "9", "905", "21:05:07."),
                *("21:05:07.1234567", "13:05 PM", "0:05 AM", "9:05 XM", "9:05 P", "9:05  PM"),
                *("9:05:07Z", "9:05+02:00", "-1:00", "2024-01-15 9:05", "", " 9:05", "9:05 "),
            ),
        )


def _parse(text: str) -> str:
    value = clock.with_parts(text, f"^{clock.TIME_GROUPS}$", clock.TIME_PARTS, clock.time)
    return f"CASE WHEN regexp_full_match({text}, '{clock.TIME}') THEN {value} END"
