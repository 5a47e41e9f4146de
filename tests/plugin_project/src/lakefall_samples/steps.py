"""An inferer, a validator, a registrar and a notifier, as small as they can be."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lakefall.common import naming
from lakefall.contract.hints import Hint, Hints
from lakefall.contract.plugin import NoOptions, Options, Plugin, Stage, hookimpl
from lakefall.contract.validation import Violation
from lakefall.contract.values import Check, Column, Loaded, Records, Registered, Schema

if TYPE_CHECKING:
    import pyarrow as pa


class TextInferer(Plugin[NoOptions]):
    """Every column is text."""

    name = "text"
    stage = Stage.TYPE_INFERER

    @hookimpl
    def infer(self, records: Sequence[Records]) -> Schema:
        written: dict[str, str] = {}
        for each in records:
            for name, cell in zip(naming.column_names(each.header), each.header, strict=True):
                written.setdefault(name, cell)
        return Schema(tuple(Column(n, w, "VARCHAR", nullable=True) for n, w in written.items()))


class FilledOptions(Options):
    """Which column it is about."""

    column: str
    """A column of the table; tables without it are not judged."""


class Filled(Plugin[FilledOptions]):
    """Rows without a value in a column are rejected."""

    name = "filled"
    stage = Stage.VALIDATOR

    @hookimpl
    def validate(self, batch: pa.RecordBatch) -> Iterable[Violation]:
        import pyarrow.compute as pc

        column = self.options.column
        if column not in batch.schema.names:
            return []
        empty = pc.indices_nonzero(pc.is_null(batch.column(column)))
        return [Violation(row, column, "has no value") for row in empty.to_pylist()]


class LinesOptions(Options):
    """Where the keys are written."""

    file: Path
    """Each line that is added to this file is the key of a file that arrived."""


class Lines(Plugin[LinesOptions]):
    """Tells of the files whose keys somebody writes into a list."""

    name = "lines"
    stage = Stage.NOTIFIER

    @hookimpl
    def notify(self, hints: Hints) -> None:
        told = len(self._lines())
        hints.begun()
        while not hints.stopped.wait(0.05):
            new = self._lines()[told:]
            told += len(new)
            hints.tell(Hint(key) for key in new)

    def _lines(self) -> list[str]:
        file = self.options.file
        return file.read_text("utf-8").splitlines() if file.exists() else []


class JsonFileOptions(Options):
    """Where the file lies."""

    file: Path
    """The JSON file, in a folder that exists."""


class JsonFile(Plugin[JsonFileOptions]):
    """Writes the tables and their latest snapshots to a JSON file."""

    name = "json_file"
    stage = Stage.CATALOG_REGISTRAR

    @hookimpl
    def register(self, loaded: Loaded) -> Registered:
        path = self.options.file
        try:
            tables = json.loads(path.read_bytes()) if path.exists() else {}
            tables[loaded.table] = loaded.snapshot
            written = path.with_name(f"{path.name}.new")
            written.write_text(json.dumps(tables, indent=2), encoding="utf-8")
            written.replace(path)
        except (OSError, ValueError) as error:
            return Registered(self.name, loaded.table, ok=False, message=f"{path}: {error}")
        return Registered(self.name, loaded.table, ok=True)

    @hookimpl
    def check(self) -> Iterable[Check]:
        folder = self.options.file.absolute().parent
        usable = os.access(folder, os.W_OK)
        yield Check(f"file {self.options.file}", usable, f"{folder} {_can(usable)} be written")


def _can(usable: bool) -> str:
    return "can" if usable else "cannot"
