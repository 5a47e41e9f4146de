"""What the docstring under an attribute of a class says, read when somebody asks for it.

pydantic's own way to read them (``use_attribute_docstrings``) looks for each class's source while
the class is made: a third of what importing the plugins costs.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import sys
from collections.abc import Mapping
from functools import cache
from itertools import pairwise


class Described:
    """A class that remembers its file: another module may have its module's name by then."""

    @classmethod
    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        frame = sys._getframe(1)
        while frame.f_back is not None and frame.f_globals.get("__name__") != cls.__module__:
            frame = frame.f_back
        cls.__source_file__ = frame.f_code.co_filename  # type: ignore[attr-defined]


def of_attributes(cls: type) -> Mapping[str, str]:
    """Attribute -> the text under it, as PEP 257 trims it; those of the bases too."""
    found: dict[str, str] = {}
    for each in reversed(cls.__mro__):
        if "__source_file__" in vars(each):
            found |= _own(each)
    return found


@cache
def _own(cls: type) -> Mapping[str, str]:
    names = list(vars(cls).get("__annotations__", ()))
    text = "".join(linecache.getlines(vars(cls)["__source_file__"]))
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return {}  # edited meanwhile
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == cls.__name__:
            attributes = {a.target.id: a for a in node.body if _is_attribute(a)}  # type: ignore[attr-defined]
            if list(attributes) == names:
                return _texts(node)
    return {}


def _texts(node: ast.ClassDef) -> dict[str, str]:
    return {
        attribute.target.id: inspect.cleandoc(text.value.value)  # type: ignore[attr-defined]
        for attribute, text in pairwise(node.body)
        if _is_attribute(attribute) and _is_text(text)
    }


def _is_attribute(node: ast.stmt) -> bool:
    return isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
