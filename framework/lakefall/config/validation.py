"""What pydantic says, in the words of the file and with its lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from lakefall.config import shape
from lakefall.config.yaml import Mark, Node, plain
from lakefall.contract.errors import ConfigError

M = TypeVar("M", bound=BaseModel)

_EXPECTED = {
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "bool": "true or false",
    "string": "a text",
    "path": "a path",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "frozen_set": "a list",
    "dict": "a mapping (key: value)",
    "mapping": "a mapping (key: value)",
    "model": "a mapping (key: value)",
    "dataclass": "a mapping (key: value)",
    "date": "a date such as 2024-01-31",
    "time": "a time such as 23:59",
    "datetime": "a time such as 2024-01-31T23:59:00",
}
_SHOULD = re.compile(r"(\w+) should (be|have|match) ")
_NOUNS = {"String": "a text", "List": "a list", "Tuple": "a list", "Dictionary": "a mapping"}
_VERBS = {"be": [], "have": ["with"], "match": ["that matches"]}
_SHOWN = 60


def validate(model: type[M], node: Node, path: str, problems: Problems, folder: Path) -> M | None:
    """The options, or None after reporting everything that is wrong with them.

    None without a report where they depend on a value that is not known here.
    """
    try:
        return model.model_validate(plain(node), context={"folder": folder})
    except ValidationError as error:
        secrets = shape.secret_nodes(model, node)
        findings = [
            _Finding(model, node, path, detail, secrets)
            for detail in error.errors(include_url=False)
        ]
        findings = [finding for finding in findings if not (finding.waits or finding.follows)]
        for finding in findings:
            if not finding.in_union:
                finding.report(problems, [finding])
            elif not any(other.path.startswith(f"{finding.path}.") for other in findings):
                # Every member of a union complains about the place; they are told as one.
                place = [other for other in findings if other.path == finding.path]
                if place[0] is finding:
                    finding.report(problems, place)
        return None


class _Finding:
    """One error of pydantic's, led back to the node that it is about."""

    def __init__(
        self,
        model: type[BaseModel],
        node: Node,
        path: str,
        detail: ErrorDetails,
        secrets: Sequence[Node],
    ) -> None:
        self._detail = detail
        self._secrets = secrets
        self._known: list[Any] = [model]
        self.node = node
        self.path = path
        self.in_union = False
        self._siblings: list[Any] = []
        self._walk(detail["loc"])
        self.path = located(self.node, self.path)

    def _walk(self, location: Sequence[str | int]) -> None:
        missing = self._detail["type"] == "missing"
        for position, name in enumerate(location):
            child = self.node.child(name)
            if child is not None:
                self._siblings, self._known = self._known, shape.step(self._known, name)
                self.node, self.path = child, join(self.path, name)
            elif missing and position == len(location) - 1:
                self.path = join(self.path, name)
            else:
                # pydantic names the member of a union here; it stands nowhere in the file.
                self._known = shape.tagged(self._known, str(name))
                self.in_union = True

    @property
    def waits(self) -> bool:
        """It is about a value that is not known here; it is judged where the pipeline runs."""
        kind = self._detail["type"]
        if kind in {"value_error", "assertion_error"}:
            return unresolved(self.node)
        return self.node.unresolved and kind not in {"missing", "extra_forbidden"}

    @property
    def follows(self) -> bool:
        """Elements are missing only because others were refused, which is told already."""
        least = self._detail.get("ctx", {}).get("min_length", 0)
        return self._detail["type"] == "too_short" and len(self.node.elements) >= least

    def report(self, problems: Problems, place: Sequence[_Finding]) -> None:
        """Tell it. ``place`` are all findings about the same value, this one among them."""
        about_key = self._detail["type"] in {"missing", "extra_forbidden"}
        message = self._message(place)
        for secret in self._secrets:
            if isinstance(secret.value, str) and secret.value:
                message = message.replace(secret.value, "***")
        problems.add(self.node.start if about_key else self.node.mark, self.path, message)

    def _message(self, place: Sequence[_Finding]) -> str:
        kind, context = self._detail["type"], self._detail.get("ctx", {})
        if kind == "extra_forbidden":
            name = self.path.rpartition(".")[2]
            message = f"unknown option{did_you_mean(name, shape.option_names(self._siblings))}"
        elif kind == "missing":
            message = "required option is missing"
        elif kind == "value_error":
            message = str(context.get("error", self._detail["msg"]))
        elif kind == "union_tag_not_found":
            message = f"required option {context['discriminator']} is missing"
        elif kind == "union_tag_invalid":
            message = f"expected one of {context['expected_tags']} as {context['discriminator']}"
        else:
            expected = dict.fromkeys(finding._expected() for finding in place)
            message = f"expected {' or '.join(expected)}; found {self._found()}"
            message += self._remedy(kind) if len(expected) == 1 else ""
        return message

    def _expected(self) -> str:
        kind, message = self._detail["type"], self._detail["msg"]
        if kind in {"literal_error", "enum"}:
            return str(self._detail["ctx"]["expected"])
        words = _EXPECTED.get(re.sub(r"_(type|parsing|from_\w+)$", "", kind))
        if words is not None:
            return words
        match = _SHOULD.match(message)
        if match is None:
            return message.removeprefix("expected ")
        noun, verb = _NOUNS.get(match[1], "a value"), _VERBS[match[2]]
        return " ".join([noun, *verb, message[match.end() :]])

    def _remedy(self, kind: str) -> str:
        scalar = isinstance(self.node.value, bool | int | float)
        return "; put it in quotes" if kind == "string_type" and scalar else ""

    def _found(self) -> str:
        """What stands there; a secret, or what an environment variable holds, is not shown."""
        value = self.node.value
        if isinstance(value, dict | tuple):
            return "a mapping" if isinstance(value, dict) else "a list"
        if self.node.variables:
            return f"the value of {', '.join(f'${{{name}}}' for name in self.node.variables)}"
        if any(self.node is secret for secret in self._secrets):
            return "a secret"
        if isinstance(value, str) and any(map(shape.holds_secret, self._known)):
            return "a text"
        text = repr(value)
        text = {"None": "nothing (null)", "True": "true", "False": "false"}.get(text, text)
        return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def unresolved(node: Node) -> bool:
    """Whether a value that is not known here stands in it."""
    return node.unresolved or any(map(unresolved, (*node.items.values(), *node.elements)))


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
    known = sorted(known)
    if close := closest(word, known):
        return f"; did you mean {close!r}?"
    return f"; known: {', '.join(known)}" if known else ""


def closest(word: str, known: Iterable[str]) -> str:
    """The known word that a word may be a misspelling of; ``''`` for none."""
    from difflib import get_close_matches  # slow to import, and most files have no problem

    return next(iter(get_close_matches(word, list(known), n=1, cutoff=0.6)), "")


def located(node: Node, path: str) -> str:
    """The path of an option as it stands in the file, also below ``tables:``."""
    return join("tables", node.pattern, path) if node.pattern else path


def join(path: str, *steps: str | int) -> str:
    """A dotted path."""
    return ".".join([*([path] if path else []), *map(str, steps)])
