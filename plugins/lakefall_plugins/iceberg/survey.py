"""Which data files hold whose rows, told by their column bounds where possible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from lakefall_plugins.iceberg.catalog import Lake


@dataclass(frozen=True, slots=True)
class Part:
    """One data file of the current snapshot."""

    file: DataFile
    rows: int
    """0 when delete files take rows from it: then it has to be read."""
    bounds: Mapping[str, tuple[str, str] | None]
    """Least and greatest text of the columns asked for; None where it is not known."""

    def constant(self, column: str) -> str | None:
        """The column's one value in this data file; None where it is not known to have one."""
        bounds = self.bounds[column]
        if self.rows == 0 or bounds is None or bounds[0] != bounds[1]:
            return None
        return bounds[0]

    def may_hold(self, column: str, value: str) -> bool:
        """Whether rows with that value may be in this data file."""
        bounds = self.bounds[column]
        return bounds is None or bounds[0] <= value <= bounds[1]


def survey(lake: Lake, table: Table, columns: Sequence[str]) -> list[Part]:
    """The data files of a table with the bounds of some text columns. Reads manifests only."""
    schema = table.schema()
    ids = {c: schema.find_field(c).field_id for c in columns if c in schema.column_names}
    return [
        Part(
            file,
            0 if has_deletes else file.record_count,
            {c: _bounds(file, ids.get(c)) for c in columns},
        )
        for file, has_deletes in lake.manifests.files(table)
    ]


def _bounds(file: DataFile, field_id: int | None) -> tuple[str, str] | None:
    if field_id is None or (file.null_value_counts or {}).get(field_id) != 0:
        return None
    low, high = (file.lower_bounds or {}).get(field_id), (file.upper_bounds or {}).get(field_id)
    if low is None or high is None:
        return None
    return low.decode("utf-8", "replace"), high.decode("utf-8", "replace")


def rows_by(table: Table, parts: Iterable[Part], column: str) -> Counter[str]:
    """How many rows each value of the column has; data is read only where bounds do not tell."""
    counts: Counter[str] = Counter()
    for part in parts:
        value = part.constant(column)
        if value is None:
            return _read_counts(table, column)
        counts[value] += part.rows
    return counts


def _read_counts(table: Table, column: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for batch in table.scan(selected_fields=(column,)).to_arrow_batch_reader():
        for pair in batch.column(0).value_counts().to_pylist():
            if pair["values"] is not None:
                counts[pair["values"]] += pair["counts"]
    return counts
