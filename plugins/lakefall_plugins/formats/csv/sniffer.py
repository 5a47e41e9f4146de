"""The sniffer ``csv``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lakefall.contract.errors import LowConfidenceError, MultiRowHeaderError, NoHeaderError
from lakefall.contract.plugin import Plugin, Stage, hookimpl
from lakefall_plugins.formats.csv.options import CsvSnifferOptions

if TYPE_CHECKING:
    from lakefall.contract.run import Run
    from lakefall.contract.values import LocalFile, SourceFile, TableState
    from lakefall_plugins.formats.csv.dialect import Dialect, Reading


class CsvSniffer(Plugin[CsvSnifferOptions]):
    """Finds dialect, encoding, preamble and header of a CSV file by weighing all readings."""

    name = "csv"
    stage = Stage.SNIFFER

    @hookimpl
    def sniff(self, run: Run, local: LocalFile, table: TableState | None) -> Dialect:
        """The file's dialect.

        Raises:
            EmptyFileError: no bytes, or nothing but blank lines.
            UnsupportedFormatError: the columns have a fixed width, and no delimiter.
            NotTextError: the bytes are no text.
            EncodingError: the option ``encoding`` names no encoding.
            LowConfidenceError: another reading is about as likely.
            NoHeaderError: the first row is one of data, and no names may be generated.
            MultiRowHeaderError: the header stands on several rows, which may not be joined.
        """
        # A run without new files needs none of it.
        from lakefall_plugins.formats.csv.sniffing.dialect import detect

        del run
        known = [column.source_name or column.name for column in table.columns] if table else []
        dialect = detect(local.path, self.options, known, local.name)
        if dialect.confidence < self.options.min_confidence:
            raise LowConfidenceError(_unsure(local, dialect, self.options.min_confidence), dialect)
        options = self.options
        if (
            not dialect.has_header
            and (len(dialect.delimiter) <= 1 or dialect.delimiter_given)
            and options.header == "detect"
            and options.on_missing_header == "fail"
        ):
            raise NoHeaderError(_headless(local, dialect), dialect)
        if (
            dialect.header_lines > 1
            and options.header_lines is None
            and options.on_multi_row_header == "fail"
        ):
            raise MultiRowHeaderError(_many_rows(local, dialect), dialect)
        return dialect


def _for_table(file: SourceFile, options: str) -> str:
    """Options of the sniffer as YAML, for the file's table where there is one."""
    sniffer = f"sniffer: {options}"
    return f"tables: {{{file.table}: {{{sniffer}}}}}" if file.table else sniffer


def _many_rows(local: LocalFile, dialect: Dialect) -> str:
    first = dialect.preamble_lines + 1
    joined = _for_table(local.file, "{on_multi_row_header: join}")
    single = _for_table(local.file, "{header_lines: 1}")
    return (
        f"{local.name}: the header stands on {dialect.header_lines} rows, the first on line "
        f"{first}, and on_multi_row_header is fail. To join them: {joined}; to take the first "
        f"alone: {single}"
    )


def _headless(local: LocalFile, dialect: Dialect) -> str:
    ways = "{header: present}", "{on_missing_header: generate}"
    named, generated = (_for_table(local.file, way) for way in ways)
    return (
        f"{local.name}: no header: line {dialect.preamble_lines + 1} reads like a record, not like "
        f"names. If it is the header: {named}; to call the columns col_1, col_2, ...: {generated}"
    )


def _unsure(local: LocalFile, dialect: Dialect, least: float) -> str:
    # The confidence is that of encoding and delimiter together.
    if dialect.encoding_confidence**2 < dialect.confidence:
        return _doubtful_encoding(local, dialect, least)
    found = f"{local.name}: the file is read best with {_words(dialect)}"
    other = dialect.runner_up
    if other is not None:
        found += f", about as well with {_words(other)}"
    doubt = f"{found}: confidence {dialect.confidence:.2f}, min_confidence is {least:.2f}"
    overrides = [_override(dialect, other)]
    if other is not None:
        overrides.append(_override(other, dialect))
    remedies = " or ".join(_for_table(local.file, override) for override in overrides)
    return f"{doubt}. Decide in the pipeline file: {remedies}"


def _doubtful_encoding(local: LocalFile, dialect: Dialect, least: float) -> str:
    names = dialect.encoding, dialect.second_encoding
    why = next((text for text in dialect.evidence if text.startswith(f"{names[0]}: ")), names[0])
    remedies = " or ".join(_for_table(local.file, f"{{encoding: {name}}}") for name in names)
    return (
        f"{local.name}: the encoding is in doubt: {why}: confidence {dialect.confidence:.2f}, "
        f"min_confidence is {least:.2f}. Decide in the pipeline file: {remedies}"
    )


def _words(way: Dialect | Reading) -> str:
    delimiter = f"delimiter {way.delimiter!r}" if way.delimiter else "no delimiter"
    return f"{delimiter} and {f'quote {way.quotechar}' if way.quotechar else 'no quote'}"


def _override(way: Dialect | Reading, other: Dialect | Reading | None) -> str:
    """The options, as YAML, that decide between two readings."""
    options = [("delimiter", way.delimiter)]
    if other is not None and other.delimiter == way.delimiter:
        options += [("quotechar", way.quotechar), ("escapechar", way.escapechar)]
    return "{" + ", ".join(f"{key}: {json.dumps(value)}" for key, value in options) + "}"
