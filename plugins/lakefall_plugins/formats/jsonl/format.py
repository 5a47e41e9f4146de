"""How a file of JSON objects is written, and the options of its sniffer and reader."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field

from lakefall.common.sql import literal
from lakefall.contract.plugin import ReaderOptions, SnifferOptions
from lakefall.contract.values import Format

LAYOUTS = {
    "lines": "one object a line",
    "array": "one array of objects",
    "objects": "objects over several lines",
}


class JsonlSnifferOptions(SnifferOptions):
    """The sniffer of JSON lines has no options."""

    reader: ClassVar[str] = "jsonl"
    patterns: ClassVar[tuple[str, ...]] = ("*.jsonl", "*.ndjson", "*.json")


class JsonlReaderOptions(ReaderOptions):
    """How objects become rows."""

    flatten: int = Field(default=0, ge=0, le=100)
    """Levels of objects inside an object whose keys become columns (``a.b``). Objects further
    down, and arrays, are one column of type JSON with their text as it stands in the file."""
    infer_strings: bool = True
    """Whether the type of a column of strings is inferred, as that of CSV cells is; otherwise it
    is VARCHAR."""


@dataclass(frozen=True, slots=True)
class JsonObjects(Format):
    """A text file of JSON objects (RFC 8259)."""

    reader: ClassVar[str] = "jsonl"

    layout: str
    """One of ``LAYOUTS``."""
    encoding: str = "utf-8"
    """``utf-8``, or ``utf-8-sig`` with a byte order mark."""
    confidence: float = 1.0
    evidence: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    """The columns' names, once the file was opened."""
    quoted: frozenset[int] = frozenset()
    """Positions of columns with strings, which the cells have without quotes."""

    def describe(self) -> str:
        return f"JSON, {LAYOUTS[self.layout]}, {self.encoding}"

    def fields(self) -> dict[str, Any]:
        return {
            "format": self.reader,
            "layout": self.layout,
            "encoding": self.encoding,
            "confidence": round(self.confidence, 4),
        }

    def record_text(self, columns: Sequence[str]) -> str:
        """SQL of the object without its nulls, one level deep."""
        members = []
        for position, (name, column) in enumerate(zip(self.names, columns, strict=True)):
            text = f"CAST({column} AS VARCHAR)"
            text = f"to_json({text})::VARCHAR" if position in self.quoted else text
            key = literal(json.dumps(name, ensure_ascii=False) + ": ")
            members.append(f"CASE WHEN {column} IS NOT NULL THEN {key} || {text} END")
        return f"'{{' || concat_ws(', ', {', '.join(members)}) || '}}'"
