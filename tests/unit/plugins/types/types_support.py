"""What the oracle tests of types share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lakefall.contract.types import TypeCandidate, TypeSettings

Parse = Callable[[TypeCandidate, Sequence[str]], list[Any]]
"""Every text as a candidate reads it; None for "not mine"."""
PLAIN = TypeSettings()


def one(plugin: Any, options: TypeSettings = PLAIN) -> TypeCandidate:
    """The first candidate."""
    return next(iter(plugin.candidates(options)))
