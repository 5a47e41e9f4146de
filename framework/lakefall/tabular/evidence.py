"""What a file's values were evidence for, as the registry keeps it from load to load.

The types of a table follow all of its files. So that a load need not read the other files again,
each one's evidence is kept: which types it declares itself, and what the inferer counted of the
other columns, in the inferer's own words.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from lakefall.contract.values import Contribution, Records

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FileEvidence:
    """The evidence of one file, or of one member of an archive."""

    declared: Mapping[str, str] = field(default_factory=dict)
    """Name of a column -> the type that the file declares, where it was kept."""
    columns: tuple[str, ...] = ()
    """Names of the columns whose values decide."""
    inferred: str = ""
    """What the inferer counted of them; ``''`` where that is lost."""
    lost: bool = False
    """Nothing is known of the file."""
    exact: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """As in ``Schema``: what the file's texts were can be told from these columns' values."""

    @property
    def names(self) -> tuple[str, ...]:
        """All columns of the file."""
        return (*self.declared, *self.columns)


def pack(evidence: FileEvidence) -> str:
    """One file's evidence as JSON."""
    exact: dict[tuple[str, str], list[str]] = {}
    for name, kind in evidence.exact.items():
        exact.setdefault(kind, []).append(name)
    kinds = [[*kind, *names] for kind, names in exact.items()]
    return _json([dict(evidence.declared), evidence.columns, evidence.inferred, kinds])


def together(files: Mapping[str, str]) -> str:
    """The packed evidence of a source file: of itself, or of an archive's members, by name."""
    return _json({name: json.loads(text) for name, text in files.items() if text})


def parts(evidence: str) -> dict[str, str]:
    """What ``together`` puts together: the packed evidence by name."""
    return {name: _json(each) for name, each in json.loads(evidence).items()}


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def of_others(known: Mapping[str, T], records: Iterable[Records]) -> dict[str, T]:
    """Of evidence by name that of the files that these records do not replace."""
    keys = {each.local.file.key for each in records}
    inside = tuple(f"{key}/" for key in keys)
    return {n: e for n, e in known.items() if n not in keys and not n.startswith(inside)}


def unpack(contributions: Iterable[Contribution]) -> dict[str, FileEvidence]:
    """The evidence of each file by name; of a file without, that it is lost."""
    found: dict[str, FileEvidence] = {}
    for each in contributions:
        try:
            parts = json.loads(each.evidence) if each.evidence else {}
            files = {
                str(name): FileEvidence(
                    dict(declared),
                    tuple(columns),
                    str(inferred),
                    # Earlier versions wrote no more.
                    exact={
                        name: (kind, form)
                        for kind, form, *names in (more[0] if more else ())
                        for name in names
                    },
                )
                for name, (declared, columns, inferred, *more) in parts.items()
            }
        except (ValueError, TypeError, AttributeError):
            # Written by a version that says it otherwise.
            files = {}
        found |= files or {each.key: FileEvidence(lost=True)}
    return found
