"""YAML with positions and without surprises.

Every node keeps where it was written. Plain scalars mean ``true``, ``false``, ``null``, integers
and decimal numbers, where PyYAML agrees; everything else is the text that stands there (YAML 1.1
would turn ``no`` into false, ``012`` into 10, ``12:30`` into 750 and ``2024-01-01`` into a date).
Keys are always text. Duplicate keys, tags, and aliases without end are errors.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

import yaml

from lakefall.contract.errors import ConfigError

Scalar = str | int | float | bool | None

MAX_DEPTH = 50
MAX_NODES = 20_000
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,99})")
_FLOAT = re.compile(r"([-+]?(0|[1-9][0-9]{0,99})\.[0-9]{0,99}|\.[0-9]{1,99})([eE][-+][0-9]{1,3})?")
_CONSTANTS: dict[str, Scalar] = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass(frozen=True, slots=True)
class Mark:
    """Where something was written."""

    file: str
    line: int = 0
    """From 1; 0 for what is in no file, such as ``--set``."""
    column: int = 0
    """From 1."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Node:
    """A value as it was written."""

    value: Scalar | dict[str, Node] | tuple[Node, ...] = field(repr=False)
    """Nobody changes the dictionary once the node is made. Not shown: it may be a secret."""
    mark: Mark
    key: Mark | None = None
    """Where its key stands, for a value of a mapping."""
    pattern: str = ""
    """The glob under ``tables:`` that brought it."""
    variables: tuple[str, ...] = ()
    """Environment variables, and references, that gave (a part of) the text."""
    unresolved: bool = False
    """The text still holds some of them as they were written."""

    @property
    def items(self) -> dict[str, Node]:
        """The entries of a mapping; none for anything else."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def elements(self) -> tuple[Node, ...]:
        """The elements of a list; none for anything else."""
        return self.value if isinstance(self.value, tuple) else ()

    def child(self, name: str | int) -> Node | None:
        """What stands under a key, or at a position of a list."""
        if isinstance(name, int):
            return self.elements[name] if name < len(self.elements) else None
        return self.items.get(name)

    @property
    def start(self) -> Mark:
        """Where a person would look for it: at its key."""
        return self.key or self.mark


def plain(node: Node) -> object:
    """The value as dictionaries, lists and scalars."""
    if isinstance(node.value, dict):
        return {key: plain(child) for key, child in node.value.items()}
    if isinstance(node.value, tuple):
        return [plain(child) for child in node.value]
    return node.value


def parse(text: str, file: str) -> Node:
    """Read a document of one mapping, list or scalar.

    Raises:
        ConfigError: it is no YAML, or YAML that is refused, with ``file:line``.
    """
    try:
        root = _Loader(text).get_single_node()
        if root is None:
            raise ConfigError(f"{file}:1: the file is empty")
        converter = _Converter(file)
        node = converter.convert(root)
    except yaml.MarkedYAMLError as error:
        raise ConfigError(_syntax_problem(error, text, file)) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError(
            f"{file}:{line}: character U+{error.character:04X} is not allowed in YAML; "
            'write it as an escape in double quotes, such as "\\u0001"'
        ) from None
    if converter.problems:
        raise ConfigError(*converter.problems)
    return node


def resolve(text: str) -> Scalar:
    """What a plain scalar means."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return text


def _scalar(node: yaml.Node) -> Scalar:
    text: str = node.value
    quoted = isinstance(node, yaml.ScalarNode) and node.style is not None
    return text if quoted else resolve(text)


def _syntax_problem(error: yaml.MarkedYAMLError, text: str, file: str) -> str:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    what = error.problem or error.context or "cannot be read"
    if error.context and error.context_mark and error.problem:
        what = f"{error.context} that starts on line {error.context_mark.line + 1}, {what}"
    if what.startswith("found undefined alias"):
        # It may be a password that begins with *.
        what = "no anchor (&) has this alias's name; put a text that begins with * in quotes"
    lines = text.splitlines()
    written = lines[line - 1] if line <= len(lines) else ""
    if written[:column].endswith("${"):
        what += "; inside {...} and [...] write quotes around ${...}"
    elif written[column - 1 : column] == "\t":
        what += "; indent with blanks, not with tabs"
    return f"{file}:{line}: not valid YAML at column {column}: {what}"


class _Loader(yaml.BaseLoader):
    """Composes nodes; resolves nothing, and runs nothing."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "tag", None) is not None:
            raise yaml.MarkedYAMLError(
                None,
                None,
                "tags (words that begin with !) are not allowed; put a text that begins with ! in "
                "quotes",
                event.start_mark,
            )
        if self._depth >= MAX_DEPTH:
            raise yaml.MarkedYAMLError(
                None, None, f"nested more than {MAX_DEPTH} levels deep", event.start_mark
            )
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


class _Converter:
    """Turns composed nodes into ours, and collects what it refuses."""

    def __init__(self, file: str) -> None:
        self.problems: list[str] = []
        self._file = file
        self._count = 0
        self._open: set[int] = set()

    def convert(self, node: yaml.Node, key: Mark | None = None) -> Node:
        """Our node.

        Raises:
            ConfigError: there is no end to it.
        """
        self._count += 1
        mark = self._mark(node)
        if self._count > MAX_NODES:
            raise ConfigError(f"{mark}: more than {MAX_NODES:,} values, aliases counted each time")
        if id(node) in self._open:
            raise ConfigError(f"{mark}: an alias (*) stands inside its own anchor (&)")
        self._open.add(id(node))
        value: Scalar | dict[str, Node] | tuple[Node, ...]
        if isinstance(node, yaml.MappingNode):
            value = self._mapping(node)
        elif isinstance(node, yaml.SequenceNode):
            value = tuple(self.convert(child) for child in node.value)
        else:
            value = _scalar(node)
        self._open.discard(id(node))
        return Node(value, mark, key)

    def _mapping(self, node: yaml.MappingNode) -> dict[str, Node]:
        mapping: dict[str, Node] = {}
        for key, child in node.value:
            mark = self._mark(key)
            if not isinstance(key, yaml.ScalarNode):
                self.problems.append(f"{mark}: a key must be a text")
            elif key.value == "<<" and key.style is None:
                self.problems.append(f"{mark}: merge keys (<<) are not supported; write it out")
            elif key.value in mapping:
                first = mapping[key.value].start.line
                self.problems.append(
                    f"{mark}: {key.value!r} stands here and on line {first}; remove one of them"
                )
            else:
                mapping[key.value] = self.convert(child, mark)
        return mapping

    def _mark(self, node: yaml.Node) -> Mark:
        return Mark(self._file, node.start_mark.line + 1, node.start_mark.column + 1)
