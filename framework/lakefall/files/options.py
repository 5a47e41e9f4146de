"""Options of every source of files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Gt, Le
from pydantic import Field

from lakefall.contract.plugin import SourceOptions
from lakefall.contract.units import Duration, Size


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """Beyond these a compressed file or an archive is taken for a decompression bomb."""

    ratio: float = 100
    """Expanded bytes for each stored one. Real tables compress 1:3 to 1:50; the worst that
    DEFLATE can reach is 1:1032."""
    members: int = 10_000
    """Entries of an archive, folders and hidden ones too."""
    size: int = 100_000_000_000
    """Expanded bytes."""


LIMITS = ArchiveLimits()


class FileOptions(SourceOptions):
    """Which of a source's files count."""

    include: tuple[str, ...] | None = None
    """Patterns of keys to load, in any case. `**/` is any number of folders, also none. Without:
    in every folder the names that the pipeline's formats read (`*.csv`), also with `.gz`, `.zst`,
    `.bz2` or `.xz` behind them, and archives (`*.zip`, `*.tar`, `*.tar.gz`, `*.tgz`, ...)."""
    exclude: tuple[str, ...] = ()
    """Patterns of keys to leave out, in any case."""
    min_object_age: Duration = 0.0
    """Leave files modified more recently than this to the next run."""
    warn_above: Size = 100_000_000
    """Warn about larger files, and load them all the same."""
    max_file_size: Annotated[Size, Gt(0), Le(1 << 60)] = 100_000_000_000
    """A larger file, as it is stored, fails before it is read."""
    max_archive_ratio: float = Field(default=LIMITS.ratio, ge=1, le=1_000_000)
    """A compressed file or an archive that expands to more than so many bytes for each stored one
    fails (64 MiB are always allowed)."""
    max_archive_members: int = Field(default=LIMITS.members, ge=1, le=1_000_000)
    """An archive with more entries fails; folders and hidden files count."""
    max_archive_size: Annotated[Size, Gt(0), Le(1 << 60)] = LIMITS.size
    """A compressed file or an archive that expands to more bytes fails."""
    on_duplicate_content: Literal["warn", "skip", "fail"] = "warn"
    """When a new file of a table has the same content (equal ETag and size) as another one under
    a second key: load it and `warn` with both keys, `skip` it, or let it `fail`. An S3 object that
    was uploaded in parts has another ETag than the same content in one piece."""

    def refusal(self, size: int) -> str:
        """Why a file of so many bytes is not read; ``''`` for one that is."""
        if size <= self.max_file_size:
            return ""
        return (
            f"{size:,} bytes; max_file_size is {self.max_file_size:,}. Split the file, or raise "
            "source.max_file_size"
        )

    @property
    def archive_limits(self) -> ArchiveLimits:
        return ArchiveLimits(
            self.max_archive_ratio, self.max_archive_members, self.max_archive_size
        )
