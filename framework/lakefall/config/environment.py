"""``${NAME}`` and ``${NAME:-default}`` in the values of a pipeline file.

Substituted after parsing, in texts only, so that a value can neither break nor extend the
document; the result stays text, whatever it looks like. As in the shell, the default also stands
in for an empty variable. ``$$`` is a dollar.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

from lakefall.config.problems import Problems, join
from lakefall.config.yaml import Node

_PLACE = re.compile(r"\$(?:\$|\{(?P<inside>[^{}]*)\}|(?P<open>\{.*))", re.DOTALL)
_INSIDE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<default>:-.*)?", re.DOTALL)


def substitute(node: Node, environ: Mapping[str, str], problems: Problems, path: str = "") -> Node:
    """The node with every variable replaced; what cannot be is reported and left."""
    if isinstance(node.value, dict):
        mapping = {
            key: substitute(child, environ, problems, join(path, key))
            for key, child in node.value.items()
        }
        return dataclasses.replace(node, value=mapping)
    if isinstance(node.value, tuple):
        elements = tuple(
            substitute(child, environ, problems, join(path, number))
            for number, child in enumerate(node.value)
        )
        return dataclasses.replace(node, value=elements)
    if isinstance(node.value, str) and "$" in node.value:
        return _substitute_text(node, node.value, environ, problems, path)
    return node


def _substitute_text(
    node: Node, text: str, environ: Mapping[str, str], problems: Problems, path: str
) -> Node:
    variables: list[str] = []

    def replacement(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        inside = _INSIDE.fullmatch(match["inside"] or "")
        if inside is None:
            problems.add(
                node.mark,
                path,
                "expected ${NAME} or ${NAME:-default} without braces inside; "
                "write $${ for the two characters ${",
            )
            return ""
        name, default = inside["name"], inside["default"]
        value = environ.get(name)
        if value is None and default is None:
            problems.add(
                node.mark,
                path,
                f"environment variable {name} is not set; set it, or write ${{{name}:-default}}",
            )
        if value is not None and (value or default is None):
            variables.append(name)
            return value
        return default[2:] if default else ""

    replaced = _PLACE.sub(replacement, text)
    return dataclasses.replace(node, value=replaced, variables=tuple(variables))
