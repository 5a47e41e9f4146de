"""The type TIMESTAMP(6): ISO 8601, without time zone, in UTC where an offset says so."""

from __future__ import annotations

from collections.abc import Iterable

from typing_extensions import override

from lakefall.plugin import NoOptions
from lakefall.types import TypeCandidate, TypePlugin, TypeSettings
from lakefall_plugins.types import date
from lakefall_plugins.types.date import YEAR

DATE = f"{YEAR}-[0-9]{{2}}-[0-9]{{2}}"
GLOBS = tuple(f"{date.GLOB}[ T]{hour}:[0-5][0-9]:[0-5][0-9]" for hour in ("[01][0-9]", "2[0-3]"))
"""The common case, naive and to the second; GLOB of a fixed width costs less than a pattern."""
TIME = r"[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
OFFSET = "(?:Z|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)"
FIRST, LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
"""0001-01-01 and the last microsecond of 9999, in microseconds since 1970."""


class Timestamp(TypePlugin[NoOptions]):
    """ISO 8601 date and time to the microsecond, also plain ISO dates; offsets become UTC."""

    name = "timestamp"

    @override
    def candidates(self, settings: TypeSettings) -> Iterable[TypeCandidate]:
        yield TypeCandidate(
            type="TIMESTAMP",
            order=600,
            iceberg="timestamp",
            duckdb="TIMESTAMP",
            parse=_parse,
            examples=(
                "2024-01-15T10:30:00Z",
                "2024-01-15 10:30:00",
                "2024-01-15T10:30",
                "2024-01-15",
                "2024-01-15T10:30:00.123456",
                "2024-01-15T10:30:00.5+02:00",
                "2024-01-15 10:30:00-0530",
                "2024-01-15T10:30:00+02",
                "1969-12-31 23:59:59.999999",
            ),
            counter_examples=(
                *("2024-01-15T10:30:00.1234567", "2024-01-15T10:30:00.", "2024-01-15T10"),
                *("2024-02-30T10:30:00", "2024-01-15T24:00:00", "2024-01-15T23:59:60"),
                *("2024-01-15T10:30:00+24:00", "2024-01-15T10:30:00+02:60", "2024-01-15Z"),
                *("2024-01-15T10:30:00 UTC", "2024-01-15 10:30:00 Europe/Berlin", "epoch"),
                *("2024-1-5 10:30:00", "2024/01/15 10:30:00", "10:30:00", "20240115T103000"),
                *("0000-01-01T00:00:00", "0001-01-01T00:00:00+05:00", "infinity", ""),
                *("9999-12-31T23:59:59-05:00", "2024-01-15  10:30:00", "2024-01-15 10:30:00 "),
            ),
        )


def _parse(text: str) -> str:
    naive = f"try_cast({text} AS TIMESTAMP)"
    # A cast to TIMESTAMP drops the offset without a word; the cast to TIMESTAMPTZ applies it.
    # Microseconds since the epoch do not depend on the session's time zone.
    instant = f"epoch_us(try_cast({text} AS TIMESTAMPTZ))"
    return (
        f"CASE WHEN {text} < '0001' OR {text} >= ':' OR strlen({text}) < 10 THEN NULL"
        f" WHEN {text} GLOB '{GLOBS[0]}' OR {text} GLOB '{GLOBS[1]}' THEN {naive}"
        f" WHEN regexp_full_match({text}, '{DATE}(?:{TIME})?') THEN {naive}"
        f" WHEN regexp_full_match({text}, '{DATE}{TIME}{OFFSET}')"
        f" AND {instant} BETWEEN {FIRST} AND {LAST} THEN make_timestamp({instant}) END"
    )
