"""Times of day and offsets from UTC as patterns and as SQL."""

from __future__ import annotations

_HOURS = "(?:[01]?[0-9]|2[0-3])"
_HALF_HOURS = "(?:0?[1-9]|1[0-2])"
_REST = r":[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
_MARK = r"[AaPp](?:\.[Mm]\.|[Mm])"
TIME = f"(?:{_HALF_HOURS}{_REST} ?{_MARK}|{_HOURS}{_REST})"
"""9:05, 21:05:07.25, 9:05 PM; a time with AM or PM counts hours from 1 to 12. No groups."""
OFFSET = "(?:Z|UTC|GMT|(?:UTC|GMT)?[+-](?:[01]?[0-9]|2[0-3])(?::?[0-5][0-9])?)"
"""``Z``, ``UTC``, ``+02:00``, ``-0530``, ``GMT+2``. No groups."""
_NOON, _HALF_DAY = "TIME '12:00:00'", "INTERVAL 12 HOUR"


def time(text: str) -> str:
    """SQL of the TIME of a text that matches ``TIME``."""
    clock = f"try_cast(regexp_extract({text}, '^[0-9:.]+[0-9]') AS TIME)"
    mark = f"lower(regexp_extract({text}, '({_MARK[:6]})[.Mm]', 1))"
    return (
        f"CASE {mark} WHEN '' THEN {clock}"
        f" WHEN 'p' THEN CASE WHEN {clock} < {_NOON} THEN {clock} + {_HALF_DAY} ELSE {clock} END"
        f" ELSE CASE WHEN {clock} < {_NOON} THEN {clock} ELSE {clock} - {_HALF_DAY} END END"
    )


def offset(text: str) -> str:
    """SQL of an OFFSET as an INTERVAL east of UTC; of an empty text and of UTC itself 0."""

    def part(group: int) -> str:
        found = f"regexp_extract({text}, '([+-])([0-9]{{1,2}}):?([0-9]{{2}})?$', {group})"
        return found if group == 1 else f"coalesce(try_cast({found} AS INTEGER), 0)"

    return f"to_minutes(CASE {part(1)} WHEN '-' THEN -1 ELSE 1 END * (60 * {part(2)} + {part(3)}))"
