"""Row filters; PyIceberg's own constructors are untyped for positional arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyiceberg.expressions import BooleanExpression


def equal(column: str, value: str) -> BooleanExpression:
    from pyiceberg import expressions

    made: Any = expressions.EqualTo
    return made(column, value)  # type: ignore[no-any-return]


def every(*conditions: BooleanExpression) -> BooleanExpression:
    from pyiceberg import expressions

    made: Any = expressions.And
    always = expressions.AlwaysTrue()
    return made(always, always, *conditions)  # type: ignore[no-any-return]
