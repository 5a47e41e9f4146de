"""Findings about a pipeline file: all of them, in the order of its lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from lakefall.config.yaml import Mark, Node
from lakefall.contract.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding."""

    mark: Mark
    path: str
    """Dotted path of the option; ``''`` for the file as a whole."""
    message: str

    def __str__(self) -> str:
        return f"{self.mark}: {self.path}: {self.message}" if self.path else self.plain

    @property
    def plain(self) -> str:
        return f"{self.mark}: {self.message}"


@dataclass(slots=True)
class Problems:
    """Collects findings, each once."""

    found: list[Problem] = field(default_factory=list)

    def add(self, mark: Mark, path: str, message: str) -> None:
        problem = Problem(mark, path, message)
        if problem not in self.found:
            self.found.append(problem)

    def raise_if_any(self) -> None:
        """Raise all findings as one error.

        Raises:
            ConfigError: there are findings.
        """
        if self.found:
            ordered = sorted(self.found, key=lambda problem: problem.mark.line)
            raise ConfigError(*map(str, ordered))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``; did you mean 'delimiter'?``, or the known words where none is close."""
    from difflib import get_close_matches  # slow to import, and most files have no problem

    known = sorted(known)
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(known)}" if known else ""


def located(node: Node, path: str) -> str:
    """The path of an option as it stands in the file, also below ``tables:``."""
    return join("tables", node.pattern, path) if node.pattern else path


def join(path: str, *steps: str | int) -> str:
    """A dotted path."""
    return ".".join([*([path] if path else []), *map(str, steps)])
