"""Counting in DuckDB which values of a file's columns parse as what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lakefall.model import Records, text_column
from lakefall.types import TypeCandidate
from lakefall_plugins.inference.tally import Hits, Spot, Tally
from lakefall_plugins.types.expressions import token, trimmed

if TYPE_CHECKING:
    import duckdb

COLUMNS_A_PASS = 200
"""Columns whose proofs share one pass over a file: planning a query of thousands of expressions
takes longer than reading the file once more."""


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
        if not positions:
            return {}
        sampled = 0 < limit < self.records.rows_good
        rows = limit if sampled else self.records.rows_good
        found = {p: Tally(rows=rows, sampled=sampled) for p in positions}
        query = self._profile_query(positions, limit if sampled else 0)
        for position, filled, *counts in self.connection.execute(query).fetchall():
            found[position] = self._tally(found[position], filled, counts)
        return found

    def prove(self, wanted: Mapping[int, Sequence[int]]) -> dict[int, Tally]:
        """Per column how many of all values parse under the readings asked for; one pass."""
        found: dict[int, Tally] = {}
        for positions in _groups(list(wanted), COLUMNS_A_PASS):
            query = f"SELECT {', '.join(self._proofs(positions, wanted))} FROM {self.records.sql}"
            counts = iter(self.connection.execute(query).fetchall()[0])
            for position in positions:
                cells, tokens = next(counts), next(counts)
                fits = {reading: next(counts) for reading in wanted[position]}
                found[position] = Tally(self.records.rows_good, cells - tokens, fits)
        return found

    def _proofs(
        self, positions: Sequence[int], wanted: Mapping[int, Sequence[int]]
    ) -> Iterator[str]:
        for position in positions:
            column = text_column(position)
            is_token = token(column, self.null_values)
            yield f"count({column})"
            yield f"count_if({is_token})"
            for reading in wanted[position]:
                # Cells with blanks around them count as misfits here; whoever asks looks closer.
                parsed = self.readings[reading].parse(column)
                yield f"count(CASE WHEN {is_token} THEN NULL ELSE {parsed} END)"

    def _profile_query(self, positions: Sequence[int], limit: int) -> str:
        columns = ", ".join(text_column(p) for p in positions)
        source = f"(SELECT {columns} FROM {self.records.sql} LIMIT {limit})"
        if not limit:
            source = self.records.sql
        bare = trimmed("x")
        judged = ", ".join(f"{sql} AS j{i}" for i, sql in enumerate(self._judgements()))
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
            f" WHERE x IS NOT NULL AND NOT {token(bare, self.null_values)}),"
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
