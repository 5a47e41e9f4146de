"""Row filters; PyIceberg's own constructors are untyped for positional arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyiceberg.expressions import BooleanExpression

IN_LIMIT = 200
"""Iceberg evaluates no bounds for longer lists: every data file would be read."""


def equal(column: str, value: str) -> BooleanExpression:
    from pyiceberg import expressions

    made: Any = expressions.EqualTo
    return made(column, value)  # type: ignore[no-any-return]


def differs(column: str, value: str) -> BooleanExpression:
    from pyiceberg import expressions

    made: Any = expressions.NotEqualTo
    return made(column, value)  # type: ignore[no-any-return]


def at_most(column: str, value: str) -> BooleanExpression:
    from pyiceberg import expressions

    made: Any = expressions.LessThanOrEqual
    return made(column, value)  # type: ignore[no-any-return]


def one_of(column: str, values: Sequence[str]) -> BooleanExpression:
    from pyiceberg import expressions

    made: Any = expressions.In
    return made(column, values)  # type: ignore[no-any-return]


def every(*conditions: BooleanExpression) -> BooleanExpression:
    from pyiceberg import expressions

    made: Any = expressions.And
    always = expressions.AlwaysTrue()
    return made(always, always, *conditions)  # type: ignore[no-any-return]
