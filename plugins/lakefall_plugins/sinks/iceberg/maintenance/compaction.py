"""Which data files are merged, and their rows written anew, those of one key together.

The key is the column by which rows are replaced later: ``_source_file`` in tables that files feed.
All rows of a key go into one group, and a key that has enough of them for data files of its own
shares none with another: so replacing a key touches one shared data file at most.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakefall.contract.errors import ConservationError

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.manifest import DataFile

    from lakefall_plugins.sinks.iceberg.reading import Part, Reader
    from lakefall_plugins.sinks.iceberg.writing import Writer

_SORTED_BYTES = 128 << 20
"""Of rows in memory: a small data file whose keys lie scattered is put in order up to this."""


@dataclass(frozen=True, slots=True)
class Group:
    """Data files whose rows become one data file, or several of one key."""

    parts: tuple[Part, ...]
    rolls: bool = False
    """They hold one key's rows, which may fill several data files."""

    @property
    def size(self) -> int:
        return sum(p.file.file_size_in_bytes for p in self.parts)

    def files_after(self, target: int) -> int:
        """How many data files they will become, as far as their sizes tell."""
        return max(1, -(-self.size // target)) if self.rolls else 1


@dataclass(frozen=True, slots=True)
class _Item:
    """Small data files that stay together."""

    least: str
    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        return sum(p.file.file_size_in_bytes for p in self.parts)


def plan(parts: Iterable[Part], key: str, small: int, target: int) -> list[Group]:
    """Groups of data files below ``small`` bytes, each group of about ``target`` bytes.

    Data files from which rows were deleted are written anew whatever their size.
    """
    total: Counter[str] = Counter()
    for part in (parts := [p for p in parts if p.file.file_format.name == "PARQUET"]):
        if (value := part.constant(key)) is not None:
            total[value] += part.file.file_size_in_bytes
    groups: list[Group] = []
    own: dict[str, list[Part]] = defaultdict(list)
    shared: dict[str, list[Part]] = defaultdict(list)
    mixed: list[_Item] = []
    strange: list[Part] = []
    for part in parts:
        value, bounds = part.constant(key), part.bounds[key]
        if value is not None and total[value] >= small:
            own[value].append(part)
        elif part.file.file_size_in_bytes >= small:
            groups += [Group((part,))] if part.deletes else []
        elif value is not None:
            shared[value].append(part)
        elif bounds is not None:
            mixed.append(_Item(bounds[0], (part,)))
        else:
            # Rows without a key, or of unknown ones: kept apart from those that can be told.
            strange.append(part)
    for found in own.values():
        groups += _worth(_merged_alone(found, small), rolls=True)
    items = [*mixed, *(_Item(value, tuple(found)) for value, found in shared.items())]
    for some in _packed(sorted(items, key=lambda i: (i.least, -i.size)), target):
        groups += _worth([p for item in some for p in item.parts])
    for some in _packed([_Item("", (p,)) for p in strange], target):
        groups += _worth([p for item in some for p in item.parts])
    return groups


def _merged_alone(parts: Sequence[Part], small: int) -> list[Part]:
    return [p for p in parts if p.deletes or p.file.file_size_in_bytes < small]


def _packed(items: Iterable[_Item], target: int) -> Iterator[list[_Item]]:
    """Items in their order, as many together as have room."""
    some: list[_Item] = []
    size = 0
    for item in items:
        if some and size + item.size > target:
            yield some
            some, size = [], 0
        some.append(item)
        size += item.size
    if some:
        yield some


def _worth(parts: Sequence[Part], *, rolls: bool = False) -> list[Group]:
    """The parts as a group, without those twice as large as all others together; none of one part.

    So a row is written anew each time its data file has grown by half, not with each maintenance.
    """
    chosen = sorted(parts, key=lambda p: p.file.file_size_in_bytes)
    others = sum(p.file.file_size_in_bytes for p in parts)
    while chosen and not chosen[-1].deletes:
        others -= chosen[-1].file.file_size_in_bytes
        if chosen[-1].file.file_size_in_bytes <= 2 * others:
            break
        chosen.pop()
    merged = {p.identity for p in chosen}
    kept = [p for p in parts if p.deletes or p.identity in merged]
    if len(kept) > 1 or any(p.deletes for p in kept):
        return [Group(tuple(kept), rolls)]
    return []


def rewrite(
    group: Group, reader: Reader, writer: Writer, key: str, *, in_order: bool = True
) -> list[DataFile]:
    """Write a group's rows; the new data files.

    ``in_order`` puts the rows of each key together.

    Raises:
        ConservationError: not every row arrived.
    """
    try:
        for part in group.parts:
            rows = _in_order(reader, part, key) if in_order else reader.batches(part)
            for batch in rows:
                if batch is None:
                    writer.cut()
                else:
                    writer.write(batch)
        files = writer.close()
    except BaseException:
        writer.abandon()
        raise
    expected = sum(p.file.record_count - len(reader.deleted(p)) for p in group.parts)
    written = sum(f.record_count for f in files)
    if written != expected:
        raise ConservationError(
            f"{len(group.parts)} data files hold {expected:,} rows, but {written:,} were written; "
            "nothing was changed"
        )
    return files


def _in_order(reader: Reader, part: Part, key: str) -> Iterator[pa.RecordBatch | None]:
    """A data file's rows, those of one key after another, with None where a key ends."""
    if part.constant(key) is not None:
        yield from reader.batches(part)
        yield None
        return
    batches = reader.batches(part)
    if not _is_clustered(reader, part, key):
        batches = _sorted(batches, key)
    last: object = _runs
    for batch in batches:
        begin = 0
        for value, end in _runs(batch.column(key)):
            if value != last:
                yield None
            yield batch.slice(begin, end - begin)
            begin, last = end, value
    yield None


def _is_clustered(reader: Reader, part: Part, key: str) -> bool:
    """Whether each key's rows lie together."""
    seen: set[object] = set()
    last: object = _runs
    for batch in reader.batches(part, (key,)):
        for value, _ in _runs(batch.column(key)):
            if value == last:
                continue
            if value in seen:
                return False
            seen.add(value)
            last = value
    return True


def _runs(column: pa.Array) -> list[tuple[str | None, int]]:
    """Each value that differs from the one before, and where its rows end."""
    import pyarrow.compute as pc

    found = pc.run_end_encode(column)
    return list(zip(found.values.to_pylist(), found.run_ends.to_pylist(), strict=True))


def _sorted(batches: Iterator[pa.RecordBatch], key: str) -> Iterator[pa.RecordBatch]:
    """Rows by key, where they fit into memory; else as they come."""
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(b.nbytes for b in held) > _SORTED_BYTES:
            yield from held
            yield from batches
            return
    yield from pa.Table.from_batches(held).sort_by(key).to_batches() if held else ()
