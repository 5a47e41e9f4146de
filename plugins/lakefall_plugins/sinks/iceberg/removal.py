"""Which data files lose rows, and what is left of those that hold other rows too.

A data file whose bounds say that all of it goes is removed without being read. Of one that may
hold other rows the deciding columns are read first; only if rows do go, the others are written
into a data file of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from lakefall_plugins.sinks.iceberg.reading import Reader, Wanted
from lakefall_plugins.sinks.iceberg.survey import Part, at_once
from lakefall_plugins.sinks.iceberg.writing import Writer

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from lakefall_plugins.sinks.iceberg.publish import Publication


class Doomed(Protocol):
    """Which rows go. Equal ones mean the same rows."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Text and other columns that decide; the first one is the key."""

    @property
    def keys(self) -> frozenset[str]:
        """Keys of rows that may go."""

    def takes_all(self, part: Part) -> bool:
        """Whether every row of a data file goes, as far as its bounds tell."""

    def mask(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        """True for each row that goes; False, never NULL, for the others."""


@dataclass(frozen=True, slots=True)
class OfKeys:
    """Every row whose ``column`` is one of ``keys``."""

    column: str
    keys: frozenset[str]

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def takes_all(self, part: Part) -> bool:
        return part.constant(self.column) in self.keys

    def mask(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        import pyarrow as pa
        import pyarrow.compute as pc

        keys = batch.column(self.column)
        return pc.is_in(keys, pa.array(sorted(self.keys), keys.type))


@dataclass(frozen=True, slots=True)
class Removal:
    """Rows that go: the data files that hold them, and what stays of those."""

    files: Sequence[DataFile] = ()
    rest: Sequence[DataFile] = ()
    """New data files with the rows of ``files`` that stay."""
    gone: Counter[str] = field(default_factory=Counter)
    """Rows that go, by key."""

    def __bool__(self) -> bool:
        return bool(self.files)


def removal_of(
    publication: Publication, table: Table, parts: Iterable[Part], doomed: Doomed
) -> Removal:
    """Remove the doomed rows of a table.

    What an earlier attempt of the same load wrote is used again.
    """
    reader = Reader.of(table)
    files: list[DataFile] = []
    rest: list[DataFile] = []
    gone: Counter[str] = Counter()
    key = doomed.columns[0]
    touched: list[Part] = []
    for part in parts:
        value = part.constant(key)
        if doomed.takes_all(part) and value is not None and not part.deletes:
            files.append(part.file)
            gone[value] += part.file.record_count
        elif part.may_hold_any(key, doomed.keys):
            touched.append(part)
    counts = at_once(lambda part: _count(reader, part, doomed), touched)
    for part, found in zip(touched, counts, strict=True):
        if not found and not doomed.takes_all(part):
            continue
        files.append(part.file)
        gone.update(found)
        if not doomed.takes_all(part):
            rest += _carve(publication, table, reader, part, doomed)
    return Removal(files, rest, gone)


def _count(reader: Reader, part: Part, doomed: Doomed) -> Counter[str]:
    """Rows of a data file that go, by key."""
    counts: Counter[str] = Counter()
    key = doomed.columns[0]
    for batch in reader.batches(part, doomed.columns, Wanted(key, doomed.keys)):
        going = batch.column(key).filter(doomed.mask(batch))
        for pair in going.value_counts().to_pylist():
            counts[pair["values"]] += pair["counts"]
    return counts


def _carve(
    publication: Publication, table: Table, reader: Reader, part: Part, doomed: Doomed
) -> Sequence[DataFile]:
    """The rows of a data file that stay, in a new one."""
    import pyarrow.compute as pc

    name = (part.identity, doomed)
    if name not in publication.carved:
        writer = Writer(publication, table.metadata, table.io, doomed.columns[0])
        try:
            for batch in reader.batches(part):
                writer.write(batch.filter(pc.invert(doomed.mask(batch))))
            publication.carved[name] = writer.close()
        except BaseException:
            writer.abandon()
            raise
    return publication.carved[name]
