"""Which data files hold whose rows, told by their column bounds where possible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from lakefall_plugins.sinks.iceberg.reading import Reader

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from lakefall_plugins.sinks.iceberg.catalog import Lake

T = TypeVar("T")
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Part:
    """One data file of the current snapshot."""

    file: DataFile
    deletes: frozenset[DataFile]
    """Delete files that may take rows from it."""
    bounds: Mapping[str, tuple[str, str] | None]
    """Least and greatest text of the columns asked for; None where it is not known."""

    @property
    def identity(self) -> tuple[str, frozenset[str]]:
        """What its rows are told by: neither a data file nor a delete file ever changes."""
        return self.file.file_path, frozenset(d.file_path for d in self.deletes)

    def constant(self, column: str) -> str | None:
        """The column's one value in this data file; None where it is not known to have one."""
        bounds = self.bounds[column]
        if bounds is None or bounds[0] != bounds[1]:
            return None
        return bounds[0]

    def may_hold(self, column: str, value: str) -> bool:
        """Whether rows with that value may be in this data file."""
        bounds = self.bounds[column]
        return bounds is None or bounds[0] <= value <= bounds[1]

    def may_hold_any(self, column: str, values: Iterable[str]) -> bool:
        return any(self.may_hold(column, value) for value in values)


def survey(lake: Lake, table: Table, columns: Sequence[str]) -> list[Part]:
    """The data files of a table with the bounds of some text columns. Reads manifests only.

    Raises:
        TableError: the table has equality deletes.
    """
    schema = table.schema()
    ids = {c: schema.find_field(c).field_id for c in columns if c in schema.column_names}
    return [
        Part(file, deletes, {c: _bounds(file, ids.get(c)) for c in columns})
        for file, deletes in lake.manifests.files(table)
    ]


def _bounds(file: DataFile, field_id: int | None) -> tuple[str, str] | None:
    if field_id is None or (file.null_value_counts or {}).get(field_id) != 0:
        return None
    low, high = (file.lower_bounds or {}).get(field_id), (file.upper_bounds or {}).get(field_id)
    if low is None or high is None:
        return None
    return low.decode("utf-8", "replace"), high.decode("utf-8", "replace")


def rows_by(table: Table, parts: Iterable[Part], column: str) -> Counter[str]:
    """How many rows each value of the column has; data are read only where bounds do not tell."""
    counts: Counter[str] = Counter()
    unknown: list[Part] = []
    for part in parts:
        value = part.constant(column)
        if value is None or part.deletes:
            unknown.append(part)
        else:
            counts[value] += part.file.record_count
    reader = Reader.of(table)
    for found in at_once(lambda part: _counted(reader, part, column), unknown):
        counts.update(found)
    return counts


def _counted(reader: Reader, part: Part, column: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for batch in reader.batches(part, (column,)):
        for pair in batch.column(0).value_counts().to_pylist():
            if pair["values"] is not None:
                counts[pair["values"]] += pair["counts"]
    return counts


def at_once(work: Callable[[Part], T], parts: Sequence[Part]) -> list[T]:
    """What ``work`` answers for each of them; the storage is asked for several together."""
    if len(parts) < 2:
        return [work(part) for part in parts]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(work, parts))
