"""Rows of Parquet files put in place of others, in as few statements as they need.

Rows that fit into one statement go there; more go through a staging table, so that they still
become visible in one commit. It is dropped afterwards, and after a run that died: while a run has
staging tables it holds a lock on a file of their name in the pipeline's cache folder. The kernel
releases the lock when the process dies, so that the next run on this machine drops them; those of
other machines are dropped when they are old.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from lakefall.common import locks, sql
from lakefall.contract.errors import SinkError, TableError
from lakefall_plugins.sinks.lake.names import new_staging_name, staged_at
from lakefall_plugins.sinks.trino import statements
from lakefall_plugins.sinks.trino.commits import commit
from lakefall_plugins.sinks.trino.statements import (
    Batch,
    Definition,
    Removal,
    RowTooLongError,
    TargetColumn,
    batches,
    of_parquet,
    row_text,
    value_literal,
)
from lakefall_plugins.trino_client.sql import identifier, literals, pieces

if TYPE_CHECKING:
    from lakefall.contract.run import Run
    from lakefall_plugins.sinks.trino.lakehouse import Lakehouse

_FOLDER = "trino-staging"


def _folder(run: Run) -> Path:
    return Path(run.pipeline.config.cache.dir) / _FOLDER


def _place(lake: Lakehouse) -> list[str]:
    options = lake.options
    return [options.url, options.catalog, options.namespace]


@contextmanager
def staging_table(lake: Lakehouse, run: Run) -> Iterator[str]:
    """The name of a staging table that is to be made; dropped at the end.

    An interrupted run leaves it to the next.
    """
    name = new_staging_name(datetime.now(UTC))
    path = _folder(run) / f"{name}.json"
    with locks.new(path, json.dumps(_place(lake))):
        try:
            yield name
        finally:
            kind = sys.exc_info()[0]
            if kind is None or issubclass(kind, Exception):
                with suppress(SinkError):
                    lake.drop(name)
                    path.unlink(missing_ok=True)


def sweep(lake: Lakehouse, run: Run) -> list[str]:
    """Drop staging tables that no living run uses; their names."""
    living, dead = _journals(lake, run)
    oldest = datetime.now(UTC) - timedelta(seconds=lake.options.staging_ttl)
    for name in lake.tables():
        made = staged_at(name)
        if made is not None and made < oldest and name not in living:
            dead.setdefault(name, None)
    dropped: list[str] = []
    for name, journal in dead.items():
        with suppress(SinkError):
            lake.drop(name)
            dropped.append(name)
            if journal is not None:
                journal.unlink(missing_ok=True)
    return dropped


def _journals(lake: Lakehouse, run: Run) -> tuple[set[str], dict[str, Path | None]]:
    """Staging tables of this machine's runs: of those that live, and of those that died."""
    living: set[str] = set()
    dead: dict[str, Path | None] = {}
    for path in _folder(run).glob("*.json"):
        with suppress(OSError, ValueError), locks.left_behind(path) as journal:
            if journal is None:
                living.add(path.stem)
            elif json.loads(journal.read() or "[]") == _place(lake):
                dead[path.stem] = path
    return living, dead


_MARGIN = 2_000
_PRUNE_SHARE = 8
"""The keys are repeated in a MERGE unless they take more than this part of a statement."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of one source file."""

    subject: str
    """The file, for messages."""
    rows: int


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows to write, on this machine."""

    columns: tuple[TargetColumn, ...]
    paths: tuple[Path, ...]
    pieces: tuple[Piece, ...]
    """The files that the rows come from, in the order of ``paths``."""
    expressions: tuple[str, ...] = ()
    """DuckDB's expression of each column's value; the column itself where none are given."""

    @property
    def number(self) -> int:
        return sum(p.rows for p in self.pieces)


class Source:
    """Rows where a statement can read them: in its own text, or in a staging table."""

    def __init__(self, lake: Lakehouse, run: Run, rows: Rows) -> None:
        self.lake = lake
        self.run = run
        self.rows = rows

    @property
    def room(self) -> int:
        """Characters of a statement that rows may take."""
        columns = sum(len(c.name) for c in self.rows.columns) + 40 * len(self.rows.columns)
        return max(1_000, self.lake.options.max_statement_chars - _MARGIN - 4 * columns)

    @contextmanager
    def batches(self) -> Iterator[Iterator[Batch]]:
        """The rows in statements' measure.

        Raises:
            TableError: a row alone is longer than a statement.
        """
        rows, options = self.rows, self.lake.options
        engine = self.run.pipeline.config.engine
        width = len(rows.columns)
        with sql.connect(engine, self.run.workdir / "values", columns=width) as connection:
            query = _query(connection, rows)
            yield self._checked(batches(connection, query, options.batch_rows, self.room))

    def _checked(self, found: Iterator[Batch]) -> Iterator[Batch]:
        try:
            yield from found
        except RowTooLongError as error:
            at, place = error.row, ""
            for piece in self.rows.pieces:
                if at < piece.rows:
                    place = f"{piece.subject}: the {at + 1:,}. of its rows"
                    break
                at -= piece.rows
            raise TableError(
                f"{place} takes {error.length:,} characters as SQL, a statement to Trino "
                f"{self.lake.options.max_statement_chars:,}; shorten it, raise query.max-length in "
                "Trino and max_statement_chars here, or load through the sink iceberg"
            ) from error

    @contextmanager
    def expression(self, room: int) -> Iterator[str]:
        """A table expression with the rows: VALUES where one statement of ``room`` characters
        holds them all, else a staging table."""
        if not self.rows.number:
            yield ""
            return
        with self.batches() as found:
            first = next(found)
            second = next(found, None)
            if second is None and len(first.text) <= room:
                yield statements.values(self.rows.columns, first.text)
                return
            more = [first] if second is None else [first, second]
            with staging_table(self.lake, self.run) as name:
                columns = [Definition(c.name, c.iceberg) for c in self.rows.columns]
                self.lake.create(name, columns)
                table = self.lake.name(name)
                for batch in chain(more, found):
                    commit(
                        self.lake,
                        name,
                        statements.insert(table, self.rows.columns, batch.text),
                    )
                yield table


def _query(connection: object, rows: Rows) -> str:

    if not rows.expressions:
        return of_parquet(connection, rows.paths, rows.columns)  # type: ignore[arg-type]
    texts = [
        value_literal(e, c.iceberg) for e, c in zip(rows.expressions, rows.columns, strict=True)
    ]
    source = sql.parquet(rows.paths, "filename = true")
    return f"SELECT {row_text(texts)} FROM {source}"


def replace(
    source: Source,
    table: str,
    match: Sequence[str],
    removals: Sequence[Removal],
    *,
    stamp: str = "",
) -> str:
    """One MERGE that removes what ``removals`` name and adds the rows; its query's id.

    Raises:
        TrinoConflictError, TrinoQueryError (``retries.is_conflict``): another writer was faster.
        NotDoneError, TrinoLostError.
    """
    lake = source.lake
    limit = lake.options.max_statement_chars
    keys = sum(2 * len(part) + 80 for r in removals for part in r.key)
    prune = keys < limit // _PRUNE_SHARE
    with source.expression(source.room - keys * (2 if prune else 1)) as expression:
        sql_text = statements.merge(
            lake.name(table),
            source.rows.columns,
            expression,
            match,
            removals,
            stamp=stamp,
            prune=prune,
        )
        return commit(lake, table, sql_text)


def delete_insert(source: Source, table: str, column: str, keys: Sequence[str]) -> str:
    """The letter of the specification: DELETE, then an INSERT for each batch; the last query."""
    lake = source.lake
    name = lake.name(table)
    for group in pieces(keys, lake.options.max_statement_chars // 2):
        lake.execute(f"DELETE FROM {name} WHERE {identifier(column)} IN ({literals(group)})")
    last = ""
    if not source.rows.number:
        return last
    with source.batches() as found:
        for batch in found:
            last = commit(lake, table, statements.insert(name, source.rows.columns, batch.text))
    return last
