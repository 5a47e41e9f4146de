"""The rejects through Trino: the same table that the sink `iceberg` keeps."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lakefall.common import sql
from lakefall_plugins.sinks.lake import rejects
from lakefall_plugins.sinks.lake.rejects import COLUMNS
from lakefall_plugins.sinks.trino.commits import commit, until_committed
from lakefall_plugins.sinks.trino.replace import Piece, Rows, Source, replace
from lakefall_plugins.sinks.trino.statements import Definition, Removal, TargetColumn
from lakefall_plugins.trino_client.sql import literal, literals, pieces, timestamp

if TYPE_CHECKING:
    from lakefall.contract.run import Run
    from lakefall.contract.values import Converted, StoredReject
    from lakefall_plugins.sinks.lake.versions import Version
    from lakefall_plugins.sinks.trino.lakehouse import Lakehouse

_KEYS = ("file_key", "etag")
_EPOCH = timestamp(datetime(1970, 1, 1, tzinfo=UTC))


class Rejects:
    """Reads and writes ``_ingest_rejects``."""

    def __init__(self, lake: Lakehouse) -> None:
        self.lake = lake
        self.name = lake.options.rejects_table
        self.clean: set[str] = set()
        """Keys that were seen to have no rejects of another version."""

    def replace(
        self, run: Run, files: Sequence[Converted], there: Collection[tuple[str, str]]
    ) -> None:
        """Put these files' rejects in place of those under the same key and ETag: one commit.

        ``there`` are keys and ETags of which the table has rejects.
        """
        bringing = [f for f in files if f.rejects is not None]
        removals = [
            Removal((f.file.key, f.file.etag), _EPOCH, _EPOCH)
            for f in files
            if f.rejects is not None or (f.file.key, f.file.etag) in there
        ]
        if not removals:
            return
        if not self.lake.has(self.name):
            self.lake.create(self.name, [Definition(n, t, r) for n, t, r in COLUMNS])
        source = Source(self.lake, run, _rows(run, bringing))
        until_committed(
            lambda: replace(source, self.name, _KEYS, removals),
            self.lake.options.commit_timeout,
            f"table {self.name!r}",
        )

    def drop_replaced(self, current: Collection[Version]) -> None:
        """Drop rejects of older versions of these files.

        A version that another run is about to commit has a later modified time, and stays.
        """
        wanted = [
            f"(file_key = {literal(v.key)} AND etag <> {literal(v.etag)} "
            f"AND modified <= {timestamp(v.modified)})"
            for v in current
            if v.key not in self.clean
        ]
        self._delete(wanted)

    def remove(self, keys: Collection[str]) -> None:
        """Drop all rejects of these files."""
        room = self.lake.options.max_statement_chars // 2
        self._delete([f"file_key IN ({literals(group)})" for group in pieces(sorted(keys), room)])

    def remove_versions(self, versions: Collection[tuple[str, str]]) -> None:
        """Drop the rejects of these keys and ETags."""
        self._delete(
            [
                f"(file_key = {literal(key)} AND etag = {literal(etag)})"
                for key, etag in sorted(versions)
            ]
        )

    def _delete(self, conditions: Sequence[str]) -> None:
        if not conditions or not self.lake.has(self.name):
            return
        options = self.lake.options
        for group in pieces(conditions, options.max_statement_chars):
            statement = f"DELETE FROM {self.lake.name(self.name)} WHERE {' OR '.join(group)}"
            until_committed(
                lambda text=statement: commit(self.lake, self.name, text),  # type: ignore[misc]
                options.commit_timeout,
                f"table {self.name!r}",
            )

    def read(
        self, current: Mapping[str, Version], table_name: str, key: str
    ) -> Iterator[StoredReject]:
        """Rejects of the versions that are in the tables, by file and line."""
        if not self.lake.has(self.name):
            return
        wanted = (("table_name", table_name), ("file_key", key))
        conditions = [f"{column} = {literal(value)}" for column, value in wanted if value]
        where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
        yield from rejects.current(
            self.lake.client.rows(
                f"SELECT {', '.join(rejects.SHOWN)} FROM {self.lake.name(self.name)} "
                f"{where}ORDER BY file_key, line"
            ),
            current,
        )


def _rows(run: Run, files: Sequence[Converted]) -> Rows:
    """The files' rejects with the table's columns."""
    columns = tuple(TargetColumn(n, t) for n, t, _ in COLUMNS)
    paths = tuple(f.rejects for f in files if f.rejects is not None)
    numbers = _numbers(files)
    # Which file a reject is of is told by the Parquet file that it lies in.
    values = rejects.values(
        run.run_id,
        _by_file([f.file.key for f in files], paths),
        _by_file([f.file.table for f in files], paths),
        _by_file([f.file.etag for f in files], paths),
        _by_file([rejects.utc_text(f.file.modified) for f in files], paths),
    )
    pieces_of = tuple(
        Piece(f"rejects of {f.file.key}", n) for f, n in zip(files, numbers, strict=True)
    )
    return Rows(columns, paths, pieces_of, tuple(values[c.name] for c in columns))


def _numbers(files: Sequence[Converted]) -> list[int]:
    import pyarrow.parquet as pq

    return [pq.read_metadata(f.rejects).num_rows for f in files if f.rejects is not None]


def _by_file(values: Sequence[str], paths: Sequence[object]) -> str:
    if len(set(values)) == 1:
        return sql.literal(values[0])
    pairs = ", ".join(
        f"{sql.literal(str(p))}: {sql.literal(v)}" for p, v in zip(paths, values, strict=True)
    )
    return f"MAP {{{pairs}}}[filename]"
