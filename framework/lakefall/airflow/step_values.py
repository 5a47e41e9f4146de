"""What travels between steps: small, JSON, without rows and without secrets.

Lists that grow with a file's columns are cut, with their true length beside them: they are for
people. What a later step needs of them it finds out again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from pydantic import TypeAdapter

from lakefall.contract.values import (
    Format,
    Loaded,
    Outcome,
    Registered,
    Schema,
    SourceFile,
    Status,
    TablePlan,
    to_json,
)

T = TypeVar("T")

SHOWN = 8_000
"""Characters that the names in a list have together."""
MAX_LISTING = 40_000
"""Bytes of JSON up to which a listing travels; a longer one is made again."""
MOST_SUFFIXES = 50
"""Kinds of objects that no format reads, as far as they travel."""
MAX_EVIDENCE = 20_000
"""Characters of a file's evidence that travel from step to step."""
MAX_TEXT = 2_000
"""Characters of a message."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What the source had."""

    listed_at: datetime
    """UTC, just before the source was asked."""
    files: int
    bytes: int
    found: tuple[SourceFile, ...] | None = None
    """None where they are too many to travel."""
    unread: dict[str, int] = field(default_factory=dict)
    """Objects that no format reads, by suffix: they are counted and do not travel."""


@dataclass(frozen=True, slots=True)
class Work:
    """Files of one table to load together: a table's, or a single one."""

    table: str
    files: tuple[SourceFile, ...]
    listed_at: datetime

    @property
    def file(self) -> SourceFile:
        """Of a single one."""
        return self.files[0]

    @property
    def label(self) -> str:
        """What people see: the file's key, or the table's name."""
        return self.file.key if len(self.files) == 1 else self.table or "(no table)"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file was there, in the version that was listed."""

    key: str
    size: int
    """Bytes, decompressed."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Sniffed:
    """How a file is written."""

    format: dict[str, Any]
    """What its format tells of it (``Format.fields``); of an archive, of its first member."""
    members: int = 1
    """Files in it; 1 where it is no archive."""
    seconds: float = 0.0

    @classmethod
    def of(cls, found: Sequence[Format]) -> Sniffed:
        return cls(found[0].fields(), len(found))


@dataclass(frozen=True, slots=True)
class Inferred:
    """The columns of a file."""

    columns: int
    types: dict[str, str]
    """Name -> type of the first columns."""
    seconds: float = 0.0

    @classmethod
    def of(cls, schema: Schema) -> Inferred:
        first = schema.columns[: len(cut(c.name for c in schema.columns))]
        return cls(len(schema.columns), {c.name: c.type for c in first})


@dataclass(frozen=True, slots=True)
class Planned:
    """What loading the file does to its table, or did where the sink works in SQL."""

    table: str
    created: bool
    added: int
    columns_added: tuple[str, ...]
    """The first that an existing table gains."""
    widened: int
    columns_widened: tuple[str, ...]
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @classmethod
    def of(cls, plan: TablePlan, widened: Sequence[str]) -> Planned:
        return cls(
            plan.table,
            plan.created,
            len(plan.columns_added),
            cut(plan.columns_added),
            len(widened),
            cut(widened),
            tuple(note[:MAX_TEXT] for note in plan.notes[:10]),
        )


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one file."""

    outcome: Outcome
    gone: bool = False
    """It was deleted or changed between listing and fetching: nobody's fault."""
    recorded: bool = False
    """The registry knows."""


@dataclass(frozen=True, slots=True)
class Ingested:
    """A commit, as far as registrars and the registry need to know it."""

    result: Result
    loaded: Loaded
    """Without the outcome, which stands in ``result``."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Registration:
    """What the registrars said, and the file's outcome in the light of it."""

    result: Result
    answers: tuple[Registered, ...]
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Closing:
    """One run, for an operator who reads no logs."""

    counts: dict[str, int]
    """Status -> files."""
    rows_loaded: int
    rows_rejected: int
    cells_nulled: int
    tables: dict[str, int]
    """Rows loaded, by table."""
    failed: dict[str, str]
    """Key -> reason, of the first files that failed."""
    gone: tuple[str, ...]
    """Keys of files that vanished or changed after they were listed."""
    rejects: dict[str, int]
    """Key -> records and cells that did not reach their table as they were, worst first."""
    warnings: tuple[str, ...] = ()

    @property
    def failures(self) -> int:
        """Files that make the run a failure."""
        return self.counts.get(Status.FAILED.value, 0) - len(self.gone)


def cut(names: Iterable[str]) -> tuple[str, ...]:
    """The first names, as far as there is room."""
    kept: list[str] = []
    room = SHOWN
    for name in names:
        room -= len(name)
        if room < 0:
            break
        kept.append(name)
    return tuple(kept)


def bounded(outcome: Outcome) -> Outcome:
    """An outcome that travels, whatever the file looks like."""
    return dataclasses.replace(
        outcome,
        columns_added=cut(outcome.columns_added),
        error=outcome.error[:MAX_TEXT],
        warnings=tuple(w[:MAX_TEXT] for w in outcome.warnings[:5]),
        # Lost for a table of thousands of columns: its types then count as what its files ask for.
        evidence=outcome.evidence if len(outcome.evidence) <= MAX_EVIDENCE else "",
    )


def listing(listed_at: datetime, files: Sequence[SourceFile], unread: Mapping[str, int]) -> Listing:
    """A listing that carries its files where they are few."""
    first = dict(islice(unread.items(), MOST_SUFFIXES))
    whole = Listing(listed_at, len(files), sum(f.size for f in files), tuple(files), first)
    # A file takes 150 bytes at the least: no need to write out what is too long anyhow.
    small = len(files) * 150 <= MAX_LISTING and len(to_json(whole)) <= MAX_LISTING
    return whole if small else dataclasses.replace(whole, found=None)


def as_plain(value: Any) -> Any:
    """A value as dictionaries, lists and scalars; what has its default is left out."""
    return _adapter(type(value)).dump_python(value, mode="json", exclude_defaults=True)


def of_plain(kind: type[T], plain: Any) -> T:
    """The inverse of ``as_plain``.

    Raises:
        pydantic.ValidationError: it does not describe a value of that kind.
    """
    value: T = _adapter(kind).validate_python(plain)
    return value


_KINDS = (Listing, Work, Fetched, Sniffed, Inferred, Planned, Ingested, Registration, Result)
_ADAPTERS: dict[type, TypeAdapter[Any]] = {}
"""What translates a value takes longer to make than to use."""


def prepare() -> None:
    """Make it for all that travels."""
    for kind in _KINDS:
        _adapter(kind)


def _adapter(kind: type) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]
