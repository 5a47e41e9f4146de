"""Counting in DuckDB which values of a file's columns parse as what."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lakefall import sql
from lakefall.model import Records, text_column
from lakefall.sql import literal
from lakefall.types import TypeCandidate
from lakefall_plugins.csv.relation import note_nulls, proving
from lakefall_plugins.inference.tally import Hits, Spot, Tally
from lakefall_plugins.types.expressions import token, trimmed

if TYPE_CHECKING:
    import duckdb

COLUMNS_A_PASS = 200
"""Columns that share one pass over a file: planning a query of thousands of expressions takes
longer than reading the file once more, and its vectors do not fit into the memory limit."""


@dataclass(frozen=True, slots=True)
class Counter:
    """Counts over one file."""

    connection: duckdb.DuckDBPyConnection
    records: Records
    readings: Sequence[TypeCandidate]
    null_values: Sequence[str]

    def profile(self, positions: Sequence[int], limit: int = 0) -> dict[int, Tally]:
        """Everything about some columns: every reading, every veto, the first cell of each.

        ``limit`` looks at that many rows only; 0 at all.
        """
        sampled = 0 < limit < self.records.rows_good
        rows = limit if sampled else self.records.rows_good
        found = {p: Tally(rows=rows, sampled=sampled) for p in positions}
        for group in _groups(positions, COLUMNS_A_PASS):
            query = self._profile_query(group, limit if sampled else 0)
            for position, filled, *counts in self._rows(query):
                found[position] = self._tally(found[position], filled, counts)
        return found

    def prove(self, wanted: Mapping[int, Sequence[int]]) -> dict[int, Tally]:
        """Per column how many of all values parse under the readings asked for; one pass.

        Null tokens count as values in columns that are asked for no reading, as they do in text.
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
                found[position] = Tally(self.records.rows_good, cells, fits)
        note_nulls(self.records.lines, {p: t.empty for p, t in found.items()})
        unclear = [p for p, t in found.items() if not all(map(t.fits_all, t.fits))]
        for positions in _groups(unclear, COLUMNS_A_PASS):
            tokens = self._counts(f"count_if({self._token(text_column(p))})" for p in positions)
            for position in positions:
                tally = found[position]
                found[position] = replace(tally, filled=tally.filled - next(tokens))
        return found

    def _proofs(self, position: int, readings: Sequence[int], aware: set[int]) -> Iterator[str]:
        column = text_column(position)
        yield f"count({column})"
        for number in readings:
            # Cells with blanks around them count as misfits here; whoever asks looks closer.
            parsed = self.readings[number].parse(column)
            if number in aware:
                parsed = f"CASE WHEN {self._token(column)} THEN NULL ELSE {parsed} END"
            yield f"count({parsed})"

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

    def _profile_query(self, positions: Sequence[int], limit: int) -> str:
        columns = ", ".join(text_column(p) for p in positions)
        source = f"(SELECT {columns} FROM {self.records.sql} LIMIT {limit})"
        if not limit:
            source = self.records.sql
        bare = trimmed("x")
        judged = ", ".join(f"{each} AS j{i}" for i, each in enumerate(self._judgements()))
        firsts = ", ".join(
            f"count_if(j{i}), min(row) FILTER (j{i}), arg_min(x, row) FILTER (j{i})"
            for i in range(len(self._judgements()))
        )
        # One long column of cells: the query stays small however wide the file is.
        return (
            f"WITH numbered AS (SELECT row_number() OVER () - 1 AS row, {columns} FROM {source}),"
            f" cells AS (SELECT row, unnest([{', '.join(map(str, positions))}]) AS k,"
            f" unnest([{columns}]) AS x FROM numbered),"
            f" bare AS (SELECT row, k, x, {bare} AS t FROM cells"
            f" WHERE x IS NOT NULL AND NOT {self._token(bare)}),"
            f" judged AS (SELECT row, k, x, {judged} FROM bare)"
            f" SELECT k, count(*), {firsts} FROM judged GROUP BY k"
        )

    def _judgements(self) -> list[str]:
        """SQL booleans: one "is no value of it" per reading, then one per veto."""
        misfits = [f"({r.parse('t' if r.trim else 'x')}) IS NULL" for r in self.readings]
        return [*misfits, *(veto for veto in self._vetoes().values())]

    def _vetoes(self) -> dict[str, str]:
        """Reason -> SQL boolean; readings that share a reason share the veto."""
        return {r.veto_reason: r.veto("t") for r in self.readings if r.veto is not None}

    def _tally(self, empty: Tally, filled: int, counts: Sequence[Any]) -> Tally:
        hits = [self._hits(*counts[i : i + 3]) for i in range(0, len(counts), 3)]
        misfits = dict(enumerate(hits[: len(self.readings)]))
        return Tally(
            rows=empty.rows,
            filled=filled,
            fits={reading: filled - hit.count for reading, hit in misfits.items()},
            misfits=misfits,
            vetoes=dict(zip(self._vetoes(), hits[len(self.readings) :], strict=True)),
            sampled=empty.sampled,
        )

    def _hits(self, count: int, row: int | None, text: str) -> Hits:
        if row is None:
            return Hits(count)
        return Hits(count, Spot(self.records.local.file.key, self.records.lines, row, text))


def _groups(items: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
