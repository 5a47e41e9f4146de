"""Files that another run of the same DAG is loading, where its runs may overlap.

Two runs that load one file at a time lose and double nothing: they do the work twice. Where
``max_active_runs`` allows it, each run notes in a Variable of Airflow what it is about to load, and
leaves to the others what they have noted. The note of a run that is not running any more counts for
nothing. Two runs that look at the very same moment may still take the same files.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

from airflow.sdk import Variable

from lakefall.airflow.step_values import Work
from lakefall.contract.values import SourceFile

MOST = 10_000
"""Files of a run that are noted: some 150 KB. The rest may be loaded twice."""
_DIGITS = 12

Notes = dict[str, list[str]]


def taken(
    dag: str, run_id: str, works: Sequence[Work], is_running: Callable[[str], bool]
) -> tuple[list[Work], list[str]]:
    """What this run loads, which is noted, and the keys of what others are loading.

    Args:
        dag: its id.
        run_id: this run's.
        works: what is new or has changed.
        is_running: whether a run of the DAG, by its id, has not ended yet.
    """
    notes = {r: n for r, n in _read(dag).items() if r != run_id and is_running(r)}
    noted = {each for some in notes.values() for each in some}
    others = [file.key for w in works for file in w.files if digest(file) in noted]
    left = set(others)
    mine = [w for w in (_without(work, left) for work in works) if w.files]
    notes[run_id] = [digest(file) for work in mine for file in work.files][:MOST]
    _write(dag, notes)
    return mine, others


def ended(dag: str, run_id: str) -> None:
    """Drop what a run noted."""
    notes = _read(dag)
    if notes.pop(run_id, None) is not None:
        _write(dag, notes)


def _without(work: Work, keys: Container[str]) -> Work:
    return replace(work, files=tuple(f for f in work.files if f.key not in keys))


def digest(file: SourceFile) -> str:
    """A file in one version."""
    return sha256(f"{file.key}\0{file.etag}".encode()).hexdigest()[:_DIGITS]


def name_of(dag: str) -> str:
    """The Variable's."""
    return f"lakefall_under_way_{dag}"


def _read(dag: str) -> Notes:
    try:
        found: Any = json.loads(Variable.get(name_of(dag), default="{}"))
    except ValueError:
        return {}  # somebody else's hand; at worst a file is loaded twice
    return found if isinstance(found, dict) else {}


def _write(dag: str, notes: Notes) -> None:
    text = "What runs of this DAG are loading right now; lakefall keeps it."
    Variable.set(name_of(dag), json.dumps(notes), description=text)
