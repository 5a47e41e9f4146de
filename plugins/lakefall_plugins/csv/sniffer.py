"""The sniffer ``csv``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakefall.errors import LowConfidenceError
from lakefall.plugin import Plugin, Stage, hookimpl

from .dialect import detect
from .options import CsvSnifferOptions

if TYPE_CHECKING:
    from lakefall.model import Dialect, LocalFile, TableState
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
        """
        del run
        known = [column.source_name or column.name for column in table.columns] if table else []
        dialect = detect(local.path, self.options, known, local.file.key)
        if dialect.confidence < self.options.min_confidence:
            raise LowConfidenceError(_unsure(local.file.key, dialect, self.options))
        return dialect


def _unsure(key: str, dialect: Dialect, options: CsvSnifferOptions) -> str:
    other = dialect.runner_up
    rival = (
        f"; the next best has delimiter {other.delimiter!r}, quote {other.quotechar!r}"
        if other
        else ""
    )
    return (
        f"{key}: the likeliest reading has delimiter {dialect.delimiter!r}, quote "
        f"{dialect.quotechar!r}, with confidence {dialect.confidence:.2f} (min_confidence is "
        f"{options.min_confidence:.2f}){rival}. Set sniffer.delimiter and sniffer.quotechar for "
        "this table, or lower min_confidence"
    )
