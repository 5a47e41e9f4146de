from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from lakefall.config.explain import digest, render
from lakefall.config.loader import load
from lakefall.contract.configuration import Origin, PipelineConfig, Use
from lakefall.contract.plugin import Options, Plugin, Stage
from lakefall.plugin_loading.catalogue import Catalogue

Write = Callable[[str], str]
TEXT = """\
name: orders
source:
  use: box
  path: ${INBOX:-inbox}
  password: ${PASSWORD}
  headers: {key: sesame, other: ""}
sniffer:
  use: csv
  delimiter: ","
  columns: {a: x, b: y}
validator: [{use: rules, schema: rules.yaml}]
type_inferer: {use: threshold, types: [integer, {use: money, symbol: x}]}
sink:
  use: lake
  catalog: {type: rest, uri: "https://me:${PASSWORD}@host/x", token: "${PASSWORD}"}
tables:
  legacy_*: {sniffer: {delimiter: "${SEMI}", columns: {b: z}}}
"""
ENVIRON = {"PASSWORD": "hunter2", "SEMI": ";"}


@pytest.fixture
def configure(write: Write, catalogue: Catalogue) -> Callable[..., PipelineConfig]:
    def configure(text: str = TEXT, **arguments: Any) -> PipelineConfig:
        return load(write(text), catalogue=catalogue, **{"environ": ENVIRON, **arguments})

    return configure


Configure = Callable[..., PipelineConfig]


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        ("name", "orders", "p.yaml:1"),
        ("version", 1, "default"),
        ("engine.threads", 0, "default"),
        ("source.use", "box", "p.yaml:3"),
        ("source.path", "inbox", "p.yaml:4"),
        ("source.password", "***", "p.yaml:5 from ${PASSWORD}"),
        ("source.headers.key", "***", "p.yaml:6"),
        ("source.headers.other", "", "p.yaml:6"),
        ("source.include", ["*.csv"], "default"),
        ("reader.use", "csv", "default"),
        ("sniffer.delimiter", ",", "p.yaml:9"),
        ("sniffer.columns.a", "x", "p.yaml:10"),
        ("sniffer.header", "detect", "default"),
        ("validator.0.schema", "rules.yaml", "p.yaml:11"),
        ("type_inferer.types.0.use", "integer", "p.yaml:12"),
        ("type_inferer.types.1.symbol", "x", "p.yaml:12"),
        ("type_inferer.types.2.use", "varchar", "default"),
        ("sink.catalog.uri", "https://me:***@host/x", "p.yaml:15 from ${PASSWORD}"),
        ("sink.catalog.token", "***", "p.yaml:15 from ${PASSWORD}"),
        ("sink.schema", "evolve", "default"),
    ],
)
def test_origin(configure: Configure, path: str, value: object, where: str) -> None:
    assert configure().origins[path] == Origin(value, where)


def test_origin_in_a_table_and_on_the_command_line(configure: Configure) -> None:
    origins = configure(table="legacy_x", sets=["sniffer.header=absent"]).origins
    assert origins["sniffer.delimiter"] == Origin(";", "tables: legacy_* (p.yaml:17) from ${SEMI}")
    assert origins["sniffer.columns.b"] == Origin("z", "tables: legacy_* (p.yaml:17)")
    assert origins["sniffer.columns.a"] == Origin("x", "p.yaml:10")
    assert origins["sniffer.header"] == Origin("absent", "--set")


def test_no_secret_anywhere(configure: Configure) -> None:
    config = configure()
    for shown in (repr(config), str(config.origins), config.digest):
        assert "sesame" not in shown
        assert "hunter2" not in shown.replace("https://me:hunter2@host/x", "")


def test_render() -> None:
    value = {"a": (SecretStr("x"), Path("b"), {2, 1}), 3: None, "u": "s3://k:v@b"}
    assert render(value) == {"a": ["***", "b", [1, 2]], "3": None, "u": "s3://k:***@b"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('delimiter: ","', 'delimiter: ";"'),
        ("symbol: x", "symbol: y"),
        ("[integer, ", "[double, "),
        ("use: lake", "use: lake\n  max_rejected: 10%"),
        ("validator: [{use: rules, schema: rules.yaml}]", ""),
        ("{use: csv", "{use: stdlib"),
        ("plugins", "plugins"),
    ],
)
def test_digest_changes_with_what_is_loaded(configure: Configure, old: str, new: str) -> None:
    changed = TEXT.replace(old, new)
    assert (configure(changed).digest != configure().digest) == (changed != TEXT)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("inbox}", "other}"),
        ("sesame", "other"),
        ("host/x", "elsewhere/x"),
        ('token: "${PASSWORD}"', 'token: "other"'),
        ("use: lake", "use: lake\n  timeout: 1s"),
        ("use: lake", "use: lake\n  max_rejected: 0.50"),
        ("name: orders", "name: other\nengine: {threads: 2}\n"),
        ("sniffer:", "\n# comment\nsniffer:"),
    ],
)
def test_digest_stays_with_what_is_not(configure: Configure, old: str, new: str) -> None:
    assert old in TEXT
    assert configure(TEXT.replace(old, new)).digest == configure().digest


def test_digest_of_a_table_and_of_files(configure: Configure, write: Write) -> None:
    base = configure().digest
    assert configure(table="other").digest == base
    assert configure(table="legacy_x").digest != base
    Path("rules.yaml").write_text("a")
    first = configure().digest
    Path("rules.yaml").write_text("b")
    second = configure().digest
    assert len({base, first, second}) == 3
    Path("mine.py").write_text(
        "from lakefall.contract.plugin import *\n"
        "class P(Plugin[NoOptions]):\n    name, stage = 'p', Stage.TYPE\n"
    )
    with_file = configure(TEXT + "plugins: [mine.py]\n").digest
    Path("mine.py").write_text(Path("mine.py").read_text() + "# changed\n")
    assert configure(TEXT + "plugins: [mine.py]\n").digest not in {second, with_file}


class _Options(Options):
    share: float = 0.5
    names: dict[str, tuple[str, ...]] = {"b": ("x",), "a": ()}


class _Plugin(Plugin[_Options]):
    name, stage = "p", Stage.SINK


def test_digest_is_the_same_in_every_process_and_release() -> None:
    """Another digest would make every pipeline try its failed files again."""
    use = Use(Stage.SINK, "p", "alias", lambda: _Plugin, _Options())
    assert digest([use], []) == "982ac82e20d20a46"
