"""``${NAME}`` and ``${NAME:-default}`` in the values of a pipeline file.

Substituted after parsing, in texts only, so that a value can neither break nor extend the
document; the result stays text, whatever it looks like. As in the shell, the default also stands
in for an empty variable. ``$$`` is a dollar.

``${airflow_conn:NAME.password}`` is a reference: whoever runs the pipeline brings what looks it up,
and whoever only looks at the file leaves it as it stands.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lakefall.config.validation import Problems, join
from lakefall.config.yaml import Node

Lookup = Callable[[str], str]
"""What stands behind the colon of a reference -> the value. Raises ``LookupError``, whose text
says what to do and shows no secret."""

REFERENCES = {
    "airflow_conn": "an Airflow connection, which only a task of Airflow can read; run the "
    "pipeline there, or write an environment variable such as ${PASSWORD}",
}
"""The kinds of references that there are, and what they are."""

_PLACE = re.compile(r"\$(?:\$|\{(?P<inside>[^{}]*)\}|(?P<open>\{.*))", re.DOTALL)
_INSIDE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<default>:-.*)?", re.DOTALL)
_REFERENCE = re.compile(rf"(?P<kind>{'|'.join(REFERENCES)}):(?P<what>[^\s{{}}]+)")


@dataclass(frozen=True, slots=True)
class Variables:
    """Where values come from."""

    environ: Mapping[str, str] | None
    """None leaves variables as they stand, for a process that must hold no secrets; their
    defaults count."""
    lookups: Mapping[str, Lookup] | None = None
    """By kind of reference; None leaves references as they stand."""


def substitute(node: Node, variables: Variables, problems: Problems, path: str = "") -> Node:
    """The node with every variable replaced; what cannot be is reported and left.

    What stays as it stands on purpose is marked ``unresolved``.
    """
    if isinstance(node.value, dict):
        mapping = {
            key: substitute(child, variables, problems, join(path, key))
            for key, child in node.value.items()
        }
        return dataclasses.replace(node, value=mapping)
    if isinstance(node.value, tuple):
        elements = tuple(
            substitute(child, variables, problems, join(path, number))
            for number, child in enumerate(node.value)
        )
        return dataclasses.replace(node, value=elements)
    if isinstance(node.value, str) and "$" in node.value:
        return _Text(node, variables, problems, path).replaced(node.value)
    return node


class _Text:
    """One text with variables in it."""

    def __init__(self, node: Node, variables: Variables, problems: Problems, path: str) -> None:
        self._node = node
        self._variables = variables
        self._problems = problems
        self._path = path
        self._names: list[str] = []
        self._unresolved = False

    def replaced(self, text: str) -> Node:
        value = _PLACE.sub(self._replacement, text)
        return dataclasses.replace(
            self._node, value=value, variables=tuple(self._names), unresolved=self._unresolved
        )

    def _replacement(self, match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        inside = match["inside"] or ""
        if reference := _REFERENCE.fullmatch(inside):
            return self._referred(match[0], inside, reference)
        if variable := _INSIDE.fullmatch(inside):
            return self._of_environment(match[0], variable["name"], variable["default"])
        return self._problem(
            "expected ${NAME} or ${NAME:-default} without braces inside; "
            "write $${ for the two characters ${"
        )

    def _of_environment(self, written: str, name: str, default: str | None) -> str:
        environ = self._variables.environ
        if environ is None:
            self._names.append(name)
            return self._left(written) if default is None else default[2:]
        value = environ.get(name)
        if value is None and default is None:
            self._problem(
                f"environment variable {name} is not set; set it, or write ${{{name}:-default}}"
            )
        if value is not None and (value or default is None):
            self._names.append(name)
            return value
        return default[2:] if default else ""

    def _referred(self, written: str, inside: str, reference: re.Match[str]) -> str:
        self._names.append(inside)
        lookups, kind = self._variables.lookups, reference["kind"]
        if lookups is None:
            return self._left(written)
        if kind not in lookups:
            return self._problem(f"{written} names {REFERENCES[kind]}")
        try:
            return lookups[kind](reference["what"])
        except LookupError as error:
            return self._problem(f"{written}: {error.args[0] if error.args else 'not found'}")

    def _left(self, written: str) -> str:
        self._unresolved = True
        return written

    def _problem(self, message: str) -> str:
        self._problems.add(self._node.mark, self._path, message)
        return ""
