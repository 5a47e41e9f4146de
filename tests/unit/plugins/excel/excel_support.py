"""Workbooks made by openpyxl or by hand, and opening them without a pipeline file."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl

from lakefall.contract.configuration import CacheSettings, Engine, PipelineConfig, Use
from lakefall.contract.plugin import Stage
from lakefall.contract.run import Run
from lakefall.contract.values import (
    Column,
    LocalFile,
    Records,
    SourceFile,
    TableState,
    from_json,
    to_json,
)
from lakefall.plugin_loading.pipeline import Pipeline
from lakefall.tabular.conservation import opened
from lakefall.tabular.places import LineMap
from lakefall_plugins.formats.excel.options import Workbook
from lakefall_plugins.formats.excel.plugins import ExcelReader, ExcelSniffer

WHEN = datetime(2024, 5, 6, tzinfo=UTC)
FILES = Path(__file__).parent / "files"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
IDS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def book(path: Path, **sheets: Iterable[Sequence[Any]]) -> Path:
    """A workbook of plain sheets."""
    made = openpyxl.Workbook()
    made.remove(made.active)
    for name, rows in sheets.items():
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(row)
    made.save(path)
    return path


def raw_book(path: Path, sheet: str) -> Path:
    """An ``.xlsx`` file with the XML of its only sheet as given."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{MAIN}" xmlns:r="{IDS}"><sheets>'
            '<sheet name="Raw" sheetId="1" r:id="rId1"/></sheets></workbook>',
        )
        for part, kind, target in (
            ("_rels/.rels", "officeDocument", "xl/workbook.xml"),
            ("xl/_rels/workbook.xml.rels", "worksheet", "worksheets/one.xml"),
        ):
            archive.writestr(
                part,
                f'<Relationships xmlns="{PACKAGE}"><Relationship Id="rId1" Type="{IDS}/{kind}" '
                f'Target="{target}"/></Relationships>',
            )
        archive.writestr("xl/worksheets/one.xml", sheet)
    return path


def select(relation: str) -> list[tuple[Any, ...]]:
    import duckdb

    return duckdb.sql(f"SELECT * FROM {relation}").fetchall()


@dataclass(frozen=True)
class Opened:
    """A workbook as its reader gives it."""

    format: Workbook
    records: Records

    @property
    def columns(self) -> dict[str, str]:
        return {column.name: column.type for column in self.records.columns}

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        return select(self.records.sql)

    @property
    def skipped(self) -> dict[str, int]:
        return {each.rule: each.lines for each in self.records.skipped}

    @property
    def rejects(self) -> list[tuple[Any, ...]]:
        if self.records.rejects is None:
            return []
        return select(f"'{self.records.rejects}'")

    def places(self) -> list[str]:
        lines = LineMap.load(self.records.places)
        return [lines.words(row) for row in range(self.records.rows_good)]


def open_book(path: Path, *, table: Sequence[str] = (), **options: Any) -> Opened:
    """Sniff and open; the format travels as JSON in between."""
    work = Path(tempfile.mkdtemp(dir=path.parent))
    uses: dict[Stage, tuple[Use, ...]] = dict.fromkeys(Stage, ())
    for stage, plugin, given in (
        (Stage.SNIFFER, ExcelSniffer, options),
        (Stage.READER, ExcelReader, {}),
    ):
        chosen = plugin.options_model.model_validate(given)
        uses[stage] = (Use(stage, "excel", "excel", lambda plugin=plugin: plugin, chosen),)
    cache = CacheSettings(work / "cache", 10**9)
    config = PipelineConfig(work / "p.yaml", "p", uses, Engine(2), cache, None, (), {}, "")
    run = Run(Pipeline(config, lambda _: config), "run-1", WHEN, work / "scratch")
    size = path.stat().st_size
    local = LocalFile(SourceFile(f"t/{path.name}", "e1", size, WHEN, "t", "t"), path, size)
    state = TableState("t", tuple(Column(n, n, "VARCHAR", True) for n in table)) if table else None
    found = run.pipeline.sniff(run, local, state)
    assert isinstance(found, Workbook)
    found = from_json(Workbook, to_json(found))
    return Opened(found, opened(run, local, found))
