"""Data files on S3 as DuckDB reads them: through PyIceberg's storage, no extension needed.

The engine is given names of our own, ``lakefall://N``, and this file system opens those data
files and nothing else, whatever a statement asks for.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyiceberg.io import FileIO
    from pyiceberg.manifest import DataFile

PROTOCOL = "lakefall"
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
"""Data files never change."""


class RemoteFiles:
    """The data files that one query may read."""

    def __init__(self) -> None:
        self.paths: dict[str, tuple[FileIO, DataFile]] = {}

    def add(self, io: FileIO, file: DataFile) -> str:
        """The name under which the engine reads a data file."""
        path = f"{PROTOCOL}://{len(self.paths)}/{file.file_path.rpartition('/')[2]}"
        self.paths[path] = io, file
        return path

    def file_system(self) -> Any:
        """What the engine is given; it asks for one that ``fsspec`` knows."""
        from fsspec import AbstractFileSystem

        files = self.paths

        class DataFiles(AbstractFileSystem):  # type: ignore[misc]
            protocol = PROTOCOL
            cachable = False

            def open(self, path: str, mode: str = "rb", **_: Any) -> Any:
                if mode != "rb":
                    raise PermissionError(path)
                io, file = self._known(path)
                return io.new_input(file.file_path).open()

            def info(self, path: str, **_: Any) -> dict[str, Any]:
                size = self._known(path)[1].file_size_in_bytes
                return {"name": path, "size": size, "type": "file"}

            def glob(self, path: str, **_: Any) -> list[str]:
                return [path] if path in files else []

            def exists(self, path: str, **_: Any) -> bool:
                return path in files

            def modified(self, path: str) -> datetime:
                self._known(path)
                return _LONG_AGO

            def _known(self, path: str) -> tuple[FileIO, DataFile]:
                if path not in files:
                    raise FileNotFoundError(path)
                return files[path]

        return DataFiles()
