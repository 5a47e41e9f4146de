"""Counting in DuckDB which values of a file's columns parse as what."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lakefall import sql
from lakefall.model import Records, text_column
from lakefall.sql import literal
from lakefall.types import TypeCandidate, contradict
from lakefall_plugins.csv.relation import note_nulls, proving
from lakefall_plugins.inference.tally import Hits, Spot, Tally
from lakefall_plugins.types.expressions import token, trimmed, value

if TYPE_CHECKING:
    import duckdb

COLUMNS_A_PASS = 200
"""Columns that share one pass over a file: planning a query of thousands of expressions takes
longer than reading the file once more, and its vectors do not fit into the memory limit."""
_AS_NUMBER = "DOUBLE"


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
        self._heads: dict[int, str] = {}
        """Rows -> the table that holds so many first ones; ``''`` before it is made."""

    def profile(
        self,
        positions: Sequence[int],
        limit: int = 0,
        always: Mapping[int, Collection[int]] | None = None,
    ) -> dict[int, Tally]:
        """Every veto and every reading of some columns, but for those whose telltale is absent.

        To plan an expression costs more than to compute it for a sample, so that readings with a
        telltale get a query of their own, where they are needed.

        Args:
            limit: look at that many rows only; 0 at all.
            always: position -> readings that are counted without a telltale too.
        """
        found: dict[int, Tally] = {}
        for group in _groups(positions, COLUMNS_A_PASS):
            hopeful = self._first_look(group, limit, found)
            for position, readings in (always or {}).items():
                if position in group:
                    hopeful.setdefault(position, set()).update(readings)
            self._second_look(hopeful, limit, found)
        return found

    def prove(self, wanted: Mapping[int, Sequence[int]]) -> dict[int, Tally]:
        """Per column how many of all values parse under the readings asked for; one pass.

        Values that another reading takes otherwise than the first one are counted too. Null
        tokens count as values in columns that are asked for no reading, as they do in text.
        """
        aware = self._token_readers({r for readings in wanted.values() for r in readings})
        found: dict[int, Tally] = {}
        for positions in _groups(list(wanted), COLUMNS_A_PASS):
            counts = self._counts(
                proof for p in positions for proof in self._proofs(p, wanted[p], aware)
            )
            for position in positions:
                cells = next(counts)
                fits = {number: next(counts) for number in wanted[position]}
                differing = {pair: next(counts) for pair in self._pairs(wanted[position])}
                found[position] = Tally(self.records.rows_good, cells, fits, differing=differing)
        note_nulls(self.records.lines, {p: t.empty for p, t in found.items()})
        unclear = [p for p, t in found.items() if not all(map(t.fits_all, t.fits))]
        for positions in _groups(unclear, COLUMNS_A_PASS):
            tokens = self._counts(f"count_if({self._token(text_column(p))})" for p in positions)
            for position in positions:
                tally = found[position]
                found[position] = replace(tally, filled=tally.filled - next(tokens))
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
            counts = iter(self._rows(f"SELECT {', '.join(expressions)} FROM {source}")[0])
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
                f"WHEN k IN ({', '.join(map(str, of))}) THEN {self._misfit(reading)}"
                for reading, of in columns.items()
            )
            query = (
                f"{self._cells(positions, limit)}"
                f" SELECT k, min(row), arg_min(x, row) FROM bare WHERE CASE {cases} END GROUP BY k"
            )
            for position, row, text in self._rows(query):
                found[position] = self._spot(row, text)
        return found

    # --- two looks ---

    def _first_look(
        self, positions: Sequence[int], limit: int, found: dict[int, Tally]
    ) -> dict[int, set[int]]:
        """Count what has no telltale; for each column the readings whose telltale is there."""
        plain = [i for i, r in enumerate(self.readings) if r.telltale is None]
        telltales = self._telltales()
        vetoes = self._vetoes()
        judged = [
            *(self._misfit(i) for i in plain),
            *telltales,
            *vetoes.values(),
        ]
        firsts = range(len(plain) + len(telltales), len(judged))
        counts = [f"count_if(j{i})" for i in range(len(judged))]
        counts += [f"min(row) FILTER (j{i}), arg_min(x, row) FILTER (j{i})" for i in firsts]
        sampled = 0 < limit < self.records.rows_good
        for position in positions:
            rows = limit if sampled else self.records.rows_good
            found[position] = Tally(rows=rows, sampled=sampled)
        hopeful: dict[int, set[int]] = {}
        for position, filled, *answer in self._judged(positions, limit, judged, counts):
            numbers = iter(answer)
            fits = {reading: filled - next(numbers) for reading in plain}
            for readings in telltales.values():
                if next(numbers):
                    hopeful.setdefault(position, set()).update(readings)
            barred = {reason: next(numbers) for reason in vetoes}
            found[position] = replace(
                found[position],
                filled=filled,
                fits=fits,
                vetoes={r: self._hits(n, next(numbers), next(numbers)) for r, n in barred.items()},
            )
        return hopeful

    def _second_look(
        self, hopeful: Mapping[int, set[int]], limit: int, found: dict[int, Tally]
    ) -> None:
        asked = {p: {r for r in rs if r not in found[p].fits} for p, rs in hopeful.items()}
        asked = {p: readings for p, readings in asked.items() if readings and found[p].filled}
        readings = sorted({r for some in asked.values() for r in some})
        if not readings:
            return
        judged = [self._misfit(r) for r in readings]
        counts = [f"count_if(j{i})" for i in range(len(judged))]
        for position, filled, *answer in self._judged(list(asked), limit, judged, counts):
            fits = {r: filled - n for r, n in zip(readings, answer, strict=True)}
            tally = found[position]
            kept = {r: n for r, n in fits.items() if r in asked[position]}
            found[position] = replace(tally, fits={**tally.fits, **kept})

    def _telltales(self) -> dict[str, list[int]]:
        """SQL boolean -> the readings that it speaks for."""
        found: dict[str, list[int]] = {}
        for number, reading in enumerate(self.readings):
            if reading.telltale is not None:
                found.setdefault(reading.telltale("t"), []).append(number)
        return found

    def _vetoes(self) -> dict[str, str]:
        """Reason -> SQL boolean; readings that share a reason share the veto."""
        return {r.veto_reason: r.veto("t") for r in self.readings if r.veto is not None}

    def _misfit(self, reading: int) -> str:
        """SQL boolean over ``t``, a trimmed text, and ``x``, the cell."""
        candidate = self.readings[reading]
        return f"({candidate.parse('t' if candidate.trim else 'x')}) IS NULL"

    def _judged(
        self,
        positions: Sequence[int],
        limit: int,
        judged: Sequence[str],
        counts: Sequence[str],
    ) -> list[tuple[Any, ...]]:
        named = ", ".join(f"{each} AS j{i}" for i, each in enumerate(judged))
        return self._rows(
            f"{self._cells(positions, limit)},"
            f" judged AS (SELECT row, k, x, {named} FROM bare)"
            f" SELECT k, count(*), {', '.join(counts)} FROM judged GROUP BY k"
        )

    def _cells(self, positions: Sequence[int], limit: int) -> str:
        """The relation ``bare``: row, position, cell and trimmed text of every value.

        One long column of cells: the query stays small however wide the file is.
        """
        columns = ", ".join(text_column(p) for p in positions)
        bare = trimmed("x")
        return (
            f"WITH numbered AS (SELECT row_number() OVER () - 1 AS row, {columns}"
            f" FROM {self._source(positions, limit)}),"
            f" cells AS (SELECT row, unnest([{', '.join(map(str, positions))}]) AS k,"
            f" unnest([{columns}]) AS x FROM numbered),"
            f" bare AS (SELECT row, k, x, {bare} AS t FROM cells"
            f" WHERE x IS NOT NULL AND NOT {self._token(bare)})"
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
            self._rows(f"CREATE TEMPORARY TABLE {name} AS FROM {rows}")
            self._heads[limit] = name
        return self._heads[limit]

    def _first_rows(self, positions: Sequence[int], limit: int) -> str:
        columns = ", ".join(text_column(p) for p in positions)
        return f"(SELECT {columns} FROM {self.records.sql} LIMIT {limit})"

    def _hits(self, count: int, row: int | None, text: str) -> Hits:
        return Hits(count) if row is None else Hits(count, self._spot(row, text))

    def _spot(self, row: int, text: str) -> Spot:
        return Spot(self.records.local.file.key, self.records.lines, row, text)

    # --- proofs ---

    def _proofs(self, position: int, readings: Sequence[int], aware: set[int]) -> Iterator[str]:
        column = text_column(position)
        yield f"count({column})"
        for number in readings:
            # Cells with blanks around them count as misfits here; whoever asks looks closer.
            parsed = self.readings[number].parse(column)
            if number in aware:
                parsed = f"CASE WHEN {self._token(column)} THEN NULL ELSE {parsed} END"
            yield f"count({parsed})"
        for pair in self._pairs(readings):
            yield f"count_if({self._differs(pair, column)})"

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
        return iter(self._rows(query)[0])

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        with proving(self.records):
            return sql.rows(self.connection, query)

    def _token(self, text: str) -> str:
        return token(text, self.null_values)


def _groups(items: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
