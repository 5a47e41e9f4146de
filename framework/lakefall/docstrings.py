"""What the docstring under an attribute of a class says, read when somebody asks for it.

pydantic's own way to read them (``use_attribute_docstrings``) looks for each class's source while
the class is made: a third of what importing the plugins costs.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Mapping
from functools import cache
from itertools import pairwise


def of_attributes(cls: type) -> Mapping[str, str]:
    """Attribute -> the text under it, as PEP 257 trims it; those of the bases too."""
    found: dict[str, str] = {}
    for each in reversed(cls.__mro__):
        if vars(each).get("__annotations__"):
            found |= _own(each)
    return found


@cache
def _own(cls: type) -> Mapping[str, str]:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, TypeError, SyntaxError):
        return {}  # made without a file
    made = tree.body[0]
    body = made.body if isinstance(made, ast.ClassDef) else []
    found: dict[str, str] = {}
    for attribute, text in pairwise(body):
        if (
            isinstance(attribute, ast.AnnAssign)
            and isinstance(attribute.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
            and isinstance(text.value.value, str)
        ):
            found[attribute.target.id] = inspect.cleandoc(text.value.value)
    return found
