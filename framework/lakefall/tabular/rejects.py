"""The rejects of one file as Parquet: what did not reach the table, where and why."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

DAMAGED = re.compile("[\ud800-\udfff]")
"""Lone surrogates: bytes that do not decode, and halves of pairs."""
MAX_TEXT = 10_000
"""Characters of a reject's text that are kept; the line says where the rest is."""
TOLD_LINES = 10
"""Lines that a warning names; the rejects themselves hold all."""
TOLD_COLUMNS, TOLD_VALUES, TOLD_TEXT = 3, 3, 40
"""Of cells that became NULL: columns, values of each, and characters of a value."""
FLUSH_ROWS = 10_000
FLUSH_CHARACTERS = 4 << 20


def visible(text: str) -> str:
    """Text that any file can hold: undecodable bytes as ``\\x80``, lone surrogates escaped."""
    if not DAMAGED.search(text):
        return text
    return "".join(_show(c) if "\ud800" <= c <= "\udfff" else c for c in text)


def _show(char: str) -> str:
    code = ord(char)
    return f"\\x{code - 0xDC00:02x}" if 0xDC00 <= code <= 0xDCFF else f"\\u{code:04x}"


def bounded(text: str) -> str:
    """The text, cut where it is long, in characters that any file can hold."""
    if len(text) > MAX_TEXT:
        return f"{visible(text[:MAX_TEXT])}… ({len(text) - MAX_TEXT:,} more)"
    return visible(text)


def reject_schema() -> pa.Schema:
    """The columns of ``model.Reject``."""
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("line", pa.int64(), nullable=False),
            pa.field("column", pa.string(), nullable=False),
            pa.field("reason", pa.string(), nullable=False),
            pa.field("text", pa.string(), nullable=False),
        ]
    )


class RejectWriter:
    """Appends rejects to a Parquet file, which exists only once there is one.

    Memory is bounded by ``FLUSH_ROWS`` and ``FLUSH_CHARACTERS``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._rows: list[tuple[int, str, str, str]] = []
        self._characters = 0
        self._writer: Any = None

    @property
    def result(self) -> Path | None:
        """The file, or None when nothing was rejected."""
        return self.path if self.count else None

    def __enter__(self) -> RejectWriter:
        self.path.unlink(missing_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._flush()
        finally:
            if self._writer is not None:
                self._writer.close()

    def append(self, line: int, column: str, reason: str, text: str) -> None:
        """One reject; the text is cut to ``MAX_TEXT``."""
        text = bounded(text)
        self._rows.append((line, column, reason, text))
        self.count += 1
        self._characters += len(text)
        if len(self._rows) >= FLUSH_ROWS or self._characters >= FLUSH_CHARACTERS:
            self._flush()

    def extend(self, columns: Sequence[Any]) -> None:
        """Many rejects as four Arrow arrays: line, column, reason, text (already cut)."""
        import pyarrow as pa

        if len(columns[0]):
            self._flush()
            self._write(pa.RecordBatch.from_arrays(list(columns), schema=reject_schema()))
            self.count += len(columns[0])

    def copy(self, source: Path, member: str = "") -> None:
        """All rejects of another file, which are about this member of an archive."""
        import pyarrow.parquet as pq

        with pq.ParquetFile(source) as file:
            for batch in file.iter_batches(FLUSH_ROWS):
                line, column, reason, text = (batch.column(n) for n in batch.schema.names)
                self.extend([line, column, with_prefix(member, reason), text])

    def _flush(self) -> None:
        if not self._rows:
            return
        import pyarrow as pa

        schema = reject_schema()
        arrays = [
            pa.array(values, field.type)
            for values, field in zip(zip(*self._rows, strict=True), schema, strict=True)
        ]
        self._write(pa.RecordBatch.from_arrays(arrays, schema=schema))
        self._rows = []
        self._characters = 0

    def _write(self, batch: pa.RecordBatch) -> None:
        import pyarrow.parquet as pq

        if self._writer is None:
            self._writer = pq.ParquetWriter(self.path, batch.schema, compression="zstd")
        self._writer.write_batch(batch)


def merge(path: Path, sources: Sequence[Path]) -> Path | None:
    """The rejects of several files in one; None where there are none."""
    with RejectWriter(path) as rejects:
        for source in sources:
            rejects.copy(source)
    return rejects.result


def with_prefix(prefix: Any, reasons: Any) -> Any:
    """Reasons, an Arrow array of text, each behind the part of the file that it is about.

    Args:
        prefix: a text, an Arrow array of texts, or None or ``''`` for none.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    reasons = reasons.cast(pa.string())
    if prefix is None or (isinstance(prefix, str) and not prefix):
        return reasons
    return pc.binary_join_element_wise(prefix, reasons, ": ")


def warning(path: Path | None, records: int, cells: int, member: str = "") -> tuple[str, ...]:
    """What a person should know about a file's rejects: how many, and the first lines of them."""
    if path is None:
        return ()
    parts = [f"{records:,} records rejected"] if records else []
    parts += [f"{cells:,} values became NULL"] if cells else []
    first, more = _first_lines(path)
    lines = ", ".join(map(str, first)) + (", ..." if more else "")
    where = f"{member}: " if member else ""
    return (f"{where}{' and '.join(parts)}, on lines {lines}; `lakefall rejects` shows them",)


def lost_values(path: Path | None, table: str, member: str = "") -> tuple[str, ...]:
    """What became NULL, by column: how many values, the first of them, and how to keep them."""
    where = f"{member}: " if member else ""
    told: list[str] = []
    lost = {} if path is None else _lost_values(path)
    for column, (count, reason, shown) in list(lost.items())[:TOLD_COLUMNS]:
        such = ", ".join(f"{text!r} on line {line}" for line, text in shown)
        told.append(
            f"{where}column {column!r}: {count:,} {'value is' if count == 1 else 'values are'} "
            f"{reason} and became NULL ({such}); to keep them as text: `lakefall rebuild PIPELINE "
            f"{table} --set type_inferer.columns.{column}=varchar`"
        )
    return tuple(told)


def _lost_values(path: Path) -> dict[str, tuple[int, str, list[tuple[int, str]]]]:
    """By column how many cells became NULL, why, and the first of them with their lines."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    counts: dict[str, int] = {}
    first: dict[str, tuple[str, list[tuple[int, str]]]] = {}
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=["line", "column", "reason", "text"]):
            cells = batch.filter(pc.not_equal(batch.column("column"), ""))
            for each in pc.value_counts(cells.column("column")).to_pylist():
                name = each["values"]
                counts[name] = counts.get(name, 0) + each["counts"]
                reason, shown = first.setdefault(name, ("", []))
                if len(shown) < TOLD_VALUES:
                    its = cells.filter(pc.equal(cells.column("column"), name))
                    rows = its.slice(0, TOLD_VALUES - len(shown)).to_pylist()
                    shown += [(r["line"], str(r["text"])[:TOLD_TEXT]) for r in rows]
                    first[name] = (reason or str(rows[0]["reason"]), shown)
    return {name: (count, *first[name]) for name, count in counts.items()}


def _first_lines(path: Path) -> tuple[list[int], bool]:
    """The first distinct lines in order, and whether there are more."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    found: set[int] = set()
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=["line"]):
            distinct = pc.unique(batch.column("line")).sort()[: TOLD_LINES + 1].to_pylist()
            found = set(sorted(found | set(distinct))[: TOLD_LINES + 1])
    lines = sorted(found)
    return lines[:TOLD_LINES], len(lines) > TOLD_LINES
