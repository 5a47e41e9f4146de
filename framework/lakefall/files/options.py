"""Options of every source of files."""

from __future__ import annotations

from lakefall.config.units import Duration, Size
from lakefall.contract.plugin import SourceOptions


class FileOptions(SourceOptions):
    """Which of a source's files count."""

    include: tuple[str, ...] = ("*/**/*.csv", "*/**/*.csv.gz", "*/**/*.csv.zst")
    """Patterns of keys to load, in any case. ``**/`` is any number of folders, also none."""
    exclude: tuple[str, ...] = ()
    """Patterns of keys to leave out, in any case."""
    min_object_age: Duration = 0.0
    """Leave files modified more recently than this to the next run."""
    warn_above: Size = 100_000_000
    """Warn about larger files, and load them all the same."""
