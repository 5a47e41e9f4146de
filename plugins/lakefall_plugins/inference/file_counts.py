"""Counting in DuckDB which values parse as what: over one file, or over many small ones at once."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, ClassVar

from lakefall.common import sql
from lakefall.common.sql import literal
from lakefall.contract.types import Role, TypeCandidate, contradict
from lakefall.contract.values import Records, text_column
from lakefall.tabular.conservation import proving
from lakefall.tabular.expressions import token, value
from lakefall.tabular.joint import likeness, together
from lakefall_plugins.inference.counts import Profiler, Spot, Tally

if TYPE_CHECKING:
    import duckdb

    from lakefall_plugins.inference.evidence import Survey

COLUMNS_A_PASS = 200
"""Columns that share one pass over a file: planning a query of thousands of expressions takes
longer than reading the file once more, and its vectors do not fit into the memory limit."""
_AS_NUMBER = "DOUBLE"
FEW = 2
"""Texts that may stand for no value in one column."""


class Counter:
    """Counts over one file."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        records: Records,
        readings: Sequence[TypeCandidate],
        null_values: Sequence[str],
    ) -> None:
        self.connection = connection
        self.records = records
        self.readings = readings
        self.null_values = null_values
        self.profiler = Profiler(readings, null_values)
        self.nulls: dict[int, int] = {}
        """NULLs by position of the columns that were proved over all rows."""
        self._heads: dict[int, str] = {}
        """Rows -> the table that holds so many first ones; ``''`` before it is made."""

    def profile(
        self,
        positions: Sequence[int],
        limit: int = 0,
        always: Mapping[int, Collection[int]] | None = None,
    ) -> dict[int, Tally]:
        """Every veto and every reading of some columns, but for those whose telltale is absent.

        Args:
            limit: look at that many rows only; 0 at all.
            always: position -> readings that are counted without a telltale too.
        """
        found: dict[int, Tally] = {}
        asked = always or {}
        for group in _groups(positions, COLUMNS_A_PASS):
            some = {p: asked[p] for p in group if p in asked}
            found |= self.profiler.profile(_FirstRows(self, limit), group, some)
        return found

    def prove(
        self, wanted: Mapping[int, Sequence[int]], seen: Mapping[int, Collection[str]]
    ) -> dict[int, Tally]:
        """Per column how many of all values parse under the readings asked for; one pass. So are
        the signs that they need, but for those that ``seen`` names, and those that are told.

        Values that another reading takes otherwise than the first one are counted too. Null
        tokens count as values in columns that are asked for no reading, as they do in text.
        """
        aware = self._token_readers({r for readings in wanted.values() for r in readings})
        found: dict[int, Tally] = {}
        for positions in _groups(list(wanted), COLUMNS_A_PASS):
            signs = {p: self._signs(p, wanted[p], seen.get(p, ())) for p in positions}
            counts = self._counts(
                proof for p in positions for proof in self._proofs(p, wanted[p], aware, signs[p])
            )
            for position in positions:
                cells = next(counts)
                fits = {number: next(counts) for number in wanted[position]}
                shown = {name: next(counts) for name in signs[position]}
                differing = {pair: next(counts) for pair in self._pairs(wanted[position])}
                found[position] = Tally(
                    self.records.rows_good, cells, fits, signs=shown, differing=differing
                )
        self.nulls |= {p: t.empty for p, t in found.items()}
        unclear = [p for p, t in found.items() if not all(map(t.fits_all, t.fits))]
        for positions in _groups(unclear, COLUMNS_A_PASS):
            counts = self._counts(e for p in positions for e in self._token_counts(text_column(p)))
            for position in positions:
                tally, tokens = found[position], next(counts)
                named = {t: n for t in self.profiler.told if (n := next(counts))}
                found[position] = replace(tally, filled=tally.filled - tokens, tokens=named)
        return found

    def differing(
        self, wanted: Mapping[int, Sequence[int]], limit: int = 0
    ) -> dict[int, dict[tuple[int, int], int]]:
        """Per column how many values the first of these readings takes otherwise than the others.

        Only readings that contradict the first one are compared.
        """
        found: dict[int, dict[tuple[int, int], int]] = {p: {} for p in wanted}
        asked = {p: pairs for p, r in wanted.items() if (pairs := self._pairs(r))}
        for positions in _groups(list(asked), COLUMNS_A_PASS):
            source = self._source(positions, limit)
            expressions = [
                f"count_if({self._differs(pair, text_column(p))})"
                for p in positions
                for pair in asked[p]
            ]
            counts = iter(self.ask(f"SELECT {', '.join(expressions)} FROM {source}")[0])
            for position in positions:
                found[position] = {pair: next(counts) for pair in asked[position]}
        return found

    def first_misfits(self, wanted: Mapping[int, int], limit: int = 0) -> dict[int, Spot]:
        """The first value of each column that does not parse under a reading; none without one."""
        found: dict[int, Spot] = {}
        for positions in _groups(list(wanted), COLUMNS_A_PASS):
            columns: dict[int, list[int]] = {}
            for position in positions:
                columns.setdefault(wanted[position], []).append(position)
            cases = " ".join(
                f"WHEN k IN ({', '.join(map(str, of))}) THEN {self.profiler.misfit(reading)}"
                for reading, of in columns.items()
            )
            query = (
                f"{self.cells(positions, limit)}, {self.profiler.bare()}"
                " SELECT k, min(row), arg_min(x, row), count(*), approx_count_distinct(t), min(t),"
                f" max(t) FROM bare WHERE CASE {cases} END GROUP BY k"
            )
            for position, row, text, count, distinct, *texts in self.ask(query):
                few = distinct <= FEW and count > distinct
                alike = tuple(dict.fromkeys(texts)) if few else ()
                found[position] = replace(self.spot(row, text), alike=alike)
        return found

    def extent(self, limit: int) -> tuple[int, bool]:
        """Rows that are looked at, and whether there are more of them."""
        rows = self.records.rows_good
        return (limit, True) if 0 < limit < rows else (rows, False)

    def spot(self, row: int, text: str) -> Spot:
        return Spot(self.records.local.name, self.records.places, row, text)

    def fill(self, table: str, number: int, limit: int) -> None:
        """Put the first rows into a table, behind the file's number and their own."""
        everything = range(len(self.records.header))
        self.ask(
            f"INSERT INTO {table} SELECT {number}, row_number() OVER () - 1, *"
            f" FROM {self._first_rows(everything, limit)}"
        )

    def cells(self, positions: Sequence[int], limit: int) -> str:
        """One long column of cells: the query stays small however wide the file is."""
        columns = ", ".join(text_column(p) for p in positions)
        return (
            f"WITH numbered AS (SELECT row_number() OVER () - 1 AS row, {columns}"
            f" FROM {self._source(positions, limit)}),"
            f" cells AS (SELECT row, unnest([{', '.join(map(str, positions))}]) AS k,"
            f" unnest([{columns}]) AS x FROM numbered)"
        )

    def _source(self, positions: Sequence[int], limit: int) -> str:
        if not limit:
            return self.records.sql
        wide = len(self.records.header) > COLUMNS_A_PASS
        if wide or limit >= self.records.rows_good or limit not in self._heads:
            self._heads.setdefault(limit, "")
            return self._first_rows(positions, limit)
        if not self._heads[limit]:
            # Who asks twice asks more often, and the head of a large file is slow to find.
            name = f"head_{uuid.uuid4().hex}"
            everything = range(len(self.records.header))
            rows = self._first_rows(everything, limit)
            self.ask(f"CREATE TEMPORARY TABLE {name} AS FROM {rows}")
            self._heads[limit] = name
        return self._heads[limit]

    def _first_rows(self, positions: Sequence[int], limit: int) -> str:
        columns = ", ".join(text_column(p) for p in positions)
        return f"(SELECT {columns} FROM {self.records.sql} LIMIT {limit})"

    # --- proofs ---

    def _proofs(
        self, position: int, readings: Sequence[int], aware: set[int], signs: Mapping[str, str]
    ) -> Iterator[str]:
        column = text_column(position)
        yield f"count({column})"
        for number in readings:
            # Cells with blanks around them count as misfits here; the caller looks closer.
            parsed = self.readings[number].parse(column)
            if number in aware:
                parsed = f"CASE WHEN {self._token(column)} THEN NULL ELSE {parsed} END"
            yield f"count({parsed})"
        for holds in signs.values():
            yield f"count_if({holds})"
        for pair in self._pairs(readings):
            yield f"count_if({self._differs(pair, column)})"

    def _token_counts(self, column: str) -> Iterator[str]:
        yield f"count_if({self._token(column)})"
        for each in self.profiler.told:
            yield f"count_if({column} = {literal(each)})"

    def _signs(
        self, position: int, readings: Sequence[int], seen: Collection[str]
    ) -> dict[str, str]:
        roles = (Role.NEEDED, Role.SAID)
        found = self.profiler.signs(readings, text_column(position), roles)
        return {name: holds for name, holds in found.items() if name not in seen}

    def _pairs(self, readings: Sequence[int]) -> list[tuple[int, int]]:
        """The first reading with each one that contradicts it."""
        return [
            (readings[0], other)
            for other in readings[1:]
            if contradict(self.readings[readings[0]], self.readings[other])
        ]

    def _differs(self, pair: tuple[int, int], column: str) -> str:
        one, other = (self.readings[r] for r in pair)
        values = [value(r, column, self.null_values) for r in (one, other)]
        if one.duckdb != other.duckdb:
            values = [f"CAST({v} AS {_AS_NUMBER})" for v in values]
        return " IS DISTINCT FROM ".join(values)

    def _token_readers(self, readings: Collection[int]) -> set[int]:
        """Readings that take some null token for a value; the others need no look at tokens."""
        if not (readings and self.null_values):
            return set()
        order = sorted(readings)
        parsed = ", ".join(f"count({self.readings[r].parse('x')})" for r in order)
        tokens = ", ".join(f"({literal(each)})" for each in self.null_values)
        counts = sql.rows(self.connection, f"SELECT {parsed} FROM (VALUES {tokens}) t(x)")[0]
        return {r for r, count in zip(order, counts, strict=True) if count}

    def _counts(self, expressions: Iterable[str]) -> Iterator[int]:
        query = f"SELECT {', '.join(expressions)} FROM {self.records.sql}"
        return iter(self.ask(query)[0])

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with proving(self.records):
            return sql.rows(self.connection, query)

    def _token(self, text: str) -> str:
        return token(text, self.null_values)


def _groups(items: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


@dataclass(frozen=True, slots=True)
class _FirstRows:
    """The first rows of one file, or all."""

    held: ClassVar[bool] = False
    counter: Counter
    limit: int

    def values(self, positions: Sequence[int]) -> str:
        return self.counter.cells(positions, self.limit)

    def extent(self, position: int) -> tuple[int, bool]:  # noqa: ARG002 -- all are alike
        return self.counter.extent(self.limit)

    def spot(self, position: int, row: int, text: str) -> Spot:  # noqa: ARG002 -- as above
        return self.counter.spot(row, text)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        return self.counter.ask(query)


MOST_FILES, MOST_COLUMNS = 64, 50
"""What one stack holds at most: the first rows lie in memory."""


def count_together(surveys: Sequence[Survey]) -> None:
    """Count the first rows of the files, those of files of one width together."""
    for stacked in _stacks(surveys):
        stack = _Stack(stacked)
        tallies = stack.counter.profiler.profile(
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

    held: ClassVar[bool] = True

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
        then reading them one by one shows which."""
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
