"""Opening JSON files without a pipeline file, and CPython's json module as the oracle."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lakefall.contract.configuration import Engine
from lakefall.contract.plugin import HeaderLimits
from lakefall.contract.run import Run
from lakefall.contract.values import LocalFile, Records, SourceFile
from lakefall.tabular.conservation import opened
from lakefall.tabular.places import LineMap
from lakefall_plugins.formats.jsonl.format import (
    JsonlReaderOptions,
    JsonlSnifferOptions,
    JsonObjects,
)
from lakefall_plugins.formats.jsonl.reader import JsonlReader
from lakefall_plugins.formats.jsonl.sniffer import JsonlSniffer

WHEN = datetime(2024, 5, 6, tzinfo=UTC)


@dataclass
class Opened:
    records: Records
    rows: list[dict[str, Any]]
    """Of each row what is not NULL."""
    lines: list[int]
    rejects: list[tuple[int, str, str]]
    """Line, reason, text."""

    @property
    def types(self) -> dict[str, str]:
        return {column.name: column.type for column in self.records.columns}


class Pipeline(SimpleNamespace):
    """What opening a file needs of a pipeline."""

    def open(self, run: Run, local: LocalFile, format: JsonObjects, quick: bool) -> Records:
        return JsonlReader(JsonlReaderOptions(**self.options)).open(run, local, format, quick)


def write(folder: Path, data: bytes | str, name: str = "file.jsonl") -> LocalFile:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    size = path.stat().st_size
    return LocalFile(SourceFile(f"t/{name}", "e1", size, WHEN, "t", "t"), path, size)


def sniff(local: LocalFile) -> JsonObjects | None:
    return JsonlSniffer(JsonlSnifferOptions()).sniff(None, local, None)  # type: ignore[arg-type]


def read(
    folder: Path, data: bytes | str, layout: str = "", columns: int = 20_000, **options: Any
) -> Opened:
    """Sniff, open and read a file; the core's own proof included."""
    import duckdb

    local = write(folder, data)
    format = JsonObjects(layout) if layout else sniff(local)
    assert format is not None
    config = SimpleNamespace(engine=Engine(threads=2))
    pipeline: Any = Pipeline(
        config=config,
        max_rejected=1.0,
        header_limits=HeaderLimits(columns),
        nulled_limit=None,
        options=options,
    )
    run = Run(pipeline, "run-1", WHEN, folder / "scratch")
    records = opened(run, local, format)
    with duckdb.connect() as connection:
        rows = connection.execute(f"SELECT * FROM {records.sql}").fetchall()
        rejects = []
        if records.rejects is not None:
            rejects = connection.execute(
                f"SELECT line, reason, text FROM read_parquet('{records.rejects}')"
            ).fetchall()
    assert len(rows) == records.rows_good
    names = records.header
    cells = [{n: v for n, v in zip(names, row, strict=True) if v is not None} for row in rows]
    places = LineMap.load(records.places)
    return Opened(records, cells, [places.line(n) for n in range(len(rows))], rejects)


class Pairs(list[Any]):
    """An object of the oracle."""


class Number(str):
    """A number of the oracle, as it is written."""


def oracle(text: str) -> dict[str, Any] | None:
    """The values of a line that is an object; None where it is none, or has a key twice."""

    def refuse(_: str) -> None:
        raise ValueError

    try:
        value = json.loads(
            text,
            object_pairs_hook=Pairs,
            parse_int=Number,
            parse_float=Number,
            parse_constant=refuse,
        )
        json.dumps(value).encode("ascii")
        if any(0xD800 <= ord(c) <= 0xDFFF for c in repr_all(value)):
            return None
    except ValueError:
        return None
    if not isinstance(value, Pairs) or len({key for key, _ in value}) != len(value):
        return None
    return dict(value)


def repr_all(value: Any) -> str:
    """All text in a value."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return "".join(map(repr_all, value))
    return ""
