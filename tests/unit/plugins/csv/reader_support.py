"""Opening files without a pipeline file, and CPython's csv module as the oracle."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from pkgutil import resolve_name
from types import SimpleNamespace
from typing import Any

from lakefall.contract.configuration import Engine
from lakefall.contract.plugin import HeaderLimits
from lakefall.contract.run import Run
from lakefall.contract.types import TypeCandidate, TypeSettings
from lakefall.contract.validation import Violation
from lakefall.contract.values import (
    Converted,
    LocalFile,
    PlannedColumn,
    Records,
    Reject,
    Schema,
    SourceFile,
    TablePlan,
)
from lakefall.tabular.conservation import opened
from lakefall.tabular.conversion import convert
from lakefall.tabular.places import LineMap
from lakefall_plugins.catalogue import BUILTINS
from lakefall_plugins.formats.csv.dialect import Dialect
from lakefall_plugins.formats.csv.reader import CsvReader, CsvReaderOptions

WHEN = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
ENGINE = Engine(threads=2)


def dialect(**options: Any) -> Dialect:
    given = {
        "delimiter": ",",
        "quotechar": '"',
        "escapechar": "",
        "encoding": "utf-8",
        "has_header": True,
        "line_terminator": "\n",
    }
    return Dialect(**{**given, **options})


def make_run(folder: Path, pipeline: Any = None, max_rejected: float = 1.0) -> Run:
    pipeline = pipeline or SimpleNamespace(config=SimpleNamespace(engine=ENGINE))
    pipeline.max_rejected = max_rejected
    pipeline.header_limits = HeaderLimits()
    return Run(pipeline, "run-1", WHEN, folder / "scratch")


def local_file(path: Path) -> LocalFile:
    size = path.stat().st_size
    source = SourceFile(f"t/{path.name}", "e1", size, WHEN, "t", "t")
    return LocalFile(source, path, size)


def _made(plugin: str, options: str) -> Any:
    model = resolve_name(options)() if options else None
    made = resolve_name(plugin)
    return made(model or made.options_model())


@dataclass
class Opened:
    records: Records
    rows: list[tuple[str | None, ...]]
    lines: list[int]
    rejects: list[Reject] = field(default_factory=list)

    @property
    def plain(self) -> bool:
        return "copy.csv" not in self.records.sql

    @property
    def reasons(self) -> list[tuple[int, str]]:
        return [(reject.line, reject.reason) for reject in self.rejects]


class FakePipeline:
    """The real type plugins, without a pipeline file."""

    def __init__(
        self, null_values: tuple[str, ...] = ("", "NULL", "null", "\\N"), validator: Any = None
    ) -> None:
        self.config = SimpleNamespace(engine=ENGINE)
        self.transliterate = True
        self.nulled_limit = None
        self.types = [_made(*places) for stage, _, *places in BUILTINS if stage == "type"]
        self.has_validators = validator is not None
        self._validator = validator
        self.settings = TypeSettings(null_values=null_values)
        self.on_misfit_option = "null"

    def on_misfit(self, reader: str) -> str:
        assert reader == "csv"
        return self.on_misfit_option

    def convert(self, *_: Any) -> None:
        return None

    def type_for(self, name: str, layout: str, settings: TypeSettings) -> TypeCandidate:
        found = (plugin.for_type(name, layout, settings) for plugin in self.types)
        return next(candidate for candidate in found if candidate is not None)

    def validate(self, run: Run, batch: Any) -> list[Violation]:
        return list(self._validator(batch))


@dataclass
class Result:
    converted: Converted
    rows: list[dict[str, Any]]
    rejects: list[Reject]


def convert_bytes(
    data: bytes,
    folder: Path,
    columns: dict[str, str],
    *,
    pipeline: FakePipeline | None = None,
    found: Dialect | None = None,
    conflicts: dict[str, str] | None = None,
    max_rejected: float = 1.0,
    **options: Any,
) -> Result:
    """Open and convert. ``columns``: name -> type, or ``TYPE:format``."""
    import pyarrow.parquet as pq

    path = folder / "file.csv"
    path.write_bytes(data)
    pipeline = pipeline or FakePipeline()
    run = make_run(folder, pipeline, max_rejected)
    reader = CsvReader(CsvReaderOptions(**options))
    pipeline.on_misfit_option = reader.options.on_misfit
    pipeline.open = reader.open  # type: ignore[attr-defined]
    records = opened(run, local_file(path), found or dialect())
    planned = tuple(
        PlannedColumn(
            name,
            kind.partition(":")[0],
            kind.partition(":")[2],
            field_id=10 + number,
            on_misfit=(conflicts or {}).get(name, "null"),
        )
        for number, (name, kind) in enumerate(columns.items())
    )
    plan = TablePlan("t", True, planned, source_file_id=9001, ingested_at_id=9002)
    schema = Schema((), settings=pipeline.settings)
    converted = convert(run, records, plan, schema)
    rows = [row for path in converted.paths for row in pq.read_table(path).to_pylist()]
    assert converted.rows_loaded == len(rows)
    assert converted.rows_read == converted.rows_loaded + converted.rows_rejected
    rejects = read_rejects(converted.rejects)
    assert converted.rows_rejected == sum(not reject.column for reject in rejects)
    assert converted.cells_nulled == sum(bool(reject.column) for reject in rejects)
    for row in rows:
        assert row.pop("_source_file") == "t/file.csv"
        assert row.pop("_ingested_at") == converted.ingested_at.replace(tzinfo=None)
    return Result(converted, rows, rejects)


def read_rejects(path: Path | None) -> list[Reject]:
    if path is None:
        return []
    import pyarrow.parquet as pq

    return [Reject(**row) for row in pq.read_table(path).to_pylist()]


@cache
def _engine() -> Any:
    import duckdb

    return duckdb.connect()


def open_path(
    path: Path, folder: Path, found: Dialect, max_rejected: float = 1.0, **options: Any
) -> Opened:
    run = make_run(folder, max_rejected=max_rejected)
    reader = CsvReader(CsvReaderOptions(**options))
    run.pipeline.open = reader.open  # type: ignore[method-assign]
    records = opened(run, local_file(path), found)
    rows = _engine().cursor().execute(f"SELECT * FROM {records.sql}").fetchall()
    line_map = LineMap.load(records.places)
    lines = [line_map.line(number) for number in range(len(rows))]
    assert records.rows_read == records.rows_good + records.rows_rejected
    assert records.rows_good == len(rows)
    rejects = read_rejects(records.rejects)
    assert records.rows_rejected == len(rejects)
    return Opened(records, rows, lines, rejects)


def open_bytes(data: bytes, folder: Path, found: Dialect | None = None, **options: Any) -> Opened:
    path = folder / "file.csv"
    path.write_bytes(data)
    return open_path(path, folder, found or dialect(), **options)


def oracle(text: str, found: Dialect) -> list[tuple[int, list[str], str]]:
    """(first physical line, fields, raw text) of every record, blank lines included."""
    physical = io.StringIO(text, newline="").readlines()
    reader = csv.reader(
        physical,
        delimiter=found.delimiter or "\ud800",
        quotechar=found.quotechar or None,
        escapechar=found.escapechar or None,
        skipinitialspace=found.skip_initial_space,
        quoting=csv.QUOTE_MINIMAL if found.quotechar else csv.QUOTE_NONE,
    )
    found_rows, line = [], 0
    for row in reader:
        found_rows.append((line + 1, row, "".join(physical[line : reader.line_num])))
        line = reader.line_num
    return found_rows
