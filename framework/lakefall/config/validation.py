"""What pydantic says, in the words of the file and with its lines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from lakefall.config import shape
from lakefall.config.problems import Problems, did_you_mean, join
from lakefall.config.yaml import Node, plain

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
_SHOWN = 60


def validate(model: type[M], node: Node, path: str, problems: Problems, folder: Path) -> M | None:
    """The options, or None after reporting everything that is wrong with them."""
    try:
        return model.model_validate(plain(node), context={"folder": folder})
    except ValidationError as error:
        secrets = shape.secret_nodes(model, node)
        told: set[tuple[int, str]] = set()
        for detail in error.errors(include_url=False):
            finding = _Finding(model, node, path, detail, secrets)
            # Every branch of a union complains; the first one speaks for the place.
            place = (id(finding.node), finding.path)
            if place not in told or not finding.in_union:
                told.add(place)
                finding.report(problems)
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
        if self.node.pattern:
            self.path = join("tables", self.node.pattern, self.path)

    def _walk(self, location: Sequence[str | int]) -> None:
        missing = self._detail["type"] == "missing"
        for position, name in enumerate(location):
            child = self._child(name)
            if child is not None:
                self._siblings, self._known = self._known, shape.step(self._known, name)
                self.node, self.path = child, join(self.path, name)
            elif missing and position == len(location) - 1:
                self.path = join(self.path, name)
            else:
                # pydantic names the member of a union here; it stands nowhere in the file.
                self._known = shape.tagged(self._known, str(name))
                self.in_union = True

    def _child(self, name: str | int) -> Node | None:
        if isinstance(name, int):
            elements = self.node.elements
            return elements[name] if name < len(elements) else None
        return self.node.items.get(name)

    def report(self, problems: Problems) -> None:
        mark = self.node.mark
        if self._detail["type"] in {"missing", "extra_forbidden"}:
            mark = self.node.start
        message = self._message()
        for secret in self._secrets:
            if isinstance(secret.value, str) and secret.value:
                message = message.replace(secret.value, "***")
        problems.add(mark, self.path, message)

    def _message(self) -> str:
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
        elif kind in {"literal_error", "enum"}:
            message = f"expected {context['expected']}; found {self._found()}"
        else:
            message = f"{self._expectation(kind)}; found {self._found()}{self._remedy(kind)}"
        return message

    def _expectation(self, kind: str) -> str:
        words = _EXPECTED.get(kind.rpartition("_")[0])
        if words is None and kind.rpartition("_from_")[1]:
            words = _EXPECTED.get(kind.partition("_")[0])
        if words is not None and kind.endswith(("_type", "_parsing", "_from_float")):
            return f"expected {words}"
        return self._detail["msg"].replace("Input should be", "expected a value", 1)

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
        text = repr(value)
        text = {"None": "nothing (null)", "True": "true", "False": "false"}.get(text, text)
        return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
