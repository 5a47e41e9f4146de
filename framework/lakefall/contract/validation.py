"""What a validator says about a row."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class OnViolation(StrEnum):
    """What a violation does."""

    REJECT = "reject"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Violation:
    """One row that breaks a rule."""

    row: int
    """Index in the batch, from 0."""
    column: str
    """``''`` for a rule about the whole row."""
    reason: str
    value: str = ""
    action: OnViolation = OnViolation.REJECT
