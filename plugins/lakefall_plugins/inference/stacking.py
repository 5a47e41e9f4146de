"""The first rows of many small files, counted in one query instead of some for each file."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from lakefall.common import sql
from lakefall.contract.values import text_column
from lakefall.tabular.joint import likeness, together
from lakefall_plugins.inference.tally import Spot

if TYPE_CHECKING:
    from lakefall_plugins.inference.survey import Survey

MOST_FILES, MOST_COLUMNS = 64, 50
"""What one stack holds at most: the first rows lie in memory."""


def count_together(surveys: Sequence[Survey]) -> None:
    """Tell surveys what their first rows hold, those of files of one width together."""
    for stacked in _stacks(surveys):
        stack = _Stack(stacked)
        tallies = stack.counter.looks.profile(
            stack,
            range(len(stacked) * stack.width),
            {
                stack.place(number, position): survey.asked(position)
                for number, survey in enumerate(stacked)
                for position in range(stack.width)
            },
        )
        for number, survey in enumerate(stacked):
            survey.learn({p: tallies[stack.place(number, p)] for p in range(stack.width)})


def _stacks(surveys: Sequence[Survey]) -> Iterator[Sequence[Survey]]:
    def width(survey: Survey) -> int:
        return len(survey.names)

    for columns, alike in groupby(sorted(surveys, key=width), width):
        found = list(alike)
        for start in range(0, len(found), MOST_FILES):
            some = found[start : start + MOST_FILES]
            if columns <= MOST_COLUMNS and len(some) > 1:
                yield some


class _Stack:
    """The first rows of files, one below the other. Each file has places of its own."""

    def __init__(self, surveys: Sequence[Survey]) -> None:
        self.surveys = surveys
        self.counter = surveys[0].counter
        self.width = len(surveys[0].names)
        self._table = ""

    def place(self, number: int, position: int) -> int:
        return number * self.width + position

    def values(self, positions: Sequence[int]) -> str:
        columns = ", ".join(text_column(p) for p in range(self.width))
        places = ", ".join(f"file * {self.width} + {p}" for p in range(self.width))
        wanted = ", ".join(map(str, positions))
        return (
            f"WITH every AS (SELECT row, unnest([{places}]) AS k, unnest([{columns}]) AS x"
            f" FROM {self._rows()}), cells AS (SELECT * FROM every WHERE k IN ({wanted}))"
        )

    def extent(self, position: int) -> tuple[int, bool]:
        survey = self.surveys[position // self.width]
        return survey.counter.extent(survey.sample_rows)

    def spot(self, position: int, row: int, text: str) -> Spot:
        return self.surveys[position // self.width].counter.spot(row, text)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        return sql.rows(self.counter.connection, query)

    def _rows(self) -> str:
        if not self._table:
            table = f"stack_{uuid.uuid4().hex}"
            columns = [text_column(p) for p in range(self.width)]
            typed = ", ".join(f"{column} VARCHAR" for column in columns)
            self.ask(f"CREATE TEMPORARY TABLE {table} (file INTEGER, row BIGINT, {typed})")
            if not self._fill(table, ", ".join(columns)):
                for number, survey in enumerate(self.surveys):
                    survey.counter.fill(table, number, survey.sample_rows)
            self._table = table
        return self._table

    def _fill(self, table: str, columns: str) -> bool:
        """Fill it by one query; False where the files are not alike, or one is not as it seemed:
        then reading them one by one tells which."""
        import duckdb

        records = [survey.counter.records for survey in self.surveys]
        alike = {likeness(each) for each in records}
        if len(alike) > 1 or None in alike:
            return False
        numbered = f"(SELECT row_number() OVER () AS place, * FROM {together(records, 'file')})"
        rows = f"(SELECT *, place - min(place) OVER (PARTITION BY file) AS row FROM {numbered})"
        limit = self.surveys[0].sample_rows
        try:
            self.ask(
                f"INSERT INTO {table} SELECT file, row, {columns} FROM {rows} WHERE row < {limit}"
            )
        except duckdb.InvalidInputException:
            return False
        return True
