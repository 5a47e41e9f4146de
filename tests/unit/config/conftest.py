"""Stub plugins that have every kind of option, and a writer of pipeline files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import Field, SecretStr, field_validator

from lakefall.config.schema import json_schema
from lakefall.contract.plugin import Finding, NoOptions, Options, Plugin, Stage, hookimpl
from lakefall.contract.units import ConfigPath, Duration, Share, Size
from lakefall.plugin_loading.catalogue import Catalogue, Provided
from lakefall.plugin_loading.pipeline import Pipeline


class BoxOptions(Options):
    path: Path
    """Where the files lie."""
    include: tuple[str, ...] = ("*.csv",)
    min_age: Duration = 0.0
    max_files: int = Field(default=1000, ge=0)
    password: SecretStr | None = None
    headers: dict[str, SecretStr] = {}
    pin: int | None = None

    @field_validator("headers")
    @classmethod
    def _careless(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, value in headers.items():
            if name == "bad":
                raise ValueError(f"header cannot be {value.get_secret_value()}")
        return headers


class Box(Plugin[BoxOptions]):
    """A box."""

    name, stage = "box", Stage.SOURCE


class CsvOptions(Options):
    delimiter: str = ""
    encoding: str = ""
    sample_bytes: Size = 8000
    header: Literal["detect", "present", "absent"] = "detect"
    min_confidence: float = Field(default=0.5, ge=0, le=1)
    strict: bool = False
    columns: dict[str, str] = {}


class Csv(Plugin[CsvOptions]):
    """Looks closely."""

    name, stage = "csv", Stage.SNIFFER


class Stdlib(Plugin[NoOptions]):
    """Asks the csv module."""

    name, stage = "stdlib", Stage.SNIFFER


class Reader(Plugin[NoOptions]):
    """Reads."""

    name, stage = "csv", Stage.READER


class Threshold(Plugin[CsvOptions]):
    """Chooses."""

    name, stage = "threshold", Stage.TYPE_INFERER


class ChoosyOptions(Options):
    wanted: tuple[str, ...] = ()
    by_column: dict[str, str] = {}


class Choosy(Plugin[ChoosyOptions]):
    """Wants types that the pipeline has."""

    name, stage = "choosy", Stage.TYPE_INFERER

    @hookimpl
    def lint(self, pipeline: Pipeline) -> Iterator[Finding]:
        there = {use.name for use in pipeline.config.uses[Stage.TYPE]}
        for number, name in enumerate(self.options.wanted):
            if name not in there:
                yield Finding(("wanted", number), f"no {name}")
        for column, name in self.options.by_column.items():
            if name not in there:
                yield Finding(("by_column", column, "type"), f"no {name}")


class MoneyOptions(Options):
    symbol: str = "$"


class Money(Plugin[MoneyOptions]):
    """Money."""

    name, stage = "money", Stage.TYPE


def plain_type(called: str) -> type[Plugin[Any]]:
    class PlainType(Plugin[NoOptions]):
        name, stage = called, Stage.TYPE

    PlainType.__doc__ = f"The type {called}."
    return PlainType


class RulesOptions(Options):
    rules: ConfigPath = Field(alias="schema")


class Rules(Plugin[RulesOptions]):
    """Rules."""

    name, stage = "rules", Stage.VALIDATOR


class Sqlite(Options):
    type: Literal["sqlite"]
    warehouse: Path


class Rest(Options):
    type: Literal["rest"]
    uri: str
    token: SecretStr = SecretStr("")


class LakeOptions(Options):
    connection: ClassVar[frozenset[str]] = frozenset({"timeout"})

    catalog: Annotated[Sqlite | Rest, Field(discriminator="type")]
    max_rejected: Share = 0.5
    evolution: Literal["evolve", "freeze"] = Field(default="evolve", alias="schema")
    names: str | list[str] = ""
    timeout: Duration = 120.0
    token: SecretStr = SecretStr("")
    note: str = ""


class Lake(Plugin[LakeOptions]):
    """A lake."""

    name, stage = "lake", Stage.SINK


class WebOptions(Options):
    url: str


class Web(Plugin[WebOptions]):
    """A web page."""

    name, stage = "web", Stage.CATALOG_REGISTRAR


STUBS: list[type[Plugin[Any]]] = [
    *(Box, Csv, Stdlib, Reader, Threshold, Choosy, Money, Rules, Lake, Web),
]
NAMES = ["boolean", "integer", "bigint", "double", "date", "timestamp", "varchar"]


def stubs() -> Catalogue:
    return Catalogue(brought=[Provided("stubs", p) for p in [*STUBS, *map(plain_type, NAMES)]])


@pytest.fixture
def catalogue() -> Catalogue:
    return stubs()


@pytest.fixture(scope="session")
def schema() -> dict[str, Any]:
    """The JSON Schema of the stubs."""
    return json_schema(stubs())


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Writes ``p.yaml`` into the current directory."""
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> str:
        Path("p.yaml").write_text(dedent(text).lstrip("\n"), encoding="utf-8")
        return "p.yaml"

    return write
