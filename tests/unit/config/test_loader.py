from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from lakefall.config.loader import lint, load, open_pipeline, read
from lakefall.contract.configuration import PipelineConfig, Schedule, Use
from lakefall.contract.errors import ConfigError
from lakefall.contract.plugin import Stage
from lakefall.plugin_loading.catalogue import Catalogue

Write = Callable[[str], str]
SOURCE = "source: {use: box, path: inbox}\n"
SINK = "sink: {use: lake, catalog: {type: sqlite, warehouse: w}}\n"
GOOD = SOURCE + SINK


@pytest.fixture
def configure(write: Write, catalogue: Catalogue) -> Callable[..., PipelineConfig]:
    def configure(text: str, **arguments: Any) -> PipelineConfig:
        arguments = {"environ": {}, "catalogue": catalogue, **arguments}
        return load(write(text), **arguments)

    return configure


Configure = Callable[..., PipelineConfig]


def only(config: PipelineConfig, stage: Stage) -> Use:
    (use,) = config.uses[stage]
    return use


def names(config: PipelineConfig, stage: Stage) -> list[str]:
    return [use.alias for use in config.uses[stage]]


def test_smallest(configure: Configure) -> None:
    config = configure(GOOD)
    assert {stage: names(config, stage) for stage in Stage} == {
        Stage.SOURCE: ["box"],
        Stage.SNIFFER: ["csv"],
        Stage.READER: ["csv"],
        Stage.TYPE_INFERER: ["threshold"],
        Stage.TYPE: ["boolean", "integer", "bigint", "double", "date", "timestamp", "varchar"],
        Stage.VALIDATOR: [],
        Stage.SINK: ["lake"],
        Stage.CATALOG_REGISTRAR: [],
        Stage.NOTIFIER: [],
    }
    assert (config.path, config.name, config.table) == (Path("p.yaml"), "p", "")
    assert (config.engine.threads, config.engine.memory_limit) == (0, "256MB")
    assert (config.cache.dir, config.cache.max_size) == (
        Path("~/.cache/lakefall").expanduser(),
        10_000_000_000,
    )
    assert config.schedule is None


def test_everything(configure: Configure) -> None:
    config = configure(
        GOOD
        + """
version: 1
name: orders
sniffer: [{use: csv, sample_bytes: 8KiB, header: present}, stdlib]
type_inferer:
  use: threshold
  strict: "true"
  types: [varchar, integer, {use: money, symbol: $$}, {use: money, as: euro, symbol: €}]
validator: [{use: rules, schema: schemas/x.yaml}]
catalog_registrar: {use: web, url: x}
schedule: {cron: "*/5 * * * *", start_date: 2024-01-01, retry_delay: 1m, tags: [a, b]}
engine: {threads: 2, memory_limit: 1GB}
cache: {dir: kept, max_size: 5MB}
"""
    )
    assert config.name == "orders"
    assert config.uses[Stage.SNIFFER][0].options.model_dump()["sample_bytes"] == 8192
    assert names(config, Stage.SNIFFER) == ["csv", "stdlib"]
    assert names(config, Stage.TYPE) == ["integer", "money", "euro", "varchar"]
    assert [u.options.model_dump() for u in config.uses[Stage.TYPE][1:3]] == [
        {"symbol": "$"},
        {"symbol": "€"},
    ]
    assert only(config, Stage.TYPE_INFERER).options.model_dump()["strict"] is True
    assert only(config, Stage.VALIDATOR).options.model_dump()["rules"] == Path("schemas/x.yaml")
    assert only(config, Stage.CATALOG_REGISTRAR).options.model_dump() == {"url": "x"}
    assert config.schedule == Schedule(
        "*/5 * * * *", date(2024, 1, 1), retry_delay=60, tags=("a", "b")
    )
    assert (config.engine.threads, config.engine.memory_limit) == (2, "1000000000B")
    assert (config.cache.dir, config.cache.max_size) == (Path("kept"), 5_000_000)


def test_varchar_is_last_under_the_name_it_was_given(configure: Configure) -> None:
    text = GOOD + "type_inferer: {use: threshold, types: [{use: varchar, as: text}, date]}\n"
    assert names(configure(text), Stage.TYPE) == ["date", "text"]


def test_paths(write: Write, catalogue: Catalogue) -> None:
    write("")
    Path("pipelines").mkdir()
    Path("pipelines/p.yaml").write_text(GOOD + "validator: [{use: rules, schema: s/x.yaml}]\n")
    config = load("pipelines/p.yaml", catalogue=catalogue, environ={})
    assert only(config, Stage.VALIDATOR).options.model_dump()["rules"] == Path("pipelines/s/x.yaml")
    assert only(config, Stage.SOURCE).options.model_dump()["path"] == Path("inbox")


def test_environment_is_the_process_s_by_default(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEFALL_TEST_FILES", "7")
    text = GOOD.replace("path: inbox", "path: inbox, max_files: '${LAKEFALL_TEST_FILES}'")
    config = configure(text, environ=None)
    assert only(config, Stage.SOURCE).options.model_dump()["max_files"] == 7


def test_no_home(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    def expanduser(self: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", expanduser)
    assert configure(GOOD).cache.dir.name.startswith("lakefall-")


def test_no_secret_in_a_repr(write: Write, catalogue: Catalogue) -> None:
    text = GOOD.replace("path: inbox", "path: inbox, password: hunter2")
    file = read(write(text), catalogue=catalogue, environ={}, sets=["sink.token=hunter2"])
    assert "hunter2" not in repr(file)
    assert "hunter2" not in repr(file.config())


def test_byte_order_mark_and_windows_lines(write: Write, catalogue: Catalogue) -> None:
    path = write("")
    Path(path).write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load(path, catalogue=catalogue, environ={}).name == "p"


# --- tables ------------------------------------------------------------------------------------

TABLES = (
    GOOD
    + """
sniffer: {use: csv, delimiter: ",", columns: {a: x, b: y}, header: present}
type_inferer: {types: [integer, date], use: threshold}
catalog_registrar: [{use: web, url: one}]
tables:
  legacy_*: {sniffer: {delimiter: ";", columns: {b: z}}, type_inferer: {types: [double]}}
  legacy_old: {sniffer: {delimiter: "|"}, sink: {max_rejected: 10%}}
  plain: {sniffer: stdlib, catalog_registrar: []}
  one: {catalog_registrar: {url: two}, validator: {use: rules, schema: x}}
"""
)


def test_overrides_merge_in_file_order(configure: Configure) -> None:
    base = configure(TABLES)
    assert base.patterns == ("legacy_*", "legacy_old", "plain", "one")
    assert only(base, Stage.SNIFFER).options.model_dump()["delimiter"] == ","
    new = configure(TABLES, table="legacy_new")
    assert new.table == "legacy_new"
    dumped = only(new, Stage.SNIFFER).options.model_dump()
    assert (dumped["delimiter"], dumped["columns"]) == (";", {"a": "x", "b": "z"})
    assert dumped["header"] == "present"
    assert names(new, Stage.TYPE) == ["double", "varchar"]
    old = configure(TABLES, table="legacy_old")
    dumped = only(old, Stage.SNIFFER).options.model_dump()
    assert (dumped["delimiter"], dumped["columns"]) == ("|", {"a": "x", "b": "z"})
    assert only(old, Stage.SINK).options.model_dump()["max_rejected"] == 0.1


def test_another_plugin_takes_no_options_along_and_lists_replace(configure: Configure) -> None:
    plain = configure(TABLES, table="plain")
    assert names(plain, Stage.SNIFFER) == ["stdlib"]
    assert names(plain, Stage.CATALOG_REGISTRAR) == []


def test_one_element_is_merged_like_a_mapping_and_new_stages_appear(configure: Configure) -> None:
    one = configure(TABLES, table="one")
    assert only(one, Stage.CATALOG_REGISTRAR).options.model_dump() == {"url": "two"}
    assert names(one, Stage.VALIDATOR) == ["rules"]


def test_override_of_a_default_stage(configure: Configure) -> None:
    text = GOOD + "tables: {a: {sniffer: {delimiter: x}}}\n"
    assert only(configure(text, table="a"), Stage.SNIFFER).options.model_dump()["delimiter"] == "x"


def test_overrides_that_do_not_fit_together_are_told_when_they_meet(
    write: Write, catalogue: Catalogue
) -> None:
    text = GOOD + "tables:\n  a*: {sniffer: {use: stdlib}}\n  '*b': {sniffer: {delimiter: x}}\n"
    file = read(write(text), catalogue=catalogue, environ={})
    assert names(file.config("a"), Stage.SNIFFER) == ["stdlib"]
    with pytest.raises(ConfigError) as error:
        file.config("ab")
    assert str(error.value) == "p.yaml:5: tables.*b.sniffer.delimiter: unknown option"


# --- --set -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("sniffer.delimiter=;", ";"),
        ("sniffer.delimiter=|", "|"),
        ("sniffer.delimiter=,", ","),
        ("sniffer.delimiter=*", "*"),
        ("sniffer.delimiter= ", " "),
        ("sniffer.delimiter=", ""),
        ("sniffer.delimiter==", "="),
        ("sniffer.delimiter=${X}", "${X}"),
        ('sniffer.delimiter="\\t"', "\t"),
        ("sniffer.delimiter='7'", "7"),
    ],
)
def test_set_delimiter(configure: Configure, setting: str, value: str) -> None:
    config = configure(TABLES, sets=[setting], table="legacy_old")
    assert only(config, Stage.SNIFFER).options.model_dump()["delimiter"] == value


def test_set(configure: Configure) -> None:
    config = configure(
        TABLES,
        sets=[
            "source.include=[a, b]",
            "sink.catalog={type: rest, uri: x}",
            "sniffer=stdlib",
            "catalog_registrar.0.url=z",
            "engine.threads=3",
            "name=other",
            "tables.plain.sniffer=csv",
        ],
    )
    assert only(config, Stage.SOURCE).options.model_dump()["include"] == ("a", "b")
    assert only(config, Stage.SINK).options.model_dump()["catalog"]["uri"] == "x"
    assert names(config, Stage.SNIFFER) == ["stdlib"]
    assert only(config, Stage.CATALOG_REGISTRAR).options.model_dump() == {"url": "z"}
    assert (config.engine.threads, config.name) == (3, "other")


def test_set_of_a_table(configure: Configure) -> None:
    sets = ["tables.new.sniffer.delimiter=#", "tables.plain.sniffer=csv"]
    assert only(
        configure(TABLES, sets=sets, table="new"), Stage.SNIFFER
    ).options.model_dump()["delimiter"] == "#"  # fmt: skip
    assert names(configure(TABLES, sets=sets, table="plain"), Stage.SNIFFER) == ["csv"]


# --- plugin files, pipelines, lint -------------------------------------------------------------


def test_plugin_file(configure: Configure, write: Write) -> None:
    write("")
    Path("mine").mkdir()
    Path("mine/types.py").write_text(
        "from lakefall.contract.plugin import *\n"
        "class Points(Plugin[NoOptions]):\n"
        "    '''Points.'''\n"
        "    name, stage = 'points', Stage.TYPE\n"
    )
    text = GOOD + "plugins: [./mine/types.py]\ntype_inferer: {use: threshold, types: [points]}\n"
    assert names(configure(text), Stage.TYPE) == ["points", "varchar"]
    clash = text.replace("types.py]", "types.py, mine/again.py]")
    Path("mine/again.py").write_text(Path("mine/types.py").read_text())
    with pytest.raises(ConfigError) as error:
        configure(clash)
    assert str(error.value) == (
        "p.yaml:4: type_inferer.types.0.use: type plugin 'points' is provided by mine/types.py "
        "and by mine/again.py; remove one of them, or rename it"
    )


def test_open_pipeline(write: Write, catalogue: Catalogue) -> None:
    pipeline = open_pipeline(write(TABLES), catalogue=catalogue, environ={})
    assert pipeline.config.uses[Stage.SNIFFER][0].plugin.__name__ == "Csv"
    assert pipeline.for_table("plain").config.uses[Stage.SNIFFER][0].plugin.__name__ == "Stdlib"
    assert pipeline.for_table("other") is pipeline
    assert pipeline.for_table("legacy_x").config.table == "legacy_x"


def test_lint(write: Write, catalogue: Catalogue) -> None:
    write(GOOD + "name: same\n")
    Path("pipelines").mkdir()
    Path("pipelines/a.yaml").write_text(GOOD + "name: same\n")
    Path("pipelines/b.yml").write_text("sink: lake\nx: 1\n")
    Path("pipelines/notes.txt").write_text("x: 1\n")
    found = lint(["p.yaml", "pipelines", "absent.yaml", "p.yaml"], catalogue=catalogue, environ={})
    assert found[0] == "pipelines/a.yaml: name: p.yaml is called 'same' too; rename one"
    assert found[1:3] == [
        "pipelines/b.yml: source: required section is missing",
        "pipelines/b.yml:1: sink.catalog: required option is missing",
    ]
    assert found[-1] == "absent.yaml: there is no such file"
    assert lint(["p.yaml"], catalogue=catalogue, environ={}) == []
    Path("empty").mkdir()
    assert lint(["empty"]) == ["empty: a folder without pipeline files (.yaml)"]


def test_the_shipped_pipeline_is_fine() -> None:
    root = Path(__file__).parents[3]
    config = load(root / "pipelines/local.yaml", environ={"LAKEFALL_LAKEHOUSE": "/x/lake"})
    assert config.cache.dir == Path("/x/lake/.cache")
    assert only(config, Stage.SOURCE).options.model_dump()["path"] == Path("inbox")
    assert lint([root / "pipelines/local.yaml"], environ={}) == []


SERVERS = ("ICEBERG_REST_URI", "TRINO_URL", "SUPERSET_URL")


def test_the_shipped_pipelines_on_servers_need_their_addresses() -> None:
    root = Path(__file__).parents[3]
    environ = dict.fromkeys(SERVERS, "http://127.0.0.1:1")
    environ |= {"SUPERSET_USERNAME": "u", "SUPERSET_PASSWORD": "p"}
    assert lint([root / "pipelines"], environ=environ) == []
    for name in SERVERS:
        found = lint([root / "pipelines"], environ={k: v for k, v in environ.items() if k != name})
        assert any(name in problem and ".yaml:" in problem for problem in found), name


def test_loading_imports_nothing_heavy_and_no_plugin_that_is_not_used() -> None:
    code = (
        "import sys; from lakefall.config.loader import load;"
        "load('pipelines/local.yaml', environ={});"
        "heavy = {'duckdb', 'numpy', 'pyarrow', 'pyiceberg', 'pandera', 'pandas', 'zstandard',"
        "'lakefall_plugins.formats.csv.stdlib_sniffer'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout == "[]\n"
