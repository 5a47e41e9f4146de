"""What all scores share: halves of the sets, and tables in Markdown."""

from __future__ import annotations

import hashlib
import importlib
from importlib.metadata import packages_distributions, version
from typing import Any


def half(path: str) -> str:
    """Which half of a set a file belongs to: ``a`` for development, ``b`` for the proof."""
    return "ba"[hashlib.md5(path.encode()).digest()[-1] & 1]


def installed(name: str, module: str) -> bool:
    """Whether a library is there; says so where it is not."""
    try:
        importlib.import_module(module)
    except ImportError:
        print(f"{name}: left out, {module} is not installed")
        return False
    return True


def versioned(name: str, module: str) -> str:
    """The name with the version of the library, for those that have one."""
    found = packages_distributions().get(module, [])
    if not found or module.startswith("lakefall"):
        return name
    head, comma, rest = name.partition(",")
    return f"{head} {version(found[0])}{comma}{rest}"


def table(*head: str) -> None:
    """The head of a table."""
    print(f"\n| {' | '.join(head)} |\n|{'---|' * len(head)}")


def line(*cells: Any) -> None:
    """A row of a table."""
    print(f"| {' | '.join(map(str, cells))} |", flush=True)
