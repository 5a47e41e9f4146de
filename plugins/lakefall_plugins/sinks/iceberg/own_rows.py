"""Rows of lakefall's own tables as Arrow; a data file is read once, since it never changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from lakefall_plugins.sinks.iceberg.survey import Part, survey

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.table import Table

    from lakefall_plugins.sinks.iceberg.catalog import Lake

_AT_ONCE = 8
_KEPT = 200_000
"""Rows that a process remembers."""


class OwnRows:
    """Rows of one table, in the columns that are asked for."""

    def __init__(self, lake: Lake, schema: Mapping[str, str], key: str) -> None:
        self._lake = lake
        self._schema = schema
        """Column -> Arrow's name of its type."""
        self._key = key
        """Column by which rows are looked for."""
        self._known: dict[str, pa.Table] = {}

    def read(self, table: Table, keys: Collection[str] = ()) -> pa.Table:
        """Every row (of these keys). Columns that the table lacks are NULL."""
        import pyarrow as pa
        import pyarrow.compute as pc

        parts = survey(self._lake, table, (self._key,))
        if any(p.deletes for p in parts) or not _as_written(table, parts):
            found = self._shaped(table.scan().to_arrow())
        else:
            if keys:
                parts = [p for p in parts if p.may_hold_any(self._key, keys)]
            found = self._joined(table, parts)
        if not keys:
            return found
        return found.filter(pc.is_in(found[self._key], pa.array(sorted(keys), pa.string())))

    def read_parts(self, table: Table, parts: Sequence[Part]) -> pa.Table | None:
        """Every row of these data files, none of which has delete files; None where others
        have changed the table so that files cannot be read alone."""
        return self._joined(table, parts) if _as_written(table, parts) else None

    def _joined(self, table: Table, parts: Sequence[Part]) -> pa.Table:
        import pyarrow as pa

        paths = [p.file.file_path for p in parts]
        unknown = [p for p in paths if p not in self._known]
        if unknown:
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                read = pool.map(lambda path: self._of_file(table, path), unknown)
                self._known.update(zip(unknown, read, strict=True))
        if sum(t.num_rows for t in self._known.values()) > _KEPT:
            self._known = {p: self._known[p] for p in paths}
        return pa.concat_tables([self._arrow_schema().empty_table(), *map(self._known.get, paths)])

    def _of_file(self, table: Table, path: str) -> pa.Table:
        from pyarrow import parquet

        with table.io.new_input(path).open() as stream:
            return self._shaped(parquet.ParquetFile(stream).read())

    def _shaped(self, found: pa.Table) -> pa.Table:
        import pyarrow as pa

        schema = self._arrow_schema()
        columns = [
            found[f.name].cast(f.type)
            if f.name in found.column_names
            else pa.nulls(found.num_rows, f.type)
            for f in schema
        ]
        return pa.table(columns, schema=schema)

    def _arrow_schema(self) -> pa.Schema:
        import pyarrow as pa

        made = {"timestamp": pa.timestamp("us")}
        return pa.schema(
            [(n, made.get(t) or pa.type_for_alias(t)) for n, t in self._schema.items()]
        )


def _as_written(table: Table, parts: Sequence[Part]) -> bool:
    """Whether data files may be read by name: nobody has renamed or dropped a column."""
    ids = [{f.name: f.field_id for f in schema.fields} for schema in table.schemas().values()]
    now = {f.name: f.field_id for f in table.schema().fields}
    same = all(now.get(name) == i for one in ids for name, i in one.items())
    return same and all(p.file.file_format.name == "PARQUET" for p in parts)
