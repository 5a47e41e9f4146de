"""The source ``inline``: files whose text stands in the pipeline file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

from pydantic import Field

from lakefall.common import naming
from lakefall.contract.errors import FileChangedError, FileVanishedError
from lakefall.contract.plugin import Plugin, SourceOptions, Stage, hookimpl
from lakefall.contract.run import Run
from lakefall.contract.values import LocalFile, RegistryEntry, SourceFile

ORIGIN = "inline://"


class InlineOptions(SourceOptions):
    """The files."""

    files: Mapping[str, str] = Field(default_factory=dict)
    """Key (`table/name.txt`) to the file's text."""
    encoding: str = "utf-8"
    """What the texts are encoded as."""


class InlineSource(Plugin[InlineOptions]):
    """Files whose text stands in the pipeline file; the change token is the text's hash."""

    name = "inline"
    stage = Stage.SOURCE

    @hookimpl
    def discover(self, run: Run) -> Iterable[SourceFile]:
        for key in self.options.files:
            content = self._content(key)
            folder = key.partition("/")[0] if "/" in key else ""
            yield SourceFile(
                key=key,
                etag=_hash(content),
                size=len(content),
                modified=run.started_at,
                folder=folder,
                table=naming.table_name(folder, transliterate=self.options.transliterate),
                origin=ORIGIN,
            )

    @hookimpl
    def fetch(self, run: Run, file: SourceFile) -> LocalFile:
        if file.key not in self.options.files:
            raise FileVanishedError(f"{file.key}: is not in the pipeline file any more")
        content = self._content(file.key)
        if _hash(content) != file.etag:
            raise FileChangedError(f"{file.key}: changed after it was listed; run again")
        # A key may hold slashes: it names no file of the scratch folder.
        path = run.workdir / f"{_hash(file.key.encode())}.source"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return LocalFile(file, path, len(content))

    @hookimpl
    def vanished(self, entries: Sequence[RegistryEntry]) -> Iterable[str]:
        """What ``on_source_deleted: delete`` needs; a source may do without."""
        ours = (entry.key for entry in entries if entry.origin == ORIGIN)
        return [key for key in ours if key not in self.options.files]

    def _content(self, key: str) -> bytes:
        return self.options.files[key].encode(self.options.encoding)


def _hash(content: bytes) -> str:
    return sha256(content).hexdigest()
