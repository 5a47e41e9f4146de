"""The built-in plugins keep the laws of their stages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

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
from lakefall.testing.contract import Beside
from lakefall_plugins.formats.csv.dialect import Dialect
from lakefall_plugins.formats.csv.reader import CsvReader
from lakefall_plugins.formats.csv.sniffer import CsvSniffer
from lakefall_plugins.formats.csv.stdlib_sniffer import StdlibSniffer
from lakefall_plugins.inference.threshold import ThresholdInferer
from lakefall_plugins.notifiers.folder import FolderNotifier
from lakefall_plugins.registrars.superset.registrar import SupersetRegistrar
from lakefall_plugins.registrars.trino.registrar import TrinoRegistrar
from lakefall_plugins.sinks.iceberg.sink import IcebergSink
from lakefall_plugins.sources.folder import FolderSource
from lakefall_plugins.validators.pandera import PanderaValidator


class TestFolder(SourceContract):
    plugin = FolderSource

    def configured(self) -> dict[str, object]:
        (self.folder / "inbox").mkdir(exist_ok=True)
        return {"path": str(self.folder / "inbox")}

    def put(self, key: str, content: bytes) -> None:
        path = self.folder / "inbox" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def remove(self, key: str) -> None:
        (self.folder / "inbox" / key).unlink()


class TestFolderNotifier(NotifierContract):
    plugin = FolderNotifier

    def beside(self) -> Sequence[Beside]:
        (self.folder / "inbox").mkdir(exist_ok=True)
        return [(FolderSource, {"path": str(self.folder / "inbox")})]

    def arrive(self, key: str) -> None:
        path = self.folder / "inbox" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name(".new").write_bytes(b"a\n1\n")
        path.with_name(".new").rename(path)


DELIMITERS = (",", ";", "\t", "|")


class TestCsv(SnifferContract):
    plugin = CsvSniffer
    delimiters = DELIMITERS


class TestStdlib(SnifferContract):
    plugin = StdlibSniffer
    delimiters = DELIMITERS


COMMA = Dialect(",", '"', "", "utf-8", has_header=True, line_terminator="\n")
LATIN = Dialect(";", "", "", "cp1252", has_header=False, line_terminator="\r\n", header_lines=0)


class TestCsvReader(ReaderContract):
    plugin = CsvReader

    def examples(self) -> Sequence[Example]:
        return [
            Example(
                b"id,name\n1,ann\n2,\n3,eve\n",
                COMMA,
                ("id", "name"),
                (("1", "ann"), ("2", None), ("3", "eve")),
                places=(2, 3, 4),
            ),
            Example(
                b'id,name\n1,"ann\nmay"\n2,bob,more\n\n3,""\n4,"a ""b"""\n',
                COMMA,
                ("id", "name"),
                (("1", "ann\nmay"), ("3", ""), ("4", 'a "b"')),
                rejects=(4,),
                places=(2, 6, 7),
            ),
            Example(
                "Ä;1\r\nß;2\r\n".encode("cp1252"),
                LATIN,
                ("col_1", "col_2"),
                (("Ä", "1"), ("ß", "2")),
                places=(1, 2),
            ),
        ]


class TestThreshold(InfererContract):
    plugin = ThresholdInferer


class TestIceberg(SinkContract):
    plugin = IcebergSink

    def configured(self) -> dict[str, object]:
        return {"catalog": {"warehouse": str(self.folder / "lakehouse")}}


def batch(amounts: list[int | None], names: list[str]) -> Any:
    import pyarrow as pa

    return pa.record_batch({"amount": pa.array(amounts, pa.int32()), "name": names})


class TestPandera(ValidatorContract):
    plugin = PanderaValidator
    options = {
        "columns": {
            "amount": {"nullable": False, "in_range": [0, 100]},
            "name": {"str_length": {"max": 3}},
        }
    }

    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("pandera")

    def accepted(self) -> Any:
        return batch([0, 100, 5], ["ann", "", "bob"])

    def refused(self) -> Any:
        return batch([None, -1, 101, 5], ["ann", "bob", "eve", "alice"])


class TestTrinoRegistrar(RegistrarContract):
    plugin = TrinoRegistrar
    options = {"schema": "lakehouse"}
    unreachable = {"url": "http://127.0.0.1:9"}


class TestSuperset(RegistrarContract):
    plugin = SupersetRegistrar
    options = {"username": "loader", "password": "very secret", "schema": "lakehouse"}
    unreachable = {"url": "http://127.0.0.1:9"}
    secrets = ("very secret",)
