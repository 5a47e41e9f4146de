"""From cell to value: blanks, null tokens, misfits."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakefall.common.sql import connect, literal
from lakefall.contract.configuration import Engine
from lakefall.contract.plugin import NoOptions
from lakefall.contract.types import TypeCandidate, TypePlugin, TypeSettings
from lakefall.tabular.expressions import misfit, value
from lakefall_plugins.types.numbers import Integer
from lakefall_plugins.types.varchar import Varchar

TOKENS = ("", "NULL", "-999")


def reading(plugin: type[TypePlugin[NoOptions]]) -> TypeCandidate:
    return next(iter(plugin(NoOptions()).candidates(TypeSettings())))


@pytest.mark.parametrize(
    ("plugin", "cell", "expected", "is_misfit"),
    [
        (Integer, "5", 5, False),
        (Integer, " \t5 ", 5, False),
        (Integer, None, None, False),
        (Integer, "", None, False),
        (Integer, "  ", None, False),
        (Integer, " NULL ", None, False),
        (Integer, "-999", None, False),
        (Integer, " -999", None, False),
        (Integer, "x", None, True),
        (Integer, "5 5", None, True),
        (Varchar, " NULL ", " NULL ", False),
        (Varchar, "", "", False),
        (Varchar, None, None, False),
    ],
)
def test_value_and_misfit(
    tmp_path: Path,
    plugin: type[TypePlugin[NoOptions]],
    cell: str | None,
    expected: object,
    is_misfit: bool,
) -> None:
    candidate = reading(plugin)
    text = "NULL::VARCHAR" if cell is None else literal(cell)
    query = (
        f"SELECT {value(candidate, 'x', TOKENS)}, coalesce({misfit(candidate, 'x', TOKENS)}, false)"
        f" FROM (VALUES ({text})) t(x)"
    )
    with connect(Engine(1), tmp_path) as connection:
        assert connection.execute(query).fetchall() == [(expected, is_misfit)]


def test_without_null_values_everything_counts(tmp_path: Path) -> None:
    candidate = reading(Integer)
    with connect(Engine(1), tmp_path) as connection:
        query = f"SELECT {misfit(candidate, 'x', ())} FROM (VALUES ('')) t(x)"
        assert connection.execute(query).fetchall() == [(True,)]
