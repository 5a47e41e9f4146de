"""The sniffer ``stdlib``: CPython's ``csv.Sniffer``, as the specification has it to the letter."""

from __future__ import annotations

import codecs
import csv
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from lakefall.contract.errors import EmptyFileError, LowConfidenceError, NoHeaderError
from lakefall.contract.plugin import Plugin, SnifferOptions, Stage, hookimpl
from lakefall_plugins.formats.csv.dialect import Dialect
from lakefall_plugins.formats.csv.sniffing.sample import line_ends, terminator

if TYPE_CHECKING:
    from pathlib import Path

    from lakefall.contract.run import Run
    from lakefall.contract.values import LocalFile, TableState

SAMPLE_BYTES = 8192


class StdlibSnifferOptions(SnifferOptions):
    """Options of the standard library's sniffer."""

    reader: ClassVar[str] = "csv"
    patterns: ClassVar[tuple[str, ...]] = ("*.csv", "*.tsv", "*.tab", "*.psv")

    delimiters: tuple[str, ...] = (",", ";", "\t", "|")
    """The only delimiters that are considered."""
    header: Literal["detect", "present", "absent"] = "detect"
    """Whether the first row names the columns; ``detect`` asks ``csv.Sniffer.has_header``."""
    on_missing_header: Literal["fail", "generate"] = "fail"
    """What happens to a file without header: it fails, or gets columns col_1, col_2, ..."""
    fallback_encoding: str = Field(default="cp1252")
    """The encoding of a file whose first bytes are not UTF-8."""


class StdlibSniffer(Plugin[StdlibSnifferOptions]):
    """Asks csv.Sniffer about the first 8 KB, and fails where it does."""

    name = "stdlib"
    stage = Stage.SNIFFER

    @hookimpl
    def sniff(self, run: Run, local: LocalFile, table: TableState | None) -> Dialect:
        """The file's dialect as ``csv.Sniffer`` sees it.

        Raises:
            EmptyFileError: no bytes, or nothing but blank lines.
            LowConfidenceError: ``csv.Sniffer`` finds no delimiter.
            NoHeaderError: ``csv.Sniffer`` sees no header, and none may be generated.
        """
        del run, table
        return sniff_with_stdlib(local.path, self.options, local.name)


def sniff_with_stdlib(path: Path, options: StdlibSnifferOptions, name: str) -> Dialect:
    """The dialect of a file by ``csv.Sniffer`` on its first 8 KB; errors as in ``sniff``."""
    with path.open("rb") as stream:
        raw = stream.read(SAMPLE_BYTES)
    encoding, text = _decode(raw, options.fallback_encoding)
    if not text.strip():
        raise EmptyFileError(f"{name}: no bytes, or nothing but blank lines")
    sniffer = csv.Sniffer()
    try:
        found = sniffer.sniff(text, "".join(options.delimiters))
        present = options.header == "present" or (
            options.header == "detect" and sniffer.has_header(text)
        )
    except csv.Error as error:
        raise LowConfidenceError(
            f"{name}: csv.Sniffer: {error}; use the sniffer csv, which also answers here"
        ) from error
    if not present and options.header == "detect" and options.on_missing_header == "fail":
        raise NoHeaderError(
            f"{name}: csv.Sniffer sees no header row; set sniffer.header to present, or "
            "on_missing_header to generate"
        )
    return Dialect(
        delimiter=found.delimiter,
        quotechar=found.quotechar or '"',
        escapechar="",
        encoding=encoding,
        has_header=present,
        header_lines=1 if present else 0,
        line_terminator=terminator(line_ends(text)),
        skip_initial_space=bool(found.skipinitialspace),
        evidence=(f"csv.Sniffer on the first {len(raw):,} bytes",),
    )


def _decode(raw: bytes, fallback: str) -> tuple[str, str]:
    name = "utf-8-sig" if raw.startswith(codecs.BOM_UTF8) else "utf-8"
    try:
        return name, codecs.getincrementaldecoder(name)().decode(raw, final=False)
    except UnicodeDecodeError:
        return fallback, raw.decode(fallback, errors="replace")
