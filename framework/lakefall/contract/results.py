"""What plugins answer when people ask, and what listeners hear.

Part of ``lakefall.contract.values``; import the names from there.
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
class Maintained:
    """What maintenance did to one table, or would do in a dry run.

    A number is None where the sink cannot tell it (a dry run cannot foresee everything).
    """

    table: str
    files_before: int | None = 0
    """Data files of the current snapshot."""
    files_after: int | None = 0
    files_merged: int | None = 0
    """Data files whose rows were written into others."""
    bytes_rewritten: int | None = 0
    """Size of those."""
    snapshots_expired: int | None = 0
    files_removed: int | None = 0
    """Data files, delete files and metadata that were deleted from the storage."""
    left: tuple[str, ...] = ()
    """Sentences for people: what was left alone, and why."""
    seconds: float = 0.0
    error: str = ""
    """Why the table could not be maintained; ``''`` where it was."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """What was wrong with a table, and what a repair did, or would do in a dry run."""

    table: str
    metadata: str = ""
    """The metadata file that the table went back to; ``''`` where it can read its own."""
    lost: tuple[str, ...] = ()
    """Files that the table does not name any more: they are not there, or not readable."""
    rows: int = 0
    """Rows of the data files among them."""
    keys: tuple[str, ...] = ()
    """Files of the source that the next run loads again."""
    dropped: bool = False
    """The table left the catalog."""


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


@dataclass(frozen=True, slots=True)
class StoredReject:
    """A reject as ``lakefall rejects`` shows it: a reject of a version that is in the table."""

    key: str
    table: str
    etag: str
    line: int
    column: str
    reason: str
    text: str
