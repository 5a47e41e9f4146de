"""The sniffer ``csv``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lakefall.errors import LowConfidenceError, NoHeaderError
from lakefall.plugin import Plugin, Stage, hookimpl
from lakefall_plugins.csv.options import CsvSnifferOptions
from lakefall_plugins.csv.sniffing.dialect import detect

if TYPE_CHECKING:
    from lakefall.model import Dialect, LocalFile, Reading, SourceFile, TableState
    from lakefall.run import Run


class CsvSniffer(Plugin[CsvSnifferOptions]):
    """Finds dialect, encoding, preamble and header of a CSV file by weighing all readings."""

    name = "csv"
    stage = Stage.SNIFFER

    @hookimpl
    def sniff(self, run: Run, local: LocalFile, table: TableState | None) -> Dialect:
        """The file's dialect.

        Raises:
            EmptyFileError: no bytes, or nothing but blank lines.
            NotTextError: the bytes are no text.
            EncodingError: the option ``encoding`` names no encoding.
            LowConfidenceError: another reading is about as likely.
            NoHeaderError: the first row is one of data, and no names may be generated.
        """
        del run
        known = [column.source_name or column.name for column in table.columns] if table else []
        dialect = detect(local.path, self.options, known, local.file.key)
        if dialect.confidence < self.options.min_confidence:
            raise LowConfidenceError(
                _unsure(local.file, dialect, self.options.min_confidence), dialect
            )
        options = self.options
        if (
            not dialect.has_header
            and options.header == "detect"
            and options.on_missing_header == "fail"
        ):
            raise NoHeaderError(_headless(local.file, dialect), dialect)
        return dialect


def _headless(file: SourceFile, dialect: Dialect) -> str:
    before, after = ("tables: {" + file.table + ": {", "}}") if file.table else ("", "")
    ways = "{header: present}", "{on_missing_header: generate}"
    named, generated = (f"{before}sniffer: {way}{after}" for way in ways)
    return (
        f"{file.key}: no header: line {dialect.preamble_lines + 1} reads like a record, not like "
        f"names. If it is the header: {named}; to call the columns col_1, col_2, ...: {generated}"
    )


def _unsure(file: SourceFile, dialect: Dialect, least: float) -> str:
    found = f"{file.key}: the file is read best with {_words(dialect)}"
    other = dialect.runner_up
    if other is not None:
        found += f", about as well with {_words(other)}"
    said = f"{found}: confidence {dialect.confidence:.2f}, min_confidence is {least:.2f}"
    overrides = [_override(dialect, other)]
    if other is not None:
        overrides.append(_override(other, dialect))
    before, after = ("tables: {" + file.table + ": {", "}}") if file.table else ("", "")
    remedies = " or ".join(f"{before}sniffer: {o}{after}" for o in overrides)
    return f"{said}. Decide in the pipeline file: {remedies}"


def _words(way: Dialect | Reading) -> str:
    delimiter = f"delimiter {way.delimiter!r}" if way.delimiter else "no delimiter"
    return f"{delimiter} and {f'quote {way.quotechar}' if way.quotechar else 'no quote'}"


def _override(way: Dialect | Reading, other: Dialect | Reading | None) -> str:
    """The options, as YAML, that tell one reading from the other."""
    options = [("delimiter", way.delimiter)]
    if other is not None and other.delimiter == way.delimiter:
        options += [("quotechar", way.quotechar), ("escapechar", way.escapechar)]
    return "{" + ", ".join(f"{key}: {json.dumps(value)}" for key, value in options) + "}"
