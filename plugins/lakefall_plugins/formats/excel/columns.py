"""Cells to Arrow columns: the type of a column is that of all its cells."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

from lakefall_plugins.formats.excel.layout import shown

if TYPE_CHECKING:
    import pyarrow as pa

EXACT = 2**53
"""Up to here a number of a workbook, which is a DOUBLE, is a whole one exactly."""


class ColumnBuilder:
    """Takes a column's cells by blocks; what one block tells of their kinds, another may change.

    Memory grows with the column: 8 bytes a number, or the texts.
    """

    def __init__(self) -> None:
        self._kinds: set[type] = set()
        self._chunks: list[pa.Array] = []

    @property
    def empty(self) -> bool:
        """No cell had a value."""
        return not self._kinds

    def append(self, cells: Sequence[Any]) -> None:
        """The next cells; ``''`` is an empty one."""
        import pyarrow as pa

        values = [None if cell == "" else cell for cell in cells]
        kinds = set(map(type, values)) - {type(None)}
        self._kinds |= kinds
        kind = _arrow(kinds) or pa.string()
        if pa.types.is_string(kind) and kinds != {str}:
            values = _texts(values)
        elif kinds == {date, datetime}:
            # A moment at midnight comes as a date.
            values = [datetime(*v.timetuple()[:3]) if type(v) is date else v for v in values]
        self._chunks.append(pa.array(values, kind))

    def extend(self, other: ColumnBuilder) -> None:
        """The cells of another column below these."""
        self._kinds |= other._kinds
        self._chunks += other._chunks

    def build(self) -> tuple[str, pa.ChunkedArray]:
        """The type that the column declares, ``''`` for text, and its values."""
        import pyarrow as pa
        import pyarrow.compute as pc

        kind = _arrow(self._kinds) or pa.string()
        if pa.types.is_string(kind):
            return "", pa.chunked_array([_as_text(chunk) for chunk in self._chunks], kind)
        column = pa.chunked_array([chunk.cast(kind) for chunk in self._chunks], kind)
        if not pa.types.is_floating(kind):
            return _DECLARED[str(kind)], column
        least, most = pc.min_max(column).as_py().values()
        whole = pc.all(pc.equal(pc.floor(column), column)).as_py()
        if not whole or max(-least, most) > EXACT:
            return "DOUBLE", column
        if least >= -(2**31) and most < 2**31:
            return "INTEGER", column.cast(pa.int32())
        return "BIGINT", column.cast(pa.int64())


_DECLARED = {
    "bool": "BOOLEAN",
    "date32[day]": "DATE",
    "timestamp[us]": "TIMESTAMP",
    "time64[us]": "TIME",
}


def _arrow(kinds: set[type]) -> pa.DataType | None:
    """The Arrow type of cells of these kinds; text where they are mixed, None without any."""
    import pyarrow as pa

    if not kinds:
        return None
    for some, kind in (
        ({int, float}, pa.float64()),
        ({bool}, pa.bool_()),
        ({date}, pa.date32()),
        ({date, datetime}, pa.timestamp("us")),
        ({time}, pa.time64("us")),
    ):
        if kinds <= some:
            return kind
    return pa.string()


def _texts(values: Sequence[Any]) -> list[str | None]:
    return [None if value is None else shown(value) for value in values]


def _as_text(chunk: pa.Array) -> pa.Array:
    import pyarrow as pa

    if pa.types.is_string(chunk.type):
        return chunk
    return pa.array(_texts(chunk.to_pylist()), pa.string())
