"""The sniffer ``parquet``: what a file's footer says of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, ClassVar

from lakefall.contract.errors import EmptyFileError, StructureError, UnsupportedFormatError
from lakefall.contract.plugin import Plugin, SnifferOptions, Stage, hookimpl
from lakefall.contract.values import Format

if TYPE_CHECKING:
    import pyarrow.parquet as pq

    from lakefall.contract.run import Run
    from lakefall.contract.values import LocalFile, TableState

MAGIC, ENCRYPTED = b"PAR1", b"PARE"
"""The first and last bytes of a file; of one whose footer is encrypted."""
SMALLEST = 12
"""Bytes: twice the magic, and the length of the footer."""
BUFFER = 1 << 20
"""Bytes of a column that are read at a time."""


@dataclass(frozen=True, slots=True)
class ParquetFormat(Format):
    """How a Parquet file is written."""

    reader: ClassVar[str] = "parquet"

    rows: int
    """As the footer says."""
    columns: int
    row_groups: int
    created_by: str
    """The program that wrote it, as it calls itself."""
    encoding: str = ""
    confidence: float = 1.0
    evidence: tuple[str, ...] = ()

    def describe(self) -> str:
        parts = [
            f"{self.rows:,} rows of {self.columns:,} columns",
            f"row groups: {self.row_groups:,}",
            *([f"written by {self.created_by}"] if self.created_by else []),
        ]
        return ", ".join(parts)

    def fields(self) -> dict[str, Any]:
        return {
            "format": self.reader,
            "rows": self.rows,
            "columns": self.columns,
            "row_groups": self.row_groups,
            "created_by": self.created_by,
            "confidence": self.confidence,
        }


class ParquetSnifferOptions(SnifferOptions):
    """None: a Parquet file describes itself."""

    reader: ClassVar[str] = "parquet"
    patterns: ClassVar[tuple[str, ...]] = ("*.parquet", "*.pq")


class ParquetSniffer(Plugin[ParquetSnifferOptions]):
    """Reads a Parquet file's footer; knows damaged, encrypted and misnamed files."""

    name = "parquet"
    stage = Stage.SNIFFER

    @hookimpl
    def sniff(self, run: Run, local: LocalFile, table: TableState | None) -> ParquetFormat | None:
        """What the footer says; None for a file of another kind and name.

        Raises:
            EmptyFileError: no bytes, or no columns.
            StructureError: the file is cut short, or its footer is damaged.
            UnsupportedFormatError: it is encrypted, or no Parquet file in spite of its name.
        """
        del run, table
        with local.path.open("rb") as stream:
            head = stream.read(len(MAGIC))
        named = any(fnmatchcase(local.name.lower(), p) for p in self.options.patterns)
        if head not in (MAGIC, ENCRYPTED):
            if not named:
                return None
            if not head:
                raise EmptyFileError(f"{local.name}: no bytes in the file")
            raise UnsupportedFormatError(
                f"{local.name}: is no Parquet file: it begins with {head!r}, not with {MAGIC!r}; "
                "give it the name of what it is, or write it as Parquet"
            )
        with opened(local) as file:
            metadata = file.metadata
            if not metadata.num_columns:
                raise EmptyFileError(f"{local.name}: no columns in the file")
            return ParquetFormat(
                metadata.num_rows,
                len(file.schema_arrow),
                metadata.num_row_groups,
                metadata.created_by or "",
                evidence=("it begins and ends as Parquet files do",),
            )


@contextmanager
def opened(local: LocalFile, **options: Any) -> Iterator[pq.ParquetFile]:
    """The file, its footer read; whatever goes wrong while it is open becomes an error of ours.

    Args:
        options: of ``pyarrow.parquet.ParquetFile``.

    Raises:
        StructureError: it is cut short or damaged.
        UnsupportedFormatError: it is encrypted, or has a type or codec that nobody reads.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    _look_at_end(local)
    try:
        with pq.ParquetFile(
            local.path, buffer_size=BUFFER, page_checksum_verification=True, **options
        ) as file:
            yield file
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        text = " ".join(str(error).split())
        if "crypt" in text:
            raise _encrypted(local) from error
        if isinstance(error, pa.ArrowNotImplementedError):
            raise UnsupportedFormatError(
                f"{local.name}: the file has what this reader does not know ({text}); write it "
                "with other types or another compression"
            ) from error
        raise StructureError(
            f"{local.name}: the file is damaged ({text}); upload it again, or write it again"
        ) from error


def _look_at_end(local: LocalFile) -> None:
    with local.path.open("rb") as stream:
        head = stream.read(len(MAGIC))
        stream.seek(max(0, local.path.stat().st_size - len(MAGIC)))
        tail = stream.read()
    if ENCRYPTED in (head, tail):
        raise _encrypted(local)
    if tail != MAGIC or local.path.stat().st_size < SMALLEST:
        raise StructureError(
            f"{local.name}: the file is cut short: it begins as Parquet, but its last bytes are no "
            "footer; upload it again, or write it again"
        )


def _encrypted(local: LocalFile) -> UnsupportedFormatError:
    return UnsupportedFormatError(
        f"{local.name}: the file is encrypted, and there is no option for its keys; write it "
        "without encryption"
    )
