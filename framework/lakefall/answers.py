"""What registrars and checks answer, and what listeners hear.

Part of ``lakefall.model``; import the names from there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class WrongFile:
    """A file whose rows are not elsewhere what was loaded."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Registered:
    """A registrar's word about one table.

    Not ``ok`` and nothing ``wrong`` is a warning: the rows are in the table, and a later run makes
    up for it.
    """

    registrar: str
    table: str
    ok: bool
    message: str = ""
    wrong: tuple[WrongFile, ...] = ()
    """Files that become FAILED and are loaded again: seen to be wrong, not merely unseen."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of ``lakefall check``."""

    subject: str
    ok: bool
    message: str
    version: str = ""
    """Of the server that answered; ``''`` where it does not tell."""
    seconds: float = 0.0
    """How long the answer took; the pipeline measures where the plugin does not."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened: what progress bars, logs and fault tests listen to.

    ``name`` is ``<step>.started`` or ``<step>.finished`` with the hook's name as the step, or a
    point inside a step that a crash test needs (``load.rejects_written``,
    ``load.data_committed``, ``record.registry_written``), or ``warning``.
    """

    name: str
    key: str = ""
    table: str = ""
    detail: dict[str, Any] = field(default_factory=dict)
