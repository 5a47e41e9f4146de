"""The samples keep the laws of their stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lakefall_samples.fixed_width import FixedReader, FixedSniffer, FixedWidth
from lakefall_samples.inline import InlineSource
from lakefall_samples.parquet_folder import ParquetFolder
from lakefall_samples.steps import Filled, JsonFile, Lines, TextInferer

from lakefall.contract.values import Format
from lakefall.testing import (
    Example,
    InfererContract,
    NotifierContract,
    ReaderContract,
    RegistrarContract,
    SinkContract,
    SnifferContract,
    SourceContract,
    ValidatorContract,
)

FILE = b"id  name\n1   ann\n2   bob\n\nno\n12345 eve\n44  \xc3\xa9va may\n"
FORMAT = FixedWidth(("id", "name"), (0, 4))


class TestSniffer(SnifferContract):
    plugin = FixedSniffer
    key = "t/file.txt"

    def examples(self) -> Mapping[bytes, Format]:
        return {FILE: FORMAT}


class TestReader(ReaderContract):
    plugin = FixedReader

    def examples(self) -> Sequence[Example]:
        rows = (("1", "ann"), ("2", "bob"), ("44", "éva may"))
        return [Example(FILE, FORMAT, FORMAT.names, rows, rejects=(5, 6), places=(2, 3, 7))]


class TestSource(SourceContract):
    plugin = InlineSource

    def setup_method(self) -> None:
        super().setup_method()
        self.files: dict[str, str] = {}

    def configured(self) -> dict[str, object]:
        return {"files": dict(self.files), "encoding": "latin-1"}

    def put(self, key: str, content: bytes) -> None:
        self.files[key] = content.decode("latin-1")

    def remove(self, key: str) -> None:
        del self.files[key]


class TestInferer(InfererContract):
    plugin = TextInferer


class TestValidator(ValidatorContract):
    plugin = Filled
    options = {"column": "name"}

    def accepted(self) -> Any:
        return self.batch(["ann", ""])

    def refused(self) -> Any:
        return self.batch([None, None])

    def batch(self, names: list[str | None]) -> Any:
        import pyarrow as pa

        return pa.record_batch({"id": [1, 2], "name": pa.array(names, pa.string())})


class TestSink(SinkContract):
    plugin = ParquetFolder

    def configured(self) -> dict[str, object]:
        return {"path": str(self.folder / "lake")}


class TestNotifier(NotifierContract):
    plugin = Lines

    def configured(self) -> dict[str, object]:
        return {"file": str(self.folder / "arrived.txt")}

    def arrive(self, key: str) -> None:
        with (self.folder / "arrived.txt").open("a", encoding="utf-8") as file:
            file.write(f"{key}\n")


class TestRegistrar(RegistrarContract):
    plugin = JsonFile
    options = {"file": "/nowhere/tables.json"}
