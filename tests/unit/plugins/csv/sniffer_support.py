"""Sniffing texts without a pipeline."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lakefall.contract.values import LocalFile, SourceFile
from lakefall_plugins.formats.csv.dialect import Dialect
from lakefall_plugins.formats.csv.options import CsvSnifferOptions
from lakefall_plugins.formats.csv.sniffer import CsvSniffer
from lakefall_plugins.formats.csv.sniffing.dialect import detect

RUN: Any = None
"""Sniffing needs nothing of the run."""


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "file.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def sniff(folder: Path, text: str | bytes, known: tuple[str, ...] = (), **options: Any) -> Dialect:
    """The dialect of a text, which is left in ``file.csv``."""
    return detect(write(folder, text), CsvSnifferOptions.model_validate(options), known)


def local(folder: Path, text: str) -> LocalFile:
    path = folder / "cached"
    path.write_text(text)
    modified = datetime(2024, 1, 1, tzinfo=UTC)
    return LocalFile(SourceFile("orders/a.csv", "e", 1, modified, "orders", "orders"), path, 1)


def sniffer(**options: object) -> CsvSniffer:
    return CsvSniffer(CsvSnifferOptions.model_validate(options))
